//! A program in a pseudo-terminal: what it shows, what it wrote, what it left on.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZero;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};
use vt100::{MouseProtocolEncoding, MouseProtocolMode, Screen};

use super::bytes::{count, last};
use super::home::{Home, PROGRAM};

/// Far longer than anything takes: a machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Columns and lines of a common window.
pub const WIDE: (u16, u16) = (120, 40);
/// The least that the workbench works in.
pub const LEAST: (u16, u16) = (80, 24);

/// All three rows of the probe of [`Home::with_session`] are scored.
pub const PROBED: &str = " 3/3";
pub const ESC: &str = "\x1b";
pub const CTRL_C: &str = "\x03";
const CTRL_L: &str = "\x0c";
pub const CTRL_R: &str = "\x12";
pub const CTRL_S: &str = "\x13";
pub const CTRL_Z: &str = "\x1a";

/// What is to be started, and where.
pub struct Setup {
    command: CommandBuilder,
    size: (u16, u16),
}

impl Setup {
    /// The program in a home where the welcome was seen.
    pub fn new(home: &Home, arguments: &[&str]) -> Self {
        home.write("state/shotglass/welcomed", "");
        Self::first(home, arguments)
    }

    /// The program in a home as it is.
    pub fn first(home: &Home, arguments: &[&str]) -> Self {
        Self::of(home, PROGRAM.into(), arguments)
    }

    /// A shell that does `script`, in which `"$@"` is the program with its arguments.
    pub fn shell(home: &Home, script: &str, arguments: &[&str]) -> Self {
        home.write("state/shotglass/welcomed", "");
        Self::of(home, "sh".into(), &[&["-c", script, "sh", PROGRAM], arguments].concat())
    }

    /// Any program in the surroundings of `home`.
    pub fn of(home: &Home, program: OsString, arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.cwd(home.path());
        command.env_clear();
        for (name, value) in home.process().get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command.env("XDG_CONFIG_HOME", home.path().join("config"));
        command.env("TERM", "xterm-256color");
        Self { command, size: WIDE }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn size(mut self, size: (u16, u16)) -> Self {
        self.size = size;
        self
    }

    /// Starts it, and waits until the probe of `session.toml` is scored.
    #[track_caller]
    pub fn ready(self) -> Terminal {
        let terminal = self.open();
        terminal.wait_for(PROBED);
        terminal
    }

    /// Starts it.
    pub fn open(self) -> Terminal {
        let pty = native_pty_system().openpty(pty_size(self.size)).unwrap();
        let before = modes(&*pty.master);
        let child = pty.slave.spawn_command(self.command).unwrap();
        drop(pty.slave);
        let reader = pty.master.try_clone_reader().unwrap();
        let writer = pty.master.take_writer().unwrap();
        let (width, height) = self.size;
        let parser = vt100::Parser::new(NonZero::new(height).unwrap(), NonZero::new(width).unwrap(), 0);
        let seen = Seen { parser, bytes: Vec::new(), ended: false, closing: false };
        let shared = Arc::new((Mutex::new(seen), Condvar::new()));
        let reader = read(reader, Arc::clone(&shared));
        Terminal { master: Some(pty.master), writer: Some(writer), child, shared, reader: Some(reader), before }
    }
}

/// What came out of the program.
struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
    /// Nobody holds the terminal any more.
    ended: bool,
    /// The reader is to let go of the terminal.
    closing: bool,
}

impl Seen {
    /// Whether no frame is half on the screen.
    fn is_whole(&self) -> bool {
        last(&self.bytes, b"\x1b[?2026l") >= last(&self.bytes, b"\x1b[?2026h")
    }
}

/// A terminal with a program in it.
pub struct Terminal {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    shared: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    /// How the terminal was set before the program began.
    before: String,
}

impl Terminal {
    /// Types keys, or whatever else a terminal sends.
    pub fn send(&mut self, keys: &str) {
        self.writer.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    /// Pastes as terminals do: in brackets, with carriage returns for line breaks.
    pub fn paste(&mut self, text: &str) {
        self.send(&format!("\x1b[200~{}\x1b[201~", text.replace('\n', "\r")));
    }

    /// Waits until the screen is as `test` says; `what` is told if it never is.
    #[track_caller]
    pub fn wait(&self, what: &str, test: impl Fn(&Screen) -> bool) {
        drop(self.wait_seen(what, |seen| test(seen.parser.screen())));
    }

    /// Waits until a text stands on the screen.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contents().contains(text));
    }

