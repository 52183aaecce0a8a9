//! A training as view 4 shows it: what it tells, gathered and bounded, and how it is looked at. Where it comes from (the
//! engine, or the files of a run) makes no difference.

pub mod curve;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::session::Session;
use crate::session::folder::Status;
use crate::session::training::{EventKind, History, LoggedEvent};
use crate::train::update::Scores;
use crate::train::{Evaluation, Figures, Pace, Started, TrainSpec, Update};

use curve::Curve;

/// Lines of events that are kept; `events.jsonl` has all.
const MOST_LINES: usize = 500;
/// Evaluations that are kept; beyond these every other one goes, but never the best.
const MOST_EVALUATIONS: usize = 512;
/// Earlier trainings that are drawn beside the one on the screen.
pub const MOST_OVERLAYS: usize = 3;
/// How smoothing is made stronger and weaker.
const SMOOTHING: [f64; 7] = [0.0, 0.3, 0.6, 0.8, 0.9, 0.97, 0.99];
/// The narrowest window, in steps.
const NARROWEST: usize = 10;

/// The `[train]` section of a session.
pub fn settings(session: &Session) -> Option<TrainSpec> {
    session.train.clone()
}

/// One thing that happened, besides figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Hour and minute, in the zone of the machine.
    pub time: String,
    /// Steps done.
    pub step: usize,
    /// What it is about.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

impl Line {
    /// A line of `events.jsonl`.
    pub fn of_log(event: &LoggedEvent) -> Self {
        let time = event.time.parse::<jiff::Timestamp>();
        let time = time.map(|time| time.to_zoned(TimeZone::system()).strftime("%H:%M").to_string());
        Self { time: time.unwrap_or_default(), step: event.step, kind: event.kind, text: event.text.clone() }
    }

    /// What an update says in words, if it says anything. The time is whose clock is at hand.
    pub fn of(update: &Update, time: String) -> Option<Self> {
        let line = |step: usize, kind, text| Some(Self { time, step, kind, text });
        match update {
            Update::Started(started) if started.step > 0 => {
                let text = format!("goes on from step {} of {}", started.step, started.steps);
                line(started.step, EventKind::Started, text)
            }
            Update::Started(started) => {
                let cut = match started.truncated {
                    0 => String::new(),
                    1 => "; the text of 1 row is cut".to_owned(),
                    rows => format!("; the texts of {rows} rows are cut"),
                };
                line(0, EventKind::Started, format!("{} begins: {} steps{cut}", started.model, started.steps))
            }
            Update::Saved { step, .. } => line(*step, EventKind::Saved, "checkpoint kept".to_owned()),
            Update::Best { step, metric, value } => {
                line(*step, EventKind::Best, format!("best so far: {metric} {value:.3}"))
            }
            Update::Warned { step, text } => line(*step, EventKind::Warned, text.clone()),
            Update::Changed { step, text, .. } => line(*step, EventKind::Changed, text.clone()),
            Update::Step(_) | Update::Pace(_) | Update::Evaluated(_) => None,
        }
    }
}

/// What the engine does before the first step: in words, bytes so far and in all.
pub type Stage = (String, u64, Option<u64>);

/// The figures of the test split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Share of right answers.
    pub accuracy: f64,
    /// F1, weighted by the labels' frequencies.
    pub f1: f64,
    /// Unweighted mean of the labels' F1.
    pub macro_f1: f64,
}

/// A training on the screen.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its folder.
    pub path: PathBuf,
    /// What it is called.
    pub name: String,
    /// How it is trained.
    pub settings: TrainSpec,
    /// The labels, in session order.
    pub labels: Vec<String>,
    /// Where it stands.
    pub status: Status,
    /// How it began.
    pub started: Option<Started>,
    /// What the engine does before it begins.
    pub stage: Option<Stage>,
    /// The loss.
    pub curve: Curve,
    /// Evaluations of the validation split, oldest first.
    pub evaluations: Vec<Scores>,
    /// The step of the best one.
    pub best: Option<usize>,
    /// The figures of the test split, at the end.
    pub test: Option<Test>,
    /// How fast it goes.
    pub pace: Option<Pace>,
    /// Whether it waits.
    pub paused: bool,
    /// What happened besides, oldest first.
    pub lines: VecDeque<Line>,
}

impl Watched {
    /// One of which nothing was told yet.
    pub fn new(path: PathBuf, name: String, settings: TrainSpec, labels: Vec<String>) -> Self {
        Self {
            path,
            name,
            settings,
            labels,
            status: Status::Running,
            started: None,
            stage: None,
            curve: Curve::default(),
            evaluations: Vec::new(),
            best: None,
            test: None,
            pace: None,
            paused: false,
            lines: VecDeque::new(),
        }
    }

