//! Opening, saving, leaving, recovering.

use shotglass::app::effect::Effect;
use shotglass::app::message::{SaveError, SessionRead, Unsaved};
use shotglass::app::state::{DataState, ModelState};
use shotglass::app::window::Window;
use shotglass::app::{Message, View};

use crate::alone::{Alone, failed};

fn question(alone: &Alone) -> Option<&str> {
    match alone.app.windows.last() {
        Some(Window::Question(question)) => Some(&question.title),
        _ => None,
    }
}

/// The session that is open, read again.
fn read(alone: &Alone, recovered: Option<&str>) -> Message {
    let session = alone.app.session.as_ref().unwrap();
    let recovered = recovered.map(|template| {
        let mut unsaved = session.saved.clone();
        unsaved.prompt.template = template.to_owned();
        Unsaved { session: unsaved, time: "01 Jan 12:00".to_owned(), base_changed: false }
    });
    Message::SessionRead(Box::new(SessionRead {
        file: session.file.clone(),
        session: session.saved.clone(),
        runs: session.runs.clone(),
        recovered,
        versions: Vec::new(),
    }))
}

fn saved(alone: &Alone) -> Message {
    Message::Saved(Ok(Box::new(alone.app.session.as_ref().unwrap().file.clone())))
}

#[test]
fn what_is_changed_is_saved() {
    let mut alone = Alone::new();
    alone.press(&["<ctrl-s>"]);
    alone.hears("everything is saved");
    assert!(alone.names().is_empty());
    alone.press(&["e", "x", "<ctrl-s>"]);
    let Some(Effect::Save(saving)) = alone.effects.last() else { panic!("{:?}", alone.names()) };
    assert!(saving.now.prompt.template.starts_with('x') && !saving.was.prompt.template.starts_with('x'));
    assert!(alone.app.session.as_ref().unwrap().is_dirty());
    let done = saved(&alone);
    alone.send(done);
    assert!(!alone.app.session.as_ref().unwrap().is_dirty());
    assert!(alone.names().contains(&"forget-recovery"));
}

#[test]
fn what_is_typed_while_the_file_is_written_is_not_taken_for_saved() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<ctrl-s>", "y"]);
    let done = saved(&alone);
    alone.send(done);
    assert!(alone.app.session.as_ref().unwrap().is_dirty(), "the y is in no file, and nothing will ask about it");
    alone.press(&["<esc>", "q"]);
    assert_eq!(question(&alone), Some("Save before leaving?"));
}

#[test]
fn a_file_that_somebody_else_changed_is_asked_about() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "<ctrl-s>"]);
    alone.send(Message::Saved(Err(SaveError::Changed("session.toml: has changed on disk".to_owned()))));
    assert_eq!(question(&alone), Some("Overwrite the file?"));
    // Enter is the harmless answer.
    alone.press(&["<enter>"]);
    assert!(alone.names().is_empty() && alone.app.windows.is_empty());
    alone.press(&["<ctrl-s>"]).send(Message::Saved(Err(SaveError::Changed("changed".to_owned()))));
    alone.press(&["o"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Save(saving)) if saving.force));
    alone.send(Message::Saved(Err(SaveError::Other("the disk is full".to_owned()))));
    alone.hears("the disk is full");
    assert!(alone.app.session.as_ref().unwrap().is_dirty());
}

#[test]
fn saved_under_another_name() {
    let mut alone = Alone::new();
    alone.press(&[":", "another name", "<enter>", "<enter>"]);
    assert!(
        matches!(alone.app.windows.last(), Some(Window::Input(input)) if input.error.as_deref() == Some("a name is needed"))
    );
    alone.press(&["mine", "<enter>"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Save(saving)) if saving.name.as_deref() == Some("mine")));
}

