//! Widths against ratatui's own, and no cut that leaves half a grapheme.

use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::*;

const HOSTILE: [&str; 26] = [
    "",
    "plain ascii text that goes on",
    "Grüne e\u{301}te\u{301} o\u{308}",
    "♻️ 👩‍🔬 🥲🏻 🇩🇪 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
    "🇩🇪🇫🇷🇩",
    "👨‍👩‍👧‍👦👨‍👩‍👧‍👦",
    "日本語のテキスト、改行。",
    "ｶﾞｷﾞ aﾞ",
    "שלום עולם \u{200f}x\u{200e}",
    "السلام عليكم ورحمة",
    "\u{200b}\u{200d}\u{feff}zero\u{200b}width",
    "\u{301}leading mark",
    "a\tb\nc\r\nd\re\u{85}f\u{b}g\u{c}h",
    "\u{1b}[31mred\u{1b}[0m\u{7}\0\u{7f}\u{9b}2J",
    "\u{202e}txt.exe\u{2066}x\u{2069}\u{2028}y\u{2029}",
    "\u{600}12 \u{600}\n",
    "\n\u{301}\n\u{ff9e}\n🏻\n\u{200d}\n\u{fe0f}",
    "1\u{fe0f}\u{20e3}2\u{fe0f}\u{20e3}",
    "क्षत्रिय हिन्दी",
    "ᄀ가각 한국어",
    "a\u{ad}b\u{2060}c\u{3000}d\u{a0}e",
    "\u{1f1e6}",
    "👩‍\n👩\u{200d}",
    "https://t.co/averyveryverylongaddress/without/blanks",
    "          indented          wide    gaps     ",
    "\u{e0001}\u{e0041}tags",
];

fn zalgo() -> String {
    format!("a{}b", "\u{301}".repeat(500))
}

fn samples() -> Vec<String> {
    let mut samples: Vec<String> = HOSTILE.iter().map(|text| (*text).to_owned()).chain([zalgo()]).collect();
    // Pieces of them in an order that repeats from run to run.
    let letters: Vec<char> = HOSTILE.concat().chars().collect();
    let mut state = 7_u64;
    for length in 0..400 {
        let text = (0..length % 40).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            letters[(state >> 33) as usize % letters.len()]
        });
        samples.push(text.collect());
    }
    samples
}

/// What ratatui makes of a text that is clean.
fn set_string(text: &str) -> (usize, Buffer) {
    let mut buf = Buffer::empty(Rect::new(0, 0, 2000, 1));
    let (x, _) = buf.set_stringn(0, 0, text, usize::MAX, Style::new());
    (usize::from(x), buf)
}

fn row(buf: &Buffer, y: u16) -> String {
    (buf.area.left()..buf.area.right()).map(|x| buf[(x, y)].symbol()).collect()
}

#[test]
fn widths_are_ratatuis() {
    for text in samples() {
        let (expected, drawn) = set_string(&clean(&text));
        assert_eq!(width(&text), expected, "{text:?}");
        assert_eq!(width(&clean(&text)), expected, "{text:?}");
        let mut buf = Buffer::empty(Rect::new(0, 0, 2000, 1));
        assert_eq!(usize::from(draw(&mut buf, 0, 0, 2000, &text, Style::new())), expected, "{text:?}");
        assert_eq!(buf, drawn, "{text:?}");
    }
    assert_eq!([width("♻️"), width("👩‍🔬"), width("🥲🏻"), width("🇩🇪"), width("e\u{301}")], [2, 2, 4, 2, 1]);
}

#[test]
fn what_is_cut_fits_and_is_clean() {
    for text in samples() {
        let whole = clean(&text);
        assert_eq!(whole, clean(&whole), "{text:?}");
        for columns in [0, 1, 2, 3, 4, 5, 8, 13, 21] {
            let cut = fit(&text, columns);
            let (drawn, _) = set_string(&cut);
            assert!(drawn <= columns && drawn == width(&cut), "{text:?} {columns} {cut:?}");
            assert_eq!(cut == whole, width(&text) <= columns, "{text:?} {columns} {cut:?}");
            if cut != whole && columns > 0 {
                let kept = cut.strip_suffix(CUT).unwrap_or_else(|| panic!("{text:?} {columns} {cut:?}"));
                assert!(whole.starts_with(kept), "{text:?} {cut:?}");
            }
            for align in [Align::Left, Align::Centre, Align::Right] {
                assert_eq!(set_string(&pad(&text, columns, align)).0, columns, "{text:?} {columns} {align:?}");
            }
        }
    }
}

#[test]
fn cut_between_graphemes() {
    assert_eq!(fit("abcdef", 4), "abc…");
    assert_eq!(fit("a👩‍🔬b", 3), "a…");
    assert_eq!(fit("🇩🇪🇫🇷", 3), "🇩🇪…");
    assert_eq!(fit("one\ntwo", 7), "one⏎two");
    assert_eq!(fit("\u{1b}[2J", 4), "…");
    assert_eq!([fit("ab", 0), fit("ab", 1), fit("", 3)], ["", "…", ""]);
    assert!(matches!(fit("Grüne 日本", 10), Cow::Borrowed(_)));
    assert_eq!(fit(&zalgo(), 5), "\u{fffd}b");
    assert_eq!(pad("日本", 7, Align::Centre), " 日本  ");
    assert_eq!(pad("12", 4, Align::Right), "  12");
}

