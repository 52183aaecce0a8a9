//! What a terminal would obey, in data, sessions, answers and pastes: it is shown, and never sent.

use super::bytes::{sequences, shown};
use super::home::{Home, session};
use super::look::tour;
use super::scripted::{self, Engine};
use super::terminal::{LEAST, PROBED, Setup, Terminal, WIDE};

/// Clipboard, title, colours, clearing, 8-bit forms of the same, turned reading directions, and what has no width.
const PAYLOAD: &str = "\x1b]52;c;UFdORUQ=\x07\x1b]0;PWNED\x1b\\\x1b[31mred\x1b[2J\x1b[?1049l\x1bc\u{9b}5n\u{90}q\u{9c}\u{85}\
                       \u{202e}evil\u{2066}x\u{2069}\u{2028}\u{200b}z\u{feff}w\x08\x7f\rv";
/// Honest text that is hard to draw.
const HARD: &str = "👩‍🔬🇩🇪🏴󠁧󠁢󠁥󠁮󠁧󠁿 e\u{301} ﷽ שלום 日本";
/// What the scripted engine answers.
pub const ANSWER: &str = "\x1b]52;c;QU5TV0VS\x07\x1b[1;1Hboo\u{202e}";
/// What its model is called.
pub const NAME: &str = "sly\x1b]0;PWNED\x07\x1b[2J";

/// A home where every row, the title of the session and its file's name are hostile.
fn home() -> (Home, String) {
    let home = Home::new();
    let rows: String = (0..12).map(|row| format!("\"{row} {PAYLOAD} {HARD}\",{}\n", row % 2)).collect();
    home.write("rows.csv", &format!("text,stance\n{rows}"));
    let name = "sly\x1b[2J.toml";
    home.write(name, &session("").replace("A test", "\\u001b]0;PWNED\\u0007"));
    (home, name.to_owned())
}

/// Nothing reached the terminal but what the program itself has to say to it.
#[track_caller]
fn assert_harmless(terminal: &Terminal, copied: &[&str]) {
    let bytes = terminal.bytes();
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == ';' || c == ':');
    for sequence in sequences(&bytes) {
        let known = match sequence.strip_prefix('?') {
            Some(mode) => {
                ["1049", "25", "2004", "1000", "1002", "1006", "2026"].contains(&mode.trim_end_matches(['h', 'l']))
            }
            None => {
                let (parameters, last) = sequence.split_at(sequence.len() - 1);
                number(parameters) && ["H", "m", "J", "K"].contains(&last)
            }
        };
        assert!(known || copied.contains(&sequence.as_str()), "{sequence:?} was sent");
    }
    // Of the test binary and of the shell there are line breaks.
    let bad = |c: char| {
        c.is_control() && !matches!(c, '\r' | '\n')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{200b}' | '\u{feff}')
    };
    let shown = shown(&bytes);
    let found: Vec<char> = shown.chars().filter(|c| bad(*c)).collect();
    assert!(
        copied.len() == found.len() && found.iter().all(|c| *c == '\x07') || found.is_empty(),
        "{found:?} were sent"
    );
}

/// The frames of the panes stand one below the other, whatever is in them.
#[track_caller]
fn assert_aligned(terminal: &Terminal, (width, height): (u16, u16)) {
    terminal.look(|screen| {
        for row in 2..height - 3 {
            for column in [0, width - 1] {
                let cell = screen.cell(row, column).unwrap().contents();
                assert!("│╭╮╰╯█".contains(cell), "line {row}, column {column}: {cell:?}\n{}", screen.contents());
            }
        }
    });
}

