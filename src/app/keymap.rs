//! Which key asks for what: the bundled keymap, a user's own laid over it, and both as data for footer and help.
//!
//! A keymap is TOML: a table for each [`Context`], in it keys and the [`Action`]s that they ask for. What an action
//! does is left to the update, reading the terminal to its guard.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as Unknown;
use toml::de::{DeTable, DeValue};

use super::action::{Action, Context};
use crate::session::parse::nearest;
use crate::text::printable;

/// The bundled keymap, which is also its own documentation.
pub const PRESET: &str = include_str!("../../assets/keymap.toml");

/// What unbinds a key.
const NONE: &str = "none";

/// The keys that have names: code, name in the file, in symbols, in ASCII. Names behind the first are read as well.
const NAMED: [(KeyCode, &[&str], &str, &str); 15] = [
    (KeyCode::Enter, &["enter", "return"], "⏎", "Enter"),
    (KeyCode::Esc, &["esc", "escape"], "Esc", "Esc"),
    (KeyCode::Char(' '), &["space"], "Space", "Space"),
    (KeyCode::Tab, &["tab"], "Tab", "Tab"),
    (KeyCode::Backspace, &["backspace"], "Backspace", "Backspace"),
    (KeyCode::Delete, &["delete", "del"], "Del", "Del"),
    (KeyCode::Insert, &["insert", "ins"], "Ins", "Ins"),
    (KeyCode::Up, &["up"], "↑", "Up"),
    (KeyCode::Down, &["down"], "↓", "Down"),
    (KeyCode::Left, &["left"], "←", "Left"),
    (KeyCode::Right, &["right"], "→", "Right"),
    (KeyCode::Home, &["home"], "Home", "Home"),
    (KeyCode::End, &["end"], "End", "End"),
    (KeyCode::PageUp, &["pageup", "pgup"], "PgUp", "PgUp"),
    (KeyCode::PageDown, &["pagedown", "pgdn"], "PgDn", "PgDn"),
];

/// What may stand before a key's name.
const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl", KeyModifiers::CONTROL), ("alt", KeyModifiers::ALT), ("shift", KeyModifiers::SHIFT)];

/// What terminals send for chords that have no code of their own.
const INDISTINCT: [(char, &str); 5] = [('i', "tab"), ('m', "enter"), ('[', "esc"), ('3', "esc"), ('8', "backspace")];

/// A key with what is held down beside it, in the one form that all ways to write and to send it come down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    /// The key; shift-tab is Tab, a letter with shift is upper case.
    pub code: KeyCode,
    /// What is held: no shift with characters.
    pub modifiers: KeyModifiers,
}

impl Chord {
    /// The chord of a key that was pressed or repeats. None for a key let go, for keys that Shotglass has no use for,
    /// and for what is pressed together with a key of the desktop.
    pub fn from_event(event: &KeyEvent) -> Option<Self> {
        let known = match event.code {
            KeyCode::Char(c) => !c.is_control(),
            KeyCode::F(_) | KeyCode::BackTab => true,
            code => NAMED.iter().any(|(named, ..)| *named == code),
        };
        let ours = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let pressed = matches!(event.kind, KeyEventKind::Press | KeyEventKind::Repeat);
        (known && pressed && ours.contains(event.modifiers)).then(|| Self::normal(event.code, event.modifiers))
    }

    /// The character that it types, where it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if self.modifiers.is_empty() => Some(c),
            _ => None,
        }
    }

    /// The same chord without shift, where shift is held: an editor extends the selection by what that one does.
    pub fn unshifted(self) -> Option<Self> {
        let modifiers = self.modifiers - KeyModifiers::SHIFT;
        (modifiers != self.modifiers).then_some(Self { code: self.code, modifiers })
    }

    /// For footer and help: `^R`, `⇧Tab`, `Alt-↑`; in ASCII `^R`, `Shift-Tab`, `Alt-Up`.
    pub fn show(&self, ascii: bool) -> String {
        let named = NAMED.iter().find(|(code, ..)| *code == self.code);
        let key = match (named, self.code) {
            (Some((.., symbol, plain)), _) => (if ascii { plain } else { symbol }).to_string(),
            (None, KeyCode::F(number)) => format!("F{number}"),
            (None, KeyCode::Char(c)) if self.modifiers == KeyModifiers::CONTROL => {
                return format!("^{}", c.to_uppercase());
            }
            (None, KeyCode::Char(c)) => c.to_string(),
            (None, code) => code.to_string(),
        };
        let held = |modifier, shown| {
            if self.modifiers.contains(modifier) { shown } else { "" }
        };
        let shift = held(KeyModifiers::SHIFT, if ascii { "Shift-" } else { "⇧" });
        format!("{}{}{shift}{key}", held(KeyModifiers::CONTROL, "Ctrl-"), held(KeyModifiers::ALT, "Alt-"))
    }

    /// One form for each chord. Shift is part of a character, terminals do not tell ctrl-r from ctrl-shift-r, and the
    /// control characters behind ctrl-z arrive from crossterm as ctrl-4 to ctrl-7.
    fn normal(code: KeyCode, mut modifiers: KeyModifiers) -> Self {
        let code = match code {
            KeyCode::BackTab => {
                modifiers.insert(KeyModifiers::SHIFT);
                KeyCode::Tab
            }
            KeyCode::Char(c) => {
                let shift = modifiers.contains(KeyModifiers::SHIFT);
                modifiers.remove(KeyModifiers::SHIFT);
                KeyCode::Char(match c {
                    c if modifiers.contains(KeyModifiers::CONTROL) => match c {
                        '@' | '2' => ' ',
                        '4' => '\\',
                        '5' => ']',
                        '6' => '^',
                        '7' | '/' => '_',
                        c => only(c.to_lowercase()).unwrap_or(c),
                    },
                    c if shift => only(c.to_uppercase()).unwrap_or(c),
                    c => c,
                })
            }
            code => code,
        };
        Self { code, modifiers }
    }
}

