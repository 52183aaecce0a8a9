//! The terminal's modes: turned on together, turned off together, whatever ends the program.
//!
//! What is on stands in one static byte, because two must know it that share nothing else: the [`Guard`] on the stack of
//! the UI thread, and the panic hook, which the runtime calls without any state. Whoever restores first takes the bits out
//! of it, so that it is done once. A panic of another thread leaves the terminal alone: the interface lives on.

use std::io::{self, IsTerminal, Write};
use std::marker::PhantomData;
use std::panic;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Once, OnceLock};
use std::thread::{self, ThreadId};

use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, queue};

/// What the terminal has on, as a set of the bits below. They are turned on from the lowest and off from the highest.
static ON: AtomicU8 = AtomicU8::new(0);

const RAW: u8 = 1;
const ALTERNATE: u8 = 1 << 1;
const HIDDEN_CURSOR: u8 = 1 << 2;
const PASTE: u8 = 1 << 3;
const MOUSE: u8 = 1 << 4;
const FOCUS: u8 = 1 << 5;

/// The thread that may restore, as told to [`install_panic_hook`].
static UI_THREAD: OnceLock<ThreadId> = OnceLock::new();

/// What to turn on besides raw mode, the alternate screen and bracketed paste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Clicks, drags and the wheel are reported. Mere motion is not: it would wake the program all the time.
    pub mouse: bool,
    /// Gaining and losing focus is reported.
    pub focus: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { mouse: true, focus: false }
    }
}

/// The terminal in the program's hands, until this is dropped. It stays on the thread that entered.
#[derive(Debug)]
pub struct Guard {
    options: Options,
    /// Not `Send`: only the UI thread turns modes on and off.
    thread: PhantomData<*const ()>,
}

impl Guard {
    /// Turns on raw mode, the alternate screen, bracketed paste and what `options` add, and hides the cursor.
    ///
    /// # Errors
    /// When stdin or stdout is no terminal, when another guard is there, or when the terminal refuses; then nothing stays on.
    pub fn enter(options: Options) -> io::Result<Self> {
        if !io::stdin().is_terminal() {
            return Err(io::Error::other("the workbench needs a terminal to read keys from, and stdin is none"));
        }
        if !io::stdout().is_terminal() {
            return Err(io::Error::other("the workbench needs a terminal to draw on, and stdout is none"));
        }
        if ON.load(Ordering::SeqCst) != 0 {
            return Err(io::Error::other("the terminal has been entered already"));
        }
        let mut guard = Self { options, thread: PhantomData };
        guard.reenter()?;
        Ok(guard)
    }

    /// Turns everything off again for a while: for the shell after Ctrl-Z, or for an editor.
    ///
    /// # Errors
    /// The first thing that could not be turned off; the others are off all the same.
    pub fn leave(&mut self) -> io::Result<()> {
        turn_off(ON.swap(0, Ordering::SeqCst))
    }

    /// Turns everything on again after [`Guard::leave`]. What the screen showed is gone: [`super::Screen::reset`] comes next.
    ///
    /// # Errors
    /// When the terminal refuses; then nothing stays on.
    pub fn reenter(&mut self) -> io::Result<()> {
        let entered = turn_on(self.bits());
        if entered.is_err() {
            // That it could not be turned on is the error to tell.
            let _ = self.leave();
        }
        entered
    }

    /// Turns everything on once more where it should be on already: after a stop from outside, when the shell has had the
    /// terminal without this program's leave ([`super::Input::Continued`]). [`super::Screen::reset`] comes next.
    ///
    /// # Errors
    /// When the terminal refuses; then nothing stays on.
    pub fn refresh(&mut self) -> io::Result<()> {
        if ON.load(Ordering::SeqCst) & RAW != 0 {
            // crossterm takes raw mode for being on and would do nothing. An error here is repeated by what follows.
            let _ = disable_raw_mode();
        }
        self.reenter()
    }

    /// Turns everything off for good. Dropping the guard does the same, but cannot tell of errors.
    ///
    /// # Errors
    /// As [`Guard::leave`].
    pub fn restore(&mut self) -> io::Result<()> {
        self.leave()
    }

