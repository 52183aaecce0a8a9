//! A comparison to be read.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Compared, Scores, Side};
use crate::session::folder::Manifest;
use crate::text::diff::{self, Tag};
use crate::text::printable;

/// All comparisons, one below the other, and the agreement of all.
pub fn of(a: &Side, others: &[Side], comparisons: &[Compared], alpha_all: Option<f64>) -> String {
    let mut text = String::new();
    for (b, compared) in others.iter().zip(comparisons) {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("{}{}\n", name("a", a), name("b", b));
        text += &pair(compared);
        if let (Some(of_a), Some(of_b)) = (&a.manifest, &b.manifest) {
            text += &prompts(of_a, of_b);
        }
    }
    if let Some(alpha) = alpha_all {
        let alpha = if alpha.is_nan() { "undefined".to_owned() } else { format!("{alpha:.3}") };
        let runs = others.len() + 1;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\nKrippendorff's alpha of the gold labels and all {runs} runs: {alpha}");
    }
    text
}

/// Which of the two is which, with the title of its session.
fn name(letter: &str, side: &Side) -> String {
    let title =
        side.manifest.as_ref().map(|manifest| manifest.session.title.as_str()).filter(|title| !title.is_empty());
    let title = title.map_or_else(String::new, |title| format!("  ({})", printable(title)));
    format!("{letter}  {}{title}\n", printable(&side.name))
}

/// The figures of two.
fn pair(compared: &Compared) -> String {
    let mut text = String::new();
    let scores = [("a", &compared.a_scores), ("b", &compared.b_scores), ("majority baseline", &compared.majority)];
    let judged = compared.is_judged();
    if judged {
        let _ = writeln!(text, "{:>20}  {:>8}  {:>8}", "", "accuracy", "macro-F1");
        for (name, scores) in scores {
            let Some(Scores { label, accuracy, macro_f1 }) = scores else { continue };
            let note = label.as_ref().map_or_else(String::new, |label| format!("  (always {})", printable(label)));
            let _ = writeln!(text, "{name:>20}  {accuracy:>8.3}  {macro_f1:>8.3}{note}");
        }
        text.push('\n');
    }
    let count = |count: Option<u64>| count.map_or_else(String::new, |count| count.to_string());
    let mut lines = vec![("rows", compared.rows.to_string())];
    if judged {
        lines.extend([
            ("fixed", format!("{} (a wrong, b right)", count(compared.fixed))),
            ("broken", format!("{} (a right, b wrong)", count(compared.broken))),
            ("both right", count(compared.both_right)),
            ("both wrong", count(compared.both_wrong)),
            ("McNemar", compared.mcnemar_p.map_or_else(String::new, |p| format!("{} (exact)", probability(p)))),
            ("accuracy, b - a", difference(compared.accuracy_difference, compared.ci95)),
            ("macro-F1, b - a", difference(compared.macro_f1_difference, compared.macro_f1_ci95)),
        ]);
    }
    let raters = if judged { "gold, a and b" } else { "a and b" };
    lines.push(("Cohen's kappa", agreement(compared.kappa, "a and b")));
    lines.push(("Krippendorff's alpha", agreement(compared.alpha, raters)));
    for (name, value) in lines {
        let _ = writeln!(text, "{name:>20}  {value}");
    }
    text
}

/// A probability as it is told.
pub fn probability(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

fn difference(value: Option<f64>, ends: Option<[f64; 2]>) -> String {
    let Some(value) = value else { return "undefined".to_owned() };
    match ends {
        Some([low, high]) => format!("{value:+.3} (95% CI {low:+.3} to {high:+.3})"),
        None => format!("{value:+.3}"),
    }
}

fn agreement(value: Option<f64>, raters: &str) -> String {
    value.map_or_else(|| "undefined: all answers are the same".to_owned(), |value| format!("{value:.3} ({raters})"))
}

/// The settings of the prompts that are not the same in both, by their names, with what they are in each.
fn settings(a: &Manifest, b: &Manifest) -> Vec<String> {
    let [old, new] = [a, b].map(|manifest| serde_json::to_value(&manifest.session.prompt).unwrap_or_default());
    let keys: std::collections::BTreeSet<&String> =
        [&old, &new].into_iter().filter_map(Value::as_object).flat_map(|of| of.keys()).collect();
    let shown = |of: &Value, key: &String| match of.get(key) {
        None | Some(Value::Null) => "none".to_owned(),
        Some(Value::String(text)) => printable(text).into_owned(),
        Some(other) => printable(&other.to_string()).into_owned(),
    };
    let other = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    other.map(|key| format!("prompt.{key} ({} and {})", shown(&old, key), shown(&new, key))).collect()
}

/// What the second's prompt has that the first's has not, word by word, and the other way round. Classifiers have none.
fn prompts(a: &Manifest, b: &Manifest) -> String {
    match (a.reads_text_alone(), b.reads_text_alone()) {
        (true, true) => return "\na and b read the text alone: there are no prompts to compare.\n".to_owned(),
        (true, false) => return "\na reads the text alone: there is no prompt to compare b's with.\n".to_owned(),
        (false, true) => return "\nb reads the text alone: there is no prompt to compare a's with.\n".to_owned(),
        (false, false) => {}
    }
    let [old, new] = [a, b].map(|manifest| manifest.session.prompt.template.as_str());
    if old == new {
        let different = settings(a, b);
        return match different.as_slice() {
            [] => "\nThe prompts' templates are the same.\n".to_owned(),
            _ => format!("\nThe prompts' templates are the same; different are {}.\n", different.join(", ")),
        };
    }
    let mut text = "\nThe prompts' templates, [-in a alone-] and {+in b alone+}:\n\n".to_owned();
    for line in diff::words(old, new) {
        text.push_str("  ");
        for (tag, piece) in line {
            match tag {
                Tag::Same => text.push_str(&piece),
                Tag::Gone => text += &format!("[-{piece}-]"),
                Tag::New => text += &format!("{{+{piece}+}}"),
            }
        }
        text.push('\n');
    }
    text
}
