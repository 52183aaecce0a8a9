//! `shotglass run`: classify a split, print the report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::data::Split;
use crate::engine::command::Method;
use crate::engine::{Cancel, EngineError, Event, ModelInfo, Outcome, Stats};
use crate::metrics::{Figures, classification_report, summary};
use crate::session::Session;
use crate::session::baselines::{self, Baselines};
use crate::session::folder::{Manifest, PREDICTIONS, Status};
use crate::session::predictions;
use crate::session::prepare::Prepared;
use crate::session::run::{Recording, RunError, Summary, Task};
use crate::session::simulation;

use super::failure::Failure;
use super::models::Models;
use super::progress::Bar;
use super::{Format, Global, output, report, signals};

/// `shotglass run`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Answers are kept as they come in a folder of their own, sessions/<session>/runs/<time>-<id>/. A run that was stopped goes
on with --resume, and ends as it would have ended unbroken.

Examples:
  shotglass run sessions/zero-shot.toml
  shotglass run few-shot --set prompt.shots=5 --limit 100
  shotglass run zero-shot --split test --format json
  shotglass run --resume sessions/zero-shot/runs/20250101-120000-1a2b")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session; with --resume, that of the run where it is left out
    #[arg(required_unless_present = "resume")]
    session: Option<String>,
    /// Split to classify [default: validation]
    #[arg(long, value_enum)]
    split: Option<SplitName>,
    /// Only the first N rows of it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Folder of a run that was stopped
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
}

/// Names of splits on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SplitName {
    Train,
    Validation,
    Test,
}

impl From<SplitName> for Split {
    fn from(name: SplitName) -> Self {
        match name {
            SplitName::Train => Self::Train,
            SplitName::Validation => Self::Validation,
            SplitName::Test => Self::Test,
        }
    }
}

/// Classifies a split and prints the report.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("run", &[Format::Text, Format::Json])?;
    let kept = arguments.resume.as_deref().map(Manifest::read).transpose()?;
    if let (Some(folder), Some(_)) = (&arguments.resume, kept.as_ref().and_then(|kept| kept.training.as_ref())) {
        return Err(Failure::Bad(format!(
            "{}: is a training: go on with `shotglass train --resume`",
            folder.display()
        )));
    }
    let whole = |folder: &Path, kept: &Manifest| {
        kept.status == Status::Finished
            && predictions::read(&folder.join(PREDICTIONS)).is_ok_and(|there| there.rows.len() >= kept.rows)
    };
    if let Some(folder) = &arguments.resume
        && kept.as_ref().is_some_and(|kept| whole(folder, kept))
    {
        if arguments.session.is_some() || !global.overrides.is_empty() {
            let path = folder.display();
            return Err(Failure::Bad(format!(
                "{path} is finished: without a session, --resume shows its report again"
            )));
        }
        global.note("the run is finished already");
        return report::of(folder, format, global);
    }
    let (source, session) = find("run", arguments.session.as_deref(), global, kept.as_ref())?;
    // What a run was started with holds for its resumption too, unless it is said again.
    let split = arguments.split.map(Split::from).or(kept.as_ref().map(|kept| kept.split)).unwrap_or(Split::Validation);
    let limit = arguments.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let limit = limit.or(kept.as_ref().and_then(|kept| kept.limit));
    let threads = global.threads().or(kept.as_ref().map(|kept| kept.model.threads).filter(|threads| *threads > 0));

    let stop = signals::stop_flag();
    let prepared = Arc::new(prepare(session, &stop, global)?);
    prepared.check_labels()?;
    prepared.rows(split, limit)?;
    let models = Models::start(threads, stop.clone(), global)?;
    let model = models.load(&prepared.session.model)?;
    let mut going = |_, _| !stop.is_cancelled();
    let task = Task::new(&prepared, &source.name, split, limit, &model, &mut going)?;
    let told = introduction(&prepared, &task, split, &model);
    let recording = match &arguments.resume {
        Some(folder) => Recording::resume(task, folder)?,
        None => Recording::create(task, global.out.as_deref().unwrap_or(&source.runs))?,
    };
    let (summary, manifest) = answer(recording, &models, &told, global)?;
    // Where there is nothing to learn from, or no text, there is no baseline to tell of.
    models.bar.bytes("fitting baselines", 0, None);
    let rows = limit.unwrap_or(usize::MAX);
    let baselines = baselines::of(&prepared, (split, rows), None, &|| !stop.is_cancelled()).ok();
    models.bar.clear();
    global.note(&format!("kept in {}", summary.run));
    match format {
        Format::Json => output::json(&summary),
        _ => {
            print(&summary, Some(&manifest))?;
            print_baseline(&summary, baselines.as_ref())
        }
    }
}

