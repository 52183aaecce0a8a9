//! Reading a session's TOML: overrides laid over the file, and errors that name their place.
//!
//! The file and each `--set key=value` become one tree whose nodes remember where they came from. Whatever serde then
//! finds wrong is reported at that place, whether it stood in the file or on the command line. What a value must be
//! beyond its type is left to [`super::spec`].

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::spec::{Session, SessionError};

/// One `--set key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    keys: Vec<String>,
    value: String,
    text: String,
}

impl Override {
    /// Reads `a.b.c=value`; the key is written as TOML writes dotted keys.
    pub fn parse(text: &str) -> Result<Self, SessionError> {
        let invalid = |message: &str| SessionError::new(format!("--set {text}"), message);
        let (key, value) = text.split_once('=').ok_or_else(|| invalid("expected KEY=VALUE, as data.seed=7"))?;
        let line = format!("{}=0", key.trim());
        let table = DeTable::parse(&line).map_err(|error| invalid(error.message()))?;
        let mut keys = Vec::new();
        let mut table = table.get_ref();
        while let Some((name, inner)) = table.iter().next() {
            keys.push(name.get_ref().clone().into_owned());
            match inner.get_ref().as_table() {
                Some(inner) => table = inner,
                None => break,
            }
        }
        Ok(Self { keys, value: value.trim().to_owned(), text: text.to_owned() })
    }

    /// The dotted key.
    pub fn key(&self) -> String {
        self.keys.join(".")
    }

    /// The value: as TOML where it is TOML, else as a string. `literal` asks for the string in any case.
    fn value(&self, literal: bool) -> DeValue<'_> {
        match DeValue::parse(&self.value) {
            Ok(value) if !literal => value.into_inner(),
            _ => DeValue::String(Cow::Borrowed(&self.value)),
        }
    }
}

/// Where things stand: the file's text, then each override as if it were a line more.
pub(super) struct Places<'s> {
    name: &'s str,
    text: &'s str,
    overrides: &'s [Override],
    tree: Spanned<DeTable<'s>>,
}

/// Reads `text`, which messages call `name`, with `overrides` laid over it.
pub(super) fn read<'s>(
    name: &'s str,
    text: &'s str,
    overrides: &'s [Override],
) -> Result<(Session, Places<'s>), SessionError> {
    let tree = DeTable::parse(text).map_err(|error| {
        let place = error.span().map_or_else(|| name.to_owned(), |span| place_in(name, text, span.start));
        SessionError::new(place, &one_line(error.message()))
    })?;
    let mut literal = vec![false; overrides.len()];
    let mut first_error: Option<SessionError> = None;
    loop {
        let mut places = Places { name, text, overrides, tree: tree.clone() };
        for (index, item) in overrides.iter().enumerate() {
            places.lay_over(index, item.value(literal.get(index).copied().unwrap_or(false)))?;
        }
        let error = match Session::deserialize(toml::de::Deserializer::from(places.tree.clone())) {
            Ok(session) => return Ok((session, places)),
            Err(error) => error,
        };
        // `--set data.filter.year=2017` means the text "2017": try what does not fit as a string, once.
        let retry = error
            .span()
            .and_then(|span| places.override_at(span.start))
            .filter(|index| error.message().starts_with("invalid type") && literal.get(*index) == Some(&false));
        let shown = places.explain(&error);
        match retry.and_then(|index| literal.get_mut(index)) {
            Some(flag) => {
                *flag = true;
                first_error.get_or_insert(shown);
            }
            None => return Err(first_error.unwrap_or(shown)),
        }
    }
}

impl<'s> Places<'s> {
    /// The range that stands for override `index` in spans: it begins behind the file and all overrides before it.
    fn range_of(&self, index: usize) -> Range<usize> {
        let start = self.text.len() + 1 + index;
        start..start
    }

    fn override_at(&self, position: usize) -> Option<usize> {
        position.checked_sub(self.text.len() + 1).filter(|index| *index < self.overrides.len())
    }

    fn lay_over(&mut self, index: usize, value: DeValue<'s>) -> Result<(), SessionError> {
        let Some(item) = self.overrides.get(index) else { return Ok(()) };
        let range = self.range_of(index);
        let Some((last, parents)) = item.keys.split_last() else { return Ok(()) };
        let mut table = self.tree.get_mut();
        for key in parents {
            let entry = table
                .entry(Spanned::new(range.clone(), Cow::Owned(key.clone())))
                .or_insert_with(|| Spanned::new(range.clone(), DeValue::Table(DeTable::new())));
            match entry.get_mut() {
                DeValue::Table(inner) => table = inner,
                other => {
                    let message = format!("`{key}` is not a table but of type {}", other.type_str());
                    return Err(SessionError::new(format!("--set {}", item.text), &message));
                }
            }
        }
        // Removed first: the key that stays must be the one that remembers the override.
        table.remove(last.as_str());
        table.insert(Spanned::new(range.clone(), Cow::Owned(last.clone())), moved(value, &range));
        Ok(())
    }

