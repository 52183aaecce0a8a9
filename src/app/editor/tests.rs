//! Commands, steps of undo, search and wrapping; sequences of commands over hostile text are in [`random`].

mod random;

use unicode_width::UnicodeWidthStr;

use super::EditorCommand::*;
use super::*;

const WIDE: usize = 80;

fn run(editor: &mut Editor, commands: impl IntoIterator<Item = EditorCommand>) {
    for command in commands {
        editor.apply(command, false, WIDE);
    }
}

fn typed(text: &str) -> Vec<EditorCommand> {
    let key = |c: char| if c == '\n' { NewLine } else { Insert(c.to_string()) };
    text.chars().map(key).collect()
}

/// An editor with the cursor where `|` stands.
fn at(text: &str) -> Editor {
    let cursor = text.find('|').unwrap();
    let mut editor = Editor::new(&text.replacen('|', "", 1));
    editor.select(cursor..cursor);
    editor
}

/// The text with `|` where the cursor is.
fn seen(editor: &Editor) -> String {
    let (before, after) = editor.text().split_at(editor.cursor());
    format!("{before}|{after}")
}

fn check(before: &str, command: EditorCommand, after: &str) {
    let mut editor = at(before);
    let changed = editor.apply(command.clone(), false, WIDE);
    assert_eq!(seen(&editor), after, "{before:?} {command:?}");
    assert_eq!(changed, before.replacen('|', "", 1) != after.replacen('|', "", 1), "{before:?} {command:?}");
}

/// All that can be undone: the texts passed on the way.
fn undone(editor: &mut Editor) -> Vec<String> {
    let mut texts = Vec::new();
    while editor.apply(Undo, false, WIDE) {
        texts.push(editor.text().to_owned());
    }
    texts
}

#[test]
fn moves_by_graphemes() {
    for grapheme in ["a", "👩‍👩‍👧‍👦", "🇩🇪", "e\u{301}\u{323}", "👍🏽", "각", "क्षि", "\u{1b}", "\u{202e}", "\t"]
    {
        check(&format!("x|{grapheme}y"), Right, &format!("x{grapheme}|y"));
        check(&format!("x{grapheme}|y"), Left, &format!("x|{grapheme}y"));
        check(&format!("x{grapheme}|y"), DeleteBack, "x|y");
        check(&format!("x|{grapheme}y"), DeleteForward, "x|y");
    }
    check("🇩🇪🇫🇷|🇮🇹", Left, "🇩🇪|🇫🇷🇮🇹");
    check("|", Left, "|");
    check("|", DeleteBack, "|");
    check("a|", Right, "a|");
}

#[test]
fn what_joins_a_grapheme_takes_the_cursor_along() {
    check("\n|\u{301}", Insert("e".to_owned()), "\ne\u{301}|");
    check("🇩x|🇪", DeleteBack, "🇩🇪|");
    check("👩|🔬", Insert("\u{200d}".to_owned()), "👩\u{200d}🔬|");
}

#[test]
fn words_and_lines() {
    check("one two-|three", WordLeft, "one two|-three");
    check("one  |two", WordLeft, "|one  two");
    check("a\n  |b", WordLeft, "a\n|  b");
    check("a\n|b", WordLeft, "a|\nb");
    check("on|e  two", WordRight, "one|  two");
    check("one|  two", WordRight, "one  two|");
    check("one|  \ntwo", WordRight, "one  |\ntwo");
    check("one|\n two", WordRight, "one\n| two");
    check("{{ naïve_1 }}|", WordLeft, "{{ naïve_1 |}}");
    check("one two|", DeleteWordBack, "one |");
    check("one\n|two", DeleteWordBack, "one|two");
    check("one| two x", DeleteWordForward, "one| x");
    check("a\nb|c\nd", LineStart, "a\n|bc\nd");
    check("a\nb|c\nd", LineEnd, "a\nbc|\nd");
    check("a\nb|c\nd", TextStart, "|a\nbc\nd");
    check("a\nb|c\nd", TextEnd, "a\nbc\nd|");
    check("ab|cd\ne", DeleteToEnd, "ab|\ne");
    check("ab|\ne", DeleteToEnd, "ab|e");
    check("ab|", DeleteToEnd, "ab|");
    check("x\nab|c", DeleteToStart, "x\n|c");
    check("x\n|c", DeleteToStart, "x|c");
}

