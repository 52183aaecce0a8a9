//! All sessions that can be opened: files in the usual folders, and bundled ones.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{HomeError, SESSIONS, Session, SessionFile, data_folder, read_text};

/// A folder is not searched beyond so many session files.
const MOST_FILES: usize = 1000;

/// A session that can be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// Its name: that of the file without folder and ending.
    pub name: String,
    /// Its file; none of a bundled session.
    pub path: Option<PathBuf>,
    /// Its title; empty where it has none.
    pub title: String,
    /// Whether it comes with the program.
    pub bundled: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

impl SessionEntry {
    /// Opens it.
    pub fn open(&self) -> Result<SessionFile, HomeError> {
        match &self.path {
            Some(path) => SessionFile::read(path, &path.display().to_string()),
            None => match SESSIONS.iter().find(|(name, _)| *name == self.name) {
                Some((name, text)) => SessionFile::of_program(name, name, text),
                None => SessionFile::find(&self.name),
            },
        }
    }

    fn of_file(path: PathBuf) -> Self {
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let shown = path.display().to_string();
        let session = read_text(&path).and_then(|text| Ok(Session::parse(&shown, &text, &[])?));
        let (title, error) = match session {
            Ok(session) => (session.title, None),
            Err(error) => (String::new(), Some(error.to_string())),
        };
        Self { name, path: Some(path), title, bundled: false, error }
    }
}

impl SessionFile {
    /// All sessions that can be opened, each once: files in `./sessions`, in the folder of `beside`, in the user's data
    /// folder, by name in each, then the bundled ones that no file of that name stands in for. Files that cannot be read
    /// are among them, with what is wrong.
    pub fn list(beside: Option<&Self>) -> Vec<SessionEntry> {
        let local = PathBuf::from("sessions");
        let own = beside.filter(|file| !file.is_bundled()).map(|file| file.folder.clone());
        let data = data_folder().ok().map(|data| data.join("sessions"));
        let by_name: Vec<&Path> = [Some(local.as_path()), data.as_deref()].into_iter().flatten().collect();
        let mut seen = HashSet::new();
        let mut entries = Vec::new();
        for folder in [Some(&local), own.as_ref(), data.as_ref()].into_iter().flatten() {
            for path in files(folder) {
                if seen.insert(fs::canonicalize(&path).unwrap_or_else(|_| path.clone())) {
                    entries.push(SessionEntry::of_file(path));
                }
            }
        }
        for (name, text) in SESSIONS {
            if by_name.iter().any(|folder| folder.join(format!("{name}.toml")).is_file()) {
                continue;
            }
            let title = Session::parse(name, text, &[]).map(|session| session.title).unwrap_or_default();
            entries.push(SessionEntry { name: name.to_owned(), path: None, title, bundled: true, error: None });
        }
        entries
    }
}

/// The session files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    let visible = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        !name.starts_with('.') && name.ends_with(".toml") && !path.is_dir()
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(visible).take(MOST_FILES).collect();
    files.sort();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_beside_a_session_are_listed_before_bundled_ones() {
        let folder = tempfile::tempdir().unwrap();
        let right = "version = 1\ntitle = \"Mine\"\n[data]\npath = \"a\"\n[prompt]\ntemplate = \"a\"\n";
        for (name, text) in
            [("b.toml", right), ("a.toml", "version = 1\n[data\n"), ("c.txt", right), (".d.toml", right)]
        {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(folder.path().join("e.toml"), b"\xff").unwrap();
        let file = SessionFile::find(folder.path().join("b.toml").to_str().unwrap()).unwrap();
        let list = SessionFile::list(Some(&file));
        let own: Vec<_> =
            list.iter().filter(|entry| entry.path.as_ref().is_some_and(|p| p.starts_with(&folder))).collect();
        assert_eq!(own.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["a", "b", "e"]);
        assert_eq!((own[1].title.as_str(), &own[1].error), ("Mine", &None));
        assert!(own[0].error.as_ref().unwrap().contains("a.toml:2:"), "{:?}", own[0].error);
        assert!(own[2].error.as_ref().unwrap().contains("UTF-8"));
        assert_eq!(own[1].open().unwrap().text, right);
        // Each once, though the folder is given and its own: every name of the bundled ones is there.
        let again = SessionFile::list(Some(&own[1].open().unwrap()));
        assert_eq!(list, again);
        for (name, _) in SESSIONS {
            assert!(list.iter().any(|entry| entry.name == name && entry.error.is_none()), "{name}");
        }
        for entry in list.iter().filter(|entry| entry.bundled) {
            assert!(entry.open().unwrap().is_bundled() && !entry.title.is_empty());
        }
    }
}
