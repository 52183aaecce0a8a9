//! What surveys ask of data: labels as they come up, codes that say nothing, rows without a text.

use super::*;
use crate::data::describe::{Column, Kind, Value as Counted, describe};

/// Respondents with a party, an age, a sex and a weight. pandas wrote the party as a number with a point.
const ROWS: &str = "cntry,age,sex,vote,w\n\
    DE,35,1,66.0,1\n\
    DE,999,2,2.0,1.5\n\
    FR,20,1,3.0,1\n\
    DE,50,,2.0,0.5\n\
    DE,41,2,,1\n\
    DE,35,1,77.0,1\n\
    DE,60,9,1.0,2\n\
    DE,,2,88.0,1\n";

/// The label column with five parties, three of which say nothing, in one split.
const VOTE: &str = "label = \"vote\"\n\
    splits = { train = 0.0, validation = 1.0, test = 0.0 }\n\
    labels = { 1 = \"red\", 2 = \"green\", 3 = \"blue\", 66 = \"no vote\", 77 = \"refusal\", 88 = \"don't know\" }\n\
    filter = { cntry = \"DE\" }\n";

fn vote(more: &str) -> String {
    format!("{VOTE}{more}")
}

const NOTHING_SAID: &str = "missing = { vote = [\"66\", \"refusal\", \"88\", \"\"], age = [\"999\"], sex = [\"9\"] }\n";

/// The labels' words and whether each says nothing.
fn labels(data: &Dataset) -> Vec<(&str, bool)> {
    data.labels().iter().enumerate().map(|(label, word)| (word.as_str(), data.is_missing(label))).collect()
}

/// What the rows of the one split are labelled.
fn gold(data: &Dataset) -> Vec<Option<&str>> {
    data.split(Split::Validation).iter().map(|row| data.gold(*row).map(|label| data.labels()[label].as_str())).collect()
}

#[test]
fn codes_say_nothing_by_code_and_by_word() {
    let data = load(&vote(NOTHING_SAID), ROWS).unwrap();
    assert_eq!(
        labels(&data),
        [("red", false), ("green", false), ("blue", false), ("no vote", true), ("refusal", true), ("don't know", true)]
    );
    // An empty cell that is listed as missing makes a row without a label; other such rows keep theirs.
    let expected =
        [Some("no vote"), Some("green"), Some("green"), None, Some("refusal"), Some("red"), Some("don't know")];
    assert_eq!(gold(&data), expected);
    assert_eq!(data.label_counts(Split::Validation), [1, 2, 0, 1, 1, 1]);
    assert!(!data.is_missing(99));
}

#[test]
fn an_empty_label_that_is_not_listed_is_an_error() {
    let message = error(&vote(&NOTHING_SAID.replace(", \"\"", "")), ROWS);
    assert!(message.starts_with("rows.csv, row 4 (line 6): \"\" in column \"vote\" has no label"), "{message}");
    let unnamed = NOTHING_SAID.replace("\"\"", "\"99\"");
    let more =
        "label = \"vote\"\nsplits = { train = 0.0, validation = 1.0, test = 0.0 }\nfilter = { cntry = \"DE\" }\n";
    let message = error(&format!("{more}{unnamed}"), ROWS);
    assert_eq!(
        message,
        "rows.csv, row 4 (line 6): the label column \"vote\" is empty; list \"\" in data.missing to leave such rows without a label"
    );
    let data = load(&format!("{more}{NOTHING_SAID}"), ROWS).unwrap();
    assert_eq!(labels(&data), [("66.0", true), ("2.0", false), ("77.0", false), ("1.0", false), ("88.0", true)]);
}

#[test]
fn labels_in_order_of_appearance_are_those_of_the_sample() {
    let data = load(&vote(&format!("{NOTHING_SAID}label_order = \"appearance\"")), ROWS).unwrap();
    // "blue" is that of a row that the filter leaves out.
    assert_eq!(
        labels(&data),
        [("no vote", true), ("green", false), ("refusal", true), ("red", false), ("don't know", true)]
    );
    assert_eq!(gold(&data)[1..4], [Some("green"), Some("green"), None]);

    let more = format!("{NOTHING_SAID}label_order = \"appearance\"\nsample = 4");
    let data = load(&vote(&more), ROWS).unwrap();
    let sample = data.split(Split::Validation);
    // numpy's RandomState(42).permutation(7)[:4] is 0, 1, 5, 2: the rows that pass are 0, 1, 3, 4, 5, 6, 7.
    assert_eq!(sample, [0, 1, 6, 3]);
    assert_eq!(labels(&data), [("no vote", true), ("green", false), ("red", false)]);
    assert_eq!(gold(&data), [Some("no vote"), Some("green"), Some("red"), Some("green")]);
    // A row that was not drawn has a label where it is one of those, and none where it is another.
    assert_eq!((data.gold(5), data.gold(7), data.gold(2)), (None, None, None));
}

