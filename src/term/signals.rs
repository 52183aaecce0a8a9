//! The signals that concern an interface. Where there are none, nothing ever comes.
//!
//! tokio's handlers stay once they are there: SIGTSTP no longer stops the process by itself, which is why
//! [`super::suspend()`] stops it by SIGSTOP.

use super::events::Input;

#[cfg(unix)]
pub(super) use self::unix::Signals;

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::Signal as Number;
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Input;

    /// The signals listened for.
    #[derive(Debug)]
    pub(in super::super) struct Signals {
        terminate: Signal,
        hangup: Signal,
        interrupt: Signal,
        stop: Signal,
        proceed: Signal,
        resize: Signal,
    }

    impl Signals {
        /// Replaces what these signals do by default, for the rest of the process.
        pub(in super::super) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
                interrupt: signal(SignalKind::interrupt())?,
                stop: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
                proceed: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
                // crossterm listens too, but only from its first read on, which another thread does.
                resize: signal(SignalKind::window_change())?,
            })
        }

        /// Waits for the next one. Dropping the future loses nothing.
        pub(in super::super) async fn next(&mut self) -> Input {
            tokio::select! {
                biased;
                Some(()) = self.terminate.recv() => Input::Terminate,
                Some(()) = self.hangup.recv() => Input::Terminate,
                Some(()) = self.interrupt.recv() => Input::Interrupt,
                Some(()) = self.proceed.recv() => Input::Continued,
                Some(()) = self.stop.recv() => Input::SuspendRequested,
                Some(()) = self.resize.recv() => Input::Resize(crate::term::screen::terminal_size()),
                else => std::future::pending().await,
            }
        }
    }
}

/// No signals here.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    pub(super) async fn next(&mut self) -> Input {
        std::future::pending().await
    }
}
