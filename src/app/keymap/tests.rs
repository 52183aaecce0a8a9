//! The bundled keymap held to what it promises, a user's keymap laid over it, and keys as terminals send them.

use super::*;
use Action::*;

/// What only the palette offers; a training is begun by the key that runs a split elsewhere.
const PALETTE_ONLY: [Action; 2] = [SaveAs, Train];

fn chord(text: &str) -> Chord {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn event(code: KeyCode, modifiers: KeyModifiers) -> Option<Chord> {
    Chord::from_event(&KeyEvent::new(code, modifiers))
}

fn over(text: &str) -> Keymap {
    Keymap::preset().with_overrides("keys.toml", text).unwrap()
}

fn error(text: &str) -> String {
    let error = Keymap::preset().with_overrides("keys.toml", text).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

#[test]
fn the_preset_gives_every_action_a_key() {
    let empty = Keymap { tables: HashMap::new() };
    let keymap = empty.with_overrides("keymap.toml", PRESET).unwrap();
    assert_eq!(keymap, Keymap::preset());
    for action in Action::ALL {
        let bound = Context::ALL.iter().any(|context| !keymap.chords(*context, *action).is_empty());
        assert_eq!(bound, !PALETTE_ONLY.contains(action), "{action:?}");
    }
    assert_eq!(keymap.tables.len(), Context::ALL.len());
}

/// A key that means one thing everywhere means it everywhere, but for these.
#[test]
fn the_preset_shadows_global_keys_only_where_meant() {
    let keymap = Keymap::preset();
    let mut shadowed = Vec::new();
    for context in Context::ALL.into_iter().filter(|context| !matches!(context, Context::Global | Context::Typing)) {
        for (chord, action) in keymap.bindings(context) {
            let global = keymap.action(&[Context::Global], chord);
            if global.is_some_and(|global| global != action) {
                shadowed.push((context, chord.show(true), action));
            }
        }
    }
    let meant = [
        (Context::Template, "Enter", Edit),
        (Context::Row, "Enter", RunRow),
        (Context::Probe, "Enter", Flips),
        // Right is the arrow alone there.
        (Context::Train, "l", LearningRate),
        (Context::Respondent, "Enter", Value),
        (Context::List, "^P", Up),
    ];
    assert_eq!(shadowed, meant.map(|(context, key, action)| (context, key.to_owned(), action)));
}

#[test]
fn the_preset_leaves_text_to_be_typed() {
    let keymap = Keymap::preset();
    for context in [Context::Typing, Context::List] {
        assert!(keymap.bindings(context).all(|(chord, _)| chord.typed().is_none()), "{context:?}");
    }
    let typing = |text| keymap.action(&[Context::Typing], chord(text));
    assert_eq!((typing("q"), typing("?"), typing("space")), (None, None, None));
    let everywhere = [Interrupt, Suspend, RunSplit, Save, Palette, Redraw, Help, NextPane, PreviousPane, Back];
    for action in everywhere.into_iter().chain([ViewPrompt, ViewEvaluate, ViewRows, ViewTrain, ViewRuns]) {
        assert!(!keymap.chords(Context::Typing, action).is_empty(), "{action:?}");
    }
}

#[test]
fn the_innermost_context_decides() {
    let keymap = Keymap::preset();
    let enter = chord("enter");
    assert_eq!(keymap.action(&[Context::Probe, Context::Global], enter), Some(Flips));
    assert_eq!(keymap.action(&[Context::Global, Context::Probe], enter), Some(Open));
    assert_eq!(keymap.action(&[Context::Compare, Context::Global], enter), Some(Open));
    assert_eq!(keymap.action(&[Context::Demos], chord("q")), None);
    assert_eq!(keymap.action(&[], enter), None);
}

#[test]
fn keys_are_shown_in_the_order_of_the_file() {
    let keymap = Keymap::preset();
    let shown =
        |context, action| -> Vec<String> { keymap.chords(context, action).iter().map(Chord::to_string).collect() };
    assert_eq!(shown(Context::Global, Help), ["?", "F1"]);
    assert_eq!(shown(Context::Demos, MoveUp), ["K", "Alt-↑"]);
    assert_eq!(shown(Context::Probe, Quit), [""; 0]);
    let first: Vec<_> = keymap.bindings(Context::Template).map(|(chord, action)| (chord.to_string(), action)).collect();
    assert_eq!(first[..2], [("⏎".to_owned(), Edit), ("e".to_owned(), Edit)]);
    assert_eq!(keymap.bindings(Context::Compare).count(), 2);
}

#[test]
fn a_key_to_show_does_what_it_says() {
    let keymap = over("[demos]\n\"ctrl-r\" = \"draw\"\n\"u\" = \"none\"");
    let contexts = [Context::Demos, Context::Global];
    assert_eq!(keymap.chord(&contexts, RunSplit), None);
    assert_eq!(keymap.chord(&contexts, Undo), None);
    assert_eq!(keymap.chord(&contexts, Draw), Some(chord("ctrl-r")));
    assert_eq!(keymap.chord(&contexts, Help), Some(chord("?")));
    assert_eq!(keymap.chord(&[Context::Typing], Help), Some(chord("f1")));
}

#[test]
fn overrides_add_move_and_unbind() {
    let keymap =
        over("[global]\n\"ctrl-g\" = \"run-split\"\n\"q\" = \"none\"\n\n[rows]\n\"s\" = \"show\"\n\"g\" = \"none\"\n");
    assert_eq!(keymap.chords(Context::Global, RunSplit), [chord("ctrl-g"), chord("ctrl-r")]);
    assert_eq!(keymap.action(&[Context::Global], chord("q")), None);
    assert!(keymap.chords(Context::Global, Quit).is_empty());
    assert_eq!(keymap.action(&[Context::Rows], chord("s")), Some(Show));
    assert!(keymap.chords(Context::Rows, Sort).is_empty());
    // Unbound in one place does not mean what it means everywhere: it means nothing there.
    assert_eq!(keymap.action(&[Context::Rows, Context::Global], chord("g")), None);
    assert_eq!(keymap.action(&[Context::Runs, Context::Global], chord("g")), Some(First));
    assert_eq!(over(""), Keymap::preset());
    assert_eq!(over("[typing]\n\"x\" = \"none\"").action(&[Context::Typing], chord("x")), None);
    // However a key is written, it is the same key.
    assert_eq!(over("[typing]\n\"ctrl-/\" = \"cut\"").action(&[Context::Typing], chord("ctrl-_")), Some(Cut));
}

#[test]
fn errors_name_place_and_remedy() {
    assert_eq!(error("[demo]\n"), "keys.toml:1:2: unknown context `demo`; did you mean `demos`?");
    assert!(
        error("\n[zzz]").starts_with("keys.toml:2:2: unknown context `zzz`; expected one of global, typing, template")
    );
    assert_eq!(
        error("\"x\" = \"quit\""),
        "keys.toml:1:1: unknown context `x`; expected one of global, typing, template, \
        demos, row, probe, report, matrix, rows, detail, train, respondent, survey, runs, compare, list"
    );
    assert_eq!(error("global = 3"), "keys.toml:1:10: `global` must be a table of keys, as [global]");
    assert_eq!(
        error("[global]\n  \"ctrl-r\" = \"run-splt\""),
        "keys.toml:2:14: unknown action `run-splt` for `ctrl-r`; did you mean `run-split`?"
    );
    assert_eq!(
        error("[global]\n\"é\" = \"äöü\""),
        "keys.toml:2:7: unknown action `äöü` for `é`; expected an action as `run-split`, or `none`"
    );
    assert_eq!(
        error("[global]\nq = true"),
        "keys.toml:2:5: `q` must be the name of an action in quotes, found boolean"
    );
    assert_eq!(
        error("[global]\n\"ctrl-entr\" = \"open\""),
        "keys.toml:2:1: unknown key `ctrl-entr`; did you mean `ctrl-enter`?"
    );
    assert_eq!(error("[global]\n\"q\" = \"quit\"\n\"q\" = \"open\""), "keys.toml:3:1: duplicate key");
    assert_eq!(
        error("[typing]\n\"ctrl-7\" = \"undo\"\n\"ctrl-_\" = \"redo\""),
        "keys.toml:3:1: `ctrl-_` is a key that stands above already"
    );
    assert_eq!(
        error("[typing]\n\"Q\" = \"quit\""),
        "keys.toml:2:1: `Q` is typed as text; take a key with ctrl- or alt-"
    );
    assert_eq!(error("[global\n"), "keys.toml:1:8: unclosed table, expected `]`");
    assert_eq!(
        error("[global]\n\"\\u001b[2J\" = \"quit\""),
        "keys.toml:2:1: unknown key `\\u{1b}[2J`; expected a key as \
        `r`, `enter`, `ctrl-r` or `alt-up`"
    );
}

#[test]
fn keys_are_written_in_many_ways() {
    let same = [
        ("R", "shift-r"),
        ("ctrl-r", "CTRL-R"),
        ("ctrl-r", "ctrl-shift-r"),
        ("alt-Z", "shift-alt-z"),
        ("enter", "Return"),
        ("esc", "escape"),
        ("del", "delete"),
        ("pgup", "PageUp"),
        ("f12", "F12"),
        ("ctrl-7", "ctrl-_"),
        ("ctrl-/", "ctrl-_"),
        ("ctrl-space", "ctrl-@"),
        ("ctrl-alt-x", "alt-ctrl-x"),
        ("shift-space", "space"),
    ];
    for (a, b) in same {
        assert_eq!(chord(a), chord(b), "{a} {b}");
    }
    let all =
        ["-", "ctrl--", "alt--", "+", "#", "ß", "日", "k", "K", "alt-k", "alt-K", "ctrl-k", "up", "shift-up", "f24"];
    for (at, a) in all.iter().enumerate() {
        assert!(all[at + 1..].iter().all(|b| chord(a) != chord(b)), "{a}");
    }
}

#[test]
fn unknown_keys_are_answered_with_the_nearest() {
    let fails = |text: &str| text.parse::<Chord>().unwrap_err().to_string();
    for (wrong, right) in [
        ("^R", "ctrl-r"),
        ("ctlr-r", "ctrl-r"),
        ("ctrl+r", "ctrl-r"),
        ("control-r", "ctrl-r"),
        ("page-up", "pageup"),
        ("entr", "enter"),
        ("shfit-tab", "shift-tab"),
    ] {
        assert_eq!(fails(wrong), format!("unknown key `{wrong}`; did you mean `{right}`?"));
    }
    for wrong in ["", "ctrl-", "f0", "f25", "abc", "super-x", "\u{7}", "ctrl-\t", "--", "-x", "\u{202e}"] {
        assert!(fails(wrong).starts_with("unknown key `"), "{wrong:?}");
    }
    assert_eq!(fails("ctrl-i"), "terminals send `tab` for `ctrl-i`; write `tab`");
    assert!(fails("ctrl-M").contains("`enter`") && fails("ctrl-[").contains("`esc`"));
}

#[test]
fn keys_arrive_in_many_ways() {
    use KeyModifiers as M;
    let char = KeyCode::Char;
    for (code, modifiers, text) in [
        (KeyCode::BackTab, M::SHIFT, "shift-tab"),
        (KeyCode::BackTab, M::NONE, "shift-tab"),
        (KeyCode::Tab, M::SHIFT, "shift-tab"),
        (char('K'), M::SHIFT, "K"),
        (char('K'), M::NONE, "K"),
        (char('k'), M::SHIFT, "K"),
        (char('?'), M::SHIFT, "?"),
        (char('Z'), M::SHIFT | M::ALT, "alt-Z"),
        (char('z'), M::ALT, "alt-z"),
        (char('R'), M::CONTROL | M::SHIFT, "ctrl-r"),
        (char('7'), M::CONTROL, "ctrl-_"),
        (char('/'), M::CONTROL, "ctrl-_"),
        (char('_'), M::CONTROL | M::SHIFT, "ctrl-_"),
        (char(' '), M::CONTROL, "ctrl-space"),
        (char('5'), M::CONTROL, "ctrl-]"),
        (char(' '), M::SHIFT, "space"),
        (char('ß'), M::SHIFT, "ß"),
        (KeyCode::Up, M::ALT, "alt-up"),
        (KeyCode::F(1), M::NONE, "f1"),
    ] {
        assert_eq!(event(code, modifiers), Some(chord(text)), "{text}");
    }
    assert_eq!(event(char('x'), M::SUPER), None);
    assert_eq!(event(char('\u{7}'), M::NONE), None);
    assert_eq!(event(KeyCode::CapsLock, M::NONE), None);
    let of = |kind| Chord::from_event(&KeyEvent::new_with_kind(char('x'), M::NONE, kind));
    assert_eq!(of(KeyEventKind::Repeat), Some(chord("x")));
    assert_eq!(of(KeyEventKind::Release), None);
}

#[test]
fn keys_are_shown_short() {
    for (text, symbols, ascii) in [
        ("ctrl-r", "^R", "^R"),
        ("ctrl-_", "^_", "^_"),
        ("shift-tab", "⇧Tab", "Shift-Tab"),
        ("alt-up", "Alt-↑", "Alt-Up"),
        ("alt-z", "Alt-z", "Alt-z"),
        ("alt-Z", "Alt-Z", "Alt-Z"),
        ("f1", "F1", "F1"),
        ("space", "Space", "Space"),
        ("enter", "⏎", "Enter"),
        ("esc", "Esc", "Esc"),
        ("K", "K", "K"),
        ("ctrl-left", "Ctrl-←", "Ctrl-Left"),
        ("ctrl-alt-x", "Ctrl-Alt-x", "Ctrl-Alt-x"),
        ("ctrl-space", "Ctrl-Space", "Ctrl-Space"),
        ("alt-shift-down", "Alt-⇧↓", "Alt-Shift-Down"),
    ] {
        assert_eq!((chord(text).to_string().as_str(), chord(text).show(true).as_str()), (symbols, ascii));
    }
    for context in Context::ALL {
        assert!(Keymap::preset().bindings(context).all(|(chord, _)| chord.show(true).is_ascii()));
    }
}

#[test]
fn shift_is_taken_off_and_text_is_known() {
    assert_eq!(chord("shift-left").unshifted(), Some(chord("left")));
    assert_eq!(chord("ctrl-shift-right").unshifted(), Some(chord("ctrl-right")));
    assert_eq!((chord("left").unshifted(), chord("K").unshifted()), (None, None));
    assert_eq!((chord("K").typed(), chord("space").typed(), chord("ü").typed()), (Some('K'), Some(' '), Some('ü')));
    assert_eq!((chord("alt-k").typed(), chord("ctrl-k").typed(), chord("tab").typed()), (None, None, None));
}

#[test]
fn names_are_those_that_serde_reads() {
    for each in Action::ALL {
        assert_eq!(action("x", &DeValue::String(kebab(each).into())), Ok(Some(*each)));
    }
    for each in Context::ALL {
        assert_eq!(context(&kebab(&each)), Ok(each));
    }
}
