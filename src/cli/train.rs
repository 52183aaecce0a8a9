//! `shotglass train`: fine-tune an encoder, print each epoch, test at the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::engine::{EngineError, Event, Outcome};
use crate::session::folder::{Manifest, Status};
use crate::session::run::Summary;
use crate::session::training::{self, Epoch, Plan, Training, TrainingError, TrainingSummary};
use crate::train::{Figures, Started, Update};

use super::failure::Failure;
use super::models::Models;
use super::progress::Bar;
use super::{Format, Global, output, report, run, signals};

/// `shotglass train`
#[derive(Debug, Args)]
#[command(after_long_help = "\
The session's [train] section names the encoder and says how it is trained; the rows are those of [data]. The encoder learns
from the train split, its best weights are told by the validation split, and with these the test split is classified once.
Figures, checkpoints and the best weights are kept in a folder of their own, sessions/<session>/runs/<time>-<id>/. A training
that was stopped goes on with --resume from its newest checkpoint, and ends as it would have ended unbroken.

The best weights are a model like others: shotglass run SESSION --set model.source=RUN/best

Examples:
  shotglass train fine-tune
  shotglass train sessions/fine-tune.toml --set train.epochs=5 --set train.learning_rate=2e-5
  shotglass train --resume sessions/fine-tune/runs/20250101-120000-1a2b")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session; with --resume, that of the training where it is left out
    #[arg(required_unless_present = "resume")]
    session: Option<String>,
    /// Folder of a training that was stopped
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
}

/// Fine-tunes an encoder and prints each epoch and the report of the test split.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("train", &[Format::Text, Format::Json])?;
    let kept = arguments.resume.as_deref().map(Manifest::read).transpose()?;
    if let (Some(folder), Some(kept)) = (&arguments.resume, &kept) {
        if kept.training.is_none() {
            return Err(TrainingError::NoTraining { path: folder.clone() }.into());
        }
        if kept.status == Status::Finished {
            return again(folder, arguments, format, global);
        }
    }
    let (source, session) = run::find("train", arguments.session.as_deref(), global, kept.as_ref())?;
    let known = kept.as_ref().map(|kept| kept.model.threads).filter(|threads| *threads > 0);
    let threads = global.threads().or(known);

    let stop = signals::stop_flag();
    let prepared = Arc::new(run::prepare(session, &stop, global)?);
    let plan = Plan::new(&prepared, &source.name)?;
    let models = Models::start(threads, stop, global)?;
    let training = match &arguments.resume {
        Some(folder) => Training::resume(plan, folder)?,
        None => Training::create(plan, global.out.as_deref().unwrap_or(&source.runs))?,
    };
    let told = Told { format, global, bar: &models.bar, head: false, train_loss: None };
    let (summary, manifest) = train(training, &models, told)?;
    let folder = PathBuf::from(&summary.run);
    let epochs = training::epochs(&training::read(&folder)?.figures);
    print(TrainingSummary { summary, epochs }, format)?;
    goodbye(&folder, &source.name, &manifest, global);
    Ok(())
}

/// Tells again of a training that is finished.
fn again(folder: &Path, arguments: &Arguments, format: Format, global: &Global) -> Result<(), Failure> {
    if arguments.session.is_some() || !global.overrides.is_empty() {
        let path = folder.display();
        return Err(Failure::Bad(format!("{path} is finished: without a session, --resume shows its report again")));
    }
    global.note("the training is finished already");
    let history = training::read(folder)?;
    let epochs = training::epochs(&history.figures);
    if format == Format::Text && !epochs.is_empty() {
        output::lines(&(head() + &epochs.iter().map(line).collect::<String>()))?;
    }
    let empty = history.manifest.rows == 0;
    let summary = if empty { none(folder, &history.manifest) } else { report::summary(folder, global)?.0 };
    print(TrainingSummary { summary, epochs }, format)
}

/// What is told of a test split without rows.
fn none(folder: &Path, manifest: &Manifest) -> Summary {
    Summary {
        run: folder.display().to_string(),
        rows: 0,
        seconds: Some(manifest.work().0),
        cached_rows: None,
        report: None,
        simulation: None,
    }
}

