//! The run under the cursor, beside the marked one or the prompt that is being written.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::App;
use crate::text::diff::Tag;
use crate::ui::theme::Theme;
use crate::ui::widgets::text;
use crate::ui::{Canvas, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(entry) = app.run_entry() else { return Titles::new("Run", "") };
    let other = app.runs.marked.as_ref().and_then(|path| app.runs.entries.iter().find(|entry| entry.path == *path));
    let swap = if app.look.ascii { "<->" } else { "⇄" };
    match other {
        Some(other) if other.path != entry.path => Titles::new(format!("{} {swap} {}", other.name, entry.name), ""),
        _ => Titles::new(entry.name.clone(), ""),
    }
}

/// A line of pieces in their styles.
type Pieces = Vec<(String, Style)>;

/// The lines of the pane.
fn lines(app: &App, theme: &Theme) -> Vec<Pieces> {
    let Some(entry) = app.run_entry() else { return Vec::new() };
    let dot = if app.look.ascii { "|" } else { "·" };
    let mut lines: Vec<Pieces> = Vec::new();
    let facts = match &entry.facts {
        Ok(facts) => facts,
        Err(error) => {
            return vec![vec![(error.clone(), theme.bad)]];
        }
    };
    if let Some(error) = &facts.error {
        lines.push(vec![(error.clone(), theme.bad)]);
    }
    let trained = app.runs.trainings.contains(&entry.path);
    let what = if trained { "fine-tuned".to_owned() } else { format!("{} shots", facts.shots) };
    lines.push(vec![(format!("{} {dot} {what}", facts.model), theme.text)]);
    if let Some((accuracy, majority)) = facts.accuracy.zip(facts.majority_accuracy) {
        let style = if accuracy < majority { theme.warn } else { theme.good };
        lines.push(vec![(format!("accuracy {} {dot} majority {}", share(accuracy), share(majority)), style)]);
    }
    let other = app.runs.marked.as_ref().and_then(|path| app.runs.entries.iter().find(|entry| entry.path == *path));
    let other = other.filter(|other| other.path != entry.path);
    if let Some(other) = other.and_then(|other| other.facts.as_ref().ok()) {
        let change = |name: &str, from: Option<f64>, to: Option<f64>| {
            from.zip(to).map(|(from, to)| {
                format!(
                    "{name} {} {} {} ({:+.3})",
                    share(from),
                    if app.look.ascii { "->" } else { "→" },
                    share(to),
                    to - from
                )
            })
        };
        lines.extend(change("accuracy", other.accuracy, facts.accuracy).map(|text| vec![(text, theme.text)]));
        lines.extend(change("macro-F1", other.macro_f1, facts.macro_f1).map(|text| vec![(text, theme.text)]));
    }
    lines.push(Vec::new());
    if trained {
        // Its texts are learnt from as they are: no prompt is around them.
        lines.push(vec![("Enter shows its curves in view 4".to_owned(), theme.dim)]);
        return lines;
    }
    let head = if other.is_some() {
        "from the marked run's prompt to this one's"
    } else {
        "from the prompt in view 1 to this run's (Space marks a run instead)"
    };
    lines.push(vec![(head.to_owned(), theme.dim)]);
    let pair_is = |pair: &(std::path::PathBuf, std::path::PathBuf)| pair.1 == entry.path;
    match app.runs.compared.as_ref().filter(|(pair, _)| pair_is(pair)) {
        Some((_, diff)) if diff.iter().flatten().all(|(tag, _)| *tag == Tag::Same) => {
            lines.push(vec![("the same prompt".to_owned(), theme.dim)]);
            lines.extend(diff.iter().map(|line| line.iter().map(|(_, text)| (text.clone(), theme.text)).collect()));
        }
        Some((_, diff)) => {
            lines.extend(diff.iter().map(|line| line.iter().map(|piece| styled(theme, piece)).collect()))
        }
        None => {}
    }
    lines
}

/// Lines that the pane has at a width.
pub(in crate::ui) fn height(app: &App, width: usize) -> usize {
    let whole = |line: &Pieces| line.iter().map(|(text, _)| text.as_str()).collect::<String>();
    lines(app, &Theme::default()).iter().map(|line| text::wrap(&whole(line), width.max(1)).len()).sum()
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    let lines = lines(canvas.app, canvas.theme);
    draw_wrapped(canvas, inner, &lines, canvas.app.runs.scroll);
}

/// A piece of a difference: colour is never all that tells.
pub(in crate::ui) fn styled(theme: &Theme, (tag, text): &(Tag, String)) -> (String, Style) {
    match tag {
        Tag::Same => (text.clone(), theme.text),
        Tag::Gone => (format!("[-{text}-]"), theme.removed),
        Tag::New => (format!("[+{text}+]"), theme.added),
    }
}

/// Draws lines of pieces, each line wrapped.
pub(in crate::ui) fn draw_wrapped(canvas: &mut Canvas<'_>, inner: Rect, lines: &[Vec<(String, Style)>], scroll: usize) {
    let width = usize::from(inner.width).max(1);
    let mut y = inner.y;
    let mut skip = scroll;
    for line in lines {
        let whole: String = line.iter().map(|(text, _)| text.as_str()).collect();
        for range in text::wrap(&whole, width) {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if y >= inner.bottom() {
                return;
            }
            // The pieces of this stretch, each in its style.
            let (mut at, mut x) = (0, inner.x);
            for (piece, style) in line {
                let (from, to) = (range.start.max(at), range.end.min(at + piece.len()));
                if from < to {
                    let part = piece.get(from - at..to - at).unwrap_or_default();
                    x += canvas.line(x, y, inner.right().saturating_sub(x), &[(part, *style)]);
                }
                at += piece.len();
            }
            y += 1;
        }
    }
}
