//! Finding by a few letters: palette, lists of models and sessions.
//!
//! A thin layer over nucleo-matcher, the matcher of the Helix editor. Drawing the matched letters is left to who shows
//! the list.

use std::cmp::Reverse;

use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// The items that match `query`, best first: the index of each, and the positions of its characters (`char`s, not
/// bytes) that matched, ascending. Items that match equally well stay in their order.
///
/// Blanks part the query into words that must all match, anywhere. Upper case in a word asks for upper case; accents in
/// a word ask for accents. An empty query matches everything and leaves the order alone.
pub fn rank<'a>(query: &str, items: impl IntoIterator<Item = &'a str>) -> Vec<(usize, Vec<u32>)> {
    let pattern = Pattern::new(query, CaseMatching::Smart, Normalization::Smart, AtomKind::Fuzzy);
    if pattern.atoms.is_empty() {
        return items.into_iter().enumerate().map(|(index, _)| (index, Vec::new())).collect();
    }
    let mut config = Config::DEFAULT;
    config.prefer_prefix = true;
    let mut matcher = Matcher::new(config);
    let mut chars = Vec::new();
    let mut found: Vec<(u32, usize, Vec<u32>)> = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        // Not `Utf32Str::new`: that counts graphemes.
        let haystack = if item.is_ascii() {
            Utf32Str::Ascii(item.as_bytes())
        } else {
            chars.clear();
            chars.extend(item.chars());
            Utf32Str::Unicode(&chars)
        };
        let mut positions = Vec::new();
        if let Some(score) = pattern.indices(haystack, &mut matcher, &mut positions) {
            positions.sort_unstable();
            positions.dedup();
            found.push((score, index, positions));
        }
    }
    found.sort_by_key(|(score, ..)| Reverse(*score));
    found.into_iter().map(|(_, index, positions)| (index, positions)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<'a>(query: &str, items: &[&'a str]) -> Vec<&'a str> {
        rank(query, items.iter().copied()).into_iter().map(|(index, _)| items[index]).collect()
    }

    #[test]
    fn an_empty_query_keeps_everything_in_order() {
        for query in ["", " ", "  "] {
            assert_eq!(rank(query, ["b", "a"]), [(0, vec![]), (1, vec![])]);
        }
        assert!(rank("x", []).is_empty());
    }

    #[test]
    fn best_first_and_stable() {
        let items = ["Choose another model", "Show all runs", "Rename", "Run", "Show the rows of the run"];
        assert_eq!(names("run", &items), ["Run", "Show all runs", "Show the rows of the run"]);
        assert_eq!(names("ab", &["x ab 1", "x ab 2", "x ab 3", "no"]), ["x ab 1", "x ab 2", "x ab 3"]);
        assert!(names("zzz", &items).is_empty());
    }

    #[test]
    fn words_match_in_any_order() {
        assert_eq!(names("row show", &["Show the rows", "Go to row"]), ["Show the rows"]);
        assert_eq!(rank("wo sh", ["show two"]), [(0, vec![0, 1, 6, 7])]);
        assert_eq!(rank("ow sho", ["show"]), [(0, vec![0, 1, 2, 3])]);
    }

    #[test]
    fn case_and_accents_only_where_the_query_has_them() {
        assert_eq!(names("qw", &["Qwen", "qwen"]), ["Qwen", "qwen"]);
        assert_eq!(names("Qw", &["qwen", "Qwen"]), ["Qwen"]);
        assert_eq!(names("grune", &["Die Grünen"]), ["Die Grünen"]);
        assert_eq!(names("grün", &["Grunge", "Grünen"]), ["Grünen"]);
    }

    #[test]
    fn positions_count_characters() {
        assert_eq!(rank("go", ["👩‍🔬 go"]), [(0, vec![4, 5])]);
        assert_eq!(rank("b", ["e\u{301}b"]), [(0, vec![2])]);
        assert_eq!(rank("b", ["a\r\nb"]), [(0, vec![3])]);
        let items = ["日本 model", "🏴󠁧󠁢󠁥󠁮󠁧󠁿 Modell"];
        for (index, positions) in rank("model", items) {
            let chars: Vec<char> = items[index].chars().collect();
            let matched: String = positions.iter().map(|at| chars[*at as usize]).collect();
            assert_eq!(matched.to_lowercase(), "model");
        }
    }

    #[test]
    fn nothing_that_can_be_typed_is_special() {
        for query in ["^", "!run", "$", "'", "\\", "run\\", "\\ ", "\u{1b}", "👩‍🔬", "\u{301}"] {
            rank(query, ["run", "", "日本", "a b"]);
        }
        assert_eq!(names("!run", &["run", "a!run"]), ["a!run"]);
    }
}
