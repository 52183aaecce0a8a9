//! The workbench on a terminal of its own: started, typed at, watched, ended.
//!
//! It runs as users run it, but for its folders: configuration, data and state are temporary, so that its keys are the
//! bundled ones and the user's runs stay as they are. The cache of models is the user's.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::text::printable;

use super::log::{Line, State, VARIABLE, clock};
use super::{BenchError, Bytes, Options, SIZE, Scratch, Spread, Watcher, script};

/// How long the model may take to come, which may have to be fetched.
const MODEL: Duration = Duration::from_secs(1800);
/// How long the engine may take for anything else.
const PATIENCE: Duration = Duration::from_secs(60);
/// Nothing written for so long: messages have gone, everything has settled.
const SETTLED: Duration = Duration::from_secs(6);
/// How long nothing is done, to see what that costs.
const IDLE: Duration = Duration::from_secs(10);
/// Time between two looks at what was waited for.
const LOOK: Duration = Duration::from_millis(10);
/// Bytes kept of what was written last, to say why the program has ended.
const LAST: usize = 2000;
/// Of so many hundredths of the keys the engine must be at work to be called busy.
const BUSY: usize = 95;

/// What was measured on the terminal.
pub(super) struct Typed {
    pub first_frame_ms: f64,
    pub keys: usize,
    pub key_to_frame_ms: Spread,
    pub letter_bytes: Bytes,
    pub idle_cpu_percent: Option<f64>,
    pub idle_bytes: u64,
    pub engine_busy: bool,
}

/// Starts the workbench, types, and tells what was seen.
pub(super) fn measure(options: &Options, watcher: &dyn Watcher) -> Result<Typed, BenchError> {
    let scratch = Scratch::new(&options.session, &options.overrides)?;
    let mut terminal = Terminal::start(&scratch, options)?;
    watcher.tell("waiting for the model");
    terminal.wait("loading the model", MODEL, watcher, |state, _| state != State::Loading)?;
    script::run(&mut terminal, watcher)?;
    watcher.tell("doing nothing");
    terminal.wait("coming to rest", PATIENCE, watcher, |state, quiet| state == State::Idle && quiet >= SETTLED)?;
    let (idle_cpu_percent, idle_bytes) = terminal.idle(watcher)?;
    terminal.end(watcher)?;
    let figures = figures(&terminal.lines, &terminal.presses)?;
    Ok(Typed {
        first_frame_ms: millis(terminal.started, first(&terminal.lines)?.at),
        idle_cpu_percent,
        idle_bytes,
        ..figures
    })
}

fn first(lines: &[Line]) -> Result<&Line, BenchError> {
    lines.first().ok_or(BenchError::Nothing("frames"))
}

fn millis(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1e6
}

/// A key that was written.
#[derive(Clone, Copy)]
pub(super) struct Press {
    at: u64,
    /// A letter typed into the template, one at a time.
    letter: bool,
}

fn figures(lines: &[Line], presses: &[Press]) -> Result<Typed, BenchError> {
    let mut times = Vec::with_capacity(presses.len());
    let mut letters = Vec::new();
    let mut busy = 0;
    for (number, press) in (1..).zip(presses) {
        let place = lines.partition_point(|line| line.inputs < number);
        let line = lines.get(place).ok_or(BenchError::Nothing("the last keys"))?;
        times.push(millis(press.at, line.at));
        busy += usize::from(matches!(line.state, State::Run | State::Busy));
        let before = place.checked_sub(1).and_then(|place| lines.get(place)).map_or(0, |line| line.inputs);
        if press.letter && (before, line.inputs) == (number - 1, number) {
            letters.push(line.bytes);
        }
    }
    Ok(Typed {
        first_frame_ms: 0.0,
        keys: times.len(),
        key_to_frame_ms: Spread::of(&times, "keys")?,
        letter_bytes: Bytes::of(letters)?,
        idle_cpu_percent: None,
        idle_bytes: 0,
        engine_busy: busy * 100 >= times.len() * BUSY,
    })
}

/// What was heard from the program.
#[derive(Default)]
struct Heard {
    bytes: AtomicU64,
    /// When the last of them came, by the clock.
    at: AtomicU64,
    last: Mutex<Vec<u8>>,
}

