//! Simulated surveys from the command line, on the bundled sessions and their invented respondents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use shotglass::session::simulation::draw;

use super::home::{Home, SMOKE};

/// `run SESSION` on the small model, of twenty respondents, into the folder `runs`.
fn arguments<'a>(session: &'a str, overrides: &[&'a str]) -> Vec<&'a str> {
    const MODEL: &str = concat!("model.source=", env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");
    let mut arguments = vec!["run", session, "--limit", "20", "--out", "runs", "--set", MODEL];
    for text in ["simulate.resamples=50"].iter().chain(overrides) {
        arguments.extend(["--set", text]);
    }
    arguments
}

/// What `run` tells, and the rows of the run's folder.
fn simulated(home: &Home, overrides: &[&str]) -> (Value, Vec<Value>) {
    let run = home.json(&arguments("simulate", overrides));
    let exported = home.json(&["export", run["run"].as_str().unwrap()]);
    assert_eq!(exported["report"]["simulation"], run["simulation"]);
    (run, exported["rows"].as_array().unwrap().clone())
}

fn folder(run: &Value, home: &Home) -> PathBuf {
    home.path().join(run["run"].as_str().unwrap())
}

fn texts<'v>(value: &'v Value, field: &str) -> Vec<&'v str> {
    value.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}

/// The log-probabilities of an exported row, in the order of `labels`.
fn logprobs(row: &Value, labels: &Value) -> Vec<f64> {
    labels.as_array().unwrap().iter().map(|label| row["logprobs"][label.as_str().unwrap()].as_f64().unwrap()).collect()
}

#[test]
fn a_survey_is_told_by_run_report_and_export() {
    let home = Home::new();
    let stdout = home.stdout(&arguments("simulate", &[]));
    for part in [
        "\nShares of the labels: without missing, weighted, n = 12\n              real          95% CI  simulated          95% CI\n",
        "\nFree Voters  0.000  0.000 to 0.000 ",
        "\nHow far simulated answers are from real ones\n",
        "\nShares of the labels: all, n = 20\n",
        "  without missing, weighted\nrespondents ",
        "\ntotal variation ",
        "\nlabels that say nothing: Not applicable, Refusal, Don't know\n",
        "\n95% intervals: bootstrap over respondents, 50 resamples, seed 42\n",
        "\nBy gndr: without missing, weighted\n",
        "\nwoman *",
        "\nBy agea: without missing, weighted\n",
        "\n45 to 59 *",
        "\nBy region: without missing, weighted\n",
        "\n* fewer than 30 respondents: too few to say anything\n",
        "\nOrder of the labels\n",
        " (by chance 0.083)\n",
    ] {
        assert!(stdout.contains(part), "{part:?} is not in {stdout}");
    }
    // "dieBasis" and "No answer" are those of no respondent.
    assert!(!stdout.contains("dieBasis") && !stdout.contains("No answer") && !stdout.contains("NaN"), "{stdout}");

    let mut runs = fs::read_dir(home.path().join("runs")).unwrap().map(|entry| entry.unwrap().path());
    let run = runs.find(|path| path.is_dir()).unwrap();
    let path = run.to_str().unwrap();
    assert_eq!(home.stdout(&["report", path]), stdout);
    let report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    let simulation = &report["simulation"];
    assert_eq!(home.json(&["report", path])["simulation"], *simulation);
    assert_eq!(home.json(&["export", path])["report"]["simulation"], *simulation);
    let document = home.stdout(&["export", path, "--format", "md"]);
    for part in [
        "\n## Simulated and real answers\n\nIn the simulation each respondent gives the most likely label.\n",
        "\n### Shares of the labels: without missing, weighted, n = 12\n",
        "\n### By region: without missing, weighted\n",
        "\n### Order of the labels\n",
    ] {
        assert!(document.contains(part), "{part:?} is not in {document}");
    }

    // Cut off before its end, what there is so far.
    let manifest = fs::read_to_string(run.join("manifest.json")).unwrap();
    fs::write(run.join("manifest.json"), manifest.replace("\"finished\"", "\"cancelled\"")).unwrap();
    let so_far = home.json(&["report", path]);
    assert_eq!(so_far["simulation"], *simulation);
    fs::write(run.join("manifest.json"), manifest).unwrap();

    // Without the data, and without the session's file, all of it is still told.
    fs::remove_dir_all(home.path().join("data")).unwrap();
    assert_eq!(home.stdout(&["report", path]), stdout);
}

