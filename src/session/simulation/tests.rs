//! A small invented survey, with figures that can be computed by hand.

use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::data::Split;
use crate::session::prepare::PrepareError;
use crate::session::{Override, Session};

/// Ten respondents. One does not tell the age and one tells 999, which says nothing; one has a sex without a word; two refuse
/// to say their vote and two leave it out.
const ROWS: &str = "age,sex,vote,w\n\
    20,1,1,1\n\
    35,2,2,1\n\
    50,1,1,2\n\
    17,2,9,0.5\n\
    ,1,2,1\n\
    999,3,9,1.5\n\
    30,2,1,1\n\
    29,1,2,2\n\
    40,1,,3\n\
    41,2,,1\n";

/// A session on `rows.csv` in `folder` with these lines in its `[simulate]` section.
fn session(folder: &Path, simulate: &str) -> String {
    format!(
        "version = 1\n[data]\npath = {path:?}\nlabel = \"vote\"\nlabels = {{ 1 = \"yes\", 2 = \"no\", 9 = \"refused\" }}\n\
         weight = \"w\"\nsplits = {{ train = 0.0, validation = 1.0, test = 0.0 }}\n\
         missing = {{ vote = [\"refused\", \"\"], age = [\"999\"] }}\n\
         codebook = {{ sex = {{ 2 = \"woman\", 1 = \"man\" }} }}\n\
         [prompt]\ntemplate = \"{{{{ age }}}} {{{{ sex }}}}: {{{{ options }}}}\"\n[simulate]\n{simulate}\n",
        path = folder.join("rows.csv")
    )
}

fn open_rows(rows: &str, simulate: &str, overrides: &[&str]) -> Result<Prepared, PrepareError> {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("rows.csv"), rows).unwrap();
    let overrides: Vec<Override> = overrides.iter().map(|text| Override::parse(text).unwrap()).collect();
    let session = Session::parse("a.toml", &session(folder.path(), simulate), &overrides).unwrap();
    Prepared::open(session, &mut |_, _| true)
}

fn open(simulate: &str, overrides: &[&str]) -> Prepared {
    open_rows(ROWS, simulate, overrides).unwrap()
}

/// What is wrong with the session, and what was to be read left out.
fn error(rows: &str, simulate: &str) -> String {
    let message = open_rows(rows, simulate, &[]).err().unwrap().to_string();
    match (message.find('/'), message.find("rows.csv")) {
        (Some(start), Some(end)) => message[..start].to_owned() + &message[end..],
        _ => message,
    }
}

/// The answers to the ten respondents, with the labels in two orders by turns.
fn predictions(prepared: &Prepared, answers: [(&str, &str); 10]) -> Vec<Prediction> {
    let data = &prepared.data;
    let prediction = |(row, (predicted, answer)): (usize, (&str, &str))| Prediction {
        row,
        split: Split::Validation,
        gold: data.gold(row).and_then(|label| data.labels().get(label).cloned()),
        predicted: predicted.to_owned(),
        answer: answer.to_owned(),
        margin: None,
        logprobs: Vec::new(),
        extra: vec![["yes|no|refused", "no|refused|yes"][row % 2].to_owned(), "1".to_owned()],
    };
    answers.into_iter().enumerate().map(prediction).collect()
}

fn answers(prepared: &Prepared) -> Vec<Prediction> {
    let answers = [
        ("yes", " Yes."),
        ("yes", "Yes.\n"),
        ("no", "No"),
        ("refused", ""),
        ("unknown", "a man"),
        ("no", "No"),
        ("yes", "Yes."),
        ("no", " "),
        ("yes", "Yes."),
        ("unknown", "a man"),
    ];
    predictions(prepared, answers)
}

fn simulated(prepared: &Prepared, rows: &[Prediction], orders: &[Vec<Prediction>]) -> Simulation {
    compare(prepared, rows, orders, &|| true).unwrap()
}

fn values(estimates: &[crate::metrics::distribution::Estimate]) -> Vec<f64> {
    estimates.iter().map(|estimate| estimate.value).collect()
}

#[track_caller]
fn close(ours: f64, expected: f64) {
    assert!((ours - expected).abs() < 1e-12, "{ours}, not {expected}");
}

