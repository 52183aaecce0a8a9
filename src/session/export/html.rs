//! A document as one HTML page: no script, nothing fetched, light and dark, for the screen and for paper.
//!
//! The page is a template, in which every value is escaped: control characters as everywhere in the program, and then what
//! HTML gives a meaning. The template marks nothing as safe.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior, Value, escape_formatter};
use serde::Serialize;

use crate::session::predictions::Predictions;
use crate::session::training;
use crate::text::{printable, printable_lines};

use super::cases::Cases;
use super::charts::{self, Curves, Shares, Strip};
use super::document::Document;

const NAME: &str = "page.html";
const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// What the template is rendered with.
#[derive(Serialize)]
struct Page<'a> {
    document: &'a Document,
    cases: Cases,
    strip: Option<Strip>,
    shares: Option<Shares>,
    curves: Vec<Curves>,
}

/// The page of the run in `folder`.
///
/// # Errors
/// What the template is wrong in, which tests rule out.
pub(super) fn write(
    folder: &Path,
    manifest: &serde_json::Value,
    document: &Document,
    predictions: &Predictions,
) -> Result<String, Error> {
    // A run of another kind has none, and figures that cannot be read are left out.
    let figures = training::read(folder).map(|history| history.figures).unwrap_or_default();
    let page = Page {
        document,
        cases: Cases::of(manifest, predictions),
        strip: charts::strip(&document.report),
        shares: document.survey.as_ref().and_then(charts::shares),
        curves: charts::training(&figures)
            .into_iter()
            .chain(document.quality.as_ref().and_then(charts::probabilities))
            .collect(),
    };
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.set_formatter(escaped);
    env.add_filter("line", |text: &str| printable(text).into_owned());
    env.add_filter("digits", |value: f64, digits: usize| format!("{value:.digits$}"));
    env.add_template("page.css", STYLE)?;
    env.add_template(NAME, PAGE)?;
    env.get_template(NAME)?.render(Value::from(Serde(page)))
}

/// Writes a value: what is a text of ours or of the data has its control characters escaped first.
fn escaped(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.as_str().filter(|_| !value.is_safe()) {
        // Browsers make one line break of two characters anyway.
        Some(text) => escape_formatter(out, state, &Value::from(printable_lines(text).replace("\r\n", "\n"))),
        None => escape_formatter(out, state, value),
    }
}
