//! `metrics.csv`: a line for each logged step and each evaluation of the validation split.
//!
//! The columns are `kind, step, epoch, loss, learning_rate, grad_norm, accuracy, precision, recall, f1, macro_f1`, then one
//! `f1:<label>` for each label in the session's order; `kind` is `train` or `eval`, and cells that a kind has not are empty.
//! Numbers are written as short as they can be read back to the last bit. There is no time and no speed in it: a training
//! that was killed and resumed writes the very bytes of an unbroken one.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::session::folder::FolderError;
use crate::session::home::write_whole;
use crate::session::predictions::complete;
use crate::train::update::Scores;
use crate::train::{Figures, Step};

use super::TrainingError;

/// The file's name.
pub const METRICS: &str = "metrics.csv";

const FIXED: [&str; 11] = [
    "kind",
    "step",
    "epoch",
    "loss",
    "learning_rate",
    "grad_norm",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "macro_f1",
];
const LABEL: &str = "f1:";
const TRAIN: &str = "train";
const EVAL: &str = "eval";

/// The file of a training that goes on.
pub(super) struct Table {
    path: PathBuf,
    labels: Vec<String>,
    file: File,
    /// Bytes of whole lines.
    len: u64,
    /// Whether it holds a figure.
    pub filled: bool,
}

impl Table {
    /// Writes the file with these figures, whole, in the place of the one that is there.
    pub fn create(folder: &Path, labels: &[String], figures: &[Figures]) -> Result<Self, TrainingError> {
        let path = folder.join(METRICS);
        let text = header(labels) + &figures.iter().map(|figures| line(figures, labels.len())).collect::<String>();
        let written = write_whole(&path, text.as_bytes()).and_then(|()| File::options().append(true).open(&path));
        let file = written.map_err(|error| TrainingError::write(&path, error))?;
        Ok(Self { path, labels: labels.to_vec(), file, len: text.len() as u64, filled: !figures.is_empty() })
    }

    /// Appends figures in one write.
    pub fn append(&mut self, figures: &Figures) -> Result<(), TrainingError> {
        let text = line(figures, self.labels.len());
        append(&mut self.file, &mut self.len, text.as_bytes())
            .map_err(|error| TrainingError::write(&self.path, error))?;
        self.filled = true;
        Ok(())
    }
}

/// Appends whole lines to a file that is `len` bytes long.
pub(super) fn append(file: &mut File, len: &mut u64, bytes: &[u8]) -> std::io::Result<()> {
    if let Err(error) = file.write_all(bytes).and_then(|()| file.flush()) {
        // A later line must not follow half of this one; should this fail too, it is cut off with the next start.
        let _ = file.set_len(*len);
        return Err(error);
    }
    *len += bytes.len() as u64;
    Ok(())
}

fn header(labels: &[String]) -> String {
    let mut text = FIXED.join(",");
    for label in labels {
        text.push(',');
        text += &cell(&format!("{LABEL}{label}"));
    }
    text.push('\n');
    text
}

/// A name quoted where it must be.
fn cell(name: &str) -> String {
    if name.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", name.replace('"', "\"\"")) } else { name.to_owned() }
}

fn line(figures: &Figures, labels: usize) -> String {
    let mut cells = match figures {
        Figures::Train(Step { step, epoch, loss, learning_rate, grad_norm }) => {
            let mut cells = vec![TRAIN.to_owned(), step.to_string()];
            cells.extend([epoch, loss, learning_rate, grad_norm].map(f64::to_string));
            cells
        }
        Figures::Eval(scores) => {
            let Scores { step, epoch, loss, accuracy, precision, recall, f1, macro_f1, class_f1 } = scores;
            let mut cells = vec![EVAL.to_owned(), step.to_string(), epoch.to_string(), loss.to_string()];
            cells.extend([String::new(), String::new()]);
            cells.extend([accuracy, precision, recall, f1, macro_f1].into_iter().chain(class_f1).map(f64::to_string));
            cells
        }
    };
    cells.resize(FIXED.len() + labels, String::new());
    cells.join(",") + "\n"
}

/// The figures in a run's folder, in file order; none where there is no such file yet. The torn last line of a training
/// that was killed, or is writing just now, is passed over.
pub(super) fn read(folder: &Path) -> Result<Vec<Figures>, FolderError> {
    let path = folder.join(METRICS);
    let wrong = |reason: String| FolderError::Read { path: path.clone(), reason };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(complete(&bytes));
    let mut figures = Vec::new();
    for (place, record) in reader.records().enumerate() {
        let record = record.map_err(|error| wrong(error.to_string()))?;
        if place == 0 {
            if !record.iter().take(FIXED.len()).eq(FIXED) {
                return Err(wrong(format!("its columns are not `{},…`", FIXED.join(","))));
            }
            continue;
        }
        let line = record.position().map_or(0, csv::Position::line);
        figures.push(decode(&record).ok_or_else(|| wrong(format!("line {line} has no figures of a training")))?);
    }
    Ok(figures)
}

fn decode(record: &csv::StringRecord) -> Option<Figures> {
    let number = |place: usize| record.get(place).and_then(|cell| cell.parse::<f64>().ok());
    let (step, epoch, loss) = (record.get(1)?.parse().ok()?, number(2)?, number(3)?);
    match record.get(0)? {
        TRAIN => Some(Figures::Train(Step { step, epoch, loss, learning_rate: number(4)?, grad_norm: number(5)? })),
        EVAL => Some(Figures::Eval(Scores {
            step,
            epoch,
            loss,
            accuracy: number(6)?,
            precision: number(7)?,
            recall: number(8)?,
            f1: number(9)?,
            macro_f1: number(10)?,
            class_f1: (FIXED.len()..record.len()).map(number).collect::<Option<_>>()?,
        })),
        _ => None,
    }
}
