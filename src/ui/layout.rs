//! Where panes and windows are: set before drawing, kept in the state for the mouse and for paging.

use ratatui::layout::{Constraint, Layout, Rect};

use crate::app::area::{Area, Areas, PaneArea};
use crate::app::window::Window;
use crate::app::{App, Pane, View};

use super::overlays::help;
use super::panes::{answer, compare, detail, events, loss, matrix, metrics, report, respondent, row, shares};
use super::widgets::{frame, scroll};

/// The least terminal that is drawn to.
pub const LEAST: (u16, u16) = (80, 24);
/// From so many columns on, panes stand side by side.
const WIDE: u16 = 100;

/// A rectangle as the state keeps it.
pub fn area(rect: Rect) -> Area {
    Area { x: rect.x, y: rect.y, width: rect.width, height: rect.height }
}

/// A rectangle as ratatui has it.
pub fn rect(area: Area) -> Rect {
    Rect::new(area.x, area.y, area.width, area.height)
}

/// Lays everything out for the size of the terminal, and scrolls so that cursors are in sight.
pub fn arrange(app: &mut App) {
    let (width, height) = app.size;
    app.areas = Areas::default();
    if width < LEAST.0 || height < LEAST.1 {
        return;
    }
    let body = Rect::new(0, 1, width, height - 3);
    app.areas.tabs = tabs(width);
    app.areas.panes = if width >= WIDE { wide(app, body) } else { narrow(app, body) };
    follow(app);
    hold(app);
    if let Some(at) = app.areas.pane(Pane::Matrix).filter(|at| !at.folded).map(|at| rect(at.inner)) {
        app.areas.cells = matrix::cells(app, at);
    }
    let loss = app.areas.pane(Pane::Loss).filter(|at| !at.folded && app.train.shown.is_some());
    app.areas.chart = loss.map(|at| area(loss::chart(rect(at.inner))));
    arrange_window(app);
}

/// The names of the views at the right of the first line.
fn tabs(width: u16) -> Vec<(View, Area)> {
    let mut x = width.saturating_sub(1);
    let mut tabs: Vec<(View, Area)> = Vec::new();
    for view in View::ALL.into_iter().rev() {
        let columns = view.title().len() as u16 + 3;
        x = x.saturating_sub(columns + 1);
        tabs.push((view, Area { x, y: 0, width: columns, height: 1 }));
    }
    tabs.reverse();
    tabs
}

fn pane(pane: Pane, outer: Rect) -> PaneArea {
    PaneArea { pane, outer: area(outer), inner: area(frame::inner(outer)), folded: false }
}

/// One column: the focused pane as large as can be, the others a line each.
fn narrow(app: &App, body: Rect) -> Vec<PaneArea> {
    let (panes, focused) = (app.panes(), app.pane());
    let constraints =
        panes.iter().map(|pane| if *pane == focused { Constraint::Min(3) } else { Constraint::Length(1) });
    let places = Layout::vertical(constraints).split(body);
    let place = |(name, outer): (&Pane, &Rect)| match *name == focused {
        true => pane(*name, *outer),
        false => PaneArea { pane: *name, outer: area(*outer), inner: area(*outer), folded: true },
    };
    panes.iter().zip(places.iter()).map(place).collect()
}

