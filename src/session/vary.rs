//! Other forms of a session's prompt that ought to mean the same: what a sweep runs, and what a search proposes.
//!
//! Demonstrations are shown in other orders or drawn anew, labels are listed in another order, the instruction is worded
//! otherwise, and formatting is changed (blanks, line breaks, casing). Everything is a change of the `[prompt]` section, so
//! that each variant is a session like any other.

use std::collections::HashSet;

use regex::{Captures, Regex};
use serde::{Deserialize, Serialize};

use crate::data::numpy::RandomState;
use crate::prompt::{DemoStrategy, PromptError, PromptSpec, Renderer};

use super::prepare::Prepared;
use super::sweep::SweepSpec;

/// What is varied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Nothing: the session as it is.
    Base,
    /// The same demonstrations in another order.
    DemoOrder,
    /// Other demonstrations, drawn anew.
    DemoDraw,
    /// The labels listed in another order.
    LabelOrder,
    /// The instruction in other words.
    Paraphrase,
    /// Blanks, line breaks or casing.
    Format,
}

impl Kind {
    /// All of them, in the order in which they are run.
    pub const ALL: [Self; 6] =
        [Self::Base, Self::DemoOrder, Self::DemoDraw, Self::LabelOrder, Self::Paraphrase, Self::Format];

    /// What it is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Base => "as it is",
            Self::DemoOrder => "demo order",
            Self::DemoDraw => "demo draw",
            Self::LabelOrder => "label order",
            Self::Paraphrase => "paraphrase",
            Self::Format => "format",
        }
    }
}

/// Changes of formatting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// A blank before each colon.
    Blanks,
    /// Line breaks doubled.
    Newlines,
    /// Names of fields, as `Text:`, in capitals.
    Casing,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Blanks, Self::Newlines, Self::Casing];

    fn name(self) -> &'static str {
        match self {
            Self::Blanks => "a blank before colons",
            Self::Newlines => "line breaks doubled",
            Self::Casing => "field names in capitals",
        }
    }

    /// The prompt so changed.
    pub(super) fn variation(self, prompt: &PromptSpec) -> Variation {
        Variation { kind: Kind::Format, name: self.name().to_owned(), prompt: self.apply(prompt) }
    }

    fn apply(self, prompt: &PromptSpec) -> PromptSpec {
        let changed = |text: &str| match self {
            Self::Blanks => outside_tags(text, &replacing(r"(\S):", "$1 :")),
            Self::Newlines => outside_tags(text, &|text| text.replace('\n', "\n\n")),
            Self::Casing => {
                let Ok(names) = Regex::new(r"\b(\p{Lu}\w*)(\s?:)") else { return text.to_owned() };
                outside_tags(text, &|text| {
                    let upper = |found: &Captures<'_>| format!("{}{}", found[1].to_uppercase(), &found[2]);
                    names.replace_all(text, upper).into_owned()
                })
            }
        };
        // Where no demonstration is shown, what they would look like is nothing to vary.
        if prompt.shots == 0 && prompt.pinned.is_empty() {
            return PromptSpec { template: changed(&prompt.template), ..prompt.clone() };
        }
        let separator = match self {
            Self::Newlines => prompt.separator.replace('\n', "\n\n"),
            Self::Blanks | Self::Casing => prompt.separator.clone(),
        };
        PromptSpec { template: changed(&prompt.template), demo: changed(&prompt.demo), separator, ..prompt.clone() }
    }
}

fn replacing(pattern: &str, with: &'static str) -> impl Fn(&str) -> String {
    let pattern = Regex::new(pattern);
    move |text| match &pattern {
        Ok(pattern) => pattern.replace_all(text, with).into_owned(),
        Err(_) => text.to_owned(),
    }
}

/// One form of the prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Variation {
    /// What is varied.
    pub kind: Kind,
    /// What it is called, among those of its kind.
    pub name: String,
    /// The prompt.
    pub prompt: PromptSpec,
}

