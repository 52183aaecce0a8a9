//! The log file: what was started when, and how it ended. It never holds texts of the data, tokens or keys.

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::session::home;

/// Files kept, one a day.
const DAYS: usize = 7;

/// Starts the log in the XDG state folder. Called when work begins, so that wrong usage leaves nothing behind; without a
/// place to write there is no log. `SHOTGLASS_LOG` sets how much it says (`off`, `error`, `warn`, `info`, `debug`).
pub(super) fn start() {
    let level = std::env::var("SHOTGLASS_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    if level == LevelFilter::OFF {
        return;
    }
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("shotglass")
        .filename_suffix("log")
        .max_log_files(DAYS);
    // The folder comes first: the appender complains on stderr of one that it cannot look for old files in.
    let folder = home::log_folder().ok().filter(|folder| std::fs::create_dir_all(folder).is_ok());
    let Some(file) = folder.and_then(|folder| file.build(folder).ok()) else { return };
    // Only what this program says itself: libraries log requests, with their headers.
    let ours = Targets::new().with_target("shotglass", level);
    let format = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(file);
    // A second start in one process changes nothing.
    let _ = tracing_subscriber::registry().with(ours).with(format).try_init();
}