#[test]
fn up_and_down_keep_the_column() {
    let mut editor = at("12345|6\n\n日本語x");
    run(&mut editor, [Down]);
    assert_eq!(seen(&editor), "123456\n|\n日本語x");
    run(&mut editor, [Down]);
    assert_eq!(seen(&editor), "123456\n\n日本|語x", "column 5 is in the wide character of 4 and 5");
    run(&mut editor, [PageUp(2)]);
    assert_eq!(seen(&editor), "12345|6\n\n日本語x");
    run(&mut editor, [Up, PageDown(99)]);
    assert_eq!(seen(&editor), "123456\n\n日本|語x");
    run(&mut editor, [Down, PageUp(1), PageUp(0)]);
    assert_eq!(seen(&editor), "123456\n|\n日本語x");
    // In wrapped lines too, and 0 columns are one.
    let mut editor = at("aaa b|bb ccc");
    editor.apply(Down, false, 4);
    assert_eq!(seen(&editor), "aaa bbb c|cc");
    editor.apply(PageUp(usize::MAX), true, 0);
    assert_eq!((editor.cursor(), editor.selection()), (0, Some(0..9)));
}

#[test]
fn selecting() {
    let mut editor = at("one| two three");
    editor.apply(WordRight, true, WIDE);
    assert_eq!(editor.selected_text(), Some(" two"));
    run(&mut editor, [Right]);
    assert_eq!(seen(&editor), "one two| three");
    editor.apply(WordLeft, true, WIDE);
    run(&mut editor, [Left]);
    assert_eq!((seen(&editor).as_str(), editor.selection()), ("one |two three", None));
    run(&mut editor, [ClickAt { x: 4, y: 0 }, DragTo { x: 6, y: 0 }, DragTo { x: 1, y: 0 }]);
    assert_eq!((editor.selected_text(), editor.cursor()), (Some("ne "), 1));
    editor.apply(ClickAt { x: 7, y: 0 }, true, WIDE);
    assert_eq!(editor.selected_text(), Some("two"));
    run(&mut editor, [SelectWordAt { x: 9, y: 0 }]);
    assert_eq!(editor.selected_text(), Some("three"));
    run(&mut editor, [SelectWordAt { x: 3, y: 0 }]);
    assert_eq!(editor.selected_text(), Some(" "));
    run(&mut editor, [SelectAll, Deselect]);
    assert_eq!((editor.selection(), editor.cursor()), (None, 13));
    let mut editor = Editor::new("a b\n\nc d");
    run(&mut editor, [SelectWordAt { x: 99, y: 0 }]);
    assert_eq!(editor.selected_text(), Some("b"));
    run(&mut editor, [SelectWordAt { x: 0, y: 1 }]);
    assert_eq!(editor.selection(), None);
    run(&mut editor, [SelectLineAt { y: 0 }]);
    assert_eq!(editor.selected_text(), Some("a b\n"));
    run(&mut editor, [SelectLineAt { y: 2 }]);
    assert_eq!(editor.selected_text(), Some("c d"));
    let mut editor = Editor::new("ae\u{301}b");
    editor.select(2..3);
    assert_eq!(editor.selected_text(), Some("e\u{301}"));
    editor.select(2..99);
    assert_eq!(editor.selected_text(), Some("e\u{301}b"));
}

#[test]
fn replacing_and_cutting_the_selection_are_one_step() {
    let mut editor = Editor::new("one two");
    run(&mut editor, [SelectAll, Insert("x".to_owned()), Insert("y".to_owned())]);
    assert_eq!(editor.text(), "xy");
    assert_eq!(undone(&mut editor), ["one two"]);
    assert_eq!(editor.selection(), Some(0..7), "undo selects again");
    assert_eq!(editor.cut().as_deref(), Some("one two"));
    assert_eq!((editor.cut(), editor.text()), (None, ""));
    assert_eq!(undone(&mut editor), ["one two"]);
    let mut editor = Editor::new("a");
    run(&mut editor, [SelectAll]);
    assert!(!editor.apply(Insert("a".to_owned()), false, WIDE));
    assert_eq!((seen(&editor).as_str(), editor.selection(), editor.can_undo()), ("a|", None, false));
}

