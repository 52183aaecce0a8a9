//! Texts that are nearly the same: MinHash over shingles of five characters, candidates by locality-sensitive hashing, each
//! one checked by the Jaccard similarity of the shingles themselves.
//!
//! Addresses, handles, case and white space do not count. Of 128 hashes 32 bands of four are made: two texts with a
//! similarity of 0.8 share a band with a probability of over 0.99999. Texts that are the same letter for letter are told
//! first and only one of them is hashed. In a band that very many texts share, each is held against a bounded number of the
//! others that it does not stand with yet, so there a pair can be missed. Groups are chains: each text is near to one of the
//! others at least, and two of a long chain may be less alike than [`NEAR`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

/// Similarity from which on texts are nearly the same.
pub const NEAR: f64 = 0.8;

/// Characters of a shingle.
const SHINGLE: usize = 5;
/// Hashes a text.
const HASHES: usize = 128;
/// Hashes of a band.
const BAND: usize = 4;
/// Texts of a band that each further one is held against.
const MOST_COMPARED: usize = 32;
/// Texts of a band that are looked at for that; those that stand with it already are passed over.
const MOST_SEEN: usize = 256;

/// Rows with nearly the same text.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Their numbers, rising.
    pub rows: Vec<usize>,
    /// The lowest similarity by which one of them was joined to the others.
    pub similarity: f64,
}

/// What counts of a text.
pub fn normalised(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| {
        let word = word.trim_start_matches(['.', '"', '\'', '(', '“']);
        !(word.starts_with('@') || is_address(word))
    });
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether a text is nothing but addresses, or nothing at all.
pub fn is_empty(text: &str) -> bool {
    text.split_whitespace().all(is_address)
}

fn is_address(word: &str) -> bool {
    let word = word.to_lowercase();
    ["http://", "https://", "www.", "pic.twitter.com/"].iter().any(|start| word.starts_with(start))
}

/// Groups of two rows or more whose texts are nearly the same; texts in which nothing counts are in none. `go_on` is asked
/// all along; none where it says no.
pub fn groups(texts: &[(usize, &str)], go_on: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Group>> {
    // The rows of each text.
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, text) in texts {
        if !go_on() {
            return None;
        }
        let text = normalised(text);
        if !text.is_empty() {
            same.entry(text).or_default().push(*row);
        }
    }
    let distinct: Vec<(&String, &Vec<usize>)> = same.iter().collect();
    let hashed: Option<Vec<(Vec<u64>, Vec<u64>)>> = distinct
        .par_iter()
        .map(|(text, _)| {
            let shingles = shingles(text);
            go_on().then(|| (signature(&shingles), shingles))
        })
        .collect();
    let hashed = hashed?;
    let mut joined: Vec<usize> = (0..distinct.len()).collect();
    let mut lowest: HashMap<usize, f64> = HashMap::new();
    for band in 0..HASHES / BAND {
        let mut buckets: HashMap<&[u64], Vec<usize>> = HashMap::new();
        for (text, (signature, shingles)) in hashed.iter().enumerate() {
            if !go_on() {
                return None;
            }
            let Some(key) = signature.get(band * BAND..(band + 1) * BAND) else { continue };
            let bucket = buckets.entry(key).or_default();
            let mut compared = 0;
            for other in bucket.iter().take(MOST_SEEN) {
                if root(&mut joined, *other) == root(&mut joined, text) {
                    continue;
                }
                compared += 1;
                if compared > MOST_COMPARED {
                    break;
                }
                let similarity = hashed.get(*other).map_or(0.0, |(_, other)| jaccard(shingles, other));
                if similarity >= NEAR {
                    let (a, b) = (root(&mut joined, *other), root(&mut joined, text));
                    let low = [a, b].iter().filter_map(|of| lowest.get(of)).copied().fold(similarity, f64::min);
                    if let Some(parent) = joined.get_mut(a.max(b)) {
                        *parent = a.min(b);
                    }
                    lowest.insert(a.min(b), low);
                }
            }
            bucket.push(text);
        }
    }
    let mut gathered: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for (text, (_, rows)) in distinct.iter().enumerate() {
        gathered.entry(root(&mut joined, text)).or_default().extend(rows.iter());
    }
    let mut found: Vec<Group> = gathered
        .into_iter()
        .filter(|(_, rows)| rows.len() > 1)
        .map(|(root, rows)| Group {
            rows: rows.into_iter().collect(),
            similarity: lowest.get(&root).copied().unwrap_or(1.0),
        })
        .collect();
    found.sort_by(|a, b| a.rows.first().cmp(&b.rows.first()));
    Some(found)
}

/// Who stands for the texts that one is joined to.
fn root(joined: &mut [usize], text: usize) -> usize {
    let mut at = text;
    while let Some(parent) = joined.get(at).copied().filter(|parent| *parent != at) {
        // Every other link is cut short, so that chains stay short.
        let above = joined.get(parent).copied().unwrap_or(parent);
        if let Some(link) = joined.get_mut(at) {
            *link = above;
        }
        at = above;
    }
    at
}

/// Hashes of a text's shingles, rising, each once. A text shorter than a shingle is one.
fn shingles(text: &str) -> Vec<u64> {
    let chars: Vec<char> = text.chars().collect();
    // The standard library's hasher may change with the compiler, and with it which pairs are found.
    let hash = |window: &[char]| window.iter().fold(0, |hash, letter| mixed(hash ^ u64::from(*letter)));
    let mut found: Vec<u64> =
        if chars.len() <= SHINGLE { vec![hash(&chars)] } else { chars.windows(SHINGLE).map(hash).collect() };
    found.sort_unstable();
    found.dedup();
    found
}