#[track_caller]
fn all_close(ours: &[f64], expected: &[f64]) {
    assert_eq!(ours.len(), expected.len(), "{ours:?}, not {expected:?}");
    ours.iter().zip(expected).for_each(|(ours, expected)| close(*ours, *expected));
}

const BY: &str = "by = [\"age\", \"sex\"]\nfloor = 2\nresamples = 20\nbands = { age = [18, 30] }";

#[test]
fn all_respondents_are_compared_with_and_without_what_says_nothing_and_weights() {
    let prepared = open(BY, &[]);
    let simulation = simulated(&prepared, &answers(&prepared), &[]);
    assert_eq!((simulation.answer, simulation.missing.as_slice()), (Take::Likely, ["refused".to_owned()].as_slice()));
    assert_eq!((simulation.resamples, simulation.seed, simulation.smoothing, simulation.floor), (20, 42, 0.5, 2));
    let [all, all_weighted, without, without_weighted] = simulation.overall.as_slice() else { panic!() };
    for (distance, without_missing, weighted) in
        [(all, false, false), (all_weighted, false, true), (without, true, false), (without_weighted, true, true)]
    {
        assert_eq!((distance.without_missing, distance.weighted), (without_missing, weighted));
        assert_eq!(distance.labels.len(), if without_missing { 2 } else { 3 });
        assert_eq!(distance.comparison.rows, if without_missing { 6 } else { 8 });
    }
    assert_eq!(
        (without.labels.as_slice(), all.labels[2].as_str()),
        (["yes", "no"].map(str::to_owned).as_slice(), "refused")
    );

    all_close(&values(&all.comparison.real), &[3.0 / 8.0, 3.0 / 8.0, 2.0 / 8.0]);
    all_close(&values(&all.comparison.simulated), &[3.0 / 7.0, 3.0 / 7.0, 1.0 / 7.0]);
    close(all.comparison.total_variation.value, 6.0 / 56.0);
    close(all.comparison.answered, 7.0 / 8.0);
    close(all.comparison.effective_rows, 8.0);
    all_close(&values(&all_weighted.comparison.real), &[0.4, 0.4, 0.2]);
    all_close(&values(&all_weighted.comparison.simulated), &[3.0 / 9.0, 5.5 / 9.0, 0.5 / 9.0]);
    close(all_weighted.comparison.total_variation.value, 5.5 / 9.0 - 0.4);
    close(all_weighted.comparison.answered, 0.9);
    close(all_weighted.comparison.effective_rows, 100.0 / 14.5);
    all_close(&values(&without.comparison.real), &[0.5, 0.5]);
    all_close(&values(&without.comparison.simulated), &[0.6, 0.4]);
    close(without.comparison.answered, 5.0 / 6.0);
    all_close(&values(&without_weighted.comparison.simulated), &[3.0 / 7.0, 4.0 / 7.0]);
    close(without_weighted.comparison.total_variation.value, 1.0 / 14.0);
    close(without_weighted.comparison.answered, 7.0 / 8.0);
    assert!(std::ptr::eq(simulation.headline().unwrap(), without_weighted));

    // Of their own answers respondents are told once each, whatever they weigh.
    assert_eq!((all.individual.accuracy, all.individual.majority_accuracy), (Some(0.5), Some(3.0 / 8.0)));
    assert_eq!(all_weighted.individual, all.individual);
    assert_eq!((without.individual.accuracy, without.individual.majority_accuracy), (Some(0.5), Some(0.5)));
    // Of yes 2 of 3 and 2 of 3, of no 1 of 2 and 1 of 3; "unknown" is a class that nobody is in.
    close(without.individual.macro_f1.unwrap(), (2.0 / 3.0 + 0.4 + 0.0) / 3.0);
}

