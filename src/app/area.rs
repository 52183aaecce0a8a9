//! Where things are on the screen: set by the layout, read by the mouse and by whoever needs to know a page's size.

use super::view::{Pane, View};

/// A rectangle of the screen, in cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// The leftmost column.
    pub x: u16,
    /// The topmost line.
    pub y: u16,
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

impl Area {
    /// Whether a cell lies inside.
    pub fn contains(&self, x: u16, y: u16) -> bool {
        x >= self.x && y >= self.y && x - self.x < self.width && y - self.y < self.height
    }
}

/// A pane on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneArea {
    /// Which.
    pub pane: Pane,
    /// With its border.
    pub outer: Area,
    /// Without; as high as one line where the pane is folded to a summary.
    pub inner: Area,
    /// Whether it is folded to one line.
    pub folded: bool,
}

/// What the mouse can hit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Areas {
    /// The panes of the view, in the order of `Tab`.
    pub panes: Vec<PaneArea>,
    /// The names of the views in the first line.
    pub tabs: Vec<(View, Area)>,
    /// Cells of the confusion matrix: gold, predicted.
    pub cells: Vec<((usize, usize), Area)>,
    /// Where the loss of a training is drawn.
    pub chart: Option<Area>,
    /// The list inside the topmost window.
    pub list: Option<Area>,
    /// The whole topmost window.
    pub window: Option<Area>,
}

impl Areas {
    /// A pane's area.
    pub fn pane(&self, pane: Pane) -> Option<&PaneArea> {
        self.panes.iter().find(|area| area.pane == pane)
    }

    /// The inside of a pane; nothing where it is not on the screen.
    pub fn inner(&self, pane: Pane) -> Area {
        self.pane(pane).map(|area| area.inner).unwrap_or_default()
    }

    /// The pane at a cell.
    pub fn pane_at(&self, x: u16, y: u16) -> Option<Pane> {
        self.panes.iter().find(|area| area.outer.contains(x, y)).map(|area| area.pane)
    }
}
