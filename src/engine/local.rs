//! The engine that runs models on this machine.
//!
//! On the CPU the batches of a job are spread over threads, one batch a thread with single-threaded products; what
//! cannot be spread (a shared prefix, a single prompt) uses all threads in its products. On a GPU batches go one after
//! another.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use crate::model::classifier::Classifier;
use crate::model::kv::{Batch, Past, Row};
use crate::model::language::LanguageModel;
use crate::model::ops::cpu::Cpu;
use crate::model::ops::{Ops, device};
use crate::model::sample::Picking;
use crate::model::weights::LoadError;
use crate::model::{ModelSpec, kernel, locate};

use super::classify;
use super::command::{EmbedRequest, GenerateRequest, Generation, ScoreRequest, Temperature, TrainRequest};
use super::embed;
use super::event::{Answer, Embedded, Event, ModelInfo, NextToken, Outcome, Stats, Trained};
use super::generate::{self, Rules, generate_batch};
use super::items::items;
use super::memory;
use super::plan::{Budget, Item, Plan, shared_prefix};
use super::prefixes::{Prefixes, shared};
use super::score::{CHUNK, score_batch};
use super::scores::Scores;
use super::spread::{halving, spread, todo};
use super::train;
use super::warm::warm_up;
use super::worker::{Backend, EngineError, Job};

/// Rows of a scoring batch on the CPU: more do not make products faster.
const CPU_SCORE_ROWS: usize = 64;
/// Tokens of a batch on the CPU: enough that packing the weights for a product costs little beside it.
const CPU_TOKENS: usize = 1024;
/// Rows decoded together on the CPU.
const CPU_GENERATE_ROWS: usize = 64;
/// Rows and tokens of a batch on a GPU.
const GPU_ROWS: usize = 512;
const GPU_TOKENS: usize = 16_384;
/// How far the engine steps back for the interface, of 19: a tenth of its share where both want a processor.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// All threads of the machine, but for one for the interface where there are more than two.
pub fn default_threads() -> usize {
    let available = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if available > 2 { available - 1 } else { available }
}

/// Lets the threads of the interface go first where the calling thread, and those that it starts, compete with them.
fn give_way() {
    // Elsewhere niceness is the whole program's.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

/// Models on this machine.
pub struct Local {
    threads: usize,
    /// Whether the engine's thread is still to be told to give way.
    polite: bool,
    /// Where scores of language models are kept.
    scores: Option<PathBuf>,
    loaded: Option<Loaded>,
}

struct Loaded {
    spec: ModelSpec,
    model: Model,
    info: Arc<ModelInfo>,
}

/// A model of either kind.
enum Model {
    /// It continues texts.
    Language(Box<Speaking>),
    /// It tells texts apart.
    Classifier(Box<Classifier>),
}

/// A language model with what the last job left.
struct Speaking {
    model: LanguageModel,
    kept: Kept,
    scores: Option<Scores>,
}

/// Keys and values of prefixes that the last jobs' prompts shared.
#[derive(Default)]
struct Kept {
    cpu: Prefixes<Cpu>,
    device: Prefixes<device::Device>,
}

impl Local {
    /// An engine on so many threads; where none are named, on [`default_threads`].
    pub fn new(threads: Option<usize>) -> Self {
        let threads = threads.unwrap_or_else(default_threads).max(1);
        // Products inside one operation run on rayon's own pool; a second call finds it built already.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        Self { threads, polite: false, scores: None, loaded: None }
    }

    /// The same on threads that give way to all others: where somebody types while it works.
    pub fn polite(threads: Option<usize>) -> Self {
        let threads = threads.unwrap_or_else(default_threads).max(1);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).start_handler(|_| give_way());
        let _ = pool.build_global();
        Self { threads, polite: true, scores: None, loaded: None }
    }

    /// The same that keeps the scores of language models in a folder and takes them from there; without one nothing is kept.
    pub fn with_scores(self, folder: Option<PathBuf>) -> Self {
        Self { scores: folder, ..self }
    }

    fn loaded(&mut self) -> Result<&mut Loaded, EngineError> {
        self.loaded.as_mut().ok_or_else(|| EngineError::Failed("no model is loaded".to_owned()))
    }

    /// The language model for what a classifier cannot do.
    fn speaking(&mut self) -> Result<&mut Speaking, EngineError> {
        let Loaded { model, info, .. } = self.loaded()?;
        match model {
            Model::Language(speaking) => Ok(speaking),
            Model::Classifier(_) => Err(EngineError::Bad(format!(
                "{} is a classifier: it scores labels (decode.method = \"score\") and continues no text",
                info.name
            ))),
        }
    }
}

