//! The engine that asks a server: the OpenAI-compatible interface that vLLM, SGLang, llama.cpp's server and Ollama have.
//!
//! That is how models too large for one machine are run: the server spreads them over a cluster, and here requests go out
//! side by side, are tried again where that may help, and come back in any order, each with its prompt's index.
//! [`server`] is what is known of an endpoint, `http` one job's line to it, `pool` the requests side by side, `wire` what
//! answers say, `ways` and `labels` how labels are scored, `generate` how texts are continued,
//! `conversation` how chats are sent. What tokens a prompt has is the server's to know: nothing is counted or cut here.

mod conversation;
mod generate;
mod http;
mod labels;
mod pool;
pub mod server;
mod ways;
mod wire;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use indexmap::IndexMap;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::{ModelSpec, endpoint};

use super::command::{GenerateRequest, ScoreRequest};
use super::event::{Answer, ModelInfo, NextToken, Outcome, Progress, Stats};
use super::worker::{Backend, EngineError, Job};
use http::{Line, Trouble};
use pool::{Ended, each};
use server::{Key, Patience, Server};
use ways::Way;

pub use conversation::conversation;
pub use ways::OF_CONVERSATIONS;

/// The context where a server does not tell it. A prompt that is too long is refused by the server itself.
const CONTEXT: usize = 131_072;
/// How many names of models an error lists.
const NAMES: usize = 10;

/// A server's model.
pub struct Remote {
    key: Option<Key>,
    patience: Patience,
    loaded: Option<Loaded>,
}

struct Loaded {
    spec: ModelSpec,
    server: Arc<Server>,
    way: Way,
    info: Arc<ModelInfo>,
}

impl Remote {
    /// An engine that says who it is with the key in the environment.
    pub fn new() -> Self {
        Self::with(Key::from_env(), Patience::default())
    }

    /// The same with a key and waits of one's own.
    pub fn with(key: Option<Key>, patience: Patience) -> Self {
        Self { key, patience, loaded: None }
    }

    fn loaded(&self) -> Result<&Loaded, EngineError> {
        self.loaded.as_ref().ok_or_else(|| EngineError::Failed("no model is loaded".to_owned()))
    }
}

impl Default for Remote {
    fn default() -> Self {
        Self::new()
    }
}

impl Loaded {
    fn side_by_side(&self) -> usize {
        self.spec.concurrency.unwrap_or(endpoint::CONCURRENCY).max(1)
    }

    fn line(&self) -> Line {
        Line::new(Arc::clone(&self.server), self.side_by_side())
    }
}

/// Does something on a line on a thread of its own, so that a cancel is seen at once.
fn alone<T: Send + 'static>(
    job: &Job,
    line: &Line,
    work: impl Fn(&Line) -> Result<T, Trouble> + Send + Sync + 'static,
) -> Result<T, Trouble> {
    let mut result = None;
    // A refusal is no failure of the pool's: its status is looked at.
    let ask: Arc<pool::Ask<Result<T, Trouble>>> = Arc::new(move |line, _| Ok(work(line)));
    let ended = each(job, line, 1, 1, &ask, &mut |answers| result = answers.into_iter().next().map(|(_, value)| value));
    match (ended, result) {
        (Ok(()), Some(result)) => result,
        (Err((_, EngineError::Cancelled)), _) => Err(Trouble::Stopped),
        (Err((_, error)), _) => Err(Trouble::Refused(error.to_string(), None)),
        (Ok(()), None) => Err(Trouble::Stopped),
    }
}

/// What cannot be asked is the session's fault, what did not work out is the server's.
fn loading(trouble: Trouble) -> EngineError {
    match trouble {
        Trouble::Stopped => EngineError::Cancelled,
        Trouble::Again(message, ..) => EngineError::Failed(message),
        Trouble::Refused(message, _) => EngineError::Bad(message),
    }
}

/// An error with the row that it is of.
fn named(ended: Ended, items: &[Vec<usize>], rows: &[usize]) -> EngineError {
    let (item, error) = ended;
    let index = item.and_then(|item| items.get(item)?.first());
    match (error, index.and_then(|index| rows.get(*index))) {
        (EngineError::Failed(message), Some(row)) => EngineError::Failed(format!("row {row}: {message}")),
        (error, _) => error,
    }
}

