//! What everything on the screen is drawn in: bundled themes, a user's own, and the same without colour.
//!
//! A theme is TOML: a key for each [`Style`], in it colours and modifiers. The 16 colours of the terminal are the
//! default, because they are the user's. Which pane uses which style is left to the panes. [`Theme::text`] is painted
//! over the whole screen first; what other styles leave out stays as it is underneath.

use std::path::Path;
use std::slice;

use ratatui::style::{Color, Modifier, Style};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::app::keymap::place;
use crate::session::parse::nearest;
use crate::text::printable;

/// The bundled themes; the first is the default, and fills the gaps of others.
const PRESETS: [(&str, &str); 4] = [
    ("terminal", include_str!("../../assets/themes/terminal.toml")),
    ("dark", include_str!("../../assets/themes/dark.toml")),
    ("light", include_str!("../../assets/themes/light.toml")),
    ("contrast", include_str!("../../assets/themes/contrast.toml")),
];

const COLORS: [&str; 17] = [
    "reset",
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "dark-gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", BOLD),
    ("dim", DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", UNDERLINED),
    ("reversed", REVERSED),
    ("crossed_out", CROSSED_OUT),
];

const PLAIN: Modifier = Modifier::empty();
const BOLD: Modifier = Modifier::BOLD;
const DIM: Modifier = Modifier::DIM;
const UNDERLINED: Modifier = Modifier::UNDERLINED;
const REVERSED: Modifier = Modifier::REVERSED;
const CROSSED_OUT: Modifier = Modifier::CROSSED_OUT;
const LOUD: Modifier = BOLD.union(UNDERLINED);
const INVERSE: Modifier = REVERSED.union(BOLD);

/// One key of a theme: its name, its styles, and the modifiers that carry its meaning where there is no colour.
struct Slot<'t> {
    key: &'static str,
    styles: &'t mut [Style],
    plain: &'static [Modifier],
}