impl From<LoadError> for EngineError {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Cancelled => Self::Cancelled,
            error => Self::Bad(error.to_string()),
        }
    }
}

impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        // Only the first line: candle appends a backtrace.
        Self::Failed(error.to_string().lines().next().unwrap_or("computing failed").to_owned())
    }
}

impl Backend for Local {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        // This is the engine's thread, and nothing is done before a model is loaded.
        if std::mem::take(&mut self.polite) {
            give_way();
        }
        if let Some(loaded) = self.loaded.as_ref().filter(|loaded| loaded.spec == *spec) {
            return Ok(Arc::clone(&loaded.info));
        }
        let located = locate::locate(&spec.source, &mut |fetching| {
            job.loading(fetching.what.clone(), fetching.done, fetching.total);
            !job.is_cancelled()
        });
        job.check()?;
        let located = located.map_err(|error| EngineError::Bad(error.to_string()))?;
        job.loading(format!("reading {}", located.name), 0, None);
        // The old model goes first: two need not fit into memory.
        self.loaded = None;
        if let Some(model) = classify::load(job, &located, spec)? {
            let info = Arc::new(classify::describe(&model, located, spec, self.threads)?);
            let model = Model::Classifier(Box::new(model));
            self.loaded = Some(Loaded { spec: spec.clone(), model, info: Arc::clone(&info) });
            return Ok(info);
        }
        let model = LanguageModel::load(&located, &spec.device, spec.dtype, &mut || !job.is_cancelled())?;
        if !model.device.is_cpu() {
            let ops = device::Device { device: model.device.clone(), dtype: model.dtype };
            warm_up(&model.decoder, &ops, &mut || !job.is_cancelled())?;
            job.check()?;
        }
        let info = Arc::new(ModelInfo {
            name: located.name,
            origin: located.origin,
            sha256: model.sha256.clone(),
            device: model.device_name(),
            dtype: format!("{:?}", model.dtype).to_lowercase(),
            kernels: model.kernels(),
            context: model.decoder.config().context,
            threads: self.threads,
            tokenizer: Some(Arc::clone(&model.tokenizer)),
            chat: model.chat.clone(),
            classifier: None,
            scoring: None,
        });
        let scores = self.scores.as_deref().map(|folder| Scores::of(folder, &model));
        let model = Model::Language(Box::new(Speaking { model, kept: Kept::default(), scores }));
        self.loaded = Some(Loaded { spec: spec.clone(), model, info: Arc::clone(&info) });
        Ok(info)
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        let started = Instant::now();
        let threads = self.threads;
        if let Loaded { model: Model::Classifier(model), .. } = self.loaded()? {
            return classify::score(job, model, request, threads);
        }
        let Speaking { model, kept, scores } = self.speaking()?;
        let scores = scores.as_ref();
        let mut stats = Stats::default();
        let ScoreRequest { prompts, labels, rows, truncate, .. } = request;
        let items = items(job, model, prompts, labels, rows, *truncate, &mut stats)?;
        let budget = score_budget(threads, model, &items, request.batch_size);
        let plan = Plan::new(items, true, budget);
        let answer = |place: usize, logprobs: &Vec<f64>| {
            plan.answer(place, |index, prompt_tokens| Answer {
                index,
                logprobs: logprobs.clone(),
                prompt_tokens,
                ..Answer::default()
            })
        };
        let (done, known) = match scores {
            Some(scores) => scores.answer(job, &plan, &request.done, answer, &mut stats)?,
            None => (request.done.clone(), Vec::new()),
        };
        let todo = todo(&plan, &done, &known);
        let keep = |batch: &[usize], logprobs: Vec<Vec<f64>>| {
            if let Some(scores) = scores {
                scores.keep(&plan, batch, &logprobs);
            }
            logprobs
        };
        let go_on = || !job.is_cancelled();
        if model.device.is_cpu() {
            let all = Cpu::new(threads);
            let shared = shared(job, model, &all, &plan, &todo, &mut kept.cpu, &mut stats)?;
            // One batch cannot be spread: its products take all threads.
            let ops = if todo.len() > 1 { Cpu { threads: 1, ..all } } else { all };
            let work = |batch: &Vec<usize>| {
                let scored = score_batch(&model.decoder, &ops, &shared, &plan, batch, &mut || go_on())?;
                scored.map(|logprobs| keep(batch, logprobs)).ok_or(EngineError::Cancelled)
            };
            spread(job, &plan, &done, &todo, threads, work, answer, &mut stats)?;
        } else {
            let ops = device::Device { device: model.device.clone(), dtype: model.dtype };
            let fits = AtomicUsize::new(usize::MAX);
            let shared = shared(job, model, &ops, &plan, &todo, &mut kept.device, &mut stats)?;
            let work = |batch: &Vec<usize>| {
                halving(job, batch, &fits, &|batch| {
                    let scored = score_batch(&model.decoder, &ops, &shared, &plan, batch, &mut || go_on())?;
                    scored.map(|logprobs| keep(batch, logprobs)).ok_or(EngineError::Cancelled)
                })
            };
            spread(job, &plan, &done, &todo, 1, work, answer, &mut stats)?;
        }
        stats.seconds = started.elapsed().as_secs_f64();
        Ok(stats)
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        let started = Instant::now();
        let threads = self.threads;
        let Speaking { model, kept, .. } = self.speaking()?;
        let mut stats = Stats::default();
        let rules = rules(model, &request.generation)?;
        let GenerateRequest { prompts, rows, truncate, .. } = request;
        let items = items(job, model, prompts, &[], rows, *truncate, &mut stats)?;
        let budget = generate_budget(threads, model, &items, request);
        // Greedy texts of equal prompts are equal; drawn ones are not.
        let plan = Plan::new(items, rules.picking.temperature <= 0.0, budget);
        let answer = |place: usize, done: &Done| {
            plan.answer(place, |index, prompt_tokens| Answer {
                index,
                text: done.text.clone(),
                token_ids: done.tokens.clone(),
                finish: done.finish,
                prompt_tokens,
                ..Answer::default()
            })
        };
        let todo = todo(&plan, &request.done, &[]);
        if model.device.is_cpu() {
            let all = Cpu::rounding(threads);
            let shared = shared(job, model, &all, &plan, &todo, &mut kept.cpu, &mut stats)?;
            let ops = if todo.len() > 1 { Cpu { threads: 1, ..all } } else { all };
            let work = |batch: &Vec<usize>| {
                let one = || continue_batch(job, model, &ops, &shared, &plan, batch, &rules, request.stream);
                // A thread of the pool hands the halves of small products over without waking another.
                if ops.threads > 1 { rayon::scope(|_| one()) } else { one() }
            };
            spread(job, &plan, &request.done, &todo, threads, work, answer, &mut stats)?;
        } else {
            let ops = device::Device { device: model.device.clone(), dtype: model.dtype };
            let fits = AtomicUsize::new(usize::MAX);
            let shared = shared(job, model, &ops, &plan, &todo, &mut kept.device, &mut stats)?;
            let work = |batch: &Vec<usize>| {
                halving(job, batch, &fits, &|batch| {
                    continue_batch(job, model, &ops, &shared, &plan, batch, &rules, request.stream)
                })
            };
            spread(job, &plan, &request.done, &todo, 1, work, answer, &mut stats)?;
        }
        stats.seconds = started.elapsed().as_secs_f64();
        Ok(stats)
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        let threads = self.threads;
        let Speaking { model, .. } = self.speaking()?;
        let token_ids = model.tokenizer.encode(prompt, true).map_err(|error| EngineError::Bad(error.to_string()))?;
        if token_ids.is_empty() || token_ids.len() > model.decoder.config().context {
            return Err(EngineError::Bad(format!(
                "the prompt has {} tokens: 1 to {} are needed",
                token_ids.len(),
                model.decoder.config().context
            )));
        }
        let (mut next, perplexity) = if model.device.is_cpu() {
            distribution(job, model, &Cpu::new(threads), &token_ids)?
        } else {
            distribution(job, model, &device::Device { device: model.device.clone(), dtype: model.dtype }, &token_ids)?
        };
        next.truncate(top);
        Ok(Outcome::Next { token_ids, next, perplexity })
    }

    fn embed(&mut self, job: &Job, request: &EmbedRequest) -> Result<Embedded, EngineError> {
        if std::mem::take(&mut self.polite) {
            give_way();
        }
        embed::embed(job, request, self.threads)
    }

    fn train(&mut self, job: &Job, request: &TrainRequest) -> Result<Trained, EngineError> {
        if std::mem::take(&mut self.polite) {
            give_way();
        }
        train::train(job, request, self.threads)
    }
}