impl Backend for Remote {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        if let Some(loaded) = self.loaded.as_ref().filter(|loaded| loaded.spec == *spec) {
            return Ok(Arc::clone(&loaded.info));
        }
        self.loaded = None;
        spec.check().map_err(|(key, message)| EngineError::Bad(format!("model.{key} {message}")))?;
        let address = endpoint::address(&spec.source).map_err(EngineError::Bad)?.to_owned();
        let name = spec.name.clone().unwrap_or_default();
        let server = Arc::new(Server { address, name, key: self.key.clone(), patience: self.patience });
        let line = || Line::new(Arc::clone(&server), 1);
        job.loading(format!("asking {}", server.address), 0, None);
        let listing = match alone(job, &line(), |line| line.ask("/models", None)) {
            // Not every server lists what it has.
            Err(Trouble::Refused(_, Some(404 | 405 | 501))) => None,
            result => Some(result.map_err(loading)?),
        };
        let context = match &listing {
            Some(listing) => listed(&server, listing).map_err(EngineError::Bad)?,
            None => None,
        };
        job.loading(format!("asking {} for log-probabilities", server.address), 0, None);
        let way = alone(job, &line(), ways::probe).map_err(loading)?;
        let info = Arc::new(ModelInfo {
            name: server.name.clone(),
            origin: server.address.clone(),
            sha256: fingerprint(&server),
            device: "remote".to_owned(),
            dtype: "-".to_owned(),
            kernels: "those of the server".to_owned(),
            context: context.unwrap_or(CONTEXT),
            threads: 0,
            tokenizer: None,
            chat: Some(conversation()),
            classifier: None,
            scoring: Some(way.told()),
        });
        self.loaded = Some(Loaded { spec: spec.clone(), server, way, info: Arc::clone(&info) });
        Ok(info)
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        let loaded = self.loaded()?;
        let conversations = request.prompts.iter().any(|prompt| conversation::messages(prompt).is_some());
        if loaded.way == Way::Not && !conversations {
            return Err(EngineError::Bad(format!("{}: {}", loaded.server.address, ways::NOT)));
        }
        check(&request.prompts, &request.rows, request.truncate)?;
        let (way, prompts, labels) = (loaded.way, request.prompts.clone(), request.labels.clone());
        let answer = move |line: &Line, prompt: &str, _: usize| {
            let (logprobs, used, prompt_tokens) = ways::score(line, way, prompt, &labels)?;
            Ok((Answer { logprobs, prompt_tokens, ..Answer::default() }, used))
        };
        // Equal prompts have equal answers.
        let items = groups(&request.prompts, &request.done, true);
        all(job, loaded, prompts, items, &request.rows, answer)
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        let loaded = self.loaded()?;
        check(&request.prompts, &request.rows, request.truncate)?;
        if request.stream {
            return generate::stream(job, &|| loaded.line(), request);
        }
        let (generation, prompts) = (request.generation.clone(), request.prompts.clone());
        let answer = move |line: &Line, prompt: &str, index: usize| {
            let written = generate::once(line, &generation, prompt, index)?;
            let wire::Written { text, finish, used } = written;
            Ok((Answer { text, finish, prompt_tokens: used.prompt, ..Answer::default() }, used))
        };
        let items = groups(&request.prompts, &request.done, generate::is_greedy(&request.generation));
        all(job, loaded, prompts, items, &request.rows, answer)
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        let loaded = self.loaded()?;
        let most = match loaded.way {
            Way::Not => return Err(EngineError::Bad(format!("{}: {}", loaded.server.address, ways::NOT))),
            Way::List(count) => count,
            Way::Echo | Way::Prompt => 20,
        };
        let asked = prompt.to_owned();
        let (listed, _) =
            alone(job, &loaded.line(), move |line| ways::listed(line, &asked, top.clamp(1, most))).map_err(loading)?;
        let next = listed.into_iter().take(top).map(|(token, logprob)| NextToken {
            id: None,
            token,
            logit: logprob as f32,
            probability: logprob.exp(),
        });
        Ok(Outcome::Next { token_ids: Vec::new(), next: next.collect(), perplexity: None })
    }
}

