//! One experiment: the TOML file that describes it, the run that executes it, the folder that keeps it.
//!
//! [`spec`] is the file's form, [`parse`] reads it and names the place of what is wrong, [`home`] knows where files are.
//! [`prepare`] makes a session's data and prompts ready, [`describe`] tells what the data hold, [`run`] answers them through
//! an engine, [`folder`] keeps what came of it: [`predictions`] row by row, and [`export`] makes one file of it all for
//! others. [`training`] keeps the fine-tuning of an encoder in such a folder, [`simulation`] holds simulated respondents
//! against real ones, [`calibrate`] works a run's answers out anew,
//! [`baselines`] says what would have cost nothing,
//! [`audit`] which gold labels deserve a second look.
//!
//! [`vary`] has other forms of a prompt, [`sweep`] and [`search`] run them as a [`queue`]; [`ledger`] counts what was tried.
//! [`edit`] writes changes into a session file without touching the rest of it, [`recovery`] keeps those that are not saved
//! yet. [`timeline`] has every version of the prompt, [`overlay`] what the user says of rows, [`runs`] all runs there are,
//! and [`comparison`] lays some of them beside each other.

pub mod audit;
pub mod baselines;
pub mod calibrate;
pub mod comparison;
pub mod describe;
pub mod edit;
pub mod export;
pub mod folder;
pub mod home;
mod journal;
pub mod ledger;
pub mod overlay;
pub mod parse;
pub mod predictions;
pub mod prepare;
pub mod queue;
pub mod recovery;
pub mod run;
pub mod runs;
pub mod search;
pub mod simulation;
pub mod spec;
pub mod sweep;
pub mod timeline;
pub mod training;
pub mod vary;

pub use home::{HomeError, SessionFile};
pub use parse::Override;
pub use spec::{Session, SessionError};
