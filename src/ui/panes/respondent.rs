//! A respondent of a simulated survey: the variables, which can be changed by hand, the answer, the prompt.

use ratatui::layout::Rect;

use crate::app::App;
use crate::app::run::Run;
use crate::engine::command::Method;
use crate::session::predictions::probabilities;
use crate::ui::widgets::{bar, text};
use crate::ui::{Canvas, is_focused, share};

use super::Titles;
use crate::app::view::Pane;

/// Columns of the longest name.
const WIDEST: usize = 14;
/// Columns of an answer with its figures, beside the bar.
const FIGURES: u16 = 18;
/// Lines that are left to the prompt.
const PROMPT: u16 = 4;
/// Labels shown at most.
const MOST: usize = 12;

pub(super) fn titles(app: &App) -> Titles {
    let Some((row, prepared)) = app.row().zip(app.prepared()).filter(|_| app.simulates()) else {
        return Titles::new("Respondent", "");
    };
    let len = prepared.data.split(app.prompt.split).len();
    let place = match app.prompt.visitor {
        Some(_) => format!("Respondent in row {row}"),
        None => format!("Respondent {} of {len}", app.prompt.at + 1),
    };
    let dot = if app.look.ascii { "|" } else { "·" };
    let mut titles = Titles::new(place, format!("row {row} {dot} {}", app.prompt.split));
    if !app.simulate.changed.is_empty() {
        titles.bottom = "u undoes, x as told".to_owned();
    }
    titles
}

/// The label of a row that really was given, and the one that the run on the screen has.
fn known(app: &App) -> (Option<usize>, Option<String>) {
    let real = app.row().zip(app.prepared()).and_then(|(row, prepared)| prepared.data.gold(row));
    // A run of other data has other respondents in its rows.
    let same = |run: &&Run| {
        let data = run.about.prepared.as_ref().zip(app.prepared());
        data.is_some_and(|(run, own)| run.data.sha256() == own.data.sha256())
    };
    let run = app.run.as_ref().filter(same);
    let given = app.row().zip(run).and_then(|(row, run)| run.of(row)).map(|row| row.predicted.clone());
    (real, given)
}

/// Lines of the card: as many as there are variables, up to half of the pane.
fn card_lines(app: &App, height: u16) -> u16 {
    u16::try_from(app.variables().len()).unwrap_or(u16::MAX).min((height / 2).max(1))
}

pub(super) fn draw(canvas: &mut Canvas<'_>, outer: Rect, inner: Rect) {
    let app = canvas.app;
    if app.variables().is_empty() {
        return hint(canvas, inner);
    }
    let lines = card_lines(app, inner.height);
    card(canvas, Rect { height: lines, ..inner });
    canvas.scrollbar(
        Rect { height: lines + 2, ..outer },
        app.simulate.scroll,
        usize::from(lines),
        app.variables().len(),
    );
    let below = Rect { y: inner.y + lines + 1, height: inner.height.saturating_sub(lines + 1), ..inner };
    let used = answer(canvas, below);
    let rest = Rect { y: below.y + used, height: below.height.saturating_sub(used), ..below };
    prompt(canvas, rest);
}

/// Lines of the card that can be seen at a height of the pane.
pub(in crate::ui) fn page(app: &App, height: u16) -> usize {
    usize::from(card_lines(app, height))
}

fn card(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let state = &app.simulate;
    let names = app.variables().iter().map(|variable| text::width(&variable.name)).max().unwrap_or(0).min(WIDEST);
    let focused = is_focused(app, Pane::Respondent);
    let arrows = [canvas.symbol("◂ ", "< "), canvas.symbol(" ▸", " >")];
    for ((place, variable), y) in app.variables().iter().enumerate().skip(state.scroll).zip(at.y..at.bottom()) {
        let here = place == state.variable;
        let value = state.value(variable);
        let changed = value != variable.value;
        let shown = if value.is_empty() { "(says nothing)" } else { value };
        let name = text::pad(&text::fit(&variable.name, names), names, text::Align::Left);
        let [before, after] = if here { arrows } else { ["  ", ""] };
        let room = usize::from(at.width).saturating_sub(names + 8);
        let told = if changed {
            format!("   told {}", text::fit(&variable.value, (room / 2).saturating_sub(6)))
        } else {
            String::new()
        };
        // What was told stands beside a long value too.
        let shown = text::fit(shown, if changed { room / 2 } else { room }).into_owned();
        let pieces = [
            (name.as_ref(), theme.dim),
            (" ", theme.text),
            (before, theme.accent),
            (shown.as_str(), if changed { theme.accent } else { theme.text }),
            (after, theme.accent),
            (told.as_str(), theme.dim),
        ];
        canvas.line(at.x + 1, y, at.width.saturating_sub(1), &pieces);
        if here {
            let style = if focused { theme.cursor_line } else { theme.cursor_line_away };
            canvas.tint(Rect { y, height: 1, ..at }, style);
        }
    }
}