fn wrapped(text: &str, columns: usize) -> Vec<&str> {
    wrap(text, columns).into_iter().map(|range| &text[range]).collect()
}

#[test]
fn wraps_at_blanks() {
    assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
    assert_eq!(wrapped("the quick  brown", 9), ["the quick", "brown"]);
    assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
    assert_eq!(wrapped("a\nb\r\n\nc\n", 5), ["a", "b", "", "c", ""]);
    assert_eq!(wrapped("", 5), [""]);
    assert_eq!(wrapped("   indented text", 9), ["   indent", "ed text"]);
    assert_eq!(wrapped("      ", 4), [""]);
    assert_eq!(wrapped("ab    \ncd", 4), ["ab", "cd"]);
    assert_eq!(wrapped("ab  \ncd", 4), ["ab  ", "cd"]);
    assert_eq!(wrapped("12\u{a0}km off", 6), ["12\u{a0}km", "off"]);
    assert_eq!(wrapped("abc", 0), [""; 0]);
}

#[test]
fn wraps_beside_wide_characters() {
    assert_eq!(wrapped("日本語のテキスト", 7), ["日本語", "のテキ", "スト"]);
    assert_eq!(wrapped("日本語、の", 6), ["日本", "語、の"]);
    assert_eq!(wrapped("good👩‍🔬👩‍🔬", 6), ["good👩‍🔬", "👩‍🔬"]);
    assert_eq!(wrapped("日", 1), ["日"]);
    assert_eq!(wrapped("a日b", 1), ["a", "日", "b"]);
}

#[test]
fn wrapped_lines_fit_and_lose_nothing_but_blanks() {
    for text in samples() {
        for columns in 1..14 {
            let lines = wrap(&text, columns);
            let mut end = 0;
            for line in &lines {
                assert!(end <= line.start && line.start <= line.end, "{text:?} {columns} {lines:?}");
                assert!(text[end..line.start].chars().all(char::is_whitespace), "{text:?} {columns} {lines:?}");
                let shown = &text[line.clone()];
                let alone = pieces(shown).filter(|piece| piece.width > 0).count() <= 1;
                assert!(width(shown) <= columns || alone, "{text:?} {columns} {shown:?}");
                end = line.end;
            }
            assert!(text[end..].chars().all(char::is_whitespace), "{text:?} {columns} {lines:?}");
            let some: Vec<_> = lines.iter().skip(1).take(2).cloned().collect();
            assert_eq!(wrap_lines(&text, columns, 1, 2), some);
        }
    }
}

#[test]
fn a_long_text_is_cut_and_wrapped_in_part() {
    let long = "word 日本 ".repeat(3_000_000);
    assert_eq!(wrap_lines(&long, 40, 5, 20).len(), 20);
    assert!([39, 40].contains(&width(&fit(&long, 40))));
}

#[test]
fn draws_in_the_buffer_only() {
    for text in samples() {
        for (x, y, most) in [(0, 0, 5), (3, 4, 9), (7, 4, 2), (9, 5, 9), (12, 4, 9), (13, 6, 1), (65535, 65535, 3)] {
            let mut buf = Buffer::empty(Rect::new(4, 4, 8, 2));
            assert!(draw(&mut buf, x, y, most, &text, Style::new()) <= most);
        }
    }
    let mut buf = Buffer::empty(Rect::ZERO);
    assert_eq!(draw(&mut buf, 0, 0, 9, "text", Style::new()), 0);

    let mut buf = Buffer::empty(Rect::new(4, 0, 4, 1));
    assert_eq!(draw(&mut buf, 1, 0, 9, "日本語", Style::new()), 6);
    assert_eq!(row(&buf, 0), " 語  ", "the half of 本 is blank");
}

#[test]
fn no_half_of_a_wide_character_stays() {
    let mut buf = Buffer::empty(Rect::new(0, 0, 8, 1));
    draw(&mut buf, 0, 0, 8, "日🥲🏻b", Style::new().on_red());
    draw(&mut buf, 4, 0, 1, "x", Style::new());
    assert_eq!(row(&buf, 0), "日   x b ");
    draw(&mut buf, 1, 0, 1, "y", Style::new());
    assert_eq!(row(&buf, 0), " y  x b ");
    assert_eq!(buf[(0, 0)].bg, Color::Red);
}

#[test]
fn style_covers_wide_characters() {
    let mut buf = Buffer::empty(Rect::new(0, 0, 6, 1));
    draw(&mut buf, 0, 0, 6, "日\t♻️", Style::new().bg(Color::Blue).bold());
    assert!((0..5).all(|x| buf[(x, 0)].bg == Color::Blue));
    assert_eq!(buf[(2, 0)].symbol(), " ");
}
