//! The report of a run: scikit-learn's table, the intervals beside it, and what it is to be compared with.

use ratatui::layout::Rect;

use crate::app::run::Run;
use crate::app::{Action, App};
use crate::metrics::calibration::{Method, Quality};
use crate::metrics::report::wilson;
use crate::metrics::{Layout, Report, classification_report};
use crate::session::folder::Status;
use crate::ui::widgets::bar;
use crate::ui::widgets::text::{self, Align};
use crate::ui::{Canvas, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let dot = if app.look.ascii { "|" } else { "·" };
    let Some(run) = &app.run else {
        let limit = app.evaluate.limit.map(|limit| format!(", {limit} rows")).unwrap_or_default();
        return Titles::new("Report", format!("next run: {}{limit}", app.evaluate.split));
    };
    let status = match run.status {
        Status::Running => "running",
        Status::Finished => "finished",
        Status::Cancelled => "stopped",
        Status::Failed => "broke off",
    };
    Titles::new(
        format!("{} {dot} {} {dot} {} rows", run.about.name, run.about.split, run.tally.total),
        format!("{status} {dot} {}", run.about.model),
    )
}

/// A duration as `1:05`, a long one as `2:01:05`.
pub(in crate::ui) fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    if seconds >= 3600 {
        return format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The lines of the report.
fn lines(app: &App, run: &Run, report: &Report) -> Vec<String> {
    let ascii = app.look.ascii;
    let to = if ascii { ".." } else { "…" };
    let interval = |[low, high]: [f64; 2]| format!("{low:.3}{to}{high:.3}");
    let mut lines: Vec<String> =
        classification_report(&report.confusion, &Layout::default()).lines().map(str::to_owned).collect();
    lines.push(String::new());
    lines.push(format!("accuracy  {:.3}   95% {}", report.accuracy, interval(report.accuracy_ci95)));
    let majority = report.confusion.majority().map_or("", |(label, _)| label);
    let lead = report.accuracy - report.majority_accuracy;
    lines.push(format!("majority  {:.3}   always {majority}", report.majority_accuracy));
    lines.push(match lead {
        0.0 => "                  the run is no better".to_owned(),
        lead if lead > 0.0 => format!("                  the run is above it by {lead:.3}"),
        lead => format!("                  the run is BELOW it by {:.3}", lead.abs()),
    });
    let beside = Some(&app.evaluate.baselines).filter(|beside| beside.of == run.about.path);
    match beside.map(|beside| (beside.fitting, beside.found.as_ref().and_then(|found| found.beside(report)))) {
        Some((_, Some([name, figures]))) => {
            lines.push(format!("baseline  {name}"));
            lines.push(format!("                  {figures}"));
        }
        Some((true, None)) => lines.push("baseline  is being fitted on the train split".to_owned()),
        _ => {}
    }
    lines.push(format!("macro-F1  {:.3}   balanced accuracy {:.3}", report.macro_f1, report.balanced_accuracy));
    lines.push(format!("kappa     {:.3}   MCC {:.3}", report.kappa, report.mcc));
    lines.extend(calibration(app, run));
    lines.push(String::new());
    lines.push("95% (Wilson)       precision          recall".to_owned());
    for (label, scores) in &report.classes {
        let Some(index) = report.confusion.index(label) else { continue };
        let (correct, predicted) = (report.confusion.count(index, index), report.confusion.predicted(index));
        let part = |trials: u64| if trials == 0 { "none".to_owned() } else { interval(wilson(correct, trials)) };
        let name = text::pad(&text::fit(label, 14), 14, Align::Right);
        lines.push(format!("{name}  {:>13}   {:>13}", part(predicted), part(scores.support)));
    }
    let unlabelled = run.tally.done - run.tally.labelled;
    if unlabelled > 0 {
        lines.push(format!("{unlabelled} rows without a gold label are not counted"));
    }
    if let Some(quality) = quality(app, run) {
        lines.push(String::new());
        lines.extend(reliability(quality, ascii));
        lines.push(String::new());
        lines.extend(coverage(quality, ascii));
    }
    lines
}

/// How good the probabilities on the screen are, once that is known.
fn quality<'a>(app: &'a App, run: &Run) -> Option<&'a Quality> {
    let (of, quality) = app.evaluate.calibrate.quality.as_ref()?;
    quality.as_deref().filter(|_| of.0 == run.about.path && of.1 == run.revision)
}

