//! Layouts that hold still, and pictures of them.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use super::draw::quarter;
use super::*;

const TWELVE: [&str; 13] = [
    "anger",
    "fear",
    "joy",
    "sadness",
    "surprise",
    "disgust",
    "trust",
    "anticipation",
    "love",
    "optimism",
    "pessimism",
    "neutral",
    "unknown",
];

fn counts(size: usize) -> Vec<Vec<u64>> {
    let count = |gold: usize, predicted: usize| match (gold, predicted) {
        (gold, predicted) if gold == predicted => 20 + 9 * gold as u64,
        (gold, predicted) => (gold * 7 + predicted * 3) as u64 % 11 / 4,
    };
    (0..size).map(|gold| (0..size).map(|predicted| count(gold, predicted)).collect()).collect()
}

fn screen(layout: &MatrixLayout, counts: &[Vec<u64>], width: u16, height: u16, ascii: bool) -> (Buffer, String) {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    let area = buf.area;
    draw(&mut buf, area, layout, counts, &MatrixStyle { ascii, ..MatrixStyle::default() });
    let row = |y| (0..width).map(|x| buf[(x, y)].symbol()).collect::<String>();
    let rows: Vec<String> = (0..height).map(|y| row(y).trim_end().to_owned()).collect();
    (buf, rows.join("\n"))
}

#[test]
fn three_labels() {
    let counts = [vec![65, 1, 0], vec![166, 268, 0], vec![0, 0, 0]];
    let drawn = |width, height, ascii| {
        let layout = MatrixLayout::new(&["oppose", "support", "unknown"], 500, width, height, Some((1, 0)));
        screen(&layout, &counts, width, height, ascii).1
    };
    assert_eq!(
        drawn(60, 6, false),
        "                 predicted
gold      oppose  support  unknown
oppose   ███[ 65] ░░░   1        0
support  ▒▒▒ 166  ▓▓▓[268]       0
unknown        0        0     [  0]
gold support → predicted oppose: 166 of 434"
    );
    assert_eq!(
        drawn(34, 5, true),
        "gold          1     2     3
1 oppose  #[ 65].   1     0
2 support : 166 *[268]    0
3 unknown     0     0  [  0]
support -> oppose: 166 of 434"
    );
    assert_eq!(
        drawn(20, 4, false),
        "gold       1   2   3\n1 oppo…  █65 ░░1   0\n2 supp… ▒166▓268   0\n3 unkn…    0   0   0"
    );
}

#[test]
fn thirteen_labels_in_sixty_columns() {
    let layout = MatrixLayout::new(&TWELVE, 500, 60, 16, Some((12, 11)));
    let (buf, drawn) = screen(&layout, &counts(13), 60, 16, false);
    let rows: Vec<&str> = drawn.lines().collect();
    assert_eq!(rows[1], "gold       1   2   3   4   5   6   7   8   9  10  11  12  13");
    assert_eq!(rows[2], " 1 ang…  ▓20   0 ░░1 ░░2   0 ░░1 ░░1 ░░2   0 ░░1 ░░2   0   0");
    assert!(rows[14].starts_with("13 unk…  ░░1 ░░2   0") && rows[14].ends_with("░░1█128"));
    assert_eq!(rows[15], "gold unknown → predicted neutral: 1 of 139");
    assert!((0..13).all(|it| {
        let place = layout.cell_rect(it, it).unwrap();
        buf[(place.right() - 1, place.y)].modifier.contains(Modifier::BOLD)
    }));
}

