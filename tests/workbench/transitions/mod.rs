//! What the state does, message by message.

mod contrast;
mod demos;
mod jobs;
mod keys;
mod mouse;
mod prompt;
mod random;
mod rows;
mod runs;
mod session;
mod training;
mod windows;
