//! The session file: one experiment, described whole.
//!
//! Each section is defined in the room that obeys it; this module puts them together and checks what types cannot say.
//! Reading the TOML and naming the place of an error is [`super::parse`]'s work, finding files [`super::home`]'s.

use serde::{Deserialize, Serialize};

use crate::data::DataSpec;
use crate::data::clean::Cleaner;
use crate::engine::command::{DecodeSpec, Method, NumberOr, Truncate};
use crate::engine::{Generation, Temperature};
use crate::model::ModelSpec;
use crate::prompt::{AnswerRule, AnswerSpec, DemosAs, PromptSpec};
use crate::train::TrainSpec;

use super::calibrate::CalibrateSpec;
use super::parse::{self, Override, nearest};
use super::search::SearchSpec;
use super::simulation::{SimulateSpec, Take};
use super::sweep::SweepSpec;

/// The version of the session file's form that this program reads.
pub const VERSION: u32 = 1;

/// What is wrong with a session file or an override.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct SessionError {
    place: String,
    message: String,
}

impl SessionError {
    /// `place` is `file:line:column`, or the override as typed.
    pub(super) fn new(place: impl Into<String>, message: &str) -> Self {
        Self { place: place.into(), message: message.to_owned() }
    }
}

/// A session: model, data, prompt, decoding, answer rule, training and simulation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The version of the file's form, 1.
    pub version: u32,
    /// What the experiment is, in one line.
    #[serde(default)]
    pub title: String,
    /// The language model.
    #[serde(default)]
    pub model: ModelSpec,
    /// The rows.
    pub data: DataSpec,
    /// What the model is shown.
    pub prompt: PromptSpec,
    /// How answers are had from the model.
    #[serde(default)]
    pub decode: DecodeSpec,
    /// How a label is read out of an answer.
    #[serde(default)]
    pub answer: AnswerSpec,
    /// How an encoder is fine-tuned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<TrainSpec>,
    /// How simulated respondents are held against real ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulate: Option<SimulateSpec>,
    /// What calibration goes by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibrate: Option<CalibrateSpec>,
    /// What a robustness sweep varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepSpec>,
    /// How a better prompt is looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchSpec>,
}

impl Session {
    /// Reads a session's TOML with overrides laid over it; messages call the file `name`.
    pub fn parse(name: &str, text: &str, overrides: &[Override]) -> Result<Self, SessionError> {
        let (mut session, places) = parse::read(name, text, overrides)?;
        // A respondent's sentence names parties within other words more often than a label's code does.
        if session.simulate.is_some() && !places.says("answer.rule") {
            session.answer.rule = AnswerRule::Earliest;
        }
        match session.check() {
            Ok(()) => Ok(session),
            Err((path, message)) => Err(places.error_at(&path, &format!("`{path}` {message}"))),
        }
    }