/// A finished text.
struct Done {
    text: String,
    tokens: Vec<u32>,
    finish: Option<super::FinishReason>,
}

#[allow(clippy::too_many_arguments)]
fn continue_batch<O: Ops>(
    job: &Job,
    model: &LanguageModel,
    ops: &O,
    shared: &[(usize, O::Cache)],
    plan: &Plan,
    batch: &[usize],
    rules: &Rules<'_>,
    stream: bool,
) -> Result<Vec<Done>, EngineError> {
    let prompts = batch
        .iter()
        .filter_map(|&place| {
            let index = plan.answers.get(place)?.first()?;
            Some((*index, plan.items.get(place)?.context.clone()))
        })
        .collect();
    let drafts =
        generate_batch(&model.decoder, ops, shared, prompts, rules, &mut || !job.is_cancelled(), &mut |token| {
            if stream {
                let text = token.text.to_owned();
                job.send(Event::Token {
                    job: job.id(),
                    index: token.index,
                    id: token.id,
                    text,
                    logprob: token.logprob,
                });
            }
        })?;
    let drafts: Vec<generate::Draft<'_>> = drafts.ok_or(EngineError::Cancelled)?;
    Ok(drafts.into_iter().map(|draft| Done { text: draft.text, tokens: draft.tokens, finish: draft.finish }).collect())
}

