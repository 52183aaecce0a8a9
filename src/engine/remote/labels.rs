//! Labels' log-probabilities from what servers tell of tokens.
//!
//! A label's own tokens are those behind the prompt's last character that is no white space, so that a blank between prompt
//! and label counts with the label, as on this machine. They are counted from the end of the text: places that servers
//! tell (`text_offset`) are wrong behind characters that take several tokens.

use super::wire::{Listed, Tokens, Wrong};

/// What is written between a prompt and its label.
pub(super) fn joined(prompt: &str, label: &str) -> String {
    let blank = if prompt.ends_with(char::is_whitespace) { "" } else { " " };
    format!("{prompt}{blank}{label}")
}

/// How many characters of a text are no white space: some tokenizers' tokens lose a blank at their beginning.
fn solid(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// Log-probability of `label` at the end of a text, whose tokens are followed by `new` generated ones.
///
/// # Errors
/// A label whose tokens do not begin where it does, or have no log-probability.
pub(super) fn of_tail(tokens: &Tokens, label: &str, new: usize) -> Result<f64, Wrong> {
    let count = tokens.texts.len().checked_sub(new).ok_or("the answer has fewer tokens than it says")?;
    let wanted = solid(label);
    let (mut seen, mut sum) = (0, 0.0);
    let all = tokens.texts.iter().zip(&tokens.logprobs).take(count);
    for (text, logprob) in all.rev() {
        let more = solid(text);
        // What is left of the label may be a blank that is a token of its own, but nothing of the prompt.
        if seen == wanted && (more > 0 || text.is_empty()) {
            break;
        }
        seen += more;
        if seen > wanted {
            return Err(format!("the token {text:?} holds an end of the prompt and the beginning of {label:?}"));
        }
        sum += logprob.ok_or_else(|| format!("the token {text:?} has no log-probability"))?;
    }
    let end: String = tokens.texts.iter().take(count).map(String::as_str).collect();
    let plain = |text: &str| -> Vec<char> { text.chars().filter(|c| !c.is_whitespace()).collect() };
    if seen < wanted || !plain(&end).ends_with(&plain(label)) {
        return Err(format!("the answer's tokens do not end with {label:?}"));
    }
    Ok(sum)
}

/// Log-probability of each label's first token, the best listed one that it begins with; negative infinity where none is.
///
/// # Errors
/// Two labels that begin with the same token: its log-probability is neither's.
pub(super) fn of_list(listed: &Listed, labels: &[String]) -> Result<Vec<f64>, Wrong> {
    let first = |label: &String| {
        let begins = |(token, _): &&(String, f64)| {
            let token = token.trim();
            !token.is_empty() && label.trim_start().starts_with(token)
        };
        listed.iter().find(begins)
    };
    let firsts: Vec<Option<&(String, f64)>> = labels.iter().map(first).collect();
    for (place, found) in firsts.iter().enumerate() {
        let Some((token, _)) = found else { continue };
        let other = labels
            .iter()
            .enumerate()
            .find(|(other, label)| *other != place && label.trim_start().starts_with(token.trim()));
        if let Some((_, other)) = other {
            let label = labels.get(place).map_or("", String::as_str);
            return Err(format!(
                "the labels {label:?} and {other:?} begin with the same token {:?}, and this server tells nothing of those \
                 behind it",
                token.trim()
            ));
        }
    }
    Ok(firsts.into_iter().map(|found| found.map_or(f64::NEG_INFINITY, |(_, logprob)| *logprob)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(list: &[(&str, f64)]) -> Tokens {
        Tokens {
            texts: list.iter().map(|(text, _)| (*text).to_owned()).collect(),
            logprobs: list.iter().map(|(_, logprob)| Some(*logprob).filter(|x| *x <= 0.0)).collect(),
        }
    }

    #[test]
    fn a_label_is_the_sum_of_its_own_tokens() {
        let all = tokens(&[("A", 1.0), (":", -9.0), (" sup", -1.0), ("port", -0.5), (" and", -7.0)]);
        assert_eq!(of_tail(&all, "support", 1), Ok(-1.5));
        // Blanks that are lost, and blanks that are tokens.
        assert_eq!(of_tail(&tokens(&[(":", 1.0), ("sup", -1.0), ("port", -0.5)]), "support", 0), Ok(-1.5));
        assert_eq!(of_tail(&tokens(&[(":", 1.0), (" ", -0.25), ("support", -1.0)]), "support", 0), Ok(-1.25));
        // An end token that has no text, and a prompt with characters of several tokens.
        assert_eq!(of_tail(&tokens(&[("", 1.0), ("\u{fffd}", -3.0), (" no", -1.0)]), "no", 0), Ok(-1.0));
        assert_eq!(of_tail(&tokens(&[("x", 1.0), (" two", -1.0), (" words", -2.0)]), "two words", 0), Ok(-3.0));
    }

    #[test]
    fn tokens_that_are_not_the_labels_are_errors() {
        for (list, label, new) in [
            (&[(":sup", -1.0), ("port", -1.0)][..], "support", 0),
            (&[(":", -1.0), (" oppose", -1.0)], "support", 0),
            (&[("port", -1.0)], "support", 0),
            (&[(" support", 1.0)], "support", 0),
            (&[(" support", -1.0)], "support", 2),
        ] {
            assert!(of_tail(&tokens(list), label, new).is_err(), "{list:?}");
        }
    }

    #[test]
    fn the_best_listed_token_that_a_label_begins_with_counts() {
        let labels = ["support".to_owned(), "oppose".to_owned(), "neither".to_owned()];
        let listed: Listed = [(" the", -0.5), (" oppose", -1.0), (" sup", -1.5), ("s", -2.0), (" ", -2.5)]
            .map(|(token, logprob)| (token.to_owned(), logprob))
            .to_vec();
        assert_eq!(of_list(&listed, &labels), Ok(vec![-1.5, -1.0, f64::NEG_INFINITY]));
        let alike = ["support".to_owned(), "suppress".to_owned()];
        assert!(of_list(&listed, &alike).unwrap_err().contains("the same token \"sup\""));
    }
}
