//! What holds after any commands over any text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::super::EditorCommand::*;
use super::super::*;

const PIECES: &[&str] = &[
    "a",
    "Word",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\r",
    "é",
    "e\u{301}",
    "\u{301}",
    "👩‍👩‍👧",
    "👩",
    "\u{200d}",
    "🔬",
    "🏽",
    "🇩",
    "🇪🇫",
    "日本",
    "שלום",
    "لا",
    "\u{202e}",
    "\u{200f}",
    "क्षि",
    "\u{94d}",
    "각",
    "\u{1100}",
    "\u{1b}[31m",
    "\0",
    "\u{2028}",
    "\u{fe0f}",
    "1\u{fe0f}\u{20e3}",
    "\u{600}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "|",
    "'",
    "\"",
    "\\",
    "(",
    ")",
    "-",
    "raw",
    "endraw",
    "for",
    "is",
    ".",
    "7",
    "⸻",
    "\u{a0}",
    "\u{3000}",
    "\u{200b}",
    "👍🏽",
    "\u{85}",
    "\u{e007f}",
];

const PLAIN: [EditorCommand; 22] = [
    DeleteBack,
    DeleteForward,
    DeleteWordBack,
    DeleteWordForward,
    DeleteToStart,
    DeleteToEnd,
    NewLine,
    Left,
    Right,
    Up,
    Down,
    WordLeft,
    WordRight,
    LineStart,
    LineEnd,
    TextStart,
    TextEnd,
    SelectAll,
    Deselect,
    Undo,
    Undo,
    Redo,
];

/// A small generator (SplitMix64), so that every run sees the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }

    fn text(&mut self, most: usize) -> String {
        (0..self.below(most)).map(|_| PIECES[self.below(PIECES.len())]).collect()
    }

    fn command(&mut self) -> EditorCommand {
        let (x, y) = (self.below(12), self.below(9));
        match self.below(40) {
            0..=5 => Insert(self.text(3)),
            6 | 7 => Paste(self.text(9)),
            8 => ClickAt { x, y },
            9 => DragTo { x, y },
            10 => SelectWordAt { x, y },
            11 => SelectLineAt { y },
            12 => PageUp(y),
            13 => PageDown(x),
            _ => PLAIN[self.below(PLAIN.len())].clone(),
        }
    }
}

fn boundaries(text: &str) -> Vec<usize> {
    text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]).collect()
}

fn check_state(editor: &Editor, what: &dyn std::fmt::Debug) {
    let boundaries = boundaries(editor.text());
    for offset in [editor.caret.cursor, editor.caret.anchor] {
        assert!(boundaries.binary_search(&offset).is_ok(), "{offset} in {:?} after {what:?}", editor.text());
    }
    assert!(!editor.text().contains('\r'), "{what:?}");
    assert!(!(editor.single && editor.text().contains('\n')), "{what:?}");
}

#[test]
fn any_commands() {
    let mut random = Random(1);
    for round in 0..400 {
        let original = random.text(40);
        let mut editor = if round % 8 == 0 { Editor::single_line(&original) } else { Editor::new(&original) };
        let original = editor.text().to_owned();
        check_state(&editor, &original);
        for _ in 0..120 {
            let before = editor.text().to_owned();
            let (select, width) = (random.below(3) == 0, random.below(12));
            let what = match random.below(60) {
                0 => {
                    editor.set_text(&random.text(12));
                    "set_text".to_owned()
                }
                1 => format!("cut {:?}", editor.cut()),
                2 => format!("find {}", editor.find_next(&random.text(3), select)),
                3 => {
                    editor.select(random.below(60)..random.below(60));
                    "select".to_owned()
                }
                _ => {
                    let command = random.command();
                    let what = format!("{command:?} {select} {width} in {before:?}");
                    assert_eq!(editor.apply(command, select, width), editor.text() != before, "{what}");
                    what
                }
            };
            check_state(&editor, &what);
            if editor.text() != before && editor.can_undo() && random.below(8) == 0 {
                let (after, caret) = (editor.text().to_owned(), editor.caret);
                let was_change = !editor.can_redo();
                assert!(editor.apply(Undo, false, 9) && editor.apply(Redo, false, 9));
                assert!(editor.text() == after && (editor.caret == caret || !was_change), "{what}");
            }
        }
        while editor.can_redo() {
            assert!(editor.apply(Redo, false, 9));
        }
        let last = editor.text().to_owned();
        let mut steps = 0;
        while editor.can_undo() {
            assert!(editor.apply(Undo, false, 9));
            check_state(&editor, &"undo");
            steps += 1;
        }
        assert_eq!(editor.text(), original, "round {round}");
        for _ in 0..steps {
            assert!(editor.apply(Redo, false, 9));
            check_state(&editor, &"redo");
        }
        assert_eq!(editor.text(), last, "round {round}");
    }
}

