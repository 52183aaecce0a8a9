//! Pictures that any reader of XML takes, whatever the buffer holds.

use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use super::colors::Hex;
use super::*;

fn buffer(rows: &[&str]) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(3, 2, 24, rows.len() as u16));
    for (y, row) in (2..).zip(rows) {
        buffer.set_string(3, y, row, Style::new());
    }
    buffer
}

fn picture(buffer: &Buffer) -> String {
    let svg = svg(buffer, &PictureColors::default());
    well_formed(&svg);
    svg
}

/// Elements nest, attributes are quoted, and text holds no markup or character that XML forbids.
fn well_formed(svg: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg;
    while let Some((text, tail)) = rest.split_once('<') {
        assert!(!text.contains('>'), "{text}");
        for entity in text.split('&').skip(1) {
            assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| entity.starts_with(name)), "{text}");
        }
        assert!(open.is_empty() || text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
        let (tag, tail) = tail.split_once('>').unwrap();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => {
                assert!(tag.split('"').count() % 2 == 1 && !tag.contains('&'), "{tag}");
                if !tag.ends_with('/') {
                    open.push(tag.split(' ').next().unwrap());
                }
            }
        }
        rest = tail;
    }
    assert!(open.is_empty() && rest.trim().is_empty());
}

/// What is written, with the left edge of each piece in cells.
fn written(svg: &str) -> Vec<(f64, String)> {
    let piece = |tail: &str| {
        let (attributes, tail) = tail.split_once('>').unwrap();
        let x: f64 = attributes.split('"').nth(1).unwrap().parse().unwrap();
        ((x - PADDING as f64) / CELL_WIDTH as f64, tail.split('<').next().unwrap().to_owned())
    };
    svg.split("<tspan ").skip(1).map(piece).collect()
}

fn piece(x: f64, text: &str) -> (f64, String) {
    (x, text.to_owned())
}

