//! Text from tokens as they come.

use super::Tokenizer;

/// Tokens in, whole characters out. The pieces put together are what [`Tokenizer::decode`] makes of all tokens at once.
///
/// A character may be spread over several tokens and a token's text may depend on the one before it, so a window of the
/// last tokens is decoded with and without the new one, and text that ends in an unfinished character is held back.
#[derive(Clone, Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    /// The window: tokens whose text is out, then those whose text is held back.
    window: Vec<u32>,
    /// How many tokens of the window are out.
    out: usize,
}

impl<'a> TextStream<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer) -> Self {
        Self { tokenizer, window: Vec::new(), out: 0 }
    }

    /// Takes a token and gives the text that it completes, perhaps none yet.
    pub fn push(&mut self, id: u32) -> String {
        if self.tokenizer.is_special(id) {
            return String::new();
        }
        self.window.push(id);
        let text = self.text();
        // A text that ends in U+FFFD may end in the first bytes of a character.
        if text.is_empty() || text.ends_with(char::REPLACEMENT_CHARACTER) {
            return String::new();
        }
        self.window.drain(..self.out);
        self.out = self.window.len();
        text
    }

    /// The text held back: what was no whole character to the end, as U+FFFD.
    pub fn finish(self) -> String {
        self.text()
    }

    /// The text of the tokens that are not out.
    fn text(&self) -> String {
        let before = self.tokenizer.decode(self.window.get(..self.out).unwrap_or_default(), true);
        let all = self.tokenizer.decode(&self.window, true);
        all.get(before.len()..).unwrap_or_default().to_owned()
    }
}
