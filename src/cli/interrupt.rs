//! Ctrl-C, SIGTERM and SIGHUP: the first asks the command to stop, the second ends the program.

use crate::engine::Cancel;

/// Whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Cancel);

/// Exit code of a cancelled command.
const CANCELLED: i32 = 130;

impl Interrupt {
    /// Listens to signals on a thread of its own. Where that cannot be had, signals end the program as usual.
    pub fn listen() -> Self {
        let interrupt = Self::default();
        let flag = interrupt.0.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        if let Ok(runtime) = runtime {
            let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
                runtime.block_on(async {
                    while wait().await.is_ok() {
                        if flag.is_cancelled() {
                            std::process::exit(CANCELLED);
                        }
                        flag.cancel();
                    }
                });
            });
        }
        interrupt
    }

    /// Whether the user asked to stop.
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// The flag that jobs watch.
    pub fn flag(&self) -> &Cancel {
        &self.0
    }
}

#[cfg(unix)]
async fn wait() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut hang_up) = (signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
        _ = hang_up.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