#[test]
fn report_json_has_the_fields_that_others_read() {
    let home = Home::new();
    let (run, rows) = simulated(&home, &[]);
    let simulation = &run["simulation"];
    assert_eq!(
        (&simulation["answer"], &simulation["seed"], &simulation["floor"]),
        (&json!("likely"), &json!(42), &json!(30))
    );
    assert_eq!(simulation["missing"], json!(["Not applicable", "Refusal", "Don't know"]));
    let overall = simulation["overall"].as_array().unwrap();
    let variants: Vec<Value> = overall
        .iter()
        .map(|distance| json!([distance["without_missing"], distance["weighted"], distance["rows"]]))
        .collect();
    assert_eq!(json!(variants), json!([[false, false, 20], [false, true, 20], [true, false, 12], [true, true, 12]]));
    for distance in overall {
        let labels = distance["labels"].as_array().unwrap().len();
        for field in ["real", "simulated"] {
            let shares = distance[field].as_array().unwrap();
            let sum: f64 = shares.iter().map(|share| share["value"].as_f64().unwrap()).sum();
            assert!(shares.len() == labels && (sum - 1.0).abs() < 1e-9, "{field}: {distance}");
        }
        for field in [
            "total_variation",
            "jensen_shannon",
            "kullback_leibler",
            "entropy_real",
            "entropy_simulated",
            "variance_ratio",
        ] {
            assert!(
                distance[field]["value"].is_f64() && distance[field]["ci95"].as_array().unwrap().len() == 2,
                "{field}"
            );
        }
        assert!(
            ["accuracy", "macro_f1", "kappa", "majority_accuracy"]
                .iter()
                .all(|field| distance["individual"][field].is_f64())
        );
    }
    assert_eq!(overall[0]["individual"]["accuracy"], run["accuracy"]);
    assert_eq!(texts(&simulation["by"], "column"), ["gndr", "agea", "region"]);
    assert_eq!(texts(&simulation["by"][0]["groups"], "value"), ["man", "woman"]);
    assert_eq!(simulation["positions"].as_array().unwrap().len(), 12);
    assert!(simulation.get("orders").is_none() && simulation.get("answers").is_none());

    // Shares are those of the rows that were kept.
    let label = overall[0]["labels"][2].as_str().unwrap();
    let part = |field: &str| rows.iter().filter(|row| row[field] == label).count() as f64 / 20.0;
    for (shares, field) in [("real", "gold"), ("simulated", "predicted")] {
        assert!((overall[0][shares][2]["value"].as_f64().unwrap() - part(field)).abs() < 1e-9, "{label} {shares}");
    }
}