/// The best baseline, and whether the run loses to it.
pub(super) fn print_baseline(summary: &Summary, baselines: Option<&Baselines>) -> Result<(), Failure> {
    match summary.report.as_ref().and_then(|report| baselines?.beside(report)) {
        Some([name, figures]) => output::lines(&format!("{:>17}  {name}\n{:>17}  {figures}\n", "best baseline", "")),
        None => Ok(()),
    }
}

/// Where a session came from.
pub(super) struct Source {
    /// As it was named.
    pub name: String,
    /// Where its new runs go.
    pub runs: PathBuf,
}

/// The session: that of the file named, else that of the run that goes on.
pub(super) fn find(
    command: &str,
    session: Option<&str>,
    global: &Global,
    kept: Option<&Manifest>,
) -> Result<(Source, Session), Failure> {
    match (session, kept) {
        (None, Some(kept)) if global.overrides.is_empty() => {
            Ok((Source { name: kept.file.clone(), runs: PathBuf::new() }, kept.session.clone()))
        }
        (None, _) => {
            Err(Failure::Bad(format!("--set needs the session file: shotglass {command} SESSION --resume RUN")))
        }
        (Some(name), _) => {
            let (file, session) = global.session(name)?;
            Ok((Source { runs: file.runs().to_owned(), name: file.name }, session))
        }
    }
}

/// Reads the data, fetched first where it is named by a URL, and checks the prompt.
pub(super) fn prepare(session: Session, stop: &Cancel, global: &Global) -> Result<Prepared, Failure> {
    let prepared = read(session, stop, global)?;
    prepared.plain()?;
    Ok(prepared)
}

/// Reads the data, fetched first where it is named by a URL.
pub(super) fn read(session: Session, stop: &Cancel, global: &Global) -> Result<Prepared, Failure> {
    let bar = Bar::new(global.quiet);
    let what = format!("fetching {}", session.data.path);
    let prepared = Prepared::open(session, &mut |done, total| {
        bar.bytes(&what, done, total);
        !stop.is_cancelled()
    })?;
    drop(bar);
    if let Some(fetched) = prepared.fetched.as_ref().filter(|fetched| fetched.downloaded) {
        let path = fetched.path.display();
        global.note(&format!("fetched {} bytes, SHA-256 {}, kept as {path}", fetched.bytes, fetched.sha256));
    }
    Ok(prepared)
}

/// What is told of a run once it is sure to begin: notes, and warnings.
#[derive(Default)]
pub(super) struct Introduction {
    notes: Vec<String>,
    warnings: Vec<String>,
}

