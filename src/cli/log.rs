//! The log file, in the XDG state folder: one a day, a week kept. It never holds keys or tokens.

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::session::home::log_folder;

/// Starts logging. Without a writable state folder there is no log, and nothing else changes.
pub fn start() {
    let Ok(folder) = log_folder() else { return };
    if std::fs::create_dir_all(&folder).is_err() {
        return;
    }
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("shotglass")
        .filename_suffix("log")
        .max_log_files(7)
        .build(folder);
    if let Ok(appender) = appender {
        let filter = EnvFilter::try_from_env("SHOTGLASS_LOG").unwrap_or_else(|_| EnvFilter::new("shotglass=info"));
        let _ = tracing_subscriber::fmt().with_writer(appender).with_ansi(false).with_env_filter(filter).try_init();
    }
}