#[test]
fn rows_whose_label_says_nothing_are_left_out() {
    let data = load(&vote(&format!("{NOTHING_SAID}drop_missing = true")), ROWS).unwrap();
    assert_eq!(data.split(Split::Validation), [1, 3, 6]);
    assert_eq!(labels(&data), [("red", false), ("green", false), ("blue", false)]);
    assert_eq!(gold(&data), [Some("green"), Some("green"), Some("red")]);
    // The sample is drawn among those that are left.
    assert_eq!(
        error(&vote(&format!("{NOTHING_SAID}drop_missing = true\nsample = 4")), ROWS),
        "rows.csv: data.sample is 4, but it must lie between 1 and the 3 rows there are"
    );
    let more = format!("{NOTHING_SAID}drop_missing = true\nlabel_order = \"appearance\"");
    assert_eq!(load(&vote(&more), ROWS).unwrap().labels(), ["green", "red"]);
}

#[test]
fn codes_with_one_word_say_nothing_together() {
    let toml = VOTE.replace("77 = \"refusal\", 88 = \"don't know\"", "77 = \"no vote\", 88 = \"don't know\"");
    let toml = format!("{toml}missing = {{ vote = [\"66\", \"\"] }}\n");
    assert_eq!(labels(&load(&toml, ROWS).unwrap())[3..], [("no vote", true), ("don't know", false)]);
    // A respondent with the other code would have no label at all.
    let data = load(&format!("{toml}drop_missing = true"), ROWS).unwrap();
    assert_eq!(gold(&data), [Some("green"), Some("green"), Some("red"), Some("don't know")]);
}

#[test]
fn what_cannot_be_left_out_is_named() {
    let nothing =
        "data.drop_missing: data.missing names no codes of the label column, so there is nothing to leave out";
    for more in ["", "missing = { age = [\"999\"] }\n", "missing = { vote = [] }\n"] {
        assert_eq!(error(&vote(&format!("{more}drop_missing = true")), ROWS), nothing, "{more}");
    }
    let unlabelled = format!("{}drop_missing = true", NOTHING_SAID.replace("vote = ", "cntry = "));
    assert_eq!(error(&unlabelled, ROWS), nothing);
    let all = "missing = { vote = [\"1\", \"2\", \"66\", \"77\", \"88\", \"\"] }\ndrop_missing = true";
    let message = error(&vote(all), ROWS);
    assert!(
        message.starts_with("rows.csv: every row that passes the filter has a label that says nothing"),
        "{message}"
    );
    assert_eq!(
        error(&vote("missing = { ages = [\"999\"] }"), ROWS),
        "data.missing.ages: rows.csv: no column \"ages\" (did you mean \"age\"?); there are \"cntry\", \"age\", \"sex\", \
         \"vote\", \"w\""
    );
}

#[test]
fn covariates_that_say_nothing_are_empty_texts() {
    let toml = vote(&format!("{NOTHING_SAID}codebook = {{ sex = {{ 1 = \"man\", 2 = \"woman\" }} }}"));
    let data = load(&toml, ROWS).unwrap();
    let record = |row: usize| data.record(row).into_iter().map(|(_, value)| value.into_owned()).collect::<Vec<_>>();
    assert_eq!(record(1), ["DE", "", "woman", "green", "1.5"]);
    assert_eq!(record(6), ["DE", "60", "", "red", "2"]);
    // What a label that says nothing is called is told all the same.
    assert_eq!(record(0), ["DE", "35", "man", "no vote", "1"]);
    assert_eq!(record(4), ["DE", "41", "woman", "", "1"]);
    assert_eq!((data.value(1, 1), data.value(0, 1), data.value(3, 2)), ("", "35", ""));
}