    fn bits(&self) -> u8 {
        let mouse = if self.options.mouse { MOUSE } else { 0 };
        let focus = if self.options.focus { FOCUS } else { 0 };
        RAW | ALTERNATE | HIDDEN_CURSOR | PASTE | mouse | focus
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Nobody is left to tell; a terminal that is gone needs no restoring.
        let _ = self.restore();
    }
}

/// Makes panics safe for the screen. One on the calling thread, which becomes the UI thread, restores the terminal and goes
/// on to the hook before this one, whose message is then readable. One on any other thread is logged and nothing else: what
/// becomes of its work is told by whoever waits for it. A second call does nothing.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Set nowhere else, so it is empty.
        let _ = UI_THREAD.set(thread::current().id());
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let thread = thread::current();
            if UI_THREAD.get() == Some(&thread.id()) {
                // There may be no terminal any more; the message is still worth its try.
                let _ = turn_off(ON.swap(0, Ordering::SeqCst));
                previous(info);
            } else {
                tracing::error!(thread = thread.name().unwrap_or("unnamed"), "{info}");
            }
        }));
    });
}

/// Marks what it is about to turn on before it does: half a success is undone like a whole one.
fn turn_on(bits: u8) -> io::Result<()> {
    if bits & RAW != 0 {
        ON.fetch_or(RAW, Ordering::SeqCst);
        enable_raw_mode()?;
    }
    ON.fetch_or(bits, Ordering::SeqCst);
    let mut out = Vec::new();
    if bits & ALTERNATE != 0 {
        queue!(out, EnterAlternateScreen)?;
    }
    if bits & HIDDEN_CURSOR != 0 {
        queue!(out, cursor::Hide)?;
    }
    if bits & PASTE != 0 {
        queue!(out, EnableBracketedPaste)?;
    }
    if bits & MOUSE != 0 {
        mouse_on(&mut out)?;
    }
    if bits & FOCUS != 0 {
        queue!(out, EnableFocusChange)?;
    }
    send(&out)
}

/// The reverse of [`turn_on`]. A step that fails stops none of those after it.
fn turn_off(bits: u8) -> io::Result<()> {
    if bits == 0 {
        return Ok(());
    }
    let mut out = Vec::new();
    let queued = queue_off(&mut out, bits);
    let sent = send(&out);
    let cooked = if bits & RAW != 0 { disable_raw_mode() } else { Ok(()) };
    queued.and(sent).and(cooked)
}

fn queue_off(out: &mut Vec<u8>, bits: u8) -> io::Result<()> {
    if bits & FOCUS != 0 {
        queue!(out, DisableFocusChange)?;
    }
    if bits & MOUSE != 0 {
        mouse_off(out)?;
    }
    if bits & PASTE != 0 {
        queue!(out, DisableBracketedPaste)?;
    }
    if bits & HIDDEN_CURSOR != 0 {
        queue!(out, cursor::Show)?;
    }
    if bits & ALTERNATE != 0 {
        queue!(out, LeaveAlternateScreen)?;
    }
    Ok(())
}

/// Presses (1000), drags (1002), coordinates in SGR form (1006). crossterm's own command adds all motion (1003).
#[cfg(unix)]
fn mouse_on(out: &mut Vec<u8>) -> io::Result<()> {
    out.write_all(b"\x1b[?1000h\x1b[?1002h\x1b[?1006h")
}

#[cfg(unix)]
fn mouse_off(out: &mut Vec<u8>) -> io::Result<()> {
    out.write_all(b"\x1b[?1006l\x1b[?1002l\x1b[?1000l")
}

/// Consoles are told by a call, not by a sequence.
#[cfg(not(unix))]
fn mouse_on(out: &mut Vec<u8>) -> io::Result<()> {
    queue!(out, crossterm::event::EnableMouseCapture)
}

#[cfg(not(unix))]
fn mouse_off(out: &mut Vec<u8>) -> io::Result<()> {
    queue!(out, crossterm::event::DisableMouseCapture)
}

fn send(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}
