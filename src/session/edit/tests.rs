//! Changes laid into session files of many layouts.

use super::*;
use crate::engine::command::{Method, NumberOr};
use crate::session::home::bundled_sessions;
use crate::train::TrainSpec;
use crate::train::settings::ClassWeights;

fn parse(text: &str) -> Session {
    Session::parse("a.toml", text, &[]).unwrap()
}

/// The text with a change made.
fn change(text: &str, change: impl FnOnce(&mut Session)) -> String {
    let was = parse(text);
    let mut now = was.clone();
    change(&mut now);
    let written = updated(text, &was, &now).unwrap();
    assert_eq!(parse(&written), now, "{written}");
    written
}

const FILE: &str = r#"# An experiment.

version = 1
title = "One" # the title

[data]
path = "a.csv"
# Which column is it?
label = "stance" # this one
labels = { "1" = "yes", "0" = "no" }
sample = 50 # fewer
clean = [
    "urls", # addresses
]

[prompt] # all of it
template = """
Say it:
{{ text }}
""" # ends in a line break
demo = 'Text \d: {{ text }}'
separator = "\n" # between two
seed    =    7
pinned = [3, 1]

# The end.
"#;

#[test]
fn nothing_changed_is_the_same_text() {
    for text in bundled_sessions().map(|(_, text)| text).chain([FILE, &FILE.replace('\n', "\r\n"), FILE.trim_end()]) {
        assert_eq!(change(text, |_| ()), text);
    }
}

#[test]
fn a_change_touches_its_own_line_alone() {
    let one = |was: &str, is: &str, by: fn(&mut Session)| {
        assert!(FILE.contains(was));
        assert_eq!(change(FILE, by), FILE.replace(was, is));
        // The same in a file from Windows, and behind a byte order mark.
        let windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        let by_windows = |session: &mut Session| {
            by(session);
            session.prompt.template = session.prompt.template.replace("\r\n", "\n").replace('\n', "\r\n");
        };
        assert_eq!(change(&windows(FILE), by_windows), windows(&FILE.replace(was, is)));
    };
    one("\"One\" #", "\"Two \\\"2\\\"\" #", |session| session.title = "Two \"2\"".into());
    one("seed    =    7", "seed    =    8", |session| session.prompt.seed = 8);
    one("Say it:\n", "Say it twice:\n\tnow: ", |session| {
        session.prompt.template = "Say it twice:\n\tnow: {{ text }}\n".into();
    });
    one("\"\"\"\nSay it:\n{{ text }}\n\"\"\" #", "\"\"\"\n{{ text }}\"\"\" #", |session| {
        session.prompt.template = "{{ text }}".into();
    });
    one("separator = \"\\n\" #", "separator = \"\\n\\n\" #", |session| session.prompt.separator = "\n\n".into());
    one("'Text \\d: {{ text }}'", "'Text \\w: {{ text }}'", |session| {
        session.prompt.demo = "Text \\w: {{ text }}".into()
    });
    one("'Text \\d: {{ text }}'", "\"It's \\\\d\"", |session| session.prompt.demo = "It's \\d".into());
    one("\"no\" }", "\"nay\" }", |session| {
        session.data.labels.insert("0".into(), "nay".into());
    });
    one("\"0\" = \"no\" }", "\"0\" = \"no\", \"?\" = \"un known\" }", |session| {
        session.data.labels.insert("?".into(), "un known".into());
    });
    one(", \"0\" = \"no\" }", " }", |session| {
        session.data.labels.shift_remove("0");
    });
    one("\"1\" = \"yes\", \"0\" = \"no\"", "\"0\" = \"no\", \"1\" = \"yes\"", |session| session.data.labels.reverse());
    one("[3, 1]", "[3, 4, 5, 1]", |session| session.prompt.pinned = vec![3, 4, 5, 1]);
    one("[3, 1]", "[]", |session| session.prompt.pinned.clear());
    one("[3, 1]", "[1]", |session| session.prompt.pinned = vec![1]);
    one("[3, 1]", "[2]", |session| session.prompt.pinned = vec![2]);
    one("[3, 1]", "[1, 3]", |session| session.prompt.pinned = vec![1, 3]);
    one("[3, 1]", "[0, 3, 1]", |session| session.prompt.pinned = vec![0, 3, 1]);
    one("\"urls\", # addresses\n]", "\"urls\",\n    \"more\", # addresses\n]", |session| {
        session.data.clean.push("more".into());
    });
    one("sample = 50 # fewer\n", "", |session| session.data.sample = None);
    // A comment above a key may be about others as well.
    one("label = \"stance\" # this one\n", "", |session| session.data.label = None);
    one("pinned = [3, 1]\n", "pinned = [3, 1]\nshots = 2\nchat = true\nsystem = \"Be\"\n", |session| {
        (session.prompt.shots, session.prompt.chat, session.prompt.system) = (2, true, Some("Be".into()));
    });
    one("# The end.", "[decode]\nmethod = \"generate\"\nbatch_size = 8\n\n# The end.", |session| {
        session.decode.method = Method::Generate;
        session.decode.batch_size = NumberOr::Number(8.0);
    });
}