    /// Waits until a text stands nowhere on the screen any more.
    #[track_caller]
    pub fn wait_gone(&self, text: &str) {
        self.wait(&format!("{text} gone"), |screen| !screen.contents().contains(text));
    }

    /// Waits until bytes that were written after the first `from` are as `test` says.
    #[track_caller]
    pub fn wait_bytes(&self, what: &str, from: usize, test: impl Fn(&[u8]) -> bool) {
        drop(self.wait_seen(what, |seen| test(seen.bytes.get(from..).unwrap_or_default())));
    }

    #[track_caller]
    fn wait_seen(&self, what: &str, test: impl Fn(&Seen) -> bool) -> MutexGuard<'_, Seen> {
        let until = Instant::now() + PATIENCE;
        let mut seen = self.seen();
        while !(seen.is_whole() && test(&seen)) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || seen.ended {
                let why = if seen.ended { "the program has ended" } else { "it never came" };
                let screen = seen.parser.screen().contents();
                // A panic that holds the lock would poison it.
                drop(seen);
                panic!("{what}: {why}\n{screen}");
            }
            seen = self.shared.1.wait_timeout(seen, left).unwrap().0;
        }
        seen
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.0.lock().unwrap()
    }

    /// What stands on the screen.
    pub fn contents(&self) -> String {
        self.look(Screen::contents)
    }

    /// Everything that was written so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// How much that is.
    pub fn written(&self) -> usize {
        self.seen().bytes.len()
    }

    /// What `look` finds on the screen, between two frames.
    pub fn look<T>(&self, look: impl FnOnce(&Screen) -> T) -> T {
        let seen = self.wait_seen("a whole frame", |_| true);
        look(seen.parser.screen())
    }

    /// Lines that look otherwise once everything is drawn anew: what was drawn over what, by differences, left them wrong.
    /// Nothing may change in `lines` meanwhile.
    #[track_caller]
    pub fn leftovers(&mut self, lines: Range<usize>) -> Vec<String> {
        let look = |screen: &Screen| {
            let shown = screen.rows(0, screen.size().1.get());
            shown.skip(lines.start).take(lines.len()).collect::<Vec<String>>()
        };
        let before = self.look(look);
        let from = self.written();
        self.send(CTRL_L);
        self.wait_bytes("a redraw", from, |bytes| last(bytes, b"\x1b[?2026l") > last(bytes, b"\x1b[2J"));
        let after = self.look(look);
        let changed = before.into_iter().zip(after).filter(|(before, after)| before != after);
        changed.map(|(before, after)| format!("{before}\n{after}")).collect()
    }

    /// Gives the window another size.
    pub fn resize(&self, size: (u16, u16)) {
        let (width, height) = size;
        let mut seen = self.seen();
        seen.parser.screen_mut().set_size(NonZero::new(height).unwrap(), NonZero::new(width).unwrap());
        self.master.as_ref().unwrap().resize(pty_size(size)).unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Waits for the end; the exit code.
    #[track_caller]
    pub fn code(&mut self) -> u32 {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it still runs:\n{}", self.contents());
            std::thread::sleep(Duration::from_millis(2));
        };
        // What it wrote last may still be on its way.
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.exit_code()
    }

    /// Closes the window, with the program in it.
    pub fn close(&mut self) {
        self.seen().closing = true;
        // Whatever is drawn next ends the reader, which holds the terminal as well.
        self.send("?");
        self.reader.take().unwrap().join().unwrap();
        (self.writer, self.master) = (None, None);
    }

    /// Begins to type in the template, and types.
    #[track_caller]
    pub fn edit(&mut self, text: &str) {
        self.send("\r");
        self.wait_for("typing");
        self.send(text);
        self.wait_for(text);
    }

    /// As [`Self::edit`], and leaves the template again.
    #[track_caller]
    pub fn edit_and_leave(&mut self, text: &str) {
        self.edit(text);
        self.escape("typing");
    }

    /// Closes what `text` stands in. Keys right behind an ESC would be taken for its other half, so it is waited for.
    #[track_caller]
    pub fn escape(&mut self, text: &str) {
        self.send(ESC);
        self.wait_gone(text);
    }

    /// Waits for a short message and takes it away before its time: something may lie under it.
    #[track_caller]
    pub fn dismiss(&mut self, message: &str) {
        self.wait_for(message);
        // Where it has gone by itself, there is nothing else that this would end.
        self.escape(message);
    }

    /// Leaves by `q`: with everything restored.
    #[track_caller]
    pub fn quit(&mut self) {
        self.send("q");
        assert_eq!(self.code(), 0);
        self.assert_restored();
    }

    fn modes(&self) -> String {
        modes(&**self.master.as_ref().unwrap())
    }

    /// The program has the terminal: alternate screen, bracketed paste, raw mode, and the mouse where it is asked for.
    #[track_caller]
    pub fn assert_entered(&self, mouse: bool) {
        assert!(!self.modes().contains("ICANON"), "the terminal is not in raw mode");
        let seen = self.seen();
        let screen = seen.parser.screen();
        assert!(screen.alternate_screen() && screen.bracketed_paste());
        let (mode, encoding) = (screen.mouse_protocol_mode(), screen.mouse_protocol_encoding());
        if mouse {
            // Mere motion would wake the program all the time.
            assert_eq!((mode, encoding), (MouseProtocolMode::ButtonMotion, MouseProtocolEncoding::Sgr));
        } else {
            assert_eq!(mode, MouseProtocolMode::None);
        }
    }

    /// Nothing was ever asked of the terminal.
    #[track_caller]
    pub fn assert_untouched(&self) {
        assert_eq!(self.modes(), self.before);
        assert_eq!(count(&self.seen().bytes, b"\x1b"), 0);
    }

    /// Everything is as it was before the program, and nothing was drawn after it had gone.
    #[track_caller]
    pub fn assert_restored(&self) {
        assert_eq!(self.modes(), self.before);
        let seen = self.seen();
        let (screen, bytes) = (seen.parser.screen(), &seen.bytes);
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.bracketed_paste() && !screen.hide_cursor() && !screen.application_keypad());
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
        assert_eq!((screen.fgcolor(), screen.bgcolor()), (vt100::Color::Default, vt100::Color::Default));
        assert!(!screen.bold() && !screen.inverse() && !screen.underline() && !screen.dim() && !screen.italic());
        for mode in ["?1049", "?2004", "?1000", "?1002", "?1003", "?1004", "?1006", "?2026"] {
            let switched = |end: char| count(bytes, format!("\x1b[{mode}{end}").as_bytes());
            assert_eq!(switched('h'), switched('l'), "{mode}");
        }
        let place = |sequence: &str| last(bytes, sequence.as_bytes());
        assert!(place("\x1b[?1049l") > place("\x1b[?2026l"), "drawn after it had gone");
        assert!(place("\x1b[?25h") > place("\x1b[?25l"), "the cursor is hidden");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has mostly ended by itself.
        let _ = self.child.kill();
    }
}

fn read(mut from: Box<dyn Read + Send>, shared: Arc<(Mutex<Seen>, Condvar)>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut buffer = [0; 65536];
        loop {
            // The other end of a terminal that was closed is an error on Linux.
            let read = from.read(&mut buffer).unwrap_or(0);
            let mut seen = shared.0.lock().unwrap();
            let new = buffer.get(..read).unwrap_or_default();
            seen.parser.process(new);
            seen.bytes.extend_from_slice(new);
            seen.ended = read == 0;
            shared.1.notify_all();
            if seen.ended || seen.closing {
                return;
            }
        }
    })
}

fn pty_size((cols, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols, ..PtySize::default() }
}

/// How the terminal is set, as text: raw mode has no ICANON in it.
fn modes(master: &dyn MasterPty) -> String {
    let modes = master.get_termios().unwrap();
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        modes.input_flags, modes.output_flags, modes.control_flags, modes.local_flags, modes.control_chars
    )
}

/// Waits until something is so that shows on no screen.
#[track_caller]
pub fn wait_until(what: &str, test: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !test() {
        assert!(Instant::now() < until, "{what}: it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}