/// The character, where there is just one.
fn only(mut chars: impl Iterator<Item = char>) -> Option<char> {
    chars.next().filter(|_| chars.next().is_none())
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(false))
    }
}

/// What is wrong with the name of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ChordError(String);

impl FromStr for Chord {
    type Err = ChordError;

    /// Reads `r`, `R`, `?`, `enter`, `f1`, `ctrl-r`, `alt-up`, `shift-tab`. Names may be in upper case.
    fn from_str(text: &str) -> Result<Self, ChordError> {
        let mut modifiers = KeyModifiers::NONE;
        let mut key = text;
        while let Some((held, rest)) = key.split_once('-').filter(|(held, rest)| !held.is_empty() && !rest.is_empty()) {
            let modifier = MODIFIERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(held));
            let (_, modifier) = modifier.ok_or_else(|| unknown_key(text))?;
            modifiers.insert(*modifier);
            key = rest;
        }
        let code = key_code(key).ok_or_else(|| unknown_key(text))?;
        let chord = Self::normal(code, modifiers);
        let sent = INDISTINCT.iter().find(|(c, _)| chord.code == KeyCode::Char(*c)).map(|(_, sent)| sent);
        match sent.filter(|_| modifiers.contains(KeyModifiers::CONTROL)) {
            Some(sent) => Err(ChordError(format!("terminals send `{sent}` for `{}`; write `{sent}`", printable(text)))),
            None => Ok(chord),
        }
    }
}

fn key_code(name: &str) -> Option<KeyCode> {
    if let Some(c) = only(name.chars()) {
        return (printable(name) == name).then_some(KeyCode::Char(c));
    }
    let name = name.to_lowercase();
    let named = NAMED.iter().find(|(_, names, ..)| names.contains(&name.as_str())).map(|(code, ..)| *code);
    let function = || name.strip_prefix('f')?.parse().ok().filter(|number| (1..=24).contains(number)).map(KeyCode::F);
    named.or_else(function)
}

/// With the nearest: of the modifiers for all parts but the last, of the names for that; or of the names for it all.
fn unknown_key(text: &str) -> ChordError {
    let name = |text| nearest(text, NAMED.iter().filter_map(|(_, names, ..)| names.first().copied()));
    let modifier = |text: &&str| nearest(text, MODIFIERS.iter().map(|(name, _)| *name));
    let in_parts = || {
        let parts: Vec<&str> = text.split(['-', '+']).collect();
        let (key, held) = parts.split_last()?;
        let mut parts = held.iter().map(modifier).collect::<Option<Vec<&str>>>()?;
        parts.push(if key_code(key).is_some() { key } else { name(key)? });
        Some(parts.join("-"))
    };
    let near = match text.strip_prefix('^').and_then(|key| only(key.chars())) {
        Some(key) => Some(format!("ctrl-{}", key.to_lowercase())),
        None => in_parts().or_else(|| name(text).map(str::to_owned)),
    };
    let remedy = match near.filter(|near| near.parse::<Chord>().is_ok()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "expected a key as `r`, `enter`, `ctrl-r` or `alt-up`".to_owned(),
    };
    ChordError(format!("unknown key `{}`; {remedy}", printable(text)))
}

/// What is wrong with a keymap, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct KeymapError {
    place: String,
    message: String,
}

/// What every key asks for in every place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// None stands for a key that was unbound: it does nothing, wherever it is bound further out.
    tables: HashMap<Context, IndexMap<Chord, Option<Action>>>,
}

impl Keymap {
    /// The bundled keymap.
    pub fn preset() -> Self {
        let empty = Self { tables: HashMap::new() };
        // A test reads it, so that there is nothing to fall back from.
        empty.clone().with_overrides("keymap.toml", PRESET).unwrap_or(empty)
    }

