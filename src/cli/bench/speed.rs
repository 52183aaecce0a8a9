//! How fast a model is on this machine: a long prompt, a text being generated, labels of many short prompts.

use std::time::Instant;

use serde::Serialize;

use super::products::{self, Products};
use crate::cli::failure::Failure;
use crate::cli::models::{Choice, Models};
use crate::cli::{Global, run};
use crate::engine::local::Local;
use crate::engine::{EngineError, Event, GenerateRequest, Generation, Outcome, ScoreRequest, Stats, Temperature, Work};
use crate::model::matrix::{View, matmul};
use crate::model::tokenizer::Tokenizer;
use crate::session::SessionFile;

/// Tokens of the long prompt, about.
const PROMPT_TOKENS: usize = 400;
/// Tokens to generate.
const NEW_TOKENS: usize = 64;
/// Rows to score.
const ROWS: usize = 128;
/// Rows that a probe asks after each edit.
const PROBED: usize = 32;
/// How often each is done; the median counts.
const TIMES: usize = 5;
/// The product that others are held against: rows, inputs and outputs of SmolLM2's first MLP layer.
const PRODUCT: [usize; 3] = [400, 576, 1536];

/// What was measured, and where.
#[derive(Serialize)]
pub(super) struct Measured {
    pub model: String,
    pub device: String,
    pub dtype: String,
    pub threads: usize,
}

impl Measured {
    /// A table of it and the figures behind it; the memory is what the program took at most.
    pub fn table(&self, figures: Vec<(&str, String)>, peak_memory_bytes: Option<u64>) -> String {
        let on = format!("{} ({}, {} threads)", self.device, self.dtype, self.threads);
        let memory = peak_memory_bytes.map(|bytes| ("memory", format!("{:.0} MB at most", bytes as f64 / 1e6)));
        let lines = [("model", self.model.clone()), ("on", on)].into_iter().chain(figures).chain(memory);
        lines.map(|(name, value)| format!("{name:<12}{value}\n")).collect()
    }
}

/// Speeds of one model.
#[derive(Serialize)]
pub(super) struct Speed {
    #[serde(flatten)]
    measured: Measured,
    /// How weights are held and multiplied.
    kernels: String,
    load_seconds: f64,
    prefill_tokens_per_second: f64,
    /// None of a classifier, which continues no text.
    decode_tokens_per_second: Option<f64>,
    score_rows_per_second: f64,
    few_shot_rows_per_second: f64,
    /// The rows of a probe again, after an edit in the middle of the zero-shot instruction.
    probe_instruction_seconds: f64,
    /// The same few-shot, after an edit in the middle of the examples.
    probe_demo_seconds: f64,
    /// What the processor makes of f32 products, on one thread.
    product_gflops: Option<f64>,
    /// Products with its quantised weights, where it has any.
    products: Option<Products>,
    /// The most memory that the program took, where the system tells.
    peak_memory_bytes: Option<u64>,
}

