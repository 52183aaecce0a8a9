//! Carrying out effects: engine, disk and background threads. Whatever comes of an effect comes back as a message.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::app::calibrate::{self, Request, Worked};
use crate::app::effect::{Effect, Steer};
use crate::app::jobs::Ticket;
use crate::app::message::{Message, SaveError};
use crate::app::sheet::Problem;
use crate::app::sift;
use crate::app::toast::Tone;
use crate::engine::{Backend, Cancel, Engine, EngineError, JobId, Work};
use crate::model::locate;
use crate::prompt::most_similar;
use crate::session::describe::Description;
use crate::session::timeline::Version;
use crate::session::{Override, SessionFile, recovery, runs};
use crate::text::diff;
use crate::train::Control;

pub use super::mailbox::{Incoming, Mailbox};
use super::mailbox::{behind, forward};
pub use super::open::Kept;
use super::recorder::Recorder;
use super::scribe::{self, Chosen};
use super::{contrast, open, queue, watch, welcome};

/// Rows that a list of similar ones begins with.
const MOST_SIMILAR: usize = 50;

/// What the command line says of the workbench's world.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Keys of the session that are overridden.
    pub overrides: Vec<Override>,
    /// Where runs go, instead of beside the session.
    pub out: Option<PathBuf>,
}

/// Effects that the world leaves to who owns the terminal.
pub enum Screen {
    /// Copy a text to the clipboard.
    Copy(String),
    /// Edit a text in `$EDITOR`.
    Edit(String),
    /// Go back to the shell for a while.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Leave.
    Quit,
}

/// Engine, recorder, and whatever else carries effects out.
pub struct World {
    // Dropped first: what is answered by then is recorded below.
    engine: Engine,
    recorder: Recorder,
    mailbox: Mailbox,
    tickets: HashMap<JobId, Ticket>,
    jobs: HashMap<Ticket, Cancel>,
    chosen: Arc<Chosen>,
    kept: Arc<Mutex<Kept>>,
    opening: (u64, Cancel),
    beginning: Cancel,
    /// Two runs that are being compared.
    contrasting: Cancel,
    /// How the training in the engine is steered.
    control: Option<Control>,
    place: Place,
    /// The sweep or search that goes on.
    queue: queue::Running,
    /// Stop an audit, and baselines that are fitted.
    aside: (Cancel, Cancel),
}

