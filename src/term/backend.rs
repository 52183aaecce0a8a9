//! What ratatui draws on: crossterm's sequences, gathered into one synchronised write a frame, and counted.
//!
//! ratatui's own backend writes resets and cursor moves for a frame in which nothing changed; this one knows where the
//! cursor is and writes nothing then.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{cursor, queue};
use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::{Cell, CellWidth};
use ratatui::layout::{Position, Size};

/// Stdout without Rust's line buffer, so that a frame is one write.
#[cfg(unix)]
pub type Output = std::fs::File;
/// Stdout: the console takes text only by way of Rust's own stream.
#[cfg(not(unix))]
pub type Output = io::Stdout;

/// How long a terminal left in non-blocking mode may take nothing before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// What frames have cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Written by all frames.
    pub total: u64,
    /// Written by the last frame drawn; 0 where it changed nothing.
    pub last: usize,
    /// Frames that wrote anything.
    pub frames: u64,
}

/// The backend. What the terminal looks like stands here, so that nothing is ever asked of it.
#[derive(Debug)]
pub(super) struct Painter<W: Write> {
    out: W,
    /// The frame so far, without its brackets.
    frame: Vec<u8>,
    /// The size that frames are drawn for.
    pub(super) size: Size,
    /// Whether the cursor shows, where that is known.
    shown: Option<bool>,
    /// Where the cursor is, where that is known.
    at: Option<Position>,
    pub(super) bytes: Bytes,
}

impl<W: Write> Painter<W> {
    pub(super) fn new(out: W, size: Size) -> Self {
        Self { out, frame: Vec::new(), size, shown: None, at: None, bytes: Bytes::default() }
    }

    /// Supposes nothing about the cursor: another program had the terminal.
    pub(super) fn forget(&mut self) {
        self.frame.clear();
        self.shown = None;
        self.at = None;
    }

    pub(super) fn output(&mut self) -> &mut W {
        &mut self.out
    }
}

impl<W: Write> Backend for Painter<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.at = None;
        let mut run: Vec<(u16, u16, &Cell)> = Vec::new();
        let mut covered = None;
        for (x, y, cell) in content {
            if covered.is_some_and(|(row, end)| row == y && x < end) {
                continue;
            }
            covered = None;
            if !is_uncertain(cell) {
                run.push((x, y, cell));
                continue;
            }
            // Its columns are blank before it comes, so that a terminal that takes fewer leaves nothing of what was there;
            // what follows is gone to, wherever the terminal thinks that it ends.
            let end = x.saturating_add(cell.cell_width());
            let mut blank = cell.clone();
            blank.set_symbol(" ");
            let mut out = CrosstermBackend::new(&mut self.frame);
            out.draw(run.drain(..).chain((x..end).map(|x| (x, y, &blank))))?;
            out.draw(std::iter::once((x, y, cell)))?;
            covered = Some((y, end));
        }
        if run.is_empty() { Ok(()) } else { CrosstermBackend::new(&mut self.frame).draw(run.into_iter()) }
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if self.shown.replace(false) != Some(false) {
            queue!(self.frame, cursor::Hide)?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if self.shown.replace(true) != Some(true) {
            queue!(self.frame, cursor::Show)?;
        }
        Ok(())
    }

    /// As far as known; the terminal is not asked, for its answer would come between the keys.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.at.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.at.replace(position) != Some(position) {
            queue!(self.frame, cursor::MoveTo(position.x, position.y))?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        CrosstermBackend::new(&mut self.frame).clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.size)
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: self.size, pixels: Size::ZERO })
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.frame.is_empty() {
            self.bytes.last = 0;
            return Ok(());
        }
        let mut bracketed = Vec::with_capacity(self.frame.len() + 16);
        queue!(bracketed, BeginSynchronizedUpdate)?;
        bracketed.append(&mut self.frame);
        queue!(bracketed, EndSynchronizedUpdate)?;
        self.bytes.last = bracketed.len();
        self.bytes.total += bracketed.len() as u64;
        self.bytes.frames += 1;
        write_patiently(&mut self.out, &bracketed)
    }
}

/// Whether terminals disagree about the columns of what is in a cell: emoji of several code points.
pub(super) fn is_uncertain(cell: &Cell) -> bool {
    cell.symbol().chars().nth(1).is_some() && cell.cell_width() > 1
}

/// Writes all of it, waiting where the terminal would block: a program before this one may have left it in non-blocking
/// mode.
fn write_patiently(out: &mut impl Write, mut bytes: &[u8]) -> io::Result<()> {
    let mut since = Instant::now();
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = bytes.get(written..).unwrap_or_default();
                since = Instant::now();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && since.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    out.flush()
}