#[test]
fn text_is_escaped_and_told_its_place() {
    let svg = picture(&buffer(&[r#"a <b> & "c"  d→é"#]));
    let expected = [
        piece(0.0, "a"),
        piece(2.0, "&lt;b&gt;"),
        piece(6.0, "&amp;"),
        piece(8.0, "&quot;c&quot;"),
        piece(13.0, "d"),
        piece(14.0, "→"),
        piece(15.0, "é"),
    ];
    assert_eq!(written(&svg), expected);
    assert!(svg.contains(r#"<tspan x="30" textLength="27">&lt;b&gt;</tspan>"#), "{svg}");
    assert_eq!(svg.matches("<text ").count(), 1);
}

#[test]
fn wide_characters_take_two_cells() {
    let svg = picture(&buffer(&["日x♻️x👩‍🔬x🇩🇪x🥲🏻x"]));
    // Wide ones are told their middle.
    let expected = [
        piece(1.0, "日"),
        piece(2.0, "x"),
        piece(4.0, "♻️"),
        piece(5.0, "x"),
        piece(7.0, "👩‍🔬"),
        piece(8.0, "x"),
        piece(10.0, "🇩🇪"),
        piece(11.0, "x"),
        piece(14.0, "🥲🏻"),
        piece(16.0, "x"),
    ];
    assert_eq!(written(&svg), expected);

    let mut wide = buffer(&[""]);
    wide.set_string(3, 2, "日", Style::new().bg(Color::Red));
    assert!(picture(&wide).contains(r##"<rect x="12" y="30" width="18" height="18" fill="#e5676f"/>"##));
}

#[test]
fn hostile_cells_hold_a_placeholder() {
    let marks = format!("a{}", "\u{301}".repeat(99));
    let hostile = [
        "\u{1b}[2J",
        "\0",
        "\u{7f}",
        "\u{9b}",
        "\n",
        "\t",
        "\u{202e}x",
        "\u{2066}",
        "\u{2028}",
        "\u{fffe}",
        "\u{ffff}",
        &marks,
        "]]>",
        "&#0;",
        "",
        "\u{200b}",
        "\u{301}",
        "\u{600}",
        "\u{ad}",
        "</text>",
    ];
    let mut buffer = buffer(&[""]);
    for (x, symbol) in (3..).zip(hostile) {
        buffer.cell_mut((x, 2)).unwrap().set_symbol(symbol);
    }
    let svg = picture(&buffer);
    assert_eq!(svg.matches('\u{fffd}').count(), 12);
    assert!(!svg.contains(['\u{1b}', '\0', '\u{202e}', '\u{2066}', '\u{2028}', '\u{fffe}', '\u{ffff}', '\u{9b}']));
    assert_eq!(svg.matches("</text>").count(), svg.matches("<text ").count());
}

#[test]
fn styles() {
    let colors = PictureColors::default();
    let mut drawn = buffer(&["", "", "", "", "", ""]);
    let look = |modifier| Style::new().fg(Color::Green).bg(Color::Blue).add_modifier(modifier);
    drawn.set_string(3, 2, "bold", look(Modifier::BOLD | Modifier::ITALIC));
    drawn.set_string(3, 3, "turned", look(Modifier::REVERSED));
    drawn.set_string(3, 4, "under it", Style::new().add_modifier(Modifier::UNDERLINED));
    drawn.set_string(3, 5, "secret", look(Modifier::HIDDEN));
    drawn.set_string(3, 6, "dim", Style::new().add_modifier(Modifier::DIM));
    drawn.set_string(3, 7, "own", Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Indexed(196)));
    let svg = picture(&drawn);
    let [green, blue] = [2, 4].map(|index: usize| Hex(colors.palette[index]).to_string());
    assert!(svg.contains(&format!(r#"<text y="44" fill="{green}" font-weight="bold" font-style="italic">"#)));
    assert!(svg.contains(&format!(r#"<text y="62" fill="{blue}">"#)));
    assert!(svg.contains(&format!(r#"y="48" width="54" height="18" fill="{green}""#)));
    assert!(svg.contains("M12 82h72v1h-72z"), "one line below both words");
    assert!(!svg.contains("secret"));
    let dim = Hex(mix(colors.background, colors.foreground, 5, 8)).to_string();
    assert!(svg.contains(&format!(r#"<text y="116" fill="{dim}">"#)));
    assert!(svg.contains(r##"fill="#010203""##) && svg.contains(r##"fill="#ff0000""##));
}

#[test]
fn all_colors() {
    let colors = PictureColors::default();
    for index in 0..=255 {
        resolve(Color::Indexed(index), &colors, colors.foreground);
    }
    let indexed = |index| resolve(Color::Indexed(index), &colors, colors.foreground);
    assert_eq!(indexed(1), resolve(Color::Red, &colors, colors.foreground));
    assert_eq!([indexed(16), indexed(231), indexed(67)], [[0; 3], [255; 3], [95, 135, 175]]);
    assert_eq!([indexed(232), indexed(255)], [[8; 3], [238; 3]]);
}

#[test]
fn lines_join() {
    let svg = picture(&buffer(&["╭────╮", "│ ██ │", "╰────╯"]));
    assert!(svg.contains("M21 39h36v1h-36z"), "one rule of four cells: {svg}");
    assert!(svg.contains("M30 48h18v18h-18z"), "one block of two cells: {svg}");
    assert_eq!(written(&svg), []);
}

#[test]
fn equal_buffers_make_equal_pictures() {
    let rows = ["╭─ a ▓▓░ ─╮ ⠑⢄", "│ 日本 ♻️ é   │", "> & <"];
    let once = picture(&buffer(&rows));
    assert_eq!(once, picture(&buffer(&rows)));
    assert!(once.starts_with(r#"<svg xmlns="http://www.w3.org/2000/svg" width="240" height="96""#), "{once}");
    for area in [Rect::ZERO, Rect::new(0, 0, 5, 0), Rect::new(65_530, 65_530, 5, 5)] {
        picture(&Buffer::empty(area));
    }
    // A wide character that the edge cuts.
    let mut cut = Buffer::empty(Rect::new(0, 0, 1, 1));
    cut.cell_mut((0, 0)).unwrap().set_symbol("日");
    assert_eq!(written(&picture(&cut)).len(), 1);
}
