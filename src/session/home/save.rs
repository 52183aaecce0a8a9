//! Writing session files: whole or not at all, never over what somebody else has written meanwhile.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ASSETS, HomeError, Session, SessionFile, data_folder, is_url, read_text, without_dots, write_whole};
use crate::session::edit;

/// A file's name may have so many bytes on every file system, its ending included.
const LONGEST_NAME: usize = 200;

impl SessionFile {
    /// Where [`Self::save`] writes: the session's own file; for a bundled session a file of its name in `./sessions` if
    /// that is a folder, else in the user's data folder, where it is found by name from then on.
    pub fn save_path(&self) -> PathBuf {
        match &self.path {
            Some(path) => path.clone(),
            None => self.home.with_file_name(format!("{}.toml", self.stem)),
        }
    }

    /// The text of the file with what differs between `was` and `now` written into it: see [`edit::updated`].
    pub fn updated(&self, was: &Session, now: &Session) -> Result<String, HomeError> {
        Ok(edit::updated(&self.text, was, now)?)
    }

    /// Writes `text` to [`Self::save_path`] and goes on as that file. Where a relative `data.path` would lead elsewhere
    /// from there, an absolute one is written.
    ///
    /// # Errors
    /// `Changed` if the file is no longer as it was read, `Exists` if one stands where a bundled session goes, unless `force` says that this is to be overwritten; whatever
    /// writing brings. Nothing is changed then.
    pub fn save(&mut self, text: &str, force: bool) -> Result<PathBuf, HomeError> {
        let path = self.save_path();
        let there = if path.exists() { Some(read_text(&path)) } else { None };
        let unchanged = match there {
            None => true,
            Some(there) => self.path.is_some() && there.is_ok_and(|there| there == self.text),
        };
        if !unchanged && !force {
            let bundled = self.is_bundled();
            return Err(if bundled { HomeError::Exists { path } } else { HomeError::Changed { path } });
        }
        self.write(text, path)
    }

    /// Writes `text` to a new file and goes on as that one. A plain name is one beside this session, whatever else is a
    /// path; `.toml` is put behind either where it is missing.
    ///
    /// # Errors
    /// `Exists` if such a file is there, `Name` for what is no name, and what writing brings.
    pub fn save_as(&mut self, text: &str, name: &str) -> Result<PathBuf, HomeError> {
        let invalid = |reason| HomeError::Name { name: crate::text::printable(name).into_owned(), reason };
        let typed = Path::new(name);
        let file = typed.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        let stem = file.strip_suffix(".toml").unwrap_or(file);
        if name.ends_with(['/', '\\']) || stem.trim().is_empty() || stem.starts_with('.') {
            return Err(invalid("it needs letters or digits, as my-session"));
        }
        if name.contains(char::is_control) {
            return Err(invalid("it has control characters"));
        }
        if stem.len() > LONGEST_NAME {
            return Err(invalid("it is too long"));
        }
        let beside = self.save_path();
        let folder = match typed.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => beside.parent().unwrap_or(Path::new("")),
        };
        let path = folder.join(format!("{stem}.toml"));
        if path.symlink_metadata().is_ok() {
            return Err(HomeError::Exists { path });
        }
        self.write(text, path)
    }

    fn write(&mut self, text: &str, path: PathBuf) -> Result<PathBuf, HomeError> {
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let text = self.rebased(text, &folder)?;
        let unwritable = |error| HomeError::Write { path: path.clone(), error, hint: "" };
        // A link stays one: what it leads to is written.
        let target = fs::canonicalize(&path).or_else(|_| std::path::absolute(&path)).map_err(unwritable)?;
        if fs::metadata(&target).is_ok_and(|there| there.permissions().readonly()) {
            return Err(unwritable(std::io::ErrorKind::PermissionDenied.into()));
        }
        fs::create_dir_all(target.parent().unwrap_or(Path::new("."))).map_err(unwritable)?;
        write_whole(&target, text.as_bytes()).map_err(unwritable)?;
        // What it keeps stays with a file of the same name.
        let mut saved = Self::read(&path, &path.display().to_string())?;
        saved.text = text;
        *self = saved;
        Ok(path)
    }

    /// The text with an absolute `data.path` where the relative one leads elsewhere from `folder`.
    fn rebased(&self, text: &str, folder: &Path) -> Result<String, HomeError> {
        let Ok(session) = Session::parse(&self.name, text, &[]) else { return Ok(text.to_owned()) };
        let path = Path::new(&session.data.path);
        if is_url(&session.data.path) || path.is_absolute() {
            return Ok(text.to_owned());
        }
        let resolved = |folder: &Path| {
            let path = std::path::absolute(folder.join(path)).unwrap_or_else(|_| folder.join(path));
            without_dots(&path)
        };
        let (was, now) = (resolved(&self.folder), resolved(folder));
        let same = was == now
            || fs::canonicalize(&was).is_ok_and(|was| fs::canonicalize(&now).is_ok_and(|now| was == now))
            || (self.is_bundled() && is_asset(&now));
        match was.to_str().filter(|_| !same) {
            Some(was) => Ok(edit::with_text(text, "data", "path", was)?),
            None => Ok(text.to_owned()),
        }
    }
}