fn introduction(prepared: &Prepared, task: &Task, split: Split, model: &ModelInfo) -> Introduction {
    let title = &prepared.session.title;
    let (rows, all) = (task.rows().len(), prepared.data.split(split).len());
    let of = if rows < all { format!("{rows} of the {all} rows") } else { format!("{rows} rows") };
    let threads = if model.device == "cpu" { format!(", {} threads", model.threads) } else { String::new() };
    let counted = [
        (prepared.data.empty_texts(), "rows of the data have an empty text"),
        (
            task.duplicates(),
            "rows have the very text of a demonstration, so their prompt shows their answer (retweets?)",
        ),
    ];
    let mut warnings: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    if prepared.session.decode.method == Method::Generate {
        let word = |label: usize| prepared.data.labels().get(label).map_or("", String::as_str);
        warnings.extend(prepared.answers.inside_others().into_iter().map(|(inner, outer)| {
            let (inner, outer) = (word(inner), word(outer));
            format!(
                "`{inner}` stands inside `{outer}` and comes before it, so an answer with the second counts as the first; \
                 answer.rule = \"earliest\" looks for whole words"
            )
        }));
    }
    let on = match model.scoring_after(prepared.session.prompt.chat) {
        None => format!("{} on {} ({}{threads})", model.name, model.device, model.dtype),
        Some(scoring) if prepared.session.decode.method == Method::Score => {
            format!("{} at {}; log-probabilities: {scoring}", model.name, model.origin)
        }
        Some(_) => format!("{} at {}", model.name, model.origin),
    };
    let mut notes = vec![format!("{title}{}{of} of the {split} split", if title.is_empty() { "" } else { ": " }), on];
    notes.extend(model.classifier.as_ref().map(|classifier| {
        let clean = match classifier.clean.as_slice() {
            [] => "as it is in the data".to_owned(),
            rules => format!("cleaned by {}", rules.join(", ")),
        };
        format!("it is a fine-tuned classifier, which reads each row's text {clean}, without the prompt around it")
    }));
    Introduction { notes, warnings }
}

/// Lets the engine answer all rows that are left.
pub(super) fn answer(
    mut recording: Recording,
    models: &Models,
    told: &Introduction,
    global: &Global,
) -> Result<(Summary, Manifest), Failure> {
    let bar = &models.bar;
    let tally = recording.tally();
    tracing::info!(folder = %recording.folder().display(), rows = tally.total, done = tally.done, "run");
    let mut begun = false;
    let mut inside: BTreeMap<String, usize> = BTreeMap::new();
    let prepared = Arc::clone(recording.task().prepared());
    let orders = recording.task().orders();
    let outcome = models.work(recording.work(), &mut |event| {
        // Only now the engine has found nothing wrong with the prompts: bad input is answered with one line alone.
        if !std::mem::replace(&mut begun, true) {
            told.notes.iter().for_each(|note| global.note(note));
            told.warnings.iter().for_each(|warning| global.warn(warning));
            if tally.done > 0 {
                global.note(&format!("{} of {} rows are answered already", tally.done, tally.total));
            }
            bar.begin_rows(tally);
        }
        match event {
            Event::Scored { answers, .. } => {
                for row in recording.record(&answers)? {
                    if prepared.answers.read(&row.answer).is_some_and(|reading| reading.inside_word) {
                        *inside.entry(row.predicted).or_default() += 1;
                    }
                }
                bar.rows(recording.tally(), recording.rate());
            }
            Event::Progress { progress, .. } => {
                if let Some(note) = progress.note {
                    bar.note(&note);
                }
            }
            _ => {}
        }
        Ok::<_, RunError>(())
    });
    bar.clear();
    for (label, count) in inside {
        let answers = if count == 1 { "answer was" } else { "answers were" };
        global.warn(&format!(
            "{count} {answers} read as `{label}` only because it stands inside another word; answer.rule = \"earliest\" looks \
             for whole words"
        ));
    }
    let error = match outcome {
        Ok(Outcome::Answered(stats)) => {
            if prepared.session.simulate.is_some() {
                bar.note("holding the answers against the real ones");
            }
            let (folder, done) = (recording.folder().to_owned(), recording.tally());
            let stop = &models.stop;
            let finished = recording.finish(stats, &|| !stop.is_cancelled());
            bar.clear();
            let (summary, manifest) = finished.map_err(|error| match Failure::from(error) {
                Failure::Cancelled(_) => Failure::Cancelled(Some(go_on(&folder, done.done, done.total, orders))),
                failure => failure,
            })?;
            tracing::info!(rows = summary.rows, seconds = summary.seconds, "run finished");
            return Ok((summary, manifest));
        }
        Ok(_) => RunError::Engine(EngineError::Failed("the engine answered something else".to_owned())),
        Err(error) => error,
    };
    let tally = recording.tally();
    let folder = match &error {
        RunError::Engine(error) => recording.stop(error),
        other => recording.stop(&EngineError::Failed(other.to_string())),
    };
    let hint = folder.map(|folder| go_on(&folder, tally.done, tally.total, orders));
    Err(match (Failure::from(error), hint) {
        (Failure::Cancelled(_), hint) => Failure::Cancelled(hint),
        (Failure::Failed(text), Some(hint)) => Failure::Failed(format!("{text}; {hint}")),
        (failure, _) => failure,
    })
}