#[test]
fn other_layouts() {
    let inline = "version = 1\ndata = { path = \"a.csv\" }\nprompt.template = \"a\" # here\nprompt.seed = 1\n";
    let changed = change(inline, |session| {
        session.prompt.template = "a\nb".into();
        session.prompt.shots = 2;
        session.data.label = Some("stance".into());
        session.data.filter.insert("a b".into(), "DE".into());
        session.data.splits.test = 0.0;
        session.decode.temperature = NumberOr::Number(1.0);
    });
    let expected = "version = 1\ndata = { path = \"a.csv\", label = \"stance\", filter = { \"a b\" = \"DE\" }, \
         splits = { train = 0.8, validation = 0.1, test = 0.0 } }\nprompt.template = \"\"\"\na\nb\"\"\" # here\n\
         prompt.seed = 1\nprompt.shots = 2\n\n[decode]\ntemperature = 1.0\n";
    assert_eq!(changed, expected);

    let headers = "version = 1\n[data]\npath = \"a.csv\"\n[data.labels]\na = \"x\" # one\n# two\nb = \"y\"\n\
         [data.codebook.gndr] # men, women\n1 = \"man\"\n[prompt]\ntemplate = \"a\"\n";
    let changed = change(headers, |session| {
        session.data.labels.insert("c".into(), "z".into());
        session.data.labels.shift_remove("a");
        session.data.labels.move_index(1, 0);
        session.data.codebook["gndr"].insert("2".into(), "woman".into());
        session.data.codebook.insert("cntry".into(), [("DE".to_owned(), "Germany".to_owned())].into());
        session.data.weight = Some("w".into());
    });
    let expected = "version = 1\n[data]\npath = \"a.csv\"\nweight = \"w\"\n[data.labels]\nc = \"z\"\n# two\nb = \"y\"\n\
         \n[data.codebook]\ncntry = { DE = \"Germany\" }\n\
         [data.codebook.gndr] # men, women\n1 = \"man\"\n2 = \"woman\"\n[prompt]\ntemplate = \"a\"\n";
    assert_eq!(changed, expected);
}

#[test]
fn the_training_section_comes_and_goes() {
    let text = "version = 1\n[data]\npath = \"a.csv\"\n[prompt]\ntemplate = \"a\"\n";
    let train = TrainSpec { model: "x".into(), learning_rate: 1e-4, ..TrainSpec::default() };
    let with = change(text, |session| session.train = Some(train));
    assert!(with.contains("\n[train]\nmodel = \"x\"\n") && with.contains("\nlearning_rate = 0.0001\n"), "{with}");
    assert_eq!(change(&with, |session| session.train = None), text);

    // A key that changes leaves the others as they are written, and those that are not written stay so.
    let text = format!("{text}[train]\nmodel = 'x' # an encoder\nepochs = 3    # passes\n");
    let changed = change(&text, |session| {
        let train = session.train.as_mut().unwrap();
        (train.epochs, train.patience, train.class_weights) =
            (5, Some(2), ClassWeights::Each([("a".to_owned(), 2.0)].into()));
    });
    let expected = text.replace("epochs = 3 ", "epochs = 5 ") + "patience = 2\nclass_weights = { a = 2.0 }\n";
    assert_eq!(changed, expected);
}

/// What a prompt may hold, and what an editor may make of it.
const HOSTILE: [&str; 30] = [
    "\"",
    "\"\"",
    "\"\"\"",
    "a\n\"\"\"\"\"\"\"b",
    "a\n\"",
    "a\n\"\"",
    "\\",
    "a\\nb\nc",
    "\\\n",
    "\\\n\n  x",
    "'''\n\\",
    "it's\n\\'",
    "a\\\n'",
    "\n",
    "\n\n",
    "\na",
    "\n\na\n",
    "a\n",
    "a\r\nb",
    "a\rb\n",
    "\r",
    "\t\n\ta\t",
    "a\u{0}b\nc",
    "\u{1b}[31m\n\u{7f}\u{9b}2J",
    "\u{85}\n\u{2028}",
    " \n ",
    "a  \nb  ",
    "\u{feff}\n\u{202e}x",
    "# not a comment\n[no.header]\nkey = 1",
    "{{ text }}\n{# jinja #}\n\\d \"{{ demos }}\"",
];

