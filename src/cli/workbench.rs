//! `shotglass [SESSION]`: the workbench.

use std::io::IsTerminal;

use clap::Args;

use crate::engine::any::Any;
use crate::engine::local::Local;
use crate::session::{Override, SessionFile};
use crate::workbench::world::Place;
use crate::workbench::{self, Options};

use super::failure::Failure;
use super::{Color, Global, log, start};

/// The session that is opened where none is named.
pub(super) const DEFAULT: &str = "zero-shot";

/// `shotglass [SESSION]`
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Session to open in the workbench: a file, or the name of a bundled one [default: zero-shot]
    session: Option<String>,
    /// Colours of the workbench: terminal, dark, light, contrast, or one of your own
    #[arg(long, value_name = "NAME")]
    theme: Option<String>,
    /// Leave the mouse to the terminal
    #[arg(long)]
    no_mouse: bool,
    /// Draw with ASCII characters alone
    #[arg(long)]
    ascii: bool,
}

/// Opens the workbench; without a terminal it says what there is.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    if global.format.is_some() {
        return Err(Failure::Bad("--format: the workbench writes nothing on stdout; name a command".to_owned()));
    }
    if !(std::io::stdout().is_terminal() && std::io::stdin().is_terminal()) {
        return match &arguments.session {
            None => start::run(),
            Some(session) => Err(Failure::Bad(format!(
                "the workbench needs a terminal; `shotglass run {session}` classifies a split without one"
            ))),
        };
    }
    let session = arguments.session.clone().unwrap_or_else(|| DEFAULT.to_owned());
    let overrides: Vec<Override> =
        global.overrides.iter().map(|text| Override::parse(text)).collect::<Result<_, _>>()?;
    // What is wrong with the command line is said before the screen is taken.
    SessionFile::find(&session)?.load(&overrides)?;
    let color = match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
    let config = workbench::load_config(arguments.theme.as_deref(), color, arguments.ascii)?;
    log::start();
    let place = Place { overrides, out: global.out.clone() };
    let options = Options { session, place, config, mouse: !arguments.no_mouse };
    let local = Local::polite(global.threads()).with_scores(global.scores());
    Ok(workbench::run(options, Box::new(Any::new(local)))?)
}