/// A label with its probability as told, and as changed.
struct Line {
    label: usize,
    told: f64,
    changed: Option<f64>,
}

/// The labels, likeliest first; in session order where all fit.
fn lines(app: &App, room: usize) -> Vec<Line> {
    let of = |logprobs: &[f64]| {
        let logprobs: Vec<Option<f64>> = logprobs.iter().copied().map(Some).collect();
        probabilities(&logprobs)
    };
    let current = app.prompt.answer.of.is_some_and(|(row, _)| Some(row) == app.row());
    let Some(told) = of(&app.prompt.answer.logprobs).filter(|_| current) else { return Vec::new() };
    let changed = if app.simulate.changed.is_empty() { None } else { of(&app.simulate.what_if.logprobs) };
    let changed = |label: usize| changed.as_ref().and_then(|shares| shares.get(label).copied());
    let mut lines: Vec<Line> =
        told.into_iter().enumerate().map(|(label, told)| Line { label, told, changed: changed(label) }).collect();
    if lines.len() > room {
        // By what was told, so that lines hold still while values change.
        lines.sort_by(|a, b| b.told.total_cmp(&a.told));
        lines.truncate(room);
    }
    lines
}

/// The answer; lines that it took.
fn answer(canvas: &mut Canvas<'_>, at: Rect) -> u16 {
    let (app, theme) = (canvas.app, canvas.theme);
    let (real, given) = known(app);
    let name = |label: usize| app.labels().get(label).map_or("", String::as_str);
    let mut y = at.y;
    let head = real.map_or_else(|| "no real answer".to_owned(), |real| format!("really {}", name(real)));
    let run = given.map(|given| format!(", in the run {given}")).unwrap_or_default();
    canvas.line(at.x + 1, y, at.width.saturating_sub(1), &[(&head, theme.heading), (&run, theme.text)]);
    y += 1;
    if let Some(error) = app.simulate.what_if.error.as_ref().or(app.prompt.answer.error.as_ref()) {
        canvas.line(at.x + 1, y, at.width.saturating_sub(1), &[(error, theme.bad)]);
        return y + 2 - at.y;
    }
    // Some lines are the prompt's.
    let room = usize::from(at.height.saturating_sub(2 + PROMPT)).clamp(3, MOST);
    let lines = lines(app, room);
    if lines.is_empty() {
        let hint = if app.model().is_some() { "answering …" } else { "the answer comes once the model is there" };
        canvas.line(at.x + 1, y, at.width.saturating_sub(1), &[(hint, theme.dim)]);
        return y + 2 - at.y;
    }
    let widest = lines.iter().map(|line| text::width(name(line.label))).max().unwrap_or(0).min(WIDEST);
    let stale = !app.simulate.changed.is_empty() && !app.simulate.what_if.scored;
    let best = |pick: fn(&Line) -> f64| lines.iter().max_by(|a, b| pick(a).total_cmp(&pick(b))).map(|line| line.label);
    let likeliest = best(|line| line.changed.unwrap_or(line.told));
    for line in lines.iter().take(usize::from(at.bottom().saturating_sub(y))) {
        let style = match (real == Some(line.label), likeliest == Some(line.label)) {
            _ if stale => theme.stale,
            (true, true) => theme.good,
            (true, false) => theme.bad,
            _ => theme.text,
        };
        let word = text::pad(&text::fit(name(line.label), widest), widest, text::Align::Left);
        let used = canvas.line(at.x + 1, y, at.width, &[(&word, theme.label(line.label)), (" ", style)]);
        let room = at.width.saturating_sub(used + 1 + FIGURES);
        let now = line.changed.unwrap_or(line.told);
        let place = Rect::new(at.x + 1 + used, y, room, 1);
        bar::bar(canvas.buf, place, now, if stale { theme.stale } else { theme.bar }, theme.bar_rest, app.look.ascii);
        let mark = if real == Some(line.label) { canvas.symbol("◆", "*") } else { " " };
        let figures = match line.changed {
            Some(changed) => {
                let arrow = moved(canvas, changed - line.told);
                format!(" {} {mark} from {} {arrow}", share(changed), share(line.told))
            }
            None => format!(" {} {mark}", share(line.told)),
        };
        canvas.line(place.right(), y, FIGURES, &[(&figures, style)]);
        y += 1;
    }
    // What a session that compares labels would write is no answer of the respondent's.
    let generates = app.session.as_ref().is_some_and(|session| session.now.decode.method == Method::Generate);
    let text = if app.simulate.changed.is_empty() { app.prompt.answer.text() } else { String::new() };
    let text = app.simulate.what_if.text.clone().unwrap_or(text);
    let text = if generates { text } else { String::new() };
    if !text.trim().is_empty() && y < at.bottom() {
        let text = text::fit(text.trim(), usize::from(at.width.saturating_sub(12))).into_owned();
        canvas.line(at.x + 1, y, at.width.saturating_sub(1), &[("answer  ", theme.dim), (&text, theme.answer)]);
        y += 1;
    }
    y + 1 - at.y
}

