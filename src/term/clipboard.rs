//! Copying: to the desktop's clipboard where there is a desktop, through the terminal (OSC 52) where it is elsewhere, and
//! to tmux where it stands in between. What was done is told in words.
//!
//! The desktop can be slow to answer, so it is asked on a thread of its own, which also keeps the selection alive: under
//! X11 and Wayland the text is gone with its owner.

use std::ffi::OsString;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::queue;

use super::copied::{Copied, Way};

/// Longer texts are not sent by OSC 52: terminals cut them off or drop them.
const LONGEST: usize = 100_000;
/// Texts that may wait for a slow desktop.
const QUEUE: usize = 4;
/// How long the end of the program waits for the desktop to take the text over.
const PATIENCE: Duration = Duration::from_millis(300);

/// Where the program runs, as its environment tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    desktop: bool,
    ssh: bool,
    tmux: bool,
}

impl Place {
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        Self {
            desktop: cfg!(any(target_os = "macos", windows)) || set("WAYLAND_DISPLAY") || set("DISPLAY"),
            ssh: set("SSH_TTY") || set("SSH_CONNECTION"),
            tmux: set("TMUX"),
        }
    }

    /// Whether the terminal is, or may be, where the user's clipboard is.
    fn wants_terminal(self) -> bool {
        self.ssh || self.tmux || !self.desktop
    }
}

type Done = Box<dyn FnOnce(Copied) + Send>;

struct Request {
    text: String,
    terminal: Way,
    done: Done,
}

/// A thread that copies, and the sign that it has ended.
#[derive(Debug)]
struct Worker {
    requests: mpsc::SyncSender<Request>,
    ended: mpsc::Receiver<()>,
}

/// The clipboard. What was copied under X11 or Wayland stays there as long as this lives.
#[derive(Debug)]
pub struct Clipboard {
    place: Place,
    worker: Option<Worker>,
}

impl Default for Clipboard {
    fn default() -> Self {
        Self::new()
    }
}

impl Clipboard {
    /// Looks where the program runs. No thread starts before something is copied.
    pub fn new() -> Self {
        Self { place: Place::of(|name| std::env::var_os(name)), worker: None }
    }

    /// Copies `text`. What goes through the terminal is written to `out` at once, between two frames
    /// ([`super::Screen::output`]); the rest is done elsewhere, and `done` called from there once that is over, or before
    /// this returns where there is nothing else to do.
    pub fn copy(&mut self, text: &str, out: &mut impl Write, done: impl FnOnce(Copied) + Send + 'static) {
        let terminal = if self.place.wants_terminal() { send(text, out) } else { Way::Untried };
        if !self.place.desktop && !self.place.tmux {
            done(Copied { system: Way::Failed("no desktop".to_owned()), tmux: Way::Untried, terminal });
            return;
        }
        let request = Request { text: text.to_owned(), terminal, done: Box::new(done) };
        if let Err((request, why)) = self.hand_over(request) {
            let (system, tmux) = (Way::Failed(why.to_owned()), Way::Untried);
            (request.done)(Copied { system, tmux, terminal: request.terminal });
        }
    }

    fn hand_over(&mut self, request: Request) -> Result<(), (Request, &'static str)> {
        if self.worker.is_none() {
            self.worker = Worker::start(self.place).ok();
        }
        let Some(worker) = &self.worker else {
            return Err((request, "its thread could not be started"));
        };
        match worker.requests.try_send(request) {
            Ok(()) => Ok(()),
            Err(mpsc::TrySendError::Full(request)) => Err((request, "the desktop does not answer")),
            Err(mpsc::TrySendError::Disconnected(request)) => {
                self.worker = None;
                Err((request, "its thread broke off"))
            }
        }
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        if let Some(Worker { requests, ended }) = self.worker.take() {
            drop(requests);
            // Under X11 a clipboard manager may take the text over; one that hangs must not hold up the end.
            let _ = ended.recv_timeout(PATIENCE);
        }
    }
}

impl Worker {
    fn start(place: Place) -> io::Result<Self> {
        let (requests, queue) = mpsc::sync_channel::<Request>(QUEUE);
        let (end, ended) = mpsc::sync_channel(1);
        thread::Builder::new().name("clipboard".to_owned()).spawn(move || {
            let mut desktop = None;
            while let Ok(Request { text, terminal, done }) = queue.recv() {
                let system = if place.desktop { copy_to_desktop(&mut desktop, &text) } else { Way::Untried };
                let tmux = if place.tmux { copy_to_tmux(&text) } else { Way::Untried };
                done(Copied { system, tmux, terminal });
            }
            drop(desktop);
            // Nobody waits any more: the program has ended.
            let _ = end.send(());
        })?;
        Ok(Self { requests, ended })
    }
}

