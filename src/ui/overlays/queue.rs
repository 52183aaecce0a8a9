//! A sweep or a search: its runs with their figures, and below what there is to say of them.

use std::time::Duration;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::queue::QueueState;
use crate::prompt::PromptSpec;
use crate::text::diff;
use crate::ui::Canvas;
use crate::ui::layout::rect;
use crate::ui::panes::compare::{draw_wrapped, styled};
use crate::ui::share;
use crate::ui::widgets::bar;
use crate::ui::widgets::text::{self, Align};

/// Prompts are short; comparing a long one must not hold up the frame.
const PATIENCE: Duration = Duration::from_millis(3);

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, selected: usize, offset: usize) {
    let (app, theme) = (canvas.app, canvas.theme);
    let Some(queue) = &app.queue else { return };
    let QueueState { kind, lines, progress: (done, total), live, .. } = queue;
    let title = match kind.title() {
        "sweep" => "Sweep: prompts that ought to mean the same",
        _ => "Search: a better prompt",
    };
    let inner = super::titled(canvas, outer, title, &format!("{done}/{total} runs"));
    let list = app.areas.list.map(rect).unwrap_or_default();
    let width = inner.width.saturating_sub(2);
    let name = usize::from(width).saturating_sub(12 + 10 + 10 + 12).max(10);
    let head = format!(
        "{:<12}{:<name$}{:>10}{:>10}  ",
        if kind.title() == "sweep" { "varied" } else { "" },
        "variant",
        "accuracy",
        "macro-F1"
    );
    canvas.line(inner.x + 1, inner.y, width, &[(&head, theme.dim)]);
    if lines.is_empty() {
        canvas.line(list.x + 1, list.y, width, &[("working out what to run", theme.dim)]);
    }
    for (line, (place, y)) in lines.iter().skip(offset).zip((offset..).zip(list.y..list.bottom())) {
        if place == selected {
            canvas.tint(Rect { y, height: 1, ..list }, theme.cursor_line);
        }
        let next = *live && line.scores.is_none() && place == lines.iter().filter(|line| line.scores.is_some()).count();
        let figure = |value: Option<f64>| match value {
            Some(value) => share(value),
            None if next => canvas.symbol("…", "...").to_owned(),
            None => String::new(),
        };
        let (accuracy, macro_f1) = (figure(line.scores.map(|s| s.accuracy)), figure(line.scores.map(|s| s.macro_f1)));
        let style = match line.note.as_str() {
            "best" | "best so far" => theme.good,
            "worst" => theme.warn,
            _ => theme.text,
        };
        let told = if line.name.is_empty() { "as it is" } else { line.name.as_str() };
        let told = text::pad(&text::fit(told, name), name, Align::Left);
        let kind = if line.name.is_empty() { String::new() } else { line.kind.clone() };
        let text = format!("{:<12}{told}{accuracy:>10}{macro_f1:>10}  {}", text::fit(&kind, 11), line.note);
        canvas.line(list.x + 1, y, list.width.saturating_sub(1), &[(&text, style)]);
    }
    canvas.scrollbar(Rect { height: list.height + 2, ..outer }, offset, usize::from(list.height), lines.len());
    // The table is above, and says which are the best and the worst.
    let summary = queue.text.split_once("\n\n").map_or("", |(_, summary)| summary);
    let summary = summary
        .lines()
        .filter(|line| !line.trim_start().starts_with("best ") && !line.trim_start().starts_with("worst "));
    let mut y = list.bottom() + 1;
    if *live {
        let columns = 32.min(width);
        let run = app.run.as_ref().filter(|run| run.is_live());
        let of_run = run.map_or(0.0, |run| run.tally.done as f64 / run.tally.total.max(1) as f64);
        let share = (*done as f64 + of_run) / (*total).max(1) as f64;
        bar::progress(
            canvas.buf,
            Rect::new(inner.x + 1, y, columns, 1),
            share,
            theme.bar,
            theme.bar_rest,
            canvas.app.look.ascii,
        );
        let rate = run.filter(|run| run.rate > 0.0);
        let left = rate.map(|run| {
            let rows = (run.tally.total - run.tally.done.min(run.tally.total))
                + (total - (done + 1).min(*total)) * run.tally.total;
            format!(
                "  {} left, Ctrl-C stops it, Esc leaves it to go on",
                crate::ui::panes::report::clock(rows as f64 / run.rate)
            )
        });
        canvas.line(inner.x + 1 + columns, y, width.saturating_sub(columns), &[(&left.unwrap_or_default(), theme.dim)]);
        y += 2;
    }
    for line in summary {
        if y >= inner.bottom() {
            break;
        }
        canvas.line(inner.x + 1, y, width, &[(line, theme.text)]);
        y += 1;
    }
    // What the prompt under the cursor changes in the one that there is.
    let (Some(base), Some(line)) = (lines.first(), lines.get(selected)) else { return };
    y += 1;
    if selected == 0 || y + 1 >= inner.bottom() {
        return;
    }
    canvas.line(inner.x + 1, y, width, &[("from the prompt as it is to the one under the cursor", theme.dim)]);
    let below = Rect { x: inner.x + 1, y: y + 1, width, height: inner.bottom().saturating_sub(y + 1) };
    let demos = |prompt: &PromptSpec| match prompt.pinned.is_empty() {
        true => format!("{} of each class, {:?}, seed {}", prompt.shots, prompt.demos, prompt.seed).to_lowercase(),
        false => prompt.pinned.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let told = |prompt: &PromptSpec| format!("{}\ndemonstrations: {}", prompt.template, demos(prompt));
    let changed: Vec<Vec<(String, Style)>> = diff::words_within(&told(&base.prompt), &told(&line.prompt), PATIENCE)
        .iter()
        .map(|line| line.iter().map(|piece| styled(theme, piece)).collect())
        .collect();
    draw_wrapped(canvas, below, &changed, 0);
}