/// Two columns.
fn wide(app: &App, body: Rect) -> Vec<PaneArea> {
    let columns = |left: u16| Layout::horizontal([Constraint::Percentage(left), Constraint::Min(10)]).areas::<2>(body);
    match app.view {
        View::Prompt => {
            let [left, right] = columns(44);
            let system = if app.spec().is_some_and(|prompt| prompt.chat) { 5.max(body.height / 6) } else { 0 };
            let demos = (body.height * 2 / 5).clamp(7, 16);
            let [system_at, template, demos] =
                Layout::vertical([Constraint::Length(system), Constraint::Min(5), Constraint::Length(demos)])
                    .areas(left);
            let answer = answer::height(app).min(body.height / 2);
            let [row, answer, probe] =
                Layout::vertical([Constraint::Min(5), Constraint::Length(answer), Constraint::Length(4)]).areas(right);
            let system = (system > 0).then(|| pane(Pane::System, system_at));
            let rest = [
                pane(Pane::Template, template),
                pane(Pane::Demos, demos),
                pane(Pane::Row, row),
                pane(Pane::Answer, answer),
                pane(Pane::Probe, probe),
            ];
            system.into_iter().chain(rest).collect()
        }
        View::Evaluate => {
            let matrix = matrix::width(app).clamp(40, body.width / 2 + 4);
            let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(matrix)]).areas(body);
            vec![pane(Pane::Matrix, right), pane(Pane::Report, left)]
        }
        View::Rows => {
            let [left, right] = columns(62);
            vec![pane(Pane::Rows, left), pane(Pane::Detail, right)]
        }
        View::Train => {
            let events = (body.height / 5).clamp(4, 10);
            let [above, below] = Layout::vertical([Constraint::Min(8), Constraint::Length(events)]).areas(body);
            let metrics = (body.width * 2 / 5).clamp(38, 72);
            let [left, right] = Layout::horizontal([Constraint::Min(40), Constraint::Length(metrics)]).areas(above);
            vec![pane(Pane::Loss, left), pane(Pane::Metrics, right), pane(Pane::Events, below)]
        }
        View::Simulate => {
            let [left, right] = columns(40);
            let tally = (body.height / 4).clamp(5, 14);
            let groups = (body.height * 2 / 5).clamp(6, 20);
            let [respondent, tally] = Layout::vertical([Constraint::Min(8), Constraint::Length(tally)]).areas(left);
            let [shares, groups] = Layout::vertical([Constraint::Min(10), Constraint::Length(groups)]).areas(right);
            vec![
                pane(Pane::Respondent, respondent),
                pane(Pane::Shares, shares),
                pane(Pane::Groups, groups),
                pane(Pane::Tally, tally),
            ]
        }
        View::Runs => {
            let [left, right] = columns(56);
            vec![pane(Pane::Runs, left), pane(Pane::Compare, right)]
        }
    }
}

/// Scrolls every list and text so that its cursor is in sight.
fn follow(app: &mut App) {
    let inner = |app: &App, pane| app.areas.pane(pane).filter(|at| !at.folded).map(|at| at.inner).unwrap_or_default();
    for (index, name) in [Pane::Template, Pane::System].into_iter().enumerate() {
        let at = inner(app, name);
        let editor = if index == 0 { &app.prompt.template } else { &app.prompt.system };
        let width = usize::from(at.width).max(1);
        let (_, line) = editor.cursor_position(width);
        let lines = editor.lines(width).len();
        if let Some(offset) = app.prompt.scroll.get_mut(index) {
            *offset = scroll::window(line, *offset, usize::from(at.height), lines);
        }
    }
    let height = usize::from(inner(app, Pane::Demos).height);
    let demos = &mut app.prompt.demos;
    demos.offset = scroll::window(demos.selected, demos.offset, height, demos.list.len());
    // The first line of a table holds the names of its columns.
    let height = usize::from(inner(app, Pane::Rows).height.saturating_sub(1));
    app.rows.offset = scroll::window(app.rows.selected, app.rows.offset, height, app.rows.listed.len());
    let lines = respondent::page(app, inner(app, Pane::Respondent).height);
    let variables = app.variables().len();
    app.simulate.variable = app.simulate.variable.min(variables.saturating_sub(1));
    app.simulate.scroll = scroll::window(app.simulate.variable, app.simulate.scroll, lines, variables);
    for (place, pane) in [Pane::Shares, Pane::Groups, Pane::Tally].into_iter().enumerate() {
        let below = if pane == Pane::Shares { shares::below(inner(app, pane).height) } else { 0 };
        let height = usize::from(inner(app, pane).height.saturating_sub(1 + below));
        let count = app.survey_lines(pane);
        let (selected, offset) =
            (app.simulate.selected[place].min(count.saturating_sub(1)), app.simulate.offset[place]);
        app.simulate.selected[place] = selected;
        app.simulate.offset[place] = scroll::window(selected, offset, height, count);
    }
    let height = usize::from(inner(app, Pane::Runs).height.saturating_sub(1));
    app.runs.offset = scroll::window(app.runs.selected, app.runs.offset, height, app.runs.entries.len());
}

