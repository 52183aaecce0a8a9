//! Demonstrations: ticked, moved, locked, drawn, filtered, undone; rows of a run used as such.

use shotglass::app::effect::Effect;
use shotglass::app::{Message, Pane, View};
use shotglass::data::Split;
use shotglass::prompt::DemoStrategy;

use crate::alone::Alone;

/// In the list of demonstrations.
fn demos() -> Alone {
    let mut alone = Alone::new();
    alone.press(&["<tab>"]);
    assert_eq!(alone.app.pane(), Pane::Demos);
    alone
}

/// Renders, so that what is shown follows what was chosen; `shown` is what a strategy would choose.
fn chosen(alone: &mut Alone, shown: &[usize]) {
    let demos = &mut alone.app.prompt.demos;
    demos.shown = shown.to_vec();
    // The list begins with them, as after any rendering that shows others.
    demos.list.retain(|row| !shown.contains(row));
    demos.list.splice(0..0, shown.iter().copied());
    alone.rendered();
}

fn spec(alone: &Alone) -> (DemoStrategy, usize, u32, Vec<usize>) {
    let prompt = alone.app.spec().unwrap();
    (prompt.demos, prompt.shots, prompt.seed, prompt.pinned.clone())
}

#[test]
fn a_tick_shows_a_row_and_another_takes_it_away() {
    let mut alone = demos();
    assert!(alone.app.prompt.demos.shown.is_empty());
    let list = alone.app.prompt.demos.list.clone();
    assert_eq!(list, alone.app.prepared().unwrap().data.split(Split::Train));
    alone.press(&["<down>", "<down>", "<space>"]);
    assert_eq!(spec(&alone), (DemoStrategy::Pinned, 1, 42, vec![list[2]]));
    // The list begins with those that are shown, and the cursor stays on its row.
    assert_eq!((alone.app.prompt.demos.list[0], alone.app.prompt.demos.current()), (list[2], Some(list[2])));
    alone.press(&["<down>", "<space>"]);
    assert_eq!(spec(&alone).3, [list[2], list[0]]);
    alone.press(&["<space>"]);
    assert_eq!(spec(&alone).3, [list[2]]);
    alone.press(&["<up>", "<space>"]);
    assert_eq!((spec(&alone).1, spec(&alone).3.len()), (0, 0));
    assert!(alone.app.session.as_ref().unwrap().is_dirty());
}

#[test]
fn a_tick_gives_the_demonstrations_a_place_in_the_template() {
    let mut alone = demos();
    alone.press(&["<space>"]);
    let text = alone.app.prompt.template.text();
    assert!(text.contains("the march?\n{{ demos }}\nText: <{{ text }}>\n"), "{text}");
    alone.hears("{{ demos }}");
    // Once is enough.
    alone.press(&["<down>", "<space>"]);
    assert_eq!(alone.app.prompt.template.text().matches("demos").count(), 1);
    // What was added can be taken back like anything that is typed.
    alone.press(&["<shift-tab>", "u"]);
    assert!(!alone.app.prompt.template.text().contains("demos"));
}

#[test]
fn the_place_is_before_the_line_with_the_text_however_that_is_written() {
    for text in ["Say.\nText: {{text}}\n", "Say.\nText: {{ text | trim }}\n", "Say.\nText: {{- text -}}\n"] {
        let mut alone = Alone::new();
        alone.press(&["e", "<alt-a>"]).send(Message::Paste(text.to_owned()));
        alone.press(&["<esc>", "<tab>", "<space>"]);
        let template = alone.app.prompt.template.text();
        assert!(template.starts_with("Say.\n{{ demos }}\nText:"), "{template:?}");
    }
}

#[test]
fn a_word_of_the_prose_is_no_place_for_demonstrations() {
    let mut alone = Alone::new();
    alone.press(&["e", "As the demos show:", "<esc>", "<tab>", "<space>"]);
    assert!(alone.app.prompt.template.text().contains("{{ demos }}"), "{:?}", alone.app.prompt.template.text());
}

