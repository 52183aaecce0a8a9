//! `shotglass run`: classify a split, print the report.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use crate::data::Split;
use crate::engine::{Event, Outcome, Stats};
use crate::metrics::text::{self, Figures, Layout, classification_report};
use crate::session::prepare::Prepared;
use crate::session::run::{Recording, Summary, Task};

use super::engine::Running;
use super::failure::Failure;
use super::{Context, output};

#[derive(Args)]
pub struct Arguments {
    /// A session file, or the name of a bundled session
    session: String,
    /// The split to classify: train, validation or test
    #[arg(long, default_value = "validation", value_parser = split)]
    split: Split,
    /// Only the first N rows of the split
    #[arg(long, value_name = "N")]
    limit: Option<std::num::NonZeroUsize>,
    /// Go on with a run that was interrupted
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
}

fn split(text: &str) -> Result<Split, String> {
    let split = Split::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text));
    split.map_err(|_| "expected train, validation or test".to_owned())
}

/// Reads a session's data, with progress where it must be fetched, and checks all that needs no model.
pub fn prepare(context: &Context, session: crate::session::Session) -> Result<Prepared, Failure> {
    let bar = output::bar(context, output::BYTES, None);
    bar.set_message("fetching the data");
    let prepared = Prepared::new(session, &mut |done, total| {
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(done);
        !context.interrupt.is_set()
    });
    bar.finish_and_clear();
    let prepared = prepared?;
    if let Some(fetched) = prepared.fetched.as_ref().filter(|fetched| fetched.downloaded) {
        output::note(context, &format!("fetched {} bytes, SHA-256 {}", fetched.bytes, fetched.sha256));
    }
    Ok(prepared)
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let (file, session) = context.session(&arguments.session)?;
    let spec = session.model.clone();
    let prepared = prepare(context, session)?;
    let limit = arguments.limit.map(std::num::NonZero::get);
    prepared.check_labels()?;
    prepared.rows(arguments.split, limit)?;
    let empty = prepared.data.empty_texts();
    if empty > 0 {
        output::note(context, &format!("{empty} rows have no text after cleaning; they are kept"));
    }

    let running = Running::load(context, &spec)?;
    let task = Task::new(&prepared, &file.name, arguments.split, limit, &running.model)?;
    if task.duplicates() > 0 {
        let count = task.duplicates();
        output::note(
            context,
            &format!("{count} rows see a demonstration with their own text (retweets); their labels leak"),
        );
    }
    let mut recording = match &arguments.resume {
        Some(folder) => Recording::resume(task, folder)?,
        None => Recording::create(task, context.options.out.as_deref().unwrap_or_else(|| file.runs()))?,
    };
    let folder = recording.folder().to_owned();
    let bar = output::bar(context, output::ROWS, Some(recording.tally().total as u64));
    bar.set_position(recording.tally().done as u64);
    bar.reset_eta();
    let work = recording.work();
    let outcome = running.work(context, work, &mut |event| {
        match event {
            Event::Scored { answers, .. } => recording.record(&answers)?,
            Event::Progress { progress, .. } => {
                if let Some(note) = progress.note {
                    bar.suspend(|| output::note(context, &note));
                }
            }
            _ => {}
        }
        let tally = recording.tally();
        bar.set_position(tally.done as u64);
        if let Some(accuracy) = tally.accuracy() {
            bar.set_message(format!("accuracy {accuracy:.3}"));
        }
        Ok(())
    });
    bar.finish_and_clear();
    match outcome {
        Ok(Outcome::Answered(stats)) => {
            let (summary, _) = recording.finish(stats)?;
            if json { output::json(&summary) } else { print(&summary, &stats) }
        }
        Ok(other) => Err(Failure::failed(format!("a run ended in {other:?}"))),
        Err(failure) => Err(interrupted(recording, failure, &arguments.session, &folder)),
    }
}

/// Closes the folder of a run that did not end, and says how to go on.
fn interrupted(recording: Recording<'_>, failure: Failure, session: &str, folder: &Path) -> Failure {
    let answered = recording.tally().done;
    match recording.stop(&failure.as_engine_error()) {
        Some(_) if answered > 0 => failure.and(&format!(
            "{answered} rows are kept: go on with `shotglass run {session} --resume {}` and the same options",
            folder.display()
        )),
        _ => failure,
    }
}

fn print(summary: &Summary, stats: &Stats) -> Result<(), Failure> {
    let mut page = String::new();
    match &summary.report {
        Some(report) => {
            let seconds = stats.seconds.max(f64::MIN_POSITIVE);
            let figures = Figures {
                rows_per_second: Some(stats.rows as f64 / seconds),
                tokens_per_second: Some((stats.computed_tokens + stats.new_tokens) as f64 / seconds),
                tokens_saved: stats.prompt_tokens.checked_sub(stats.computed_tokens).map(|saved| saved as u64),
            };
            page += &classification_report(&report.confusion, &Layout::default());
            page.push('\n');
            page += &text::summary(report, &figures);
        }
        None => page += &format!("{} rows answered; the data has no gold labels to compare with\n", summary.rows),
    }
    page += &format!("\nrun {}\n", crate::text::printable(&summary.run));
    output::write(page.as_bytes())
}
