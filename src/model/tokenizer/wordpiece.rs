//! A tokenizer from a WordPiece vocabulary (`vocab.txt`, one token a line), as transformers' `BertTokenizer` makes it.

use tokenizers::AddedToken;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;

/// Tokens that are no part of a text.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Builds the tokenizer from the bytes of a `vocab.txt`. The other arguments are `do_lower_case`, `strip_accents` (`None`:
/// where texts are lowercased) and `tokenize_chinese_chars` of `tokenizer_config.json`. The error says what is wrong with
/// the file.
pub fn build(
    vocab: &[u8],
    lowercase: bool,
    strip_accents: Option<bool>,
    chinese: bool,
) -> Result<tokenizers::Tokenizer, String> {
    let text = str::from_utf8(vocab).map_err(|error| format!("it is no UTF-8 after byte {}", error.valid_up_to()))?;
    // A token that stands on two lines has the id of the second one, as in Python's dictionary; a blank line is a token.
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let lines = match lines.as_slice() {
        [lines @ .., ""] => lines,
        lines => lines,
    };
    let ids = (0_u32..).zip(lines);
    let vocab: tokenizers::models::bpe::Vocab = ids.map(|(id, line)| ((*line).to_owned(), id)).collect();
    let find = |token: &str| vocab.get(token).copied().ok_or_else(|| format!("it has no line {token}"));
    // Without it the first word that is not in the vocabulary would fail.
    let (cls, sep, _) = (find("[CLS]")?, find("[SEP]")?, find("[UNK]")?);

    let wrap = |error: tokenizers::Error| error.to_string();
    let model = WordPiece::builder().vocab(vocab).build().map_err(wrap)?;
    let mut inner = tokenizers::Tokenizer::new(model);
    inner.with_normalizer(Some(BertNormalizer::new(true, chinese, strip_accents, lowercase))).map_err(wrap)?;
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    // As transformers has it: the text as it was tokenised, blanks before signs too.
    inner.with_decoder(Some(tokenizers::decoders::wordpiece::WordPiece::new("##".to_owned(), true)));
    let post = TemplateProcessing::builder()
        .try_single("[CLS] $A [SEP]")
        .and_then(|builder| builder.try_pair("[CLS] $A [SEP] $B:1 [SEP]:1"))
        .map(|builder| builder.special_tokens(vec![("[CLS]", cls), ("[SEP]", sep)]).build());
    inner.with_post_processor(Some(post?.map_err(|error| error.to_string())?));
    inner.add_special_tokens(SPECIAL.map(|token| AddedToken::from(token, true).normalized(false))).map_err(wrap)?;
    Ok(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCAB: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ncafe\ncafé\n##s\n!\n語\nCafe\n";

    fn ids(text: &str, lowercase: bool, accents: Option<bool>, chinese: bool) -> Vec<u32> {
        let tokenizer = build(VOCAB.as_bytes(), lowercase, accents, chinese).unwrap();
        tokenizer.encode_fast(text, true).unwrap().get_ids().to_vec()
    }

    #[test]
    fn splits_as_bert_does() {
        assert_eq!(ids("Cafés!  café\n", true, None, true), [2, 5, 7, 8, 5, 3]);
        assert_eq!(ids("CAFÉS", true, Some(false), true), [2, 6, 7, 3]);
        assert_eq!(ids("Café Cafe", false, None, true), [2, 1, 10, 3]);
        assert_eq!(ids("Café", false, Some(true), true), [2, 10, 3]);
        assert_eq!(ids("語語", true, None, true), [2, 9, 9, 3]);
        assert_eq!(ids("語語", true, None, false), [2, 1, 3]);
        assert_eq!(ids("a [MASK]!", true, None, true), [2, 1, 4, 8, 3]);
        assert_eq!(ids("", true, None, true), [2, 3]);
        assert_eq!(ids(&"cafe".repeat(26), true, None, true), [2, 1, 3]);
        let windows = build(VOCAB.replace('\n', "\r\n").as_bytes(), true, None, true).unwrap();
        assert_eq!(windows.get_vocab_size(true), 11);
        assert_eq!(windows.decode(&[2, 5, 7, 8, 3], true).unwrap(), "cafes!");
    }

    #[test]
    fn wrong_vocabularies_are_errors() {
        let error = |bytes: &[u8]| build(bytes, true, None, true).err().unwrap();
        assert!(error(b"").contains("no line [CLS]"));
        assert!(error(b"[CLS]\n[SEP]\n").contains("no line [UNK]"));
        assert!(error(b"[CLS]\n\xff\n").contains("no UTF-8 after byte 6"));
        for at in 0..VOCAB.len() {
            drop(build(&VOCAB.as_bytes()[..at], true, None, true));
        }
    }
}
