mod survey;

use std::fs::{self, File};
use std::io::{BufWriter, Write};

use serde_json::Value;
use tempfile::TempDir;

use super::*;
use crate::data::split::tests::{numbers, shared};

/// A session's `[data]` section.
fn spec(toml: &str) -> DataSpec {
    toml::from_str(&format!("path = \"rows.csv\"\n{toml}")).unwrap()
}

fn load(toml: &str, content: &str) -> Result<Dataset, DataError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("rows.csv");
    fs::write(&path, content).unwrap();
    Dataset::load(&spec(toml), &path)
}

/// What is said of a file with this content, without the folder it is in.
fn error(toml: &str, content: &str) -> String {
    let message = load(toml, content).err().unwrap().to_string();
    match (message.find('/'), message.find("rows.csv")) {
        (Some(start), Some(end)) => message[..start].to_owned() + &message[end..],
        _ => message,
    }
}

/// Ten rows with label codes, a country and a weight.
const ROWS: &str = "text,stance,cntry,w\n\
    one http://a.example,1,DE,1.5\n\
    two,0,DE,1\n\
    three,1.0,FR,2\n\
    ,1,DE,0\n\
    \"five\r\nlines\",0,DE,1\n\
    six,1,FR,-1\n\
    seven,1,DE,1\n\
    http://b.example,0,DE,1\n\
    nine,1,DE,1\n\
    ten,1,DE,1\n";
const STANCE: &str = "label = \"stance\"\nlabels = { 1 = \"support\", 0 = \"oppose\" }\n";
const ONE_SPLIT: &str = "splits = { train = 0.0, validation = 1.0, test = 0.0 }\n";

#[test]
fn the_womens_march_splits_are_the_notebooks() {
    let (Some(file), Some(reference)) = (shared("data/womens_march_tweets.csv"), shared("reference/splits.json"))
    else {
        return;
    };
    let reference: Value = serde_json::from_str(&fs::read_to_string(reference).unwrap()).unwrap();
    let spec = spec(&format!("{STANCE}sample = 5000\nclean = [\"urls\"]"));
    let data = Dataset::load(&spec, &file).unwrap();
    assert_eq!(data.len() as u64, reference["n_rows"].as_u64().unwrap());
    assert_eq!(data.split(Split::Train), numbers(&reference["train"]));
    assert_eq!(data.split(Split::Validation), numbers(&reference["val"]));
    assert_eq!(data.split(Split::Test), numbers(&reference["test"]));
    for (split, key) in [(Split::Train, "train"), (Split::Validation, "val"), (Split::Test, "test")] {
        let counts = &reference["counts"][key];
        let expected = [counts["support"].as_u64().unwrap() as usize, counts["oppose"].as_u64().unwrap() as usize];
        assert_eq!(data.label_counts(split), expected);
    }
    assert_eq!(data.sha256(), "1cf3334c904d86838b1cd4f05142c36fca72d18b0e0567a92cfe67d94242419b");
    assert_eq!(data.empty_texts(), 0);
}