/// A sign for a change of a probability that can be seen.
fn moved(canvas: &Canvas<'_>, by: f64) -> &'static str {
    match by {
        by if by >= 0.005 => canvas.symbol("▲", "+"),
        by if by <= -0.005 => canvas.symbol("▼", "-"),
        _ => " ",
    }
}

/// The prompt, the template's own words dimmed.
fn prompt(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    if at.height < 2 {
        return;
    }
    let sheet = app.prompt.sheet.as_ref().map(|sheet| sheet.text.as_str()).unwrap_or_default();
    let changed = app.simulate.what_if.prompt.as_deref().filter(|_| !app.simulate.changed.is_empty());
    let shown = changed.unwrap_or(sheet);
    // Of a conversation the respondent's own turn, which begins at the same place whatever is changed in it.
    let own = app.prompt.sheet.as_ref().and_then(|sheet| sheet.turns.last()).map_or(0, |turn| turn.range.start);
    let shown = shown.get(own..).unwrap_or(shown);
    let lines = text::wrap(shown, usize::from(at.width.saturating_sub(1)).max(1));
    for (range, y) in lines.into_iter().zip(at.y..at.bottom()) {
        let line = shown.get(range).unwrap_or_default();
        canvas.line(at.x + 1, y, at.width.saturating_sub(1), &[(line, theme.dim)]);
    }
}

/// What stands here where there is no respondent.
fn hint(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let hint = if app.prepared().is_none() {
        "the data is not there yet"
    } else if !app.simulates() {
        "This session simulates no survey. One that does has a [simulate] section: o opens `simulate`, a survey that comes with \
         the program."
    } else if let Some(problem) = &app.prompt.problem {
        problem.message.as_str()
    } else if app.prompt.sheet.is_none() {
        "writing the prompt …"
    } else {
        "the prompt names no column of the data"
    };
    for (range, y) in
        text::wrap(hint, usize::from(at.width.saturating_sub(2)).max(1)).into_iter().zip(at.y..at.bottom())
    {
        canvas.line(at.x + 1, y, at.width, &[(hint.get(range).unwrap_or_default(), theme.dim)]);
    }
}

/// The pane on one line: the values, and the likeliest answer.
pub(super) fn summary(canvas: &mut Canvas<'_>, at: Rect) {
    let (app, theme) = (canvas.app, canvas.theme);
    let values: Vec<&str> = app.variables().iter().map(|variable| app.simulate.value(variable)).collect();
    let values = values.join(", ");
    let best = lines(app, 1).into_iter().next();
    let best = best.map(|line| {
        let name = app.labels().get(line.label).map_or("", String::as_str);
        format!("   {name} {}", share(line.changed.unwrap_or(line.told)))
    });
    let pieces = [("  ", theme.dim), (values.as_str(), theme.dim), (best.as_deref().unwrap_or_default(), theme.text)];
    canvas.line(at.x, at.y, at.width, &pieces);
}
