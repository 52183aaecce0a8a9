//! A run as a Markdown document.

use serde::Deserialize;
use serde_json::Value;

use crate::metrics::{ClassScores, Confusion, Report, wilson};
use crate::session::predictions::{Prediction, Predictions};
use crate::session::simulation::Simulation;

use super::markdown::{escape, fence, label, line, rule, table};

/// The document of the run named `run`. What the manifest does not tell is left out; `report` is `report.json`, `null`
/// while the run is not finished. Figures are computed anew, of the rows that are there.
pub(super) fn document(run: &str, manifest: &Value, report: &Value, predictions: &Predictions) -> String {
    let session = Session(manifest.pointer("/session").unwrap_or(&Value::Null));
    let title = session.text("/title").unwrap_or(run);
    let labelled: Vec<(&str, &str)> =
        predictions.rows.iter().filter_map(|row| Some((row.gold.as_deref()?, row.predicted.as_str()))).collect();
    let figures = Report::new(Confusion::of(labelled.iter().copied()));

    let mut text = format!("# {}\n\n", label(title));
    text += &format!("Run {}, {} of the {}", label(run), rows(predictions.rows.len()), splits(&predictions.rows));
    if let Some(seconds) = report.pointer("/seconds").and_then(Value::as_f64) {
        text += &format!(", {seconds:.1} seconds");
    }
    text += ".\n\n";
    if report.is_null() {
        text += "**The run is not finished:** the figures are those of the rows answered so far.\n\n";
    }
    let trained = manifest.pointer("/training").is_some_and(|training| !training.is_null());
    text += &setup(&session, manifest, trained);
    if !trained {
        text += &prompt(&session);
    }
    text += "## Results\n\n";
    if labelled.is_empty() {
        text += "No row has a gold label.\n\n";
    } else {
        if labelled.len() < predictions.rows.len() {
            text += &format!("Of {} with a gold label.\n\n", rows(labelled.len()));
        }
        text += &results(&figures);
        text += &confusion(&figures.confusion);
    }
    // One of another version of the program may be told otherwise, and is left out then.
    if let Some(simulation) = report.pointer("/simulation").and_then(|value| Simulation::deserialize(value).ok()) {
        text += &simulated(&simulation);
    }
    text += "## Methods\n\n";
    text += &methods(&session, manifest.pointer("/training").filter(|_| trained), predictions, &figures);
    if !manifest.is_null() {
        let manifest = crate::text::json(manifest).unwrap_or_default();
        text += &format!("\n\n## Manifest\n\n{}", fence("json", &manifest));
    }
    text
}

/// The session within the manifest, section by section as in its TOML file.
struct Session<'a>(&'a Value);

impl<'a> Session<'a> {
    /// A text that is there and not empty.
    fn text(&self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str().filter(|text| !text.is_empty())
    }

    /// A number or a word, as it is written.
    fn value(&self, pointer: &str) -> Option<String> {
        match self.0.pointer(pointer)? {
            Value::Number(number) => Some(number.to_string()),
            Value::String(word) => Some(escape(word)),
            _ => None,
        }
    }

    fn shots(&self) -> u64 {
        self.0.pointer("/prompt/shots").and_then(Value::as_u64).unwrap_or(0)
    }