/// Which calibration is on, what it goes by, and what else there is.
fn calibration(app: &App, run: &Run) -> Vec<String> {
    let state = &app.evaluate.calibrate;
    let scored = run.rows.first().is_some_and(|row| row.logprobs.iter().any(Option::is_some));
    if run.is_live() || !scored {
        return Vec::new();
    }
    let key =
        |action| app.keymap.chord(&app.contexts(), action).map_or_else(String::new, |chord| chord.show(app.look.ascii));
    let mut lines = vec![String::new()];
    let now = match state.wanted {
        Some(method) => format!("{} is being worked out", method.name()),
        None => state.method().name().to_owned(),
    };
    lines.push(format!("calibration: {now}"));
    let others = [
        (Method::Contextual, Action::Contextual),
        (Method::Batch, Action::Batch),
        (Method::Supervised, Action::Supervised),
        (Method::None, Action::Uncalibrated),
    ];
    let others: Vec<String> = others
        .into_iter()
        .filter(|(method, _)| *method != state.method())
        .map(|(method, action)| (method, key(action)))
        .filter(|(_, key)| !key.is_empty())
        .map(|(method, key)| format!("{key} {}", method.name()))
        .collect();
    if !others.is_empty() {
        lines.push(format!("  {}", others.join("   ")));
    }
    lines.extend(state.shown.as_ref().map(|shown| format!("  {}", shown.why)));
    if let Some(quality) = quality(app, run) {
        lines.push(format!("ECE       {:.3}   Brier score {:.3}", quality.ece, quality.brier));
    }
    lines
}

/// The reliability diagram: of the rows with a confidence, how many are right.
fn reliability(quality: &Quality, ascii: bool) -> Vec<String> {
    let mut lines = vec!["confidence      right               rows".to_owned()];
    for (tenth, bin) in quality.bins.iter().enumerate().filter(|(_, bin)| bin.rows > 0) {
        let from = tenth as f64 / 10.0;
        let bar = stroke(bin.accuracy, Some(bin.confidence), ascii);
        lines.push(format!("{from:.1} to {:.1}  {bar} {:.2}  {:>5}", from + 0.1, bin.accuracy, bin.rows));
    }
    let mark = if ascii { "|" } else { "│" };
    lines.push(format!("  {mark} is where it would be if confidence were right"));
    lines
}

/// What is left if the least sure rows go to people.
fn coverage(quality: &Quality, ascii: bool) -> Vec<String> {
    let mut lines = vec!["surest kept     right               rows".to_owned()];
    for share in [1.0, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1] {
        let Some(kept) = quality.kept(share).filter(|kept| (kept.coverage - share).abs() < 0.05) else { continue };
        let right = 1.0 - kept.risk;
        lines.push(format!(
            "{:>10.0}%  {} {right:.2}  {:>5}",
            100.0 * kept.coverage,
            stroke(right, None, ascii),
            kept.rows
        ));
    }
    lines.push(format!("area under the risk-coverage curve {:.3}", quality.aurc));
    lines
}

/// A share as a bar of sixteen columns, with a mark where it ought to be.
fn stroke(share: f64, mark: Option<f64>, ascii: bool) -> String {
    const COLUMNS: usize = 16;
    let (full, rest, at) = if ascii { ('#', '.', '|') } else { ('█', '·', '│') };
    let place = |share: f64| ((share * COLUMNS as f64).round() as usize).min(COLUMNS);
    let marked = mark.map(|mark| place(mark).min(COLUMNS - 1));
    let cell = |column: usize| match column {
        _ if marked == Some(column) => at,
        _ if column < place(share) => full,
        _ => rest,
    };
    (0..COLUMNS).map(cell).collect()
}

