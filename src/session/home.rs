//! Where things are: session files, bundled ones too, and the folders that runs go to.
//!
//! `sessions/*.toml` and `assets/` travel inside the program, so that it works from any folder once installed. A file of
//! that name wins over the bundled one. Bundled assets are written to the XDG data folder the first time a bundled
//! session asks for them.
//!
//! `save` writes session files back, `list` finds all there are.

mod list;
mod save;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};
use sha2::{Digest, Sha256};

use super::parse::{Override, nearest};
use super::spec::{Session, SessionError};

pub use list::SessionEntry;

/// The sessions inside the program, by name.
const SESSIONS: [(&str, &str); 10] = [
    ("zero-shot", include_str!("../../sessions/zero-shot.toml")),
    ("few-shot", include_str!("../../sessions/few-shot.toml")),
    ("zero-shot-generate", include_str!("../../sessions/zero-shot-generate.toml")),
    ("fine-tune", include_str!("../../sessions/fine-tune.toml")),
    ("simulate", include_str!("../../sessions/simulate.toml")),
    ("simulate-chat", include_str!("../../sessions/simulate-chat.toml")),
    ("simulate-rich", include_str!("../../sessions/simulate-rich.toml")),
    ("womens-march-zero-shot", include_str!("../../sessions/womens-march-zero-shot.toml")),
    ("womens-march-few-shot", include_str!("../../sessions/womens-march-few-shot.toml")),
    ("womens-march-fine-tune", include_str!("../../sessions/womens-march-fine-tune.toml")),
];

/// The files inside the program that bundled sessions read, by name.
const ASSETS: [(&str, &[u8]); 2] = [
    ("tweets.csv", include_bytes!("../../assets/tweets.csv")),
    ("respondents.csv", include_bytes!("../../assets/respondents.csv")),
];

/// A session file is text that people write: far smaller than this.
const MOST_BYTES: u64 = 16 << 20;

