//! Sweeps and searches behind the interface: what comes next is worked out on another thread.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::app::effect::{Begin, BeginQueue};
use crate::app::queue::{QueueKind, Told};
use crate::prompt::PromptSpec;
use crate::session::folder::{Manifest, PREDICTIONS};
use crate::session::predictions;
use crate::session::queue::{Answered, Queue};
use crate::session::search::Search;
use crate::session::sweep::Sweep;

use super::world::Kept;

/// The queue that goes on, if there is one.
pub type Running = Arc<Mutex<Option<Queued>>>;

/// A queue, and what its runs are of.
pub struct Queued {
    queue: Kind,
    of: BeginQueue,
}

enum Kind {
    Sweep(Box<Sweep>),
    Search(Box<Search>),
}

impl Queued {
    fn queue(&mut self) -> &mut dyn Queue {
        match &mut self.queue {
            Kind::Sweep(sweep) => &mut **sweep,
            Kind::Search(search) => &mut **search,
        }
    }

    /// What there is to tell, and the run that comes next.
    fn told(&mut self, notes: Vec<String>) -> Told {
        let proposal = self.queue().next();
        let begin = proposal.map(|proposal| {
            let rows = self.of.prepared.data.split(proposal.split).len();
            Box::new(Begin {
                prepared: Arc::new(self.of.prepared.with_session(proposal.session)),
                file: self.of.file.clone(),
                runs: self.of.runs.clone(),
                split: proposal.split,
                limit: proposal.limit.filter(|limit| *limit < rows),
                model: Arc::clone(&self.of.model),
                name: Some(proposal.name),
                resume: None,
                reuse: true,
            })
        });
        let queue = self.queue();
        Told { lines: queue.lines(), progress: queue.progress(), text: queue.text(), notes, step: None, begin }
    }
}

/// Works out where a queue begins.
pub fn begin(of: BeginQueue, running: &Running) -> Result<Told, String> {
    let prepared = &of.prepared;
    let (queue, notes) = match of.kind {
        QueueKind::Sweep => {
            let sweep = Sweep::new(prepared, of.split, of.limit).map_err(|error| error.to_string())?;
            let notes = sweep.notes().to_vec();
            (Kind::Sweep(Box::new(sweep)), notes)
        }
        QueueKind::Search => {
            (Kind::Search(Box::new(Search::new(prepared, false).map_err(|error| error.to_string())?)), Vec::new())
        }
    };
    let mut queued = Queued { queue, of };
    let told = queued.told(notes);
    *running.lock().unwrap_or_else(PoisonError::into_inner) = Some(queued);
    Ok(told)
}

/// Takes the answers of a run that is over. A search's step forward becomes a version of the prompt.
pub fn take(run: &Path, running: &Running, kept: &Mutex<Kept>) -> Result<Told, String> {
    let rows = predictions::read(&run.join(PREDICTIONS)).map_err(|error| error.to_string())?.rows;
    let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
    let queued = running.as_mut().ok_or("nothing goes on")?;
    queued.queue().take(Answered { run: run.to_owned(), rows });
    let step = match &queued.queue {
        Kind::Search(search) => search.step(),
        Kind::Sweep(_) => None,
    };
    let mut notes = Vec::new();
    let mut version = None;
    if let Some((prompt, note)) = step {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(timeline) =
            kept.timeline.as_mut().filter(|of| !of.versions().any(|version| version.prompt == prompt))
        {
            match timeline.append(prompt, false, None, Some(note)) {
                Ok(number) => version = timeline.get(number).cloned(),
                Err(error) => notes.push(error.to_string()),
            }
        }
    }
    Ok(Told { step: version, ..queued.told(notes) })
}

/// The prompt that a run was made with.
pub fn prompt_of(run: &Path) -> Result<PromptSpec, String> {
    Manifest::read(run).map(|manifest| manifest.session.prompt).map_err(|error| error.to_string())
}