#[test]
fn without_weights_and_codes_that_say_nothing_one_comparison_is_left() {
    let rows = "age,sex,vote,w\n20,1,1,1\n35,2,2,1\n";
    let prepared = open_rows(rows, "resamples = 0", &["data.missing={}"]).unwrap();
    let mut session = prepared.session.clone();
    session.data.weight = None;
    let prepared = prepared.with_session(session);
    let rows: Vec<Prediction> = answers(&prepared).into_iter().take(2).collect();
    let simulation = simulated(&prepared, &rows, &[]);
    assert_eq!((simulation.overall.len(), simulation.missing.len(), simulation.by.len()), (1, 0, 0));
    let distance = &simulation.overall[0];
    assert_eq!((distance.without_missing, distance.weighted, distance.labels.len()), (false, false, 3));
    close(distance.comparison.total_variation.value, 0.5);
    assert!(distance.comparison.total_variation.ci95[0].is_nan(), "no resamples, no interval");
}

#[test]
fn respondents_are_grouped_by_bands_and_by_words() {
    let prepared = open(BY, &[]);
    let simulation = simulated(&prepared, &answers(&prepared), &[]);
    let [age, sex] = simulation.by.as_slice() else { panic!() };
    let told = |grouping: &Grouping| -> Vec<(String, usize, usize, bool)> {
        let groups = grouping.groups.iter();
        groups.map(|g| (g.value.clone(), g.rows, g.distances[1].comparison.rows, g.small)).collect()
    };
    let expect = |groups: &[(&str, usize, usize, bool)]| -> Vec<(String, usize, usize, bool)> {
        groups.iter().map(|(value, rows, said, small)| ((*value).to_owned(), *rows, *said, *small)).collect()
    };
    // Of those without a known age one refused the vote: a group is small by those who said something.
    assert_eq!(
        told(age),
        expect(&[
            ("under 18", 1, 0, true),
            ("18 to 29", 2, 2, false),
            ("30 and over", 3, 3, false),
            ("(missing)", 2, 1, true)
        ])
    );
    // Words come in the order of the codebook, what has none behind them.
    assert_eq!(told(sex), expect(&[("woman", 3, 2, false), ("man", 4, 4, false), ("3", 1, 0, true)]));
    for group in age.groups.iter().chain(&sex.groups) {
        assert!(group.distances.iter().all(|distance| distance.weighted));
        assert_eq!(group.distances.iter().map(|distance| distance.without_missing).collect::<Vec<_>>(), [false, true]);
    }
    let over = &age.groups[2].distances[1];
    all_close(&values(&over.comparison.real), &[0.75, 0.25]);
    all_close(&values(&over.comparison.simulated), &[0.5, 0.5]);
    assert_eq!(over.individual.accuracy, Some(1.0 / 3.0));
    // Nobody is left of this one, and that is no reason to panic.
    let nobody = &age.groups[0].distances[1];
    assert!(nobody.comparison.total_variation.value.is_nan() && nobody.individual.accuracy.is_none());

    let entropy = |p: f64| -p * p.log2() - (1.0 - p) * (1.0 - p).log2();
    let (real, simulated) =
        ((2.0 * entropy(1.0 / 3.0) + 3.0 * entropy(0.25)) / 5.0, (2.0 * entropy(1.0 / 3.0) + 3.0) / 5.0);
    close(age.within_entropy_real.unwrap(), real);
    close(age.within_entropy_simulated.unwrap(), simulated);
    close(age.within_entropy_ratio.unwrap(), simulated / real);
}

#[test]
fn ages_that_are_no_numbers_are_missing() {
    let rows = ROWS.replacen("20,1", "nan,1", 1).replacen("35,2", "inf,2", 1).replacen("50,1", "old,1", 1);
    let prepared = open_rows(&rows, BY, &[]).unwrap();
    let simulation = simulated(&prepared, &answers(&prepared), &[]);
    let groups: Vec<(&str, usize)> =
        simulation.by[0].groups.iter().map(|group| (group.value.as_str(), group.rows)).collect();
    assert_eq!(groups, [("under 18", 1), ("18 to 29", 1), ("30 and over", 1), ("(missing)", 5)]);
}

#[test]
fn groups_that_are_all_too_small_tell_no_mean() {
    let prepared = open(&BY.replace("floor = 2", "floor = 30"), &[]);
    let simulation = simulated(&prepared, &answers(&prepared), &[]);
    for grouping in &simulation.by {
        assert!(grouping.groups.iter().all(|group| group.small));
        assert_eq!((grouping.within_entropy_real, grouping.within_entropy_ratio), (None, None));
    }
}