/// Checks that a listing has the model; its context, where the listing tells it.
fn listed(server: &Server, listing: &Value) -> Result<Option<usize>, String> {
    let url = format!("{}/models", server.address);
    let models = ["/data", "/models"].into_iter().find_map(|place| listing.pointer(place)?.as_array());
    let models = models.ok_or_else(|| format!("{url}: the answer has no list of models"))?;
    let name_of = |model: &Value| ["id", "name"].iter().find_map(|key| Some(model.get(*key)?.as_str()?.to_owned()));
    match models.iter().find(|model| name_of(model).as_ref() == Some(&server.name)) {
        Some(model) => {
            let places = ["/max_model_len", "/meta/n_ctx_train", "/context_length", "/context_window"];
            let context = places.into_iter().find_map(|place| model.pointer(place)?.as_u64());
            Ok(context.and_then(|context| usize::try_from(context).ok()).filter(|context| *context > 0))
        }
        None => {
            let mut names: Vec<String> = models.iter().filter_map(name_of).map(|name| server.words(&name)).collect();
            let more = names.len().saturating_sub(NAMES);
            names.truncate(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            Err(format!("{url}: there is no model {:?}; model.name can be: {there}{more}", server.name))
        }
    }
}

/// What stands for the files' hash: files are not seen, but another address or name is another model.
fn fingerprint(server: &Server) -> String {
    let hash = Sha256::digest(format!("{}\n{}", server.address, server.name));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("endpoint:{hex}")
}

/// What cannot be asked of a server.
fn check(prompts: &[String], rows: &[usize], truncate: bool) -> Result<(), EngineError> {
    if truncate {
        let message =
            "decode.truncate = \"left\": what an endpoint's tokens are is not known here, so no prompt can be cut";
        return Err(EngineError::Bad(message.to_owned()));
    }
    match prompts.iter().position(String::is_empty) {
        Some(index) => Err(EngineError::Bad(match rows.get(index) {
            Some(row) => format!("the prompt of row {row} is empty"),
            None => "the text is empty".to_owned(),
        })),
        None => Ok(()),
    }
}

/// The prompts that are left, each with the places where it stands; `together` asks equal ones once.
fn groups(prompts: &[String], done: &[bool], together: bool) -> Vec<Vec<usize>> {
    let left = prompts.iter().enumerate().filter(|(index, _)| !done.get(*index).copied().unwrap_or(false));
    if !together {
        return left.map(|(index, _)| vec![index]).collect();
    }
    let mut groups: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for (index, prompt) in left {
        groups.entry(prompt).or_default().push(index);
    }
    groups.into_values().collect()
}

/// Asks for all prompts that are left, and sends their answers as they come.
fn all(
    job: &Job,
    loaded: &Loaded,
    prompts: Vec<String>,
    items: Vec<Vec<usize>>,
    rows: &[usize],
    answer: impl Fn(&Line, &str, usize) -> Result<(Answer, wire::Used), Trouble> + Send + Sync + 'static,
) -> Result<Stats, EngineError> {
    let started = Instant::now();
    let total = prompts.len();
    let mut done = total - items.iter().map(Vec::len).sum::<usize>();
    let mut stats = Stats::default();
    let firsts: Vec<usize> = items.iter().filter_map(|group| group.first().copied()).collect();
    let ask: Arc<pool::Ask<(Answer, wire::Used)>> = Arc::new(move |line: &Line, item| {
        let place = firsts.get(item).and_then(|index| Some((*index, prompts.get(*index)?)));
        let (index, prompt) = place.ok_or(Trouble::Stopped)?;
        answer(line, prompt, index)
    });
    let ended = each(job, &loaded.line(), loaded.side_by_side(), items.len(), &ask, &mut |answers| {
        let mut told = Vec::with_capacity(answers.len());
        for (item, (answer, used)) in answers {
            stats.computed_tokens += used.prompt;
            stats.new_tokens += used.new;
            for &index in items.get(item).into_iter().flatten() {
                stats.prompt_tokens += answer.prompt_tokens;
                told.push(Answer { index, ..answer.clone() });
            }
        }
        stats.rows += told.len();
        done += told.len();
        job.answers(told);
        job.progress(Progress { done, total, note: None });
    });
    ended.map_err(|ended| named(ended, &items, rows))?;
    stats.seconds = started.elapsed().as_secs_f64();
    Ok(stats)
}