#[test]
fn data_and_session_are_shown_and_never_sent() {
    for size in [WIDE, LEAST] {
        let (home, name) = home();
        let mut terminal = Setup::new(&home, &[&name]).size(size).ready();
        // The other rows, then a demonstration, then the row with it.
        terminal.send("]]\t ");
        terminal.dismiss("the template had no");
        terminal.wait_for("1 shown");
        terminal.wait_for("\\u{1b}]52");
        terminal.wait_for(PROBED);
        terminal.send("\tf");
        terminal.wait_for("]52;c;UFdORUQ=");
        if size == WIDE {
            // There is no room for all frames in the other.
            assert_aligned(&terminal, size);
        }
        tour(&mut terminal);
        terminal.send("2");
        terminal.wait_for("Confusion matrix");
        assert_aligned(&terminal, size);
        terminal.send("3");
        terminal.wait_for("\\u{1b}]52");
        assert_aligned(&terminal, size);
        terminal.send("q");
        terminal.wait_for("Save before leaving?");
        terminal.send("d");
        assert_eq!(terminal.code(), 0);
        terminal.assert_restored();
        assert_harmless(&terminal, &[]);
    }
}

/// A frame is drawn as its difference from the last: what stands behind an emoji, and under it, must be right all the
/// same, however many columns the terminal takes for it. This one takes two for ⛴️ as the program does, and goes by code
/// points elsewhere.
#[test]
fn emoji_move_nothing_and_leave_nothing_behind() {
    let mut wrong = Vec::new();
    for emoji in ["⛴️", "1️⃣", "🇩🇪", "👩‍🔬", "👍🏽", "😭", "日本", "e\u{301}"] {
        let home = Home::with_session();
        // Validation rows are 0, 5 and 8.
        let text = |row| if row == 8 { format!("bb {emoji} cc {emoji} dd") } else { "a".repeat(40) };
        let rows: String = (0..12).map(|row| format!("{},{}\n", text(row), row % 2)).collect();
        home.write("rows.csv", &format!("text,stance\n{rows}"));
        let mut terminal = scripted::setup(&home, Engine::Quick).ready();
        terminal.send("]]");
        terminal.wait_for(" dd>");
        // The line of the row's text; elsewhere the answer may still change.
        wrong.extend(terminal.leftovers(2..3));
        terminal.send("2");
        terminal.wait_for("No run yet.");
        wrong.extend(terminal.leftovers(0..38));
        terminal.quit();
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn answers_and_names_of_models_are_shown_and_never_sent() {
    let home = Home::with_session();
    home.write("session.toml", &session("[decode]\nmethod = \"generate\""));
    let mut terminal = scripted::setup(&home, Engine::Hostile).ready();
    terminal.wait_for("sly\\u{1b}]0;PWNED");
    terminal.wait_for("boo");
    tour(&mut terminal);
    terminal.send("3");
    terminal.wait_for("raw answer:");
    terminal.wait_for("\\u{1b}]52;c;QU5TV0VS");
    terminal.quit();
    assert_harmless(&terminal, &[]);
}

#[test]
fn pastes_are_shown_and_never_sent() {
    let home = Home::with_session();
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.paste(PAYLOAD);
    terminal.wait_for("UFdORUQ=");
    terminal.wait_for("evil");
    terminal.escape("typing");
    terminal.send("q");
    terminal.wait_for("Save before leaving?");
    terminal.send("s");
    assert_eq!(terminal.code(), 0);
    terminal.assert_restored();
    assert_harmless(&terminal, &[]);

    // It is in the file as it was pasted, and harmless again at the next start.
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    terminal.wait_for("UFdORUQ=");
    terminal.quit();
    assert_harmless(&terminal, &[]);
}

#[test]
fn copying_sends_one_sequence_and_says_so() {
    let home = Home::with_session();
    home.write("rows.csv", &super::home::ROWS.replace(",1\n", "\x1b]0;PWNED\x07,1\n"));
    let mut terminal = Setup::new(&home, &["session.toml"]).ready();
    // The row's prompt: Demos, then the row.
    terminal.send("\t\t");
    terminal.wait_for("⏎ answer");
    terminal.send("y");
    terminal.wait_for("sent to the terminal's clipboard (OSC 52)");
    terminal.quit();
    let bytes = terminal.bytes();
    let sent: Vec<String> = sequences(&bytes).into_iter().filter(|sequence| sequence.starts_with("ESC ]")).collect();
    let [sent] = sent.as_slice() else { panic!("{sent:?}") };
    // "Text: <" in base64.
    assert!(sent.starts_with("ESC ]52;c;VGV4dDogP"), "{sent}");
}
