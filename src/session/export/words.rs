//! The sentences of an exported document, as plain text: who writes a document escapes them.

use serde_json::Value;

use crate::metrics::Report;
use crate::session::ledger::Tried;
use crate::session::predictions::{Prediction, Predictions};

use super::document::{interval, share};

/// A part of the manifest: the session, section by section as in its TOML file, or another one.
pub(super) struct Part<'a>(pub &'a Value);

impl<'a> Part<'a> {
    /// A text that is there and not empty.
    pub fn text(&self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    /// A number or a word, as it is written.
    pub fn value(&self, pointer: &str) -> Option<String> {
        match self.0.pointer(pointer)? {
            Value::Number(number) => Some(number.to_string()),
            Value::String(word) => Some(word.clone()).filter(|word| !word.is_empty()),
            _ => None,
        }
    }

    pub fn chat(&self) -> bool {
        self.0.pointer("/prompt/chat").and_then(Value::as_bool).unwrap_or(false)
    }

    /// How many demonstrations there are in a prompt, and in words; pinned ones are shown whatever `shots` is.
    pub fn demonstrations(&self) -> Option<String> {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        let shots = self.0.pointer("/prompt/shots").and_then(Value::as_u64).unwrap_or(0);
        if self.text("/prompt/demos") == Some("pinned") {
            let count = self.0.pointer("/prompt/pinned").and_then(Value::as_array).map_or(0, |rows| rows.len() as u64);
            return (count > 0).then(|| format!("{count} chosen demonstration{}", plural(count)));
        }
        (shots > 0).then(|| format!("{shots} demonstration{} per class", plural(shots)))
    }
}

pub(super) fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// `validation split`, or several.
pub(super) fn splits(rows: &[Prediction]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        let name = row.split.name();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [] => "data".to_owned(),
        [name] => format!("{name} split"),
        _ => format!("{} splits", names.join(" and ")),
    }
}

/// `The first 60 rows of the validation split`, without the article: of how many rows is said where some are not there.
pub(super) fn rows_of(manifest: &Value, predictions: &Predictions) -> String {
    let there = predictions.rows.len();
    let asked = manifest.pointer("/rows").and_then(Value::as_u64).and_then(|rows| usize::try_from(rows).ok());
    let first = if manifest.pointer("/limit").is_some_and(Value::is_number) { "first " } else { "" };
    let of = splits(&predictions.rows);
    match asked.filter(|asked| *asked > there) {
        Some(asked) => format!("{there} of the {first}{} of the {of}", rows(asked)),
        None => format!("{}{} of the {of}", if there == 1 { "" } else { first }, rows(there)),
    }
}

/// A label in a sentence, which may be empty.
pub(super) fn named(label: &str) -> &str {
    if label.trim().is_empty() { "(empty)" } else { label }
}

/// What made the predictions.
pub(super) enum Reader<'a> {
    /// A language model that was given a prompt.
    Prompted,
    /// A fine-tuned encoder, which reads a row's text and nothing else.
    Classifier,
    /// The encoder that the run itself fine-tuned, with what the manifest says of it.
    Trained(Part<'a>),
}

/// One paragraph, to be taken into a paper and read again there.
pub(super) fn methods(
    manifest: &Value,
    reader: &Reader<'_>,
    predictions: &Predictions,
    report: &Report,
    tried: Option<Tried>,
) -> String {
    let session = &Part(manifest.pointer("/session").unwrap_or(&Value::Null));
    let told = rows_of(manifest, predictions);
    let mut sentences = vec![match reader {
        Reader::Trained(training) => fine_tuned(session, training, &told),
        Reader::Classifier => read_alone(session, &told),
        Reader::Prompted => classified(session, &told),
    }];
    match session.text("/decode/method").filter(|_| matches!(reader, Reader::Prompted)) {
        Some("score") => sentences.push(
            "For each row the log-probability of every label given the prompt was computed over the label's own tokens, \
             and the most probable label was taken as the answer."
                .to_owned(),
        ),
        Some("generate") => sentences.push(generated(session)),
        _ => {}
    }
    if report.rows() > 0 {
        sentences.push(
            "Precision, recall and F1 are computed as by scikit-learn with zero_division=0, over all labels that occur \
             as gold or as predicted, and intervals are Wilson's 95% score intervals."
                .to_owned(),
        );
        if let Some((majority, _)) = report.confusion.majority() {
            sentences.push(format!(
                "Accuracy was {} (95% interval {}) and macro-F1 {}; always answering “{}” would have had an accuracy of {}.",
                share(report.accuracy),
                interval(report.accuracy_ci95),
                share(report.macro_f1),
                named(majority),
                share(report.majority_accuracy)
            ));
        }
    }
    if let Some(tried) = tried {
        sentences.push(format!("When the run began, of its session there were {}.", tried.text()));
    }
    sentences.push(format!("Exported by Shotglass {}.", env!("CARGO_PKG_VERSION")));
    sentences.join(" ")
}

