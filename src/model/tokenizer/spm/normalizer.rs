//! How sentencepiece makes texts uniform before it looks for pieces.
//!
//! A model brings a map from characters and sequences of them to others (NFKC with a few changes, mostly), as a double-array
//! trie with the replacements behind it. The longest match counts. After
//! <https://github.com/google/sentencepiece/blob/master/src/normalizer.cc>, and like it but for broken maps, whose broken
//! entries are left out.

use super::BLANK;
use super::proto::NormalizerSpec;

/// As many matches as sentencepiece looks at in one place.
const MATCHES: usize = 32;
/// The longest replacement in bytes; NFKC's longest has 33.
const LONGEST: usize = 256;

/// Makes texts uniform, as a SentencePiece model asks for.
#[derive(Clone, Debug)]
pub struct Normalizer {
    /// The units of the trie; empty where the model changes no characters.
    trie: Vec<u32>,
    /// What characters become, each ended by a NUL.
    replacements: Vec<u8>,
    /// Pieces that stay as they are, the longest first.
    kept: Vec<String>,
    dummy_prefix: bool,
    remove_extra: bool,
    blank: char,
    suffix: bool,
    lowercase: bool,
}

impl Normalizer {
    /// A normaliser after a model's specification. `suffix` says that the added blank stands after the text, `kept` are the
    /// user-defined pieces.
    pub fn new(spec: &NormalizerSpec, suffix: bool, lowercase: bool, mut kept: Vec<String>) -> Result<Self, String> {
        let (mut trie, mut replacements) = (Vec::new(), Vec::new());
        if !spec.charsmap.is_empty() {
            let broken = || "its `precompiled_charsmap` is broken".to_owned();
            let (length, rest) = spec.charsmap.split_first_chunk::<4>().ok_or_else(broken)?;
            let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| broken())?;
            let (units, rest) = rest.split_at_checked(length).ok_or_else(broken)?;
            let (units, odd) = units.as_chunks::<4>();
            if units.is_empty() || !odd.is_empty() {
                return Err(broken());
            }
            trie = units.iter().map(|unit| u32::from_le_bytes(*unit)).collect();
            replacements = rest.to_vec();
        }
        kept.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
        let (dummy_prefix, remove_extra) = (spec.add_dummy_prefix, spec.remove_extra_whitespaces);
        let blank = if spec.escape_whitespaces { BLANK } else { ' ' };
        Ok(Self { trie, replacements, kept, dummy_prefix, remove_extra, blank, suffix, lowercase })
    }

    /// The text as the model's pieces are looked for in it.
    pub fn normalize(&self, text: &str) -> String {
        // Letter by letter, as the tokenizers crate does it.
        let lowered = self.lowercase.then(|| text.chars().flat_map(char::to_lowercase).collect::<String>());
        let mut rest = lowered.as_deref().unwrap_or(text);
        let mut out = String::with_capacity(rest.len().saturating_add(BLANK.len_utf8()));
        if self.remove_extra {
            while let Some((" ", after)) = self.next(rest) {
                rest = after;
            }
        }
        if rest.is_empty() {
            return out;
        }
        if self.dummy_prefix && !self.suffix {
            out.push(self.blank);
        }
        let mut after_blank = self.remove_extra;
        while let Some((part, after)) = self.next(rest) {
            let part = if after_blank { part.trim_start_matches(' ') } else { part };
            out.extend(part.chars().map(|letter| if letter == ' ' { self.blank } else { letter }));
            if !part.is_empty() {
                after_blank = part.ends_with(' ');
            }
            after_blank &= self.remove_extra;
            rest = after;
        }
        if self.remove_extra {
            out.truncate(out.trim_end_matches(self.blank).len());
        }
        if self.dummy_prefix && self.suffix {
            out.push(self.blank);
        }
        out
    }

    /// What the beginning of a text becomes, and the rest of the text; `None` at its end.
    fn next<'a>(&'a self, text: &'a str) -> Option<(&'a str, &'a str)> {
        if let Some(piece) = self.kept.iter().find(|piece| text.starts_with(piece.as_str())) {
            return text.split_at_checked(piece.len());
        }
        if let Some((length, replacement)) = self.longest_match(text)
            && let Some((_, rest)) = text.split_at_checked(length)
        {
            return Some((replacement, rest));
        }
        text.split_at_checked(text.chars().next()?.len_utf8())
    }

    /// The length in bytes of the longest sequence at the beginning of a text that becomes another one, and what it becomes.
    fn longest_match(&self, text: &str) -> Option<(usize, &str)> {
        let unit = |at: u32| self.trie.get(usize::try_from(at).ok()?).copied();
        let mut at = offset(*self.trie.first()?);
        let (mut longest, mut found) = (None, 0);
        for (index, byte) in text.bytes().enumerate() {
            at ^= u32::from(byte);
            let Some(here) = unit(at).filter(|unit| unit & LABEL == u32::from(byte)) else { break };
            at ^= offset(here);
            if here & HAS_LEAF != 0 {
                let Some(leaf) = unit(at) else { break };
                longest = Some((index.saturating_add(1), leaf & VALUE));
                found += 1;
                if found == MATCHES {
                    break;
                }
            }
        }
        let (length, start) = longest?;
        let replacement = self.replacements.get(usize::try_from(start).ok()?..)?;
        let end = replacement.iter().take(LONGEST).position(|byte| *byte == 0)?;
        Some((length, str::from_utf8(replacement.get(..end)?).ok()?))
    }
}

/// Parts of a unit of Darts' double arrays.
const HAS_LEAF: u32 = 1 << 8;
const VALUE: u32 = (1 << 31) - 1;
const LABEL: u32 = (1 << 31) | 0xff;

fn offset(unit: u32) -> u32 {
    (unit >> 10) << ((unit & (1 << 9)) >> 6)
}
