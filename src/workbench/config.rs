//! Keymap and themes: the bundled ones, and a user's own laid over them from the configuration folder.

use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy, choose_base_strategy};

use crate::app::keymap::{Keymap, KeymapError};
use crate::app::state::Look;
use crate::ui::theme::{Theme, ThemeError};

/// A file of keys or colours is far smaller than this.
const MOST_BYTES: u64 = 1 << 20;

/// What can be wrong with a user's own files.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The keymap.
    #[error(transparent)]
    Keymap(#[from] KeymapError),
    /// A theme.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// A file cannot be read.
    #[error("{}: cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// There is no such theme.
    #[error("--theme {name}: there is no such theme; there are {known}")]
    NoTheme {
        /// As it was typed.
        name: String,
        /// Those that there are.
        known: String,
    },
}

/// How the workbench looks and what its keys do.
pub struct Config {
    /// What keys do.
    pub keymap: Keymap,
    /// The themes.
    pub themes: Vec<Theme>,
    /// How things are shown.
    pub look: Look,
    /// What is to be told once it is open.
    pub notes: Vec<String>,
}

/// The user's folder, `$XDG_CONFIG_HOME/shotglass`.
pub fn folder() -> Option<PathBuf> {
    Some(choose_base_strategy().ok()?.config_dir().join("shotglass"))
}

/// Reads the user's files. `theme` names the one to begin with, `color` says whether there are colours at all.
///
/// # Errors
/// A file that is there and is wrong, by its name and line; a theme that is not there.
pub fn load(theme: Option<&str>, color: bool, ascii: bool) -> Result<Config, ConfigError> {
    load_from(folder().as_deref(), theme, color, ascii)
}

fn load_from(folder: Option<&Path>, theme: Option<&str>, color: bool, ascii: bool) -> Result<Config, ConfigError> {
    let mut keymap = Keymap::preset();
    let own = folder.map(|folder| folder.join("keymap.toml")).filter(|path| path.exists());
    if let Some(path) = own {
        keymap = keymap.with_overrides(&path.display().to_string(), &read(&path)?)?;
    }
    let mut themes: Vec<Theme> = Theme::names().into_iter().filter_map(Theme::preset).collect();
    let files = folder.map(|folder| folder.join("themes")).and_then(|folder| std::fs::read_dir(folder).ok());
    let mut files: Vec<PathBuf> = files.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    for path in files {
        let own = Theme::parse(&path.display().to_string(), &read(&path)?)?;
        // A user's theme stands in for the bundled one of its name.
        themes.retain(|bundled| bundled.name != own.name);
        themes.push(own);
    }
    let names: Vec<String> = themes.iter().map(|theme| theme.name.clone()).collect();
    let place = match theme {
        None => 0,
        Some(name) => names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| ConfigError::NoTheme { name: name.to_owned(), known: names.join(", ") })?,
    };
    if !color {
        themes = themes.into_iter().map(Theme::without_color).collect();
    }
    Ok(Config { keymap, themes, look: Look { ascii, themes: names, theme: place }, notes: Vec::new() })
}

fn read(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read;
    let unreadable = |reason: String| ConfigError::Read { path: path.to_owned(), reason };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    file.take(MOST_BYTES).read_to_string(&mut text).map_err(|error| unreadable(error.to_string()))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_users_files_are_laid_over_the_bundled_ones() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("themes")).unwrap();
        std::fs::write(folder.path().join("keymap.toml"), "[global]\n\"x\" = \"quit\"\n").unwrap();
        std::fs::write(folder.path().join("themes/mine.toml"), "accent = { fg = \"red\" }\n").unwrap();
        let config = load_from(Some(folder.path()), Some("mine"), true, false).unwrap();
        assert_eq!(config.look.themes.last().map(String::as_str), Some("mine"));
        assert_eq!(config.themes[config.look.theme].name, "mine");
        assert_ne!(config.keymap, Keymap::preset());
        let plain = load_from(None, None, true, true).unwrap();
        assert_eq!((plain.keymap == Keymap::preset(), plain.look.ascii, plain.look.theme), (true, true, 0));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("keymap.toml"), "[global]\n\"x\" = \"quitt\"\n").unwrap();
        let error = load_from(Some(folder.path()), None, true, false).err().unwrap().to_string();
        assert!(error.contains("keymap.toml:2:") && error.contains("quit"), "{error}");
        let error = load_from(None, Some("pink"), true, false).err().unwrap().to_string();
        assert!(error.contains("pink") && error.contains("contrast"), "{error}");
    }
}