/// How the encoder was trained that classified the rows.
fn fine_tuned(session: &Part<'_>, training: &Part<'_>, told: &str) -> String {
    let value = |pointer: &str| session.value(pointer).unwrap_or_else(|| "some".to_owned());
    let trained = |pointer: &str| training.value(pointer);
    let mut text = format!(
        "The {told} were classified with the encoder {}, fine-tuned with a classification head on {} rows of the \
         train split (seed {}): at most {} epochs in batches of {}, AdamW with a learning rate of {} ({} schedule) and a weight \
         decay of {}, texts cut to {} tokens, seed {}",
        value("/train/model"),
        trained("/train_rows").unwrap_or_else(|| "the".to_owned()),
        value("/data/seed"),
        value("/train/epochs"),
        value("/train/batch_size"),
        value("/train/learning_rate"),
        value("/train/schedule"),
        value("/train/weight_decay"),
        value("/train/max_length"),
        value("/train/seed"),
    );
    if let Some(((step, metric), rows)) =
        trained("/best/step").zip(trained("/best/metric")).zip(trained("/validation_rows"))
    {
        text += &format!(
            "; the weights after step {step} were taken, which had the best {metric} on {rows} validation rows"
        );
    }
    text + "."
}

/// The beginning of a sentence on the rows.
fn the_rows(session: &Part<'_>, told: &str) -> String {
    let mut text = format!("The {told}");
    if let Some(seed) = session.value("/data/seed") {
        text += &format!(" (seed {seed})");
    }
    text + " were classified"
}

fn read_alone(session: &Part<'_>, told: &str) -> String {
    let mut text = the_rows(session, told) + " with the fine-tuned classifier";
    if let Some(model) = session.value("/model/source") {
        text += &format!(" {model}");
    }
    text + ", which read each row's text alone, without a prompt, and the most probable label was taken as the answer."
}

fn classified(session: &Part<'_>, told: &str) -> String {
    let mut text = the_rows(session, told);
    if let Some(model) = session.value("/model/source") {
        text += &format!(" with the language model {model}");
    }
    match session.demonstrations() {
        None => text += " by zero-shot prompting",
        Some(demonstrations) => {
            text += &format!(" by few-shot prompting with {demonstrations}");
            if let (Some(demos), Some(seed)) = (session.value("/prompt/demos"), session.value("/prompt/seed")) {
                text += &format!(" (strategy “{demos}”, seed {seed})");
            }
        }
    }
    if session.chat() {
        text += " through the model's chat template";
    }
    text + "."
}

fn generated(session: &Part<'_>) -> String {
    let tokens = session.value("/decode/max_new_tokens").unwrap_or_else(|| "some".to_owned());
    let how = match session.0.pointer("/decode/temperature") {
        Some(Value::Number(number)) if number.as_f64() == Some(0.0) => "greedily".to_owned(),
        Some(Value::Number(number)) => format!("at temperature {number}"),
        _ => "as the model's own configuration says".to_owned(),
    };
    let mut text = format!("Answers of at most {tokens} new tokens were generated {how}");
    if let Some(rule) = session.value("/answer/rule") {
        text += &format!(" and read by the rule “{rule}”");
    }
    if let Some(unknown) = session.value("/answer/unknown") {
        text += &format!("; what matched no label counts as {unknown}, and as wrong");
    }
    text + "."
}
