//! Everything that touches the terminal: modes on and off, keys in, frames out, clipboard and editor.
//!
//! What is shown and what keys mean is left to `ui` and `app`. All of it belongs to one thread, the UI thread; what can
//! block (reading keys, the clipboard) has threads of its own. A loop over it:
//!
//! ```ignore
//! term::install_panic_hook();
//! let mut guard = Guard::enter(Options::default())?;
//! let mut screen = Screen::stdout()?;
//! let mut inputs = Inputs::new()?;
//! let mut frames = Frames::new();
//! frames.request(Urgency::Now, Instant::now());
//! loop {
//!     let due = frames.due(Instant::now());
//!     tokio::select! {
//!         input = inputs.next() => { /* update; frames.request(Urgency::Now, now) */ }
//!         event = events.recv() => { /* update; frames.request(Urgency::Soon, now) */ }
//!         () = sleep_until(due), if due.is_some() => {}
//!     }
//!     while let Some(input) = inputs.ready() { /* update: one frame shows them all */ }
//!     if frames.take(Instant::now()) {
//!         screen.draw(|frame| ui::draw(&app, frame))?;
//!     }
//! }
//! ```
//!
//! The guard outlives the screen: declared first, it is dropped last.

mod backend;
mod clipboard;
mod copied;
mod editor;
mod events;
mod frames;
mod guard;
mod reader;
mod screen;
mod signals;
mod suspend;

pub use backend::{Bytes, Output};
pub use clipboard::Clipboard;
pub use copied::{Copied, Way};
pub use editor::edit_externally;
pub use events::{Input, Inputs};
pub use frames::{Frames, Urgency};
pub use guard::{Guard, Options, install_panic_hook};
pub use screen::Screen;
pub use suspend::suspend;