/// All variations that the settings ask for, the base first; what cannot be varied is said in the second list.
///
/// # Errors
/// What choosing demonstrations can bring; an instruction that does not stand in the prompt is left to
/// [`SweepSpec::check`].
pub fn variations(prepared: &Prepared, spec: &SweepSpec) -> Result<(Vec<Variation>, Vec<String>), PromptError> {
    let base = &prepared.session.prompt;
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    let mut add = |kind: Kind, name: String, prompt: PromptSpec| found.push(Variation { kind, name, prompt });
    add(Kind::Base, String::new(), base.clone());

    let demos = demos_of(prepared, base)?.unwrap_or_default();
    if base.shots > 0 && base.demos == DemoStrategy::Similar {
        notes.push(
            "demonstrations are chosen for each row (prompt.demos = \"similar\"), so none are drawn or ordered anew"
                .to_owned(),
        );
    }
    for (place, order) in orders(demos.len(), spec.orders, spec.seed).into_iter().enumerate() {
        let pinned = order.iter().filter_map(|place| demos.get(*place)).copied().collect();
        add(Kind::DemoOrder, (place + 1).to_string(), pin(base, pinned));
    }
    if matches!(base.demos, DemoStrategy::Random | DemoStrategy::Diverse) && base.shots > 0 {
        for draw in 1..=u32::try_from(spec.draws).unwrap_or(u32::MAX) {
            let seed = base.seed.wrapping_add(draw);
            let drawn = demos_of(prepared, &PromptSpec { seed, ..base.clone() })?.unwrap_or_default();
            add(Kind::DemoDraw, format!("seed {seed}"), pin(base, drawn));
        }
    }
    let labels = prepared.data.labels();
    let other_orders = orders(labels.len(), spec.labels, spec.seed);
    let listed: Vec<_> = other_orders.iter().filter_map(|order| with_labels_in(base, labels, order)).collect();
    if listed.is_empty() && spec.labels > 0 {
        notes.push("the prompt lists the labels nowhere, so their order is not varied".to_owned());
    }
    for (order, prompt) in listed {
        add(Kind::LabelOrder, order, prompt);
    }
    let paraphrases = paraphrases(base, spec);
    if paraphrases.is_empty() {
        notes.push("sweep.paraphrases lists no other wordings of the instruction".to_owned());
    }
    found.extend(paraphrases);
    for format in &spec.formats {
        let variation = format.variation(base);
        if variation.prompt == *base {
            notes.push(format!("{} changes nothing in this prompt", format.name()));
        } else {
            found.push(variation);
        }
    }
    Ok((found, notes))
}

/// The prompt with the instruction in the words of each paraphrase.
pub(super) fn paraphrases(base: &PromptSpec, spec: &SweepSpec) -> Vec<Variation> {
    let Some(instruction) = spec.instruction_in(base) else { return Vec::new() };
    let replaced = |words: &String| {
        let system = base.system.as_ref().map(|system| system.replacen(instruction, words, 1));
        match base.template.contains(instruction) {
            true => PromptSpec { template: base.template.replacen(instruction, words, 1), ..base.clone() },
            false => PromptSpec { system, ..base.clone() },
        }
    };
    let named = |(place, words): (usize, &String)| Variation {
        kind: Kind::Paraphrase,
        name: (place + 1).to_string(),
        prompt: replaced(words),
    };
    spec.paraphrases.iter().enumerate().map(named).collect()
}

/// The demonstrations that a prompt shows, where they are the same for every row.
pub(super) fn demos_of(prepared: &Prepared, prompt: &PromptSpec) -> Result<Option<Vec<usize>>, PromptError> {
    let plain = PromptSpec { chat: false, ..prompt.clone() };
    let renderer = Renderer::new(&plain, &*prepared.data, None)?;
    Ok(renderer.demos().map(<[usize]>::to_vec))
}