#[test]
fn rows_have_texts_labels_and_words() {
    let toml = format!(
        "{STANCE}{ONE_SPLIT}clean = [\"urls\"]\ncodebook = {{ cntry = {{ DE = \"Germany\" }} }}\nweight = \"w\"\n\
         filter = {{ cntry = \"DE\" }}"
    );
    let data = load(&toml, ROWS).unwrap();
    assert_eq!(data.len(), 10);
    assert_eq!(data.labels(), ["support", "oppose"]);
    assert_eq!(data.split(Split::Validation), [0, 1, 3, 4, 6, 7, 8, 9]);
    assert_eq!(data.label_counts(Split::Validation), [5, 3]);
    assert_eq!(data.label_counts(Split::Test), [0, 0]);
    assert_eq!((data.gold(0), data.gold(1), data.gold(2), data.gold(99)), (Some(0), Some(1), None, None));
    assert_eq!((data.split_of(0), data.split_of(2), data.split_of(99)), (Some(Split::Validation), None, None));
    assert_eq!((data.text(0).as_ref(), data.raw_text(0)), ("one ", "one http://a.example"));
    assert_eq!(data.text(4), "five\r\nlines");
    assert_eq!((data.weight(0), data.weight(3), data.weight(5), data.weight(99)), (Some(1.5), Some(0.0), None, None));
    // The row without a text, and the one with nothing but a URL.
    assert_eq!(data.empty_texts(), 2);
    let record: Vec<(&str, String)> =
        data.record(2).into_iter().map(|(name, value)| (name, value.into_owned())).collect();
    assert_eq!(
        record,
        [("text", "three"), ("stance", "support"), ("cntry", "FR"), ("w", "2")].map(|(n, v)| (n, v.to_owned()))
    );
    assert_eq!(data.record(0)[2], ("cntry", Cow::Borrowed("Germany")));
    assert!(data.record(99).is_empty());
}

#[test]
fn without_labels_the_values_are_the_labels() {
    let data = load(&format!("label = \"cntry\"\n{ONE_SPLIT}"), ROWS).unwrap();
    assert_eq!(data.labels(), ["DE", "FR"]);
    let data = load(&format!("label = \"cntry\"\nfilter = {{ stance = \"1.0\", cntry = \"FR\" }}\n{ONE_SPLIT}"), ROWS)
        .unwrap();
    assert_eq!(data.labels(), ["FR"]);
    assert_eq!(data.split(Split::Validation), [2, 5]);
    let data = load(
        &format!("label = \"cntry\"\ncodebook = {{ cntry = {{ FR = \"France\", DE = \"Germany\" }} }}\n{ONE_SPLIT}"),
        ROWS,
    );
    assert_eq!(data.unwrap().labels(), ["France", "Germany"]);
}

#[test]
fn without_a_label_column_nothing_is_gold() {
    let data = load("labels = { a = \"yes\", b = \"no\", c = \"yes\" }", ROWS).unwrap();
    assert_eq!(data.labels(), ["yes", "no"]);
    assert_eq!(data.gold(0), None);
    assert_eq!(data.label_counts(Split::Train), [0, 0]);
    assert_eq!(data.weight(0), None);
}

#[test]
fn the_sample_is_drawn_among_the_rows_that_pass() {
    let data = load(&format!("{STANCE}{ONE_SPLIT}filter = {{ cntry = \"DE\" }}\nsample = 3"), ROWS).unwrap();
    // numpy's RandomState(42).permutation(8)[:3] is 1, 5, 0.
    assert_eq!(data.split(Split::Validation), [1, 7, 0]);
}

#[test]
fn stratified_splits_keep_proportions() {
    let rows: String = (0..100).map(|n| format!("text {n},{}\n", u8::from(n % 5 == 0))).collect();
    let data = load(&format!("{STANCE}stratify = true"), &format!("text,stance\n{rows}")).unwrap();
    assert_eq!(data.label_counts(Split::Train), [16, 64]);
    assert_eq!(data.label_counts(Split::Validation), [2, 8]);
    assert_eq!(data.label_counts(Split::Test), [2, 8]);
}

#[test]
fn columns_that_are_not_there_are_named_with_their_key() {
    for (toml, key, name) in [
        ("text = \"txt\"", "data.text", "\"txt\" (did you mean \"text\"?)"),
        ("label = \"stanse\"", "data.label", "\"stanse\" (did you mean \"stance\"?)"),
        ("weight = \"pspwght\"", "data.weight", "\"pspwght\""),
        ("filter = { country = \"DE\" }", "data.filter.country", "\"country\" (did you mean \"cntry\"?)"),
        ("codebook = { gndr = { 1 = \"man\" } }", "data.codebook.gndr", "\"gndr\""),
    ] {
        let expected = format!("{key}: rows.csv: no column {name}; there are \"text\", \"stance\", \"cntry\", \"w\"");
        assert_eq!(error(toml, ROWS), expected);
    }
}

