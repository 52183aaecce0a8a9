//! The mouse does what keys do too.

use crossterm::event::{MouseButton, MouseEventKind};
use shotglass::app::window::Window;
use shotglass::app::{Area, Message, Pane, View};

use crate::alone::Alone;
use crate::harness::{click, mouse};

fn inner(alone: &Alone, pane: Pane) -> Area {
    alone.app.areas.inner(pane)
}

fn wheel(down: bool, at: Area) -> Message {
    let kind = if down { MouseEventKind::ScrollDown } else { MouseEventKind::ScrollUp };
    mouse(kind, at.x + 1, at.y + 1)
}

#[test]
fn a_click_focuses() {
    let mut alone = Alone::new();
    for pane in [Pane::Row, Pane::Probe, Pane::Demos, Pane::Answer] {
        let at = inner(&alone, pane);
        alone.send(click(at.x, at.y));
        assert_eq!(alone.app.pane(), pane);
    }
    // On the border too.
    let outer = alone.app.areas.pane(Pane::Row).unwrap().outer;
    alone.send(click(outer.x, outer.y));
    assert_eq!(alone.app.pane(), Pane::Row);
}

#[test]
fn a_click_into_the_text_types_there() {
    let mut alone = Alone::new();
    let at = inner(&alone, Pane::Template);
    alone.send(click(at.x + 5, at.y + 1));
    assert!(alone.app.is_typing());
    alone.press(&["X"]);
    let second = alone.app.prompt.template.text().lines().nth(1).unwrap().to_owned();
    assert_eq!(second, "Text:X <{{ text }}>");
    // Dragging selects, a double click a word.
    alone.send(click(at.x, at.y)).send(mouse(MouseEventKind::Drag(MouseButton::Left), at.x + 4, at.y));
    assert_eq!(alone.app.prompt.template.selected_text(), Some("Does"));
    alone.wait(1_000).send(click(at.x + 7, at.y)).send(click(at.x + 7, at.y));
    assert_eq!(alone.app.prompt.template.selected_text(), Some("the"));
    // Two clicks far apart in time are no double click.
    alone.wait(1_000).send(click(at.x + 7, at.y)).wait(500).send(click(at.x + 7, at.y));
    assert_eq!(alone.app.prompt.template.selected_text(), None);
    // A click elsewhere ends typing.
    let row = inner(&alone, Pane::Row);
    alone.send(click(row.x, row.y));
    assert!(!alone.app.is_typing());
}

#[test]
fn a_click_on_a_tab_shows_the_view() {
    let mut alone = Alone::new();
    for view in [View::Runs, View::Evaluate, View::Rows, View::Prompt] {
        let (_, at) = *alone.app.areas.tabs.iter().find(|(of, _)| *of == view).unwrap();
        alone.send(click(at.x + at.width / 2, at.y));
        assert_eq!(alone.app.view, view);
    }
}

#[test]
fn a_click_selects_a_cell_and_a_second_one_opens_it() {
    let mut alone = Alone::new();
    alone.with_run("a");
    let at = |alone: &Alone, cell: (usize, usize)| alone.app.areas.cells.iter().find(|(of, _)| *of == cell).unwrap().1;
    let cell = at(&alone, (1, 0));
    alone.send(click(cell.x, cell.y));
    assert_eq!((alone.app.evaluate.cell, alone.app.view), ((1, 0), View::Evaluate));
    alone.send(click(cell.x, cell.y));
    assert_eq!(alone.at(), (View::Rows, Pane::Rows));
    assert_eq!(alone.app.rows.filter.cell, Some(("oppose".to_owned(), "support".to_owned())));
    // Beside the cells nothing is selected.
    alone.press(&["2"]);
    let matrix = inner(&alone, Pane::Matrix);
    alone.send(click(matrix.x, matrix.y));
    assert_eq!(alone.app.evaluate.cell, (1, 0));
}

#[test]
fn a_click_selects_a_row_and_a_second_one_opens_it() {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["3"]);
    let at = inner(&alone, Pane::Rows);
    alone.send(click(at.x + 3, at.y + 4));
    assert_eq!((alone.app.rows.selected, alone.app.pane()), (3, Pane::Rows));
    // The heading is no row.
    alone.send(click(at.x + 3, at.y));
    assert_eq!(alone.app.rows.selected, 3);
    alone.send(click(at.x + 3, at.y + 4));
    assert_eq!(alone.app.pane(), Pane::Detail);
}

#[test]
fn a_click_on_the_tick_ticks() {
    let mut alone = Alone::new();
    let at = inner(&alone, Pane::Demos);
    let row = alone.app.prompt.demos.list[2];
    alone.send(click(at.x + 12, at.y + 2));
    assert_eq!((alone.app.prompt.demos.current(), alone.app.prompt.demos.shown.len()), (Some(row), 0));
    alone.send(click(at.x, at.y + 2));
    assert_eq!(alone.app.prompt.demos.shown, [row]);
    // Below the list there is nothing.
    alone.press(&["/"]).send(Message::Paste("x".to_owned())).send(Message::DemosFiltered(Vec::new()));
    alone.press(&["<enter>"]).send(click(at.x, at.y + 5));
    assert_eq!(alone.app.prompt.demos.shown, [row]);
}

