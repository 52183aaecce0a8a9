//! What is read from a server's answers. They are not to be trusted: everything that is missing or no number is an error.

use serde_json::Value;

use crate::engine::event::FinishReason;

/// Why an answer cannot be used, as the end of a sentence.
pub(super) type Wrong = String;

/// A text that the model wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Written {
    pub text: String,
    pub finish: Option<FinishReason>,
    pub used: Used,
}

/// Tokens that the server counted; none where it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub prompt: usize,
    pub new: usize,
}

/// The tokens of a text with their log-probabilities; the first of a text has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tokens {
    pub texts: Vec<String>,
    pub logprobs: Vec<Option<f64>>,
}

/// The best tokens after a prompt, each with its log-probability, best first.
pub(super) type Listed = Vec<(String, f64)>;

/// A number that is one.
fn number(value: &Value, what: &str) -> Result<f64, Wrong> {
    let number = value.as_f64().filter(|number| number.is_finite());
    number.ok_or_else(|| format!("{what} is no finite number"))
}

/// A log-probability: some servers give −9999 for what cannot be; none is above 0 but by rounding.
fn logprob(value: &Value) -> Result<f64, Wrong> {
    let logprob = number(value, "a log-probability")?;
    if logprob > 0.01 { Err(format!("a log-probability is {logprob}, more than 0")) } else { Ok(logprob.min(0.0)) }
}

fn list<'v>(value: &'v Value, place: &str) -> Result<&'v Vec<Value>, Wrong> {
    value.pointer(place).and_then(Value::as_array).ok_or_else(|| format!("the answer has no list {place}"))
}

fn choice(answer: &Value) -> Result<&Value, Wrong> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let said = error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned);
        return Err(format!("the server answers with an error: {said}"));
    }
    list(answer, "/choices")?.first().ok_or_else(|| "the answer has no choice".to_owned())
}

/// What the server counted.
pub(super) fn used(answer: &Value) -> Used {
    let count = |name: &str| {
        let count = answer.get("usage").and_then(|usage| usage.get(name)).and_then(Value::as_u64);
        usize::try_from(count.unwrap_or(0)).unwrap_or(0)
    };
    Used { prompt: count("prompt_tokens"), new: count("completion_tokens") }
}

fn finish(choice: &Value) -> Option<FinishReason> {
    match choice.get("finish_reason")?.as_str()? {
        "length" => Some(FinishReason::Length),
        _ => Some(FinishReason::Stop),
    }
}

/// The text of an answer, whether it completes a prompt or takes part in a conversation.
pub(super) fn written(answer: &Value) -> Result<Written, Wrong> {
    let choice = choice(answer)?;
    let text = match choice.get("text").or_else(|| choice.pointer("/message/content")) {
        Some(Value::String(text)) => text.clone(),
        // A model that has only thought aloud, or called a tool, has said nothing.
        Some(Value::Null) => String::new(),
        _ => return Err("the answer has no text".to_owned()),
    };
    Ok(Written { text, finish: finish(choice), used: used(answer) })
}

/// A piece of a stream: its text, and why it ends where it does.
pub(super) fn piece(event: &Value) -> Result<(String, Option<FinishReason>), Wrong> {
    if event.get("error").is_some_and(|error| !error.is_null()) {
        choice(event)?;
    }
    // The last event of some servers has no choice, but the counts.
    let Some(choice) = event.pointer("/choices/0") else { return Ok((String::new(), None)) };
    let places = ["/text", "/delta/content", "/message/content"];
    let text = places.into_iter().find_map(|place| choice.pointer(place)?.as_str()).unwrap_or_default();
    Ok((text.to_owned(), finish(choice)))
}

/// The tokens of an echoed prompt and of what came after it.
pub(super) fn echoed(answer: &Value) -> Result<Tokens, Wrong> {
    let choice = choice(answer)?;
    let texts = list(choice, "/logprobs/tokens")?;
    let logprobs = list(choice, "/logprobs/token_logprobs")?;
    if texts.len() != logprobs.len() {
        return Err(format!("the answer has {} tokens and {} log-probabilities", texts.len(), logprobs.len()));
    }
    let text = |text: &Value| text.as_str().map(str::to_owned).ok_or_else(|| "a token is no text".to_owned());
    let value = |value: &Value| if value.is_null() { Ok(None) } else { logprob(value).map(Some) };
    Ok(Tokens {
        texts: texts.iter().map(text).collect::<Result<_, _>>()?,
        logprobs: logprobs.iter().map(value).collect::<Result<_, _>>()?,
    })
}

/// The tokens of a prompt as vLLM tells them: at each place the token that is there, and then better ones.
pub(super) fn prompt_tokens(answer: &Value) -> Result<Tokens, Wrong> {
    let places = match choice(answer)?.get("prompt_logprobs").filter(|value| !value.is_null()) {
        Some(value) => value.as_array(),
        None => answer.get("prompt_logprobs").and_then(Value::as_array),
    };
    let mut tokens = Tokens::default();
    for place in places.ok_or_else(|| "the answer has no prompt_logprobs".to_owned())? {
        if place.is_null() {
            tokens.texts.push(String::new());
            tokens.logprobs.push(None);
            continue;
        }
        let token = place.as_object().and_then(|tokens| tokens.values().next());
        let token = token.ok_or_else(|| "a place of prompt_logprobs has no token".to_owned())?;
        let text = token.get("decoded_token").and_then(Value::as_str).unwrap_or_default();
        tokens.texts.push(text.to_owned());
        tokens.logprobs.push(Some(logprob(token.get("logprob").unwrap_or(&Value::Null))?));
    }
    Ok(tokens)
}

/// The best tokens after a prompt, best first. Completions have them as a map (OpenAI, vLLM) or as a list (llama.cpp's
/// server, and conversations).
pub(super) fn listed(answer: &Value) -> Result<Listed, Wrong> {
    let choice = choice(answer)?;
    let mut listed: Listed = Vec::new();
    if let Some(map) = choice.pointer("/logprobs/top_logprobs/0").and_then(Value::as_object) {
        for (token, value) in map {
            listed.push((token.clone(), logprob(value)?));
        }
    } else if let Some(list) = choice.pointer("/logprobs/content/0/top_logprobs").and_then(Value::as_array) {
        for entry in list {
            let token = entry.get("token").and_then(Value::as_str).ok_or_else(|| "a token is no text".to_owned())?;
            listed.push((token.to_owned(), logprob(entry.get("logprob").unwrap_or(&Value::Null))?));
        }
    }
    if listed.is_empty() {
        return Err("the answer has no log-probabilities".to_owned());
    }
    listed.sort_by(|a, b| b.1.total_cmp(&a.1));
    Ok(listed)
}

/// Whether an answer has a list of log-probabilities with nothing in it.
pub(super) fn lists_nothing(answer: &Value) -> bool {
    ["/choices/0/logprobs/top_logprobs", "/choices/0/logprobs/content"]
        .into_iter()
        .any(|place| answer.pointer(place).and_then(Value::as_array).is_some_and(Vec::is_empty))
}