#[test]
fn hostile_strings_read_back_as_they_are() {
    let places =
        ["\"\"\"\na\\u0001\nb\"\"\" # here", "'''\na\nb''' # here", "'a' # here", "\"a\\nb\" # here", "\"a\" # here"];
    let files =
        places.map(|place| format!("version = 1\n[data]\npath = \"a\"\n[prompt]\ntemplate = {place}\nseed = 2\n"));
    let windows = files.clone().map(|file| file.replace('\n', "\r\n"));
    let mixed = files.clone().map(|file| file.replacen('\n', "\r\n", 2));
    // Pieces of them put together at random; the generator is that of Knuth's MMIX.
    let mut state = 1_u64;
    let mut random = |most: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % most
    };
    let pieces = [
        "\"",
        "\"\"\"",
        "'",
        "'''",
        "\\",
        "\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "a",
        "é👩‍🔬",
        "\u{0}",
        "\u{7f}",
        "{{ text }}",
        "#",
        "\\u0041",
    ];
    let random = (0..400).map(|_| (0..1 + random(12)).map(|_| pieces[random(pieces.len())]).collect::<String>());
    let texts: Vec<String> = HOSTILE.map(str::to_owned).into_iter().chain(random).collect();
    for file in files.iter().chain(&windows).chain(&mixed) {
        for text in &texts {
            let changed = change(file, |session| session.prompt.template.clone_from(text));
            assert!(changed.contains(" # here") && changed.contains("seed = 2"), "{changed}");
            let raw = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r');
            assert!(!changed.contains(raw), "{changed:?}");
            change(file, |session| session.prompt.system = Some(text.clone()));
            change(file, |session| session.decode.stop = vec![text.clone(), "b".into()]);
            change(file, |session| _ = session.data.labels.insert(text.clone(), text.clone()));
        }
    }
}

#[test]
fn several_lines_are_written_as_lines() {
    let text = "version = 1\n[data]\npath = \"a\"\n[prompt]\ntemplate = \"a\"\n";
    let template = |template: &str| {
        let changed = change(text, |session| session.prompt.template = template.into());
        changed.split_once("template = ").unwrap().1.trim_end().to_owned()
    };
    assert_eq!(template("a\nb\n"), "\"\"\"\na\nb\n\"\"\"");
    assert_eq!(template("say \"a\"\n\"\"\"b\""), "\"\"\"\nsay \"a\"\n\"\"\\\"b\\\"\"\"\"");
    assert_eq!(template("\\d+\n\\w"), "'''\n\\d+\n\\w'''");
    assert_eq!(template("\\d+\n'''"), "\"\"\"\n\\\\d+\n'''\"\"\"");
    assert_eq!(template("\\d\n\u{1b}"), "\"\"\"\n\\\\d\n\\u001B\"\"\"");
    assert_eq!(template("one line"), "\"one line\"");
}

#[test]
fn values_of_the_command_line_stay_out_of_the_file() {
    let overrides =
        ["prompt.shots=5", "data.path=/abs/a.csv"].map(|text| crate::session::Override::parse(text).unwrap());
    let was = Session::parse("a.toml", FILE, &overrides).unwrap();
    let mut now = was.clone();
    now.prompt.seed = 8;
    assert_eq!(updated(FILE, &was, &now).unwrap(), FILE.replace("seed    =    7", "seed    =    8"));
}

#[test]
fn what_cannot_be_saved_is_said() {
    let was = parse(FILE);
    let error = |text: &str, by: fn(&mut Session)| {
        let mut now = was.clone();
        by(&mut now);
        updated(text, &was, &now).unwrap_err().to_string()
    };
    let empty = error(FILE, |session| session.prompt.template.clear());
    assert!(
        empty.starts_with("this cannot be saved: session file:") && empty.contains("`prompt.template` is empty"),
        "{empty}"
    );
    let broken = error("version = 1\n[data\n", |session| session.prompt.seed = 1);
    assert!(broken.contains("session file:2:6: ") && broken.ends_with("put that right in the file first"), "{broken}");
    let large = error(FILE, |session| session.decode.seed = u64::MAX);
    assert!(large.starts_with("this cannot be saved: "), "{large}");
}
