//! Unsaved work that survives a kill: the edited TOML of a session, kept in the state folder until it is saved or given up.
//!
//! One file a session, replaced whole each time. Its first line, a comment, says what it is, when it was kept, and the
//! SHA-256 of the text that was edited, so that one sees whether the session file has changed since. Two programs that
//! edit one session share the file: the last to write wins.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::folder;
use super::home::{HomeError, SessionFile, sha256, state_folder, write_whole};
use crate::text::printable;

/// How the first line begins.
const MARK: &str = "# Unsaved work on a Shotglass session, kept ";
/// What stands between time and hash, and between hash and name.
const BASE: &str = ", of the text with SHA-256 ";
const OF: &str = ": ";

/// Far larger than what the workbench keeps.
const MOST_BYTES: u64 = 32 << 20;

/// Work that was never saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The edited TOML.
    pub text: String,
    /// When it was kept.
    pub time: Timestamp,
    /// Whether the session file is no longer the one that was edited.
    pub base_changed: bool,
}

/// Keeps the edited `text` of a session; `file.text` is the text that was edited.
pub fn write(file: &SessionFile, text: &str) -> Result<PathBuf, HomeError> {
    write_in(&recovery_folder()?, file, text)
}

/// Work on this session that was never saved: kept, readable, and not what the file says anyway.
pub fn find(file: &SessionFile) -> Option<Recovered> {
    find_in(&recovery_folder().ok()?, file)
}

/// Forgets the work kept of a session: it was saved, or given up.
pub fn remove(file: &SessionFile) -> Result<(), HomeError> {
    remove_in(&recovery_folder()?, file)
}

fn recovery_folder() -> Result<PathBuf, HomeError> {
    Ok(state_folder()?.join("recovery"))
}

fn write_in(folder: &Path, file: &SessionFile, text: &str) -> Result<PathBuf, HomeError> {
    let path = folder.join(name(file));
    let unwritable = |error| HomeError::Write { path: path.clone(), error, hint: "" };
    fs::create_dir_all(folder).map_err(unwritable)?;
    let (time, base, whose) = (folder::now(), sha256(file.text.as_bytes()), whose(file));
    let head = format!("{MARK}{time}{BASE}{base}{OF}{}", printable(&whose));
    write_whole(&path, format!("{head}\n{text}").as_bytes()).map_err(unwritable)?;
    Ok(path)
}

fn find_in(folder: &Path, file: &SessionFile) -> Option<Recovered> {
    let path = folder.join(name(file));
    if fs::metadata(&path).ok()?.len() > MOST_BYTES {
        return None;
    }
    let kept = fs::read_to_string(&path).ok()?;
    let (head, text) = kept.split_once('\n')?;
    let (time, rest) = head.strip_prefix(MARK)?.split_once(BASE)?;
    let (base, _) = rest.split_once(OF)?;
    if text == file.text {
        return None;
    }
    let base_changed = base != sha256(file.text.as_bytes());
    Some(Recovered { text: text.to_owned(), time: time.parse().ok()?, base_changed })
}

fn remove_in(folder: &Path, file: &SessionFile) -> Result<(), HomeError> {
    let path = folder.join(name(file));
    match fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(HomeError::Write { path, error, hint: "" }),
        _ => Ok(()),
    }
}

/// What tells sessions apart: the path of the file, or the name of what has none.
fn whose(file: &SessionFile) -> String {
    if file.is_bundled() {
        return format!("bundled:{}", file.stem);
    }
    let path = file.save_path();
    let path = fs::canonicalize(&path).or_else(|_| std::path::absolute(&path)).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// `<stem>-<8 hexadecimal digits>.toml`
fn name(file: &SessionFile) -> String {
    const LONGEST: usize = 60;
    let stem: String = file.stem.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    let hash: String = sha256(whose(file).as_bytes()).chars().take(8).collect();
    format!("{stem}-{hash}.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_found_until_it_is_saved() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("state/recovery");
        let session = |name: &str, text: &str| {
            let path = home.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            SessionFile::find(path.to_str().unwrap()).unwrap()
        };
        let file = session("a.toml", "old = 1\n");
        assert_eq!(find_in(&folder, &file), None);
        remove_in(&folder, &file).unwrap();

        let path = write_in(&folder, &file, "new = 1\n").unwrap();
        let path_again = write_in(&folder, &file, "new = \"\"\"\r\n2\"\"\"").unwrap();
        assert_eq!(path, path_again);
        let head = fs::read_to_string(&path).unwrap();
        assert!(head.starts_with(MARK) && head.lines().next().unwrap().ends_with("/a.toml"), "{head}");
        let found = find_in(&folder, &file).unwrap();
        assert_eq!((found.text.as_str(), found.base_changed), ("new = \"\"\"\r\n2\"\"\"", false));
        assert!(Timestamp::now().duration_since(found.time).as_secs() < 60);

        // Another file of that name has none of it, and the file that changed meanwhile is noticed.
        assert_eq!(find_in(&folder, &session("b/a.toml", "old = 1\n")), None);
        assert!(find_in(&folder, &session("a.toml", "old = 2\n")).unwrap().base_changed);
        // What the file says anyway is nothing to recover.
        assert_eq!(find_in(&folder, &session("a.toml", "new = \"\"\"\r\n2\"\"\"")), None);
        remove_in(&folder, &file).unwrap();
        assert_eq!(find_in(&folder, &session("a.toml", "old = 1\n")), None);
    }

    #[test]
    fn strange_files_are_passed_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.toml");
        fs::write(&path, "a = 1").unwrap();
        let file = SessionFile::find(path.to_str().unwrap()).unwrap();
        let kept = write_in(home.path(), &file, "b = 1").unwrap();
        let whole = fs::read(&kept).unwrap();
        let start = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for end in 0..=start {
            fs::write(&kept, &whole[..end]).unwrap();
            assert_eq!(find_in(home.path(), &file), None);
        }
        for other in [&b"\xff"[..], b"", b"# A comment\nb = 1"] {
            fs::write(&kept, other).unwrap();
            assert_eq!(find_in(home.path(), &file), None);
        }
    }

    #[test]
    fn bundled_sessions_have_a_file_by_name() {
        let (first, text) = super::super::home::bundled_sessions().next().unwrap();
        let entry = super::super::home::SessionEntry {
            name: first.into(),
            path: None,
            title: String::new(),
            bundled: true,
            error: None,
        };
        let file = entry.open().unwrap();
        assert_eq!(file.text, text);
        let (stem, hash) =
            name(&file).trim_end_matches(".toml").rsplit_once('-').map(|(a, b)| (a.to_owned(), b.len())).unwrap();
        assert_eq!((stem.as_str(), hash), (first, 8));
    }
}