#[test]
fn numbers_without_bands_are_groups_in_their_order() {
    let prepared = open("by = [\"age\"]\nresamples = 0", &[]);
    let simulation = simulated(&prepared, &answers(&prepared), &[]);
    let names: Vec<&str> = simulation.by[0].groups.iter().map(|group| group.value.as_str()).collect();
    assert_eq!(names, ["17", "20", "29", "30", "35", "50", "(missing)"]);
}

#[test]
fn generated_answers_and_the_places_of_labels_are_counted() {
    let prepared = open("resamples = 0", &[]);
    let rows = answers(&prepared);
    let simulation = simulated(&prepared, &rows, &[]);
    let counts: Vec<(&str, usize)> =
        simulation.answers.iter().map(|count| (count.answer.as_str(), count.rows)).collect();
    assert_eq!(
        (counts.as_slice(), simulation.distinct_answers),
        ([("Yes.", 4), ("No", 2), ("a man", 2)].as_slice(), 3)
    );
    // Of the eight answers that are labels five stand first in what the respondent was shown, two second, one third.
    all_close(&simulation.positions, &[5.0 / 8.0, 2.0 / 8.0, 1.0 / 8.0]);
    assert_eq!(simulation.orders, None);

    let bare: Vec<Prediction> = rows.iter().cloned().map(|row| Prediction { extra: Vec::new(), ..row }).collect();
    assert!(simulated(&prepared, &bare, &[]).positions.is_empty());
    // Where no order is kept the weight stands in its place.
    let weights: Vec<Prediction> =
        rows.into_iter().map(|row| Prediction { extra: vec!["1.5".into()], ..row }).collect();
    assert!(simulated(&prepared, &weights, &[]).positions.is_empty());
}

#[test]
fn the_fifty_most_frequent_answers_are_told() {
    let prepared = open("resamples = 0", &[]);
    let row = answers(&prepared).remove(0);
    let rows: Vec<Prediction> =
        (0..70).map(|n| Prediction { answer: format!("{:02}", n % 60), ..row.clone() }).collect();
    let simulation = simulated(&prepared, &rows, &[]);
    assert_eq!((simulation.answers.len(), simulation.distinct_answers), (50, 60));
    let at = |place: usize| (simulation.answers[place].answer.as_str(), simulation.answers[place].rows);
    assert_eq!((at(0), at(9), at(10), at(49)), (("00", 2), ("09", 2), ("10", 1), ("49", 1)));
}

#[test]
fn answers_in_other_orders_are_held_against_the_first() {
    let prepared = open("resamples = 0", &[]);
    let rows = answers(&prepared);
    let mut first = rows.clone();
    first[0].predicted = "no".into();
    let mut second = first.clone();
    second[1].predicted = "no".into();
    // A respondent who was not asked in every order is left out.
    second.retain(|row| row.row != 7);
    let orders = simulated(&prepared, &rows, &[first, second]).orders.unwrap();
    assert_eq!((orders.shuffles, orders.rows), (2, 9));
    close(orders.changed, 2.0 / 9.0);
    close(orders.changed_by_one, 3.0 / 18.0);
    assert_eq!(simulated(&prepared, &rows, &[Vec::new()]).orders, None);
}

#[test]
fn expected_answers_count_by_probability() {
    let prepared = open("answer = \"expected\"\nresamples = 0", &[]);
    let logprobs = |parts: [f64; 3]| parts.iter().map(|part| Some(part.ln())).collect::<Vec<_>>();
    let mut rows: Vec<Prediction> = answers(&prepared).into_iter().take(2).collect();
    // What labels have in common is no matter: probabilities are those among the labels.
    rows[0].logprobs = logprobs([0.05, 0.03, 0.02]);
    rows[1].logprobs = logprobs([0.1, 0.8, 0.1]);
    let simulation = simulated(&prepared, &rows, &[]);
    let comparison = &simulation.overall[0].comparison;
    all_close(&values(&comparison.simulated), &[0.3, 0.55, 0.15]);
    close(comparison.answered, 1.0);
    // Without what says nothing its probability is left out, and with it that part of the answer.
    let comparison = &simulation.overall[2].comparison;
    all_close(&values(&comparison.simulated), &[0.6 / 1.7, 1.1 / 1.7]);
    close(comparison.answered, 0.85);
    assert_eq!(simulation.overall[0].individual.accuracy, Some(0.5), "what is predicted is the most likely label");
    // Without probabilities the label that is predicted counts whole.
    rows[0].logprobs = Vec::new();
    all_close(&values(&simulated(&prepared, &rows, &[]).overall[0].comparison.simulated), &[0.55, 0.4, 0.05]);

    let likely = open("resamples = 0", &[]);
    all_close(&values(&simulated(&likely, &rows, &[]).overall[0].comparison.simulated), &[1.0, 0.0, 0.0]);
}