    /// Whether there is a value at a dotted path.
    pub(super) fn says(&self, path: &str) -> bool {
        let (keys, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut table = Some(self.tree.get_ref());
        for key in keys.split('.').filter(|key| !key.is_empty()) {
            table = table.and_then(|table| table.get(key)).and_then(|value| value.get_ref().as_table());
        }
        table.is_some_and(|table| table.contains_key(last))
    }

    /// An error about the value at a dotted path.
    pub(super) fn error_at(&self, path: &str, message: &str) -> SessionError {
        let mut span = self.tree.span();
        let mut table = Some(self.tree.get_ref());
        for key in path.split('.') {
            let Some((_, value)) = table.and_then(|table| table.get_key_value(key)) else { break };
            span = value.span();
            table = value.get_ref().as_table();
        }
        SessionError::new(self.place(span.start), message)
    }

    fn place(&self, position: usize) -> String {
        match self.override_at(position).and_then(|index| self.overrides.get(index)) {
            // An address may hold a password, which is why it is refused.
            Some(item) if item.text.contains("://") && item.text.contains(['@', '?', '#']) => {
                format!("--set {}", item.keys.join("."))
            }
            Some(item) => format!("--set {}", item.text),
            None => place_in(self.name, self.text, position),
        }
    }

    /// What serde says, in our words.
    fn explain(&self, error: &toml::de::Error) -> SessionError {
        let position = error.span().map_or(0, |span| span.start);
        let path = path_of(self.tree.get_ref(), &error.span().unwrap_or(0..0)).unwrap_or_default();
        let message = error.message();
        let named: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
        let text = match named.split_first() {
            Some((unknown, known)) if message.starts_with("unknown field") => {
                // The span of an override stands for all its keys: cut its path behind the one that is unknown.
                let mut keys: Vec<&str> = match self.override_at(position).and_then(|index| self.overrides.get(index)) {
                    Some(item) => item.keys.iter().map(String::as_str).collect(),
                    None => path.iter().map(String::as_str).collect(),
                };
                if let Some(at) = keys.iter().position(|key| key == unknown) {
                    keys.truncate(at + 1);
                }
                format!("unknown key `{}`{}", keys.join("."), suggestion(unknown, known))
            }
            Some((unknown, known)) if message.starts_with("unknown variant") => {
                format!("`{}` cannot be `{unknown}`{}", path.join("."), suggestion(unknown, known))
            }
            Some((missing, _)) if message.starts_with("missing field") => {
                let mut keys = path;
                keys.push((*missing).to_owned());
                format!("`{}` is missing", keys.join("."))
            }
            _ if path.is_empty() => plain(message),
            _ => format!("`{}`: {}", path.join("."), plain(message)),
        };
        SessionError::new(self.place(position), &text)
    }
}

/// The tree with every span set to `range`.
fn moved<'v>(value: DeValue<'v>, range: &Range<usize>) -> Spanned<DeValue<'v>> {
    let value = match value {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| moved(item.into_inner(), range)).collect())
        }
        DeValue::Table(table) => DeValue::Table(
            table
                .into_iter()
                .map(|(key, value)| (Spanned::new(range.clone(), key.into_inner()), moved(value.into_inner(), range)))
                .collect(),
        ),
        scalar => scalar,
    };
    Spanned::new(range.clone(), value)
}