/// The same prompt with these rows as demonstrations.
pub(super) fn pin(prompt: &PromptSpec, rows: Vec<usize>) -> PromptSpec {
    PromptSpec { demos: DemoStrategy::Pinned, pinned: rows, ..prompt.clone() }
}

/// At most `most` different orders of so many things, none the one there is: the reverse first, then drawn ones.
fn orders(len: usize, most: usize, seed: u32) -> Vec<Vec<usize>> {
    /// Draws without a new order after which there are taken to be no more.
    const PATIENCE: usize = 50;
    let same: Vec<usize> = (0..len).collect();
    let mut seen = HashSet::from([same.clone()]);
    let mut found = Vec::new();
    let mut random = RandomState::new(seed);
    let mut candidate: Vec<usize> = same.iter().rev().copied().collect();
    let mut tries = 0;
    while found.len() < most && tries < PATIENCE {
        if seen.insert(candidate.clone()) {
            found.push(candidate);
            tries = 0;
        }
        tries += 1;
        candidate = random.permutation(len);
    }
    found
}

/// The prompt with its lists of labels in another order, and what that is called; none where it lists them nowhere.
///
/// Lists are `{{ options }}`, and text that names each label once with nothing but commas, slashes, "or" and "and"
/// between them. Labels that stand alone are left as they are: in "answer yes if it does, no if not" another order would
/// mean something else.
fn with_labels_in(base: &PromptSpec, labels: &[String], order: &[usize]) -> Option<(String, PromptSpec)> {
    let words: Vec<&str> = order.iter().filter_map(|place| labels.get(*place)).map(String::as_str).collect();
    let listed = words.join(", ");
    let options = Regex::new(r"\{\{-?\s*options\s*-?\}\}").ok()?;
    // The words stand in a template now, where braces would mean something.
    let with_options = |text: &str| match listed.contains('{') {
        true => text.to_owned(),
        false => options.replace_all(text, regex::NoExpand(&listed)).into_owned(),
    };
    let any: Vec<String> = labels.iter().map(|label| regex::escape(label)).collect();
    let any = any.join("|");
    let between = r"\s*(?:,\s*(?:or|and)\b|,|/|\||\bor\b|\band\b)\s*";
    let list = Regex::new(&format!(r"\b(?:{any})\b(?:{between}(?:{any})\b)+")).ok()?;
    let label = Regex::new(&format!(r"\b(?:{any})\b")).ok()?;
    let reorder = |found: &Captures<'_>| {
        let text = &found[0];
        let named: Vec<&str> = label.find_iter(text).map(|label| label.as_str()).collect();
        let all: HashSet<&str> = named.iter().copied().collect();
        if all.len() != labels.len() || named.len() != labels.len() {
            return text.to_owned();
        }
        // Their places are filled in the other order, from the order in which they stand there.
        let mut next = order.iter().filter_map(|place| named.get(*place));
        label
            .replace_all(text, |_: &Captures<'_>| next.next().map(|label| (*label).to_owned()).unwrap_or_default())
            .into_owned()
    };
    let changed = |text: &str| with_options(&outside_tags(text, &|text| list.replace_all(text, reorder).into_owned()));
    let prompt =
        PromptSpec { template: changed(&base.template), system: base.system.as_deref().map(changed), ..base.clone() };
    (prompt != *base).then_some((listed, prompt))
}

/// Changes what stands outside of a template's tags.
fn outside_tags(template: &str, change: &dyn Fn(&str) -> String) -> String {
    const TAGS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];
    let (mut text, mut rest) = (String::new(), template);
    loop {
        let first = TAGS.iter().filter_map(|(open, close)| Some((rest.find(open)?, *close))).min();
        let Some((begin, close)) = first else { break };
        let (before, tag) = rest.split_at(begin);
        let end = tag.find(close).map_or(tag.len(), |at| at + close.len());
        let (tag, after) = tag.split_at(end);
        text += &change(before);
        text += tag;
        rest = after;
    }
    text + &change(rest)
}

#[cfg(test)]
mod tests;