/// The lowest of each of 128 hashes over the shingles.
fn signature(shingles: &[u64]) -> Vec<u64> {
    (0..HASHES as u64)
        .map(|number| {
            let (factor, plus) = (mixed(2 * number) | 1, mixed(2 * number + 1));
            shingles
                .iter()
                .map(|shingle| mixed(shingle.wrapping_mul(factor).wrapping_add(plus)))
                .min()
                .unwrap_or_default()
        })
        .collect()
}

/// The finisher of SplitMix64: every bit of the input moves about half of the output's.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The share of shingles that both have, of those that either has.
fn jaccard(a: &[u64], b: &[u64]) -> f64 {
    let (mut a, mut b) = (a, b);
    let (mut both, all) = (0_usize, a.len() + b.len());
    while let (Some(first), Some(second)) = (a.first(), b.first()) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => a = a.get(1..).unwrap_or_default(),
            std::cmp::Ordering::Greater => b = b.get(1..).unwrap_or_default(),
            std::cmp::Ordering::Equal => {
                both += 1;
                (a, b) = (a.get(1..).unwrap_or_default(), b.get(1..).unwrap_or_default());
            }
        }
    }
    both as f64 / (all - both).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 24] = [
        "harbour", "ferry", "lantern", "quay", "march", "town", "night", "horn", "bell", "water", "old", "new",
        "crowd", "sing", "proud", "waste", "shame", "street", "bridge", "tide", "boats", "gulls", "evening", "morning",
    ];

    /// Texts of a few words, and of each third one a copy with one word more.
    fn texts() -> Vec<String> {
        let mut state = 1_u64;
        let mut next = |below: usize| {
            state = mixed(state);
            (state % below as u64) as usize
        };
        let mut texts: Vec<String> = (0..300)
            .map(|_| (0..12 + next(8)).map(|_| WORDS[next(WORDS.len())]).collect::<Vec<_>>().join(" "))
            .collect();
        for copy in (0..300).step_by(3) {
            texts.push(format!(
                "RT @somebody {} {} https://t.co/x",
                texts[copy].to_uppercase(),
                WORDS[next(WORDS.len())]
            ));
        }
        texts
    }

    #[test]
    fn all_pairs_over_the_threshold_are_found_and_no_other() {
        let texts = texts();
        let numbered: Vec<(usize, &str)> = texts.iter().map(String::as_str).enumerate().collect();
        let found = groups(&numbered, &|| true).unwrap();
        let together =
            |a: usize, b: usize| found.iter().any(|group| group.rows.contains(&a) && group.rows.contains(&b));
        let hashed: Vec<Vec<u64>> = texts.iter().map(|text| shingles(&normalised(text))).collect();
        let mut near = 0;
        for a in 0..texts.len() {
            for b in a + 1..texts.len() {
                if jaccard(&hashed[a], &hashed[b]) >= NEAR {
                    assert!(together(a, b), "{} and {}", texts[a], texts[b]);
                    near += 1;
                }
            }
        }
        assert!(near >= 60, "{near}");
        assert!(found.iter().all(|group| group.rows.len() == 2 && group.similarity >= NEAR));
        assert!(groups(&numbered, &|| false).is_none());
    }

    #[test]
    fn templated_texts_that_all_share_a_band() {
        // 500 texts that begin alike and end each in its own way, too far apart to be near; five of them come twice, one
        // letter longer, last of all.
        let start = "the ferry of the old harbour leaves at noon";
        let mut state = 7_u64;
        let mut end = || {
            state = mixed(state);
            format!("{state:016x}{:016x}", mixed(state))
        };
        let mut texts: Vec<String> = (0..500).map(|_| format!("{start} {}", end())).collect();
        for copy in [0, 11, 250, 400, 499] {
            texts.push(format!("{}z", texts[copy]));
        }
        let numbered: Vec<(usize, &str)> = texts.iter().map(String::as_str).enumerate().collect();
        let found = groups(&numbered, &|| true).unwrap();
        let rows: Vec<&[usize]> = found.iter().map(|group| group.rows.as_slice()).collect();
        assert_eq!(rows, [[0, 500], [11, 501], [250, 502], [400, 503], [499, 504]]);
    }

    #[test]
    fn the_same_text_many_times_is_one_group() {
        let mut texts: Vec<(usize, &str)> = (0..20_000).map(|row| (row, "Save the ferry! https://t.co/a")).collect();
        texts.push((30_000, "@mayor save the FERRY!"));
        texts.push((30_001, "https://t.co/b"));
        texts.push((30_002, ""));
        texts.push((30_003, "no"));
        let found = groups(&texts, &|| true).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rows.len(), found[0].similarity), (20_001, 1.0));
    }

    #[test]
    fn what_counts_of_a_text() {
        assert_eq!(normalised("RT @A: see\tHTTPS://x.y  NOW www.z"), "rt see now");
        assert!(is_empty("") && is_empty(" https://t.co/a\nhttp://b ") && !is_empty("see https://t.co/a"));
        assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
        assert_eq!(jaccard(&[], &[]), 0.0);
    }
}