macro_rules! theme {
    (
        $($(#[doc = $doc:literal])+ $one:ident: $plain:expr;)+
        several $($(#[doc = $docs:literal])+ $many:ident: [$($plains:expr),+];)+
    ) => {
        /// A style for everything that is drawn.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Theme {
            /// Its name: the stem of its file.
            pub name: String,
            $($(#[doc = $doc])+ pub $one: Style,)+
            $($(#[doc = $docs])+ pub $many: [Style; [$($plains),+].len()],)+
        }

        impl Theme {
            /// With nothing set.
            fn blank(name: String) -> Self {
                Self { name, $($one: Style::new(),)+ $($many: [Style::new(); _],)+ }
            }

            fn slots(&mut self) -> Vec<Slot<'_>> {
                vec![
                    $(Slot {
                        key: stringify!($one),
                        styles: slice::from_mut(&mut self.$one),
                        plain: const { &[$plain] },
                    },)+
                    $(Slot { key: stringify!($many), styles: &mut self.$many, plain: const { &[$($plains),+] } },)+
                ]
            }
        }
    };
}

theme! {
    /// Text, and the whole screen underneath.
    text: PLAIN;
    /// What matters less: units, counts, hints.
    dim: DIM;
    /// Figures and answers that are no longer those of the prompt on the screen.
    stale: DIM;
    /// The head of a table, a heading in the help.
    heading: BOLD;
    /// The title of a pane.
    title: PLAIN;
    /// The title of the pane that has the focus.
    title_focused: BOLD;
    /// The frame of a pane.
    border: DIM;
    /// The frame of the pane that has the focus.
    border_focused: BOLD;
    /// The ground of a window over the view; painted over `text`.
    window: PLAIN;
    /// The name of a view in the first line.
    tab: DIM;
    /// The name of the view shown.
    tab_current: INVERSE;
    /// The last line.
    status: PLAIN;
    /// A key in footer and help.
    key: BOLD;
    /// What that key does.
    key_label: PLAIN;
    /// The line or cell under the cursor, in the pane that has the focus.
    cursor_line: REVERSED;
    /// The line or cell under the cursor, in other panes.
    cursor_line_away: UNDERLINED;
    /// The cursor in a text, where the terminal's own is not used.
    cursor: REVERSED;
    /// Selected text.
    selection: REVERSED;
    /// A line of input.
    input: PLAIN;
    /// A place found.
    found: UNDERLINED;
    /// The place found that the cursor is at.
    found_current: INVERSE;
    /// The letters of a list's line that the filter matched.
    matched: LOUD;
    /// What is meant to be seen first.
    accent: BOLD;
    /// Right, better, fixed.
    good: BOLD;
    /// Wrong, worse, broken.
    bad: LOUD;
    /// Doubtful, unsaved, refused.
    warn: UNDERLINED;
    /// The filled part of a bar of probability or progress.
    bar: PLAIN;
    /// The same for the gold label.
    bar_gold: BOLD;
    /// The empty part.
    bar_rest: DIM;
    /// A sparkline.
    spark: PLAIN;
    /// `{{`, `}}`, `{%`, `%}` of a template.
    delimiter: BOLD;
    /// A variable of a template.
    variable: BOLD;
    /// A keyword of a template.
    keyword: UNDERLINED;
    /// A filter of a template.
    filter: PLAIN;
    /// A string or number of a template.
    literal: PLAIN;
    /// A comment of a template.
    comment: DIM;
    /// A delimiter or string that is never closed.
    unclosed: REVERSED;
    /// The demonstrations inside a prompt.
    demo: DIM;
    /// What the model wrote.
    answer: BOLD;
    /// What another version of a text has more.
    added: UNDERLINED;
    /// What another version of a text has no longer.
    removed: CROSSED_OUT.union(DIM);
    /// A passing message.
    toast_info: REVERSED;
    /// A passing message that something is done.
    toast_good: INVERSE;
    /// A passing message of caution.
    toast_warn: REVERSED.union(UNDERLINED);
    /// A passing message that something failed.
    toast_bad: INVERSE.union(UNDERLINED);
    several
    /// Four steps of a share that is good when large, as a cell on the matrix's diagonal; see [`Theme::shade`].
    shade_good: [DIM, PLAIN, BOLD, INVERSE];
    /// Four steps of a share that is bad when large, as a cell off the diagonal.
    shade_bad: [DIM.union(UNDERLINED), UNDERLINED, LOUD, INVERSE.union(UNDERLINED)];
    /// Class labels in the order of the session; see [`Theme::label`].
    labels: [PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN];
}

/// What is wrong with a theme, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ThemeError {
    place: String,
    message: String,
}

impl Default for Theme {
    /// The bundled theme `terminal`.
    fn default() -> Self {
        let [name, ..] = Self::names();
        Self::preset(name).unwrap_or_else(|| Self::blank(name.to_owned()))
    }
}

impl Theme {
    /// The bundled themes, the default first.
    pub fn names() -> [&'static str; 4] {
        PRESETS.map(|(name, _)| name)
    }

    /// The bundled theme of that name.
    pub fn preset(name: &str) -> Option<Self> {
        let (name, text) = PRESETS.iter().find(|(known, _)| *known == name)?;
        Self::blank((*name).to_owned()).laid_over(&format!("{name}.toml"), text).ok()
    }

    /// Reads a user's theme. Keys that it leaves out are those of `terminal`.
    ///
    /// # Errors
    /// The first place, as `file_name:line:column`, that is no TOML or that no theme can have, with its key.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ThemeError> {
        let stem = Path::new(file_name).file_stem().map_or(file_name.into(), |stem| stem.to_string_lossy());
        Self { name: printable(&stem).into_owned(), ..Self::default() }.laid_over(file_name, text)
    }

    /// The same for `NO_COLOR`: every colour is the terminal's own, and modifiers alone say what colours said.
    pub fn without_color(mut self) -> Self {
        for slot in self.slots() {
            for (style, plain) in slot.styles.iter_mut().zip(slot.plain) {
                style.fg = style.fg.map(|_| Color::Reset);
                style.bg = style.bg.map(|_| Color::Reset);
                style.add_modifier.insert(*plain);
            }
        }
        self
    }

    /// The style of the class label at `index`; from the seventh on they come round again.
    pub fn label(&self, index: usize) -> Style {
        self.labels.get(index % self.labels.len()).copied().unwrap_or_default()
    }

    /// The style of a share from 0 to 1 that is good, or else bad, when large: one of four steps.
    pub fn shade(&self, good: bool, share: f64) -> Style {
        let [none, some, many, most] = if good { self.shade_good } else { self.shade_bad };
        match share {
            share if share >= 0.75 => most,
            share if share >= 0.5 => many,
            share if share >= 0.25 => some,
            _ => none,
        }
    }

    fn laid_over(mut self, file_name: &str, text: &str) -> Result<Self, ThemeError> {
        let error = |at: usize, message: String| ThemeError { place: place(file_name, text, at), message };
        let tree = DeTable::parse(text)
            .map_err(|e| error(e.span().map_or(0, |span| span.start), printable(e.message().trim()).into_owned()))?;
        let mut slots = self.slots();
        for (key, value) in tree.get_ref() {
            let name: &str = key.get_ref();
            let keys: Vec<&str> = slots.iter().map(|slot| slot.key).collect();
            let slot = slots.iter_mut().find(|slot| slot.key == name);
            let slot = slot.ok_or_else(|| error(key.span().start, unknown(name, "", &keys)))?;
            let count = slot.styles.len();
            let styles = match value.get_ref() {
                DeValue::Array(styles) if count > 1 && styles.len() == count => &**styles,
                DeValue::Table(_) if count == 1 => slice::from_ref(value),
                _ => return Err(error(value.span().start, form(name, count, value.get_ref()))),
            };
            for (style, value) in slot.styles.iter_mut().zip(styles) {
                *style = read(name, value).map_err(|(at, message)| error(at, message))?;
            }
        }
        Ok(self)
    }
}

/// One style; an error comes with the byte where it is.
fn read(key: &str, value: &Spanned<DeValue<'_>>) -> Result<Style, (usize, String)> {
    let DeValue::Table(table) = value.get_ref() else {
        return Err((value.span().start, form(key, 1, value.get_ref())));
    };
    let mut style = Style::new();
    for (attribute, value) in table {
        let name: &str = attribute.get_ref();
        let wrong = |message| (value.span().start, message);
        if matches!(name, "fg" | "bg") {
            let color = color(&format!("{key}.{name}"), value.get_ref()).map_err(wrong)?;
            style = if name == "fg" { style.fg(color) } else { style.bg(color) };
        } else if let Some((_, modifier)) = MODIFIERS.iter().find(|(known, _)| *known == name) {
            match value.get_ref() {
                DeValue::Boolean(true) => style = style.add_modifier(*modifier),
                DeValue::Boolean(false) => {}
                other => {
                    return Err(wrong(format!("`{key}.{name}` must be true or false, found {}", other.type_str())));
                }
            }
        } else {
            let known: Vec<&str> = ["fg", "bg"].into_iter().chain(MODIFIERS.map(|(name, _)| name)).collect();
            return Err((attribute.span().start, unknown(name, &format!("{key}."), &known)));
        }
    }
    Ok(style)
}

fn color(key: &str, value: &DeValue<'_>) -> Result<Color, String> {
    let Some(name) = value.as_str() else {
        return Err(format!("`{key}` must be a colour in quotes, found {}", value.type_str()));
    };
    name.parse().map_err(|_| match nearest(name, COLORS) {
        Some(near) => format!("`{key}` cannot be `{}`; did you mean `{near}`?", printable(name)),
        None => format!("`{key}` cannot be `{}`; expected #rrggbb or one of {}", printable(name), COLORS.join(", ")),
    })
}

fn form(key: &str, count: usize, found: &DeValue<'_>) -> String {
    let example = r#"{ fg = "cyan", bold = true }"#;
    match found {
        _ if count == 1 => format!("`{key}` must be a style as {example}, found {}", found.type_str()),
        DeValue::Array(styles) => format!("`{key}` must be a list of {count} styles, found {}", styles.len()),
        _ => format!("`{key}` must be a list of {count} styles, each as {example}, found {}", found.type_str()),
    }
}

fn unknown(name: &str, within: &str, known: &[&str]) -> String {
    let remedy = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("expected one of {}", known.join(", ")),
    };
    format!("unknown key `{within}{}`; {remedy}", printable(name))
}

#[cfg(test)]
mod tests;
