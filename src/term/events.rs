//! What comes in: keys, mouse, pastes and sizes from the terminal, and the signals that concern it, as one stream.

use std::io;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyEvent, KeyEventKind, MouseEvent};
use ratatui::layout::Size;
use tokio::sync::mpsc;

use super::reader::{self, Reader};
use super::signals::Signals;

/// Inputs that may wait to be taken; behind them the terminal's own buffer fills.
const QUEUE: usize = 256;
/// How long after [`Inputs::resume`] signals about stopping count as belonging to the pause.
const ECHO: Duration = Duration::from_millis(100);

/// One thing that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeated by being held. Releases are not told.
    Key(KeyEvent),
    /// A button, a drag or the wheel.
    Mouse(MouseEvent),
    /// Text pasted in one piece, its line breaks `\n`. Other control characters may be in it.
    Paste(String),
    /// The terminal has a new size.
    Resize(Size),
    /// The terminal's window came to the front, if [`super::Options::focus`] is on.
    FocusGained,
    /// The terminal's window went to the back, if [`super::Options::focus`] is on.
    FocusLost,
    /// SIGINT from outside: Ctrl-C in raw mode is a key.
    Interrupt,
    /// SIGTSTP from outside: Ctrl-Z in raw mode is a key. [`super::suspend()`] answers it.
    SuspendRequested,
    /// The program was stopped from outside and goes on: [`super::Guard::refresh`] and [`super::Screen::reset`] answer it.
    Continued,
    /// The program should end: SIGTERM, SIGHUP, or a terminal that is gone. Work is saved, nothing is asked.
    Terminate,
}

impl Input {
    pub(super) fn from_event(event: Event) -> Option<Self> {
        Some(match event {
            Event::Key(key) if key.kind == KeyEventKind::Release => return None,
            Event::Key(key) => Self::Key(key),
            Event::Mouse(mouse) => Self::Mouse(mouse),
            Event::Paste(text) => Self::Paste(with_newlines(text)),
            Event::Resize(width, height) => Self::Resize(Size { width, height }),
            Event::FocusGained => Self::FocusGained,
            Event::FocusLost => Self::FocusLost,
        })
    }
}

/// The stream of inputs. The terminal is read on a thread of its own: crossterm can block in the middle of a key, and turn
/// for ever on a terminal that is gone (crossterm-rs/crossterm#793).
#[derive(Debug)]
pub struct Inputs {
    queue: mpsc::Receiver<Input>,
    /// For the readers to come.
    sender: mpsc::Sender<Input>,
    reader: Option<Reader>,
    signals: Signals,
    resumed: Option<Instant>,
}

impl Inputs {
    /// Starts to read the terminal and to listen for signals. Within a tokio runtime that has its I/O driver on
    /// (`enable_all`), after [`super::Guard::enter`].
    ///
    /// # Errors
    /// When there can be no more threads or signal handlers.
    pub fn new() -> io::Result<Self> {
        let (sender, queue) = mpsc::channel(QUEUE);
        let signals = Signals::listen()?;
        reader::watch_for_hangup(sender.clone())?;
        let reader = Some(Reader::start(sender.clone())?);
        Ok(Self { queue, sender, reader, signals, resumed: None })
    }

    /// Waits for what comes next. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Input {
        loop {
            let input = tokio::select! {
                biased;
                signal = self.signals.next() => signal,
                // The queue cannot close: one sender is here.
                input = self.queue.recv() => input.unwrap_or(Input::Terminate),
            };
            if !self.is_echo(&input) {
                return input;
            }
        }
    }

    /// What has come from the terminal already, without waiting: to take in everything before the next frame.
    pub fn ready(&mut self) -> Option<Input> {
        self.queue.try_recv().ok()
    }

    /// Stops reading the terminal, for another program to read it: before [`super::suspend()`] and
    /// [`super::edit_externally`]. Inputs that have come stay.
    pub fn pause(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.stop();
        }
    }

    /// Reads the terminal again. Signals about stopping and going on that belong to the pause are not told.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn resume(&mut self) -> io::Result<()> {
        self.resumed = Some(Instant::now());
        if self.reader.is_none() {
            self.reader = Some(Reader::start(self.sender.clone())?);
        }
        Ok(())
    }

    /// Signals wait in tokio until the loop runs again, so those of the pause come right after it.
    fn is_echo(&self, input: &Input) -> bool {
        matches!(input, Input::Continued | Input::SuspendRequested | Input::Interrupt)
            && self.resumed.is_some_and(|resumed| resumed.elapsed() < ECHO)
    }
}

/// Terminals send a carriage return for a line break, or both.
fn with_newlines(text: String) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    #[test]
    fn pastes_have_newlines() {
        let paste = |text: &str| Input::from_event(Event::Paste(text.to_owned()));
        assert_eq!(paste("a\rb\r\nc\n\rd\te"), Some(Input::Paste("a\nb\nc\n\nd\te".to_owned())));
    }

    #[test]
    fn releases_are_not_told() {
        let key = |kind| Event::Key(KeyEvent::new_with_kind(KeyCode::Char('x'), KeyModifiers::NONE, kind));
        assert_eq!(Input::from_event(key(KeyEventKind::Release)), None);
        assert!(matches!(Input::from_event(key(KeyEventKind::Press)), Some(Input::Key(_))));
        assert!(matches!(Input::from_event(key(KeyEventKind::Repeat)), Some(Input::Key(_))));
    }
}