#[test]
fn leaving_asks_about_what_is_not_saved() {
    let mut alone = Alone::new();
    alone.press(&["q"]);
    assert!(alone.app.quitting);

    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q"]);
    assert_eq!((question(&alone), alone.app.quitting), (Some("Save before leaving?"), false));
    alone.press(&["c"]);
    assert!(alone.app.windows.is_empty() && !alone.app.quitting);
    alone.press(&["q", "<esc>"]);
    assert!(alone.app.windows.is_empty() && !alone.app.quitting);
    alone.press(&["q", "s"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Save(_))) && !alone.app.quitting);
    let done = saved(&alone);
    alone.send(done);
    assert!(alone.app.quitting);

    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q", "d"]);
    assert!(alone.app.quitting && alone.names().contains(&"forget-recovery") && !alone.names().contains(&"save"));
}

#[test]
fn a_save_that_fails_keeps_the_program_open() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q", "s"]);
    alone.send(Message::Saved(Err(SaveError::Other("the disk is full".to_owned()))));
    assert!(!alone.app.quitting);
    // A later save is only a save.
    alone.press(&["<ctrl-s>"]);
    let done = saved(&alone);
    alone.send(done);
    assert!(!alone.app.quitting);
}

#[test]
fn an_answer_that_comes_after_the_save_still_leaves() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "<ctrl-s>", "q"]);
    // The first save is through while the question is open.
    let done = saved(&alone);
    alone.send(done).press(&["s"]);
    assert!(alone.app.quitting, "saved and leave: it is saved, and stays open");
}

#[test]
fn leaving_asks_about_a_run_that_goes_on() {
    let mut alone = Alone::new();
    alone.begin("a").press(&["q"]);
    assert_eq!(question(&alone), Some("Leave while a run is going on?"));
    alone.press(&["c"]);
    assert!(!alone.app.quitting);
    alone.press(&["q", "y"]);
    assert!(alone.app.quitting);
    assert!(alone.names().contains(&"end-run") && alone.names().contains(&"cancel"), "{:?}", alone.names());
}

#[test]
fn a_question_is_answered_by_its_own_keys_alone() {
    // Ctrl-D is no `d`, Ctrl-C no `c`, Alt-S no `s`.
    for key in ["<ctrl-d>", "<alt-d>"] {
        let mut alone = Alone::new();
        alone.press(&["e", "x", "<esc>", "q", key]);
        assert!(!alone.app.quitting, "{key} left without saving");
    }
    for key in ["<ctrl-s>", "<alt-s>"] {
        let mut alone = Alone::new();
        alone.press(&["e", "x", "<esc>", "q", key]);
        let done = saved(&alone);
        alone.send(done);
        assert!(!alone.app.quitting, "{key} left");
    }
    // Capital letters are meant.
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q", "D"]);
    assert!(alone.app.quitting);
    // A letter that is no answer is nothing.
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "q", "z", "1", "<tab>", "<f1>"]);
    assert_eq!(question(&alone), Some("Save before leaving?"));
}

#[test]
fn unsaved_work_is_kept_a_second_later_and_taken_up() {
    let mut alone = Alone::new();
    alone.press(&["e", "x"]).wait(999);
    assert!(!alone.names().contains(&"keep-recovery"));
    alone.rendered().wait(1);
    assert!(alone.names().contains(&"keep-recovery"));
    // Taken back, there is nothing to keep any more.
    alone.press(&["<alt-z>"]).wait(1_000);
    assert!(alone.names().contains(&"forget-recovery"));

    let mut alone = Alone::new();
    let message = read(&alone, Some("Recovered: {{ text }}"));
    alone.send(message);
    assert_eq!(question(&alone), Some("Take up unsaved work?"));
    alone.press(&["y"]);
    assert_eq!(alone.app.prompt.template.text(), "Recovered: {{ text }}");
    assert!(alone.app.session.as_ref().unwrap().is_dirty());
    alone.press(&["u"]);
    assert!(!alone.app.prompt.template.text().contains("Recovered"));
}

