//! How fast an encoder is fine-tuned on this machine.

use std::time::Instant;

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::models::Models;
use crate::cli::{Global, signals};
use crate::engine::local::Local;
use crate::engine::{EngineError, Event, Examples, TrainRequest, Work};
use crate::model::{DeviceSpec, ModelSpec};
use crate::train::{Control, Started, Update};

use super::speed::{Measured, peak_memory, prompts};

/// Passes over the bundled tweets: with 128 of them in batches of 32 that is 16 steps.
const EPOCHS: usize = 4;
/// Steps that are not counted: caches fill, and a GPU loads its kernels.
const WARM_UP: usize = 2;
/// The bundled session whose settings hold.
const SESSION: &str = "fine-tune";

/// The speed of one encoder.
#[derive(Serialize)]
pub(super) struct Speed {
    #[serde(flatten)]
    measured: Measured,
    /// Rows of a step.
    batch_size: usize,
    /// The median.
    step_seconds: f64,
    train_rows_per_second: f64,
    /// The most memory that the program took, where the system tells.
    peak_memory_bytes: Option<u64>,
}

/// Trains for some steps and throws the result away.
pub(super) fn measure(encoder: Option<&str>, device: &DeviceSpec, global: &Global) -> Result<Speed, Failure> {
    let stop = signals::stop_flag();
    let (texts, labels) = prompts(SESSION, &stop, global)?;
    let mut settings = global.session(SESSION)?.1.train.unwrap_or_default();
    settings.epochs = EPOCHS;
    if let Some(encoder) = encoder {
        encoder.clone_into(&mut settings.model);
    }
    let folder = tempfile::tempdir().map_err(|error| Failure::Failed(format!("no temporary folder: {error}")))?;
    let train = Examples {
        rows: (0..texts.len()).collect(),
        labels: (0..texts.len()).map(|row| row % labels.len().max(1)).collect(),
        texts,
    };
    let batch_size = settings.batch_size;
    let models = Models::on(Local::new(global.threads()), stop, global)?;
    let request = TrainRequest {
        model: ModelSpec { source: settings.model.clone(), device: device.clone(), ..ModelSpec::default() },
        settings,
        labels,
        train,
        validation: Examples::default(),
        test: Examples::default(),
        folder: folder.path().to_owned(),
        resume: false,
        control: Control::default(),
    };
    let mut started: Option<Box<Started>> = None;
    let mut steps: Vec<Instant> = Vec::new();
    let mut pauses = Vec::new();
    models.work(Work::Train(Box::new(request)), &mut |event| {
        match event {
            Event::Loading { stage, done, total, .. } => models.bar.bytes(&stage, done, total),
            Event::Training { update: Update::Started(told), .. } => started = Some(told),
            Event::Training { update: Update::Pace(_), .. } => {
                models.bar.bytes("steps", steps.len() as u64, None);
                steps.push(Instant::now());
            }
            // A step's time ends before its checkpoint is written.
            Event::Training { update: Update::Saved { .. }, .. } => pauses.push(steps.len()),
            _ => {}
        }
        Ok::<_, EngineError>(())
    })?;
    models.bar.clear();
    let Some(started) = started else { return Err(Failure::Failed("the engine trained nothing".to_owned())) };
    let between = steps.windows(2).enumerate().skip(WARM_UP).filter(|(step, _)| !pauses.contains(&(step + 1)));
    let mut seconds: Vec<f64> =
        between.filter_map(|(_, pair)| Some(pair.last()?.duration_since(*pair.first()?).as_secs_f64())).collect();
    seconds.sort_by(f64::total_cmp);
    let step_seconds = seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN);
    Ok(Speed {
        measured: Measured {
            model: started.model,
            device: started.device,
            dtype: started.dtype,
            threads: started.threads,
        },
        batch_size,
        step_seconds,
        train_rows_per_second: batch_size as f64 / step_seconds,
        peak_memory_bytes: peak_memory(),
    })
}

/// To be read.
pub(super) fn table(speed: &Speed) -> String {
    let step =
        format!("{:.3} s         {} bundled tweets, padded to the longest", speed.step_seconds, speed.batch_size);
    let figures = vec![("step", step), ("train", format!("{:.1} rows/s", speed.train_rows_per_second))];
    speed.measured.table(figures, speed.peak_memory_bytes)
}
