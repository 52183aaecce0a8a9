//! Ctrl-C, and a polite request to end: the work stops at its next batch and keeps what it has.

use std::thread;

use crate::engine::Cancel;

/// A flag that is set by the first SIGINT, SIGTERM or SIGHUP. The second ends the program at once, which is safe as well:
/// files are written so that a kill at any moment leaves them whole.
pub(super) fn stop_flag() -> Cancel {
    let stop = Cancel::default();
    let flag = stop.clone();
    // Without the thread the signals do what they do by default: end the program.
    if let Err(error) = thread::Builder::new().name("signals".to_owned()).spawn(move || listen(&flag)) {
        tracing::warn!(%error, "no thread for signals");
    }
    stop
}

fn listen(stop: &Cancel) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::warn!(%error, "signals are not listened to");
            return;
        }
    };
    runtime.block_on(async {
        if signal().await.is_ok() {
            stop.cancel();
            eprintln!("stopping; once more to stop at once");
        }
        if signal().await.is_ok() {
            std::process::exit(130);
        }
    });
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hangup) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
