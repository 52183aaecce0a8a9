//! To be written.
/// To be written.
pub struct Session;
/// To be written.
pub struct SessionError;