/// What a scoring batch may hold. On the CPU all threads get as much: weights are widened once a batch, and whoever is done
/// first waits.
fn score_budget(threads: usize, model: &LanguageModel, items: &[Item], asked: Option<usize>) -> Budget {
    if !model.device.is_cpu() {
        return Budget { rows: asked.unwrap_or(GPU_ROWS), tokens: GPU_TOKENS, padded: true };
    }
    let prefix = shared_prefix(items);
    let tokens: usize = items.iter().map(|item| item.context.len() - prefix).sum();
    let batches = threads * tokens.div_ceil(threads * CPU_TOKENS).max(1);
    // Half a row more than the mean, so that the last batch is not one of what was left over.
    let share = (tokens / batches + tokens / items.len().max(1) / 2).clamp(CPU_TOKENS / 8, CPU_TOKENS);
    match asked {
        Some(rows) => Budget { rows, tokens: 8 * CPU_TOKENS, padded: false },
        None => Budget { rows: CPU_SCORE_ROWS, tokens: share, padded: false },
    }
}

/// What a generating batch may hold: every row keeps its keys and values to the end, so memory decides.
fn generate_budget(threads: usize, model: &LanguageModel, items: &[Item], request: &GenerateRequest) -> Budget {
    let longest = items.iter().map(|item| item.context.len()).max().unwrap_or(0);
    let tokens = longest.saturating_add(request.generation.max_new_tokens).min(model.decoder.config().context);
    let row = model.decoder.cache_bytes_per_token(model.dtype.size_in_bytes()).saturating_mul(tokens).max(1);
    let on_cpu = model.device.is_cpu();
    let most = if on_cpu { CPU_GENERATE_ROWS } else { GPU_ROWS };
    // A quarter of what is free, over all batches at work. How much a GPU has is found out by trying.
    let room = memory::available().filter(|_| on_cpu).map_or(most, |bytes| bytes / 4 / threads / row);
    let rows = request.batch_size.unwrap_or(room.clamp(1, most));
    Budget { rows, tokens: if on_cpu { usize::MAX } else { GPU_TOKENS }, padded: !on_cpu }
}

