//! The last line: the keys of the focused pane, by the keymap.

use crate::app::App;
use crate::app::action::{Action, Context};
use crate::app::view::Pane;
use crate::app::window::Window;
use crate::ui::widgets::text;
use crate::ui::{Canvas, edge_row};

/// What is worth a place in the footer here, the most useful first.
fn actions(app: &App) -> Vec<Action> {
    use Action::*;
    match app.windows.last() {
        Some(Window::Picker(_)) => return vec![Open, Up, Down, Back],
        Some(Window::Input(_)) => return vec![Enter, Back],
        Some(Window::Timeline { .. } | Window::Flips { .. } | Window::Queue { .. }) => {
            return vec![Open, Up, Down, Back];
        }
        Some(_) => return vec![Up, Down, Back],
        None if app.is_typing() => return vec![Back, Undo, Redo, Find, EditExternally, RunSplit, NextPane],
        None => {}
    }
    let own: &[Action] = match app.pane() {
        Pane::Template | Pane::System => &[Edit, Accept, Timeline, EditExternally, Find, Undo],
        Pane::Demos => &[Toggle, MoveUp, MoveDown, Lock, Strategy, Draw, MoreShots, FewerShots, Find],
        Pane::Row | Pane::Answer => &[RunRow, PreviousRow, NextRow, Fold, Probabilities, NextToken, GoToRow],
        Pane::Probe => &[Flips, Accept, Timeline, Left, Right],
        Pane::Report => &[Contextual, Batch, Supervised, Uncalibrated, ChooseSplit, ChooseLimit, Copy],
        Pane::Matrix => &[Open, Contextual, Batch, Supervised, Uncalibrated, ChooseSplit, ChooseLimit, Copy],
        Pane::Rows if app.rows.filter.show == crate::app::sift::Show::Suspects => {
            &[GoldRight, GoldWrong, Doubt, Skip, Undo, Open, Note, Tag, UseAsDemo, Try]
        }
        Pane::Rows => &[Open, Find, Show, Audit, Sort, Reverse, UseAsDemo, Try, Tag, Note, Doubt, Copy],
        Pane::Detail => &[UseAsDemo, Try, Tag, Note, Doubt, GoldRight, GoldWrong, Copy, Back],
        Pane::Loss | Pane::Metrics | Pane::Events => training(app),
        Pane::Respondent if !app.simulates() => &[Sessions],
        Pane::Respondent => &[PreviousRow, NextRow, Left, Right, Value, Undo, Reset, GoToRow],
        Pane::Shares => &[Open, Weights, Missing, NextGrouping, Columns, Copy],
        Pane::Groups => &[Open, NextGrouping, Weights, Missing, Copy],
        Pane::Tally => &[Open, Copy],
        Pane::Runs => &[Open, Mark, Sweep, Search, Rename, Export, Resume, Delete],
        Pane::Compare if app.runs.contrast.asked.is_some() => &[Open, Up, Down, ExportComparison, Copy],
        Pane::Compare => &[Up, Down],
    };
    let mut actions = own.to_vec();
    actions.extend([Save, Quit]);
    actions
}

/// The same for a training: what can be done with one that goes on, or with one that is over.
fn training(app: &App) -> &'static [Action] {
    use Action::*;
    match (&app.train.shown, app.train.live) {
        (None, _) => &[Open],
        (Some(_), true) => &[Pause, Stop, Abort, LearningRate, Evaluate, Matrix, ZoomIn, ZoomOut, LogScale, MoreSmooth],
        (Some(_), false) => &[Matrix, ZoomIn, ZoomOut, Left, Right, LogScale, LessSmooth, MoreSmooth, Overlay, Resume],
    }
}

/// What has its place in the footer wherever one is.
fn always(app: &App) -> &'static [Action] {
    match app.windows.is_empty() && !app.is_typing() {
        true => &[Action::RunSplit, Action::NextPane, Action::Help, Action::Palette],
        false => &[Action::Help, Action::Palette],
    }
}

/// Draws the footer.
pub(in crate::ui) fn draw(canvas: &mut Canvas<'_>) {
    let (app, theme, ascii) = (canvas.app, canvas.theme, canvas.ascii());
    let row = edge_row(app, 1);
    let contexts = app.contexts();
    let key = |action: Action| app.keymap.chord(&contexts, action).map(|chord| chord.show(ascii));
    let always: Vec<(String, &str)> =
        always(app).iter().filter_map(|action| Some((key(*action)?, label(app, *action)))).collect();
    let columns = |(key, label): &(String, &str)| (text::width(key) + 1 + text::width(label) + 2) as u16;
    let right: u16 = always.iter().map(columns).sum();
    let mut x = row.width.saturating_sub(right);
    let end = x;
    for (key, label) in &always {
        x += canvas.line(x, row.y, row.width - x, &[(key, theme.key), (" ", theme.text), (label, theme.key_label)]) + 2;
    }
    if let Some(Window::Question(question)) = app.windows.last() {
        let mut x = 1;
        for (key, label, _) in &question.answers {
            let key = key.to_string();
            x += canvas.line(
                x,
                row.y,
                end.saturating_sub(x),
                &[(&key, theme.key), (" ", theme.text), (label, theme.key_label)],
            ) + 2;
        }
        return;
    }
    let mut x = 1;
    for action in actions(app) {
        let Some(key) = key(action) else { continue };
        let label = label(app, action);
        let item = (key, label);
        if x + columns(&item) > end {
            continue;
        }
        x += canvas.line(x, row.y, end - x, &[(&item.0, theme.key), (" ", theme.text), (item.1, theme.key_label)]) + 2;
    }
}

/// What an action is called here.
fn label(app: &App, action: Action) -> &'static str {
    match (action, app.contexts().first()) {
        (Action::Back, Some(Context::Typing)) if app.windows.is_empty() => "done",
        (Action::Back, _) if !app.windows.is_empty() => "close",
        (Action::RunSplit, Some(Context::Train)) => Action::Train.short(),
        (Action::Open, Some(Context::Train)) => Action::Train.short(),
        (Action::Pause, _) if app.train.pausing => "go on",
        (Action::Find, Some(Context::Rows | Context::Demos)) => "filter",
        (Action::Left, Some(Context::Probe)) => "version before",
        (Action::Right, Some(Context::Probe)) => "next version",
        (action, _) => action.short(),
    }
}
