//! From generated text to a label.

use indexmap::IndexMap;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::error::{PromptError, one_line};

/// Bytes that a compiled pattern may take.
const MAX_PATTERN: usize = 1 << 20;

/// How a label is found in a generated answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerRule {
    /// The first label, in session order, that the lower-cased answer contains (the notebook's rule).
    #[default]
    Contains,
    /// The label whose whole words begin first in the answer, in any case; the longest if several begin there.
    Earliest,
    /// The label that the answer, leading blanks aside, begins with, in any case; the longest if several do.
    Prefix,
    /// The label that the answer, surrounding blanks aside, equals in any case.
    Exact,
    /// What the session's pattern first matches, or its first capture group where there is one, which must be a label
    /// in any case.
    Regex,
}

/// The `[answer]` section of a session file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerSpec {
    /// The rule.
    pub rule: AnswerRule,
    /// The regular expression, for `rule = "regex"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Label to other words for it, which count as the label wherever a rule looks for labels.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub aliases: IndexMap<String, Vec<String>>,
    /// What an answer that matches no label counts as.
    pub unknown: String,
}

impl Default for AnswerSpec {
    fn default() -> Self {
        Self { rule: AnswerRule::Contains, pattern: None, aliases: IndexMap::new(), unknown: "unknown".to_owned() }
    }
}

/// Finds labels in answers.
#[derive(Clone, Debug)]
pub struct Answers {
    rule: AnswerRule,
    /// Each label's lower-cased names, its own first, in session order.
    labels: Vec<Vec<String>>,
    pattern: Option<Regex>,
}

/// What was found in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The index of the label.
    pub label: usize,
    /// Whether it was found only inside another word, as "other" in "another".
    pub inside_word: bool,
}

impl Answers {
    /// Makes `spec` ready for labels in session order.
    ///
    /// # Errors
    /// No pattern, or one that does not compile, for `rule = "regex"`; an empty label or alias; an alias of no label or of
    /// two; an `unknown` that is a label.
    pub fn new(spec: &AnswerSpec, labels: &[String]) -> Result<Self, PromptError> {
        if labels.iter().any(|label| label.trim().is_empty()) {
            return wrong("data.labels", "a label is empty, so any answer would match it; give it a word");
        }
        if labels.contains(&spec.unknown) {
            return wrong("answer.unknown", &format!("`{}` is a label; take another word", spec.unknown));
        }
        let pattern = match (spec.rule, spec.pattern.as_deref()) {
            (AnswerRule::Regex, None) => {
                return wrong("answer.pattern", "missing; rule = \"regex\" needs a regular expression");
            }
            (AnswerRule::Regex, Some(pattern)) => match RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build() {
                Ok(regex) => Some(regex),
                Err(error) => return wrong("answer.pattern", &reason(&error)),
            },
            _ => None,
        };
        Ok(Self { rule: spec.rule, labels: names(spec, labels)?, pattern })
    }

    /// The index of the label that `answer` gives, if any.
    pub fn label(&self, answer: &str) -> Option<usize> {
        self.read(answer).map(|reading| reading.label)
    }

    /// The label that `answer` gives, if any, and how it was found.
    pub fn read(&self, answer: &str) -> Option<Reading> {
        let whole = |label| Reading { label, inside_word: false };
        match self.rule {
            AnswerRule::Contains => {
                let answer = answer.to_lowercase();
                let found = |names: &Vec<String>| names.iter().any(|name| answer.contains(name.as_str()));
                let label = self.labels.iter().position(found)?;
                let names = self.labels.get(label)?;
                let inside_word = !names.iter().any(|name| whole_word(&answer, name).is_some());
                Some(Reading { label, inside_word })
            }
            AnswerRule::Earliest => {
                let answer = answer.to_lowercase();
                let places =
                    self.names().filter_map(|(label, name)| Some((whole_word(&answer, name)?, name.len(), label)));
                // Of equals the first label is taken.
                places
                    .min_by_key(|(at, length, label)| (*at, usize::MAX - length, *label))
                    .map(|(.., label)| whole(label))
            }
            AnswerRule::Prefix => {
                let answer = answer.trim_start().to_lowercase();
                let matching = self.names().filter(|(_, name)| answer.starts_with(*name));
                matching.min_by_key(|(label, name)| (usize::MAX - name.len(), *label)).map(|(label, _)| whole(label))
            }
            AnswerRule::Exact => self.equal(answer).map(whole),
            AnswerRule::Regex => {
                let captures = self.pattern.as_ref()?.captures(answer)?;
                self.equal(captures.get(1).or_else(|| captures.get(0))?.as_str()).map(whole)
            }
        }
    }

