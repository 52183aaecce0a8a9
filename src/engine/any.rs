//! The engine that the program uses: models on this machine, or a server's, by what the session names.

use std::sync::Arc;

use crate::model::ModelSpec;

use super::command::{EmbedRequest, GenerateRequest, ScoreRequest, TrainRequest};
use super::event::{Embedded, ModelInfo, Outcome, Stats, Trained};
use super::local::Local;
use super::remote::Remote;
use super::worker::{Backend, EngineError, Job};

/// Passes each work on to the engine whose model was loaded last. Encoders are embedded with and trained here alone.
pub struct Any {
    local: Local,
    remote: Remote,
    is_remote: bool,
}

impl Any {
    /// Models on this machine are run by `local`; a server's key is taken from the environment.
    pub fn new(local: Local) -> Self {
        Self { local, remote: Remote::new(), is_remote: false }
    }

    fn backend(&mut self) -> &mut dyn Backend {
        if self.is_remote { &mut self.remote } else { &mut self.local }
    }
}

impl Backend for Any {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        // What fails to load leaves nothing loaded, so that no work goes to the model before.
        self.is_remote = spec.is_endpoint();
        self.backend().load(job, spec)
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        self.backend().score(job, request)
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        self.backend().generate(job, request)
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        self.backend().next(job, prompt, top)
    }

    fn embed(&mut self, job: &Job, request: &EmbedRequest) -> Result<Embedded, EngineError> {
        self.local.embed(job, request)
    }

    fn train(&mut self, job: &Job, request: &TrainRequest) -> Result<Trained, EngineError> {
        self.local.train(job, request)
    }
}
