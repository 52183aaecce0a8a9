//! From the codes of a column to words.

use std::collections::HashMap;

use indexmap::IndexMap;

/// The codes of one column and what they mean.
pub struct Codes {
    words: IndexMap<String, String>,
    /// Place in `words` of the codes that are numbers.
    numbers: HashMap<u64, usize>,
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
        Self { words: words.clone(), numbers }
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
