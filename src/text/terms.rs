//! The terms of a text, as scikit-learn's `TfidfVectorizer(ngram_range=(1, 2))` has them.

use std::collections::HashMap;

/// How often each term is in a text: words of two characters or more, lower-cased, and pairs of neighbouring ones.
pub fn counted(text: &str) -> HashMap<String, f64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.chars().nth(1).is_some())
        .collect();
    let pairs = words.iter().zip(words.iter().skip(1)).map(|(first, second)| format!("{first} {second}"));
    let mut counts = HashMap::new();
    for term in words.iter().map(|word| (*word).to_owned()).chain(pairs) {
        *counts.entry(term).or_insert(0.0) += 1.0;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_pairs() {
        let mut terms: Vec<(String, f64)> = counted("The ferry, the FERRY! a\u{e9}t\u{e9} x").into_iter().collect();
        terms.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<&str> = terms.iter().map(|(term, _)| term.as_str()).collect();
        assert_eq!(names, ["a\u{e9}t\u{e9}", "ferry", "ferry a\u{e9}t\u{e9}", "ferry the", "the", "the ferry"]);
        assert_eq!(terms[1].1, 2.0);
        assert!(counted("").is_empty());
    }
}
