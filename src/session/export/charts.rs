//! The drawings of a page, as coordinates: the template makes SVG of them.
//!
//! Nothing is told by colour alone: series differ in their lines and marks, and every drawing has its content in words.

use serde::Serialize;

use crate::metrics::Report;
use crate::metrics::calibration::Quality;
use crate::session::simulation::Simulation;
use crate::session::training::{Epoch, epochs};
use crate::train::Figures;

use super::document::{interval, share};
use super::words::named;

/// Width of every drawing; in this measure letters are 11 high.
const WIDTH: f64 = 380.0;
/// Height of one with curves.
const HEIGHT: f64 = 240.0;
/// Room for the axes.
const LEFT: f64 = 44.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 40.0;
/// The most points of a curve: more than that are drawn as means of neighbours.
const MOST_POINTS: usize = 300;

/// Curves that belong together, a section of the page.
#[derive(Serialize)]
pub(super) struct Curves {
    pub heading: &'static str,
    pub charts: Vec<Chart>,
    /// Of a training, its evaluations, which become a table.
    pub epochs: Vec<Epoch>,
}

/// Curves over one pair of axes.
#[derive(Serialize)]
pub(super) struct Chart {
    pub title: &'static str,
    /// The drawing in words.
    pub told: String,
    pub width: f64,
    pub height: f64,
    /// Where the axes cross, and where they end.
    pub left: f64,
    pub bottom: f64,
    pub right: f64,
    pub top: f64,
    pub x_name: &'static str,
    pub x_ticks: Vec<Tick>,
    pub y_ticks: Vec<Tick>,
    pub series: Vec<Series>,
}

/// A mark on an axis.
#[derive(Serialize)]
pub(super) struct Tick {
    pub at: f64,
    pub label: String,
}

/// One curve.
#[derive(Serialize)]
pub(super) struct Series {
    pub name: &'static str,
    /// As `points` of a `polyline` wants them.
    pub line: String,
    /// Where marks are, of a curve of few points.
    pub marks: Vec<(f64, f64)>,
}

/// Accuracy with its interval on a line from 0 to 1, and the majority baseline.
#[derive(Serialize)]
pub(super) struct Strip {
    pub told: String,
    pub low: f64,
    pub high: f64,
    pub at: f64,
    pub baseline: f64,
    pub baseline_value: String,
    pub ticks: Vec<Tick>,
}

/// Real and simulated shares, a line for each label.
#[derive(Serialize)]
pub(super) struct Shares {
    pub told: String,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub rows: Vec<ShareRow>,
}

/// A label's shares.
#[derive(Serialize)]
pub(super) struct ShareRow {
    pub label: String,
    pub y: f64,
    pub real: Option<Mark>,
    pub simulated: Option<Mark>,
}

/// A share with the ends of its interval.
#[derive(Serialize)]
pub(super) struct Mark {
    pub at: f64,
    pub ends: Option<(f64, f64)>,
}

/// Where a number lies on an axis.
#[derive(Clone, Copy)]
struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let part = (value - self.from) / (self.to - self.from);
        let at = self.start + part.clamp(0.0, 1.0) * (self.end - self.start);
        (at * 10.0).round() / 10.0
    }

    /// Round numbers along the axis, five or fewer.
    fn ticks(&self) -> Vec<Tick> {
        let rough = (self.to - self.from) / 5.0;
        let power = 10.0_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|by| by * power).into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(rough);
        let digits = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
        let first = (self.from / step).ceil() as i64;
        let ticks = (0..12).map(|index| (first + index) as f64 * step);
        let inside = ticks.take_while(|value| *value <= self.to + step * 1e-6);
        inside.map(|value| Tick { at: self.at(value), label: format!("{value:.digits$}") }).collect()
    }
}

/// Loss and figures of a training.
pub(super) fn training(figures: &[Figures]) -> Option<Curves> {
    let (mut steps, mut evaluations) = (Vec::new(), Vec::new());
    for figures in figures {
        match figures {
            Figures::Train(step) => steps.push((step.epoch, step.loss)),
            Figures::Eval(scores) => evaluations.push(scores),
        }
    }
    let of = |pick: fn(&crate::train::update::Scores) -> f64| {
        evaluations.iter().map(|scores| (scores.epoch, pick(scores))).collect::<Vec<_>>()
    };
    let loss = [("training", steps), ("validation", of(|scores| scores.loss))];
    let scores = [
        ("accuracy", of(|scores| scores.accuracy)),
        ("weighted F1", of(|scores| scores.f1)),
        ("macro-F1", of(|scores| scores.macro_f1)),
    ];
    let charts: Vec<Chart> = [
        chart("Loss", "epoch", None, loss),
        chart("Figures of the validation split", "epoch", Some((0.0, 1.0)), scores),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!charts.is_empty()).then_some(Curves { heading: "Training", charts, epochs: epochs(figures) })
}