impl World {
    /// Starts the engine's thread and the recorder's. What comes back is to be read by the loop.
    pub fn start(backend: Box<dyn Backend>, place: Place) -> Result<(Self, UnboundedReceiver<Incoming>), EngineError> {
        let (engine, events) = Engine::start(backend)?;
        let (sender, receiver) = unbounded_channel();
        let mailbox = Mailbox::new(sender.clone());
        let failed = |error: std::io::Error| EngineError::Failed(format!("a thread could not be started: {error}"));
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || forward(&events, &sender))
            .map_err(failed)?;
        let recorder = Recorder::start(mailbox.clone()).map_err(failed)?;
        let world = Self {
            engine,
            recorder,
            mailbox,
            tickets: HashMap::new(),
            jobs: HashMap::new(),
            chosen: Arc::default(),
            kept: Arc::default(),
            opening: (0, Cancel::default()),
            beginning: Cancel::default(),
            contrasting: Cancel::default(),
            control: None,
            place,
            queue: queue::Running::default(),
            aside: (Cancel::default(), Cancel::default()),
        };
        Ok((world, receiver))
    }

    /// Whether background threads (not the engine, not the recorder) are still at work.
    pub fn is_busy(&self) -> bool {
        self.mailbox.is_awaited()
    }

    /// The message that something incoming is; none of an event that nobody waits for.
    pub fn message(&mut self, incoming: Incoming) -> Option<Message> {
        let event = match incoming {
            Incoming::Message(message) => return Some(message),
            Incoming::Opening(number, message) => return Some(message).filter(|_| number == self.opening.0),
            Incoming::Event(event) => event,
        };
        let ticket = *self.tickets.get(&event.job())?;
        if event.is_last() {
            self.tickets.remove(&event.job());
            self.jobs.remove(&ticket);
        }
        Some(Message::Engine { ticket, event })
    }

    /// Works a calibration out on another thread.
    fn calibrate(&self, request: Box<Request>, work: impl FnOnce(&Request) -> Worked + Send + 'static) {
        let of = request.clone();
        self.behind(
            move |error| Message::Calibrated { request: of, worked: Worked::Failed(error) },
            move |_| {
                let worked = work(&request);
                Message::Calibrated { request, worked }
            },
        );
    }

    fn stop_aside(&self) {
        self.aside.0.cancel();
        self.aside.1.cancel();
    }

    /// See [`behind`].
    fn behind(
        &self,
        fallback: impl FnOnce(String) -> Message + Send + 'static,
        work: impl FnOnce(&Mailbox) -> Message + Send + 'static,
    ) {
        behind(self.mailbox.clone(), fallback, work);
    }

    /// The same for work of which there is only something to be told.
    fn tell(&self, work: impl FnOnce(&Mailbox) -> Result<String, String> + Send + 'static) {
        self.behind(
            |error| Message::Said(Tone::Bad, error),
            move |mailbox| match work(mailbox) {
                Ok(text) => Message::Said(Tone::Good, text),
                Err(text) => Message::Said(Tone::Bad, text),
            },
        );
    }

    /// Does work on the recorder's thread, behind what it was told before.
    fn in_turn(&self, work: impl FnOnce(&Mailbox) + Send + 'static) {
        let mailbox = self.mailbox.clone();
        mailbox.begin();
        self.recorder.later(move || {
            work(&mailbox);
            mailbox.done();
        });
    }

    /// Changes what is kept beside the session, one change after another; failures alone are told.
    fn keep(&self, change: impl FnOnce(&mut Kept, &Mailbox) -> Result<(), String> + Send + 'static) {
        let kept = Arc::clone(&self.kept);
        self.in_turn(move |mailbox| {
            let changed = change(&mut kept.lock().unwrap_or_else(PoisonError::into_inner), mailbox);
            if let Err(error) = changed {
                mailbox.send(Message::Said(Tone::Bad, error));
            }
        });
    }

    /// Passes a wish on to the training that goes on.
    fn steer(&self, wish: Steer) {
        let Some(control) = &self.control else { return };
        match wish {
            Steer::Pause(paused) => control.pause(paused),
            Steer::Stop => control.stop(),
            Steer::Evaluate => control.evaluate(),
            Steer::LearningRate(rate) => control.set_learning_rate(rate),
        }
    }

    fn submit(&mut self, ticket: Ticket, work: Work) {
        if let Work::Train(request) = &work {
            self.control = Some(request.control.clone());
        }
        match self.engine.submit(work) {
            Ok((job, cancel)) => {
                self.tickets.insert(job, ticket);
                self.jobs.insert(ticket, cancel);
            }
            Err(error) => self.mailbox.send(Message::Refused { ticket, error: error.to_string() }),
        }
    }

    /// Carries an effect out; what belongs to the terminal comes back.
    pub fn carry(&mut self, effect: Effect) -> Option<Screen> {
        match effect {
            Effect::Open(name) => self.open(name),
            Effect::StopOpening => self.opening.1.cancel(),
            Effect::Render(request) => {
                let chosen = Arc::clone(&self.chosen);
                let (edit, row) = (request.edit, request.row);
                let fault =
                    move |message| Message::Rendered { edit, row, sheet: Err(Problem { message, place: None }) };
                self.behind(fault, move |_| {
                    let sheet = scribe::render(&request, &chosen).map(Box::new);
                    Message::Rendered { edit, row, sheet }
                });
            }
            Effect::Similar { prepared, row } => self.behind(
                |error| Message::Said(Tone::Bad, error),
                move |_| Message::Similar { row, rows: most_similar(&*prepared.data, row, MOST_SIMILAR) },
            ),
            Effect::FilterDemos { prepared, query } => self.behind(
                |_| Message::DemosFiltered(Vec::new()),
                move |_| Message::DemosFiltered(sift::training_rows(&prepared, &query)),
            ),
            Effect::Draw { prepared, prompt, locked, row } => self.behind(
                |error| Message::Drawn(Err(error)),
                move |_| Message::Drawn(scribe::draw(&prepared, &prompt, &locked, row)),
            ),
            Effect::Submit { ticket, work } => self.submit(ticket, *work),
            Effect::Cancel(ticket) => {
                if let Some(cancel) = self.jobs.get(&ticket) {
                    cancel.cancel();
                }
            }
            Effect::BeginRun(begin) => {
                self.beginning = Cancel::default();
                self.recorder.begin(begin, self.beginning.clone());
            }
            Effect::StopBeginning => self.beginning.cancel(),
            Effect::RunWork => self.recorder.work(),
            Effect::Record(answers) => self.recorder.record(answers),
            Effect::EndRun(end) => self.recorder.end(end),
            Effect::BeginTraining(begin) => self.recorder.begin_training(begin),
            Effect::TrainingWork => self.recorder.training_work(),
            Effect::RecordTraining(update) => self.recorder.record_training(update),
            Effect::EndTraining(end) => {
                self.control = None;
                self.recorder.end_training(end);
            }
            Effect::Steer(wish) => self.steer(wish),
            Effect::Sift(request) => {
                let revision = request.revision;
                self.behind(
                    move |error| Message::Sifted { revision, listed: Err(error) },
                    move |_| Message::Sifted { revision, listed: sift::sift(&request) },
                );
            }
            Effect::Detail { run, prepared, row, model } => {
                let of = run.clone();
                self.behind(
                    move |error| Message::Detail { run: of, row, prompt: Err(error) },
                    move |_| {
                        let prompt = scribe::prompt_of(&prepared, row, model.as_deref());
                        Message::Detail { run, row, prompt }
                    },
                );
            }
            Effect::Survey(request) => {
                let (of, beside) = (request.of.clone(), request.beside);
                self.behind(
                    move |_| Message::Surveyed { of, beside, figures: None },
                    move |_| Message::Surveyed {
                        of: request.of.clone(),
                        beside,
                        figures: scribe::survey(&request).map(Arc::new),
                    },
                );
            }
            Effect::WhatIf(request) => {
                let (asked, chosen) = (request.asked.clone(), Arc::clone(&self.chosen));
                self.behind(
                    move |error| Message::WhatIf { asked, prompt: Err(error) },
                    move |_| {
                        let prompt = scribe::what_if(&request, &chosen);
                        Message::WhatIf { asked: request.asked.clone(), prompt }
                    },
                );
            }
            Effect::Describe(prepared) => self.behind(
                |error| Message::Said(Tone::Bad, error),
                move |_| Message::Described(Description::of(&prepared.session, &prepared.data).text()),
            ),
            Effect::Compare { pair, texts } => self.behind(
                |error| Message::Said(Tone::Bad, error),
                move |_| Message::Compared { pair, lines: diff::words(&texts.0, &texts.1) },
            ),
            Effect::Contrast { number, pair } => {
                self.contrasting.cancel();
                self.contrasting = Cancel::default();
                let stop = self.contrasting.clone();
                self.behind(
                    move |error| Message::Contrasted { number, found: Err(error) },
                    move |mailbox| contrast::contrast(number, &pair, &stop, mailbox),
                );
            }
            Effect::StopContrast => self.contrasting.cancel(),
            Effect::Calibrate(request) => self.calibrate(request, calibrate::work_out),
            Effect::KeepCalibration { request, ask, answers } => {
                self.calibrate(request, move |request| calibrate::keep(request, &ask, &answers));
            }
            Effect::AskCalibration { request, prepared, model } => {
                let of = request.clone();
                self.behind(
                    move |error| Message::CalibrationAsked { request: of, ask: Err(error) },
                    move |_| {
                        let ask = calibrate::ask(&request, &prepared, &model).map(Box::new);
                        Message::CalibrationAsked { request, ask }
                    },
                );
            }
            Effect::Audit { of, prepared, rows } => {
                self.aside.0 = Cancel::default();
                let (stop, failed) = (self.aside.0.clone(), of.clone());
                self.behind(
                    move |error| Message::Audited { of: failed, found: Err(error) },
                    move |_| Message::Audited { of, found: scribe::audit(&prepared, &rows, &stop) },
                );
            }
            Effect::StopAside => self.stop_aside(),
            Effect::Baselines { of, prepared, split, rows } => {
                self.aside.1.cancel();
                self.aside.1 = Cancel::default();
                let (stop, failed) = (self.aside.1.clone(), of.clone());
                self.behind(
                    move |_| Message::Baselined { of: failed, found: None },
                    move |_| {
                        let found = scribe::baselines(&prepared, (split, rows), &stop).map(Arc::new);
                        Message::Baselined { of, found }
                    },
                );
            }
            Effect::Judge { of, rows, labels } => {
                let failed = of.clone();
                self.behind(
                    move |_| Message::Judged { of: failed, quality: None },
                    move |_| Message::Judged { of, quality: calibrate::judge(&rows, &labels) },
                );
            }
            Effect::Copy(text) => return Some(Screen::Copy(text)),
            Effect::EditExternally(text) => return Some(Screen::Edit(text)),
            Effect::Suspend => return Some(Screen::Suspend),
            Effect::Redraw => return Some(Screen::Redraw),
            Effect::Quit => return Some(Screen::Quit),
            effect => self.carry_to_disk(effect),
        }
        None
    }

    /// Effects that read and write files.
    fn carry_to_disk(&mut self, effect: Effect) {
        match effect {
            Effect::ListRuns(file) => {
                let out = self.place.out.clone();
                self.behind(|error| Message::Said(Tone::Bad, error), move |_| open::list_runs(&file, out.as_deref()));
            }
            Effect::LoadRun { path, near, beside } => {
                let failed = path.clone();
                self.behind(
                    move |error| Message::RunLoaded { path: failed, run: Err(error), beside },
                    move |_| {
                        let run = open::load_run(&path, near.as_ref()).map(Box::new);
                        Message::RunLoaded { path, run, beside }
                    },
                );
            }
            Effect::ReadTraining { path, wanted } => {
                let failed = path.clone();
                self.behind(
                    move |error| Message::TrainingRead { path: failed, wanted, watched: Err(error) },
                    move |_| {
                        let watched = watch::read(&path).map(Box::new);
                        Message::TrainingRead { path, wanted, watched }
                    },
                );
            }
            // In its turn: what was evaluated last is written by then.
            Effect::LoadEvaluation { path, near } => self.in_turn(move |mailbox| {
                let run = watch::evaluation(&path, near.as_ref()).map(Box::new);
                mailbox.send(Message::RunLoaded { path, run, beside: false });
            }),
            Effect::RenameRun(path, name) => self.tell(move |mailbox| {
                let renamed = runs::rename(&path, &name).map_err(|error| error.to_string());
                mailbox.send(Message::RunsChanged);
                renamed.map(|_| "the run is renamed".to_owned())
            }),
            Effect::DeleteRun(path) => self.tell(move |mailbox| {
                runs::delete(&path).map_err(|error| error.to_string())?;
                mailbox.send(Message::RunDeleted(path));
                Ok("the run is deleted".to_owned())
            }),
            Effect::ExportRun(path, format) => self.tell(move |_| open::export_run(&path, format)),
            Effect::BeginQueue(of) => {
                let running = Arc::clone(&self.queue);
                self.behind(
                    |error| Message::QueueTold(Err(error)),
                    move |_| Message::QueueTold(queue::begin(*of, &running).map(Box::new)),
                );
            }
            // In its turn: the run's answers are written by then.
            Effect::QueueTake(run) => {
                let (running, kept) = (Arc::clone(&self.queue), Arc::clone(&self.kept));
                self.in_turn(move |mailbox| {
                    mailbox.send(Message::QueueTold(queue::take(&run, &running, &kept).map(Box::new)));
                });
            }
            Effect::TakePrompt(run) => self.behind(
                |error| Message::PromptTaken(Err(error)),
                move |_| Message::PromptTaken(queue::prompt_of(&run).map(Box::new)),
            ),
            Effect::WriteComparison(path, text) => self.tell(move |_| contrast::write(&path, &text)),
            Effect::ListModels => self.behind(
                |error| Message::Models(Err(error)),
                |_| Message::Models(locate::cached().map_err(|error| error.to_string())),
            ),
            Effect::ListSessions(near) => self.behind(
                |error| Message::Said(Tone::Bad, error),
                move |_| Message::Sessions(SessionFile::list(near.as_deref())),
            ),
            Effect::Save(saving) => self.behind(
                |error| Message::Saved(Err(SaveError::Other(error))),
                move |_| Message::Saved(open::save(&saving).map(Box::new)),
            ),
            Effect::Recovery { file, sessions } => self.recorder.later(move || {
                let kept = match sessions {
                    None => recovery::remove(&file).map_err(|error| error.to_string()),
                    Some(sessions) => file
                        .updated(&sessions.0, &sessions.1)
                        .and_then(|text| recovery::write(&file, &text).map(|_| ()))
                        .map_err(|error| error.to_string()),
                };
                if let Err(error) = kept {
                    tracing::warn!(error, "unsaved work was not kept");
                }
            }),
            Effect::Version { edit, version } => self.keep(move |kept, mailbox| {
                let Some(timeline) = &mut kept.timeline else { return Ok(()) };
                let Version { prompt, accepted, probe, note, .. } = *version;
                let number = timeline.append(prompt, accepted, probe, note).map_err(|error| error.to_string())?;
                if let Some(version) = timeline.get(number).cloned() {
                    mailbox.send(Message::Versioned { edit, version: Box::new(version) });
                }
                Ok(())
            }),
            Effect::AcceptVersion(number) => self.keep(move |kept, _| {
                let accepted = kept.timeline.as_mut().map(|timeline| timeline.accept(number));
                accepted.unwrap_or(Ok(())).map_err(|error| error.to_string())
            }),
            Effect::Mark(row, mark) => self.keep(move |kept, _| {
                let set = kept.overlay.as_mut().map(|overlay| overlay.set(row, mark));
                set.unwrap_or(Ok(())).map_err(|error| error.to_string())
            }),
            Effect::Welcomed => welcome::remember(),
            // The others are carried out by `carry`.
            _ => {}
        }
    }

    fn open(&mut self, name: String) {
        // What was being opened before is not wanted any more.
        self.opening.1.cancel();
        self.opening = (self.opening.0 + 1, Cancel::default());
        let (number, stop) = self.opening.clone();
        let (kept, place) = (Arc::clone(&self.kept), self.place.clone());
        let mailbox = self.mailbox.of_opening(number);
        behind(mailbox, Message::OpenFailed, move |mailbox| open::open(&name, &place, &stop, &kept, mailbox));
        // The command line's overrides are of the session that it names.
        self.place.overrides.clear();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The engine's thread ends with its job, and one that waits for a word would never end.
        self.jobs.values().for_each(Cancel::cancel);
        self.contrasting.cancel();
        self.stop_aside();
    }
}
