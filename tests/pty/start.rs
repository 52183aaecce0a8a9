//! The first start, the first frame, and what is said instead of starting.

use std::fs;

use super::bytes::contains;
use super::home::{Home, session};
use super::scripted::{self, Engine};
use super::terminal::{LEAST, PROBED, Setup, WIDE};

#[test]
fn the_first_start_explains_itself_and_the_second_does_not() {
    for size in [WIDE, LEAST] {
        let home = Home::with_session();
        let mut terminal = Setup::first(&home, &["session.toml"]).size(size).open();
        terminal.wait_for("Welcome");
        terminal.assert_entered(true);
        // From its first line to its last.
        for part in ["Shotglass classifies text", "edit the template", "leave", "Any key begins"] {
            terminal.wait_for(part);
        }
        terminal.send("x");
        terminal.wait_gone("Welcome");
        terminal.wait_for("Template");
        terminal.quit();

        let mut terminal = Setup::first(&home, &["session.toml"]).size(size).open();
        terminal.wait_for(PROBED);
        assert!(!terminal.contents().contains("Welcome"), "{}", terminal.contents());
        terminal.quit();
    }
}

#[test]
fn the_first_frame_does_not_wait_for_the_model() {
    let home = Home::with_session();
    let mut terminal = scripted::setup(&home, Engine::Loading).open();
    for part in ["Template", "Text: <{{ text }}>", "Answer", "Probe", "model loading"] {
        terminal.wait_for(part);
    }
    terminal.assert_entered(true);
    // Nor does the end.
    terminal.quit();
}

#[test]
fn leaving_shows_again_what_was_there() {
    let home = Home::with_session();
    let script = "echo what was there; \"$@\"; echo it ended with $?";
    let mut terminal = Setup::shell(&home, script, &["session.toml"]).ready();
    terminal.assert_entered(true);
    assert!(!terminal.contents().contains("what was there"));
    terminal.quit();
    assert_eq!(terminal.contents().trim(), "what was there\nit ended with 0");
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_before_the_screen_is_taken() {
    let home = Home::with_session();
    home.write("broken.toml", "version = 1\n[data\n");
    home.write("key.toml", &session("tempalte = \"x\""));
    home.write("config/shotglass/themes/pale.toml", "accent = { fg = \"rde\" }\n");
    fn no_theme(home: &Home) {
        fs::remove_dir_all(home.path().join("config/shotglass/themes")).unwrap();
    }
    fn keymap(home: &Home) {
        home.write("config/shotglass/keymap.toml", "[global]\n\"x\" = \"quitt\"\n");
    }
    fn nothing(_: &Home) {}
    type Case<'a> = (fn(&Home), &'a [&'a str], &'a [&'a str]);
    let cases: [Case<'_>; 7] = [
        (nothing, &["session.toml"], &["pale.toml:1", "rde"]),
        (no_theme, &["--theme", "nosuch", "session.toml"], &["--theme nosuch", "contrast"]),
        (nothing, &["nosuch.toml"], &["nosuch.toml"]),
        (nothing, &["broken.toml"], &["broken.toml:2"]),
        (nothing, &["key.toml"], &["key.toml:", "template"]),
        (nothing, &["session.toml", "--set", "data.sede=7"], &["data.sede", "`seed`"]),
        (keymap, &["session.toml"], &["keymap.toml:2", "`quitt`", "`quit`"]),
    ];
    for (prepare, arguments, parts) in cases {
        prepare(&home);
        let mut terminal = Setup::shell(&home, "\"$@\" 2>errors", arguments).open();
        assert_eq!(terminal.code(), 2, "{arguments:?}: {}", terminal.contents());
        assert_eq!(String::from_utf8(terminal.bytes()).unwrap(), "", "{arguments:?}");
        terminal.assert_untouched();
        let errors = fs::read_to_string(home.path().join("errors")).unwrap();
        assert!(errors.starts_with("error: ") && errors.lines().count() == 1, "{errors:?}");
        assert!(parts.iter().all(|part| errors.contains(part)), "{parts:?}: {errors}");
    }
}

#[test]
fn without_a_terminal_it_says_what_there_is() {
    let home = Home::new();
    let piped = home.stdout(&[]);
    assert!(piped.contains("Bundled sessions") && piped.contains("zero-shot"), "{piped}");
    // A terminal on one side alone is none.
    for script in ["\"$@\" | cat", "\"$@\" </dev/null"] {
        let mut terminal = Setup::shell(&home, script, &[]).open();
        assert_eq!(terminal.code(), 0);
        terminal.wait_for("Bundled sessions");
        assert!(!contains(&terminal.bytes(), b"\x1b"));
        terminal.assert_untouched();
    }
    assert!(home.error(&["zero-shot"]).contains("shotglass run zero-shot"));
}
