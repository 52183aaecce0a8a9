//! View 3, and what opens it: cells, filters, orders, marks, details.

use std::sync::Arc;

use shotglass::app::effect::Effect;
use shotglass::app::sift::{Show, Sort};
use shotglass::app::window::Window;
use shotglass::app::{Message, Pane, View};
use shotglass::data::Split;
use shotglass::session::folder::Status;

use crate::alone::Alone;

/// A finished run in view 3.
fn rows() -> Alone {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["3"]);
    alone
}

fn listed(alone: &Alone) -> Vec<usize> {
    let run = alone.app.run.as_ref().unwrap();
    alone.app.rows.listed.iter().map(|place| run.rows[*place as usize].row).collect()
}

#[test]
fn a_cell_opens_into_its_rows() {
    let mut alone = Alone::new();
    alone.with_run("a");
    assert_eq!(alone.at(), (View::Evaluate, Pane::Matrix));
    alone.press(&["<down>"]);
    assert_eq!(alone.app.evaluate.cell, (1, 0));
    alone.press(&["<enter>"]);
    alone.sifted();
    assert_eq!(alone.at(), (View::Rows, Pane::Rows));
    assert_eq!(alone.app.rows.filter.cell, Some(("oppose".to_owned(), "support".to_owned())));
    let data = &alone.app.prepared().unwrap().data;
    let mut wrong: Vec<usize> =
        data.split(Split::Validation).iter().copied().filter(|row| data.gold(*row) == Some(1)).collect();
    wrong.sort_unstable();
    assert_eq!(listed(&alone), wrong);
    // An empty cell lists nothing, and Esc lists all again.
    alone.press(&["2", "<right>", "<enter>"]);
    alone.sifted();
    assert_eq!(listed(&alone), [0; 0]);
    alone.press(&["<esc>"]);
    alone.sifted();
    assert_eq!(listed(&alone).len(), 48);
}

#[test]
fn the_cursor_of_the_matrix_stays_inside() {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["<up>", "<left>"]);
    assert_eq!(alone.app.evaluate.cell, (0, 0));
    alone.press(&["<down>", "<down>", "<right>", "<right>"]);
    assert_eq!(alone.app.evaluate.cell, (1, 1));
    alone.press(&["g"]);
    assert_eq!(alone.app.evaluate.cell, (0, 0));
    alone.press(&["G"]);
    assert_eq!(alone.app.evaluate.cell, (1, 1));
}

#[test]
fn without_a_run_a_cell_says_how_to_get_one() {
    let mut alone = Alone::new();
    alone.press(&["2", "<enter>"]);
    alone.hears("Ctrl-R");
    assert_eq!(alone.app.view, View::Evaluate);
}

#[test]
fn filters_and_orders() {
    let mut alone = rows();
    for show in [Show::Wrong, Show::Unknown, Show::LowMargin, Show::Marked, Show::All] {
        alone.press(&["f"]);
        assert_eq!((alone.app.rows.filter.show, alone.names()), (show, vec!["sift"]));
        alone.sifted();
    }
    for sort in [Sort::Margin, Sort::Length, Sort::Probability, Sort::Row] {
        alone.press(&["s"]);
        assert_eq!(alone.app.rows.filter.sort, sort);
        alone.sifted();
    }
    let forward = listed(&alone);
    alone.press(&["S"]);
    alone.sifted();
    assert_eq!(listed(&alone), forward.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn the_filter_works_while_it_is_typed() {
    let mut alone = rows();
    alone.press(&["/", "jo"]);
    alone.sifted();
    assert_eq!(alone.app.rows.filter.query, "jo");
    let data = &alone.app.prepared().unwrap().data;
    let fits = |row: &usize| data.text(*row).contains("jo");
    let mut fitting: Vec<usize> = data.split(Split::Validation).iter().copied().filter(fits).collect();
    fitting.sort_unstable();
    assert_eq!(listed(&alone), fitting);
    // A pattern that is not one is told in the line of input, which stays open.
    alone.press(&["<alt-a>", "/(/"]);
    alone.sifted();
    assert!(alone.app.rows.error.is_some());
    alone.press(&["<enter>"]);
    assert!(matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.error.is_some()));
    alone.press(&["<backspace>", "<backspace>", "<backspace>", "/^our/"]);
    alone.sifted();
    alone.press(&["<enter>"]);
    assert!(alone.app.windows.is_empty() && alone.app.rows.error.is_none() && !listed(&alone).is_empty());
}

#[test]
fn leaving_a_pattern_that_is_not_one_leaves_no_wreck() {
    let mut alone = rows();
    let all = listed(&alone);
    alone.press(&["/", "/("]);
    alone.sifted();
    alone.press(&["<esc>"]);
    alone.sifted();
    // Either the rows are all there again, or it is said what is wrong; an error that is gone with rows of an older filter
    // under a title that has the new one is neither.
    let wrong = alone.app.rows.filter.query == "/(" && alone.app.rows.error.is_none();
    assert!(!wrong, "the filter `/(` is on, nothing says that it is wrong, and {} rows are listed", all.len());
}

#[test]
fn one_listing_at_a_time_and_the_last_one_counts() {
    let mut alone = rows();
    alone.press(&["s", "s", "S"]);
    assert_eq!(alone.names(), ["sift"]);
    alone.sift();
    let Some(Effect::Sift(request)) = alone.effects.first() else { panic!("{:?}", alone.names()) };
    assert!(request.filter.reverse && request.filter.sort == Sort::Length);
    alone.sifted();
    let length = |row: &usize| alone.app.prepared().unwrap().data.text(*row).chars().count();
    let lengths: Vec<usize> = listed(&alone).iter().map(length).collect();
    assert!(lengths.is_sorted_by(|a, b| a >= b), "{lengths:?}");
}

#[test]
fn a_listing_of_another_run_is_dropped() {
    let mut alone = Alone::new();
    let load = |alone: &mut Alone, name: &str, done: usize| {
        let mut run = alone.run(name, done);
        run.status = Status::Finished;
        let path = run.about.path.clone();
        alone.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false });
    };
    load(&mut alone, "a", 48);
    load(&mut alone, "b", 5);
    // The listing of the first run comes when the second one is shown.
    alone.sift();
    assert_eq!(alone.app.rows.listed, [0; 0]);
    alone.sifted();
    assert_eq!(alone.app.rows.listed.len(), 5);
}

