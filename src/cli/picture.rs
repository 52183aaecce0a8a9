//! `shotglass picture`: an SVG of the workbench, for the README. Hidden, because it is for whoever works on the program.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use crate::engine::any::Any;
use crate::engine::local::Local;
use crate::session::home::write_whole;
use crate::workbench::picture::{self, Options, PictureError};

use super::failure::Failure;
use super::workbench::DEFAULT;
use super::{Format, Global, log, signals};

/// `shotglass picture`
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Session to open: a file, or the name of a bundled one [default: zero-shot]
    session: Option<String>,
    /// Keys to press, as the keymap names them: tab ctrl-r "typed text" wait wait:100 step:20
    #[arg(long, default_value = "wait")]
    keys: String,
    /// Columns and lines
    #[arg(long, default_value = "120x34")]
    size: Size,
    /// Colours
    #[arg(long, default_value = "dark")]
    theme: String,
    /// Draw with ASCII characters alone
    #[arg(long)]
    ascii: bool,
    /// Training to show in view 4: a run's folder, or `newest` for the session's newest one
    #[arg(long, value_name = "RUN")]
    training: Option<String>,
    /// File to write
    #[arg(short, long, value_name = "SVG")]
    output: PathBuf,
}

/// Columns and lines.
#[derive(Clone, Copy, Debug)]
struct Size(u16, u16);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sides = text.split_once('x').and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        let (width, height) = sides.ok_or("columns and lines, as 120x34")?;
        let fits = (1..=500).contains(&width) && (1..=200).contains(&height);
        if fits { Ok(Self(width, height)) } else { Err("at most 500x200") }
    }
}

/// Takes the picture.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    global.format("picture", &[Format::Text])?;
    let Size(width, height) = arguments.size;
    let options = Options {
        session: arguments.session.clone().unwrap_or_else(|| DEFAULT.to_owned()),
        overrides: global.overrides.clone(),
        keys: picture::parse(&arguments.keys)?,
        size: (width, height),
        theme: arguments.theme.clone(),
        ascii: arguments.ascii,
        training: arguments.training.clone(),
    };
    log::start();
    let stop = signals::stop_flag();
    let svg = picture::take(&options, Box::new(Any::new(Local::new(global.threads()))), &|| !stop.is_cancelled())?;
    write_whole(&arguments.output, svg.as_bytes())
        .map_err(|error| Failure::Bad(format!("{}: cannot be written: {error}", arguments.output.display())))?;
    global.note(&format!("{}: {} bytes", arguments.output.display(), svg.len()));
    Ok(())
}

impl From<PictureError> for Failure {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::Cancelled => Self::Cancelled(None),
            PictureError::Session(error) => error.into(),
            PictureError::Workbench(error) => error.into(),
            error => Self::Bad(error.to_string()),
        }
    }
}
