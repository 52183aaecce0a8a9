//! The engine: one thread that owns every model and the device.
//!
//! Commands go in through a bounded queue, events come out, each with its job's number. A job is cancelled by the
//! token that came with it, which the engine reads at every batch and decoding step. A panic inside a job becomes
//! [`Event::Failed`]; the thread lives on. What really computes is a [`Backend`]: [`local`] runs models on this machine,
//! [`remote`] asks a server for them, [`any`] chooses between the two, [`fake`] is scripted and drives the interface's tests.

pub mod any;
mod classify;
pub mod command;
mod embed;
pub mod event;
pub mod fake;
pub mod generate;
mod items;
pub mod local;
mod memory;
pub mod plan;
mod prefixes;
pub mod remote;
pub mod score;
mod scores;
mod spread;
mod train;
mod warm;
pub mod worker;

pub use command::{
    Cancel, Command, DecodeSpec, EmbedRequest, Examples, GenerateRequest, Generation, JobId, ScoreRequest, Temperature,
    TrainRequest, Work,
};
pub use event::{
    Answer, Classifier, Embedded, Event, FinishReason, ModelInfo, NextToken, Outcome, Progress, Stats, Trained,
};
pub use worker::{Backend, Engine, EngineError, Job};