/// The prompt of a row was rendered.
fn detail(alone: &Alone, row: usize, text: &str) -> Message {
    Message::Detail { run: alone.app.run.as_ref().unwrap().about.path.clone(), row, prompt: Ok(text.to_owned()) }
}

#[test]
fn the_prompt_of_a_row_is_that_of_its_run() {
    let mut alone = rows();
    let row = alone.app.table_row().unwrap().row;
    assert_eq!(alone.app.rows.asked, Some(row));
    let late = detail(&alone, row, "of the first run");
    // Another run is opened before the prompt of the first one's row is rendered.
    let mut run = alone.run("b", 48);
    run.status = Status::Finished;
    let path = run.about.path.clone();
    alone.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false }).sifted();
    alone.press(&["3"]);
    assert_eq!(alone.app.table_row().unwrap().row, row);
    alone.send(late);
    assert_eq!(alone.app.rows.detail, None);
    let right = detail(&alone, row, "of the second run");
    alone.send(right);
    assert_eq!(alone.app.rows.detail, Some((row, Ok("of the second run".to_owned()))));
}

#[test]
fn the_prompt_of_a_row_is_rendered_again_once_the_model_is_there() {
    // Without the model a chat session's prompt cannot be written; with it, it can.
    let mut alone = Alone::new();
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["another/model", "<enter>"]);
    let load = alone.ticket();
    let mut run = alone.run("a", 48);
    let prepared = run.about.prepared.take().unwrap();
    let mut session = prepared.session.clone();
    session.prompt.chat = true;
    (run.status, run.about.prepared) = (Status::Finished, Some(Arc::new(prepared.with_session(session))));
    let path = run.about.path.clone();
    alone.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false }).sifted().press(&["3"]);
    assert!(matches!(&alone.app.rows.detail, Some((_, Err(error))) if error.contains("load that model")));
    let model = Alone::new().app.model().unwrap().clone();
    alone.engine(load, shotglass::engine::Event::Ready { job: 1, model });
    assert!(alone.names().contains(&"detail"), "`load that model to see it` stays although it is loaded");
}

#[test]
fn rows_of_a_run_that_goes_on_are_listed_now_and_then() {
    let mut alone = Alone::new();
    alone.begin("a").press(&["3"]);
    alone.sifted();
    let rows = alone.app.prepared().unwrap().data.split(Split::Validation).to_vec();
    let mut asked = 0;
    for chunk in rows.chunks(8) {
        alone.recorded(chunk);
        asked += alone.names().iter().filter(|name| **name == "sift").count();
        alone.sifted();
    }
    assert!(asked <= 2, "{asked} listings at once");
    alone.wait(250);
    alone.sifted();
    assert_eq!(listed(&alone).len(), 48);
    // The end is listed too, without waiting.
    alone.wait(1_000);
    assert_eq!(alone.app.timers.sift, None);
}

#[test]
fn the_cursor_keeps_its_row_when_the_listing_changes() {
    let mut alone = rows();
    alone.press(&["<down>", "<down>", "<down>"]);
    let row = alone.app.table_row().unwrap().row;
    alone.press(&["S"]);
    alone.sifted();
    assert_eq!(alone.app.table_row().unwrap().row, row);
    alone.press(&["G"]);
    let last = alone.app.table_row().unwrap().row;
    alone.press(&["S"]);
    alone.sifted();
    assert_eq!(alone.app.table_row().unwrap().row, last);
}