    /// One as its folder tells it.
    pub fn of_history(path: PathBuf, name: String, history: &History, test: Option<Test>) -> Self {
        let settings = settings(&history.manifest.session).unwrap_or_default();
        let mut watched = Self::new(path, name, settings, history.labels.clone());
        watched.status = history.manifest.status;
        watched.started.clone_from(&history.started);
        watched.test = test;
        history.figures.iter().for_each(|figures| watched.take_figures(figures));
        for event in &history.events {
            if event.kind == EventKind::Best {
                watched.best = Some(event.step);
            }
            watched.add(Line::of_log(event));
        }
        watched
    }

    /// Takes what the training tells.
    pub fn take(&mut self, update: &Update) {
        match update {
            Update::Started(started) => {
                self.stage = None;
                if started.step > 0 && self.curve.is_empty() {
                    started.history.iter().for_each(|figures| self.take_figures(figures));
                }
                self.started = Some(Started { history: Vec::new(), ..(**started).clone() });
            }
            Update::Step(step) => self.curve.push(step),
            Update::Pace(pace) => self.pace = Some(*pace),
            Update::Evaluated(evaluation) => self.evaluated(evaluation),
            Update::Best { step, .. } => self.best = Some(*step),
            Update::Changed { paused, .. } => self.paused = *paused,
            Update::Saved { .. } | Update::Warned { .. } => {}
        }
    }

    fn evaluated(&mut self, evaluation: &Evaluation) {
        let scores = &evaluation.scores;
        if evaluation.test {
            self.test = Some(Test { accuracy: scores.accuracy, f1: scores.f1, macro_f1: scores.macro_f1 });
            return;
        }
        if evaluation.best {
            self.best = Some(scores.step);
        }
        self.take_figures(&Figures::Eval(scores.clone()));
    }

    fn take_figures(&mut self, figures: &Figures) {
        match figures {
            Figures::Train(step) => self.curve.push(step),
            Figures::Eval(scores) => {
                self.evaluations.retain(|earlier| earlier.step < scores.step);
                self.evaluations.push(scores.clone());
                if self.evaluations.len() > MOST_EVALUATIONS {
                    let (mut place, best) = (0, self.best);
                    self.evaluations.retain(|scores| {
                        place += 1;
                        place % 2 == 0 || Some(scores.step) == best
                    });
                }
            }
        }
    }

    /// Adds a line of what happened.
    pub fn add(&mut self, line: Line) {
        self.lines.push_back(line);
        if self.lines.len() > MOST_LINES {
            self.lines.pop_front();
        }
    }

    /// Steps done.
    pub fn step(&self) -> usize {
        let logged = self.curve.last().map_or(0, |point| point.last);
        let begun = self.started.as_ref().map_or(0, |started| started.step);
        // Read from its folder, what was evaluated last may lie behind what was logged last.
        let evaluated = self.evaluations.last().map_or(0, |scores| scores.step);
        self.pace.map_or(0, |pace| pace.step).max(logged).max(begun).max(evaluated)
    }

    /// Epochs done, with their fraction.
    pub fn epoch(&self) -> f64 {
        let each = self.started.as_ref().map_or(0, |started| started.steps_per_epoch);
        if each > 0 { self.step() as f64 / each as f64 } else { self.curve.last().map_or(0.0, |point| point.epoch) }
    }

    /// Steps in all, as it was planned.
    pub fn steps(&self) -> Option<usize> {
        self.started.as_ref().map(|started| started.steps)
    }

    /// The last step of the axis: all that are planned while it goes on, else all that there are.
    pub fn end(&self) -> usize {
        let done = self.step();
        if self.status == Status::Running { done.max(self.steps().unwrap_or(0)) } else { done }
    }

    /// The evaluation of the best weights.
    pub fn best_scores(&self) -> Option<&Scores> {
        self.evaluations.iter().find(|scores| Some(scores.step) == self.best)
    }

    /// Share of the steps that are done.
    pub fn share(&self) -> Option<f64> {
        self.steps().filter(|steps| *steps > 0).map(|steps| self.step() as f64 / steps as f64)
    }
}

/// View 4.
#[derive(Clone)]
pub struct TrainState {
    /// The training on the screen.
    pub shown: Option<Watched>,
    /// Whether one is being begun.
    pub beginning: bool,
    /// Whether the one on the screen is the engine's own.
    pub live: bool,
    /// Whether it was asked to wait.
    pub pausing: bool,
    /// Whether it was asked to end and keep the best.
    pub stopping: bool,
    /// Whether its folder is being read.
    pub reading: bool,
    /// How strongly the loss is smoothed, a place in the list of strengths.
    smoothing: usize,
    /// Whether the loss is drawn on a logarithmic scale.
    pub log: bool,
    /// How often the window was halved.
    zoom: u32,
    /// The first step of the window, where there is one.
    from: usize,
    /// The step whose values are read.
    pub cursor: Option<usize>,
    /// The first evaluation on the screen, from the end.
    pub scroll: usize,
    /// The first event on the screen, from the end.
    pub events_scroll: usize,
    /// Earlier trainings that are drawn beside it.
    pub overlays: Vec<Arc<Watched>>,
}

