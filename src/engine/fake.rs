//! A scripted engine: it drives the interface's tests, with no weights and no device.
//!
//! It answers by what prompts contain, in batches, as slowly as it is told to, and can fail or panic at a prompt of
//! one's choice. Nothing outside tests starts it.

mod train;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::ModelSpec;
use crate::model::tokenizer::Tokenizer;

use super::command::{GenerateRequest, ScoreRequest, TrainRequest};
use super::event::{Answer, Event, FinishReason, ModelInfo, NextToken, Outcome, Progress, Stats, Trained};
use super::worker::{Backend, EngineError, Job};

pub use train::TrainScript;

/// What a prompt that contains `contains` is answered with.
#[derive(Clone, Debug)]
pub struct Rule {
    /// A part of the prompt.
    pub contains: String,
    /// Log-probability of each label, by the label's place; labels beyond it get −10.
    pub logprobs: Vec<f64>,
    /// The text generated.
    pub text: String,
}

/// The script.
#[derive(Clone, Debug)]
pub struct Script {
    /// Rules, the first that fits counts; prompts that none fits get equal labels and no text.
    pub rules: Vec<Rule>,
    /// Rows a batch.
    pub batch: usize,
    /// Time a batch takes.
    pub delay: Duration,
    /// Time that loading takes.
    pub load: Duration,
    /// Loading fails with this.
    pub load_error: Option<String>,
    /// The prompt at this place fails the job.
    pub fail_at: Option<usize>,
    /// The prompt at this place panics.
    pub panic_at: Option<usize>,
    /// How a training goes.
    pub train: TrainScript,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            batch: 8,
            delay: Duration::ZERO,
            load: Duration::ZERO,
            load_error: None,
            fail_at: None,
            panic_at: None,
            train: TrainScript::default(),
        }
    }
}

/// The scripted engine.
pub struct Fake {
    script: Script,
    tokenizer: Arc<Tokenizer>,
}

impl Fake {
    /// An engine that follows `script` and counts tokens by `tokenizer`.
    pub fn new(script: Script, tokenizer: Arc<Tokenizer>) -> Self {
        Self { script, tokenizer }
    }

    /// Trains as the script says; `each` is called before every step with the number of those done.
    pub fn train_with(
        &self,
        job: &Job,
        request: &TrainRequest,
        each: &mut dyn FnMut(usize),
    ) -> Result<Trained, EngineError> {
        train::train(&self.script.train, job, request, each)
    }

    fn rule(&self, prompt: &str) -> Option<&Rule> {
        self.script.rules.iter().find(|rule| prompt.contains(&rule.contains))
    }

    /// Waits in small steps, so that a cancel is seen.
    fn wait(&self, job: &Job, time: Duration) -> Result<(), EngineError> {
        let until = Instant::now() + time;
        loop {
            job.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
    }

    #[allow(clippy::panic)]
    fn answer_all(
        &self,
        job: &Job,
        prompts: &[String],
        done: &[bool],
        answer: impl Fn(usize, &str) -> Answer,
    ) -> Result<Stats, EngineError> {
        let is_done = |index: usize| done.get(index).copied().unwrap_or(false);
        let mut stats = Stats::default();
        let mut answered = (0..prompts.len()).filter(|&index| is_done(index)).count();
        let todo: Vec<(usize, &String)> = prompts.iter().enumerate().filter(|(index, _)| !is_done(*index)).collect();
        for batch in todo.chunks(self.script.batch.max(1)) {
            self.wait(job, self.script.delay)?;
            let mut answers = Vec::new();
            for (index, prompt) in batch {
                if self.script.fail_at == Some(*index) {
                    return Err(EngineError::Failed(format!("the script fails at prompt {index}")));
                }
                if self.script.panic_at == Some(*index) {
                    panic!("the script panics at prompt {index}");
                }
                answers.push(answer(*index, prompt));
            }
            answered += answers.len();
            stats.rows += answers.len();
            stats.prompt_tokens += answers.iter().map(|answer| answer.prompt_tokens).sum::<usize>();
            job.answers(answers);
            job.progress(Progress { done: answered, total: prompts.len(), note: None });
        }
        stats.computed_tokens = stats.prompt_tokens;
        Ok(stats)
    }

    fn tokens(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.tokenizer.encode(text, true).map_err(|error| EngineError::Bad(error.to_string()))
    }
}

impl Backend for Fake {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        job.loading("reading the script", 0, None);
        self.wait(job, self.script.load)?;
        if let Some(error) = &self.script.load_error {
            return Err(EngineError::Bad(error.clone()));
        }
        Ok(Arc::new(ModelInfo {
            name: "scripted".to_owned(),
            origin: spec.source.clone(),
            sha256: "0".repeat(64),
            device: "cpu".to_owned(),
            dtype: "f32".to_owned(),
            kernels: "a script".to_owned(),
            context: 2048,
            threads: 1,
            tokenizer: Some(Arc::clone(&self.tokenizer)),
            chat: None,
            classifier: None,
            scoring: None,
        }))
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        let started = Instant::now();
        let mut stats = self.answer_all(job, &request.prompts, &request.done, |index, prompt| {
            let logprobs = self.rule(prompt).map(|rule| rule.logprobs.as_slice()).unwrap_or_default();
            Answer {
                index,
                logprobs: (0..request.labels.len())
                    .map(|label| logprobs.get(label).copied().unwrap_or(-10.0))
                    .collect(),
                text: String::new(),
                token_ids: Vec::new(),
                finish: None,
                prompt_tokens: self.tokens(prompt).map_or(0, |ids| ids.len()),
            }
        })?;
        stats.seconds = started.elapsed().as_secs_f64();
        Ok(stats)
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        let started = Instant::now();
        let mut stats = self.answer_all(job, &request.prompts, &request.done, |index, prompt| {
            let text = self.rule(prompt).map(|rule| rule.text.clone()).unwrap_or_default();
            let token_ids = self.tokens(&text).unwrap_or_default();
            if request.stream {
                let mut stream = self.tokenizer.stream();
                for &id in &token_ids {
                    job.send(Event::Token { job: job.id(), index, id, text: stream.push(id), logprob: -0.1 });
                }
            }
            Answer {
                index,
                logprobs: Vec::new(),
                text,
                token_ids,
                finish: Some(FinishReason::Stop),
                prompt_tokens: self.tokens(prompt).map_or(0, |ids| ids.len()),
            }
        })?;
        stats.seconds = started.elapsed().as_secs_f64();
        Ok(stats)
    }

    fn train(&mut self, job: &Job, request: &TrainRequest) -> Result<Trained, EngineError> {
        self.train_with(job, request, &mut |_| {})
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        self.wait(job, self.script.delay)?;
        let token_ids = self.tokens(prompt)?;
        let next = self.rule(prompt).map(|rule| self.tokens(&rule.text)).transpose()?.unwrap_or_default();
        let next = next
            .iter()
            .take(top)
            .enumerate()
            .map(|(place, &id)| {
                let probability = 0.5f64.powi(place as i32 + 1);
                NextToken {
                    id: Some(id),
                    token: self.tokenizer.token_text(id),
                    logit: probability.ln() as f32,
                    probability,
                }
            })
            .collect();
        Ok(Outcome::Next { token_ids, next, perplexity: None })
    }
}
