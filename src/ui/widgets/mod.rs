//! Small pieces that views are drawn with. Each draws into any [`Rect`](ratatui::layout::Rect), empty or partly outside of
//! the buffer, and cleans the text that it is given; none knows the state of the program.

pub mod bar;
pub mod frame;
pub mod matrix;
pub mod plot;
pub mod scroll;
pub mod table;
pub mod text;
