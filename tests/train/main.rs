//! Fine-tuning through the engine, on a small random BERT and the bundled data: what is learnt, kept, steered and refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod hub;
mod keeps;
mod refuses;
mod steers;

use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use shotglass::engine::local::Local;
use shotglass::engine::{Cancel, Engine, EngineError, Event, Examples, Outcome, TrainRequest, Trained, Work};
use shotglass::train::{Control, Evaluation, Figures, TrainSpec, Update};

const LABELS: [&str; 2] = ["oppose", "support"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models/tiny-bert")
}

/// The first rows of the bundled data from `start` on.
fn examples(start: usize, count: usize) -> Examples {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tweets.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let headers = reader.headers().unwrap().clone();
    let column = |name: &str| headers.iter().position(|header| header == name).unwrap();
    let (text, stance) = (column("text"), column("stance"));
    let mut examples = Examples::default();
    for (row, record) in reader.records().enumerate().skip(start).take(count) {
        let record = record.unwrap();
        examples.rows.push(row);
        examples.texts.push(record[text].to_owned());
        examples.labels.push(record[stance].parse().unwrap());
    }
    examples
}

fn request(folder: &Path) -> TrainRequest {
    let settings = TrainSpec {
        model: fixture().display().to_string(),
        epochs: 2,
        batch_size: 8,
        learning_rate: 1e-3,
        max_length: 48,
        logging_steps: 3,
        ..TrainSpec::default()
    };
    TrainRequest {
        settings,
        labels: LABELS.map(str::to_owned).to_vec(),
        train: examples(0, 61),
        validation: examples(61, 20),
        test: examples(81, 20),
        folder: folder.to_owned(),
        control: Control::default(),
        ..TrainRequest::default()
    }
}

/// A training in the engine.
struct Running {
    // Dropped last: its thread ends with it.
    events: Receiver<Event>,
    cancel: Cancel,
    control: Control,
    _engine: Engine,
}

fn start(request: TrainRequest) -> Running {
    let (engine, events) = Engine::start(Box::new(Local::new(Some(2)))).unwrap();
    let control = request.control.clone();
    let (_, cancel) = engine.submit(Work::Train(Box::new(request))).unwrap();
    Running { events, cancel, control, _engine: engine }
}

/// What a training told, and how it ended.
struct Told {
    updates: Vec<Update>,
    end: Result<Trained, EngineError>,
}

impl Running {
    /// Listens to the end; `at` may steer at each update.
    fn listen(self, mut at: impl FnMut(&Update, &Self)) -> Told {
        let mut updates = Vec::new();
        while let Ok(event) = self.events.recv() {
            let end = match event {
                Event::Training { update, .. } => {
                    at(&update, &self);
                    updates.push(update);
                    continue;
                }
                Event::Finished { outcome: Outcome::Trained(trained), .. } => Ok(trained),
                Event::Cancelled { .. } => Err(EngineError::Cancelled),
                Event::Failed { error, .. } => Err(error),
                _ => continue,
            };
            return Told { updates, end };
        }
        panic!("the engine is gone");
    }
}

fn run(request: TrainRequest) -> Told {
    start(request).listen(|_, _| ())
}

impl Told {
    /// The lines of `metrics.csv`, those from before a resume included.
    fn figures(&self) -> Vec<Figures> {
        let mut figures = Vec::new();
        for update in &self.updates {
            match update {
                Update::Started(started) => figures.extend(started.history.iter().cloned()),
                Update::Step(step) => figures.push(Figures::Train(*step)),
                Update::Evaluated(evaluation) if !evaluation.test => {
                    figures.push(Figures::Eval(evaluation.scores.clone()));
                }
                _ => {}
            }
        }
        figures
    }

    fn test(&self) -> &Evaluation {
        let test = self.updates.iter().find_map(|update| match update {
            Update::Evaluated(evaluation) if evaluation.test => Some(evaluation),
            _ => None,
        });
        test.unwrap()
    }

    fn changes(&self) -> Vec<&str> {
        let changes = self.updates.iter().filter_map(|update| match update {
            Update::Changed { text, .. } => Some(text.as_str()),
            _ => None,
        });
        changes.collect()
    }

    fn refusal(self) -> String {
        self.end.unwrap_err().to_string()
    }
}