#[test]
fn steps_of_undo() {
    let mut editor = Editor::new("");
    run(&mut editor, typed("one two\n3"));
    assert_eq!(undone(&mut editor), ["one two\n", "one two", "one", ""]);
    while editor.apply(Redo, false, WIDE) {}
    assert_eq!(seen(&editor), "one two\n3|");
    run(&mut editor, [Paste("p\nq r".to_owned()), Insert("s".to_owned()), Insert("t".to_owned())]);
    run(&mut editor, [DeleteBack, DeleteBack, Left, Right, DeleteBack]);
    let expected = ["one two\n3p\nq r", "one two\n3p\nq rst", "one two\n3p\nq r", "one two\n3"];
    assert_eq!(undone(&mut editor)[..4], expected);
    run(&mut editor, [Redo, Insert("x".to_owned())]);
    assert!(!editor.can_redo() && editor.can_undo(), "a change forgets what was undone");
    let mut editor = at("|one two");
    run(&mut editor, std::iter::repeat_n(DeleteForward, 9));
    assert_eq!(undone(&mut editor), [" two", "one two"]);
    assert_eq!(seen(&editor), "|one two");
}

#[test]
fn text_from_outside() {
    let mut editor = at("one two| three");
    editor.apply(Right, true, WIDE);
    editor.set_text("one two three");
    assert_eq!((editor.can_undo(), editor.selected_text()), (false, Some(" ")));
    run(&mut editor, [Left]);
    editor.set_text("zero\r\none two 3");
    assert_eq!(seen(&editor), "zero\none two 3|");
    run(&mut editor, [Undo]);
    assert_eq!((seen(&editor).as_str(), editor.can_undo()), ("one two| three", false));
    run(&mut editor, [Redo]);
    editor.set_text("");
    assert_eq!(undone(&mut editor), ["zero\none two 3", "one two three"]);
    let mut editor = at("one two| three");
    editor.set_text("zero\rone two three");
    assert_eq!(seen(&editor), "zero\none two| three");
    editor.set_text("zero\none two 3");
    assert_eq!(seen(&editor), "zero\none two| 3");
    editor.reset("new\rtext");
    assert_eq!((seen(&editor).as_str(), editor.can_undo(), editor.can_redo()), ("|new\ntext", false, false));
    // What is shared may end within a grapheme.
    let mut editor = at("x👩‍🔬|");
    editor.set_text("x👩‍🚀");
    assert_eq!(seen(&editor), "x👩‍🚀|");
}

#[test]
fn a_single_line_stays_one() {
    let mut editor = Editor::single_line("a\r\nb");
    assert_eq!(seen(&editor), "a b|");
    run(&mut editor, [NewLine, Paste("c\nd\re".to_owned()), Insert("\n".to_owned())]);
    assert_eq!(editor.text(), "a bc d e ");
    editor.set_text("x\ny");
    assert_eq!(editor.text(), "x y");
    editor.reset("z\n");
    assert_eq!((seen(&editor).as_str(), editor.lines(usize::MAX).len()), ("z |", 1));
}

#[test]
fn text_and_history_are_bounded() {
    let mut editor = Editor::new(&"x".repeat(MAX_TEXT - 1));
    assert!(!editor.apply(Paste("yz".to_owned()), false, WIDE));
    assert!(editor.apply(Paste("y".to_owned()), false, WIDE));
    assert!(!editor.apply(Insert("z".to_owned()), false, WIDE) && !editor.apply(NewLine, false, WIDE));
    editor.apply(Right, true, WIDE);
    assert!(editor.apply(Insert("z".to_owned()), false, WIDE), "no longer than before");
    for letter in ["a", "b", "c", "d", "e"] {
        editor.apply(SelectAll, false, WIDE);
        assert!(editor.apply(Paste(letter.repeat(MAX_TEXT)), false, WIDE));
    }
    let (steps, bytes) = editor.history.size();
    assert!(steps == 2 && bytes <= history::MAX_BYTES, "{steps} {bytes}");
    editor.set_text(&"long ".repeat(1 << 20));
    assert_eq!((editor.text().len(), editor.history.size()), (5 << 20, (0, 0)), "too long to be undone");
    assert!(!editor.apply(NewLine, false, WIDE) && editor.apply(DeleteBack, false, WIDE));
    let mut editor = Editor::new("");
    for _ in 0..history::MAX_STEPS + 10 {
        run(&mut editor, [Paste("x".to_owned())]);
    }
    assert_eq!(editor.history.size(), (history::MAX_STEPS, history::MAX_STEPS));
    assert_eq!(undone(&mut editor).last().unwrap(), &"x".repeat(10));
}

