//! What calibrations make of a run, and how far its probabilities can be believed.

use serde::Serialize;
use serde_json::Value;

use crate::data::Split;
use crate::metrics::calibration::{Method, Quality};
use crate::session::calibrate::{Kept, apply, fit, quality};
use crate::session::predictions::Predictions;
use crate::session::queue::Scores;

use super::document::share;

/// One method with its figures.
#[derive(Serialize)]
pub(super) struct Row {
    pub method: &'static str,
    pub accuracy: String,
    pub macro_f1: String,
    pub ece: String,
    pub brier: String,
    /// What it goes by; nothing of the run as it is.
    pub why: String,
}

/// The methods that what is kept beside the run suffices for.
pub(super) struct Calibration {
    pub rows: Vec<Row>,
    /// Of the run as it is.
    pub quality: Quality,
}

/// None where the run has no log-probabilities or no gold labels.
pub(super) fn of(manifest: &Value, kept: &Kept, predictions: &Predictions) -> Option<Calibration> {
    let labels = &predictions.columns.labels;
    let rows: Vec<&_> = predictions.rows.iter().collect();
    let own = quality(&rows, labels)?;
    let split = Split::ALL.into_iter().find(|split| manifest.pointer("/split") == Some(&Value::from(split.name())));
    let told = Method::ALL.into_iter().filter(|method| kept.has(*method)).filter_map(|method| {
        let fitted = fit(method, kept, split.unwrap_or(Split::Validation), &rows, labels, &mut || true).ok()?;
        let calibrated = apply(&fitted.calibration, &rows, labels);
        let scores = Scores::of(&calibrated)?;
        let quality = quality(&calibrated, labels)?;
        Some(Row {
            method: method.name(),
            accuracy: share(scores.accuracy),
            macro_f1: share(scores.macro_f1),
            ece: share(quality.ece),
            brier: share(quality.brier),
            why: fitted.why,
        })
    });
    Some(Calibration { rows: told.collect(), quality: own })
}
