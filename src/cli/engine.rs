//! The engine as commands use it: load a model, do one job after another, show progress, obey Ctrl-C.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use indicatif::ProgressBar;

use crate::engine::local::Local;
use crate::engine::{Engine, Event, ModelInfo, Outcome, Work};
use crate::model::ModelSpec;
use crate::session::run::drive;
use crate::text::printable;

use super::failure::Failure;
use super::{Context, output};

/// An engine with a model.
pub struct Running {
    engine: Engine,
    events: Receiver<Event>,
    /// The model.
    pub model: Arc<ModelInfo>,
}

impl Running {
    /// Starts an engine and loads a model into it.
    pub fn load(context: &Context, spec: &ModelSpec) -> Result<Self, Failure> {
        let local = Local::new(context.options.threads.map(std::num::NonZero::get));
        let (engine, events) = Engine::start(Box::new(local))?;
        let mut bar: Option<ProgressBar> = None;
        let mut shown = None;
        let load = Work::Load(spec.clone());
        let outcome = drive(&engine, &events, load, context.interrupt.flag(), &mut |event| {
            if let Event::Loading { stage, done, total, .. } = event {
                // One bar for each file; a new one replaces the last.
                if shown.as_ref() != Some(&(stage.clone(), total.is_some())) {
                    if let Some(bar) = bar.take() {
                        bar.finish_and_clear();
                    }
                    let template = if total.is_some() { output::BYTES } else { output::SPINNER };
                    let new = output::bar(context, template, total);
                    new.set_message(printable(&stage).into_owned());
                    bar = Some(new);
                    shown = Some((stage, total.is_some()));
                }
                if let Some(bar) = &bar {
                    bar.set_position(done);
                }
            }
            Ok::<_, Failure>(())
        });
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        match outcome? {
            Outcome::Loaded(model) => Ok(Self { engine, events, model }),
            other => Err(Failure::failed(format!("loading a model ended in {other:?}"))),
        }
    }

    /// Does a job to its end; `on_event` sees its other events and may break it off.
    pub fn work(
        &self,
        context: &Context,
        job: Work,
        on_event: &mut dyn FnMut(Event) -> Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        drive(&self.engine, &self.events, job, context.interrupt.flag(), on_event)
    }
}
