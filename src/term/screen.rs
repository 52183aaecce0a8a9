//! The screen: frames in, as few bytes out as their difference needs, each frame one synchronised write.

use std::io::{self, Write};

use ratatui::buffer::{Buffer, CellDiffOption, CellWidth};
use ratatui::layout::Size;
use ratatui::{Frame, Terminal};

use super::backend::{Bytes, Output, Painter, is_uncertain};

/// The size where the terminal tells none, or one without rows or columns.
const USUAL: Size = Size::new(80, 24);

/// What is drawn on. It stands on the alternate screen that [`super::Guard`] has opened, and knows nothing of modes.
///
/// Its size changes only by [`Screen::resize`] and [`Screen::reset`], never under a frame: what the layout was made for is
/// what is drawn.
pub struct Screen<W: Write = Output> {
    terminal: Terminal<Painter<W>>,
}

impl Screen<Output> {
    /// The terminal on stdout, in its present size.
    ///
    /// # Errors
    /// When stdout cannot be written to.
    pub fn stdout() -> io::Result<Self> {
        #[cfg(unix)]
        let output = {
            use std::os::fd::AsFd;
            Output::from(io::stdout().as_fd().try_clone_to_owned()?)
        };
        #[cfg(not(unix))]
        let output = io::stdout();
        Self::new(output, terminal_size())
    }
}

impl<W: Write> Screen<W> {
    /// A screen of a given size on anything that takes bytes: for tests and measurements.
    ///
    /// # Errors
    /// None that are known of.
    pub fn new(output: W, size: Size) -> io::Result<Self> {
        // The theme knows NO_COLOR. crossterm's own way with it would wipe reverse video as well.
        crossterm::style::force_color_output(true);
        Ok(Self { terminal: Terminal::new(Painter::new(output, size))? })
    }

    /// Draws a frame: what differs from the last goes out between the marks of a synchronised update, in one write. The
    /// cursor shows where the frame sets it, and nowhere if it does not. A frame like the last writes nothing at all.
    ///
    /// # Errors
    /// When the terminal takes no more; it is gone then.
    pub fn draw(&mut self, render: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let render = |frame: &mut Frame<'_>| {
            render(frame);
            mark_covered(frame.buffer_mut());
        };
        self.terminal.draw(render).map(|_| ())
    }

    /// The size that the next frame is drawn for.
    pub fn size(&self) -> Size {
        self.terminal.backend().size
    }

    /// Takes a new size, as [`super::Input::Resize`] tells it. The next frame is drawn whole.
    pub fn resize(&mut self, size: Size) {
        self.terminal.backend_mut().size = size;
    }

    /// Forgets what the terminal shows: the next frame is drawn whole, on a cleared screen.
    ///
    /// # Errors
    /// None that are known of: nothing is written before that frame.
    pub fn clear(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().forget();
        self.terminal.clear()
    }

    /// [`Screen::clear`] after another program had the terminal, whose size may have changed meanwhile. Gives the size.
    ///
    /// # Errors
    /// As [`Screen::clear`].
    pub fn reset(&mut self) -> io::Result<Size> {
        let size = terminal_size();
        self.resize(size);
        self.clear()?;
        Ok(size)
    }

    /// What frames have cost so far.
    pub fn bytes(&self) -> Bytes {
        self.terminal.backend().bytes
    }

    /// Where frames go, for what is said between them: [`super::Clipboard::copy`].
    pub fn output(&mut self) -> &mut W {
        self.terminal.backend_mut().output()
    }
}

/// Marks the cells that emoji of several code points reach over. ratatui takes them for plain blanks and would not draw them
/// anew once the emoji has gone, but terminals may have put a part of it there.
fn mark_covered(buf: &mut Buffer) {
    let mut left = 0;
    for cell in &mut buf.content {
        if is_uncertain(cell) {
            left = cell.cell_width().saturating_sub(1);
        } else if left > 0 {
            left -= 1;
            cell.set_diff_option(CellDiffOption::AlwaysUpdate);
        }
    }
}

