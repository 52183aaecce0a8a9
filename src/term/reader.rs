//! The threads that read the terminal and notice its end.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as std_mpsc};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, EventStream};
use tokio::sync::mpsc;

use super::events::Input;

/// Read errors in a row after which the terminal counts as gone.
const MOST_ERRORS: u32 = 8;
/// How long to wait for the reader to let go of the terminal. It does so at once, unless half a key has come.
const PATIENCE: Duration = Duration::from_millis(100);

/// The longest wait that all systems take; after it the thread waits again.
const LONG: Duration = Duration::from_secs(7 * 24 * 3600);

/// A thread that reads the terminal until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct Reader {
    stopping: Arc<AtomicBool>,
    /// Nothing is read from it: dropping it is the one way to wake a thread that waits in [`event::poll`].
    waker: std_mpsc::Receiver<EventStream>,
    stopped: std_mpsc::Receiver<()>,
}

impl Reader {
    /// Starts reading. A terminal that cannot be read any more becomes [`Input::Terminate`].
    pub(super) fn start(inputs: mpsc::Sender<Input>) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (waking, waker) = std_mpsc::sync_channel(1);
        let (done, stopped) = std_mpsc::sync_channel(1);
        let stop = Arc::clone(&stopping);
        thread::Builder::new().name("input".to_owned()).spawn(move || {
            // crossterm panics where there is no terminal to read.
            let end = catch_unwind(AssertUnwindSafe(|| {
                let _ = waking.send(EventStream::new());
                read(&inputs, &stop)
            }));
            if !matches!(end, Ok(Ok(()))) {
                tracing::warn!("the terminal cannot be read any more: {end:?}");
                // Nobody listens: the program is ending already.
                let _ = inputs.blocking_send(Input::Terminate);
            }
            let _ = done.send(());
        })?;
        Ok(Self { stopping, waker, stopped })
    }

    /// Stops reading, and comes back when the terminal is free.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(self.waker.recv_timeout(PATIENCE));
        if self.stopped.recv_timeout(PATIENCE) == Err(std_mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the reader is in the middle of a key and takes the next one yet");
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // The waker goes right after this, and wakes the thread to see it.
        self.stopping.store(true, Ordering::SeqCst);
    }
}

/// Hands on inputs until told to stop, which is Ok.
fn read(inputs: &mpsc::Sender<Input>, stopping: &AtomicBool) -> io::Result<()> {
    let mut errors = 0;
    while !stopping.load(Ordering::SeqCst) {
        let event = match event::poll(LONG) {
            Ok(true) => event::read(),
            Ok(false) => continue,
            Err(error) => Err(error),
        };
        match event {
            Ok(event) => {
                errors = 0;
                if let Some(input) = Input::from_event(event)
                    && inputs.blocking_send(input).is_err()
                {
                    return Ok(());
                }
            }
            Err(error) if errors == MOST_ERRORS => return Err(error),
            Err(_) => errors += 1,
        }
    }
    Ok(())
}

/// Waits for the terminal's end on a thread that does nothing else, and tells it as [`Input::Terminate`]: crossterm does
/// not, and SIGHUP comes only where the terminal controls this process.
#[cfg(unix)]
pub(super) fn watch_for_hangup(inputs: mpsc::Sender<Input>) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    thread::Builder::new().name("hangup".to_owned()).spawn(move || {
        let stdin = io::stdin();
        loop {
            // Asked for nothing, it tells of hangups and errors alone, and sleeps through keys.
            let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
            match poll(&mut terminal, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if terminal.iter().any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR)) => {
                    // Nobody listens: the program is ending already.
                    let _ = inputs.blocking_send(Input::Terminate);
                    return;
                }
                // A system that cannot watch terminals in this way.
                _ => return,
            }
        }
    })?;
    Ok(())
}

#[cfg(not(unix))]
pub(super) fn watch_for_hangup(_: mpsc::Sender<Input>) -> io::Result<()> {
    Ok(())
}
