//! One file a pane: its titles, its one line where it is folded, what is in it.

pub(super) mod answer;
pub(super) mod compare;
pub(super) mod demos;
pub(super) mod detail;
pub(super) mod events;
pub(super) mod footer;
pub(super) mod groups;
pub(super) mod header;
pub(super) mod loss;
pub(super) mod matrix;
pub(super) mod metrics;
pub(super) mod probe;
pub(super) mod report;
pub(super) mod respondent;
pub(super) mod row;
pub(super) mod rows;
pub(super) mod runs;
pub(super) mod shares;
pub(super) mod status;
pub(super) mod tally;
pub(super) mod template;

use ratatui::layout::Rect;

use crate::app::area::PaneArea;
use crate::app::{App, Pane};

use super::layout::rect;
use super::widgets::frame;
use super::{Canvas, is_focused};

/// What stands in the frame of a pane.
#[derive(Default)]
pub(super) struct Titles {
    /// At the top left.
    pub left: String,
    /// At the top right.
    pub right: String,
    /// At the bottom right.
    pub bottom: String,
}

impl Titles {
    fn new(left: impl Into<String>, right: impl Into<String>) -> Self {
        Self { left: left.into(), right: right.into(), bottom: String::new() }
    }
}

fn titles(app: &App, pane: Pane) -> Titles {
    match pane {
        Pane::Template => template::titles(app),
        Pane::System => Titles::new("System message", ""),
        Pane::Demos => demos::titles(app),
        Pane::Row => row::titles(app),
        Pane::Answer => answer::titles(app),
        Pane::Probe => probe::titles(app),
        Pane::Report => report::titles(app),
        Pane::Matrix => matrix::titles(app),
        Pane::Rows => rows::titles(app),
        Pane::Detail => detail::titles(app),
        Pane::Loss => loss::titles(app),
        Pane::Metrics => metrics::titles(app),
        Pane::Events => events::titles(app),
        Pane::Respondent => respondent::titles(app),
        Pane::Shares => shares::titles(app),
        Pane::Groups => groups::titles(app),
        Pane::Tally => tally::titles(app),
        Pane::Runs => runs::titles(app),
        Pane::Compare => compare::titles(app),
    }
}

/// Draws a pane.
pub(super) fn draw(canvas: &mut Canvas<'_>, at: &PaneArea) {
    let titles = titles(canvas.app, at.pane);
    if at.folded {
        fold(canvas, at, &titles);
        return;
    }
    let focused = is_focused(canvas.app, at.pane);
    let ascii = canvas.ascii();
    let frame = frame::Pane {
        title: &titles.left,
        right: &titles.right,
        bottom: "",
        bottom_right: &titles.bottom,
        focused,
        ascii,
    };
    let inner = canvas.frame(rect(at.outer), &frame);
    match at.pane {
        Pane::Template | Pane::System => template::draw(canvas, at.pane, inner),
        Pane::Demos => demos::draw(canvas, rect(at.outer), inner),
        Pane::Row => row::draw(canvas, inner),
        Pane::Answer => answer::draw(canvas, inner),
        Pane::Probe => probe::draw(canvas, inner),
        Pane::Report => report::draw(canvas, inner),
        Pane::Matrix => matrix::draw(canvas, inner),
        Pane::Rows => rows::draw(canvas, rect(at.outer), inner),
        Pane::Detail => detail::draw(canvas, inner),
        Pane::Loss => loss::draw(canvas, inner),
        Pane::Metrics => metrics::draw(canvas, inner),
        Pane::Events => events::draw(canvas, rect(at.outer), inner),
        Pane::Respondent => respondent::draw(canvas, rect(at.outer), inner),
        Pane::Shares => shares::draw(canvas, inner),
        Pane::Groups => groups::draw(canvas, rect(at.outer), inner),
        Pane::Tally => tally::draw(canvas, rect(at.outer), inner),
        Pane::Runs => runs::draw(canvas, rect(at.outer), inner),
        Pane::Compare => compare::draw(canvas, inner),
    }
}

/// A pane on one line: its title and the figure that matters.
fn fold(canvas: &mut Canvas<'_>, at: &PaneArea, titles: &Titles) {
    let line: Rect = rect(at.outer);
    let theme = canvas.theme;
    let (arrow, gap) = (canvas.symbol("▸ ", "> "), "  ");
    let used = canvas.line(
        line.x + 1,
        line.y,
        line.width.saturating_sub(2),
        &[(arrow, theme.dim), (&titles.left, theme.title)],
    );
    let rest = Rect { x: line.x + 1 + used, width: line.width.saturating_sub(2 + used), ..line };
    match at.pane {
        Pane::Answer => answer::summary(canvas, rest),
        Pane::Probe => probe::summary(canvas, rest),
        Pane::Report => report::summary(canvas, rest),
        Pane::Metrics => metrics::summary(canvas, rest),
        Pane::Events => events::summary(canvas, rest),
        Pane::Respondent => respondent::summary(canvas, rest),
        Pane::Shares => shares::summary(canvas, rest),
        Pane::Tally => tally::summary(canvas, rest),
        Pane::Compare => compare::summary(canvas, rest),
        Pane::Template | Pane::System => {
            let editor =
                if at.pane == Pane::Template { &canvas.app.prompt.template } else { &canvas.app.prompt.system };
            let text = editor.text().trim().to_owned();
            canvas.line(rest.x, rest.y, rest.width, &[(gap, theme.dim), (&text, theme.dim)]);
        }
        _ => {
            canvas.line(rest.x, rest.y, rest.width, &[(gap, theme.dim), (&titles.right, theme.dim)]);
        }
    }
}
