//! What is in a session's data, and that nothing in it moves the screen.

use serde_json::json;

use super::home::{Home, SMOKE};

#[test]
fn data_is_described() {
    let home = Home::new();
    let text = home.stdout(&["data", "describe", "simulate"]);
    let first = text.lines().next().unwrap();
    assert!(
        first.ends_with("330 rows, 18 columns; 300 rows in the splits: 0 train, 300 validation, 0 test"),
        "{first}"
    );
    for part in [
        "\ncntry  (filter)  texts, 1 different\n  DE        300\n",
        "\nagea  (prompt, groups)  whole numbers ",
        "\ngndr  (prompt, groups)  whole numbers 1 to 2, 2 different\n  1  man        143\n  2  woman      157\n",
        "\nprtvgde1  (label)  whole numbers 1 to 55, 12 different, 103 say nothing\n",
        "  66  Not applicable       62  says nothing\n",
        "   8  dieBasis              0\n",
        "\nanweight  (weight)  numbers ",
        "\nnot used by the session:\n  idno ",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let json = home.json(&["data", "describe", "simulate"]);
    assert_eq!((&json["file_rows"], &json["rows"], &json["splits"]), (&json!(330), &json!(300), &json!([0, 300, 0])));
    let columns = json["columns"].as_array().unwrap();
    let column = |name: &str| columns.iter().find(|column| column["name"] == name).unwrap();
    let party = column("prtvgde1");
    assert_eq!((columns.len(), &party["used"], &party["kind"]), (18, &json!(["label"]), &json!("integer")));
    assert_eq!((&party["missing"], &party["empty"], &party["range"]), (&json!(103), &json!(0), &json!([1.0, 55.0])));
    assert_eq!(party["values"][3], json!({ "code": "4", "word": "The Greens", "rows": 40, "missing": false }));
    assert_eq!(party["values"][10], json!({ "code": "66", "word": "Not applicable", "rows": 62, "missing": true }));
    assert_eq!((&column("idno")["used"], &column("idno")["distinct"]), (&json!([]), &json!(300)));
    // What the session says of the data is what is told of it.
    let rich = home.json(&["data", "describe", "simulate-rich", "--set", "data.sample=50"]);
    assert_eq!((&rich["rows"], &rich["columns"][16]["missing"]), (&json!(50), &json!(0)));
    assert!(
        home.error(&["data", "describe", "simulate", "--format", "md"]).contains("`data describe` writes text or json")
    );
    assert!(home.error(&["data", "describe", "simulat"]).contains("did you mean `simulate`?"));
}

#[test]
fn escape_sequences_of_a_cell_do_not_reach_stdout() {
    let home = Home::new();
    let evil = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}";
    let rows: String = (0..6).map(|row| format!("said {evil},{},a{evil},{row}\n", row % 2)).collect();
    home.write("rows.csv", &format!("text,vote,region{evil},other{evil}\n{rows}"));
    let word = "yes\\u001b[2J\\u202e";
    home.write(
        "session.toml",
        &format!(
            "version = 1\n[model]\nsource = \"{SMOKE}\"\n[data]\npath = \"rows.csv\"\nlabel = \"vote\"\n\
             labels = {{ 0 = \"{word}\", 1 = \"no\" }}\nmissing = {{ vote = [\"0\"] }}\n\
             splits = {{ train = 0.0, validation = 1.0, test = 0.0 }}\n\
             [prompt]\ntemplate = \"{{{{ text }}}}: {{{{ options }}}}\"\n[simulate]\nby = [\"text\"]\n"
        ),
    );
    let run = home.json(&["run", "session.toml"])["run"].as_str().unwrap().to_owned();
    let commands: [&[&str]; 7] = [
        &["data", "describe", "session.toml"],
        &["data", "describe", "session.toml", "--format", "json"],
        &["run", "session.toml"],
        &["run", "session.toml", "--format", "json"],
        &["report", &run],
        &["export", &run, "--format", "md"],
        &["export", &run, "--format", "json"],
    ];
    for arguments in commands {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let raw = text.chars().find(|c| (c.is_control() && !"\n\t".contains(*c)) || *c == '\u{202e}');
        assert_eq!(raw, None, "{arguments:?}: {text:?}");
        assert!(text.contains("[2J"), "{arguments:?} tells nothing of it: {text}");
    }
}

#[test]
fn data_is_described_before_its_labels_are_right() {
    let home = Home::new();
    home.write("rows.csv", "text,vote\na,1\nb,7\nc,\n");
    home.write(
        "session.toml",
        "version = 1\n[data]\npath = \"rows.csv\"\nlabel = \"vote\"\nlabels = { \"1\" = \"yes\" }\n\
         splits = { train = 0.0, validation = 1.0, test = 0.0 }\n[prompt]\ntemplate = \"{{ text }}\"\n",
    );
    let described = home.run(&["data", "describe", "session.toml"]);
    assert_eq!(described.status.code(), Some(0));
    let stderr = String::from_utf8(described.stderr).unwrap();
    assert!(stderr.contains("\"7\" in column \"vote\" has no label"), "{stderr}");
    let stdout = String::from_utf8(described.stdout).unwrap();
    for part in ["\nvote  (label)  ", "1 empty\n", "  1  yes        1\n", "  7             1\n"] {
        assert!(stdout.contains(part), "{part:?} is not in {stdout}");
    }
    // What is wrong with something else is still an error.
    assert!(
        home.error(&["data", "describe", "session.toml", "--set", "data.text=none"]).contains("no column \"none\"")
    );
}