fn rules<'a>(model: &'a LanguageModel, generation: &'a Generation) -> Result<Rules<'a>, EngineError> {
    let own = &model.generation;
    let picking = match generation.temperature {
        Temperature::Value(temperature) => Picking {
            temperature,
            top_k: generation.top_k,
            top_p: generation.top_p,
            repetition_penalty: generation.repetition_penalty,
        },
        Temperature::Model => Picking {
            temperature: if own.do_sample { own.temperature.unwrap_or(1.0) } else { 0.0 },
            top_k: generation.top_k.or(own.top_k),
            top_p: generation.top_p.or(own.top_p),
            repetition_penalty: generation.repetition_penalty.or(own.repetition_penalty),
        },
    };
    if generation.max_new_tokens == 0 {
        return Err(EngineError::Bad("decode.max_new_tokens is 0: at least one token must be generated".to_owned()));
    }
    Ok(Rules {
        tokenizer: &model.tokenizer,
        end: &model.decoder.config().eos,
        picking,
        seed: generation.seed,
        max_new_tokens: generation.max_new_tokens,
        context: model.decoder.config().context,
        stop: &generation.stop,
    })
}

/// The whole next-token distribution, best first, and the perplexity of the prompt's own tokens.
fn distribution<O: Ops>(
    job: &Job,
    model: &LanguageModel,
    ops: &O,
    ids: &[u32],
) -> Result<(Vec<NextToken>, Option<f64>), EngineError> {
    let decoder = &model.decoder;
    let vocabulary = decoder.config().vocab_size.max(1);
    let mut past = Past::none(ops, 1);
    let mut surprise = 0.0;
    let mut at = 0;
    let mut last = Vec::new();
    for piece in ids.chunks(CHUNK) {
        job.check()?;
        let rows = [Row { tokens: piece.to_vec(), tree: Vec::new(), wanted: 0 }];
        let mut batch = Batch { rows: &rows, shared: &[], past: Some(&mut past) };
        let hidden = decoder.forward_while(ops, &mut batch, &mut || !job.is_cancelled())?;
        let hidden = hidden.ok_or(EngineError::Cancelled)?;
        for first in (0..piece.len()).step_by(64) {
            let places: Vec<usize> = (first..piece.len().min(first + 64)).collect();
            let logits = ops.values(&decoder.logits(ops, &ops.select(&hidden, &places)?)?)?;
            for logits in logits.chunks_exact(vocabulary) {
                at += 1;
                match ids.get(at) {
                    Some(&id) => {
                        let logit = logits.get(id as usize).copied().unwrap_or(f32::NEG_INFINITY);
                        surprise += kernel::log_sum_exp(logits) - f64::from(logit);
                    }
                    None => last = logits.to_vec(),
                }
            }
        }
    }
    let normaliser = kernel::log_sum_exp(&last);
    let mut next: Vec<(u32, f32)> = last.iter().enumerate().map(|(id, &logit)| (id as u32, logit)).collect();
    next.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let next = next
        .into_iter()
        .map(|(id, logit)| NextToken {
            id: Some(id),
            token: model.tokenizer.token_text(id),
            logit,
            probability: (f64::from(logit) - normaliser).exp(),
        })
        .collect();
    let perplexity = (ids.len() > 1).then(|| (surprise / (ids.len() - 1) as f64).exp());
    Ok((next, perplexity))
}
