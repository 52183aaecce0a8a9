//! Sizes, colours, characters and the mouse.

use super::bytes::{colors, contains, sequences, shown};
use super::home::Home;
use super::scripted::{self, Engine};
use super::terminal::{CTRL_R, LEAST, PROBED, Setup, Terminal, WIDE};

/// Through all views and most windows.
#[track_caller]
pub fn tour(terminal: &mut Terminal) {
    terminal.send(CTRL_R);
    terminal.dismiss("rows are answered");
    terminal.send("3");
    terminal.wait_for("sort: row");
    terminal.send("\r");
    terminal.wait_for(", predicted ");
    terminal.send("x");
    terminal.wait_for("is doubtful");
    terminal.send("6");
    terminal.dismiss("is doubtful");
    terminal.wait_for("started");
    terminal.send("1");
    terminal.wait_for("Template");
    for (key, window) in [("?", "Everywhere"), (":", "Commands"), ("n", "Next token"), ("v", "Versions of the prompt")]
    {
        terminal.send(key);
        terminal.wait_for(window);
        terminal.escape(window);
    }
}

#[test]
fn the_window_may_change_its_size() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    let whole = |screen: &vt100::Screen, (width, height): (u16, u16)| {
        let lines: Vec<String> = screen.rows(0, width).collect();
        let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
        lines.len() == usize::from(height)
            // Where there is little room, the session's name alone stands there.
            && first.contains(" session")
            && first.trim_end().ends_with("Runs")
            && last.contains("? keys")
            && lines.iter().any(|line| line.contains("│Text: <{{ text }}>"))
    };
    terminal.wait("a whole screen", |screen| whole(screen, WIDE));
    for size in [LEAST, WIDE, (200, 60), LEAST] {
        terminal.resize(size);
        terminal.wait(&format!("a screen of {size:?}"), |screen| whole(screen, size));
    }
    for size in [(79, 24), (80, 23), (20, 5)] {
        terminal.resize(size);
        terminal.wait(&format!("a word in {size:?}"), |screen| {
            screen.contents().contains("too small") && !screen.contents().contains("Template")
        });
    }
    terminal.resize((1, 1));
    terminal.resize((60, 20));
    terminal.wait_for("60×20");
    terminal.wait_for("80×24");
    // Keys work while there is nothing to be seen, and the room comes back.
    terminal.send("2");
    terminal.resize(WIDE);
    terminal.wait_for("No run yet");
    terminal.send("1");
    terminal.wait("a whole screen again", |screen| whole(screen, WIDE));
    terminal.quit();
}

#[test]
fn a_small_window_at_the_start() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).size((60, 20)).open();
    terminal.wait_for("too small");
    terminal.resize(LEAST);
    terminal.wait_for(PROBED);
    terminal.quit();
}

#[test]
fn colours_are_a_matter_of_choice() {
    type Case<'a> = (&'a [&'a str], Option<&'a str>, bool);
    let cases: [Case<'_>; 6] = [
        (&[], None, true),
        (&[], Some(""), true),
        (&[], Some("1"), false),
        (&["--color", "never"], None, false),
        (&["--color", "always"], Some("1"), true),
        (&["--color", "never", "--theme", "dark"], None, false),
    ];
    for (options, no_color, colored) in cases {
        let home = Home::with_session();
        let mut setup = Setup::new(&home, &[&["session.toml"], options].concat());
        if let Some(value) = no_color {
            setup = setup.env("NO_COLOR", value);
        }
        let mut terminal = setup.ready();
        tour(&mut terminal);
        terminal.quit();
        let bytes = terminal.bytes();
        assert_eq!(!colors(&bytes).is_empty(), colored, "{options:?} {no_color:?}: {:?}", colors(&bytes).first());
        // Without colours, the focus still shows.
        let attributes = sequences(&bytes).iter().any(|sequence| sequence == "1m" || sequence == "7m");
        assert!(attributes, "{options:?} {no_color:?}");
    }
}

/// Nothing beyond ASCII was written.
#[track_caller]
fn assert_ascii(terminal: &Terminal) {
    let shown: Vec<char> = shown(&terminal.bytes()).chars().collect();
    let mut found: Vec<(char, String)> = Vec::new();
    for (at, c) in shown.iter().enumerate() {
        if !c.is_ascii() && !found.iter().any(|(known, _)| known == c) {
            found.push((*c, shown[at.saturating_sub(60)..shown.len().min(at + 20)].iter().collect()));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn ascii_is_enough() {
    // Texts that are too long for a line, and texts of several lines: what stands for the rest is the program's own.
    let rows: String = (0..12)
        .map(|row| {
            format!(
                "\"number {row}\nhas two lines and is far too long for the one line that a table gives to it\",{}\n",
                row % 2
            )
        })
        .collect();
    for size in [WIDE, LEAST] {
        let home = Home::with_session();
        home.write("rows.csv", &format!("text,stance\n{rows}"));
        let mut terminal = scripted::ascii(&home, Engine::Quick).size(size).ready();
        tour(&mut terminal);
        terminal.edit_and_leave("Twice. ");
        terminal.send("\t ");
        terminal.dismiss("the template had no");
        terminal.wait_for("1 shown");
        terminal.resize((60, 20));
        terminal.wait_for("too small");
        terminal.resize(size);
        terminal.wait_for("1 shown");
        terminal.send("q");
        terminal.wait_for("Save before leaving?");
        terminal.send("d");
        assert_eq!(terminal.code(), 0);
        terminal.assert_restored();
        assert_ascii(&terminal);
    }
}

#[test]
fn ascii_is_an_option() {
    let home = Home::with_session();
    // A random model answers in any characters: here there is none.
    let arguments = ["session.toml", "--ascii", "--set", "model.source=./nosuch"];
    let mut terminal = Setup::new(&home, &arguments).open();
    terminal.wait_for("no model");
    for view in ["2", "3", "6", "1"] {
        terminal.send(view);
    }
    terminal.wait_for("Template");
    terminal.quit();
    assert_ascii(&terminal);
}

#[test]
fn the_mouse_opens_views_and_is_left_alone_where_that_is_wanted() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.assert_entered(true);
    let column = terminal.look(|screen| screen.rows(0, WIDE.0).next().unwrap().find("2 Evaluate").unwrap());
    terminal.send(&format!("\x1b[<0;{column};1M\x1b[<0;{column};1m", column = column + 3));
    terminal.wait_for("No run yet");
    terminal.quit();

    let mut terminal = Setup::new(&home, &["session.toml", "--no-mouse"]).ready();
    terminal.assert_entered(false);
    terminal.quit();
    for mode in [1000, 1002, 1003, 1005, 1006, 1015] {
        assert!(!contains(&terminal.bytes(), format!("\x1b[?{mode}").as_bytes()), "{mode}");
    }
}