#[test]
fn rows_are_kept_with_their_options_and_weights() {
    let home = Home::new();
    let (run, rows) = simulated(&home, &["prompt.options=random.sample"]);
    let predictions = fs::read_to_string(folder(&run, &home).join("predictions.csv")).unwrap();
    let header = predictions.lines().next().unwrap();
    assert!(
        header.starts_with("row,split,gold,predicted,answer,margin,logprob:Not applicable,logprob:CDU/CSU,"),
        "{header}"
    );
    assert!(header.ends_with(",logprob:Die PARTEI,options,weight"), "{header}");
    // Python's `random.seed(42)` and `random.sample` of twelve labels, for the first row of the split.
    let labels: Vec<&str> = run["simulation"]["overall"][0]["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| label.as_str().unwrap())
        .collect();
    let first = [10, 1, 0, 4, 3, 11, 6, 9, 8, 2, 5, 7].map(|place: usize| labels[place]).join("|");
    assert_eq!(rows[0]["options"], first);
    for row in &rows {
        let options: BTreeSet<&str> = row["options"].as_str().unwrap().split('|').collect();
        assert_eq!(options, labels.iter().copied().collect(), "{row}");
        assert!(row["weight"].as_str().unwrap().parse::<f64>().unwrap() > 0.0);
    }
}

#[test]
fn prompts_tell_their_options() {
    let home = Home::new();
    let json = home.json(&["prompt", "simulate", "--row", "0", "--set", "model.source=no/such-model"]);
    let options: Vec<&str> = json["options"].as_array().unwrap().iter().map(|label| label.as_str().unwrap()).collect();
    assert_eq!(options.len(), 12);
    let prompt = json["prompt"].as_str().unwrap();
    assert!(prompt.contains(&format!("parties: {} did this person vote", options.join(", "))), "{prompt}");
    let bare = home.json(&["prompt", "zero-shot", "--row", "0", "--set", "model.source=no/such-model"]);
    assert!(bare.get("options").is_none());
}

#[test]
fn everybody_is_asked_in_other_orders() {
    let home = Home::new();
    let (run, rows) = simulated(&home, &["simulate.shuffles=2"]);
    let folder = folder(&run, &home);
    let order = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let orders = ["order-1.csv", "order-2.csv"].map(order);
    let predictions = order("predictions.csv");
    let options = |text: &str| -> Vec<String> {
        let records = csv::Reader::from_reader(text.as_bytes()).into_records().map(Result::unwrap);
        records.map(|record| record[record.len() - 2].to_owned()).collect()
    };
    for text in &orders {
        assert_eq!((text.lines().next(), text.lines().count()), (predictions.lines().next(), 21));
        assert!(options(text).iter().zip(&rows).all(|(options, row)| row["options"] != *options), "{text}");
    }
    assert_ne!(options(&orders[0]), options(&orders[1]));
    let told = &run["simulation"]["orders"];
    assert_eq!((&told["shuffles"], &told["rows"]), (&json!(2), &json!(20)));
    let (changed, by_one) = (told["changed"].as_f64().unwrap(), told["changed_by_one"].as_f64().unwrap());
    assert!((0.0..=1.0).contains(&changed) && by_one <= changed && by_one * 2.0 >= changed, "{told}");
    // Accuracy and rows are those of the session's own order.
    assert_eq!((&run["rows"], rows.len()), (&json!(20), 20));
    let text = home.stdout(&["report", folder.to_str().unwrap()]);
    assert!(text.contains("\nrespondents asked again") && text.contains("  20, 2 times\n"), "{text}");
    assert!(text.contains("answer changes at least once") && text.contains("tokens/s"), "{text}");
    let document = home.stdout(&["export", folder.to_str().unwrap(), "--format", "md"]);
    assert!(document.contains("| respondents asked again | 20, 2 times |"), "{document}");
}

#[test]
fn sampled_answers_are_drawn_from_the_seed() {
    let home = Home::new();
    let sampled = |seed: &str| simulated(&home, &["simulate.answer=sampled", seed]);
    let (run, rows) = sampled("simulate.seed=7");
    assert_eq!(run["simulation"]["answer"], "sampled");
    let labels = &run["simulation"]["overall"][0]["labels"];
    for row in &rows {
        let number = row["row"].as_u64().unwrap() as usize;
        assert_eq!(row["predicted"], labels[draw(7, number, &logprobs(row, labels)).unwrap()], "{row}");
    }
    assert_eq!(sampled("simulate.seed=7").1, rows);
    let text = home.stdout(&["export", run["run"].as_str().unwrap(), "--format", "md"]);
    assert!(text.contains("one label drawn by its probability (seed 7)"), "{text}");
}

#[test]
fn expected_shares_are_means_of_probabilities() {
    let home = Home::new();
    let (run, rows) = simulated(&home, &["simulate.answer=expected"]);
    let all = &run["simulation"]["overall"][0];
    let labels = &all["labels"];
    let mut shares = vec![0.0; labels.as_array().unwrap().len()];
    for row in &rows {
        let parts: Vec<f64> = logprobs(row, labels).into_iter().map(f64::exp).collect();
        let sum: f64 = parts.iter().sum();
        shares.iter_mut().zip(parts).for_each(|(share, part)| *share += part / sum / 20.0);
    }
    for (place, share) in shares.iter().enumerate() {
        let told = all["simulated"][place]["value"].as_f64().unwrap();
        assert!((told - share).abs() < 1e-5, "{place}: {told}, not {share}");
    }
    assert_eq!((&run["simulation"]["answer"], &all["answered"]), (&json!("expected"), &json!(1.0)));
    // What is predicted is what it is without.
    assert_eq!(simulated(&home, &[]).1, rows);
}

#[test]
fn generated_answers_are_told() {
    let home = Home::new();
    let (run, rows) =
        simulated(&home, &["decode.method=generate", "decode.max_new_tokens=3", "answer.unknown=no party"]);
    let simulation = &run["simulation"];
    let answers = simulation["answers"].as_array().unwrap();
    let counted: u64 = answers.iter().map(|answer| answer["rows"].as_u64().unwrap()).sum();
    assert_eq!((counted, simulation["distinct_answers"].as_u64().unwrap()), (20, answers.len() as u64));
    let first = answers[0]["answer"].as_str().unwrap();
    let gave = rows.iter().filter(|row| row["answer"].as_str().unwrap().trim() == first).count();
    assert_eq!(answers[0]["rows"], gave);
    // The random model names no party, so nobody has an answer that is one of the labels.
    assert!(rows.iter().all(|row| row["predicted"] == "no party"));
    assert_eq!(simulation["overall"][0]["answered"], 0.0);
    assert_eq!(simulation["overall"][0]["total_variation"]["value"], Value::Null);
    assert!(simulation.get("positions").is_none());
    let text = home.stdout(&["report", run["run"].as_str().unwrap()]);
    assert!(text.contains("\nMost frequent answers as they were generated\n"), "{text}");
    assert!(text.contains("0.000 of the simulated answers are one of these labels") && !text.contains("NaN"), "{text}");
}

fn start(home: &Home, arguments: &[&str]) -> Child {
    home.process().args(arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The one run in `runs` with a record in one of its files.
fn wait_for(home: &Home, child: &mut Child, file: &str) -> PathBuf {
    loop {
        let entries = fs::read_dir(home.path().join("runs")).into_iter().flatten();
        let mut runs = entries.map(|entry| entry.unwrap().path());
        let run = runs.find(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
        let text = run.as_ref().and_then(|run| fs::read_to_string(run.join(file)).ok());
        if text.is_some_and(|text| text.lines().count() > 1) {
            return run.unwrap();
        }
        assert!(child.try_wait().unwrap().is_none(), "the run ended too early: make it longer");
        sleep(Duration::from_millis(2));
    }
}

/// What a run left, but for its name and times.
fn left(run: &Path) -> ([String; 3], Value) {
    let mut report: Value = serde_json::from_slice(&fs::read(run.join("report.json")).unwrap()).unwrap();
    for field in ["run", "seconds"] {
        report.as_object_mut().unwrap().remove(field).unwrap();
    }
    (["predictions.csv", "order-1.csv", "order-2.csv"].map(|name| fs::read_to_string(run.join(name)).unwrap()), report)
}

#[test]
fn a_survey_that_was_stopped_goes_on_in_all_its_orders() {
    let long = |shuffles: &'static str| {
        let mut arguments = arguments("simulate", &[shuffles, "decode.batch_size=2"]);
        arguments[3] = "100";
        arguments
    };
    let unbroken = Home::new();
    let mut child = start(&unbroken, &long("simulate.shuffles=2"));
    assert!(child.wait().unwrap().success());
    let expected = left(&wait_for(&unbroken, &mut child, "order-2.csv"));
    assert!(expected.0.iter().all(|text| text.lines().count() == 101));
    assert_eq!(expected.1["simulation"]["orders"]["rows"], 100);

    for (file, signal) in [("predictions.csv", "-KILL"), ("order-1.csv", "-INT"), ("order-2.csv", "-KILL")] {
        let home = Home::new();
        let mut child = start(&home, &long("simulate.shuffles=2"));
        let run = wait_for(&home, &mut child, file);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert!(!run.join("report.json").exists(), "{file}: the run ended too early: make it longer");
        if signal == "-INT" {
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(stderr.contains(" of 300 answers are kept, go on with: shotglass run --resume "), "{stderr}");
        }
        let run = run.to_str().unwrap();
        let other = home.error(&[&long("simulate.shuffles=1")[..], &["--resume", run]].concat());
        assert!(other.ends_with("`simulate.shuffles` was 2 and is 1"), "{other}");
        assert!(start(&home, &["run", "--resume", run]).wait().unwrap().success());
        assert_eq!(left(Path::new(run)), expected, "stopped with {file}");
        let mut files: Vec<_> = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        files.sort();
        assert_eq!(files, ["manifest.json", "order-1.csv", "order-2.csv", "predictions.csv", "report.json"]);
    }
}

/// A copy of the small model in the folder `plain`, with another chat template or none.
fn with_chat_template(home: &Home, template: Option<&str>) {
    for entry in fs::read_dir(SMOKE).unwrap() {
        let entry = entry.unwrap();
        home.write(&format!("plain/{}", entry.file_name().to_string_lossy()), "");
        fs::copy(entry.path(), home.path().join("plain").join(entry.file_name())).unwrap();
    }
    let config = home.path().join("plain/tokenizer_config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
    json.as_object_mut().unwrap().remove("chat_template").unwrap();
    if let Some(template) = template {
        json["chat_template"] = template.into();
    }
    fs::write(config, json.to_string()).unwrap();
}

#[test]
fn a_chat_needs_a_chat_template() {
    let home = Home::new();
    with_chat_template(&home, None);
    let message = "error: prompt.chat = true, but the model has no chat template; take an instruct model (its name often ends \
                   in -Instruct), or set prompt.chat = false";
    let plain = ["--set", "model.source=./plain"];
    for session in ["simulate-chat", "simulate-rich"] {
        assert_eq!(home.error(&[&["run", session, "--limit", "2"][..], &plain].concat()), message);
        assert_eq!(home.error(&[&["prompt", session, "--row", "0"][..], &plain].concat()), message);
    }
    assert!(!home.path().join("data/shotglass/sessions/simulate-chat/runs").exists());
    // The survey that is no chat takes any model.
    assert_eq!(home.json(&[&["run", "simulate", "--limit", "2"][..], &plain].concat())["rows"], 2);
}

#[test]
fn chat_templates_that_harm_end_in_one_line() {
    let double = "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
    let compared = format!("{double}{}{{{{ ns.x == other.x }}}}", double.replace("ns", "other"));
    for (template, words) in [
        (
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
            "the template does too much",
        ),
        ("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", "recursion"),
        ("{{ messages[0].nothing.more }}", "`messages[0].nothing` is undefined"),
        (&compared, "the template takes longer than 0.9 s"),
    ] {
        let home = Home::new();
        with_chat_template(&home, Some(template));
        let error = home.error(&["prompt", "simulate-chat", "--row", "0", "--set", "model.source=./plain"]);
        assert!(error.starts_with("error: chat template") && error.contains(words), "{words}: {error}");
    }
}

#[test]
fn a_chat_is_the_models_own() {
    let home = Home::new();
    let model = format!("model.source={SMOKE}");
    let prompt = home.stdout(&["prompt", "simulate-chat", "--row", "0", "--set", &model]);
    assert!(prompt.starts_with("<|im_start|>system\nYou are a helpful assistant in survey research. "), "{prompt}");
    assert!(
        prompt.contains("<|im_end|>\n<|im_start|>user\nIt is the year 2023. Imagine a person: a 35 years old man "),
        "{prompt}"
    );
    assert!(prompt.ends_with(" in the last national election?<|im_end|>\n<|im_start|>assistant\n"), "{prompt}");
    let rich = home.stdout(&["prompt", "simulate-rich", "--row", "1", "--set", &model]);
    assert!(rich.contains("\n- on a scale from 0 (left) to 10 (right) places themself at 8\n"), "{rich}");
    // Row 1 refuses to tell the income.
    assert!(!rich.contains("income is in tenth") && !rich.contains("77"), "{rich}");
}

#[test]
fn keys_that_are_wrong_are_named() {
    let home = Home::new();
    for (overrides, words) in [
        (&["simulate.anwser=sampled"][..], "unknown key `simulate.anwser`; did you mean `answer`?"),
        (&["simulate.answer=often"], "`simulate.answer` cannot be `often`; expected one of likely, sampled, expected"),
        (&["simulate.shuffles=-1"], "`simulate.shuffles`: found integer `-1`, expected a whole number"),
        (&["simulate.shuffles=101"], "`simulate.shuffles` must be 100 at most"),
        (&["simulate.by=[\"aega\"]"], "no column \"aega\" (did you mean \"agea\"?)"),
        (&["simulate.by=agea"], "`simulate.by`: found string \"agea\", expected a list in brackets"),
        (&["simulate.by=[\"idno\"]"], "column \"idno\" has 300 values, more than 60 groups can be told apart"),
        (&["simulate.bands.agea=[30, 18]"], "`simulate.bands.agea` must be numbers that rise"),
        (&["simulate.answer=expected", "decode.method=generate"], "decode.method must be \"score\""),
        (
            &["simulate.shuffles=1", "prompt.template={{ agea }}"],
            "simulate.shuffles = 1, but the prompt lists no labels",
        ),
        (&["prompt.options=random"], "`prompt.options` cannot be `random`; did you mean `random.sample`?"),
        (&["prompt.demos_as=turns"], "`prompt.demos_as` is \"turns\", for which prompt.chat must be true"),
        (&["data.label_order=appears"], "`data.label_order` cannot be `appears`; did you mean `appearance`?"),
        (&["data.drop_missing=yes"], "`data.drop_missing`: found string \"yes\", expected true or false"),
        (
            &["data.drop_missing=true", "data.missing={}"],
            "data.drop_missing: data.missing names no codes of the label column",
        ),
        (&["data.missing.prtvgde=[\"1\"]"], "no column \"prtvgde\" (did you mean \"prtvgde1\"?)"),
        (&["answer.aliases.SPD=[\"CSU\"]"], "answer.aliases: `csu` of `SPD` is a name of `CDU/CSU` already"),
    ] {
        let error = home.error(&arguments("simulate", overrides));
        assert!(error.contains(words), "{overrides:?}: {words:?} is not in {error:?}");
        assert!(!home.path().join("runs").exists(), "{overrides:?}");
    }
}