#[test]
fn what_does_not_fit_is_scrolled() {
    let drawn = |selected| {
        let layout = MatrixLayout::new(&TWELVE, 500, 40, 10, Some(selected));
        screen(&layout, &counts(13), 40, 10, true).1.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let rows = drawn((7, 9));
    assert_eq!(rows[0], "gold   <   6   7   8   9  10  11  12>");
    assert_eq!(rows[1], " 3 joy     1   2   0   1   2   0   0");
    assert_eq!(rows[9], "anticipation -> optimism: 2 of 95");
    assert_eq!(rows[4], " 6 dis…  #65   2   0   1   1   2   0#");
    assert_eq!(drawn((0, 0))[0], "gold       1   2   3   4   5   6   7>");
    assert_eq!(drawn((12, 12))[0], "gold   <   7   8   9  10  11  12  13");
}

#[test]
fn heads_are_abbreviated_while_they_differ() {
    let heads = |labels: &[&str]| MatrixLayout::new(labels, 99, 70, 9, None).heads;
    assert_eq!(heads(&["strongly in favour", "somewhat in favour", "neither"]), ["strongl…", "somewha…", "neither"]);
    assert_eq!(heads(&["strongly in favour", "strongly against it", "neither"]), ["1", "2", "3"]);
    assert_eq!(heads(&["favour", "against"]), ["favour", "against"]);
}

#[test]
fn the_mouse_hits_what_is_drawn() {
    let labels: Vec<String> = (0..40).map(|index| format!("label {index}")).collect();
    for size in [0, 1, 2, 3, 7, 13, 40] {
        for (width, height) in
            (0..90).step_by(7).flat_map(|width| (0..20).step_by(3).map(move |height| (width, height)))
        {
            for selected in [None, Some((0, 0)), Some((size / 2, 1)), Some((usize::MAX, size))] {
                let layout = MatrixLayout::new(&labels[..size], 500, width, height, selected);
                let area = Rect::new(0, 0, width, height);
                let cells = || (0..size).flat_map(|gold| (0..size).map(move |predicted| (gold, predicted)));
                let places: Vec<Rect> =
                    cells().filter_map(|(gold, predicted)| layout.cell_rect(gold, predicted)).collect();
                let (across, down) = (layout.across, layout.down);
                assert_eq!(places.len(), across.count * down.count, "{layout:?}");
                let covered: std::collections::HashSet<_> = places.iter().flat_map(|place| place.positions()).collect();
                assert_eq!(covered.len(), places.len() * usize::from(layout.cell), "cells overlap: {layout:?}");
                assert!(places.iter().all(|place| area.union(*place) == area), "{layout:?}");
                if let Some((gold, predicted)) = layout.selected.filter(|_| across.count > 0 && down.count > 0) {
                    assert!(layout.cell_rect(gold, predicted).is_some(), "{layout:?}");
                }
            }
        }
    }
}

#[test]
fn counts_move_nothing() {
    // Blanks in the same places, whatever the counts; only digits and shades grow.
    let layout = MatrixLayout::new(&TWELVE, 40_000, 200, 16, None);
    for (gold, predicted) in [(0, 0), (4, 11), (12, 12)] {
        let mut grown = vec![vec![0; 13]; 13];
        let digits = |counts: &[Vec<u64>]| {
            let (buf, _) = screen(&layout, counts, 200, 16, false);
            let place = layout.cell_rect(gold, predicted).unwrap();
            buf[(place.right() - 2, place.y)].symbol().to_owned()
        };
        for count in [0, 7, 97, 39_997] {
            grown[gold][predicted] = count;
            assert_eq!(digits(&grown), (count % 10).to_string());
        }
    }
}

#[test]
fn styles_say_what_brackets_say() {
    let layout = MatrixLayout::new(&["a", "b"], 100, 40, 6, Some((1, 0)));
    let color = |color: Color| Style::new().fg(color);
    let style = MatrixStyle {
        zero: color(Color::DarkGray),
        good: color(Color::Green).underlined(),
        bad: color(Color::Red),
        shade_good: [Style::new(), Style::new(), Style::new(), Style::new().bg(Color::Green)],
        shade_bad: [Style::new().underlined(); 4],
        selected: Style::new().reversed(),
        ..MatrixStyle::default()
    };
    let mut buf = Buffer::empty(Rect::new(0, 0, 40, 6));
    let area = buf.area;
    draw(&mut buf, area, &layout, &[vec![9, 1], vec![7, 0]], &style);
    let cells = |gold, predicted| {
        let place = layout.cell_rect(gold, predicted).unwrap();
        (place.left()..place.right()).map(|x| buf[(x, place.y)].clone()).collect::<Vec<_>>()
    };
    let text = |gold, predicted| cells(gold, predicted).iter().map(|cell| cell.symbol().to_owned()).collect::<String>();
    assert_eq!([text(0, 0), text(0, 1), text(1, 1)], [" ███[  9]", " ░░░   1 ", "    [  0]"]);
    let good = cells(0, 0);
    assert!(good[1..4].iter().all(|cell| cell.fg == Color::Green && cell.modifier.is_empty()));
    assert!(good[4..].iter().all(|cell| cell.bg == Color::Green && cell.modifier == Modifier::BOLD));
    let bad = cells(0, 1);
    assert_eq!((bad[1].fg, bad[7].modifier, bad[6].modifier), (Color::Red, Modifier::UNDERLINED, Modifier::empty()));
    assert!(cells(1, 0).iter().all(|cell| cell.modifier == Modifier::REVERSED));
    assert_eq!(cells(1, 1)[7].fg, Color::DarkGray);
}

#[test]
fn shades_are_quarters() {
    assert_eq!([0, 1, 25, 26, 50, 51, 75, 76, 100].map(|count| quarter(count, 100)), [0, 1, 1, 2, 2, 3, 3, 4, 4]);
    assert_eq!([quarter(0, 0), quarter(5, 0), quarter(u64::MAX, u64::MAX)], [0, 4, 4]);
}

#[test]
fn draws_anything_anywhere() {
    let hostile = [
        "♻️ 👩‍🔬 🥲🏻 🇩🇪",
        "שלום\u{202e}",
        "\u{1b}[2J\n\0",
        "\u{301}\u{200d}",
        "",
        "日本語のラベルはとても長いことがある",
    ];
    let ragged = [vec![u64::MAX; 9], vec![], vec![1], vec![0, u64::MAX]];
    let far = Rect { x: 65_530, y: 65_530, width: 9, height: 9 };
    for area in [Rect::ZERO, Rect::new(0, 0, 70, 9), Rect::new(6, 4, 40, 9), Rect::new(12, 3, 1, 1), far] {
        for (width, height) in [(area.width, area.height), (60, 16), (65_535, 65_535), (0, 0)] {
            for selected in [None, Some((2, 5))] {
                for total in [0, 7, u64::MAX] {
                    let layout = MatrixLayout::new(&hostile, total, width, height, selected);
                    let mut buf = Buffer::empty(Rect::new(4, 3, 30, 8));
                    let style = MatrixStyle { selected: Style::new().bold(), ..MatrixStyle::default() };
                    draw(&mut buf, area, &layout, &ragged, &style);
                    assert!(buf.content.iter().all(|cell| !cell.symbol().contains(char::is_control)));
                }
            }
        }
    }
}

#[test]
fn many_labels_cost_little() {
    let labels: Vec<String> = (0..50_000).map(|index| format!("label {index}")).collect();
    let start = std::time::Instant::now();
    let layout = MatrixLayout::new(&labels, 50_000, 120, 40, Some((25_000, 49_999)));
    screen(&layout, &[], 120, 40, false);
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}
