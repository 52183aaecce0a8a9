//! The run under the cursor, beside the marked one or the prompt that is being written.

use std::path::Path;

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::contrast::Contrast;
use crate::app::{App, Pane};
use crate::session::comparison::text::probability;
use crate::session::comparison::{Outcome, RESAMPLES, Scores};
use crate::session::runs::{RunEntry, RunFacts};
use crate::text::diff::Tag;
use crate::ui::theme::Theme;
use crate::ui::widgets::text;
use crate::ui::{Canvas, is_focused, share};

use super::Titles;

pub(super) fn titles(app: &App) -> Titles {
    let Some(entry) = app.run_entry() else { return Titles::new("Run", "") };
    let Some((a, b)) = app.contrasted() else { return Titles::new(entry.name.clone(), "") };
    let swap = if app.look.ascii { "<->" } else { "⇄" };
    let state = &app.runs.contrast;
    let at_work = state.found.as_ref().is_none_or(|found| found.as_ref().is_ok_and(|found| found.written.is_none()));
    let right = match (at_work && state.asked.is_some(), state.done) {
        (true, 1..) => format!("{:>2} %", state.done * 100 / RESAMPLES as usize),
        (true, 0) => if app.look.ascii { "..." } else { "…" }.to_owned(),
        (false, _) => String::new(),
    };
    let session = a.session != b.session;
    Titles::new(format!("A {} {swap} B {}", label(a, session), label(b, session)), right)
}

/// What a run is called here: one without a name of its own by its time.
fn label(entry: &RunEntry, session: bool) -> String {
    let folder = entry.path.file_name().is_some_and(|folder| folder.to_string_lossy() == entry.name.as_str());
    let name = if folder { super::runs::when(entry.started) } else { entry.name.clone() };
    if session { format!("{} {name}", entry.session) } else { name }
}

/// A line of pieces in their styles.
type Pieces = Vec<(String, Style)>;