/// Measures; progress and Ctrl-C are those of `models`.
pub(super) fn measure(choice: &Choice, global: &Global) -> Result<Speed, Failure> {
    let stop = crate::cli::signals::stop_flag();
    let prompts = ["zero-shot", "few-shot"].map(|name| prompts(name, &stop, global));
    let [zero_shot, few_shot] = prompts;
    let ((zero_shot, labels), (few_shot, _)) = (zero_shot?, few_shot?);
    // No score is taken from an earlier time: each is computed as often as it is measured.
    let models = Models::on(Local::new(global.threads()), stop, global)?;
    let started = Instant::now();
    let model = models.load(&choice.spec()?)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let Some(tokenizer) = model.tokenizer.clone() else {
        return Err(Failure::Bad(format!(
            "{}: bench measures models on this machine, and this is a server",
            model.origin
        )));
    };
    let told = |what: &str| models.bar.bytes(what, 0, None);

    told("a long prompt");
    let prefill_tokens_per_second = median(|time| {
        let prompt = long_prompt(&tokenizer, model.context, &zero_shot, time)?;
        let stats = score(&models, vec![prompt], &labels)?;
        Ok(stats.computed_tokens as f64 / stats.seconds)
    })?;
    let decode_tokens_per_second = if model.classifier.is_some() {
        None
    } else {
        told("a text");
        Some(median(|_| decode(&models, &zero_shot))?)
    };
    let rows = |prompts: &[String]| {
        median(|_| score(&models, prompts.to_vec(), &labels).map(|stats| stats.rows as f64 / stats.seconds))
    };
    told("labels, zero-shot");
    let score_rows_per_second = rows(&zero_shot)?;
    told("labels, few-shot");
    let few_shot_rows_per_second = rows(&few_shot)?;
    told("a probe after an edit");
    let after_edit = |prompts: &[String], place: fn(&str) -> usize| {
        let prompts = prompts.get(..PROBED.min(prompts.len())).unwrap_or_default();
        score(&models, prompts.to_vec(), &labels)?;
        median(|time| Ok(score(&models, edited(prompts, place, time), &labels)?.seconds))
    };
    let probe_instruction_seconds = after_edit(&zero_shot, |shared| shared.lines().next().map_or(0, str::len) / 2)?;
    let probe_demo_seconds = after_edit(&few_shot, |shared| shared.len() / 2)?;
    let peak_memory_bytes = peak_memory();
    told("products");
    let on_cpu = model.device == "cpu";
    let product_gflops = on_cpu.then(product);
    let products = if on_cpu { products::measure(&choice.spec()?.source, &models.stop, global)? } else { None };
    models.bar.clear();
    Ok(Speed {
        measured: Measured {
            model: model.name.clone(),
            device: model.device.clone(),
            dtype: model.dtype.clone(),
            threads: model.threads,
        },
        kernels: model.kernels.clone(),
        load_seconds,
        prefill_tokens_per_second,
        decode_tokens_per_second,
        score_rows_per_second,
        few_shot_rows_per_second,
        probe_instruction_seconds,
        probe_demo_seconds,
        product_gflops,
        products,
        peak_memory_bytes,
    })
}

/// The median of what is measured several times; what is measured is told which time it is.
fn median(mut measure: impl FnMut(usize) -> Result<f64, Failure>) -> Result<f64, Failure> {
    let mut measured = (0..TIMES).map(&mut measure).collect::<Result<Vec<f64>, _>>()?;
    measured.sort_by(f64::total_cmp);
    Ok(measured.get(TIMES / 2).copied().unwrap_or(f64::NAN))
}

/// Prompts of a bundled session, with its labels.
pub(super) fn prompts(
    name: &str,
    stop: &crate::engine::Cancel,
    global: &Global,
) -> Result<(Vec<String>, Vec<String>), Failure> {
    let session = SessionFile::bundled(name)?.load(&[])?;
    let prepared = run::prepare(session, stop, global)?;
    let rows = prepared.rows(crate::data::Split::Validation, Some(ROWS))?;
    let renderer = prepared.plain()?;
    let prompts: Result<Vec<String>, _> = rows.iter().map(|row| renderer.prompt(*row).map(|of| of.text)).collect();
    Ok((prompts?, prepared.data.labels().to_vec()))
}

/// Texts one after another, another one first each time, so that nothing of it was computed before.
fn long_prompt(tokenizer: &Tokenizer, context: usize, texts: &[String], time: usize) -> Result<String, Failure> {
    let mut prompt = String::new();
    for text in texts.iter().cycle().skip(time * 7).take(texts.len()) {
        prompt.push_str(text);
        let tokens = tokenizer.encode(&prompt, true).map_err(|error| Failure::Failed(error.to_string()))?;
        if tokens.len() >= PROMPT_TOKENS.min(context / 2) {
            break;
        }
    }
    Ok(prompt)
}

fn score(models: &Models, prompts: Vec<String>, labels: &[String]) -> Result<Stats, Failure> {
    let request = ScoreRequest { prompts, labels: labels.to_vec(), truncate: true, ..ScoreRequest::default() };
    stats(models.work(Work::Score(request), &mut |_| Ok::<_, EngineError>(()))?)
}

fn stats(outcome: Outcome) -> Result<Stats, Failure> {
    match outcome {
        Outcome::Answered(stats) => Ok(stats),
        _ => Err(Failure::Failed("the engine answered something else".to_owned())),
    }
}