    fn chat(&self) -> bool {
        self.0.pointer("/prompt/chat").and_then(Value::as_bool).unwrap_or(false)
    }
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// `validation split`, or several.
fn splits(rows: &[Prediction]) -> String {
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

/// What the run was made of: what was asked for, and of the model what really ran.
fn setup(session: &Session<'_>, manifest: &Value, trained: bool) -> String {
    let ran = Session(manifest);
    let model = [
        ("Model", "/model/name"),
        ("Model's origin", "/model/origin"),
        ("Model's SHA-256", "/model/sha256"),
        ("Device", "/model/device"),
        ("Number format", "/model/dtype"),
        ("Data's SHA-256", "/data/sha256"),
    ];
    let data = [
        ("Data", "/data/path"),
        ("Text column", "/data/text"),
        ("Label column", "/data/label"),
        ("Seed of the splits", "/data/seed"),
    ];
    let prompted = [
        ("Model asked for", "/model/source"),
        ("Shots per class", "/prompt/shots"),
        ("Decoding", "/decode/method"),
        ("Answer rule", "/answer/rule"),
    ];
    let tuned = [
        ("Encoder asked for", "/train/model"),
        ("Epochs", "/train/epochs"),
        ("Batch size", "/train/batch_size"),
        ("Learning rate", "/train/learning_rate"),
        ("Weight decay", "/train/weight_decay"),
        ("Longest text in tokens", "/train/max_length"),
        ("Seed of the training", "/train/seed"),
    ];
    let how: &[(&str, &str)] = if trained { &tuned } else { &prompted };
    let known: String = data
        .into_iter()
        .chain(how.iter().copied())
        .map(|(name, pointer)| (name, session.value(pointer)))
        .chain(model.into_iter().map(|(name, pointer)| (name, ran.value(pointer))))
        .filter_map(|(name, value)| Some(format!("- {name}: {}\n", value?)))
        .collect();
    if known.is_empty() { known } else { format!("## Set-up\n\n{known}\n") }
}

fn prompt(session: &Session<'_>) -> String {
    let Some(template) = session.text("/prompt/template") else { return String::new() };
    let mut text = "## Prompt\n\n".to_owned();
    if let Some(system) = session.text("/prompt/system").filter(|_| session.chat()) {
        text += &format!("System message:\n\n{}\n", fence("", system));
    }
    text += &fence("jinja", template);
    if let Some(demo) = session.text("/prompt/demo").filter(|_| session.shots() > 0) {
        text += &format!("\nEach demonstration:\n\n{}", fence("jinja", demo));
    }
    text.push('\n');
    text
}

/// The tables of a simulated survey.
fn simulated(simulation: &Simulation) -> String {
    let mut text = format!("## Simulated and real answers\n\nIn the simulation {}.\n\n", escape(&simulation.method()));
    for shown in simulation.tables() {
        text += &format!("### {}\n\n", escape(&shown.heading));
        text += &line(shown.columns.iter().map(|name| escape(name)));
        text += &rule(shown.columns.len());
        for cells in &shown.rows {
            text += &line(cells.iter().map(|cell| escape(cell)));
        }
        text.push('\n');
        for note in &shown.notes {
            text += &format!("{}.\n\n", escape(note));
        }
    }
    text
}

fn share(value: f64) -> String {
    if value.is_nan() { "undefined".to_owned() } else { format!("{value:.3}") }
}

fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", share(low), share(high))
}

fn results(report: &Report) -> String {
    let matrix = &report.confusion;
    let classes = report.classes.iter().enumerate().map(|(index, (name, class))| {
        let ClassScores { precision, recall, f1, support } = *class;
        let correct = matrix.count(index, index);
        // A share of no rows has no interval.
        let with = |value: f64, of: u64| match of {
            0 => share(value),
            _ => format!("{} ({})", share(value), interval(wilson(correct, of))),
        };
        let (precision, recall) = (with(precision, matrix.predicted(index)), with(recall, support));
        [label(name), precision, recall, share(f1), support.to_string()]
    });
    let averages = [("macro average", report.macro_avg), ("weighted average", report.weighted)].map(|(name, of)| {
        [name.to_owned(), share(of.precision), share(of.recall), share(of.f1), report.rows().to_string()]
    });
    let head = ["label", "precision (95% interval)", "recall (95% interval)", "F1", "support"];
    let mut text = table(head, classes.chain(averages));

    let majority = report.confusion.majority().map_or_else(String::new, |(name, _)| label(name));
    let figure = |name: &str, value: f64, interval: String| [name.to_owned(), share(value), interval];
    text.push('\n');
    text += &table(
        ["figure", "value", "95% interval"],
        [
            figure("accuracy", report.accuracy, interval(report.accuracy_ci95)),
            figure(&format!("majority baseline (always “{majority}”)"), report.majority_accuracy, String::new()),
            figure("macro-F1", report.macro_f1, String::new()),
            figure("balanced accuracy", report.balanced_accuracy, String::new()),
            figure("Matthews correlation coefficient", report.mcc, String::new()),
            figure("Cohen's kappa", report.kappa, String::new()),
        ],
    );
    text.push('\n');
    text
}

fn confusion(confusion: &Confusion) -> String {
    let labels: Vec<String> = confusion.labels().map(label).collect();
    let mut text = "## Confusion matrix\n\nRows are gold labels, columns predicted ones.\n\n".to_owned();
    text += &line(std::iter::once("gold \\ predicted").chain(labels.iter().map(String::as_str)));
    text += &rule(labels.len() + 1);
    for (name, counts) in labels.iter().zip(confusion.matrix()) {
        text += &line(std::iter::once(name.clone()).chain(counts.iter().map(u64::to_string)));
    }
    text.push('\n');
    text
}

/// One paragraph, to be taken into a paper and read again there.
fn methods(session: &Session<'_>, training: Option<&Value>, predictions: &Predictions, report: &Report) -> String {
    let first = match training {
        Some(training) => fine_tuned(session, &Session(training), predictions),
        None => classified(session, predictions),
    };
    let mut sentences = vec![first];
    match session.text("/decode/method").filter(|_| training.is_none()) {
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
            "Precision, recall and F1 are computed as by scikit-learn with `zero_division=0`, over all labels that occur \
             as gold or as predicted, and intervals are Wilson's 95% score intervals."
                .to_owned(),
        );
        if let Some((majority, _)) = report.confusion.majority() {
            sentences.push(format!(
                "Accuracy was {} (95% interval {}) and macro-F1 {}; always answering “{}” would have had an accuracy of {}.",
                share(report.accuracy),
                interval(report.accuracy_ci95),
                share(report.macro_f1),
                label(majority),
                share(report.majority_accuracy)
            ));
        }
    }
    sentences.push(format!("Exported by Shotglass {}.", env!("CARGO_PKG_VERSION")));
    sentences.join(" ") + "\n"
}

/// How the encoder was trained that classified the rows.
fn fine_tuned(session: &Session<'_>, training: &Session<'_>, predictions: &Predictions) -> String {
    let value = |pointer: &str| session.value(pointer).unwrap_or_else(|| "some".to_owned());
    let trained = |pointer: &str| training.value(pointer);
    let mut text = format!(
        "The {} of the {} were classified with the encoder {}, fine-tuned with a classification head on {} rows of the \
         train split (seed {}): at most {} epochs in batches of {}, AdamW with a learning rate of {} ({} schedule) and a weight \
         decay of {}, texts cut to {} tokens, seed {}",
        rows(predictions.rows.len()),
        splits(&predictions.rows),
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

fn classified(session: &Session<'_>, predictions: &Predictions) -> String {
    let mut text = format!("The {} of the {}", rows(predictions.rows.len()), splits(&predictions.rows));
    if let Some(seed) = session.value("/data/seed") {
        text += &format!(" (seed {seed})");
    }
    text += " were classified";
    if let Some(model) = session.value("/model/source") {
        text += &format!(" with the language model {model}");
    }
    match session.shots() {
        0 => text += " by zero-shot prompting",
        shots => {
            let plural = if shots == 1 { "" } else { "s" };
            text += &format!(" by few-shot prompting with {shots} demonstration{plural} per class");
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

fn generated(session: &Session<'_>) -> String {
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
