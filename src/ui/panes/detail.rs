//! One row of a run: its text, its answer, how likely each label was, and the exact prompt.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::app::run::Run;
use crate::session::predictions::probabilities;
use crate::ui::widgets::text;
use crate::ui::{Canvas, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(row) = app.table_row() else { return Titles::new("Row", "") };
    let dot = if app.look.ascii { "|" } else { "·" };
    Titles::new(format!("Row {} {dot} {}", row.row, row.split), "")
}

/// Lines with their styles.
fn lines(app: &App, theme: &crate::ui::theme::Theme, width: usize) -> Vec<(String, Style)> {
    let (Some(row), Some(run)) = (app.table_row(), &app.run) else { return Vec::new() };
    let mut lines: Vec<(String, Style)> = Vec::new();
    let mut wrapped = |content: &str, style: Style| {
        for range in text::wrap(content, width) {
            lines.push((content.get(range).unwrap_or_default().to_owned(), style));
        }
    };
    let words = run.about.prepared.as_ref().map(|prepared| prepared.data.text(row.row));
    match &words {
        Some(words) => wrapped(words, theme.text),
        None => {
            wrapped("the data of this run cannot be read any more, so its texts and prompts are not shown", theme.dim)
        }
    }
    wrapped(" ", theme.text);
    let right = row.gold.as_ref().map(|gold| *gold == row.predicted);
    let style = match right {
        Some(true) => theme.good,
        Some(false) => theme.bad,
        None => theme.text,
    };
    let gold = row.gold.as_deref().unwrap_or("none");
    wrapped(&format!("gold {gold}, predicted {}", row.predicted), style);
    if let Some((name, theirs)) = other_answer(app, run, row.row) {
        let style = if row.predicted == theirs { theme.dim } else { theme.text };
        let who = if app.rows.filter.outcome.is_some() { format!("A ({name})") } else { name.to_owned() };
        wrapped(&format!("{who} answered {theirs}"), style);
    }
    if let Some(suspect) = app.suspect(row.row) {
        let others: Vec<String> = suspect.others.iter().map(usize::to_string).collect();
        let others = if others.is_empty() { String::new() } else { format!(": rows {}", others.join(", ")) };
        wrapped(&format!("{}: {}{others}", suspect.reason.name(), suspect.detail), theme.warn);
    }
    if let Some(mark) = app.marks.get(&row.row).filter(|mark| !mark.is_empty()) {
        if let Some(verdict) = mark.verdict {
            wrapped(&format!("reviewed: {}", verdict.name()), theme.accent);
        }
        if mark.doubtful {
            wrapped(
                if app.look.ascii {
                    "! the gold label is marked as doubtful"
                } else {
                    "⚑ the gold label is marked as doubtful"
                },
                theme.warn,
            );
        }
        if let Some(tag) = &mark.tag {
            wrapped(&format!("# {tag}"), theme.accent);
        }
        if let Some(note) = &mark.note {
            wrapped(&format!("note: {note}"), theme.accent);
        }
    }
    let shares = probabilities(&row.logprobs);
    if let Some(shares) = shares {
        for ((label, share_of), logprob) in run.about.labels.iter().zip(shares).zip(&row.logprobs) {
            let logprob = logprob.map_or_else(String::new, |logprob| format!("{logprob:>8.3}"));
            wrapped(
                &format!("{} {logprob}  {}", share(share_of), text::fit(label, width.saturating_sub(16))),
                theme.text,
            );
        }
    }
    if let Some(margin) = row.margin {
        wrapped(&format!("margin {margin:.3}: how far the best label lies before the next"), theme.dim);
    }
    let rule = run.about.prepared.as_ref().map(|prepared| how(&prepared.session, &run.about.labels));
    if !row.answer.is_empty() {
        wrapped(&format!("raw answer: {}", crate::text::printable(&row.answer)), theme.text);
    }
    if let Some(rule) = rule {
        wrapped(&rule, theme.dim);
    }
    let reading = run.about.prepared.as_ref().and_then(|prepared| prepared.answers.read(&row.answer));
    if reading.is_some_and(|reading| reading.inside_word) {
        wrapped(
            "it stands only inside another word there; answer.rule = \"earliest\" looks for whole words",
            theme.warn,
        );
    }
    wrapped(" ", theme.text);
    match &app.rows.detail {
        Some((of, Ok(prompt))) if *of == row.row => {
            wrapped("exact prompt", theme.heading);
            wrapped(prompt, theme.dim);
        }
        Some((of, Err(error))) if *of == row.row => wrapped(error, theme.bad),
        _ => {}
    }
    lines
}

/// What the marked run answered to a row; nothing where its rows are those of other data.
fn other_answer<'a>(app: &'a App, run: &Run, row: usize) -> Option<(&'a str, &'a str)> {
    let other = app.runs.beside.as_ref().filter(|other| other.about.path != run.about.path)?;
    let data = |run: &'_ Run| run.about.prepared.as_ref().map(|prepared| prepared.data.sha256().to_owned());
    if data(other).zip(data(run)).is_some_and(|(theirs, own)| theirs != own) {
        return None;
    }
    Some((&other.about.name, &other.of(row)?.predicted))
}

/// How the label came out of the answer.
fn how(session: &crate::session::Session, labels: &[String]) -> String {
    use crate::engine::command::Method;
    use crate::prompt::AnswerRule;
    match (session.decode.method, session.answer.rule) {
        (Method::Score, _) => "read by: the most likely label".to_owned(),
        (_, AnswerRule::Contains) => format!("read by: contains, the first of {} in the answer", labels.join(", ")),
        (_, AnswerRule::Earliest) => "read by: earliest, the label whose words come first in the answer".to_owned(),
        (_, AnswerRule::Prefix) => "read by: prefix, the label that the answer begins with".to_owned(),
        (_, AnswerRule::Exact) => "read by: exact, the label that the answer is".to_owned(),
        (_, AnswerRule::Regex) => format!("read by: regex {}", session.answer.pattern.as_deref().unwrap_or_default()),
    }
}

/// Lines that the pane has at a width.
pub(in crate::ui) fn height(app: &App, width: usize) -> usize {
    lines(app, &crate::ui::theme::Theme::default(), width.saturating_sub(1).max(1)).len()
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let lines = lines(canvas.app, canvas.theme, usize::from(inner.width.saturating_sub(1)).max(1));
    let most = lines.len().saturating_sub(usize::from(inner.height));
    for ((line, style), y) in lines.iter().skip(canvas.app.rows.scroll.min(most)).zip(inner.y..inner.bottom()) {
        canvas.line(inner.x, y, inner.width, &[(line, *style)]);
    }
}