impl Heard {
    /// Reads all the time, so that the program never waits for its terminal; nothing is answered.
    fn listen(&self, mut reader: Box<dyn Read + Send>) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            self.bytes.fetch_add(count as u64, Ordering::SeqCst);
            self.at.store(clock(), Ordering::SeqCst);
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.extend(buffer.get(..count).unwrap_or_default());
            let over = last.len().saturating_sub(LAST);
            last.drain(..over);
        }
    }
}

/// The workbench, its terminal and its frames. Dropping it ends the program.
pub(super) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    writer: Box<dyn Write + Send>,
    /// The terminal is there as long as this is.
    _master: Box<dyn MasterPty + Send>,
    heard: Arc<Heard>,
    started: u64,
    presses: Vec<Press>,
    frames: PathBuf,
    read: u64,
    lines: Vec<Line>,
}

impl Terminal {
    fn start(scratch: &Scratch, options: &Options) -> Result<Self, BenchError> {
        let wrong = |what| move |error: &dyn std::fmt::Display| BenchError::System { what, reason: error.to_string() };
        let terminal = wrong("a pseudo-terminal");
        let (cols, rows) = SIZE;
        let size = PtySize { rows, cols, ..PtySize::default() };
        let pty = native_pty_system().openpty(size).map_err(|error| terminal(&error))?;
        let reader = pty.master.try_clone_reader().map_err(|error| terminal(&error))?;
        let writer = pty.master.take_writer().map_err(|error| terminal(&error))?;
        let heard = Arc::new(Heard::default());
        let listener = Arc::clone(&heard);
        let listening = thread::Builder::new().name("listener".to_owned()).spawn(move || listener.listen(reader));
        listening.map_err(BenchError::system("a thread"))?;

        let program = std::env::current_exe().map_err(BenchError::system("this program's own file"))?;
        let frames = scratch.folder().join("frames");
        let mut command = CommandBuilder::new(program);
        command.arg(scratch.session());
        for text in scratch.overrides() {
            command.args(["--set", text]);
        }
        // The engine must have to compute, also the second time.
        command.args(["--threads", &options.threads.to_string(), "--no-score-cache"]);
        command.cwd(scratch.folder());
        for (name, folder) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state")] {
            command.env(name, scratch.folder().join(folder));
        }
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env(VARIABLE, &frames);
        greeted(&scratch.folder().join("state")).map_err(BenchError::system("a temporary folder"))?;