/// What can go wrong with the places that a session is read from and written to.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Neither a file nor a bundled session.
    #[error("{name}: no such session file{hint}")]
    NoSession {
        /// As it was typed.
        name: String,
        /// The nearest name, or all there are.
        hint: String,
    },
    /// It is there, but cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// Something cannot be written.
    #[error("{}: cannot be written: {error}{hint}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
        /// What would help.
        hint: &'static str,
    },
    /// Another program has changed the file meanwhile.
    #[error("{}: has changed on disk since it was read; save it under another name, or overwrite it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file of that name is there already.
    #[error("{}: is there already; choose another name", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// No name for a session.
    #[error("`{name}` cannot be the name of a session: {reason}")]
    Name {
        /// As it was typed.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The text to save.
    #[error(transparent)]
    Edit(#[from] super::edit::EditError),
    /// There is no home folder.
    #[error("there is no home folder: set HOME")]
    NoHome,
    /// The session itself is wrong.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// A session file found, not yet read as TOML.
#[derive(Clone, Debug)]
pub struct SessionFile {
    /// As messages call it.
    pub name: String,
    /// The file's name without folder and ending: the name of its runs' folder.
    pub stem: String,
    /// The TOML.
    pub text: String,
    /// The folder that relative paths start from.
    folder: PathBuf,
    /// The file itself; none of a bundled session.
    path: Option<PathBuf>,
    /// What it keeps beside itself.
    home: PathBuf,
    /// Where its runs go.
    runs: PathBuf,
}

impl SessionFile {
    /// Finds a session by path (`sessions/zero-shot.toml`) or name (`zero-shot`): the file itself, a file of that name
    /// in `./sessions` or in the user's data folder, or the bundled session.
    pub fn find(name: &str) -> Result<Self, HomeError> {
        let given = Path::new(name);
        if given.exists() {
            return Self::read(given, name);
        }
        let plain = given.parent() == Some(Path::new("")) && given.extension().is_none();
        if plain {
            let file = format!("{name}.toml");
            for folder in [Some(PathBuf::from("sessions")), data_folder().ok().map(|data| data.join("sessions"))] {
                let path = folder.unwrap_or_default().join(&file);
                if path.is_file() {
                    return Self::read(&path, &path.display().to_string());
                }
            }
        }
        let stem = given.file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
        let by_name = plain || given == Path::new("sessions").join(format!("{stem}.toml"));
        match SESSIONS.iter().find(|(known, _)| by_name && *known == stem) {
            Some((stem, text)) => Self::of_program(name, stem, text),
            None => {
                let known = SESSIONS.iter().map(|(name, _)| *name);
                let hint = match nearest(stem, known.clone()) {
                    Some(near) if near == stem => format!(" there; the bundled session is called `{near}`"),
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => format!("; bundled are {}", known.collect::<Vec<_>>().join(", ")),
                };
                Err(HomeError::NoSession { name: name.to_owned(), hint })
            }
        }
    }

    /// A session that comes with the program, whatever lies in the current folder.
    pub fn bundled(name: &str) -> Result<Self, HomeError> {
        match SESSIONS.iter().find(|(known, _)| *known == name) {
            Some((stem, text)) => Self::of_program(name, stem, text),
            None => Err(HomeError::NoSession { name: name.to_owned(), hint: String::new() }),
        }
    }

    fn of_program(name: &str, stem: &str, text: &str) -> Result<Self, HomeError> {
        let folder = data_folder()?.join("sessions");
        let local = Path::new("sessions");
        let home = if local.is_dir() { local.join(stem) } else { folder.join(stem) };
        let (name, stem, text) = (name.to_owned(), stem.to_owned(), text.to_owned());
        Ok(Self { name, stem, text, folder, path: None, runs: home.join("runs"), home })
    }

    fn read(path: &Path, name: &str) -> Result<Self, HomeError> {
        let text = read_text(path)?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let home = folder.join(&stem);
        Ok(Self {
            name: name.to_owned(),
            stem,
            text,
            folder,
            path: Some(path.to_owned()),
            runs: home.join("runs"),
            home,
        })
    }

    /// Reads the TOML with `overrides` laid over it, and makes its paths absolute.
    ///
    /// Paths are relative to the session file. One given by an override is taken from the current folder first, which is
    /// what whoever types it has in mind. A model's source is left alone where no such folder or file is there: it may
    /// as well be a hub id.
    pub fn load(&self, overrides: &[Override]) -> Result<Session, HomeError> {
        let mut session = Session::parse(&self.name, &self.text, overrides)?;
        let overridden = |key: &str| overrides.iter().any(|item| item.key() == key);
        if !is_url(&session.data.path) {
            let path = self.resolve(&session.data.path, overridden("data.path"));
            // A bundled session that was saved to a file of its own still reads what comes with the program.
            if self.is_bundled() || !path.exists() {
                self.provide(&path)?;
            }
            session.data.path = text_of(&path)?;
        }
        let encoder = session.train.as_mut().map(|train| ("train.model", &mut train.model));
        for (key, source) in [("model.source", &mut session.model.source)].into_iter().chain(encoder) {
            let path = self.resolve(source, overridden(key));
            if path.exists() {
                *source = text_of(&path)?;
            }
        }
        Ok(session)
    }

    /// Whether it comes with the program and has no file yet.
    pub fn is_bundled(&self) -> bool {
        self.path.is_none()
    }

    /// The folder of what it keeps beside itself: runs, versions of the prompt, marks on rows.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Where its runs go, unless the user says otherwise.
    pub fn runs(&self) -> &Path {
        &self.runs
    }

    fn resolve(&self, path: &str, typed: bool) -> PathBuf {
        let path = Path::new(path);
        let here = if typed && path.exists() { path.to_owned() } else { self.folder.join(path) };
        // Only makes it absolute and plain to read; links and files that are not there stay as they are.
        let absolute = std::path::absolute(&here).unwrap_or(here);
        without_dots(&absolute)
    }

    /// Writes the bundled asset that `path` names, if it names one and is not there yet as it should be.
    fn provide(&self, path: &Path) -> Result<(), HomeError> {
        let folder = data_folder()?.join("assets");
        let Some((name, bytes)) = ASSETS.iter().find(|(name, _)| folder.join(name) == path) else { return Ok(()) };
        if fs::read(path).is_ok_and(|there| there == *bytes) {
            return Ok(());
        }
        let unwritable = |error| HomeError::Write {
            path: folder.join(name),
            error,
            hint: "; set XDG_DATA_HOME to a folder that can be written",
        };
        fs::create_dir_all(&folder).map_err(unwritable)?;
        write_whole(path, bytes).map_err(unwritable)
    }
}

/// Every bundled session: name and TOML.
pub fn bundled_sessions() -> impl Iterator<Item = (&'static str, &'static str)> {
    SESSIONS.into_iter()
}

/// The user's data folder, `$XDG_DATA_HOME/shotglass`.
pub fn data_folder() -> Result<PathBuf, HomeError> {
    Ok(choose_base_strategy().map_err(|_| HomeError::NoHome)?.data_dir().join("shotglass"))
}

/// Where what can be computed again is kept: `$XDG_CACHE_HOME/shotglass`.
pub fn cache_folder() -> Result<PathBuf, HomeError> {
    let base = choose_base_strategy().map_err(|_| HomeError::NoHome)?;
    Ok(base.cache_dir().join("shotglass"))
}

/// The folder of what the program remembers between its runs, `$XDG_STATE_HOME/shotglass`.
pub fn state_folder() -> Result<PathBuf, HomeError> {
    let base = choose_base_strategy().map_err(|_| HomeError::NoHome)?;
    Ok(base.state_dir().unwrap_or_else(|| base.cache_dir()).join("shotglass"))
}

/// The folder of the log, `$XDG_STATE_HOME/shotglass/log`.
pub fn log_folder() -> Result<PathBuf, HomeError> {
    Ok(state_folder()?.join("log"))
}

/// The text of a file that people write.
fn read_text(path: &Path) -> Result<String, HomeError> {
    let unreadable = |reason: &str| HomeError::Read { path: path.to_owned(), reason: reason.to_owned() };
    if path.is_dir() {
        return Err(unreadable("it is a folder, not a session file"));
    }
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(_) if text.len() as u64 > MOST_BYTES => Err(unreadable("too large for a session file")),
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(unreadable("it is not UTF-8 text")),
        Err(error) => Err(unreadable(&error.to_string())),
    }
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a file so that at any moment either the old content is there or the new one, whole.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    // Temporary files are private by default; what is kept is not, as far as the umask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Whether a path is a web address.
pub fn is_url(path: &str) -> bool {
    path.starts_with("http://") || path.starts_with("https://")
}

/// `a/b/../c` as `a/c`. The session file's folder is no link that a reader would not expect to be followed by name.
fn without_dots(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    // Where a link makes `..` mean something else, the path as written is the right one.
    if plain.exists() || !path.exists() { plain } else { path.to_owned() }
}

fn text_of(path: &Path) -> Result<String, HomeError> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| HomeError::Read { path: path.to_owned(), reason: "its name is not UTF-8".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_sessions_are_right_and_found_by_name() {
        for (name, text) in bundled_sessions() {
            Session::parse(name, text, &[]).unwrap();
            assert_eq!(SessionFile::find(name).unwrap().stem, name);
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_answered_with_the_nearest() {
        let error = |name: &str| SessionFile::find(name).unwrap_err().to_string();
        assert_eq!(error("few-shots"), "few-shots: no such session file; did you mean `few-shot`?");
        assert!(error("/none/zero-shot.toml").ends_with(" there; the bundled session is called `zero-shot`"));
        assert!(error("xyzzy").contains("; bundled are zero-shot, few-shot, "));
    }

    #[test]
    fn paths_are_those_of_the_session_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("sessions/model")).unwrap();
        let path = root.join("sessions/mine.toml");
        let text =
            "version = 1\n[model]\nsource = \"model\"\n[data]\npath = \"../rows.csv\"\n[prompt]\ntemplate = \"a\"\n";
        fs::write(&path, text).unwrap();
        let file = SessionFile::find(path.to_str().unwrap()).unwrap();
        assert_eq!(file.runs(), root.join("sessions/mine/runs"));
        let session = file.load(&[]).unwrap();
        assert_eq!(Path::new(&session.data.path), root.join("rows.csv"));
        assert_eq!(Path::new(&session.model.source), root.join("sessions/model"));

        // What is typed means the current folder, where there is such a file, here that of the crate.
        let typed =
            ["data.path=assets/tweets.csv", "model.source=owner/name"].map(|text| Override::parse(text).unwrap());
        let session = file.load(&typed).unwrap();
        assert_eq!(Path::new(&session.data.path), Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/tweets.csv"));
        assert_eq!(session.model.source, "owner/name");
        let typed = ["train.model=model"].map(|text| Override::parse(text).unwrap());
        assert_eq!(Path::new(&file.load(&typed).unwrap().train.unwrap().model), root.join("sessions/model"));
        let typed = [Override::parse("data.path=https://a.example/b.csv").unwrap()];
        assert_eq!(file.load(&typed).unwrap().data.path, "https://a.example/b.csv");
    }

    #[test]
    fn files_are_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_whole(&path, b"old").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_whole(&folder.path().join("none/a.json"), b"").is_err());
    }
}
