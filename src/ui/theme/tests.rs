//! The bundled themes held to what they promise, a user's own, and what is left without colour.

use std::collections::HashSet;

use super::*;

fn presets() -> impl Iterator<Item = Theme> {
    Theme::names().into_iter().map(|name| Theme::preset(name).unwrap())
}

fn parse(text: &str) -> Theme {
    Theme::parse("mine.toml", text).unwrap()
}

fn error(text: &str) -> String {
    let error = Theme::parse("mine.toml", text).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

/// The keys and styles of a theme; one of a list is `key 3`.
fn styles(mut theme: Theme) -> Vec<(String, Style)> {
    let slots = theme.slots();
    let named = slots.iter().flat_map(|slot| slot.styles.iter().enumerate().map(|(at, style)| (slot.key, at, *style)));
    named.map(|(key, at, style)| (if at == 0 { key.to_owned() } else { format!("{key} {at}") }, style)).collect()
}

fn luminance(color: Color) -> f64 {
    let Color::Rgb(r, g, b) = color else { panic!("{color:?}") };
    let linear = |c: u8| match f64::from(c) / 255.0 {
        c if c <= 0.04045 => c / 12.92,
        c => ((c + 0.055) / 1.055).powf(2.4),
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// Contrast as WCAG 2 has it.
fn contrast(a: Color, b: Color) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn presets_give_every_key() {
    for (name, text) in PRESETS {
        let blank = Theme::blank(name.to_owned()).laid_over(name, text);
        assert_eq!(blank, Ok(Theme::preset(name).unwrap()));
        let given: toml::Table = toml::from_str(text).unwrap();
        let given: HashSet<&str> = given.keys().map(String::as_str).collect();
        assert_eq!(given, Theme::blank(String::new()).slots().iter().map(|slot| slot.key).collect(), "{name}");
    }
    assert_eq!(Theme::names(), ["terminal", "dark", "light", "contrast"]);
    assert_eq!(Some(Theme::default()), Theme::preset("terminal"));
    assert_eq!(Theme::preset("solarized"), None);
}

#[test]
fn terminal_uses_the_terminals_colours_alone() {
    let own = |color: Option<Color>| !matches!(color, Some(Color::Rgb(..) | Color::Indexed(_)));
    for (key, style) in styles(Theme::default()) {
        assert!(own(style.fg) && own(style.bg), "{key}: {style:?}");
        // On a ground of its own a text needs a colour of its own.
        assert!(style.bg.is_none() || style.fg.is_some(), "{key}: {style:?}");
    }
    assert_eq!(Theme::default().text, Style::new().fg(Color::Reset).bg(Color::Reset));
}

#[test]
fn text_can_be_read_on_its_ground() {
    for theme in presets().filter(|theme| theme.name != "terminal") {
        let name = theme.name.clone();
        let (ink, ground) = (theme.text.fg.unwrap(), theme.text.bg.unwrap());
        let away = theme.cursor_line_away.bg.unwrap();
        for (key, style) in styles(theme) {
            let found = contrast(style.fg.unwrap_or(ink), style.bg.unwrap_or(ground));
            let wanted = match key.as_str() {
                _ if name == "contrast" => 7.0,
                "text" | "window" | "cursor_line" | "answer" => 7.0,
                "border" | "bar_rest" => 2.0,
                _ => 4.5,
            };
            assert!(found >= wanted, "{name}: {key}: {found:.2}");
            // What stands in a line keeps its colour where the cursor rests.
            let in_line = style.bg.is_none() && wanted >= 4.5;
            assert!(!in_line || contrast(style.fg.unwrap_or(ink), away) >= 4.0, "{name}: {key} in cursor_line_away");
        }
    }
}

#[test]
fn meaning_survives_without_colour() {
    let colours_only = parse(
        "cursor_line = { bg = 'blue' }\nselection = { bg = '#003366' }\ngood = { fg = 'green' }\nbad = { fg = 'red' }",
    );
    for theme in presets().chain([colours_only]) {
        let plain = theme.without_color();
        for (key, style) in styles(plain.clone()) {
            for color in [style.fg, style.bg] {
                assert!(matches!(color, None | Some(Color::Reset)), "{}: {key}: {style:?}", plain.name);
            }
        }
        for (a, b) in [
            (plain.text, plain.dim),
            (plain.text, plain.stale),
            (plain.text, plain.cursor_line),
            (plain.text, plain.cursor_line_away),
            (plain.cursor_line, plain.cursor_line_away),
            (plain.text, plain.selection),
            (plain.text, plain.found),
            (plain.found, plain.found_current),
            (plain.text, plain.matched),
            (plain.title, plain.title_focused),
            (plain.border, plain.border_focused),
            (plain.tab, plain.tab_current),
            (plain.key, plain.key_label),
            (plain.good, plain.bad),
            (plain.bar, plain.bar_rest),
            (plain.bar, plain.bar_gold),
            (plain.variable, plain.comment),
            (plain.variable, plain.unclosed),
            (plain.text, plain.added),
            (plain.added, plain.removed),
            (plain.toast_info, plain.toast_bad),
            (plain.toast_good, plain.toast_bad),
            (plain.toast_info, plain.toast_warn),
        ] {
            assert_ne!(a.add_modifier, b.add_modifier, "{}: {a:?} {b:?}", plain.name);
        }
        for style in [plain.cursor_line, plain.selection, plain.cursor] {
            assert!(style.add_modifier.contains(REVERSED));
        }
        let shades = plain.shade_good.iter().chain(&plain.shade_bad).map(|style| style.add_modifier);
        assert_eq!(shades.collect::<HashSet<_>>().len(), 8, "{}", plain.name);
    }
}

#[test]
fn a_users_theme_fills_its_gaps_from_terminal() {
    let mine =
        Theme::parse("themes/my own.toml", "accent = { fg = \"#ff8800\", bold = false, italic = true }").unwrap();
    assert_eq!(mine.name, "my own");
    assert_eq!(mine.accent, Style::new().fg(Color::Rgb(255, 136, 0)).add_modifier(Modifier::ITALIC));
    assert_eq!(Theme { accent: Theme::default().accent, name: "terminal".to_owned(), ..mine }, Theme::default());
    let same = |name: &str, color| assert_eq!(parse(&format!("bar = {{ bg = \"{name}\" }}")).bar.bg, Some(color));
    same("dark-gray", Color::DarkGray);
    same("light_red", Color::LightRed);
    same("Grey", Color::Gray);
    same("reset", Color::Reset);
    same("208", Color::Indexed(208));
    for name in COLORS {
        assert!(name.parse::<Color>().is_ok(), "{name}");
    }
}

#[test]
fn errors_name_place_key_and_remedy() {
    assert_eq!(error("\nacent = {}"), "mine.toml:2:1: unknown key `acent`; did you mean `accent`?");
    assert!(error("[zzz]").starts_with("mine.toml:1:2: unknown key `zzz`; expected one of text, dim, stale, "));
    assert_eq!(
        error("text = {}\naccent = { gf = \"red\" }"),
        "mine.toml:2:12: unknown key `accent.gf`; expected one of fg, bg, bold, dim, italic, underlined, reversed, \
            crossed_out"
    );
    assert_eq!(
        error("accent = { underline = true }"),
        "mine.toml:1:12: unknown key `accent.underline`; did you mean `underlined`?"
    );
    assert_eq!(error("[accent]\nfg = \"cyna\""), "mine.toml:2:6: `accent.fg` cannot be `cyna`; did you mean `cyan`?");
    assert!(
        error("bad = { bg = \"#ff\" }")
            .starts_with("mine.toml:1:14: `bad.bg` cannot be `#ff`; expected #rrggbb or one")
    );
    assert_eq!(error("bad = { bg = 3 }"), "mine.toml:1:14: `bad.bg` must be a colour in quotes, found integer");
    assert_eq!(error("bad = { bold = 1 }"), "mine.toml:1:16: `bad.bold` must be true or false, found integer");
    assert_eq!(
        error("bad = \"red\""),
        "mine.toml:1:7: `bad` must be a style as { fg = \"cyan\", bold = true }, found string"
    );
    assert_eq!(error("labels = [{}, {}]"), "mine.toml:1:10: `labels` must be a list of 6 styles, found 2");
    assert_eq!(
        error("shade_bad = {}"),
        "mine.toml:1:13: `shade_bad` must be a list of 4 styles, each as { fg = \"cyan\", bold = true }, found table"
    );
    assert_eq!(
        error("shade_bad = [{}, {}, {},\n  1]"),
        "mine.toml:2:3: `shade_bad` must be a style as { fg = \"cyan\", bold = true }, found integer"
    );
    assert_eq!(error("dim = {}\ndim = {}"), "mine.toml:2:1: duplicate key");
    assert!(error("dim = {").starts_with("mine.toml:1:"));
    assert!(error("\"\\u001b\" = {}").starts_with("mine.toml:1:1: unknown key `\\u{1b}`; "));
}

#[test]
fn shares_and_labels_are_shown_in_steps() {
    let theme = Theme::default();
    for (share, step) in
        [(0.0, 0), (0.249, 0), (0.25, 1), (0.5, 2), (0.75, 3), (1.0, 3), (7.0, 3), (-1.0, 0), (f64::NAN, 0)]
    {
        assert_eq!(theme.shade(true, share), theme.shade_good[step], "{share}");
        assert_eq!(theme.shade(false, share), theme.shade_bad[step], "{share}");
    }
    assert_eq!((theme.label(1), theme.label(7), theme.label(6)), (theme.labels[1], theme.labels[1], theme.labels[0]));
    assert_eq!(theme.label(usize::MAX), theme.labels[usize::MAX % 6]);
}