#[test]
fn the_order_is_that_of_the_user() {
    let mut alone = demos();
    let list = alone.app.prompt.demos.list.clone();
    alone.press(&["<space>", "<down>", "<space>", "<down>", "<space>"]);
    assert_eq!(spec(&alone).3, list[..3]);
    alone.press(&["K"]);
    assert_eq!((spec(&alone).3, alone.app.prompt.demos.selected), (vec![list[0], list[2], list[1]], 1));
    alone.press(&["<alt-up>"]);
    assert_eq!(spec(&alone).3, [list[2], list[0], list[1]]);
    // The first cannot go further.
    alone.press(&["K", "J", "<alt-down>", "J"]);
    assert_eq!((spec(&alone).3, alone.app.prompt.demos.selected), (list[..3].to_vec(), 2));
    alone.press(&["<down>", "K"]);
    alone.hears("tick this one first");
    assert_eq!(spec(&alone).3, list[..3]);
}

#[test]
fn locked_rows_stay_when_others_are_drawn() {
    let mut alone = demos();
    let list = alone.app.prompt.demos.list.clone();
    alone.press(&["L"]);
    alone.hears("tick it first");
    alone.press(&["<space>", "<down>", "<space>", "L"]);
    assert!(alone.app.prompt.demos.locked.contains(&list[1]));
    alone.press(&["d"]);
    let draws: Vec<_> = alone
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Draw { prompt, locked, .. } => Some((prompt.demos, prompt.seed, locked.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(draws, [(DemoStrategy::Random, 43, vec![list[1]])]);
    alone.send(Message::Drawn(Ok(vec![list[1], list[5]])));
    assert_eq!(spec(&alone), (DemoStrategy::Pinned, 1, 43, vec![list[1], list[5]]));
    assert!(alone.app.prompt.demos.locked.contains(&list[1]));
    // A lock goes with its row.
    alone.press(&["g", "<space>"]);
    assert!(alone.app.prompt.demos.locked.is_empty());
    alone.send(Message::Drawn(Err("no rows".to_owned())));
    alone.hears("no rows");
}

#[test]
fn a_draw_beside_locked_rows_is_one_step_that_is_taken_back_whole() {
    let mut alone = demos();
    // Three of each class at random, one of them locked.
    alone.press(&["+"]);
    let list = alone.app.prompt.demos.list.clone();
    chosen(&mut alone, &[list[4], list[9]]);
    alone.press(&["g", "L"]);
    let before = spec(&alone);
    assert_eq!((before.0, before.1, before.2), (DemoStrategy::Random, 1, 42));
    alone.press(&["d"]).send(Message::Drawn(Ok(vec![list[4], list[7]])));
    assert_eq!(spec(&alone).3, [list[4], list[7]]);
    alone.press(&["u"]);
    assert_eq!(spec(&alone), before, "the seed of the draw that was taken back is still there");
    alone.press(&["U"]);
    assert_eq!(spec(&alone).3, [list[4], list[7]]);
}

#[test]
fn what_was_locked_and_drawn_is_dropped_when_it_comes_too_late() {
    let mut alone = demos();
    let list = alone.app.prompt.demos.list.clone();
    alone.press(&["<space>", "L", "d"]);
    // Meanwhile the user ticks another row by hand: that is what is wanted now.
    alone.press(&["<down>", "<space>"]);
    let mine = spec(&alone).3;
    alone.send(Message::Drawn(Ok(vec![list[0], list[8]])));
    assert_eq!(spec(&alone).3, mine, "a draw that came too late took the place of what was ticked since");
}

#[test]
fn strategies_go_round_and_shots_change() {
    let mut alone = demos();
    alone.press(&["+"]);
    assert_eq!((spec(&alone).0, spec(&alone).1), (DemoStrategy::Random, 1));
    assert!(alone.app.prompt.template.text().contains("{{ demos }}"));
    let drawn = alone.app.prompt.demos.list[3..5].to_vec();
    chosen(&mut alone, &drawn);
    for strategy in [DemoStrategy::Similar, DemoStrategy::Diverse] {
        alone.press(&["s"]);
        assert_eq!(spec(&alone).0, strategy);
    }
    // Picked by hand begins with what is there.
    alone.press(&["s"]);
    assert_eq!((spec(&alone).0, spec(&alone).3), (DemoStrategy::Pinned, drawn));
    alone.press(&["s"]);
    assert_eq!(spec(&alone).0, DemoStrategy::Random);
    alone.press(&["d"]);
    assert_eq!(spec(&alone).2, 43);
    alone.press(&["+", "=", "-", "-", "-", "-"]);
    assert_eq!(spec(&alone).1, 0);
    alone.press(&["-"]);
    assert_eq!(spec(&alone).1, 0);
}

#[test]
fn every_change_is_taken_back_and_done_again() {
    let mut alone = demos();
    let mut states = vec![spec(&alone)];
    for keys in [&["<space>"][..], &["<down>", "<space>"], &["K"], &["s"], &["d"], &["+"]] {
        alone.press(keys);
        states.push(spec(&alone));
    }
    for state in states.iter().rev().skip(1) {
        alone.press(&["u"]);
        assert_eq!(&spec(&alone), state);
    }
    alone.press(&["u"]);
    alone.hears("nothing to undo here");
    for state in &states[1..] {
        alone.press(&["U"]);
        assert_eq!(&spec(&alone), state);
    }
    alone.wait(60_000).press(&["U"]);
    alone.hears("nothing to");
}

#[test]
fn the_filter_looks_while_it_is_typed_and_lists_what_it_finds() {
    let mut alone = demos();
    let all = alone.app.prompt.demos.list.clone();
    alone.press(&["/", "Joy"]);
    let queries: Vec<&str> = alone
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::FilterDemos { query, .. } => Some(query.as_str()),
            _ => None,
        })
        .collect();
    // One at a time: what was typed meanwhile is asked when the first is through.
    assert_eq!(queries, ["J"]);
    alone.send(Message::DemosFiltered(all[..9].to_vec()));
    assert!(matches!(&alone.effects[..], [Effect::FilterDemos { query, .. }] if query == "Joy"));
    alone.send(Message::DemosFiltered(all[2..5].to_vec()));
    assert_eq!(alone.app.prompt.demos.list, all[2..5]);
    alone.press(&["<enter>", "<esc>"]);
    assert_eq!(alone.app.prompt.demos.list, all);
    // Leaving the line of input without Enter leaves no filter behind that is not seen.
    alone.press(&["/", "joy", "<esc>"]);
    alone.send(Message::DemosFiltered(all[..2].to_vec()));
    assert!(alone.app.prompt.demos.filter.text().is_empty() || alone.app.prompt.demos.list == all[..2]);
    alone.press(&["<esc>"]);
    assert_eq!(alone.app.prompt.demos.list, all);
    // An answer that comes late finds no filter any more.
    alone.send(Message::DemosFiltered(all[..2].to_vec()));
    assert_eq!(alone.app.prompt.demos.list, all);
}