/// The figures on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, line: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(run) = &app.run else { return };
    let dot = canvas.symbol("·", "|");
    let text = match &run.report {
        Some(report) => format!(
            "  accuracy {} {dot} macro-F1 {} {dot} majority {}",
            share(report.accuracy),
            share(report.macro_f1),
            share(report.majority_accuracy)
        ),
        None => "  no answer yet".to_owned(),
    };
    let below = run.report.as_ref().is_some_and(|report| report.accuracy < report.majority_accuracy);
    canvas.line(line.x, line.y, line.width, &[(&text, if below { theme.warn } else { theme.text })]);
}

/// Lines of the pane, with those above the report.
pub(in crate::ui) fn height(app: &App) -> usize {
    let run = app.run.as_ref();
    run.and_then(|run| Some(2 + lines(app, run, run.report.as_ref()?).len())).unwrap_or(0)
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme, ascii) = (canvas.app, canvas.theme, canvas.ascii());
    let Some(run) = &app.run else {
        for (line, y) in empty(app).iter().zip(inner.y + 1..inner.bottom()) {
            canvas.line(inner.x + 1, y, inner.width.saturating_sub(2), &[(line, theme.dim)]);
        }
        return;
    };
    // How far it is has the first line.
    let left = run.seconds_left().map(|seconds| format!("  {} left", clock(seconds))).unwrap_or_default();
    let rate = if run.is_live() { format!("  {:.1} rows/s{left}", run.rate) } else { String::new() };
    let done = format!("{}/{} ", run.tally.done, run.tally.total);
    let used = canvas.line(inner.x + 1, inner.y, inner.width, &[(&done, theme.text)]);
    let columns = 24.min(inner.width.saturating_sub(used + 30));
    let place = Rect::new(inner.x + 1 + used, inner.y, columns, 1);
    let share = run.tally.done as f64 / run.tally.total.max(1) as f64;
    bar::progress(canvas.buf, place, share, theme.bar, theme.bar_rest, ascii);
    canvas.line(place.right(), inner.y, inner.right().saturating_sub(place.right()), &[(&rate, theme.dim)]);
    let below = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    let Some(report) = &run.report else {
        let text = if run.tally.done > 0 {
            "these rows have no gold labels, so there is nothing to report"
        } else {
            "no answer yet"
        };
        canvas.line(below.x + 1, below.y, below.width, &[(text, theme.dim)]);
        return;
    };
    let lines = lines(app, run, report);
    let most = lines.len().saturating_sub(usize::from(below.height));
    for (line, y) in lines.iter().skip(app.evaluate.scroll.min(most)).zip(below.y..below.bottom()) {
        let style = match line.trim_start() {
            line if line.starts_with("majority") => {
                if report.accuracy < report.majority_accuracy {
                    theme.warn
                } else {
                    theme.text
                }
            }
            line if ["precision", "95%", "confidence ", "surest "].iter().any(|head| line.starts_with(head)) => {
                theme.dim
            }
            line if line.ends_with("LOSES to it") => theme.warn,
            line if line.starts_with("calibration") => theme.heading,
            line if line.starts_with("accuracy  ") => theme.heading,
            _ => theme.text,
        };
        canvas.line(below.x + 1, y, below.width.saturating_sub(1), &[(line, style)]);
    }
}

/// What stands here before the first run.
fn empty(app: &App) -> Vec<String> {
    let key =
        |action| app.keymap.chord(&app.contexts(), action).map_or_else(String::new, |chord| chord.show(app.look.ascii));
    let rows = app.prepared().map_or(0, |prepared| prepared.data.split(app.evaluate.split).len());
    let rows = app.evaluate.limit.map_or(rows, |limit| limit.min(rows));
    if let Some((done, total)) = app.evaluate.preparing {
        return vec![format!("writing the prompts: {done} of {total}")];
    }
    vec![
        "No run yet.".to_owned(),
        String::new(),
        format!(
            "{}  classifies {rows} rows of the {} split with the prompt of view 1",
            key(Action::RunSplit),
            app.evaluate.split
        ),
        format!("{}   takes another split, {} a part of it", key(Action::ChooseSplit), key(Action::ChooseLimit)),
        format!("{}   lists earlier runs", key(Action::ViewRuns)),
        String::new(),
        "Report and matrix fill as answers come; every cell opens into its rows.".to_owned(),
    ]
}
