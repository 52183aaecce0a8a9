//! Cleaning rules by name, applied in order to the text column.
//!
//! A rule is a regular expression and what its matches become, or a plain function. What a rule matches in Python it has to
//! match here: Python counts four control characters as whitespace that Rust's `\s` does not know.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::error::{DataError, listed, nearest};

/// A rule that can be named in `data.clean`.
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
    apply: for<'t> fn(&'t str) -> Cow<'t, str>,
}

/// Every rule there is.
pub const RULES: &[Rule] = &[
    Rule {
        name: "urls",
        about: r"removes URLs, as pandas' str.replace(r'http\S+|www.\S+', '', case=False, regex=True)",
        apply: urls,
    },
    Rule { name: "mentions", about: "removes @names", apply: mentions },
    Rule { name: "hashtags", about: "removes #hashtags", apply: hashtags },
    Rule { name: "retweets", about: "removes a leading \"RT @name: \"", apply: retweets },
    Rule { name: "entities", about: "turns &amp; &lt; &gt; &quot; &#39; back into characters", apply: entities },
    Rule {
        name: "whitespace",
        about: "makes every run of whitespace one blank and trims both ends",
        apply: whitespace,
    },
    Rule { name: "lowercase", about: "turns everything into lower case", apply: lowercase },
];

/// Rules in the order in which they are applied.
pub struct Cleaner {
    rules: Vec<&'static Rule>,
}

impl Cleaner {
    /// The rules of these names. Fails at the first that does not exist.
    pub fn new(names: &[String]) -> Result<Self, DataError> {
        let rule = |name: &String| {
            RULES.iter().find(|rule| rule.name == name).ok_or_else(|| {
                let known = || RULES.iter().map(|rule| rule.name);
                let nearest = nearest(name, known()).map(str::to_owned);
                DataError::Rule { name: name.clone(), nearest, known: listed(known()) }
            })
        };
        Ok(Self { rules: names.iter().map(rule).collect::<Result<_, _>>()? })
    }

    /// The text as the rules leave it.
    pub fn clean<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut clean = Cow::Borrowed(text);
        for rule in &self.rules {
            if let Cow::Owned(changed) = (rule.apply)(&clean) {
                clean = Cow::Owned(changed);
            }
        }
        clean
    }
}

/// Compiles one of the patterns below.
#[expect(clippy::unwrap_used, reason = "the patterns are constants, and the tests compile every one")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

fn urls(text: &str) -> Cow<'_, str> {
    // Python's `\S`. The dot after `www` stands for any character but a line feed, in Python as here.
    static URLS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)http[^\s\x1c-\x1f]+|www.[^\s\x1c-\x1f]+"));
    URLS.replace_all(text, "")
}

fn mentions(text: &str) -> Cow<'_, str> {
    // No mention starts inside a word: the second half of an e-mail address is none.
    static MENTIONS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\B@\w+"));
    MENTIONS.replace_all(text, "")
}

fn hashtags(text: &str) -> Cow<'_, str> {
    static HASHTAGS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\B#\w+"));
    HASHTAGS.replace_all(text, "")
}

fn retweets(text: &str) -> Cow<'_, str> {
    static RETWEETS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^RT @\w+: "));
    RETWEETS.replace(text, "")
}

fn entities(text: &str) -> Cow<'_, str> {
    // Those that Twitter and `html.escape` write. One pass, so that `&amp;lt;` becomes `&lt;` and no further.
    static ENTITIES: LazyLock<Regex> = LazyLock::new(|| pattern(r"&(amp|lt|gt|quot|#39|#x27);"));
    ENTITIES.replace_all(text, |found: &Captures| match &found[1] {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        _ => "'",
    })
}

fn whitespace(text: &str) -> Cow<'_, str> {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if joined == text { Cow::Borrowed(text) } else { Cow::Owned(joined) }
}

fn lowercase(text: &str) -> Cow<'_, str> {
    Cow::Owned(text.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::tests::{fixture, shared};
    use crate::data::{hashed, table::Table};

    fn clean(rules: &[&str], text: &str) -> String {
        let names: Vec<String> = rules.iter().map(|name| (*name).to_owned()).collect();
        Cleaner::new(&names).unwrap().clean(text).into_owned()
    }

    #[test]
    fn urls_are_what_pandas_takes_for_urls() {
        let pairs: Vec<[String; 2]> = serde_json::from_value(fixture("cleaning.json")["urls"].clone()).unwrap();
        assert!(pairs.len() > 30);
        for [text, cleaned] in pairs {
            assert_eq!(clean(&["urls"], &text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn all_tweets_are_cleaned_as_pandas_does() {
        let (Some(file), Some(reference)) = (shared("data/womens_march_tweets.csv"), shared("reference/cleaning.json"))
        else {
            return;
        };
        let reference: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(reference).unwrap()).unwrap();
        let table = Table::read(&file).unwrap();
        let text = table.column("text").unwrap();
        let cleaner = Cleaner::new(&["urls".to_owned()]).unwrap();
        let raw: Vec<&str> = (0..table.len()).map(|row| table.cell(row, text)).collect();
        let cleaned: Vec<Cow<str>> = raw.iter().map(|text| cleaner.clean(text)).collect();
        assert_eq!(hashed::sha256(raw.join("\0").as_bytes()), reference["sha256_raw_joined_by_NUL"]);
        assert_eq!(hashed::sha256(cleaned.join("\0").as_bytes()), reference["sha256_cleaned_joined_by_NUL"]);
        let changed = raw.iter().zip(&cleaned).filter(|(raw, cleaned)| **raw != cleaned.as_ref()).count();
        assert_eq!(changed as u64, reference["rows_changed"].as_u64().unwrap());
    }

    #[test]
    fn the_other_rules_do_what_they_say() {
        assert_eq!(clean(&["mentions"], "@a_1, mail a@b.org and @Zoë"), ", mail a@b.org and ");
        assert_eq!(clean(&["hashtags"], "#march on #Über a#b"), " on  a#b");
        assert_eq!(clean(&["retweets"], "RT @you: RT @me: no"), "RT @me: no");
        assert_eq!(clean(&["retweets"], "so RT @you: no"), "so RT @you: no");
        assert_eq!(clean(&["entities"], "&lt;a&gt; &amp;lt; &quot;&#39;&#x27; &nbsp;"), "<a> &lt; \"'' &nbsp;");
        assert_eq!(clean(&["whitespace"], " a \r\n\t b\u{a0}"), "a b");
        assert_eq!(clean(&["lowercase"], "ÄrGER"), "ärger");
        for rule in RULES {
            assert_eq!(clean(&[rule.name], ""), "", "{}", rule.name);
        }
    }

    #[test]
    fn rules_apply_in_order() {
        assert_eq!(clean(&["retweets", "urls", "whitespace", "lowercase"], "RT @me: See http://X.org  NOW"), "see now");
        assert_eq!(clean(&["mentions", "retweets"], "RT @me: hi"), "RT : hi");
        assert_eq!(clean(&[], " as it is "), " as it is ");
    }

    #[test]
    fn an_unknown_rule_is_an_error_with_the_nearest() {
        let error = Cleaner::new(&["urls".to_owned(), "url".to_owned()]).err().unwrap().to_string();
        assert!(
            error.starts_with("data.clean: no rule \"url\" (did you mean \"urls\"?); there are \"urls\", "),
            "{error}"
        );
    }
}
