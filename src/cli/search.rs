//! `shotglass search`: look for a better prompt, within a budget.

use std::path::PathBuf;

use clap::Args;

use crate::data::Split;
use crate::session::SessionFile;
use crate::session::queue::Queue;
use crate::session::search::Search;
use crate::session::timeline::{Timeline, VERSIONS};

use super::failure::Failure;
use super::{Format, Global, output, queue};

/// `shotglass search`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Train rows propose (new demonstrations, and those that the prompt gets wrong), the first rows of the validation split
choose, and the rows behind them judge the best against the prompt as it was. The test split stays locked without
--open-test, and opening it is counted. Each prompt that is tried is a run of its own, and each step that is better goes
into the session's timeline (v in the workbench). A search that was stopped goes on when it is begun again.

Examples:
  shotglass search sessions/few-shot.toml
  shotglass search few-shot --budget 40 --set search.choose=200
  shotglass search few-shot --open-test --format json")]
pub(super) struct Arguments {
    /// Session file, or the name of a bundled session
    session: String,
    /// Prompts to try [default: search.budget, 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    budget: Option<u64>,
    /// Judge the best on the test split too, at the end
    #[arg(long)]
    open_test: bool,
}

/// Runs the search and prints what it found.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("search", &[Format::Text, Format::Json])?;
    let mut runs = PathBuf::new();
    let mut splits = vec![Split::Train, Split::Validation];
    splits.extend(arguments.open_test.then_some(Split::Test));
    let mut queued = queue::open(&arguments.session, &splits, global, &mut runs)?;
    if let Some(budget) = arguments.budget {
        let mut session = queued.prepared.session.clone();
        session.search.get_or_insert_default().budget = usize::try_from(budget).unwrap_or(usize::MAX);
        queued.prepared = std::sync::Arc::new(queued.prepared.with_session(session));
    }
    let mut search = Search::new(&queued.prepared, arguments.open_test)?;
    // Where runs go elsewhere, so does the timeline of a search: the session's own is not touched.
    let home = match &global.out {
        Some(out) => out.clone(),
        None => SessionFile::find(&arguments.session)?.home().to_owned(),
    };
    let bad = |error: crate::session::timeline::JournalError| Failure::Failed(error.to_string());
    let mut timeline = Timeline::open(&home.join(VERSIONS)).map_err(bad)?;
    queued.answer(&mut search, global, &mut |search| {
        if let Some((prompt, note)) = search.step()
            && !timeline.versions().any(|version| version.prompt == prompt)
        {
            timeline.append(prompt, false, None, Some(note)).map_err(bad)?;
        }
        Ok(())
    })?;
    match format {
        Format::Json => output::json(&search.found()),
        _ => {
            output::lines(&search.text())?;
            if search.best_name().is_some() {
                global.note("the best prompt is the newest version in the timeline: v in the workbench puts it back");
            }
            Ok(())
        }
    }
}