    /// What types cannot say: the dotted key, and what it must be.
    fn check(&self) -> Result<(), (String, String)> {
        let decode = &self.decode;
        let ensure = |right: bool, path: &str, message: &str| {
            if right { Ok(()) } else { Err((path.to_owned(), message.to_owned())) }
        };
        ensure(self.version == VERSION, "version", &format!("must be {VERSION}, found {}", self.version))?;
        self.model.check().map_err(|(key, message)| (format!("model.{key}"), message))?;
        ensure(!self.data.path.is_empty(), "data.path", "is empty")?;
        ensure(self.data.sample != Some(0), "data.sample", "must be at least 1")?;
        ensure(!self.prompt.template.is_empty(), "prompt.template", "is empty")?;
        ensure(!self.answer.unknown.is_empty(), "answer.unknown", "is empty")?;
        ensure(decode.max_new_tokens > 0, "decode.max_new_tokens", "must be at least 1")?;
        ensure(temperature(decode).is_some(), "decode.temperature", "must be 0 or more, or \"model\"")?;
        ensure(decode.top_p.is_none_or(|p| p > 0.0 && p <= 1.0), "decode.top_p", "must lie between 0 and 1")?;
        ensure(decode.top_k != Some(0), "decode.top_k", "must be at least 1")?;
        let penalty = decode.repetition_penalty;
        ensure(penalty.is_none_or(|p| p > 0.0 && p.is_finite()), "decode.repetition_penalty", "must be more than 0")?;
        let turns = self.prompt.demos_as == DemosAs::Turns;
        ensure(!turns || self.prompt.chat, "prompt.demos_as", "is \"turns\", for which prompt.chat must be true")?;
        if let Some(simulate) = &self.simulate {
            simulate.check().map_err(|(key, message)| (format!("simulate.{key}"), message))?;
            let by_likelihood = simulate.answer == Take::Likely || decode.method == Method::Score;
            let message = "takes the labels' probabilities, for which decode.method must be \"score\"; text that is generated is \
                           sampled with decode.temperature";
            ensure(by_likelihood, "simulate.answer", message)?;
        }
        if let Some(calibrate) = &self.calibrate {
            calibrate.check().map_err(|(key, message)| (format!("calibrate.{key}"), message))?;
        }
        if let Some(sweep) = &self.sweep {
            sweep.check(&self.prompt).map_err(|(key, message)| (format!("sweep.{key}"), message))?;
        }
        if let Some(search) = &self.search {
            search.check().map_err(|(key, message)| (format!("search.{key}"), message))?;
        }
        let words: Vec<&str> = self.data.labels.values().map(String::as_str).collect();
        if let Some(label) =
            self.answer.aliases.keys().find(|label| !words.is_empty() && !words.contains(&label.as_str()))
        {
            let hint = nearest(label, words.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
            let message = format!("is an alias of no label: there is no `{label}`{}", hint.unwrap_or_default());
            return Err((format!("answer.aliases.{label}"), message));
        }
        ensure(batch_size(decode).is_some(), "decode.batch_size", "must be a whole number, 1 or more, or \"auto\"")?;
        self.train.as_ref().map_or(Ok(()), |train| self.check_train(train))
    }

    /// The same of the `[train]` section.
    fn check_train(&self, train: &TrainSpec) -> Result<(), (String, String)> {
        train.check().map_err(|(key, message)| (format!("train.{key}"), message))?;
        if let Err(error) = Cleaner::new(&train.clean) {
            // The rules are those of the data, and so is the message but for the key.
            let message = error.to_string();
            let message = message.strip_prefix("data.clean: ").unwrap_or(&message);
            return Err(("train.clean".to_owned(), format!("cannot be obeyed: {message}")));
        }
        // Labels that the data alone knows are checked when it is read.
        let known: Vec<&str> = self.data.labels.values().map(String::as_str).collect();
        match train.unknown_label(&known).filter(|_| !known.is_empty()) {
            Some(label) => Err((format!("train.class_weights.{label}"), no_label(label, &known))),
            None => Ok(()),
        }
    }

    /// How tokens are picked.
    pub fn generation(&self) -> Generation {
        let decode = &self.decode;
        Generation {
            max_new_tokens: decode.max_new_tokens,
            temperature: temperature(decode).unwrap_or(Temperature::Value(0.0)),
            top_p: decode.top_p,
            top_k: decode.top_k,
            repetition_penalty: decode.repetition_penalty,
            seed: decode.seed,
            stop: decode.stop.clone(),
        }
    }

    /// Rows a batch; none is what fits into memory.
    pub fn batch_size(&self) -> Option<usize> {
        batch_size(&self.decode).flatten()
    }

    /// Whether prompts longer than the context are cut from the left.
    pub fn truncates(&self) -> bool {
        self.decode.truncate == Truncate::Left
    }
}

/// What is said of a class weight for a label that there is not.
pub(super) fn no_label(label: &str, known: &[&str]) -> String {
    let hint = match nearest(label, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", known.join(", ")),
    };
    format!("is a weight of no label: no row is called `{label}`; {hint}")
}

fn temperature(decode: &DecodeSpec) -> Option<Temperature> {
    match &decode.temperature {
        NumberOr::Number(value) if *value >= 0.0 && value.is_finite() => Some(Temperature::Value(*value)),
        NumberOr::Word(word) if word == "model" => Some(Temperature::Model),
        _ => None,
    }
}

/// The inner none is `auto`.
fn batch_size(decode: &DecodeSpec) -> Option<Option<usize>> {
    match &decode.batch_size {
        // Exact below 2^53; no batch is that large.
        NumberOr::Number(size) if *size >= 1.0 && size.fract() == 0.0 && *size < 1e9 => Some(Some(*size as usize)),
        NumberOr::Word(word) if word == "auto" => Some(None),
        _ => None,
    }
}