fn go_on(folder: &Path, done: usize, total: usize, orders: usize) -> String {
    // A row that is asked in several orders of its labels has several answers.
    let what = if orders > 1 { "answers" } else { "rows" };
    format!("{done} of {total} {what} are kept, go on with: shotglass run --resume {}", folder.display())
}

/// The report as text, with the figures below it that a manifest knows.
pub(super) fn print(summary: &Summary, manifest: Option<&Manifest>) -> Result<(), Failure> {
    let Some(report) = &summary.report else {
        let rows = summary.rows;
        return output::lines(&match &summary.simulation {
            Some(simulation) => {
                format!("{rows} respondents answered\n{}", simulation::text::plain(simulation))
            }
            None => format!("{rows} rows answered; without gold labels there is nothing to report\n"),
        });
    };
    let mut text = classification_report(&report.confusion, &crate::metrics::Layout::default());
    text.push('\n');
    text += &self::summary(report, &manifest.map(figures).unwrap_or_default());
    if let Some(cost) = manifest.and_then(cost) {
        text += &format!("{:>17}  {cost}\n", "cost");
    }
    if let Some(tried) = manifest.and_then(|manifest| manifest.tried) {
        text += &format!("{:>17}  {}\n", "so far", tried.text());
    }
    if let Some(simulation) = &summary.simulation {
        text += &simulation::text::plain(simulation);
    }
    output::lines(&text)
}

/// Speeds, and what the shared prefix saved. Tokens are known of the last leg alone, so they are told of runs in one leg.
fn figures(manifest: &Manifest) -> Figures {
    if manifest.training.is_some() {
        // Its time went into training.
        return Figures::default();
    }
    let (seconds, rows) = manifest.work();
    let rows_per_second = (seconds > 0.0 && rows > 0).then(|| rows as f64 / seconds);
    let orders = 1 + manifest.session.simulate.as_ref().map_or(0, |simulate| simulate.shuffles as usize);
    let whole = manifest.stats.filter(|stats| stats.rows == manifest.rows * orders && stats.seconds > 0.0);
    let computed = |stats: Stats| stats.computed_tokens + stats.new_tokens;
    Figures {
        rows_per_second,
        // Where all rows were in the score cache there is no speed of computing.
        tokens_per_second: whole
            .filter(|stats| computed(*stats) > 0)
            .map(|stats| computed(stats) as f64 / stats.seconds),
        cached_rows: manifest.stats.map(|stats| stats.cached_rows).filter(|rows| *rows > 0),
        // What a server keeps of prompts that begin alike is not known.
        tokens_saved: whole
            .filter(|_| !manifest.session.model.is_endpoint())
            .map(|stats| stats.prompt_tokens.saturating_sub(stats.computed_tokens) as u64),
    }
}

/// What an endpoint takes for the last leg's tokens, where the session says its prices.
fn cost(manifest: &Manifest) -> Option<String> {
    let model = &manifest.session.model;
    let stats = manifest.stats.filter(|_| model.price_in.is_some() || model.price_out.is_some())?;
    let (read, new) = (stats.computed_tokens as f64, stats.new_tokens as f64);
    let cost = (read * model.price_in.unwrap_or(0.0) + new * model.price_out.unwrap_or(0.0)) / 1e6;
    let of = if stats.rows < manifest.rows { ", the last leg alone" } else { "" };
    Some(format!("{cost:.4} for {read} tokens read and {new} written{of}"))
}
