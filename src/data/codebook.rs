//! From the codes of a column to words.

use std::collections::HashMap;

use indexmap::IndexMap;

/// The codes of one column and what they mean.
#[derive(Default)]
pub struct Codes {
    words: IndexMap<String, String>,
    /// Place in `words` of the codes that are numbers.
    numbers: HashMap<u64, usize>,
    /// Codes that say nothing: refusals, questions that do not apply.
    missing: Vec<String>,
}

impl Codes {
    /// The codes as a session file lists them.
    pub fn new(words: &IndexMap<String, String>) -> Self {
        let mut numbers = HashMap::new();
        for (place, code) in words.keys().enumerate() {
            if let Some(number) = number(code) {
                // Of two spellings of one number the first counts, where neither is spelt as in the data.
                numbers.entry(number).or_insert(place);
            }
        }
        Self { words: words.clone(), numbers, missing: Vec::new() }
    }

    /// The same with codes that say nothing: each as the data has it, or the word of one.
    pub fn with_missing(mut self, missing: &[String]) -> Self {
        for named in missing {
            let codes = self.words.iter().filter(|(code, word)| *word == named && *code != named);
            self.missing.extend(codes.map(|(code, _)| code.clone()));
            self.missing.push(named.clone());
        }
        self
    }

    /// Whether there are codes that say nothing.
    pub fn has_missing(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Whether a code says nothing.
    pub fn is_missing(&self, code: &str) -> bool {
        self.missing.iter().any(|missing| same(missing.trim(), code.trim()))
    }

    /// Whether a word stands for codes that say nothing.
    pub fn means_missing(&self, word: &str) -> bool {
        self.words.iter().any(|(code, other)| other == word && self.is_missing(code))
            || (!self.words.values().any(|other| other == word) && self.is_missing(word))
    }

    /// The word of a code: of the code that is spelt the same, else of the one that is the same number, so that "1.0", as
    /// pandas writes a column with missing values, is code "1".
    pub fn word(&self, code: &str) -> Option<&str> {
        if let Some(word) = self.words.get(code) {
            return Some(word);
        }
        let place = self.numbers.get(&number(code)?)?;
        self.words.get_index(*place).map(|(_, word)| word.as_str())
    }

    /// The code, as the session lists it, that a cell is spelt like or is the same number as.
    pub fn code_of(&self, cell: &str) -> Option<&str> {
        let place = self.words.get_index_of(cell).or_else(|| self.numbers.get(&number(cell)?).copied())?;
        self.words.get_index(place).map(|(code, _)| code.as_str())
    }

    /// Whether a text is one of the codes or of the words.
    pub fn knows(&self, text: &str) -> bool {
        self.code_of(text).is_some() || self.words.values().any(|word| word == text)
    }

    /// The codes, in the session's order.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.words.keys().map(String::as_str)
    }

    /// The words, in the session's order; a word that several codes have comes once.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        let words = self.words.values().enumerate();
        words
            .filter(|(place, word)| self.words.values().take(*place).all(|w| w != *word))
            .map(|(_, word)| word.as_str())
    }
}

/// Whether two codes are the same, as strings or as numbers.
pub fn same(a: &str, b: &str) -> bool {
    a == b || number(a).is_some_and(|a| number(b) == Some(a))
}

/// The bits of a finite number, the same for every spelling of it.
fn number(code: &str) -> Option<u64> {
    let number: f64 = code.trim().parse().ok()?;
    // Adding zero makes -0 and 0 the same.
    number.is_finite().then(|| (number + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(pairs: &[(&str, &str)]) -> Codes {
        Codes::new(&pairs.iter().map(|(code, word)| ((*code).to_owned(), (*word).to_owned())).collect())
    }

    #[test]
    fn numbers_match_however_they_are_spelt() {
        let codes = codes(&[("1", "support"), ("0", "oppose"), ("-9", "missing")]);
        for (code, word) in [
            ("1", Some("support")),
            ("1.0", Some("support")),
            (" 1", Some("support")),
            ("-0.0", Some("oppose")),
            ("-9.00", Some("missing")),
            ("2", None),
            ("", None),
            ("nan", None),
        ] {
            assert_eq!(codes.word(code), word, "{code:?}");
        }
    }

    #[test]
    fn the_exact_spelling_comes_first() {
        let codes = codes(&[("01", "zero one"), ("1", "one"), ("inf", "endless")]);
        assert_eq!(codes.word("1"), Some("one"));
        assert_eq!(codes.word("01"), Some("zero one"));
        assert_eq!(codes.word("1.0"), Some("zero one"));
        assert_eq!(codes.word("infinity"), None);
    }

    #[test]
    fn codes_that_say_nothing_are_named_by_code_or_word() {
        let codes = codes(&[("1", "yes"), ("77", "Refusal"), ("88", "Don't know"), ("99", "Don't know")]);
        let codes = codes.with_missing(&["77".to_owned(), "Don't know".to_owned(), "666".to_owned(), String::new()]);
        for (code, missing) in
            [("77.0", true), ("88", true), ("99", true), ("666", true), ("", true), ("1", false), ("7", false)]
        {
            assert_eq!(codes.is_missing(code), missing, "{code:?}");
        }
        assert!(codes.means_missing("Refusal") && codes.means_missing("Don't know") && !codes.means_missing("yes"));
    }

    #[test]
    fn words_come_once_and_in_order() {
        let codes = codes(&[("2", "yes"), ("1", "no"), ("3", "yes")]);
        assert_eq!(codes.words().collect::<Vec<_>>(), ["yes", "no"]);
        assert_eq!(codes.codes().collect::<Vec<_>>(), ["2", "1", "3"]);
    }

    #[test]
    fn codes_are_compared_as_text_or_number() {
        assert!(same("DE", "DE") && same("1", "1.0") && same("", ""));
        assert!(!same("DE", "de") && !same("1", "") && !same("nan", "NaN"));
    }
}