#[test]
fn searching() {
    let mut editor = Editor::new("Te te. TEX E\u{301} e");
    let starts = |pattern| editor.matches(pattern).into_iter().map(|found| found.start).collect::<Vec<_>>();
    assert_eq!(starts("te"), [0, 3, 7]);
    assert_eq!(starts("TE"), [7]);
    assert_eq!(starts("e."), [4], "no regular expression");
    assert_eq!(starts("e"), [1, 4, 8, 15], "no part of a grapheme");
    assert_eq!(Editor::new("ÄÖ\r\nx").matches("äö\r\nx").first(), Some(&(0..6)));
    assert!(Editor::new("ÄÖ\nx").matches("äö\nX").is_empty());
    let long = "A long pattern. ".repeat(10_000);
    assert_eq!(Editor::new(&long).matches(&long).len(), 1);
    assert!(Editor::new(&long).matches(&long.to_lowercase()).is_empty());
    assert!(editor.matches("").is_empty() && !editor.find_next("no", false) && !editor.find_next("", true));
    let mut find = |pattern, backwards| editor.find_next(pattern, backwards).then(|| editor.selection().unwrap());
    assert_eq!(find("te", false), Some(0..2));
    assert_eq!(find("te.", false), Some(3..6));
    assert_eq!(find("te", false), Some(3..5), "a pattern that shrinks keeps its place");
    assert_eq!(find("te", false), Some(7..9));
    assert_eq!(find("tex", false), Some(7..10), "and one that grows");
    assert_eq!(find("te", true), Some(7..9));
    assert_eq!(find("te", true), Some(3..5));
    assert_eq!(find("te", true), Some(0..2));
    assert_eq!(find("te", true), Some(7..9));
    assert_eq!(find("te", false), Some(0..2));
}

fn wrapped(text: &str, width: usize) -> Vec<&str> {
    layout::lines(text, width).into_iter().map(|line| &text[line.range]).collect()
}

#[test]
fn wrapping() {
    assert_eq!(wrapped("the quick brown", 10), ["the quick ", "brown"]);
    assert_eq!(wrapped("the quick  brown", 9), ["the quick  ", "brown"], "blanks hang over");
    assert_eq!(wrapped("ab cdefghij k", 4), ["ab ", "cdef", "ghij ", "k"]);
    assert_eq!(wrapped("日本語", 5), ["日本", "語"], "no wide character straddles the edge");
    assert_eq!(wrapped("日a", 1), ["日", "a"]);
    assert_eq!(wrapped("ab", 0), ["a", "b"]);
    assert_eq!(wrapped("a\u{a0}b c", 4), ["a\u{a0}b ", "c"]);
    assert_eq!(wrapped("aa\u{a0}b c", 3), ["aa\u{a0}", "b c"]);
    assert_eq!(wrapped("\n\na\n", 9), ["", "", "a", ""]);
    assert_eq!(wrapped("      ", 3), ["      "]);
    let lines = Editor::new("aaa bbb\n\nc").lines(4);
    assert_eq!(lines.iter().map(|line| line.number).collect::<Vec<_>>(), [Some(1), None, Some(2), Some(3)]);
    assert_eq!(Editor::new("").lines(0), [Line { range: 0..0, number: Some(1) }]);
    let mut editor = at("aaa |bbb");
    assert_eq!(editor.cursor_position(4), (0, 1));
    assert_eq!(editor.offset_at(9, 0, 4), 3, "a click right of a wrapped line stays on it");
    assert_eq!((editor.offset_at(9, 1, 4), editor.offset_at(0, 2, 4)), (7, 7));
    run(&mut editor, [TextEnd]);
    assert_eq!(editor.cursor_position(4), (3, 1));
}

#[test]
fn nothing_raw_is_shown() {
    for (grapheme, drawn) in [("\t", " "), ("\n", ""), ("\u{1b}", "·"), ("\u{9b}", "·"), ("\u{7f}", "·"), ("\r", "·")]
    {
        assert_eq!(shown(grapheme), drawn, "{grapheme:?}");
    }
    for grapheme in ["\u{202e}", "\u{2066}", "\u{2069}", "\u{2028}", "\u{2029}", "\0"] {
        assert_eq!((shown(grapheme).as_ref(), column_width(grapheme)), ("·", 1), "{grapheme:?}");
    }
    for (grapheme, width) in [("a", 1), ("日", 2), ("👩‍👩‍👧‍👦", 2), ("🇩🇪", 2), ("e\u{301}", 1), ("\u{200b}", 0)]
    {
        assert_eq!((column_width(grapheme), shown(grapheme).width()), (width, width), "{grapheme:?}");
    }
    assert_eq!((shown("क्षी").as_ref(), column_width("क्षी")), ("क्षी", 3));
    let chain = "👩\u{200d}".repeat(1000);
    assert_eq!((shown(&chain).width(), column_width(&chain)), (2, 2));
}