#[test]
fn a_file_without_a_text_is_told_by_columns() {
    let toml = vote(&format!("{NOTHING_SAID}codebook = {{ sex = {{ 1 = \"man\", 2 = \"woman\" }} }}"));
    let data = load(&toml, ROWS).unwrap();
    assert!(!data.has_text());
    assert_eq!((data.text(0).as_ref(), data.raw_text(0), data.empty_texts()), ("", "", 0));
    let data = data.told_by(["sex", "nothing like it", "age"]);
    assert_eq!([0, 1, 6].map(|row| data.text(row).into_owned()), ["man, 35", "woman", "60"]);
    assert_eq!(data.raw_text(0), "", "a classifier has nothing to read");

    // A column called `text` is the text, and one that the session names must be there.
    let data = load(ONE_SPLIT, "text,age\nhello,3\n").unwrap().told_by(["age"]);
    assert!(data.has_text());
    assert_eq!(data.text(0), "hello");
    assert!(error("text = \"txt\"", ROWS).starts_with("data.text: rows.csv: no column \"txt\""));
}

fn counted(column: &Column) -> Vec<(&str, Option<&str>, usize, bool)> {
    let values = column.values.iter();
    values.map(|Counted { code, word, rows, missing }| (code.as_str(), word.as_deref(), *rows, *missing)).collect()
}

#[test]
fn columns_are_described_by_their_counts() {
    let toml = vote(&format!("{NOTHING_SAID}codebook = {{ sex = {{ 1 = \"man\", 2 = \"woman\" }} }}"));
    let data = load(&toml, ROWS).unwrap();
    let columns = describe(&data);
    let [cntry, age, sex, vote, w] = columns.as_slice() else { panic!() };
    assert_eq!((cntry.name.as_str(), cntry.kind, cntry.distinct, cntry.range), ("cntry", Kind::Text, 1, None));
    assert_eq!(counted(cntry), [("DE", None, 7, false)]);
    // 999 says nothing, so it is no age.
    assert_eq!((age.kind, age.empty, age.missing, age.distinct), (Kind::Integer, 1, 1, 5));
    assert_eq!(age.range, Some([35.0, 60.0]));
    let ages = [("35", 2, false), ("41", 1, false), ("50", 1, false), ("60", 1, false), ("999", 1, true)];
    assert_eq!(counted(age), ages.map(|(code, rows, missing)| (code, None, rows, missing)));
    assert_eq!((sex.empty, sex.missing, sex.distinct), (1, 1, 3));
    assert_eq!(counted(sex), [("1", Some("man"), 2, false), ("2", Some("woman"), 3, false), ("9", None, 1, true)]);
    // Numbers count for their code however they are spelt; the codes stand in the session's order, also those of nobody.
    assert_eq!((vote.kind, vote.empty, vote.missing, vote.distinct), (Kind::Integer, 1, 3, 5));
    assert_eq!(vote.range, Some([1.0, 2.0]));
    let codes = counted(vote);
    assert_eq!(codes[..2], [("1", Some("red"), 1, false), ("2", Some("green"), 2, false)]);
    assert_eq!(codes[2..4], [("3", Some("blue"), 0, false), ("66", Some("no vote"), 1, true)]);
    assert_eq!((w.kind, w.range, w.distinct), (Kind::Number, Some([0.5, 2.0]), 4));
    assert_eq!(counted(w)[1], ("1", None, 4, false));
}

#[test]
fn columns_of_nothing_and_of_many_values_are_described() {
    let rows: String = (0..40).map(|n| format!("t{n},,{},a{}\n", n % 30, n % 3)).collect();
    let toml =
        "splits = { train = 0.5, validation = 0.25, test = 0.25 }\nmissing = { mixed = [\"a0\", \"a1\", \"a2\"] }";
    let data = load(toml, &format!("text,none,number,mixed\n{rows}")).unwrap();
    let columns = describe(&data);
    let [text, none, number, mixed] = columns.as_slice() else { panic!() };
    assert_eq!((text.kind, text.distinct, text.values.len()), (Kind::Text, 40, 0));
    assert_eq!((none.kind, none.empty, none.distinct, none.range), (Kind::Empty, 40, 0, None));
    // Of thirty different numbers the range tells more.
    assert_eq!((number.kind, number.values.len(), number.range), (Kind::Integer, 0, Some([0.0, 29.0])));
    assert_eq!((mixed.kind, mixed.missing, mixed.range), (Kind::Empty, 40, None));
}
