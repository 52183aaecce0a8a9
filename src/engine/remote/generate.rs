//! Texts continued by a server, whole or as they come.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Instant;

use serde_json::{Value, json};

use crate::engine::command::{GenerateRequest, Generation, Temperature};
use crate::engine::event::{Answer, Event, Progress, Stats};
use crate::engine::worker::{EngineError, Job};

use super::conversation::messages;
use super::http::{Line, TICK, Trouble};
use super::pool::Cut;
use super::ways::wrong;
use super::wire::{self, Used, Written};

/// The seeds that all servers take.
const SEEDS: u64 = 1 << 31;

/// Whether the same prompt gets the same text.
pub(super) fn is_greedy(generation: &Generation) -> bool {
    generation.temperature == Temperature::Value(0.0)
}

/// Where a prompt goes, and what is sent. What is not said in a session is left out, so that the server's own settings
/// hold, but for what would change what is said.
fn request(line: &Line, generation: &Generation, prompt: &str, index: usize) -> (&'static str, Value) {
    let mut body = serde_json::Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("model", json!(line.server.name));
    let path = match messages(prompt) {
        Some(messages) => {
            put("messages", messages);
            "/chat/completions"
        }
        None => {
            put("prompt", json!(prompt));
            "/completions"
        }
    };
    put("max_tokens", json!(generation.max_new_tokens));
    // Each prompt draws from a stream of its own, the same in a run that goes on.
    put("seed", json!(generation.seed.wrapping_add(index as u64) % SEEDS));
    if let Temperature::Value(temperature) = generation.temperature {
        put("temperature", json!(temperature));
        // Where a temperature is said and nothing else, all tokens can be drawn.
        put("top_p", json!(generation.top_p.unwrap_or(1.0)));
    } else if let Some(top_p) = generation.top_p {
        put("top_p", json!(top_p));
    }
    if let Some(top_k) = generation.top_k {
        put("top_k", json!(top_k));
    }
    if let Some(penalty) = generation.repetition_penalty {
        // The first is vLLM's and SGLang's name, the second llama.cpp's.
        put("repetition_penalty", json!(penalty));
        put("repeat_penalty", json!(penalty));
    }
    if !generation.stop.is_empty() {
        put("stop", json!(generation.stop));
    }
    (path, Value::Object(body))
}

/// The text that continues a prompt.
pub(super) fn once(line: &Line, generation: &Generation, prompt: &str, index: usize) -> Result<Written, Trouble> {
    let (path, body) = request(line, generation, prompt, index);
    let answer = line.ask(path, Some(&body))?;
    wire::written(&answer).map_err(|what| wrong(line, path, &what))
}

/// Continues prompts one after another, and sends their text as it comes.
pub(super) fn stream(job: &Job, line: &dyn Fn() -> Line, request: &GenerateRequest) -> Result<Stats, EngineError> {
    let started = Instant::now();
    let mut stats = Stats::default();
    let total = request.prompts.len();
    for (index, prompt) in request.prompts.iter().enumerate() {
        if request.done.get(index).copied().unwrap_or(false) {
            continue;
        }
        let Written { text, finish, used } = one(job, &line(), &request.generation, prompt, index)?;
        stats.rows += 1;
        stats.prompt_tokens += used.prompt;
        stats.computed_tokens += used.prompt;
        stats.new_tokens += used.new;
        job.answers(vec![Answer { index, text, finish, prompt_tokens: used.prompt, ..Answer::default() }]);
        job.progress(Progress { done: index + 1, total, note: None });
    }
    stats.seconds = started.elapsed().as_secs_f64();
    Ok(stats)
}

fn one(job: &Job, line: &Line, generation: &Generation, prompt: &str, index: usize) -> Result<Written, EngineError> {
    let _cut = Cut(line);
    let (path, mut body) = request(line, generation, prompt, index);
    if let Some(body) = body.as_object_mut() {
        body.insert("stream".to_owned(), json!(true));
    }
    let (sender, events) = channel();
    let asking = line.clone();
    let spawned = std::thread::Builder::new().name("request".to_owned()).spawn(move || {
        let mut begun = false;
        let result = asking.patiently(|| {
            let result = asking.events(path, &body, &mut |event| {
                begun = true;
                let _ = sender.send(Ok(event));
            });
            // What is shown already cannot be taken back: a stream that breaks is not begun anew.
            match result {
                Err(Trouble::Again(message, status, _)) if begun => Err(Trouble::Refused(message, status)),
                result => result,
            }
        });
        if let Err(trouble) = result {
            let _ = sender.send(Err(trouble));
        }
    });
    spawned.map_err(|error| EngineError::Failed(format!("a thread could not be started: {error}")))?;
    let (mut written, mut pieces) = (Written::default(), 0);
    loop {
        job.check()?;
        let event = match events.recv_timeout(TICK) {
            Ok(Ok(event)) => event,
            Ok(Err(Trouble::Stopped)) => return Err(EngineError::Cancelled),
            Ok(Err(trouble)) => return Err(EngineError::Failed(trouble.message())),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let (text, finish) =
            wire::piece(&event).map_err(|what| EngineError::Failed(wrong(line, path, &what).message()))?;
        written.finish = written.finish.or(finish);
        if event.get("usage").is_some_and(Value::is_object) {
            written.used = wire::used(&event);
        }
        if !text.is_empty() {
            pieces += 1;
            written.text.push_str(&text);
            job.send(Event::Token { job: job.id(), index, id: 0, text, logprob: f32::NAN });
        }
    }
    if written.used == Used::default() {
        // A piece is a token, or nearly so.
        written.used.new = pieces;
    }
    Ok(written)
}