/// Lets the engine train to the end.
fn train(mut training: Training, models: &Models, mut told: Told<'_>) -> Result<(Summary, Manifest), Failure> {
    tracing::info!(folder = %training.folder().display(), "training");
    let mut reached = Reached::default();
    let outcome = models.work(training.work(), &mut |event| {
        match event {
            Event::Loading { stage, done, total, .. } => models.bar.bytes(&stage, done, total),
            Event::Training { update, .. } => {
                training.record(&update)?;
                reached.take(&update);
                told.tell(&update, &training);
            }
            _ => {}
        }
        Ok::<_, TrainingError>(())
    });
    models.bar.clear();
    let error = match outcome {
        Ok(Outcome::Trained(trained)) => {
            tracing::info!(steps = trained.steps, seconds = trained.seconds, "training finished");
            return Ok(training.finish(trained)?);
        }
        Ok(_) => TrainingError::Engine(EngineError::Failed("the engine did something else".to_owned())),
        Err(error) => error,
    };
    let folder = match &error {
        TrainingError::Engine(error) => training.stop(error),
        other => training.stop(&EngineError::Failed(other.to_string())),
    };
    let hint = folder.map(|folder| reached.hint(&folder));
    Err(match (Failure::from(error), hint) {
        (Failure::Cancelled(_), hint) => Failure::Cancelled(hint),
        (Failure::Failed(text), Some(hint)) => Failure::Failed(format!("{text}; {hint}")),
        (failure, _) => failure,
    })
}

/// How far a training came.
#[derive(Default)]
struct Reached {
    /// The step of the newest checkpoint.
    saved: usize,
    steps: usize,
}

impl Reached {
    fn take(&mut self, update: &Update) {
        match update {
            Update::Started(started) => (self.saved, self.steps) = (started.step, started.steps),
            Update::Saved { step, .. } => self.saved = *step,
            _ => {}
        }
    }

    /// What is kept, and how to go on.
    fn hint(&self, folder: &Path) -> String {
        let folder = folder.display();
        match self.saved {
            0 => format!("there is no checkpoint yet, begin again with: shotglass train --resume {folder}"),
            step => format!("step {step} of {} is kept, go on with: shotglass train --resume {folder}", self.steps),
        }
    }
}

/// Tells the user how it goes.
struct Told<'a> {
    format: Format,
    global: &'a Global,
    bar: &'a Bar,
    /// Whether the head of the table stands there.
    head: bool,
    train_loss: Option<f64>,
}

impl Told<'_> {
    fn tell(&mut self, update: &Update, training: &Training) {
        match update {
            Update::Started(started) => self.begun(started, training),
            Update::Step(step) => self.train_loss = Some(step.loss),
            Update::Pace(pace) => self.bar.pace(pace),
            Update::Evaluated(evaluation) if !evaluation.test => {
                let figures = [Figures::Eval(evaluation.scores.clone())];
                for epoch in training::epochs(&figures) {
                    self.epoch(&Epoch { train_loss: self.train_loss, ..epoch });
                }
            }
            Update::Warned { text, .. } => self.bar.suspend(|| self.global.warn(text)),
            Update::Changed { text, .. } => self.bar.note(text),
            Update::Evaluated(_) | Update::Saved { .. } | Update::Best { .. } => {}
        }
    }

    /// Only now the engine has found nothing wrong with what was asked: bad input is answered with one line alone.
    fn begun(&mut self, started: &Started, training: &Training) {
        self.bar.clear();
        let plan = training.plan();
        introduction(started, plan).iter().for_each(|note| self.global.note(note));
        plan.warnings().iter().for_each(|warning| self.global.warn(warning));
        if started.truncated > 0 {
            let (rows, most) = (started.truncated, plan.settings().max_length);
            self.global.warn(&format!("texts longer than train.max_length = {most} tokens are cut: {rows} rows"));
        }
        for epoch in training::epochs(&started.history) {
            self.epoch(&epoch);
        }
        let mut losses = started.history.iter().filter_map(|figures| match figures {
            Figures::Train(step) => Some(step.loss),
            Figures::Eval(_) => None,
        });
        self.train_loss = losses.next_back();
        self.bar.begin_steps(started.step, started.steps);
    }

    /// A line of the table: on stdout where it is for reading, else among the notes.
    fn epoch(&mut self, epoch: &Epoch) {
        let head = if std::mem::replace(&mut self.head, true) { String::new() } else { head() };
        let text = head + &line(epoch);
        self.bar.suspend(|| match self.format {
            // Nobody reading on is no reason to lose a training.
            Format::Text => drop(output::lines(&text)),
            _ => text.lines().for_each(|line| self.global.note(line)),
        });
    }
}