/// Whether confidence is right, and what is left if the least sure rows go to people.
pub(super) fn probabilities(quality: &Quality) -> Option<Curves> {
    let bins = quality.bins.iter().filter(|bin| bin.rows > 0).map(|bin| (bin.confidence, bin.accuracy)).collect();
    let reliability = [("as it is", bins), ("if confidence were right", vec![(0.0, 0.0), (1.0, 1.0)])];
    let risk = quality.risk.iter().map(|point| (point.coverage, point.risk)).collect();
    let charts: Vec<Chart> = [
        chart("Reliability: share right by confidence", "confidence", Some((0.0, 1.0)), reliability),
        chart(
            "Risk and coverage: share wrong among the surest rows",
            "share kept",
            Some((0.0, 1.0)),
            [("wrong", risk)],
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!charts.is_empty()).then_some(Curves { heading: "Probabilities", charts, epochs: Vec::new() })
}

/// Curves over one pair of axes, x from 0 on; `range` is that of y, from 0 to the greatest where none is given. None where
/// no curve has a point.
fn chart<const N: usize>(
    title: &'static str,
    x_name: &'static str,
    range: Option<(f64, f64)>,
    series: [(&'static str, Vec<(f64, f64)>); N],
) -> Option<Chart> {
    let series = series.map(|(name, points)| {
        let finite = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect::<Vec<_>>();
        (name, finite)
    });
    let points = || series.iter().flat_map(|(_, points)| points);
    let most = |pick: fn(&(f64, f64)) -> f64| points().map(pick).fold(0.0, f64::max);
    points().next()?;
    let positive = |value: f64| if value > 0.0 { value } else { 1.0 };
    let (from, to) = range.unwrap_or((0.0, positive(most(|point| point.1)) * 1.05));
    let x = Scale { from: 0.0, to: positive(most(|point| point.0)), start: LEFT, end: WIDTH - RIGHT };
    let y = Scale { from, to, start: HEIGHT - BOTTOM, end: TOP };
    let mut told = Vec::new();
    let mut drawn = Vec::new();
    for (name, points) in &series {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { continue };
        told.push(format!(
            "{name} from {} at {x_name} {:.1} to {} at {:.1}",
            share(first.1),
            first.0,
            share(last.1),
            last.0
        ));
        let at: Vec<(f64, f64)> = thinned(points).into_iter().map(|point| (x.at(point.0), y.at(point.1))).collect();
        let line: Vec<String> = at.iter().map(|(x, y)| format!("{x},{y}")).collect();
        drawn.push(Series { name, line: line.join(" "), marks: if at.len() <= 30 { at } else { Vec::new() } });
    }
    Some(Chart {
        title,
        told: format!("{title}: {}.", told.join("; ")),
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        bottom: HEIGHT - BOTTOM,
        right: WIDTH - RIGHT,
        top: TOP,
        x_name,
        x_ticks: x.ticks(),
        y_ticks: y.ticks(),
        series: drawn,
    })
}

/// Means of neighbours where there are too many points.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |chunk: &[(f64, f64)]| {
        let (x, y) = chunk.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (x / chunk.len() as f64, y / chunk.len() as f64)
    };
    points.chunks(size).map(mean).collect()
}

/// The line of a report; none without rows.
pub(super) fn strip(report: &Report) -> Option<Strip> {
    let (majority, _) = report.confusion.majority()?;
    let [low, high] = report.accuracy_ci95;
    let x = Scale { from: 0.0, to: 1.0, start: 12.0, end: WIDTH - 12.0 };
    Some(Strip {
        told: format!(
            "Accuracy {} (95% interval {}); the majority baseline, always “{}”, has {}.",
            share(report.accuracy),
            interval([low, high]),
            named(majority),
            share(report.majority_accuracy)
        ),
        low: x.at(low),
        high: x.at(high),
        at: x.at(report.accuracy),
        baseline: x.at(report.majority_accuracy),
        baseline_value: share(report.majority_accuracy),
        ticks: x.ticks(),
    })
}

/// The shares that a simulated survey is told by first.
pub(super) fn shares(simulation: &Simulation) -> Option<Shares> {
    /// Room for a label, and of a line.
    const NAMES: f64 = 118.0;
    const LINE: f64 = 24.0;
    let headline = simulation.headline()?;
    let (real, simulated) = (&headline.comparison.real, &headline.comparison.simulated);
    let most = real.iter().chain(simulated).flat_map(|of| [of.value, of.ci95[1]]).filter(|value| value.is_finite());
    let most = most.fold(0.0, f64::max);
    let x = Scale { from: 0.0, to: if most > 0.0 { most } else { 1.0 }, start: NAMES, end: WIDTH - RIGHT };
    let mark = |of: &crate::metrics::distribution::Estimate| {
        let [low, high] = of.ci95;
        let ends = (low.is_finite() && high.is_finite()).then(|| (x.at(low), x.at(high)));
        of.value.is_finite().then(|| Mark { at: x.at(of.value), ends })
    };
    let mut told = Vec::new();
    let mut rows = Vec::new();
    for (index, (label, (real, simulated))) in headline.labels.iter().zip(real.iter().zip(simulated)).enumerate() {
        told.push(format!("{} {} and {}", named(label), share(real.value), share(simulated.value)));
        let long = label.chars().count() > 17;
        let short = label.chars().take(16).collect::<String>();
        rows.push(ShareRow {
            label: if long { short + "…" } else { named(label).to_owned() },
            y: TOP + LINE * (index as f64 + 0.5),
            real: mark(real),
            simulated: mark(simulated),
        });
    }
    Some(Shares {
        told: format!("Real and simulated shares: {}.", told.join("; ")),
        height: TOP + LINE * rows.len() as f64 + 34.0,
        ticks: x.ticks(),
        rows,
    })
}
