//! What is typed: going about in views and lists, letters at the pace of a fast typist, bursts, a key held down; all of it
//! while the engine works through a run.

use std::thread;
use std::time::Duration;

use super::log::State;
use super::terminal::Terminal;
use super::{BenchError, Watcher};

/// How often everything is done.
const ROUNDS: usize = 3;
/// How long the engine may take to begin a run.
const BEGIN: Duration = Duration::from_secs(60);
/// Between two keys of somebody who goes about.
const WALK: Duration = Duration::from_millis(60);
/// Between two letters: 30 a second, as a held key repeats.
const LETTER: Duration = Duration::from_micros(33_333);
/// Between two keys of a burst.
const BURST: Duration = Duration::from_millis(3);
/// Long enough for the probe to begin.
const THINK: Duration = Duration::from_millis(400);

const RUN: &[u8] = b"\x12";
const CANCEL: &[u8] = b"\x03";
const DOWN: &[u8] = b"\x1b[B";
const LEFT: &[u8] = b"\x1b[D";
const PAGE_DOWN: &[u8] = b"\x1b[6~";
const PAGE_UP: &[u8] = b"\x1b[5~";
const START: &[u8] = b"\x1b[1;5H";
const BACKSPACE: &[u8] = b"\x7f";
const WORD_BACK: &[u8] = b"\x17";
const PALETTE: &[u8] = b"\x10";
/// Closes windows, as Esc does. What follows an Esc too soon would be taken for one key with it.
const ALT_1: &[u8] = b"\x1b1";

/// Shows view 2 in the middle of typing too, and does nothing where it is shown already.
const ALT_2: &[u8] = b"\x1b2";

/// Keys of somebody who looks around. None of them stops the run or leaves a view other than as it was.
const WAY: &[&[u8]] = &[
    b"2", b"l", b"j", b"h", b"k", b"\t", b"j", b"k", b"\t", b"3", b"j", b"j", b"j", DOWN, DOWN, PAGE_DOWN, PAGE_UP,
    b"s", b"s", b"s", b"s", b"S", b"S", b"G", b"g", b"\t", b"j", b"k", b"\t", b"6", DOWN, b"k", b"2", b"l", b"\r",
    b"j", b"j", b"1", b"]", b"]", b"[", b"[", b"T", b"T", b"T", b"T",
];
/// Sentences that may stand at the top of any template.
const LETTERS: &[&str] = &["think about who is speaking and ", "whom they blame before you answer "];
const BURSTS: &[&str] = &["then ", "choose ", "one of ", "both ", "labels "];

/// Types everything. The run goes on or is begun again, so that the engine is busy all the time; at the end it is stopped.
pub(super) fn run(terminal: &mut Terminal, watcher: &dyn Watcher) -> Result<(), BenchError> {
    for round in 1..=ROUNDS {
        watcher.tell(&format!("typing while the engine is busy, {round} of {ROUNDS}"));
        let mut typist = Typist { terminal, watcher };
        typist.keep_busy()?;
        typist.walk()?;
        typist.edit()?;
    }
    terminal.press(CANCEL, false)
}

struct Typist<'t> {
    terminal: &'t mut Terminal,
    watcher: &'t dyn Watcher,
}

impl Typist<'_> {
    fn press(&mut self, key: &[u8], pause: Duration) -> Result<(), BenchError> {
        self.type_key(key, false, pause)
    }

    fn type_key(&mut self, key: &[u8], letter: bool, pause: Duration) -> Result<(), BenchError> {
        self.terminal.press(key, letter)?;
        thread::sleep(pause);
        self.watcher.check()
    }

    /// Begins a run where none is going on; whether it did.
    fn keep_busy(&mut self) -> Result<bool, BenchError> {
        if self.terminal.state()? == State::Run {
            return Ok(false);
        }
        self.press(RUN, WALK)?;
        self.terminal.wait("beginning a run", BEGIN, self.watcher, |state, _| state == State::Run)?;
        Ok(true)
    }

    fn walk(&mut self) -> Result<(), BenchError> {
        self.press(ALT_2, WALK)?;
        WAY.iter().try_for_each(|key| self.press(key, WALK))?;
        self.press(PALETTE, WALK)?;
        for letter in ["s", "p", "l"] {
            self.press(letter.as_bytes(), WALK)?;
        }
        self.press(ALT_1, WALK)
    }

    /// Goes to the top of the template to type.
    fn begin_typing(&mut self) -> Result<(), BenchError> {
        for key in [b"1".as_slice(), b"e", START] {
            self.press(key, WALK)?;
        }
        Ok(())
    }

    /// The run may have ended meanwhile, and beginning another shows another view.
    fn go_on_typing(&mut self) -> Result<(), BenchError> {
        if self.keep_busy()? {
            self.press(b"1", WALK)?;
            self.press(b"e", WALK)?;
        }
        Ok(())
    }

    fn edit(&mut self) -> Result<(), BenchError> {
        self.begin_typing()?;
        for sentence in LETTERS {
            self.go_on_typing()?;
            for letter in sentence.chars() {
                self.type_key(letter.encode_utf8(&mut [0; 4]).as_bytes(), true, LETTER)?;
            }
            thread::sleep(THINK);
        }
        for burst in BURSTS {
            self.go_on_typing()?;
            for letter in burst.chars() {
                self.press(letter.encode_utf8(&mut [0; 4]).as_bytes(), BURST)?;
            }
            thread::sleep(THINK);
        }
        for _ in 0..LETTERS.len() * 8 {
            self.press(LEFT, LETTER)?;
        }
        self.go_on_typing()?;
        for _ in 0..30 {
            self.press(BACKSPACE, LETTER)?;
        }
        self.go_on_typing()?;
        for _ in 0..16 {
            self.press(WORD_BACK, WALK)?;
        }
        self.go_on_typing()
    }
}