        let started = clock();
        let child = pty.slave.spawn_command(command).map_err(|error| wrong("the workbench")(&error))?;
        // Or its end would not be seen.
        drop(pty.slave);
        let (presses, lines) = (Vec::new(), Vec::new());
        Ok(Self { child, writer, _master: pty.master, heard, started, presses, frames, read: 0, lines })
    }

    /// Writes a key. All that `bytes` hold must be one key to the program.
    pub fn press(&mut self, bytes: &[u8], letter: bool) -> Result<(), BenchError> {
        let at = clock();
        let written = self.writer.write_all(bytes).and_then(|()| self.writer.flush());
        written.map_err(BenchError::system("typing"))?;
        self.presses.push(Press { at, letter });
        Ok(())
    }

    /// What the program was at when it wrote last of its frames.
    pub fn state(&mut self) -> Result<State, BenchError> {
        self.look()?;
        Ok(self.lines.last().map_or(State::Loading, |line| line.state))
    }

    /// Waits until what the program is at, and for how long it has written nothing, are as they should be.
    pub fn wait(
        &mut self,
        what: &'static str,
        patience: Duration,
        watcher: &dyn Watcher,
        right: impl Fn(State, Duration) -> bool,
    ) -> Result<(), BenchError> {
        let since = Instant::now();
        loop {
            watcher.check()?;
            let state = self.state()?;
            let heard = Duration::from_nanos(clock().saturating_sub(self.heard.at.load(Ordering::SeqCst)));
            if state == State::Failed {
                return Err(BenchError::NoModel);
            }
            if right(state, heard) {
                return Ok(());
            }
            if self.has_ended() {
                return Err(self.ended());
            }
            if since.elapsed() > patience {
                return Err(BenchError::Late { what, seconds: patience.as_secs() });
            }
            thread::sleep(LOOK);
        }
    }

    /// Reads what was logged since the last look.
    fn look(&mut self) -> Result<(), BenchError> {
        let failed = || BenchError::system("the log of frames");
        // It comes with the first frame.
        let Ok(mut file) = File::open(&self.frames) else { return Ok(()) };
        file.seek(SeekFrom::Start(self.read)).map_err(failed())?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed())?;
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            self.read += line.len() as u64 + 1;
            self.lines.push(line.parse().map_err(failed())?);
        }
        Ok(())
    }

    /// Looks at what doing nothing costs: percent of a processor, where the system tells, and bytes.
    fn idle(&mut self, watcher: &dyn Watcher) -> Result<(Option<f64>, u64), BenchError> {
        let process = self.child.process_id();
        let (time, bytes, since) = (processor_time(process), self.heard.bytes.load(Ordering::SeqCst), Instant::now());
        while since.elapsed() < IDLE {
            watcher.check()?;
            thread::sleep(LOOK);
        }
        let seconds = since.elapsed().as_secs_f64();
        let percent = processor_time(process).zip(time).map(|(now, then)| (now - then) / seconds * 100.0);
        Ok((percent, self.heard.bytes.load(Ordering::SeqCst).saturating_sub(bytes)))
    }

    /// Asks the program to end, and reads the rest of its frames.
    fn end(&mut self, watcher: &dyn Watcher) -> Result<(), BenchError> {
        #[cfg(unix)]
        if let Some(process) =
            self.child.process_id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?))
        {
            // One that has ended already needs no signal.
            let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let since = Instant::now();
        while since.elapsed() < PATIENCE && !self.has_ended() {
            watcher.check()?;
            thread::sleep(LOOK);
        }
        self.look()
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn ended(&self) -> BenchError {
        let last = self.heard.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&last);
        let line = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("without a word");
        BenchError::Ended { last: printable(line.trim()).into_owned() }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.has_ended() {
            // Politely first, then not.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// The welcome of the first start would take the first key.
fn greeted(state: &Path) -> std::io::Result<()> {
    let folder = state.join("shotglass");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("welcomed"), "")
}

/// Seconds that a process has taken of processors so far.
#[cfg(target_os = "linux")]
fn processor_time(process: Option<u32>) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/stat", process?)).ok()?;
    // The second field is the name, in parentheses and with whatever in it. The 14th and 15th are ticks.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Seconds that a process has taken of processors so far: not told here.
#[cfg(not(target_os = "linux"))]
fn processor_time(_: Option<u32>) -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(at: u64, inputs: u64, bytes: u64, state: State) -> Line {
        Line { at: at * 1_000_000, inputs, bytes, state }
    }

    fn press(at: u64, letter: bool) -> Press {
        Press { at: at * 1_000_000, letter }
    }

    #[test]
    fn a_key_is_shown_by_the_first_frame_that_knows_it() {
        let lines = [
            line(1, 0, 9000, State::Loading),
            line(12, 1, 100, State::Busy),
            line(13, 1, 700, State::Busy),
            line(24, 3, 200, State::Busy),
            line(40, 4, 300, State::Idle),
        ];
        let presses = [press(10, true), press(20, true), press(21, true), press(35, true)];
        let figures = figures(&lines, &presses).unwrap();
        assert_eq!(figures.keys, 4);
        assert_eq!(figures.key_to_frame_ms, Spread { p50: 3.0, p99: 5.0, max: 5.0 });
        assert_eq!(figures.letter_bytes, Bytes { median: 100, max: 300 }, "only of frames that show one letter");
        assert!(!figures.engine_busy);
        let more = [&presses[..], &[press(50, false)]].concat();
        assert!(super::figures(&lines, &more).is_err(), "a key that no frame shows");
        assert!(super::figures(&lines, &[]).is_err() && super::figures(&[], &presses).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_time_of_a_process_is_known() {
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let time = processor_time(Some(std::process::id())).unwrap();
        assert!(time > 0.0, "{time}");
        assert!(processor_time(None).is_none());
    }
}