/// The lines of the pane, but for the outcomes that stand above them.
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
    let other = app.contrasted().and_then(|(a, _)| a.facts.as_ref().ok().map(|facts| (a, facts)));
    if other.is_some() {
        match &app.runs.contrast.found {
            Some(Err(error)) => lines.push(vec![(error.clone(), theme.bad)]),
            Some(Ok(contrast)) => figures(contrast, theme, &mut lines),
            None => lines.push(vec![(if app.look.ascii { "..." } else { "…" }.to_owned(), theme.dim)]),
        }
        lines.push(Vec::new());
    }
    if let Some(error) = &facts.error {
        lines.push(vec![(error.clone(), theme.bad)]);
    }
    let what = |path: &Path, facts: &RunFacts| {
        let trained = app.runs.trainings.contains(path);
        let how = match (trained || facts.text_alone, facts.shots) {
            (true, _) => "fine-tuned".to_owned(),
            (false, 0) if other.is_some() => "zero-shot".to_owned(),
            (false, 1) => "1 shot".to_owned(),
            (false, shots) => format!("{shots} shots"),
        };
        format!("{} {dot} {how}", facts.model)
    };
    if let Some((a, of_a)) = other {
        lines.push(vec![("A ".to_owned(), theme.dim), (what(&a.path, of_a), theme.text)]);
        lines.push(vec![("B ".to_owned(), theme.dim), (what(&entry.path, facts), theme.text)]);
    } else {
        lines.push(vec![(what(&entry.path, facts), theme.text)]);
        if let Some((accuracy, majority)) = facts.accuracy.zip(facts.majority_accuracy) {
            let style = if accuracy < majority { theme.warn } else { theme.good };
            lines.push(vec![(format!("accuracy {} {dot} majority {}", share(accuracy), share(majority)), style)]);
        }
    }
    lines.push(Vec::new());
    if other.is_none() && app.runs.trainings.contains(&entry.path) {
        // Its texts are learnt from as they are: no prompt is around them.
        lines.push(vec![("Enter shows its curves in view 4".to_owned(), theme.dim)]);
        return lines;
    }
    let alone = match (other.is_some_and(|(_, of_a)| of_a.text_alone), facts.text_alone) {
        (true, true) => Some("A and B read the text alone: they have no prompts"),
        (true, false) => Some("A reads the text alone: it has no prompt"),
        (false, true) if other.is_some() => Some("B reads the text alone: it has no prompt"),
        (false, true) => Some("reads the text alone: it has no prompt"),
        (false, false) => None,
    };
    if let Some(alone) = alone {
        lines.push(vec![(alone.to_owned(), theme.dim)]);
        return lines;
    }
    let head = match other {
        Some(_) => "from A's prompt to B's",
        None => "from the prompt in view 1 to this run's (Space marks a run instead)",
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

/// The figures of two runs, and what should be known of them.
fn figures(contrast: &Contrast, theme: &Theme, lines: &mut Vec<Pieces>) {
    let of = &contrast.compared;
    let agreement = |name: &str, value: Option<f64>, raters: &str| {
        let value = value.map_or_else(|| "undefined".to_owned(), |value| format!("{} ({raters})", thousandths(value)));
        vec![(format!("{name:<9}"), theme.dim), (value, theme.text)]
    };
    if let (Some(a), Some(b), Some(majority)) = (&of.a_scores, &of.b_scores, &of.majority) {
        let p = of.mcnemar_p.map_or_else(String::new, |p| format!("{} (exact)", probability(p)));
        lines.push(vec![("McNemar  ".to_owned(), theme.dim), (p, theme.text)]);
        let head = format!("{:<9}{:>5} {:>5} {:>8}  B - A, 95% CI", "", "A", "B", "majority");
        lines.push(vec![(head, theme.dim)]);
        let waiting = contrast.written.is_none();
        let mut row = |name: &str, of: fn(&Scores) -> f64, change: Option<f64>, ends: Option<[f64; 2]>| {
            let [a, b, most] = [a, b, majority].map(of);
            // Beaten by who always says the same: that is no result.
            let style = |value: f64| if value < most { theme.warn } else { theme.text };
            let change = change.map_or_else(|| "n/a".to_owned(), signed);
            let ends = match ends {
                Some([low, high]) => format!(" [{}, {}]", thousandths(low), thousandths(high)),
                None if waiting => " [ … ]".to_owned(),
                None => String::new(),
            };
            lines.push(vec![
                (format!("{name:<9}"), theme.dim),
                (format!("{:>5} ", thousandths(a)), style(a)),
                (format!("{:>5} ", thousandths(b)), style(b)),
                (format!("{:>8} ", thousandths(most)), theme.text),
                (format!("{change:>6}{ends}"), theme.text),
            ]);
        };
        row("accuracy", |scores| scores.accuracy, of.accuracy_difference, of.ci95);
        row("macro-F1", |scores| scores.macro_f1, of.macro_f1_difference, of.macro_f1_ci95);
    }
    let raters = if of.is_judged() { "gold, A and B" } else { "A and B" };
    lines.push(agreement("kappa", of.kappa, "A and B"));
    lines.push(agreement("alpha", of.alpha, raters));
    lines.push(vec![("rows     ".to_owned(), theme.dim), (format!("{} in both", of.rows), theme.text)]);
    for remark in &contrast.remarks {
        let style = if remark.serious { theme.warn } else { theme.dim };
        lines.push(vec![(crate::text::printable(&remark.text).into_owned(), style)]);
    }
}

/// A part of 1 with three decimals, the point first where there is nothing before it.
fn thousandths(value: f64) -> String {
    let text = format!("{:.3}", value + 0.0);
    let text = if text == "-0.000" { "0.000".to_owned() } else { text };
    match (text.strip_prefix("-0."), text.strip_prefix("0.")) {
        (Some(rest), _) => format!("-.{rest}"),
        (_, Some(rest)) => format!(".{rest}"),
        _ => text,
    }
}

/// The same with a sign.
fn signed(value: f64) -> String {
    let text = thousandths(value);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// The outcomes, one a line: they stay where they are while the rest is scrolled.
fn outcomes(canvas: &mut Canvas<'_>, inner: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let state = &app.runs.contrast;
    let focused = is_focused(app, Pane::Compare);
    for (outcome, y) in state.outcomes().iter().zip(inner.y..inner.bottom()) {
        let count = state.contrast().map(|contrast| contrast.compared.count(*outcome));
        let count = count.map_or_else(|| canvas.symbol("…", "~").to_owned(), |count| count.to_string());
        let style = match (outcome, state.contrast().map_or(0, |contrast| contrast.compared.count(*outcome))) {
            (Outcome::Fixed, 1..) => theme.good,
            (Outcome::Broken, 1..) => theme.bad,
            _ => theme.text,
        };
        let pieces = [
            (format!("{:<11}", outcome.title()), style),
            (format!("{count:>6}  "), style),
            (outcome.meaning().to_owned(), theme.dim),
        ];
        let pieces: Vec<(&str, Style)> = pieces.iter().map(|(text, style)| (text.as_str(), *style)).collect();
        canvas.line(inner.x, y, inner.width, &pieces);
        if state.outcome() == Some(*outcome) && focused {
            canvas.tint(Rect { y, height: 1, ..inner }, theme.cursor_line);
        }
    }
}

/// The pane on one line.
pub(super) fn summary(canvas: &mut Canvas<'_>, at: Rect) {
    let Some(contrast) = canvas.app.runs.contrast.contrast() else { return };
    let (of, dot) = (&contrast.compared, canvas.symbol("·", "|"));
    let counts = of.outcomes().iter().take(2).map(|outcome| format!("{} {}", outcome.title(), of.count(*outcome)));
    let p = of.mcnemar_p.map(probability);
    let told = counts.chain(p).collect::<Vec<_>>().join(&format!(" {dot} "));
    canvas.line(at.x, at.y, at.width, &[("  ", canvas.theme.dim), (&told, canvas.theme.text)]);
}

/// Lines that the pane has at a width.
pub(in crate::ui) fn height(app: &App, width: usize) -> usize {
    let whole = |line: &Pieces| line.iter().map(|(text, _)| text.as_str()).collect::<String>();
    let below: usize =
        lines(app, &Theme::default()).iter().map(|line| text::wrap(&whole(line), width.max(1)).len()).sum();
    app.runs.contrast.outcomes().len() + below
}

pub(super) fn draw(canvas: &mut Canvas<'_>, inner: Rect) {
    outcomes(canvas, inner);
    let above = (canvas.app.runs.contrast.outcomes().len() as u16).min(inner.height);
    let below = Rect { y: inner.y + above, height: inner.height - above, ..inner };
    let lines = lines(canvas.app, canvas.theme);
    draw_wrapped(canvas, below, &lines, canvas.app.runs.scroll);
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