#[test]
fn probabilities_of_what_is_missing_are_none() {
    assert_eq!(probabilities(&[]), None);
    assert_eq!(probabilities(&[None, None]), None);
    assert_eq!(probabilities(&[Some(f64::NEG_INFINITY), None]), None);
    assert_eq!(probabilities(&[Some(-3.0), None]), None);
    // Numbers whose exponential is 0 have probabilities all the same.
    let parts = probabilities(&[Some(-2000.0), Some(-2000.0 + 3.0_f64.ln())]).unwrap();
    close(parts[0], 0.25);
    close(parts[1], 0.75);
}

/// The numbers are numpy's `RandomState(int.from_bytes(sha256(b"42:0").digest()[:4], "little")).random_sample()` and so on.
#[test]
fn draws_are_numpys_and_the_same_each_time() {
    const NUMBERS: [f64; 10] = [
        0.034_522_714_529_523_27,
        0.628_498_195_754_230_4,
        0.815_940_976_507_455_9,
        0.095_748_845_961_421_41,
        0.686_996_512_262_689_3,
        0.801_836_245_057_418_7,
        0.492_429_816_426_677_94,
        0.508_739_077_714_971_8,
        0.651_493_406_769_355,
        0.851_558_931_240_542,
    ];
    for (row, number) in NUMBERS.into_iter().enumerate() {
        // The first label's part ends a little below the number and a little above it.
        for (first, expected) in [(number - 1e-9, 1), (number + 1e-9, 0)] {
            let logprobs = [first.ln(), (1.0 - first).ln()];
            assert_eq!(draw(42, row, &logprobs), Some(expected), "row {row}, {number}");
            assert_eq!(draw(42, row, &logprobs), draw(42, row, &logprobs));
        }
    }
    // Of seed 7 it is 0.9020 for row 0 and 0.5209 for row 3.
    let thirds = [0.0, 0.0, 0.0];
    assert_eq!([draw(7, 0, &thirds), draw(7, 3, &thirds), draw(42, 0, &thirds)], [Some(2), Some(1), Some(0)]);
    assert_eq!(draw(42, 9, &[f64::NAN, -1.0]), Some(1));
    assert_eq!(draw(42, 0, &[f64::NEG_INFINITY, -1.0]), Some(1));
    assert_eq!((draw(42, 0, &[]), draw(42, 0, &[f64::NAN])), (None, None));
}

#[test]
fn what_is_no_survey_or_has_no_answers_gives_none() {
    let prepared = open("", &[]);
    let rows = answers(&prepared);
    assert!(compare(&prepared, &rows, &[], &|| false).is_none(), "the work was ended");
    let unlabelled = &rows[8..];
    assert!(unlabelled.iter().all(|row| row.gold.is_none()));
    assert!(compare(&prepared, &[], &[], &|| true).is_none());
    // Without a single real answer the simulated shares are told alone.
    let alone = compare(&prepared, unlabelled, &[], &|| true).unwrap();
    let comparison = &alone.overall[0].comparison;
    assert_eq!((comparison.rows, alone.overall[0].individual.accuracy), (unlabelled.len(), None));
    assert!(comparison.total_variation.value.is_nan() && comparison.simulated[0].value.is_finite());
    let mut session = prepared.session.clone();
    session.simulate = None;
    assert!(compare(&prepared.with_session(session), &rows, &[], &|| true).is_none());
}

#[test]
fn work_can_be_ended_among_the_groups() {
    let prepared = open(BY, &[]);
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let go_on = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 7;
    assert!(compare(&prepared, &answers(&prepared), &[], &go_on).is_none());
    // Four comparisons are of all, the others of groups.
    assert!(asked.into_inner() > 7);
}