#[test]
fn any_text_is_wrapped() {
    let mut random = Random(2);
    for _ in 0..400 {
        let mut editor = Editor::new(&random.text(40));
        let text = editor.text().to_owned();
        for width in [0, 1, 2, 3, 7, 20, usize::MAX] {
            let lines = editor.lines(width);
            let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
            assert_eq!((first.range.start, last.range.end), (0, text.len()));
            let numbers: Vec<usize> = lines.iter().filter_map(|line| line.number).collect();
            assert_eq!(numbers, (1..=text.split('\n').count()).collect::<Vec<_>>(), "{text:?}");
            for pair in lines.windows(2) {
                let gap = &text[pair[0].range.end..pair[1].range.start];
                assert_eq!(gap, if pair[1].number.is_some() { "\n" } else { "" }, "{text:?} {width}");
                assert!(pair[1].number.is_some() || !pair[0].range.is_empty(), "{text:?} {width}");
            }
            for line in &lines {
                // No blank hangs over but at the end, and only a grapheme alone is wider than the line.
                let mut graphemes: Vec<&str> = text[line.range.clone()].graphemes(true).collect();
                while graphemes.pop_if(|last| last.starts_with([' ', '\t', '\u{3000}'])).is_some() {}
                let columns: usize = graphemes.iter().copied().map(column_width).sum();
                let wide = graphemes.iter().filter(|grapheme| column_width(grapheme) > 0).count();
                assert!(columns <= width.max(1) || wide == 1, "{text:?} {width} {graphemes:?}");
            }
            for offset in boundaries(&text) {
                editor.select(offset..offset);
                let (x, y) = editor.cursor_position(width);
                let back = editor.offset_at(x, y, width);
                // Nothing tells the two sides of what takes no column.
                let between = &text[offset.min(back)..offset.max(back)];
                assert!(
                    between.graphemes(true).all(|grapheme| column_width(grapheme) == 0),
                    "{text:?} {width} {offset}"
                );
                editor.select(back..back);
                assert_eq!(editor.cursor_position(width), (x, y), "{text:?} {width} {offset}");
            }
        }
    }
}

#[test]
fn any_grapheme_is_shown_in_its_columns() {
    let mut random = Random(3);
    for _ in 0..2000 {
        let text = random.text(20);
        for grapheme in text.graphemes(true).chain([text.as_str()]) {
            let drawn = shown(grapheme);
            assert_eq!(drawn.width(), column_width(grapheme), "{grapheme:?}");
            assert!(!drawn.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}')), "{grapheme:?}");
        }
        assert!(text.graphemes(true).all(|grapheme| column_width(grapheme) <= grapheme.len()));
    }
}

#[test]
fn any_text_is_covered_by_spans() {
    let mut random = Random(4);
    for _ in 0..5000 {
        let text = random.text(30);
        let spans: Vec<(Range<usize>, syntax::Kind)> = syntax::spans(&text);
        let mut end = 0;
        for (range, _) in &spans {
            assert!(range.start == end && !range.is_empty() && text.get(range.clone()).is_some(), "{text:?} {spans:?}");
            end = range.end;
        }
        assert_eq!(end, text.len(), "{text:?}");
        let no_two_texts = |pair: &[(Range<usize>, syntax::Kind)]| pair.iter().any(|span| span.1 != syntax::Kind::Text);
        assert!(spans.windows(2).all(no_two_texts), "{text:?} {spans:?}");
    }
}

#[test]
fn hostile_text_takes_linear_time() {
    // Squared, any of these would take minutes.
    for piece in ["🇩🇪", "a\u{301}", "\u{301}", "👩\u{200d}", "क्ष", "{{", "{% raw %}", "x ", "{#", "\u{1b}"]
    {
        let mut editor = Editor::new(&piece.repeat(200_000 / piece.len()));
        editor.apply(TextEnd, false, 80);
        for command in PLAIN {
            editor.apply(command, true, 80);
            editor.apply(Insert("y".to_owned()), false, 80);
        }
        editor.find_next(&piece.repeat(2), false);
        assert!(!syntax::spans(editor.text()).is_empty());
    }
}