#[test]
fn the_wheel_scrolls_what_is_under_it() {
    let mut alone = Alone::new();
    let demos = inner(&alone, Pane::Demos);
    alone.send(wheel(true, demos)).send(wheel(true, demos));
    assert_eq!(alone.app.prompt.demos.selected, 6);
    alone.send(wheel(false, demos));
    assert_eq!(alone.app.prompt.demos.selected, 3);
    alone.with_run("a").press(&["3"]);
    let rows = inner(&alone, Pane::Rows);
    alone.send(wheel(true, rows));
    assert_eq!(alone.app.rows.selected, 3);
}

#[test]
fn looking_elsewhere_does_not_end_typing() {
    // Also where nothing but the first pane had the focus yet.
    for tabs in [&[][..], &["<tab>", "<shift-tab>"]] {
        let mut alone = Alone::new();
        let demos = inner(&alone, Pane::Demos);
        alone.press(tabs).press(&["e", "x"]).send(wheel(true, demos)).press(&["y"]);
        assert_eq!((alone.app.is_typing(), alone.app.prompt.demos.selected), (true, 3), "{tabs:?}");
        assert!(alone.app.prompt.template.text().starts_with("xy"));
    }
}

#[test]
fn the_wheel_over_the_text_does_not_move_what_is_typed() {
    let mut alone = Alone::new();
    let template = inner(&alone, Pane::Template);
    alone.press(&["e", "x"]).send(wheel(true, template)).press(&["y"]);
    assert!(alone.app.prompt.template.text().starts_with("xy"), "{:?}", alone.app.prompt.template.text());
}

#[test]
fn a_click_outside_of_a_window_closes_it() {
    for keys in [&["?"][..], &[":"], &["/"], &["v"], &["n"], &["<tab>", "<tab>", "<tab>", "<tab>", "<enter>"]] {
        let mut alone = Alone::new();
        alone.press(keys);
        assert_eq!(alone.app.windows.len(), 1, "{keys:?}");
        let window = alone.app.areas.window.unwrap();
        alone.send(click(window.x + 1, window.y + 1));
        assert_eq!(alone.app.windows.len(), 1, "{keys:?}: a click inside");
        alone.send(click(0, 0));
        assert!(alone.app.windows.is_empty(), "{keys:?}");
        // And only that: what lies below was not hit.
        assert_eq!(alone.app.view, View::Prompt);
    }
    // A question wants an answer.
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q"]).send(click(0, 0));
    assert!(matches!(alone.app.windows.last(), Some(Window::Question(_))));
}

#[test]
fn a_list_in_a_window_is_clicked_and_scrolled() {
    let mut alone = Alone::new();
    alone.press(&[":"]);
    let list = alone.app.areas.list.unwrap();
    let selected = |alone: &Alone| match alone.app.windows.last() {
        Some(Window::Picker(picker)) => picker.selected,
        _ => usize::MAX,
    };
    alone.send(click(list.x + 2, list.y + 3));
    assert_eq!(selected(&alone), 3);
    alone.send(wheel(true, list));
    assert!(selected(&alone) > 3);
    alone.send(wheel(false, list)).send(click(list.x + 2, list.y));
    let first = selected(&alone);
    alone.send(click(list.x + 2, list.y));
    assert_eq!(first, 0);
    assert!(!matches!(alone.app.windows.last(), Some(Window::Picker(_))), "a second click opens it");
}

#[test]
fn an_answer_of_a_question_is_clicked() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q"]);
    let window = alone.app.areas.window.unwrap();
    // Frame, one line of text, a blank: then the answers, the last of which is to stay.
    alone.send(click(window.x + 2, window.y + 1 + 1 + 1 + 2));
    assert!(alone.app.windows.is_empty() && !alone.app.quitting);
}

#[test]
fn clicks_anywhere_break_nothing() {
    for keys in [&["1"][..], &["2"], &["3"], &["6"], &["?"], &[":"], &["v"]] {
        let mut alone = Alone::new();
        alone.with_run("a").press(keys);
        for y in 0..26 {
            for x in (0..90).step_by(3) {
                alone.send(click(x, y)).send(mouse(MouseEventKind::ScrollDown, x, y));
                alone.send(mouse(MouseEventKind::Drag(MouseButton::Left), x + 2, y));
            }
        }
        alone.send(click(u16::MAX, u16::MAX)).send(mouse(MouseEventKind::ScrollUp, u16::MAX, 0));
    }
}
