//! A report as text: scikit-learn's table to the character, and the figures that stand below it.

use std::fmt::Write as _;

use crate::text::printable;

use super::report::ClassScores;
use super::{Averages, Confusion, Report, Scores};

/// How the table is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout<'a> {
    /// Which labels to list, in this order; all of the matrix, in its order, without it.
    pub labels: Option<&'a [&'a str]>,
    /// Names to print in place of the labels, in the same order.
    pub names: Option<&'a [&'a str]>,
    /// Digits after the point.
    pub digits: usize,
}

impl Default for Layout<'_> {
    fn default() -> Self {
        Self { labels: None, names: None, digits: 3 }
    }
}

/// The text of scikit-learn's `classification_report(labels=…, target_names=…, digits=…, zero_division=0)`, line break at
/// the end included. [`Confusion::observed`] gives the matrix for a call without `labels`.
///
/// As there, names are padded by code points, not by the columns they take on a screen, supports are printed as floats
/// where not one row is right, and the accuracy gives way to a micro average where labels that occur are left out. Not as
/// there, control characters in a label are shown escaped.
pub fn classification_report(confusion: &Confusion, layout: &Layout<'_>) -> String {
    let all: Vec<&str> = confusion.labels().collect();
    let labels = layout.labels.unwrap_or(&all);
    let names: Vec<_> = layout.names.unwrap_or(labels).iter().map(|name| printable(name)).collect();
    let scores = Scores::of(confusion, labels.iter().copied());
    let complete = all
        .iter()
        .enumerate()
        .all(|(index, label)| labels.contains(label) || confusion.gold(index) + confusion.predicted(index) == 0);

    let digits = layout.digits;
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let width = longest.max("weighted avg".len()).max(digits);
    let whole = if confusion.correct() == 0 { ".0" } else { "" };
    let support = |count: u64| format!("{count}{whole}");

    let line = |name: &str, [precision, recall, f1, support]: [&str; 4]| {
        format!("{name:>width$}  {precision:>9} {recall:>9} {f1:>9} {support:>9}\n")
    };
    let number = |value: f64| format!("{value:.digits$}");
    let numbers = |name: &str, precision: f64, recall: f64, f1: f64, count: u64| {
        line(name, [&number(precision), &number(recall), &number(f1), &support(count)])
    };
    let averages = |name: &str, of: Averages| numbers(name, of.precision, of.recall, of.f1, scores.micro.support);

    let mut text = line("", ["precision", "recall", "f1-score", "support"]);
    text.push('\n');
    for (name, class) in names.iter().zip(&scores.classes) {
        let ClassScores { precision, recall, f1, support } = *class;
        text += &numbers(name, precision, recall, f1, support);
    }
    text.push('\n');
    let ClassScores { precision, recall, f1, support: rows } = scores.micro;
    text += &if complete {
        line("accuracy", ["", "", &number(f1), &support(rows)])
    } else {
        numbers("micro avg", precision, recall, f1, rows)
    };
    text += &averages("macro avg", scores.macro_avg);
    text += &averages("weighted avg", scores.weighted);
    text
}

/// What a run can tell beside its report.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Rows answered a second.
    pub rows_per_second: Option<f64>,
    /// Tokens computed a second.
    pub tokens_per_second: Option<f64>,
    /// Prompt tokens that were not computed: those of the shared prefix, and of rows answered from the score cache.
    pub tokens_saved: Option<u64>,
    /// Rows answered from the score cache, where there are any.
    pub cached_rows: Option<usize>,
}