    /// Lays a user's keymap over this one. Keys that it names come before those that were there.
    ///
    /// # Errors
    /// The first place, as `name:line:column`, that is no TOML or names what is not known, with the nearest that is.
    pub fn with_overrides(mut self, name: &str, text: &str) -> Result<Self, KeymapError> {
        let error = |at: usize, message: String| KeymapError { place: place(name, text, at), message };
        let tree = DeTable::parse(text)
            .map_err(|e| error(e.span().map_or(0, |span| span.start), printable(e.message().trim()).into_owned()))?;
        for (key, table) in tree.get_ref() {
            let context = context(key.get_ref()).map_err(|message| error(key.span().start, message))?;
            let DeValue::Table(table) = table.get_ref() else {
                let message = format!("`{}` must be a table of keys, as [{}]", key.get_ref(), key.get_ref());
                return Err(error(table.span().start, message));
            };
            let mut own: IndexMap<Chord, Option<Action>> = IndexMap::new();
            for (key, value) in table {
                let wrong = |message| error(key.span().start, message);
                let chord: Chord = key.get_ref().parse().map_err(|e: ChordError| wrong(e.to_string()))?;
                let action = action(key.get_ref(), value.get_ref()).map_err(|m| error(value.span().start, m))?;
                if let Some(c) = chord.typed().filter(|_| context == Context::Typing && action.is_some()) {
                    return Err(wrong(format!("`{c}` is typed as text; take a key with ctrl- or alt-")));
                }
                if own.insert(chord, action).is_some() {
                    return Err(wrong(format!("`{}` is a key that stands above already", printable(key.get_ref()))));
                }
            }
            let table = self.tables.entry(context).or_default();
            for (chord, action) in table.drain(..) {
                own.entry(chord).or_insert(action);
            }
            *table = own;
        }
        Ok(self)
    }

    /// What `chord` asks for: the first of `contexts`, which come innermost first, that knows it decides.
    pub fn action(&self, contexts: &[Context], chord: Chord) -> Option<Action> {
        contexts.iter().find_map(|context| self.tables.get(context)?.get(&chord)).copied().flatten()
    }

    /// The keys of an action in one context, the one to show first.
    pub fn chords(&self, context: Context, action: Action) -> Vec<Chord> {
        self.bindings(context).filter(|(_, bound)| *bound == action).map(|(chord, _)| chord).collect()
    }

    /// The key to show for an action where `contexts` are asked, innermost first: one that does it there.
    pub fn chord(&self, contexts: &[Context], action: Action) -> Option<Chord> {
        let mut chords = contexts.iter().flat_map(|context| self.chords(*context, action));
        chords.find(|chord| self.action(contexts, *chord) == Some(action))
    }

    /// All keys of one context in the order of the file, a user's own first.
    pub fn bindings(&self, context: Context) -> impl Iterator<Item = (Chord, Action)> {
        let table = self.tables.get(&context).into_iter().flatten();
        table.filter_map(|(chord, action)| Some((*chord, (*action)?)))
    }
}

fn context(name: &str) -> Result<Context, String> {
    let found: Result<_, Unknown> = Context::deserialize(name.into_deserializer());
    found.map_err(|_| {
        let names: Vec<String> = Context::ALL.iter().map(kebab).collect();
        let remedy = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected one of {}", names.join(", ")),
        };
        format!("unknown context `{}`; {remedy}", printable(name))
    })
}

/// The action that stands at `key`, or None where the key is unbound.
fn action(key: &str, value: &DeValue<'_>) -> Result<Option<Action>, String> {
    let key = printable(key);
    let Some(name) = value.as_str() else {
        return Err(format!("`{key}` must be the name of an action in quotes, found {}", value.type_str()));
    };
    if name == NONE {
        return Ok(None);
    }
    let found: Result<_, Unknown> = Action::deserialize(name.into_deserializer());
    found.map(Some).map_err(|_| {
        let names: Vec<String> = Action::ALL.iter().map(kebab).collect();
        let remedy = match nearest(name, names.iter().map(String::as_str).chain([NONE])) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "expected an action as `run-split`, or `none`".to_owned(),
        };
        format!("unknown action `{}` for `{key}`; {remedy}", printable(name))
    })
}

/// A variant's name as keymaps write it: `RunSplit` is `run-split`.
fn kebab(variant: &impl fmt::Debug) -> String {
    let mut name = String::new();
    for c in format!("{variant:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(c.to_lowercase());
    }
    name
}

/// `name:line:column` of a byte of `text`, both from 1, the column in characters.
pub(crate) fn place(name: &str, text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!("{}:{line}:{column}", printable(name))
}

#[cfg(test)]
mod tests;