    /// Pairs of labels of which the first stands inside a word of the second ("man" in "woman"): under `contains` an answer
    /// with the second counts as the first where that is listed before it.
    pub fn inside_others(&self) -> Vec<(usize, usize)> {
        if self.rule != AnswerRule::Contains {
            return Vec::new();
        }
        let own = |label: usize| self.labels.get(label).and_then(|names| names.first()).map_or("", String::as_str);
        let pairs = (0..self.labels.len()).flat_map(|later| (0..later).map(move |earlier| (earlier, later)));
        pairs.filter(|(earlier, later)| own(*later).contains(own(*earlier))).collect()
    }

    /// All names with their labels.
    fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        let labels = self.labels.iter().enumerate();
        labels.flat_map(|(label, names)| names.iter().map(move |name| (label, name.as_str())))
    }

    fn equal(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim().to_lowercase();
        self.names().find(|(_, name)| name.trim() == answer).map(|(label, _)| label)
    }
}

fn wrong<T>(key: &'static str, message: &str) -> Result<T, PromptError> {
    Err(PromptError::Answer { key, message: one_line(message) })
}

/// Each label's names, lower-cased.
fn names(spec: &AnswerSpec, labels: &[String]) -> Result<Vec<Vec<String>>, PromptError> {
    const KEY: &str = "answer.aliases";
    let mut names: Vec<Vec<String>> = labels.iter().map(|label| vec![label.to_lowercase()]).collect();
    for (label, aliases) in &spec.aliases {
        // A label that no row has, where those alone are labels, keeps its aliases in the session for another sample.
        let Some(place) = labels.iter().position(|known| known == label) else { continue };
        for alias in aliases {
            let alias = alias.to_lowercase();
            if alias.trim().is_empty() {
                return wrong(KEY, &format!("an alias of `{label}` is empty, so any answer would match it"));
            }
            let other = names.iter().position(|names| names.contains(&alias)).filter(|other| *other != place);
            if let Some(other) = other.and_then(|other| labels.get(other)) {
                return wrong(KEY, &format!("`{alias}` of `{label}` is a name of `{other}` already"));
            }
            names[place].push(alias);
        }
    }
    Ok(names)
}

/// Where `name` first stands in `text` with no letter or digit right before or behind it.
fn whole_word(text: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric();
    let open = |edge: Option<char>, next: Option<char>| !(edge.is_some_and(is_word) && next.is_some_and(is_word));
    text.match_indices(name).map(|(at, _)| at).find(|at| {
        let (before, rest) = text.split_at_checked(*at).unwrap_or_default();
        let after = rest.get(name.len()..).unwrap_or_default();
        open(name.chars().next(), before.chars().next_back()) && open(name.chars().next_back(), after.chars().next())
    })
}