#[test]
fn codes_without_a_word_are_named_with_row_and_line() {
    let rows = "text,stance\n\"a\nb\",1\nc,\u{1b}[2J\n";
    assert_eq!(
        error(STANCE, rows),
        "rows.csv, row 1 (line 4): \"\\u{1b}[2J\" in column \"stance\" has no label; add it to data.labels (now \"1\", \"0\"), \
         to data.missing where it says nothing, \
         or keep such rows out with data.filter"
    );
    assert_eq!(
        error("label = \"stance\"", "text,stance\na,1\nb, \n"),
        "rows.csv, row 1 (line 3): the label column \"stance\" is empty; list \"\" in data.missing to leave such rows without a label"
    );
    assert!(load(&format!("{STANCE}{ONE_SPLIT}filter = {{ text = \"c\" }}"), "text,stance\na,7\nc,1\n").is_ok());
}

#[test]
fn weights_that_are_no_weights_are_named() {
    for value in ["heavy", "", "-1", "nan", "inf"] {
        let rows = format!("text,w\na,1\nb,{value}\n");
        let expected =
            format!("rows.csv, row 1 (line 3): the weight \"{value}\" in column \"w\" is not a number from 0 up");
        assert_eq!(error("weight = \"w\"", &rows), expected);
    }
}

#[test]
fn samples_and_filters_that_leave_nothing_are_named() {
    let expected =
        |size| format!("rows.csv: data.sample is {size}, but it must lie between 1 and the 10 rows there are");
    assert_eq!(error("sample = 11", ROWS), expected(11));
    assert_eq!(error("sample = 0", ROWS), expected(0));
    assert_eq!(error("filter = { cntry = \"IT\" }", ROWS), "rows.csv: no row passes data.filter (cntry = \"IT\")");
}

#[test]
fn splits_that_cannot_be_are_refused() {
    assert_eq!(error("stratify = true", ROWS), "data.stratify: there is no data.label to keep the proportions of");
    assert!(
        error("splits = { train = 0.8, validation = 0.8, test = 0.1 }", ROWS).starts_with("data.splits add up to 1.7")
    );
    assert!(error("sample = 2", ROWS).starts_with("data.splits: of 2 rows none is left for validation"));
    assert!(error("clean = [\"url\"]", ROWS).starts_with("data.clean: no rule \"url\" (did you mean \"urls\"?)"));
}

/// Prints what time and memory files of 200,000 rows take:
/// `cargo test --release --lib measure_200_000_rows -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn measure_200_000_rows() {
    let folder = TempDir::new().unwrap();
    let memory = |key: &str| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        status.lines().find(|line| line.starts_with(key)).unwrap_or("not known here").to_owned()
    };
    let tweet = "a tweet of some length, quoted \u{1f600}\r\nwith a break http://a.example ".repeat(2);
    for (name, columns, text) in [("tweets", 4, tweet.as_str()), ("survey", 600, "7")] {
        let path = folder.path().join(name);
        let mut file = BufWriter::new(File::create(&path).unwrap());
        let names: String = (1..columns).map(|column| format!(",c{column}")).collect();
        writeln!(file, "text{names}").unwrap();
        for row in 0..200_000 {
            writeln!(file, "\"{row} {text}\",{}{}", row % 2, ",1".repeat(columns - 2)).unwrap();
        }
        drop(file);
        let before = memory("VmRSS");
        let start = std::time::Instant::now();
        let data = Dataset::load(&spec("label = \"c1\"\nclean = [\"urls\"]\nstratify = true"), &path).unwrap();
        let (time, megabytes) = (start.elapsed(), data.table().bytes() / 1_000_000);
        println!(
            "{name}: {} rows, {megabytes} MB in {time:?}; {before} before, {} at most",
            data.len(),
            memory("VmHWM")
        );
    }
}
