//! The ways in which servers tell labels' log-probabilities, and finding out which one a server knows.
//!
//! Exact is what tells of a label's own tokens: an echoed prompt (vLLM, SGLang) or vLLM's `prompt_logprobs`. Some servers
//! echo, but shift the log-probabilities by a token (llama-cpp-python, for models without a token at the beginning of a
//! text), so a way is only trusted that says of a token what generating it said. Where neither works, the list of the best
//! tokens after the prompt tells of labels' first tokens alone.

use serde_json::{Value, json};

use super::http::{Line, Trouble};
use super::labels::{joined, of_list, of_tail};
use super::wire::{self, Listed, Tokens, Used, Wrong};

/// How many of the best tokens are asked for; a server refuses what is too much for it (5 is the least that any allows).
const LISTS: [usize; 4] = [1000, 100, 20, 5];
/// How many of a conversation's best tokens are asked for: the most that the interface's own servers allow.
const CHAT_LIST: usize = 20;
/// How far two log-probabilities of the same token may lie apart: servers compute in 16 bits, and not always alike.
const CLOSE: f64 = 0.3;
/// Texts whose next tokens are looked at: the first after which words are likely.
const TEXTS: [&str; 3] = ["The capital of France is", "One, two, three,", "The opposite of up is"];
/// What is said of labels after a conversation, whatever the server knows of other texts.
pub const OF_CONVERSATIONS: &str = "labels' first tokens, of the 20 best after the conversation";

/// How a server tells labels' log-probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It repeats a text with its tokens' log-probabilities.
    Echo,
    /// vLLM's `prompt_logprobs`.
    Prompt,
    /// It lists so many of the best tokens after a text.
    List(usize),
    /// Not at all.
    Not,
}

impl Way {
    /// In words.
    pub fn told(self) -> &'static str {
        match self {
            Self::Echo => "labels' own tokens, echoed",
            Self::Prompt => "labels' own tokens, as prompt_logprobs",
            Self::List(_) => "labels' first tokens, of the best after the prompt",
            Self::Not => "none",
        }
    }
}

/// What is put into an error about an answer.
pub(super) fn wrong(line: &Line, path: &str, what: &Wrong) -> Trouble {
    Trouble::Refused(format!("{}: {}", line.url(path), line.server.words(what)), None)
}

const COMPLETIONS: &str = "/completions";
const CHAT: &str = "/chat/completions";

/// One new token after `text`, the most likely. Some servers take 0 for no bound, so one is always generated.
fn one_token(line: &Line, text: &str) -> Value {
    json!({"model": line.server.name, "prompt": text, "max_tokens": 1, "temperature": 0})
}

fn with(mut body: Value, more: &[(&str, Value)]) -> Value {
    if let Some(body) = body.as_object_mut() {
        body.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    }
    body
}

/// The tokens of a text, and what the server counted.
fn tokens(line: &Line, way: Way, text: &str) -> Result<(Tokens, Used), Trouble> {
    let more: &[(&str, Value)] = match way {
        Way::Prompt => &[("prompt_logprobs", json!(1))],
        _ => &[("echo", json!(true)), ("logprobs", json!(1))],
    };
    let answer = line.ask(COMPLETIONS, Some(&with(one_token(line, text), more)))?;
    let tokens = if way == Way::Prompt { wire::prompt_tokens(&answer) } else { wire::echoed(&answer) };
    Ok((tokens.map_err(|what| wrong(line, COMPLETIONS, &what))?, wire::used(&answer)))
}

/// The best tokens after a text or conversation.
pub(super) fn listed(line: &Line, prompt: &str, count: usize) -> Result<(Listed, Used), Trouble> {
    let (path, body) = match super::conversation::messages(prompt) {
        Some(messages) => (
            CHAT,
            json!({"model": line.server.name, "messages": messages, "max_tokens": 1, "temperature": 0, "logprobs": true,
                   "top_logprobs": count.min(CHAT_LIST)}),
        ),
        None => (COMPLETIONS, with(one_token(line, prompt), &[("logprobs", json!(count))])),
    };
    let mut answer = line.ask(path, Some(&body))?;
    if wire::lists_nothing(&answer) {
        // The likeliest token ends the text, of which some servers tell nothing: they are made to write another one. What is
        // listed is as it was.
        answer = line.ask(path, Some(&with(body, &[("min_tokens", json!(1))])))?;
    }
    Ok((wire::listed(&answer).map_err(|what| wrong(line, path, &what))?, wire::used(&answer)))
}