/// Scrolls texts back that were scrolled beyond their end.
fn hold(app: &mut App) {
    let visible = |app: &App, pane| {
        let at = app.areas.pane(pane).filter(|at| !at.folded).map(|at| at.inner)?;
        Some((usize::from(at.width), usize::from(at.height)))
    };
    let last = |lines: usize, height: usize| lines.saturating_sub(height);
    if let Some((width, height)) = visible(app, Pane::Row) {
        app.prompt.row_scroll = app.prompt.row_scroll.min(last(row::height(app, width), height));
    }
    if let Some((width, height)) = visible(app, Pane::Detail) {
        app.rows.scroll = app.rows.scroll.min(last(detail::height(app, width), height));
    }
    if let Some((width, height)) = visible(app, Pane::Compare) {
        app.runs.scroll = app.runs.scroll.min(last(compare::height(app, width), height));
    }
    if let Some((_, height)) = visible(app, Pane::Report) {
        app.evaluate.scroll = app.evaluate.scroll.min(last(report::height(app), height));
    }
    if let Some(shown) = &app.train.shown {
        let most = |pane| app.areas.pane(pane).filter(|at| !at.folded).map(|at| at.inner.height);
        if let Some(height) = most(Pane::Metrics) {
            app.train.scroll = app.train.scroll.min(last(shown.evaluations.len(), metrics::page(shown, height)));
        }
        if let Some(height) = most(Pane::Events) {
            app.train.events_scroll = app.train.events_scroll.min(events::most(shown, height));
        }
    }
}

/// A rectangle of so many columns and lines in the middle, a little above it.
fn centred(app: &App, width: u16, height: u16) -> Rect {
    let (columns, lines) = app.size;
    let (width, height) = (width.min(columns.saturating_sub(4)), height.min(lines.saturating_sub(4)));
    Rect::new((columns - width) / 2, (lines - height) / 3, width, height)
}

/// Lines that a text takes in a window of so many columns.
fn lines(text: &str, columns: u16) -> u16 {
    super::widgets::text::wrap(text, usize::from(columns).max(1)).len() as u16
}

/// The topmost window and the list in it.
fn arrange_window(app: &mut App) {
    let Some(window) = app.windows.last() else { return };
    let (columns, rows) = app.size;
    let outer = match window {
        Window::Welcome => centred(app, 78, 18),
        Window::Help { .. } => centred(app, 100, rows),
        Window::Picker(_) => centred(app, 84, 20),
        Window::Question(question) => centred(app, 66, 5 + lines(&question.text, 62) + question.answers.len() as u16),
        Window::Input(_) => centred(app, 76, 5),
        Window::Next(_) => centred(app, 64, rows * 2 / 3),
        Window::Text { .. } => centred(app, 100, rows),
        Window::Timeline { .. } => centred(app, columns.saturating_sub(8).min(130), rows * 4 / 5),
        Window::Flips { .. } => centred(app, columns.saturating_sub(8).min(130), rows * 3 / 4),
        Window::Queue { .. } => centred(app, columns.saturating_sub(4).min(130), rows),
    };
    let inner = frame::inner(outer);
    let below =
        |skip: u16| Rect { y: inner.y + skip.min(inner.height), height: inner.height.saturating_sub(skip), ..inner };
    let list = match window {
        // What is typed stands in the first line, a rule below it.
        Window::Picker(_) => Some(below(2)),
        Window::Flips { .. } => Some(below(1)),
        Window::Question(question) => Some(below(lines(&question.text, inner.width) + 1)),
        Window::Queue { .. } => Some(Rect { height: (inner.height / 2).max(3).saturating_sub(1), ..below(1) }),
        Window::Timeline { .. } => Some(Rect { height: (inner.height / 2).max(3).saturating_sub(1), ..below(1) }),
        _ => None,
    };
    (app.areas.window, app.areas.list) = (Some(area(outer)), list.map(area));
    let height = list.map_or(0, |list| usize::from(list.height));
    let (versions, probe) = (app.prompt.versions.len(), app.prompt.probe.rows.len());
    let keys = help::lines(app).len();
    let queued = app.queue.as_ref().map_or(0, |queue| queue.lines.len());
    match app.windows.last_mut() {
        Some(Window::Help { scroll }) => *scroll = (*scroll).min(keys.saturating_sub(usize::from(inner.height))),
        Some(Window::Text { text, scroll, .. }) => {
            *scroll = (*scroll).min(text.lines().count().saturating_sub(usize::from(inner.height)));
        }
        Some(Window::Picker(picker)) => {
            picker.offset = scroll::window(picker.selected, picker.offset, height, picker.hits.len());
        }
        Some(Window::Flips { selected, offset }) => *offset = scroll::window(*selected, *offset, height, probe),
        Some(Window::Queue { selected, offset }) => *offset = scroll::window(*selected, *offset, height, queued),
        Some(Window::Timeline { selected, offset }) => {
            let from_top = versions.saturating_sub(1 + *selected);
            *offset = scroll::window(from_top, *offset, height, versions);
        }
        _ => {}
    }
}