/// The keys that lead to the key or value at `span`.
fn path_of(table: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<String>> {
    for (key, value) in table {
        let inner = match value.get_ref() {
            DeValue::Table(inner) => path_of(inner, span),
            _ => None,
        };
        let here = key.span() == *span || value.span() == *span;
        let inside = !value.get_ref().is_table() && value.span().start <= span.start && span.end <= value.span().end;
        let path = inner.or_else(|| (here || inside).then(Vec::new));
        if let Some(mut path) = path {
            path.insert(0, key.get_ref().clone().into_owned());
            return Some(path);
        }
    }
    None
}

/// `: did you mean …?` where a known name is near, else all of them.
fn suggestion(unknown: &str, known: &[&str]) -> String {
    match nearest(unknown, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; expected one of {}", known.join(", ")),
    }
}

/// The name of `known` that is most like `name`, if any is like it at all.
pub fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Rust's names for types in a reader's words.
fn plain(message: &str) -> String {
    if message.contains("untagged enum NumberOr") {
        return "expected a number or a word".to_owned();
    }
    if message.contains("untagged enum ClassWeights") {
        return "expected \"none\", \"balanced\", or a number for each label".to_owned();
    }
    one_line(message)
        .replace("expected usize", "expected a whole number, 0 or more")
        .replace("expected u32", "expected a whole number from 0 to 4294967295")
        .replace("expected u64", "expected a whole number, 0 or more")
        .replace("expected f64", "expected a number")
        .replace("expected a sequence", "expected a list in brackets")
        .replace("expected a boolean", "expected true or false")
        .replace("expected struct ", "expected a table: ")
        .replace("invalid type: ", "found ")
        .replace("invalid value: ", "found ")
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `name:line:column`, both from 1, the column in characters.
fn place_in(name: &str, text: &str, position: usize) -> String {
    let before = text.get(..position).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    format!("{name}:{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"version = 1

[data]
path = "tweets.csv"
labels = { "1" = "support", "0" = "oppose" }

[prompt]
template = "{{ text }}"
"#;

    fn parse(text: &str, overrides: &[&str]) -> Result<Session, String> {
        let overrides: Result<Vec<_>, _> = overrides.iter().map(|text| Override::parse(text)).collect();
        overrides.and_then(|overrides| Session::parse("a.toml", text, &overrides)).map_err(|error| error.to_string())
    }

    fn error(text: &str, overrides: &[&str]) -> String {
        let error = parse(text, overrides).unwrap_err();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    }

    #[test]
    fn defaults_fill_a_small_session() {
        let session = parse(GOOD, &[]).unwrap();
        assert_eq!((session.data.seed, session.prompt.shots, session.decode.max_new_tokens), (42, 0, 10));
        assert_eq!(session.data.labels.values().collect::<Vec<_>>(), ["support", "oppose"]);
        assert_eq!(session.batch_size(), None);
    }

    #[test]
    fn overrides_are_toml_or_text() {
        let session = parse(
            GOOD,
            &[
                "data.seed=7",
                "data.path=other file.csv",
                "prompt.chat=true",
                "data.splits={ train = 0.5, validation = 0.25, test = 0.25 }",
                "data.filter.year=2017",
                "data.labels.2 = neutral",
                "decode.batch_size=8",
                "decode.temperature=model",
                "title=3 = 4",
            ],
        )
        .unwrap();
        assert_eq!(session.data.seed, 7);
        assert_eq!(session.data.path, "other file.csv");
        assert!(session.prompt.chat);
        assert_eq!(session.data.splits.train, 0.5);
        assert_eq!(session.data.filter.get("year").map(String::as_str), Some("2017"));
        assert_eq!(session.data.labels.len(), 3);
        assert_eq!(session.batch_size(), Some(8));
        assert_eq!(session.generation().temperature, crate::engine::Temperature::Model);
        assert_eq!(session.title, "3 = 4");
    }

    #[test]
    fn an_override_mends_the_file() {
        let text = GOOD.replace("path = ", "pfad = ");
        assert!(parse(&text, &["data.path=x.csv"]).unwrap_err().contains("`data.pfad`"));
        let text = GOOD.replace("path = \"tweets.csv\"", "seed = -1");
        assert_eq!(parse(&text, &["data.path=x.csv", "data.seed=1"]).unwrap().data.seed, 1);
    }

    #[test]
    fn errors_name_place_and_remedy() {
        assert_eq!(
            error("version = 1\n[prompt]\ntemplate = \"x", &[]),
            "a.toml:3:14: invalid basic string, expected `\"`"
        );
        let typo = GOOD.replace("template", "tempalte");
        assert_eq!(error(&typo, &[]), "a.toml:8:1: unknown key `prompt.tempalte`; did you mean `template`?");
        let kind = GOOD.replace("[prompt]", "[prompt]\ndemos = \"randon\"");
        assert_eq!(error(&kind, &[]), "a.toml:8:9: `prompt.demos` cannot be `randon`; did you mean `random`?");
        let kind = GOOD.replace("[prompt]", "[prompt]\nshots = \"three\"");
        assert_eq!(
            error(&kind, &[]),
            "a.toml:8:9: `prompt.shots`: found string \"three\", expected a whole number, 0 or more"
        );
        let negative = GOOD.replace("[prompt]", "[prompt]\nshots = -3");
        assert!(error(&negative, &[]).starts_with("a.toml:8:9: `prompt.shots`: found integer `-3`, expected a whole"));
        assert_eq!(
            error(&GOOD.replace("version = 1", "version = 2"), &[]),
            "a.toml:1:11: `version` must be 1, found 2"
        );
        assert!(error(&GOOD.replace("version = 1", ""), &[]).ends_with("`version` is missing"));
        assert_eq!(error("version = 1\n[data]\n", &[]), "a.toml:2:1: `data.path` is missing");
        let twice = GOOD.replace("[prompt]", "[prompt]\nseed = 1\nseed = 2");
        assert_eq!(error(&twice, &[]), "a.toml:9:1: duplicate key");
        assert!(error("", &[]).starts_with("a.toml:1:1: "));
    }

    const TRAIN: &str = "[train]\nmodel = \"microsoft/deberta-v3-small\"\n";

    #[test]
    fn training_has_defaults_and_overrides() {
        assert_eq!(parse(GOOD, &[]).unwrap().train, None);
        let text = GOOD.to_owned() + TRAIN + "class_weights = { support = 1, oppose = 2.5 }\n";
        let train = parse(&text, &["train.epochs=5", "train.learning_rate=1e-4", "train.patience=2"]).unwrap();
        let train = train.train.unwrap();
        assert_eq!((train.epochs, train.batch_size, train.learning_rate), (5, 32, 1e-4));
        assert_eq!((train.patience, train.clean.len(), train.max_length), (Some(2), 0, 128));
        assert_eq!(train.unknown_label(&["support", "oppose"]), None);
        let train = parse(GOOD, &["train.model=a/b", "train.class_weights=balanced"]).unwrap().train.unwrap();
        assert_eq!(train.model, "a/b");
    }

    #[test]
    fn errors_of_training_name_place_and_remedy() {
        let with = |line: &str| error(&format!("{GOOD}{TRAIN}{line}\n"), &[]);
        assert_eq!(with("epoch = 3"), "a.toml:11:1: unknown key `train.epoch`; did you mean `epochs`?");
        assert_eq!(with("epochs = 0"), "a.toml:11:10: `train.epochs` must be between 1 and 10000");
        assert_eq!(
            with("epochs = 2.5"),
            "a.toml:11:10: `train.epochs`: found floating point `2.5`, expected a whole number, 0 or more"
        );
        assert_eq!(
            with("schedule = \"linar\""),
            "a.toml:11:12: `train.schedule` cannot be `linar`; did you mean `linear`?"
        );
        assert!(with("max_grad_norm = inf").ends_with("`train.max_grad_norm` must be 0 or more"));
        let rule = with("clean = [\"urls\", \"mention\"]");
        assert!(
            rule.starts_with(
                "a.toml:11:9: `train.clean` cannot be obeyed: no rule \"mention\" (did you mean \"mentions\"?)"
            ),
            "{rule}"
        );
        assert_eq!(
            with("class_weights = { support = 1, opose = 2 }"),
            "a.toml:11:40: `train.class_weights.opose` is a weight of no label: no row is called `opose`; did you mean `oppose`?"
        );
        assert_eq!(
            with("class_weights = \"balance\""),
            "a.toml:11:17: `train.class_weights`: expected \"none\", \"balanced\", or a number for each label"
        );
        let none = format!("{GOOD}[train]\nepochs = 3\n");
        assert!(error(&none, &[]).starts_with("a.toml:9:1: `train.model` is empty: name an encoder"));
        assert!(error(GOOD, &["train.epochs=5"]).starts_with("--set train.epochs=5: `train.model` is empty"));
        let text = GOOD.to_owned() + TRAIN;
        assert_eq!(error(&text, &["train.keep=0"]), "--set train.keep=0: `train.keep` must be at least 1");
        assert_eq!(
            error(&text, &["train.epohcs=5"]),
            "--set train.epohcs=5: unknown key `train.epohcs`; did you mean `epochs`?"
        );
    }

    #[test]
    fn errors_in_overrides_name_the_override() {
        assert_eq!(
            error(GOOD, &["prompt.shotz=5"]),
            "--set prompt.shotz=5: unknown key `prompt.shotz`; did you mean `shots`?"
        );
        assert!(error(GOOD, &["promt.shots=5"]).starts_with("--set promt.shots=5: unknown key `promt`; did you mean"));
        assert!(
            error(GOOD, &["prompt.shots=many"]).starts_with("--set prompt.shots=many: `prompt.shots`: found string")
        );
        assert!(error(GOOD, &["data.seed=-1"]).starts_with("--set data.seed=-1: `data.seed`: found integer `-1`"));
        assert!(error(GOOD, &["data.seed"]).contains("expected KEY=VALUE"));
        assert!(error(GOOD, &["=7"]).starts_with("--set =7: "));
        assert_eq!(error(GOOD, &["version.a=1"]), "--set version.a=1: `version` is not a table but of type integer");
        let huge = error(GOOD, &["decode.temperature=warm"]);
        assert_eq!(huge, "--set decode.temperature=warm: `decode.temperature` must be 0 or more, or \"model\"");
        assert!(error(GOOD, &["decode.temperature=[1]"]).contains("expected a number or a word"));
    }
}
