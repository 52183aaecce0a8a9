//! From generated text to a label.

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
    /// What an answer that matches no label counts as.
    pub unknown: String,
}

impl Default for AnswerSpec {
    fn default() -> Self {
        Self { rule: AnswerRule::Contains, pattern: None, unknown: "unknown".to_owned() }
    }
}

/// Finds labels in answers.
#[derive(Clone, Debug)]
pub struct Answers {
    rule: AnswerRule,
    /// Lower-cased, in session order.
    labels: Vec<String>,
    pattern: Option<Regex>,
}

impl Answers {
    /// Makes `spec` ready for labels in session order.
    ///
    /// # Errors
    /// No pattern, or one that does not compile, for `rule = "regex"`; an empty label; an `unknown` that is a label.
    pub fn new(spec: &AnswerSpec, labels: &[String]) -> Result<Self, PromptError> {
        let wrong = |key, message: &str| Err(PromptError::Answer { key, message: one_line(message) });
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
        let labels = labels.iter().map(|label| label.to_lowercase()).collect();
        Ok(Self { rule: spec.rule, labels, pattern })
    }

    /// The index of the label that `answer` gives, if any.
    pub fn label(&self, answer: &str) -> Option<usize> {
        match self.rule {
            AnswerRule::Contains => {
                let answer = answer.to_lowercase();
                self.labels.iter().position(|label| answer.contains(label.as_str()))
            }
            AnswerRule::Prefix => {
                let answer = answer.trim_start().to_lowercase();
                let matching = self.labels.iter().enumerate().filter(|(_, label)| answer.starts_with(label.as_str()));
                // The last of equals is taken, so look from the end.
                matching.rev().max_by_key(|(_, label)| label.len()).map(|(index, _)| index)
            }
            AnswerRule::Exact => self.equal(answer),
            AnswerRule::Regex => {
                let captures = self.pattern.as_ref()?.captures(answer)?;
                self.equal(captures.get(1).or_else(|| captures.get(0))?.as_str())
            }
        }
    }

    fn equal(&self, answer: &str) -> Option<usize> {
        let answer = answer.trim().to_lowercase();
        self.labels.iter().position(|label| label.trim() == answer)
    }
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
