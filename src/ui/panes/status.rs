//! The line above the footer: model, device, memory, speed, and the job at hand.

use ratatui::layout::Rect;

use crate::app::jobs::Purpose;
use crate::app::state::{DataState, ModelState};
use crate::ui::widgets::{bar, text};
use crate::ui::{Canvas, edge_row};

use super::report::clock;

/// Columns of a progress bar.
const BAR: u16 = 10;

/// Draws the status line.
pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>) {
    let (app, theme) = (canvas.app, canvas.theme);
    let row = edge_row(app, 2);
    let dot = canvas.symbol(" · ", " | ");
    let (name, style) = match &app.model {
        ModelState::Absent => ("no model yet".to_owned(), theme.dim),
        ModelState::Loading { .. } => ("model loading".to_owned(), theme.dim),
        ModelState::Failed(_) => ("no model: r tries again, m picks another".to_owned(), theme.bad),
        ModelState::Ready(model) => {
            let threads = if model.device == "cpu" { format!(" {}T", model.threads) } else { String::new() };
            let format = if model.tokenizer.is_some() { format!(" {}", model.dtype) } else { String::new() };
            (format!("{}{dot}{}{format}{threads}", model.name, model.device), theme.status)
        }
    };
    let memory = app.memory.map_or_else(String::new, |bytes| format!("{dot}{} MB", bytes / 1_000_000));
    let speed = app.speed.map_or_else(String::new, |speed| format!("{dot}{speed:.0} tok/s"));
    let used = canvas.line(1, row.y, row.width / 2 + 8, &[(&name, style), (&memory, theme.dim), (&speed, theme.dim)]);
    let from = 1 + used + 2;
    let room = row.width.saturating_sub(from + 1);
    if let Some((label, share, after)) = job(canvas) {
        let columns = (text::width(&label) + text::width(&after)) as u16 + share.map_or(0, |_| BAR + 2);
        let x = row.width.saturating_sub(columns.min(room) + 1);
        let used = canvas.line(x, row.y, room, &[(&label, theme.status)]);
        let mut at = x + used + 1;
        if let Some(share) = share {
            let place = Rect::new(at, row.y, BAR.min(row.width.saturating_sub(at)), 1);
            bar::progress(canvas.buf, place, share, theme.bar, theme.bar_rest, canvas.app.look.ascii);
            at += BAR + 1;
        }
        canvas.line(at, row.y, row.width.saturating_sub(at), &[(&after, theme.status)]);
    }
}

/// The training: how much of it is done, and how long it still takes.
fn training(canvas: &Canvas<'_>) -> Option<(String, Option<f64>, String)> {
    let app = canvas.app;
    let shown = app.train.shown.as_ref()?;
    let name = "train".to_owned();
    if let Some((stage, done, total)) = &shown.stage {
        let share = total.filter(|total| *total > 0).map(|total| *done as f64 / total as f64);
        return Some((name, share, stage.clone()));
    }
    let dot = canvas.symbol("·", "|");
    let state = match shown.pace {
        _ if app.jobs.running().is_some_and(|job| job.cancelled) => format!(" {dot} breaking off"),
        _ if app.train.stopping => format!(" {dot} stopping"),
        _ if shown.paused => format!(" {dot} paused"),
        Some(pace) => format!(" {dot} {} left", clock(pace.seconds_left)),
        None => String::new(),
    };
    let text = shown.steps().map(|steps| format!("step {}/{steps}{state}", shown.step()));
    Some((name, shown.share(), text.unwrap_or_default()))
}

/// The job at hand: what, how much of it, and in words.
fn job(canvas: &Canvas<'_>) -> Option<(String, Option<f64>, String)> {
    let app = canvas.app;
    let share =
        |done: u64, total: Option<u64>| total.filter(|total| *total > 0).map(|total| done as f64 / total as f64);
    let megabytes = |done: u64, total: Option<u64>| match total {
        Some(total) if total > 0 => format!("{:.0}/{:.0} MB", done as f64 / 1e6, total as f64 / 1e6),
        _ if done > 0 => format!("{:.0} MB", done as f64 / 1e6),
        _ => String::new(),
    };
    if let (Some(name), DataState::Loading { done, total }) = (&app.opening, &app.data) {
        return Some((format!("opening {name}"), share(*done, *total), megabytes(*done, *total)));
    }
    if app.jobs.is_training() {
        return training(canvas);
    }
    if let ModelState::Loading { stage, done, total } = &app.model {
        return Some((stage.clone(), share(*done, *total), megabytes(*done, *total)));
    }
    if let Some((done, total)) = app.evaluate.preparing {
        let share = (total > 0).then(|| done as f64 / total as f64);
        return Some(("writing prompts".to_owned(), share, format!("{done}/{total}")));
    }
    if app.train.beginning {
        return Some(("reading the texts".to_owned(), None, String::new()));
    }
    let job = app.jobs.running();
    let of_run = || {
        let run = app.run.as_ref().filter(|run| run.is_live())?;
        let (done, total) = (run.tally.done, run.tally.total);
        Some(("run".to_owned(), Some(done as f64 / total.max(1) as f64), format!("{done}/{total}")))
    };
    match job?.purpose {
        Purpose::Run => of_run(),
        Purpose::ProbeHead | Purpose::ProbeRest => {
            let (done, total) = (app.prompt.probe.done(), app.prompt.probe.rows.len());
            Some(("probe".to_owned(), Some(done as f64 / total.max(1) as f64), format!("{done}/{total}")))
        }
        _ if app.recording => of_run(),
        purpose => Some((purpose.title().to_owned(), None, String::new())),
    }
}