/// The figures that stand below the table, one a line: majority baseline, balanced accuracy, MCC, Cohen's kappa, Wilson's
/// interval, and those of `figures` that are known.
pub fn summary(report: &Report, figures: &Figures) -> String {
    let share = |value: f64| if value.is_nan() { "undefined".to_owned() } else { format!("{value:.3}") };
    let [low, high] = report.accuracy_ci95.map(share);
    let baseline = share(report.majority_accuracy);
    let mut lines = vec![
        ("accuracy, 95% CI", format!("{low} to {high} (Wilson)")),
        (
            "majority baseline",
            match report.confusion.majority() {
                Some((label, _)) => format!("{baseline} (always {})", printable(label)),
                None => baseline,
            },
        ),
        ("balanced accuracy", share(report.balanced_accuracy)),
        ("MCC", share(report.mcc)),
        ("Cohen's kappa", share(report.kappa)),
    ];
    lines.extend(figures.rows_per_second.map(|rate| ("rows/s", format!("{rate:.1}"))));
    lines.extend(figures.tokens_per_second.map(|rate| ("tokens/s", format!("{rate:.0}"))));
    lines.extend(figures.cached_rows.map(|count| ("cached rows", format!("{count}, from the score cache"))));
    let by = if figures.cached_rows.is_some() { "the shared prefix and the score cache" } else { "the shared prefix" };
    lines.extend(figures.tokens_saved.map(|count| ("tokens saved", format!("{count} of prompts, by {by}"))));
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:>17}  {value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixtures;

    #[test]
    fn all_cases_equal_scikit_learn() {
        let cases = fixtures::read("metrics.json");
        let mut seen = 0;
        for (name, case) in cases.as_object().unwrap() {
            let text = match name.as_str() {
                "_versions" => continue,
                "labels_subset_micro" => {
                    let labels = ["oppose", "support"];
                    let layout = Layout { labels: Some(&labels), ..Layout::default() };
                    classification_report(&fixtures::confusion(case), &layout)
                }
                "digits2" => {
                    let names = ["a", "a rather long class name", "b"];
                    let layout = Layout { names: Some(&names), digits: 2, ..Layout::default() };
                    classification_report(&fixtures::confusion(&cases["three_int_classes"]), &layout)
                }
                _ => classification_report(&fixtures::confusion(case), &Layout::default()),
            };
            assert_eq!(text, case["report"].as_str().unwrap(), "{name}");
            seen += 1;
        }
        assert_eq!(seen, 14);
    }

    /// Figures that round at a tie come out the same, whatever labels are listed.
    #[test]
    fn random_counts_equal_scikit_learn() {
        for (number, case) in fixtures::read("random.json").as_array().unwrap().iter().enumerate() {
            let confusion = fixtures::confusion(case);
            let text = |confusion: &Confusion, layout: &Layout<'_>| classification_report(confusion, layout);
            assert_eq!(text(&confusion.observed(), &Layout::default()), case["report"], "case {number}");
            assert_eq!(text(&confusion, &Layout::default()), case["report_all"], "case {number}, all labels");
            if let Some(listed) = case["listed"].as_array() {
                let labels: Vec<&str> = listed.iter().filter_map(serde_json::Value::as_str).collect();
                let layout = Layout { labels: Some(&labels), ..Layout::default() };
                assert_eq!(text(&confusion, &layout), case["report_listed"], "case {number}, some labels");
            }
        }
    }

    #[test]
    fn labels_are_shown_escaped() {
        let confusion = Confusion::of([("a\u{1b}[2Jb\n", "a\u{1b}[2Jb\n")]);
        let text = classification_report(&confusion, &Layout::default());
        assert!(text.contains("\na\\u{1b}[2Jb⏎      1.000"), "{text}");
        let below = summary(&Report::new(confusion), &Figures::default());
        assert!(below.contains("(always a\\u{1b}[2Jb⏎)\n"), "{below}");
    }

    #[test]
    fn figures_below_the_table() {
        let case = &fixtures::read("metrics.json")["notebook_few_shot_rebuilt"];
        let report = Report::new(fixtures::confusion(case));
        let figures = Figures {
            rows_per_second: Some(15.23),
            tokens_per_second: Some(811.6),
            tokens_saved: Some(104_000),
            cached_rows: None,
        };
        assert_eq!(
            summary(&report, &figures),
            " accuracy, 95% CI  0.624 to 0.706 (Wilson)
majority baseline  0.868 (always support)
balanced accuracy  0.801
              MCC  0.409
    Cohen's kappa  0.292
           rows/s  15.2
         tokens/s  812
     tokens saved  104000 of prompts, by the shared prefix
"
        );
        let cached = summary(&report, &Figures { cached_rows: Some(7), ..figures });
        assert!(cached.ends_with(
            "      cached rows  7, from the score cache
     tokens saved  104000 of prompts, by the shared prefix and the score cache
"
        ));
        let one = Report::new(Confusion::of([("a", "a")]));
        assert!(summary(&one, &Figures::default()).ends_with("Cohen's kappa  undefined\n"));
        let none = Report::new(Confusion::new());
        assert!(summary(&none, &Figures::default()).contains("majority baseline  undefined\n"));
        assert!(classification_report(&none.confusion, &Layout::default()).contains("weighted avg"));
    }
}