#[test]
fn marks_are_set_changed_and_taken_away() {
    let mut alone = rows();
    let row = alone.app.table_row().unwrap().row;
    alone.press(&["x"]);
    assert!(alone.names().contains(&"mark") && alone.app.marks[&row].doubtful);
    alone.hears("doubtful");
    alone.press(&["x"]);
    assert!(!alone.app.marks[&row].doubtful);
    alone.press(&["#", "irony", "<enter>", "N", "look again", "<enter>"]);
    let mark = &alone.app.marks[&row];
    assert_eq!((mark.tag.as_deref(), mark.note.as_deref()), (Some("irony"), Some("look again")));
    // What is there is what is changed.
    alone.press(&["#", "!", "<enter>", "N", "<alt-a>", "<backspace>", "<enter>"]);
    let mark = &alone.app.marks[&row];
    assert_eq!((mark.tag.as_deref(), mark.note.as_deref()), (Some("irony!"), None));
    alone.press(&["#", "<esc>"]);
    assert_eq!(alone.app.marks[&row].tag.as_deref(), Some("irony!"));
    // The filter of marked rows knows it at once.
    alone.press(&["f", "f", "f", "f"]);
    alone.sifted();
    assert_eq!(listed(&alone), [row]);
    alone.press(&["#", "<alt-a>", "<backspace>", "<enter>"]);
    alone.sifted();
    assert_eq!(listed(&alone), [0; 0]);
}

#[test]
fn a_tag_that_is_too_long_is_refused_where_it_is_typed() {
    let mut alone = rows();
    let row = alone.app.table_row().unwrap().row;
    let long = "x".repeat(shotglass::session::overlay::MOST_TAG + 1);
    alone.press(&["#", &long, "<enter>"]);
    assert!(alone.app.marks.get(&row).is_none_or(|mark| mark.tag.is_none()), "shown as if it were kept");
    assert!(matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.error.is_some()));
}

#[test]
fn rows_of_other_data_are_not_marked_tried_or_made_demonstrations() {
    // A run of another session, whose data is not that of this one: the same numbers are other rows.
    let folder = crate::harness::root().join("other-data");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("rows.csv");
    std::fs::write(&path, crate::harness::rows().replace("ferry", "bridge")).unwrap();
    let mut alone = Alone::new();
    let mut session = alone.app.session.as_ref().unwrap().now.clone();
    session.data.path = path.display().to_string();
    let other = shotglass::session::prepare::Prepared::open(session, &mut |_, _| true).unwrap();
    let mut run = alone.run("other", 48);
    (run.status, run.about.prepared) = (Status::Finished, Some(Arc::new(other)));
    let path = run.about.path.clone();
    alone.send(Message::RunLoaded { path, run: Ok(Box::new(run)), beside: false }).sift();
    alone.press(&["3", "x"]);
    assert!(!alone.names().contains(&"mark"), "a row of this session was marked in the place of the other's");
    alone.press(&["t"]);
    assert_eq!(alone.app.view, View::Rows, "another text is shown in view 1");
    alone.press(&["d"]);
    assert!(!alone.names().contains(&"similar"));
    assert!(!alone.told().is_empty(), "nothing says why not");
}

#[test]
fn a_row_is_tried_in_view_1() {
    let mut alone = rows();
    alone.press(&["<down>", "<down>"]);
    let row = alone.app.table_row().unwrap().row;
    alone.press(&["t"]);
    assert_eq!((alone.at(), alone.app.row()), ((View::Prompt, Pane::Row), Some(row)));
    // It is of the split that view 1 walks through, so it is no visitor.
    assert_eq!(alone.app.prompt.visitor, None);
}

#[test]
fn what_is_selected_is_copied() {
    let mut alone = rows();
    let row = alone.app.table_row().unwrap().row;
    let text = alone.app.prepared().unwrap().data.text(row).into_owned();
    alone.press(&["y"]);
    assert!(matches!(&alone.effects[..], [Effect::Copy(copied)] if *copied == text));
    let rendered = detail(&alone, row, "the exact prompt");
    alone.send(rendered);
    alone.press(&["<enter>", "y"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Copy(copied)) if copied == "the exact prompt"));
    alone.press(&["2", "y"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Copy(copied)) if copied.contains("macro avg")));
}

#[test]
fn the_detail_cannot_be_scrolled_out_of_sight() {
    let mut alone = rows();
    alone.press(&["<enter>"]);
    for _ in 0..60 {
        alone.press(&["<pagedown>"]);
    }
    let end = alone.app.rows.scroll;
    assert!(end < 60, "one step up is {end} lines away from what is shown");
}
