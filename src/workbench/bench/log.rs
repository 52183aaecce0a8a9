//! One line a frame: when it was done, how many inputs it shows, what it wrote, what the engine was doing.
//!
//! The loop writes it where the environment asks for it, and does nothing at all otherwise.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::str::FromStr;

use crate::app::App;
use crate::app::state::{DataState, ModelState};

/// The environment variable that names the file.
pub const VARIABLE: &str = "SHOTGLASS_FRAMES";
/// Lines that may wait to be written.
const LINES: u32 = 64;

/// Nanoseconds of a clock that all processes share.
pub fn clock() -> u64 {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let part = |value: i64| u64::try_from(value).unwrap_or(0);
        part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
    }
    #[cfg(not(unix))]
    {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(now.as_nanos()).unwrap_or(0)
    }
}

/// What the workbench is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The session or the model is not there yet.
    Loading,
    /// There will be no model.
    Failed,
    /// A run is going on.
    Run,
    /// The engine is at work on something else.
    Busy,
    /// Something is to come: an answer, a listing, the beginning of a run.
    Waiting,
    /// Nothing is at work and nothing is wanted.
    Idle,
}

impl State {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Loading, "loading"),
        (Self::Failed, "failed"),
        (Self::Run, "run"),
        (Self::Busy, "busy"),
        (Self::Waiting, "waiting"),
        (Self::Idle, "idle"),
    ];

    /// What the workbench is at.
    pub fn of(app: &App) -> Self {
        match (&app.model, &app.data) {
            (ModelState::Failed(_), _) | (_, DataState::Failed(_)) => return Self::Failed,
            (ModelState::Ready(_), DataState::Ready(_)) => {}
            _ => return Self::Loading,
        }
        if app.recording {
            return Self::Run;
        }
        if app.jobs.running().is_some() {
            return Self::Busy;
        }
        let timers = &app.timers;
        let wanted = app.evaluate.preparing.is_some()
            || app.train.beginning
            || app.train.live
            || app.evaluate.waiting.is_some()
            || !app.jobs.is_idle()
            || timers.quiet.is_some()
            || timers.sift.is_some()
            || app.prompt.rendering.is_busy()
            || app.rows.sifting.is_busy()
            || app.rows.asked.is_some()
            || app.runs.loading;
        if wanted { Self::Waiting } else { Self::Idle }
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The end of the frame by [`clock`].
    pub at: u64,
    /// Inputs taken so far.
    pub inputs: u64,
    /// Bytes written.
    pub bytes: u64,
    /// What the workbench was at.
    pub state: State,
}

impl FromStr for Line {
    type Err = io::Error;

    fn from_str(text: &str) -> io::Result<Self> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(io::ErrorKind::UnexpectedEof);
        let invalid = |error: std::num::ParseIntError| io::Error::new(io::ErrorKind::InvalidData, error);
        let (at, inputs, bytes) = (word()?, word()?, word()?);
        let name = word()?;
        let state = State::ALL.iter().find(|(_, known)| *known == name).ok_or(io::ErrorKind::InvalidData)?.0;
        Ok(Self {
            at: at.parse().map_err(invalid)?,
            inputs: inputs.parse().map_err(invalid)?,
            bytes: bytes.parse().map_err(invalid)?,
            state,
        })
    }
}

/// Where lines go, if anywhere.
pub struct FrameLog(Option<Lines>);

struct Lines {
    file: BufWriter<File>,
    inputs: u64,
    waiting: u32,
    last: Option<State>,
}

impl FrameLog {
    /// As the environment says.
    pub fn from_env() -> Self {
        Self(std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).and_then(|path| Self::open(&path)))
    }

    fn open(path: &OsStr) -> Option<Lines> {
        let opened = File::create(path).inspect_err(|error| tracing::warn!(%error, "frames are not logged"));
        Some(Lines { file: BufWriter::new(opened.ok()?), inputs: 0, waiting: 0, last: None })
    }

    /// An input was taken.
    pub fn input(&mut self) {
        if let Some(lines) = &mut self.0 {
            lines.inputs += 1;
        }
    }

    /// A frame was drawn that took so many bytes.
    pub fn frame(&mut self, app: &App, bytes: usize) {
        let Some(lines) = &mut self.0 else { return };
        let at = clock();
        let state = State::of(app);
        let written = writeln!(lines.file, "{at} {} {bytes} {}", lines.inputs, state.name());
        lines.waiting += 1;
        let due = lines.waiting >= LINES || lines.last != Some(state);
        let written = if due { written.and_then(|()| lines.file.flush()) } else { written };
        lines.waiting = if due { 0 } else { lines.waiting };
        lines.last = Some(state);
        if let Err(error) = written {
            tracing::warn!(%error, "frames are no longer logged");
            self.0 = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::app::keymap::Keymap;
    use crate::app::state::Look;

    #[test]
    fn lines_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        let mut log = FrameLog(FrameLog::open(path.as_os_str()));
        let look = Look { ascii: false, themes: Vec::new(), theme: 0 };
        let app = App::new(look, Keymap::preset(), Instant::now());
        let before = clock();
        log.frame(&app, 9000);
        log.input();
        log.input();
        for bytes in 0..100 {
            log.frame(&app, bytes);
        }
        let lines = |text: &str| text.lines().map(|line| line.parse::<Line>().unwrap()).collect::<Vec<_>>();
        // The first is there at once, the others in packets.
        assert_eq!(lines(&std::fs::read_to_string(&path).unwrap()).len(), 65);
        drop(log);
        let lines = lines(&std::fs::read_to_string(&path).unwrap());
        assert_eq!(lines.len(), 101);
        assert!((before..=clock()).contains(&lines[0].at) && lines.is_sorted_by_key(|line| line.at));
        assert_eq!((lines[0].inputs, lines[0].bytes, lines[0].state), (0, 9000, State::Loading));
        assert_eq!((lines[100].inputs, lines[100].bytes), (2, 99));
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        for text in ["", "1 2", "1 2 3", "1 2 x idle", "1 2 3 tired"] {
            assert!(text.parse::<Line>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_is_written_where_nothing_is_asked_for() {
        assert!(FrameLog::open(OsStr::new("/none/at/all")).is_none());
        let mut log = FrameLog(None);
        log.input();
    }
}