/// Prompts with a new word at a place of what they all begin with, another one each time.
fn edited(prompts: &[String], place: fn(&str) -> usize, time: usize) -> Vec<String> {
    let Some(first) = prompts.first() else { return Vec::new() };
    let common = |other: &String| -> usize {
        let same = first.chars().zip(other.chars()).take_while(|(a, b)| a == b);
        same.map(|(a, _)| a.len_utf8()).sum()
    };
    let shared = prompts.iter().map(common).min().unwrap_or(0);
    let shared = first.get(..shared).unwrap_or_default();
    let place = shared.get(place(shared)..).and_then(|rest| rest.find(' ')).map_or(0, |blank| place(shared) + blank);
    let edit = |prompt: &String| {
        let (before, behind) = prompt.split_at_checked(place).unwrap_or_default();
        format!("{before} word{time}{behind}")
    };
    prompts.iter().map(edit).collect()
}

/// Tokens a second between the first token of a text and its last.
fn decode(models: &Models, prompts: &[String]) -> Result<f64, Failure> {
    let generation = Generation {
        max_new_tokens: NEW_TOKENS,
        temperature: Temperature::Value(0.0),
        top_p: None,
        top_k: None,
        repetition_penalty: None,
        seed: 0,
        stop: Vec::new(),
    };
    let (mut tokens, mut seconds) = (0, 0.0);
    // Texts that end early are short: some more, until there are enough tokens.
    for prompt in prompts {
        let request = GenerateRequest {
            prompts: vec![prompt.clone()],
            generation: generation.clone(),
            rows: Vec::new(),
            done: Vec::new(),
            batch_size: None,
            truncate: true,
            stream: true,
        };
        let mut times: Vec<Instant> = Vec::new();
        models.work(Work::Generate(request), &mut |event| {
            if let Event::Token { .. } = event {
                times.push(Instant::now());
            }
            Ok::<_, EngineError>(())
        })?;
        if let (Some(first), Some(last)) = (times.first(), times.last()) {
            tokens += times.len() - 1;
            seconds += last.duration_since(*first).as_secs_f64();
        }
        if tokens >= NEW_TOKENS {
            break;
        }
    }
    Ok(tokens as f64 / seconds)
}

/// Billions of operations a second in an f32 product, on one thread.
fn product() -> f64 {
    let [rows, inputs, outputs] = PRODUCT;
    let (a, b) = (vec![1.0; rows * inputs], vec![1.0; outputs * inputs]);
    let mut out = vec![0.0; rows * outputs];
    let mut once = || {
        let started = Instant::now();
        let weights = View::new(&b, outputs, inputs, inputs).transposed();
        matmul(&mut out, outputs, View::new(&a, rows, inputs, inputs), weights, false, 1);
        started.elapsed().as_secs_f64()
    };
    let best = (0..TIMES * 4).map(|_| once()).fold(f64::INFINITY, f64::min);
    (2 * rows * inputs * outputs) as f64 / best / 1e9
}

/// The most memory that this program had at once.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// To be read.
pub(super) fn table(speed: &Speed) -> String {
    let number = |value: f64| format!("{value:.1}");
    let mut lines: Vec<(&str, String)> = std::iter::once("kernels")
        .chain(std::iter::repeat(""))
        .zip(speed.kernels.split("; ").map(str::to_owned))
        .collect();
    lines.push(("load", format!("{:.2} s", speed.load_seconds)));
    let prefill = number(speed.prefill_tokens_per_second);
    lines.push(("prefill", format!("{prefill} tokens/s   one prompt of {PROMPT_TOKENS} tokens")));
    if let Some(decode) = speed.decode_tokens_per_second {
        lines.push(("decode", format!("{} tokens/s   one text of {NEW_TOKENS} tokens", number(decode))));
    }
    let (zero_shot, few_shot) = (speed.score_rows_per_second, speed.few_shot_rows_per_second);
    lines.push(("score", format!("{} rows/s     {ROWS} bundled tweets, zero-shot", number(zero_shot))));
    lines.push(("", format!("{} rows/s     few-shot, {:.2} times the time", number(few_shot), zero_shot / few_shot)));
    let (instruction, demo) = (speed.probe_instruction_seconds, speed.probe_demo_seconds);
    lines.push(("probe", format!("{instruction:.2} s          {PROBED} rows again after an edit of the instruction")));
    lines.push(("", format!("{demo:.2} s          few-shot, after an edit of an example")));
    if let Some(product) = speed.product_gflops {
        lines.push(("f32 product", format!("{} GFLOP/s    one thread, for comparison", number(product))));
    }
    lines.extend(speed.products.iter().flat_map(Products::lines));
    speed.measured.table(lines, speed.peak_memory_bytes)
}