#[test]
fn unsaved_work_is_forgotten_only_when_that_is_said() {
    let mut alone = Alone::new();
    let message = read(&alone, Some("Recovered: {{ text }}"));
    alone.send(message).press(&["n"]);
    assert!(alone.names().contains(&"forget-recovery"));
    assert!(!alone.app.prompt.template.text().contains("Recovered"));

    // Esc is no answer: it is asked again the next time, so it must still be there then.
    for leave in [&["<esc>", "q"][..], &["<ctrl-c>", "<ctrl-c>"], &["<esc>", "<ctrl-c>", "<ctrl-c>"]] {
        let mut alone = Alone::new();
        let message = read(&alone, Some("Recovered: {{ text }}"));
        alone.send(message).press(leave);
        assert!(alone.app.quitting, "{leave:?}");
        assert!(!alone.names().contains(&"forget-recovery"), "{leave:?} threw away work that was never answered for");
    }
}

#[test]
fn another_session_asks_about_what_is_not_saved() {
    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "o"]).send(Message::Sessions(Vec::new()));
    alone.press(&["other.toml", "<enter>"]);
    assert_eq!(question(&alone), Some("Save the session first?"));
    alone.press(&["c", "o"]).send(Message::Sessions(Vec::new()));
    alone.press(&["other.toml", "<enter>", "d"]);
    assert!(matches!(alone.effects.last(), Some(Effect::Open(name)) if name == "other.toml"));

    let mut alone = Alone::new();
    alone.press(&["e", "x", "<esc>", "o"]).send(Message::Sessions(Vec::new()));
    alone.press(&["other.toml", "<enter>", "s"]);
    let done = saved(&alone);
    alone.send(done);
    assert!(matches!(alone.effects.last(), Some(Effect::Open(name)) if name == "other.toml"));
}

#[test]
fn a_session_that_cannot_be_opened_leaves_the_open_one_alone() {
    let mut alone = Alone::new();
    alone.press(&["o"]).send(Message::Sessions(Vec::new()));
    alone.press(&["nowhere.toml", "<enter>"]).send(Message::OpenFailed("nowhere.toml: no such file".to_owned()));
    alone.hears("no such file");
    assert!(alone.app.prepared().is_some() && alone.app.opening.is_none());
    alone.press(&["e", "x", "<esc>"]).rendered().wait(150);
    assert!(alone.names().contains(&"score"), "{:?}", alone.names());
}

#[test]
fn another_session_begins_afresh() {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["3", "x", "1", "e", "x", "<esc>"]);
    let message = read(&alone, None);
    alone.send(message);
    assert!(alone.app.run.is_none() && alone.app.marks.is_empty() && alone.app.prompt.versions.is_empty());
    assert!(matches!(alone.app.data, DataState::Loading { .. }));
    // The same model need not be loaded again.
    assert!(matches!(alone.app.model, ModelState::Ready(_)));
    assert!(!alone.names().contains(&"load"));
}

#[test]
fn a_session_is_not_left_while_a_run_goes_on() {
    let mut alone = Alone::new();
    alone.begin("a").press(&["o"]).send(Message::Sessions(Vec::new()));
    alone.press(&["other.toml", "<enter>"]);
    alone.hears("stop it first");
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["other/model", "<enter>"]);
    assert!(!alone.names().contains(&"load") && matches!(alone.app.model, ModelState::Ready(_)));
}

#[test]
fn a_model_that_cannot_be_loaded_is_told_and_another_one_taken() {
    let mut alone = Alone::new();
    alone.press(&["m"]).send(Message::Models(Ok(Vec::new())));
    alone.press(&["bad/model", "<enter>"]);
    let load = alone.ticket();
    alone.engine(load, failed("bad/model: not on the hub"));
    alone.hears("the model cannot be loaded: bad/model: not on the hub");
    assert!(matches!(alone.app.model, ModelState::Failed(_)) && alone.app.view == View::Prompt);
    alone.press(&["m"]).send(Message::Models(Err("the cache cannot be read".to_owned())));
    alone.hears("the cache cannot be read");
    alone.press(&["good/model", "<enter>"]);
    assert!(alone.names().contains(&"load"));
}

#[test]
fn opening_can_be_stopped() {
    let mut alone = Alone::unopened();
    alone.press(&["<esc>"]);
    assert_eq!(alone.names(), ["stop-opening"]);
    alone.send(Message::OpenFailed("opening was cancelled".to_owned()));
    assert!(matches!(alone.app.data, DataState::Failed(_)));
}