/// Whether a file is the very one inside the program.
fn is_asset(path: &Path) -> bool {
    let bytes = path.file_name().and_then(|name| ASSETS.iter().find(|(known, _)| name == *known));
    // In the data folder it is put right when the session is loaded.
    let provided = data_folder().is_ok_and(|data| path.parent() == Some(&data.join("assets")));
    bytes.is_some_and(|(_, bytes)| provided || fs::read(path).is_ok_and(|there| there == *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "version = 1\n[data]\npath = \"rows.csv\" # here\n[prompt]\ntemplate = \"a\"\n";

    fn file(path: &Path) -> SessionFile {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, TEXT).unwrap();
        SessionFile::find(path.to_str().unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_saved_in_its_place_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let mut file = file(&path);
        let was = file.load(&[]).unwrap();
        let mut now = was.clone();
        now.prompt.seed = 7;
        let text = file.updated(&was, &now).unwrap();
        assert_eq!(file.save(&text, false).unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{TEXT}seed = 7\n"));
        assert_eq!((file.load(&[]).unwrap(), file.text.as_str()), (now, text.as_str()));
        file.save(TEXT, false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_another_has_written_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let mut file = file(&path);
        let mut other = SessionFile::find(path.to_str().unwrap()).unwrap();
        other.save(&TEXT.replace("\"a\"", "\"b\""), false).unwrap();
        let error = file.save(&TEXT.replace("\"a\"", "\"c\""), false).unwrap_err();
        assert!(matches!(error, HomeError::Changed { .. }) && error.to_string().contains("mine.toml"), "{error}");
        assert!(fs::read_to_string(&path).unwrap().contains("\"b\""));
        fs::write(&path, b"\xff").unwrap();
        assert!(matches!(file.save(TEXT, false), Err(HomeError::Changed { .. })));
        file.save(TEXT, true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        // One that was taken away meanwhile is there again.
        fs::remove_file(&path).unwrap();
        file.save(TEXT, false).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_files_that_may_not_be_written_too() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("dots/real.toml");
        file(&real);
        let link = folder.path().join("mine.toml");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = SessionFile::find(link.to_str().unwrap()).unwrap();
        let text = TEXT.replace("\"a\"", "\"b\"");
        file.save(&text, false).unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), text);
        let mut permissions = fs::metadata(&real).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&real, permissions).unwrap();
        assert!(matches!(file.save(TEXT, false), Err(HomeError::Write { .. })));
        assert_eq!(fs::read_to_string(&real).unwrap(), text);
    }

    #[test]
    fn saved_under_another_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut file = file(&root.join("mine.toml"));
        fs::write(root.join("rows.csv"), "text\n").unwrap();
        assert_eq!(file.save_as(TEXT, "other").unwrap(), root.join("other.toml"));
        assert_eq!((file.stem.as_str(), file.home()), ("other", root.join("other").as_path()));
        assert_eq!(fs::read_to_string(root.join("other.toml")).unwrap(), TEXT);
        assert!(matches!(file.save_as(TEXT, "mine.toml"), Err(HomeError::Exists { .. })));
        // Elsewhere the data is still found.
        let elsewhere = root.join("deep/er/third");
        assert_eq!(file.save_as(TEXT, elsewhere.to_str().unwrap()).unwrap(), root.join("deep/er/third.toml"));
        let rows = root.join("rows.csv");
        assert_eq!(file.text, TEXT.replace("rows.csv", rows.to_str().unwrap()));
        assert_eq!(Path::new(&file.load(&[]).unwrap().data.path), rows);
        for name in ["", "  ", ".toml", ".hidden", "a/", "a\u{1b}b", &"x".repeat(300)] {
            assert!(matches!(file.save_as(TEXT, name), Err(HomeError::Name { .. })), "{name}");
        }
    }

    #[test]
    fn a_bundled_session_becomes_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let (name, text) = super::super::SESSIONS[0];
        let bundled = || {
            let file = SessionFile::of_program(name, name, text).unwrap();
            let home = root.join("sessions").join(name);
            SessionFile { folder: root.join("data/sessions"), runs: home.join("runs"), home, ..file }
        };
        let mut file = bundled();
        let path = root.join("sessions").join(format!("{name}.toml"));
        assert_eq!(file.save_path(), path);
        file.save(text, false).unwrap();
        // No such file is there, so the one in the data folder is named whole.
        let data = root.join("data/assets/tweets.csv");
        assert_eq!(file.text, text.replace("../assets/tweets.csv", data.to_str().unwrap()));
        assert!(!file.is_bundled() && file.home() == root.join("sessions").join(name));

        assert!(matches!(bundled().save(text, false), Err(HomeError::Exists { .. })));
        // Where the data is there too, the path stays.
        fs::create_dir_all(root.join("assets")).unwrap();
        fs::write(root.join("assets/tweets.csv"), ASSETS[0].1).unwrap();
        let mut file = bundled();
        file.save(text, true).unwrap();
        assert_eq!(file.text, text);
    }
}