#[test]
fn a_simulation_is_read_back_as_it_was_written() {
    let prepared = open(BY, &[]);
    let rows = answers(&prepared);
    let simulation = simulated(&prepared, &rows, std::slice::from_ref(&rows));
    let json = serde_json::to_value(&simulation).unwrap();
    let back: Simulation = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&back).unwrap(), json);
    assert_eq!(back.overall[..2], simulation.overall[..2]);
    assert!(back.by[0].groups[0].distances[1].comparison.effective_rows.is_nan());
    let text = text::plain(&simulation);
    assert!(text.contains("under 18 *") && text.contains("* fewer than 2 respondents"), "{text}");
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn sessions_that_cannot_be_are_refused() {
    let refused = |simulate: &str, overrides: &[&str]| {
        let overrides: Vec<Override> = overrides.iter().map(|text| Override::parse(text).unwrap()).collect();
        Session::parse("a.toml", &session(Path::new("/"), simulate), &overrides).unwrap_err().to_string()
    };
    for answer in ["sampled", "expected"] {
        let message = refused(&format!("answer = \"{answer}\""), &["decode.method=generate"]);
        assert!(message.starts_with("a.toml:13:10: `simulate.answer` "), "{message}");
        assert!(message.contains("decode.method must be \"score\""), "{message}");
    }
    let message = refused("answer = \"sometimes\"", &[]);
    assert_eq!(
        message,
        "a.toml:13:10: `simulate.answer` cannot be `sometimes`; expected one of likely, sampled, expected"
    );
    assert_eq!(refused("flor = 3", &[]), "a.toml:13:1: unknown key `simulate.flor`; did you mean `floor`?");
    assert_eq!(
        refused("bands = { age = [30, 18] }", &[]),
        "a.toml:13:17: `simulate.bands.age` must be numbers that rise"
    );
    let message = refused("", &["prompt.demos_as=turns"]);
    assert_eq!(
        message,
        "--set prompt.demos_as=turns: `prompt.demos_as` is \"turns\", for which prompt.chat must be true"
    );
}

#[test]
fn columns_that_make_no_groups_are_named() {
    let there = "rows.csv: no column \"ages\" (did you mean \"age\"?); there are \"age\", \"sex\", \"vote\", \"w\"";
    assert_eq!(error(ROWS, "by = [\"sex\", \"ages\"]"), format!("simulate.by: {there}"));
    assert_eq!(error(ROWS, "bands = { ages = [1, 2] }"), format!("simulate.bands: {there}"));
    let many = |count: usize| -> String {
        let rows: String = (0..count).map(|n| format!("{n},1,1,1\n")).collect();
        format!("age,sex,vote,w\n{rows}")
    };
    let by = "by = [\"age\"]";
    assert!(open_rows(&many(60), by, &[]).is_ok());
    let message = error(&many(61), by);
    assert!(message.starts_with("simulate.by: column \"age\" has 61 values, more than 60 groups"), "{message}");
    assert!(message.ends_with("simulate.bands = { age = [18, 30, 45] }"), "{message}");
    assert!(open_rows(&many(61), &format!("{by}\nbands = {{ age = [18] }}"), &[]).is_ok());
}

#[test]
fn the_earliest_label_counts_unless_the_session_says_otherwise() {
    use crate::prompt::AnswerRule;
    let rule = |text: &str, overrides: &[&str]| {
        let overrides: Vec<Override> = overrides.iter().map(|text| Override::parse(text).unwrap()).collect();
        Session::parse("a.toml", text, &overrides).unwrap().answer.rule
    };
    let survey = session(Path::new("/"), "");
    assert_eq!(rule(&survey, &[]), AnswerRule::Earliest);
    assert_eq!(rule(&survey, &["answer.unknown=none"]), AnswerRule::Earliest);
    assert_eq!(rule(&survey, &["answer.rule=contains"]), AnswerRule::Contains);
    assert_eq!(rule(&format!("{survey}\n[answer]\nrule = \"contains\""), &[]), AnswerRule::Contains);
    assert_eq!(rule(&survey.replace("[simulate]", ""), &[]), AnswerRule::Contains);
}