/// Log-probabilities of the labels after a prompt.
pub(super) fn score(
    line: &Line,
    way: Way,
    prompt: &str,
    labels: &[String],
) -> Result<(Vec<f64>, Used, usize), Trouble> {
    let count = match way {
        _ if super::conversation::messages(prompt).is_some() => CHAT_LIST,
        Way::List(count) => count,
        Way::Not => return Err(Trouble::Refused(NOT.to_owned(), None)),
        Way::Echo | Way::Prompt => return by_tokens(line, way, prompt, labels),
    };
    let (listed, used) = listed(line, prompt, count)?;
    let path = if super::conversation::messages(prompt).is_some() { CHAT } else { COMPLETIONS };
    let logprobs = of_list(&listed, labels)
        .map_err(|what| wrong(line, path, &format!("{what}: set decode.method = \"generate\"")))?;
    Ok((logprobs, used, used.prompt))
}

/// What is said where a server tells none.
pub(super) const NOT: &str = "this server tells no log-probabilities: set decode.method = \"generate\"";

fn by_tokens(line: &Line, way: Way, prompt: &str, labels: &[String]) -> Result<(Vec<f64>, Used, usize), Trouble> {
    let (mut logprobs, mut all, mut shortest) = (Vec::with_capacity(labels.len()), Used::default(), usize::MAX);
    for label in labels {
        let (tokens, used) = tokens(line, way, &joined(prompt, label))?;
        let new = if way == Way::Prompt { 0 } else { used.new };
        logprobs.push(of_tail(&tokens, label, new).map_err(|what| wrong(line, COMPLETIONS, &what))?);
        (all.prompt, all.new) = (all.prompt + used.prompt, all.new + used.new);
        shortest = shortest.min(used.prompt);
    }
    Ok((logprobs, all, if labels.is_empty() { 0 } else { shortest }))
}

/// The best way that a server knows.
///
/// # Errors
/// A server that does not answer, or wants a key. What it does not know is no error.
pub(super) fn probe(line: &Line) -> Result<Way, Trouble> {
    let mut best = Way::Not;
    for text in TEXTS {
        let Some((count, listed)) = longest_list(line, text)? else { return Ok(Way::Not) };
        best = Way::List(count);
        let asked = words(&listed);
        if asked.is_empty() {
            continue;
        }
        for way in [Way::Echo, Way::Prompt] {
            if is_right(line, way, text, &asked)? {
                return Ok(way);
            }
        }
        break;
    }
    Ok(best)
}

/// The two best tokens that are words: one alone may be right by chance.
fn words(listed: &Listed) -> Vec<&(String, f64)> {
    let is_word = |token: &str| token.chars().next().is_some_and(char::is_alphabetic);
    // A token without a blank continues a word; some servers tell no blanks, and then all are without.
    let apart: Vec<_> =
        listed.iter().filter(|(token, _)| token.strip_prefix(' ').is_some_and(is_word)).take(2).collect();
    if apart.is_empty() { listed.iter().filter(|(token, _)| is_word(token)).take(2).collect() } else { apart }
}

/// Whether a way tells of tokens after `text` what the list of the best tokens told.
fn is_right(line: &Line, way: Way, text: &str, asked: &[&(String, f64)]) -> Result<bool, Trouble> {
    for (token, logprob) in asked {
        let Some((tokens, used)) = known(tokens(&line.eager(), way, &joined(text, token.trim())))? else {
            return Ok(false);
        };
        let told = of_tail(&tokens, token.trim(), if way == Way::Prompt { 0 } else { used.new });
        if !told.as_ref().is_ok_and(|told| (told - logprob).abs() < CLOSE) {
            tracing::debug!(?way, ?told, logprob, "what is told of a token is not to be trusted");
            return Ok(false);
        }
    }
    Ok(true)
}

fn longest_list(line: &Line, text: &str) -> Result<Option<(usize, Listed)>, Trouble> {
    for count in LISTS {
        if let Some((list, _)) = known(listed(&line.eager(), text, count))? {
            return Ok(Some((count, list)));
        }
    }
    Ok(None)
}

/// Nothing where the server does not know what was asked.
fn known<T>(answer: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Trouble::Refused(_, Some(401 | 403))) => answer.map(Some),
        Err(Trouble::Refused(message, _)) => {
            tracing::debug!(%message, "not known to the server");
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}
