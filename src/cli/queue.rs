//! Many runs one after another, as a sweep and a search have them: what both commands share.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::data::Split;
use crate::engine::{EngineError, ModelInfo};
use crate::session::folder::{PREDICTIONS, Status};
use crate::session::predictions;
use crate::session::prepare::Prepared;
use crate::session::queue::{Answered, Proposal, Queue, kept};
use crate::session::run::{Recording, Task};

use super::failure::Failure;
use super::models::Models;
use super::run::{self, Introduction};
use super::{Global, progress};

/// What the runs are of.
pub(super) struct Queued<'a> {
    pub prepared: Arc<Prepared>,
    /// What the session file is called.
    pub file: String,
    /// Where the runs go.
    pub runs: &'a Path,
    pub models: Models,
    pub model: Arc<ModelInfo>,
}

impl Queued<'_> {
    /// Answers all runs of a queue; those that are there already are taken as they are. `listen` hears of each when the
    /// queue has taken it.
    pub fn answer<Q: Queue>(
        &self,
        queue: &mut Q,
        global: &Global,
        listen: &mut dyn FnMut(&mut Q) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let mut computed = 0;
        while let Some(proposal) = queue.next() {
            let (done, total) = queue.progress();
            let head = format!("{}/{total} {}", (done + 1).min(total), proposal.name);
            let (answered, new) = self.one(&proposal, global).map_err(|failure| match failure {
                Failure::Cancelled(_) => {
                    Failure::Cancelled(Some(format!("{done} of {total} runs are done; the same command goes on")))
                }
                failure => failure,
            })?;
            computed += usize::from(new);
            let run = answered.run.clone();
            queue.take(answered);
            // As the queue sees them: it may calibrate answers first, and of runs that only feed it there is nothing to tell.
            let line = queue.lines().into_iter().rev().find(|line| line.run.as_ref() == Some(&run));
            let scores = line.and_then(|line| line.scores).map_or_else(String::new, |scores| {
                format!(": accuracy {:.3}, macro-F1 {:.3}", scores.accuracy, scores.macro_f1)
            });
            listen(queue)?;
            let (done, total) = queue.progress();
            let left = begun.elapsed().as_secs_f64() / f64::from(u32::try_from(computed.max(1)).unwrap_or(u32::MAX))
                * total.saturating_sub(done) as f64;
            let left =
                if computed > 0 && done < total { format!(", {} left", progress::clock(left)) } else { String::new() };
            let there = if new { "" } else { ", there already" };
            global.note(&format!("{head}{scores}{there}{left}"));
        }
        Ok(())
    }

    /// One run, and whether anything was computed for it.
    fn one(&self, proposal: &Proposal, global: &Global) -> Result<(Answered, bool), Failure> {
        let Proposal { name, session, split, limit, .. } = proposal;
        let stop = &self.models.stop;
        let prepared = Arc::new(self.prepared.with_session(session.clone()));
        // A split may have fewer rows than are asked for.
        let limit = limit.filter(|limit| *limit < prepared.data.split(*split).len());
        let mut going = |_, _| !stop.is_cancelled();
        let task = Task::new(&prepared, &self.file, *split, limit, &self.model, &mut going)?;
        let task = task.with_name(Some(name.clone()));
        let recording = match kept(self.runs, task.manifest()) {
            Some((folder, Status::Finished)) => {
                let rows = predictions::read(&folder.join(PREDICTIONS))?.rows;
                return Ok((Answered { run: folder, rows }, false));
            }
            Some((folder, _)) => Recording::resume(task, &folder)?,
            None => Recording::create(task, self.runs)?,
        };
        let (summary, _) = run::answer(recording, &self.models, &Introduction::default(), global)?;
        let run = std::path::PathBuf::from(summary.run);
        let rows = predictions::read(&run.join(PREDICTIONS))?.rows;
        if stop.is_cancelled() {
            return Err(EngineError::Cancelled.into());
        }
        Ok((Answered { run, rows }, true))
    }
}

/// Opens a session with its data and its model, for runs on these splits.
pub(super) fn open<'a>(
    session: &str,
    splits: &[Split],
    global: &'a Global,
    runs: &'a mut std::path::PathBuf,
) -> Result<Queued<'a>, Failure> {
    let (file, session) = global.session(session)?;
    let stop = super::signals::stop_flag();
    let prepared = Arc::new(run::prepare(session, &stop, global)?);
    prepared.check_labels()?;
    for split in splits {
        prepared.rows(*split, None)?;
    }
    let models = Models::start(global.threads(), stop, global)?;
    let model = models.load(&prepared.session.model)?;
    if model.classifier.is_some() {
        return Err(Failure::Bad(format!(
            "{} is a fine-tuned classifier, which reads no prompt: there is nothing to vary",
            model.name
        )));
    }
    *runs = global.out.clone().unwrap_or_else(|| file.runs().to_owned());
    Ok(Queued { prepared, file: file.name, runs, models, model })
}