fn introduction(started: &Started, plan: &Plan) -> Vec<String> {
    let prepared = plan.prepared();
    let [train, validation, test] = crate::data::Split::ALL.map(|split| plan.examples(split).rows.len());
    let title = &prepared.session.title;
    let threads = if started.device == "cpu" { format!(", {} threads", started.threads) } else { String::new() };
    let million = |count: usize| format!("{:.1}", count as f64 / 1e6);
    let trained = if started.trainable < started.parameters {
        format!("{} of {} million parameters", million(started.trainable), million(started.parameters))
    } else {
        format!("{} million parameters", million(started.parameters))
    };
    let mut notes = vec![
        format!(
            "{title}{}{train} rows to learn from, {validation} to validate, {test} to test",
            if title.is_empty() { "" } else { ": " }
        ),
        format!("{} on {} ({}{threads}), {trained}", started.model, started.device, started.dtype),
    ];
    notes.extend(started.notes.iter().cloned());
    notes.push(match started.step {
        0 => format!("{} steps in {} epochs", started.steps, started.epochs),
        step => format!("goes on from step {step} of {}", started.steps),
    });
    notes
}

/// The head of the table of epochs, as `Trainer` prints it.
fn head() -> String {
    "Epoch  Training Loss  Validation Loss  Accuracy  Precision    Recall        F1\n".to_owned()
}

fn line(epoch: &Epoch) -> String {
    let Epoch { epoch, train_loss, eval_loss, accuracy, precision, recall, f1 } = epoch;
    let number = if epoch.fract() == 0.0 { format!("{epoch}") } else { format!("{epoch:.2}") };
    let train_loss = train_loss.map_or_else(|| "No log".to_owned(), |loss| format!("{loss:.6}"));
    format!(
        "{number:>5}  {train_loss:>13}  {eval_loss:>15.6}  {accuracy:>8.6}  {precision:>9.6}  {recall:>8.6}  {f1:>8.6}\n"
    )
}

/// The report of the test split.
fn print(told: TrainingSummary, format: Format) -> Result<(), Failure> {
    match format {
        Format::Json => output::json(&told),
        _ if told.summary.report.is_none() => {
            output::lines("\nthe test split has no rows: there is nothing to report\n")
        }
        _ => {
            output::lines("\n")?;
            run::print(&told.summary, None)
        }
    }
}

/// Where things lie, and what to do with them.
fn goodbye(folder: &Path, session: &str, manifest: &Manifest, global: &Global) {
    let Some(record) = &manifest.training else { return };
    if let Some(why) = &record.stopped {
        global.note(&format!("ended after step {}: {why}", record.steps));
    }
    let path = folder.display();
    let best = record.best.as_ref().map_or_else(String::new, |best| {
        let value = best.metric.as_ref().zip(best.value).map(|(name, value)| format!(", {name} {value:.3}"));
        format!(" (step {}{})", best.step, value.unwrap_or_default())
    });
    global.note(&format!("kept in {path}"));
    global.note(&format!("the best weights{best} are in {path}/best; classify with them:"));
    global.note(&format!("  shotglass run {session} --set model.source={path}/best"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_under_their_heads() {
        let epoch = Epoch {
            epoch: 1.0,
            train_loss: Some(0.283),
            eval_loss: 0.239_419,
            accuracy: 0.88,
            precision: 0.88,
            recall: 0.88,
            f1: 0.88,
        };
        let whole = line(&epoch);
        assert_eq!(whole, "    1       0.283000         0.239419  0.880000   0.880000  0.880000  0.880000\n");
        let between = line(&Epoch { epoch: 1.504, train_loss: None, ..epoch });
        assert!(between.starts_with(" 1.50         No log  "), "{between}");
        for text in [whole, between] {
            assert_eq!(text.len(), head().len());
        }
    }

    #[test]
    fn what_is_kept_is_said() {
        let mut reached = Reached::default();
        let folder = Path::new("a/runs/b");
        assert!(reached.hint(folder).starts_with("there is no checkpoint yet"));
        reached.take(&Update::Started(Box::new(Started { steps: 9, ..Started::default() })));
        reached.take(&Update::Saved { step: 4, path: PathBuf::new() });
        assert_eq!(reached.hint(folder), "step 4 of 9 is kept, go on with: shotglass train --resume a/runs/b");
    }
}
