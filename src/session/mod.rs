//! One experiment: the TOML file that describes it, the run that executes it, the folder that keeps it.

pub mod export;
pub mod folder;
pub mod home;
pub mod predictions;
pub mod run;
pub mod spec;

pub use spec::{Session, SessionError};