#[test]
fn a_training_row_becomes_a_demonstration_at_once() {
    let mut alone = Alone::new();
    let train = alone.app.prepared().unwrap().data.split(Split::Train)[6];
    alone.press(&["<tab>", "<tab>", "#", &train.to_string(), "<enter>", "d"]);
    // In the pane of the row `d` is not bound; the palette does it.
    alone.press(&[":", "use this row", "<enter>"]);
    assert_eq!(spec(&alone).3, [train]);
    alone.hears(&format!("row {train} is a demonstration now"));
    alone.press(&[":", "use this row", "<enter>"]);
    alone.hears("is a demonstration already");
    assert_eq!(spec(&alone).3, [train]);
}

#[test]
fn a_validation_row_says_why_not_and_lists_rows_like_it() {
    let mut alone = Alone::new();
    alone.with_run("a").press(&["3"]);
    let row = alone.app.table_row().unwrap().row;
    alone.press(&["d"]);
    alone.hears(&format!("row {row} is in the validation split: showing its label would give the answer away"));
    assert_eq!(alone.at(), (View::Prompt, Pane::Demos));
    assert!(
        matches!(alone.effects.iter().find(|effect| matches!(effect, Effect::Similar { .. })), Some(Effect::Similar { row: of, .. }) if *of == row)
    );
    assert!(spec(&alone).3.is_empty());
    let train = alone.app.prepared().unwrap().data.split(Split::Train).to_vec();
    let like = vec![train[30], train[12], train[3]];
    alone.send(Message::Similar { row, rows: like.clone() });
    assert_eq!((&alone.app.prompt.demos.list[..3], alone.app.prompt.demos.list.len()), (&like[..], train.len()));
    assert_eq!(alone.app.prompt.demos.current(), Some(train[30]));
    alone.press(&["<space>"]);
    assert_eq!(spec(&alone).3, [train[30]]);
    alone.press(&["<esc>"]);
    assert!(alone.app.prompt.demos.like.is_none());
}