/// The connection is made at the first text, and anew after an error.
fn copy_to_desktop(connection: &mut Option<arboard::Clipboard>, text: &str) -> Way {
    let copied = catch_unwind(AssertUnwindSafe(|| {
        let mut clipboard = connection.take().map_or_else(arboard::Clipboard::new, Ok)?;
        clipboard.set_text(text)?;
        *connection = Some(clipboard);
        Ok::<(), arboard::Error>(())
    }));
    match copied {
        Ok(Ok(())) => Way::Done,
        Ok(Err(error)) => Way::Failed(format!("the desktop's does not answer ({error})")),
        Err(_) => Way::Failed("the desktop's broke off".to_owned()),
    }
}

/// tmux takes OSC 52 from programs only where `set-clipboard` is `on`, which it is not by default; this it takes always,
/// and hands it on to the terminal itself (since 3.2).
fn copy_to_tmux(text: &str) -> Way {
    let mut command = Command::new("tmux");
    command.args(["load-buffer", "-w", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let copied = command.spawn().and_then(|mut tmux| {
        let written = tmux.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(text.as_bytes()));
        tmux.wait().and_then(|status| written.map(|()| status))
    });
    match copied {
        Ok(status) if status.success() => Way::Done,
        Ok(_) => Way::Failed("tmux refused".to_owned()),
        Err(error) => Way::Failed(format!("tmux: {error}")),
    }
}

/// Base64 within the sequence: nothing of the text reaches the terminal as it is.
fn send(text: &str, out: &mut impl Write) -> Way {
    if text.len() > LONGEST {
        return Way::Failed(format!(
            "{} kB are too much for the terminal (OSC 52 takes 100)",
            text.len().div_ceil(1000)
        ));
    }
    let mut sequence = Vec::new();
    let sent = queue!(sequence, CopyToClipboard::to_clipboard_from(text))
        .and_then(|()| out.write_all(&sequence))
        .and_then(|()| out.flush());
    match sent {
        Ok(()) => Way::Done,
        Err(error) => Way::Failed(format!("the terminal: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(variables: &[&str]) -> Place {
        Place::of(|name| variables.contains(&name).then(|| OsString::from(":0")))
    }

    fn copy(place: Place, text: &str) -> (Copied, Vec<u8>) {
        let mut clipboard = Clipboard { place, worker: None };
        let mut out = Vec::new();
        let (sender, told) = mpsc::channel();
        clipboard.copy(text, &mut out, move |copied| sender.send(copied).unwrap());
        (told.recv_timeout(Duration::from_secs(10)).unwrap(), out)
    }

    #[test]
    #[cfg(not(any(target_os = "macos", windows)))]
    fn the_way_depends_on_the_place() {
        assert_eq!(place(&["DISPLAY"]), Place { desktop: true, ssh: false, tmux: false });
        assert!(!place(&["WAYLAND_DISPLAY"]).wants_terminal());
        assert!(place(&[]).wants_terminal());
        assert!(place(&["DISPLAY", "SSH_CONNECTION"]).wants_terminal());
        assert!(place(&["WAYLAND_DISPLAY", "TMUX"]).wants_terminal());
        assert_eq!(Place::of(|_| Some(OsString::new())), Place { desktop: false, ssh: false, tmux: false });
    }

    #[test]
    fn over_ssh_it_goes_through_the_terminal() {
        let (copied, out) = copy(Place { desktop: false, ssh: true, tmux: false }, "opposé\u{1b}]");
        assert_eq!(out, b"\x1b]52;c;b3Bwb3PDqRtd\x1b\\");
        assert!(copied.worked());
        assert_eq!(copied.to_string(), "sent to the terminal's clipboard (OSC 52): the terminal may refuse it");
    }

    #[test]
    fn too_long_for_the_terminal() {
        let (copied, out) = copy(Place { desktop: false, ssh: true, tmux: false }, &"x".repeat(LONGEST + 1));
        assert!(out.is_empty() && !copied.worked());
        let why = "101 kB are too much for the terminal (OSC 52 takes 100)";
        assert_eq!(copied.to_string(), format!("no clipboard: no desktop; {why}"));
        let copied = Copied { system: Way::Done, ..copied };
        assert_eq!(copied.to_string(), format!("copied, but not to the terminal's clipboard: {why}"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_desktop_behind_the_variable_is_told() {
        if Place::of(|name| std::env::var_os(name)).desktop {
            return; // a developer's own clipboard is left alone
        }
        let (copied, out) = copy(Place { desktop: true, ssh: false, tmux: false }, "x");
        assert!(out.is_empty() && !copied.worked());
        assert!(copied.to_string().starts_with("no clipboard: the desktop's does not answer ("), "{copied}");
    }
}