/// The size of the terminal on stdout.
pub(super) fn terminal_size() -> Size {
    match crossterm::terminal::size() {
        Ok((width, height)) if width > 0 && height > 0 => Size::new(width, height),
        _ => USUAL,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use ratatui::layout::Position;
    use ratatui::style::{Modifier, Style};

    use super::*;

    /// Each write as it came.
    #[derive(Clone, Default)]
    struct Writes(Rc<RefCell<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Writes {
        fn take(&self) -> Vec<Vec<u8>> {
            self.0.take()
        }
    }

    fn rows(number: u16) -> std::num::NonZero<u16> {
        number.try_into().unwrap()
    }

    fn screen() -> (Screen<Writes>, Writes, vt100::Parser) {
        let writes = Writes::default();
        let screen = Screen::new(writes.clone(), Size::new(40, 5)).unwrap();
        (screen, writes, vt100::Parser::new(rows(5), rows(40), 0))
    }

    fn text(frame: &mut Frame<'_>, text: &str) {
        let area = frame.area();
        frame.buffer_mut().set_string(area.x, area.y, text, Style::new().add_modifier(Modifier::REVERSED));
    }

    #[test]
    fn a_frame_is_one_write_in_brackets_and_a_frame_alike_is_none() {
        let (mut screen, writes, mut shown) = screen();
        screen.draw(|frame| text(frame, "héllo 日本")).unwrap();
        let first = writes.take();
        assert_eq!(first.len(), 1);
        assert!(first[0].starts_with(b"\x1b[?2026h") && first[0].ends_with(b"\x1b[?2026l"), "{first:?}");
        assert_eq!(screen.bytes(), Bytes { total: first[0].len() as u64, last: first[0].len(), frames: 1 });
        shown.process(&first[0]);
        assert_eq!(shown.screen().contents(), "héllo 日本");
        assert!(shown.screen().hide_cursor() && shown.screen().cell(0, 0).unwrap().inverse());

        screen.draw(|frame| text(frame, "héllo 日本")).unwrap();
        assert!(writes.take().is_empty());
        assert_eq!(screen.bytes(), Bytes { last: 0, total: first[0].len() as u64, frames: 1 });
        drop(screen);
        assert!(writes.take().is_empty(), "the guard speaks last");
    }

    #[test]
    fn a_letter_is_few_bytes() {
        let (mut screen, writes, mut shown) = screen();
        screen.draw(|frame| text(frame, "hello")).unwrap();
        screen.draw(|frame| text(frame, "hellos")).unwrap();
        let written = writes.take().concat();
        shown.process(&written);
        assert_eq!(shown.screen().contents(), "hellos");
        assert!(screen.bytes().last < 80, "{}", screen.bytes().last);
    }

    #[test]
    fn the_cursor_shows_where_the_frame_wants_it() {
        let (mut screen, writes, mut shown) = screen();
        let mut draw = |line: &str, at: Option<(u16, u16)>| {
            screen
                .draw(|frame| {
                    text(frame, line);
                    if let Some((x, y)) = at {
                        frame.set_cursor_position(Position { x, y });
                    }
                })
                .unwrap();
            let written = writes.take();
            shown.process(&written.concat());
            (written.len(), shown.screen().hide_cursor(), shown.screen().cursor_position())
        };
        assert_eq!(draw("a", Some((3, 1))), (1, false, (1, 3)));
        assert_eq!(draw("a", Some((3, 1))).0, 0);
        assert_eq!(draw("ab", Some((3, 1))), (1, false, (1, 3)), "drawing moved it");
        assert_eq!(draw("ab", Some((4, 1))), (1, false, (1, 4)));
        let (writes, hidden, _) = draw("ab", None);
        assert!(writes == 1 && hidden);
        assert_eq!(draw("ab", None).0, 0);
    }

    #[test]
    fn clearing_and_resizing_draw_all_again() {
        let (mut screen, writes, mut shown) = screen();
        screen.draw(|frame| text(frame, "hello")).unwrap();
        writes.take();
        screen.clear().unwrap();
        assert!(writes.take().is_empty(), "nothing before the frame");
        screen.draw(|frame| text(frame, "hello")).unwrap();
        let written = writes.take();
        assert_eq!(written.len(), 1);
        shown.process(&written[0]);
        assert_eq!(shown.screen().contents(), "hello");

        screen.resize(Size::new(20, 3));
        assert_eq!(screen.size(), Size::new(20, 3));
        screen.draw(|frame| text(frame, &format!("{}", frame.area().width))).unwrap();
        shown.process(&writes.take().concat());
        assert_eq!(shown.screen().contents(), "20");
    }

    #[test]
    fn no_room_at_all_is_no_error() {
        let mut screen = Screen::new(Vec::new(), Size::ZERO).unwrap();
        screen.draw(|frame| assert!(frame.area().is_empty())).unwrap();
    }
}