impl Default for TrainState {
    fn default() -> Self {
        Self {
            shown: None,
            beginning: false,
            live: false,
            pausing: false,
            stopping: false,
            reading: false,
            smoothing: 2,
            log: false,
            zoom: 0,
            from: 0,
            cursor: None,
            scroll: 0,
            events_scroll: 0,
            overlays: Vec::new(),
        }
    }
}

impl TrainState {
    /// Puts a training on the screen. The same one read again is looked at as before.
    pub fn show(&mut self, watched: Watched) {
        if self.shown.as_ref().is_none_or(|shown| shown.path != watched.path) {
            (self.zoom, self.from, self.cursor) = (0, 0, None);
            (self.scroll, self.events_scroll) = (0, 0);
            self.overlays.retain(|overlay| overlay.path != watched.path);
        }
        let last = watched.step();
        self.shown = Some(watched);
        // Read again it may have fewer steps: it was taken up at an earlier checkpoint.
        if let Some(cursor) = self.cursor {
            let (place, span) = (cursor.min(last), self.span());
            self.cursor = Some(place);
            self.from = self.from.clamp(place.saturating_sub(span), place);
        }
    }

    /// How strongly the loss is smoothed, from 0 to below 1.
    pub fn strength(&self) -> f64 {
        SMOOTHING.get(self.smoothing).copied().unwrap_or_default()
    }

    /// Smooths more or less strongly.
    pub fn smooth(&mut self, by: isize) {
        self.smoothing = self.smoothing.saturating_add_signed(by).min(SMOOTHING.len() - 1);
    }

    /// The last step there is to be seen.
    fn end(&self) -> usize {
        let overlays = self.overlays.iter().map(|overlay| overlay.step());
        self.shown.iter().map(Watched::end).chain(overlays).max().unwrap_or(0).max(1)
    }

    /// Steps that the window is wide.
    fn span(&self) -> usize {
        let end = self.end();
        end.checked_shr(self.zoom).unwrap_or(0).max(NARROWEST.min(end))
    }

    /// The first and the last step on the screen. Without a cursor, a narrow window ends at the latest step.
    pub fn window(&self) -> (usize, usize) {
        let (end, span) = (self.end(), self.span());
        if span >= end {
            return (0, end);
        }
        let latest = self.shown.as_ref().map_or(0, Watched::step).max(span);
        let from = match self.cursor {
            Some(_) => self.from.min(end - span),
            None => latest - span,
        };
        (from, from + span)
    }

    /// Looks closer, or from farther away.
    pub fn zoom(&mut self, closer: bool) {
        let (from, to) = self.window();
        let span = self.span();
        self.zoom = if closer { self.zoom + u32::from(span > NARROWEST) } else { self.zoom.saturating_sub(1) };
        // The cursor stays where it is on the screen, as far as can be.
        if let Some(cursor) = self.cursor {
            let share = cursor.saturating_sub(from) as f64 / (to - from).max(1) as f64;
            self.from = cursor.saturating_sub((share * self.span() as f64).round() as usize);
        }
    }

    /// Whether only a part is on the screen.
    pub fn is_zoomed(&self) -> bool {
        self.zoom > 0
    }

    /// Moves the cursor by so many columns of `width`; the window follows.
    pub fn step_cursor(&mut self, by: isize, width: u16) {
        let (from, to) = self.window();
        let Some(shown) = &self.shown else { return };
        let last = shown.step();
        let stride = ((to - from) / usize::from(width).max(1)).max(1);
        let place = match self.cursor {
            None => last.clamp(from, to),
            Some(cursor) if by.unsigned_abs() >= isize::MAX as usize => cursor.saturating_add_signed(by),
            Some(cursor) => cursor.saturating_add_signed(by.saturating_mul(stride as isize)),
        };
        if self.cursor.is_none() {
            self.from = from;
        }
        let place = place.min(last);
        self.cursor = Some(place);
        let span = self.span();
        self.from = self.from.clamp(place.saturating_sub(span), place);
    }

    /// Puts the cursor at a step, inside of what there is.
    pub fn put_cursor(&mut self, step: usize) {
        let (from, _) = self.window();
        if let Some(shown) = &self.shown {
            (self.cursor, self.from) = (Some(step.min(shown.step())), from);
        }
    }

    /// Whether a training of another process is on the screen, or one that was killed.
    pub fn is_foreign(&self) -> bool {
        !self.live && self.shown.as_ref().is_some_and(|shown| shown.status == Status::Running)
    }
}

#[cfg(test)]
mod tests;
