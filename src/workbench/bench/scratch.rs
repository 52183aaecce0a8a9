//! A copy of a session in a folder of its own, so that measuring and taking pictures leave the user's runs, versions and
//! marks alone.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::session::{HomeError, Override, SessionFile};

use super::BenchError;

/// The copy. Dropping it removes the folder with everything that was kept there.
pub struct Scratch {
    folder: TempDir,
    session: PathBuf,
    overrides: Vec<String>,
}

impl Scratch {
    /// Copies the session that `name` names, with `overrides` (`key=value`) to be laid over it. What it reads (data, model)
    /// stays where it is.
    ///
    /// # Errors
    /// When there is no such session, something in it is wrong, or nothing can be written.
    pub fn new(name: &str, overrides: &[String]) -> Result<Self, BenchError> {
        let file = SessionFile::find(name)?;
        let session = file.load(&parsed(overrides)?)?;
        let failed = BenchError::system("a temporary folder");
        let folder = tempfile::Builder::new().prefix("shotglass-").tempdir().map_err(failed)?;
        let path = folder.path().join(format!("{}.toml", file.stem));
        fs::write(&path, &file.text).map_err(BenchError::system("the copy of the session"))?;
        let mut overrides = overrides.to_vec();
        // Behind the others, for the last one counts: these are no longer relative to where the session really is.
        overrides.push(format!("data.path={}", session.data.path));
        overrides.push(format!("model.source={}", session.model.source));
        Ok(Self { folder, session: path, overrides })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The session's file, as sessions are named.
    pub fn session(&self) -> String {
        self.session.display().to_string()
    }

    /// What is to be laid over it, as the command line takes it.
    pub fn overrides(&self) -> &[String] {
        &self.overrides
    }

    /// The same, read.
    ///
    /// # Errors
    /// None that are known of: all of them were read before.
    pub fn parsed(&self) -> Result<Vec<Override>, BenchError> {
        parsed(&self.overrides)
    }
}

fn parsed(overrides: &[String]) -> Result<Vec<Override>, BenchError> {
    overrides.iter().map(|text| Override::parse(text).map_err(|error| HomeError::from(error).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_reads_what_the_session_reads_and_keeps_its_own_runs() {
        let place = tempfile::tempdir().unwrap();
        let original = place.path().join("mine.toml");
        fs::write(place.path().join("rows.csv"), "text,stance\na,1\n").unwrap();
        let text =
            "version = 1\n[model]\nsource = \"owner/name\"\n[data]\npath = \"rows.csv\"\n[prompt]\ntemplate = \"a\"\n";
        fs::write(&original, text).unwrap();
        let copy = Scratch::new(original.to_str().unwrap(), &["data.seed=7".to_owned()]).unwrap();
        let file = SessionFile::find(&copy.session()).unwrap();
        let session = file.load(&copy.parsed().unwrap()).unwrap();
        assert_eq!(Path::new(&session.data.path), place.path().join("rows.csv"));
        assert_eq!((session.data.seed, session.model.source.as_str(), file.stem.as_str()), (7, "owner/name", "mine"));
        assert!(file.runs().starts_with(copy.folder()));
        let folder = copy.folder().to_owned();
        drop(copy);
        assert!(!folder.exists());
    }

    #[test]
    fn what_is_wrong_is_said_before_anything_is_copied() {
        assert!(Scratch::new("none-of-this-name", &[]).is_err());
        assert!(Scratch::new("zero-shot", &["data.sead=7".to_owned()]).is_err());
    }
}