/// The one line of a pattern's error that says what is wrong.
fn reason(error: &regex::Error) -> String {
    let message = error.to_string();
    let last = message.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(rule: AnswerRule, pattern: Option<&str>, labels: &[&str]) -> Result<Answers, PromptError> {
        let spec = AnswerSpec { rule, pattern: pattern.map(str::to_owned), ..AnswerSpec::default() };
        Answers::new(&spec, &labels.iter().map(|label| (*label).to_owned()).collect::<Vec<_>>())
    }

    fn check(rule: AnswerRule, pattern: Option<&str>, labels: &[&str], cases: &[(&str, Option<usize>)]) {
        let answers = answers(rule, pattern, labels).expect("a good rule");
        for (answer, label) in cases {
            assert_eq!(answers.label(answer), *label, "{rule:?} {answer:?}");
        }
    }

    #[test]
    fn contains_takes_the_first_label_in_session_order() {
        let cases = [
            (" oppose\nText: <", Some(1)),
            ("I OPPOSE it, no support", Some(0)),
            ("support or oppose", Some(0)),
            ("opposed", Some(1)),
            ("neither", None),
            ("", None),
        ];
        check(AnswerRule::Contains, None, &["support", "oppose"], &cases);
        check(AnswerRule::Contains, None, &["CDU/CSU", "SPD"], &[("the cdu/csu party", Some(0)), ("SpD", Some(1))]);
    }

    #[test]
    fn contains_tells_when_a_label_stands_inside_another_word() {
        let labels = ["Other", "SPD"];
        let rule = answers(AnswerRule::Contains, None, &labels).unwrap();
        let inside = |answer: &str| rule.read(answer).map(|reading| (reading.label, reading.inside_word));
        assert_eq!(inside("another party"), Some((0, true)));
        assert_eq!(inside("another, or some other"), Some((0, false)));
        assert_eq!(inside("the SPD."), Some((1, false)));
        assert_eq!(answers(AnswerRule::Contains, None, &["man", "woman"]).unwrap().inside_others(), [(0, 1)]);
        assert!(answers(AnswerRule::Contains, None, &["woman", "man"]).unwrap().inside_others().is_empty());
        assert!(answers(AnswerRule::Earliest, None, &["man", "woman"]).unwrap().inside_others().is_empty());
    }

    #[test]
    fn earliest_takes_whole_words_by_place_then_length() {
        let cases = [
            ("another party: the SPD, not the CDU/CSU", Some(1)),
            ("CDU/CSU", Some(0)),
            ("(cdu/csu) or SPD", Some(0)),
            ("The Left wing of The Greens", Some(4)),
            ("the leftovers", None),
            ("Otherwise", None),
            ("none but Other", Some(2)),
            ("", None),
        ];
        check(AnswerRule::Earliest, None, &["CDU/CSU", "SPD", "Other", "The Left", "The Left wing"], &cases);
    }

    #[test]
    fn aliases_count_as_their_label() {
        let labels = ["The Greens".to_owned(), "AFD".to_owned()];
        let spec = |rule: &str, aliases: &str| -> AnswerSpec {
            toml::from_str(&format!("rule = \"{rule}\"\n[aliases]\n{aliases}")).unwrap()
        };
        let aliases = "\"The Greens\" = [\"Grüne\", \"Green Party\"]\nFDP = [\"Liberals\"]";
        for (rule, answer, label) in [
            ("contains", "die GRÜNEN", Some(0)),
            ("earliest", "die Grünen", None),
            ("earliest", "AfD before the Green Party", Some(1)),
            ("earliest", "Green Party before the AfD", Some(0)),
            ("prefix", " green party!", Some(0)),
            ("exact", "grüne ", Some(0)),
            ("contains", "the Liberals", None),
        ] {
            assert_eq!(Answers::new(&spec(rule, aliases), &labels).unwrap().label(answer), label, "{rule} {answer}");
        }
        for (aliases, expected) in [
            ("AFD = [\" \"]", "answer.aliases: an alias of `AFD` is empty, so any answer would match it"),
            ("AFD = [\"the greens\"]", "answer.aliases: `the greens` of `AFD` is a name of `The Greens` already"),
        ] {
            let error = Answers::new(&spec("contains", aliases), &labels).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn prefix_takes_the_longest_label_that_begins_the_answer() {
        let cases =
            [("  Support, I think", Some(0)), ("No", Some(1)), ("not sure at all", Some(2)), ("I support", None)];
        check(AnswerRule::Prefix, None, &["support", "no", "not sure"], &cases);
    }

    #[test]
    fn exact_ignores_case_and_surrounding_blanks_only() {
        let cases = [(" Support\n", Some(0)), ("support.", None), ("ÄRGER", Some(1))];
        check(AnswerRule::Exact, None, &["support", "ärger"], &cases);
    }

    #[test]
    fn regex_takes_the_first_group_or_the_whole_match() {
        let labels = ["support", "oppose"];
        let group = [("Answer: Oppose.", Some(1)), ("Answer: maybe", None), ("oppose", None)];
        check(AnswerRule::Regex, Some(r"Answer:\s*(\w+)"), &labels, &group);
        check(AnswerRule::Regex, Some(r"\w+$"), &labels, &[("I say SUPPORT", Some(0)), ("support!", None)]);
        check(AnswerRule::Regex, Some(r"x(\w+)?|oppose"), &labels, &[("oppose", Some(1))]);
    }

    #[test]
    fn bad_rules_name_their_key() {
        let message = |result: Result<Answers, PromptError>| result.expect_err("a bad rule").to_string();
        let labels = ["support", "oppose"];
        assert_eq!(
            message(answers(AnswerRule::Regex, None, &labels)),
            "answer.pattern: missing; rule = \"regex\" needs a regular expression"
        );
        assert_eq!(message(answers(AnswerRule::Regex, Some("(a"), &labels)), "answer.pattern: unclosed group");
        let huge = message(answers(AnswerRule::Regex, Some(r"(\w{1000}){1000}"), &labels));
        assert!(huge.starts_with("answer.pattern: ") && !huge.contains('\n'), "{huge}");
        assert!(message(answers(AnswerRule::Contains, None, &["a", " "])).starts_with("data.labels: a label is empty"));
        assert!(message(answers(AnswerRule::Exact, None, &["a", "unknown"])).starts_with("answer.unknown: `unknown`"));
    }
}
