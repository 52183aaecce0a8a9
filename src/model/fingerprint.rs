//! SHA-256 over a model's files, so that a run says exactly which model it used.
//!
//! For a GGUF file it is the file's own hash. For a folder it is the hash of one line for each file that is read, sorted by
//! name, as `sha256sum` prints them: `sha256sum FILES… | sha256sum` gives the same. Hashes of large files are kept in the
//! user's cache folder under the file's path, size and time of change, as gigabytes take a while.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use etcetera::{BaseStrategy, choose_base_strategy};
use sha2::{Digest, Sha256};

use super::locate::ModelFiles;
use super::safetensors::weight_files;
use super::weights::LoadError;

/// Files smaller than this are hashed each time.
const KEPT_FROM: u64 = 256 << 20;
/// The files of a folder that are read beside the weights.
const BESIDE: [&str; 7] = [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "spm.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
];

/// The hash of a model.
pub fn sha256(files: &ModelFiles) -> Result<String, LoadError> {
    match files {
        ModelFiles::Gguf(path) => of_file(path),
        ModelFiles::Folder(folder) => {
            let beside = BESIDE.iter().map(|name| folder.join(name)).filter(|path| path.exists());
            let mut paths: Vec<PathBuf> = beside.chain(weight_files(folder)?).collect();
            paths.sort();
            let mut hash = Sha256::new();
            for path in paths {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                hash.update(format!("{}  {}\n", of_file(&path)?, name.display()));
            }
            Ok(hex(hash))
        }
    }
}

/// The hash of one file, from the cache where it is known there.
fn of_file(path: &Path) -> Result<String, LoadError> {
    let error = |source| LoadError::io(path, source);
    let file = File::open(path).map_err(error)?;
    let kept = kept_name(path, &file).and_then(|name| {
        let cache = choose_base_strategy().ok()?.cache_dir();
        Some(cache.join("shotglass").join("sha256").join(name))
    });
    if let Some(hash) = kept.as_ref().and_then(|kept| std::fs::read_to_string(kept).ok()).filter(|hash| is_hash(hash)) {
        return Ok(hash);
    }
    let hash = of_reader(file).map_err(error)?;
    if let Some(kept) = kept {
        // A cache that cannot be written only costs time.
        let _ = keep(&kept, &hash);
    }
    Ok(hash)
}

/// The name under which a large file's hash is kept.
fn kept_name(path: &Path, file: &File) -> Option<String> {
    let metadata = file.metadata().ok().filter(|metadata| metadata.len() >= KEPT_FROM)?;
    let changed = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    let path = path.canonicalize().ok()?;
    let key = format!("{}\0{}\0{changed}", path.display(), metadata.len());
    Some(hex(Sha256::new().chain_update(key)))
}

/// Writes a hash so that a reader sees all of it or nothing.
fn keep(path: &Path, hash: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(hash.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// The hash of what a reader gives, in hexadecimal.
pub fn of_reader(mut reader: impl Read) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(hex(hash)),
            read => hash.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_hashes_as_sha256sum_would() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), "abc").unwrap();
        std::fs::write(folder.path().join("model.safetensors"), "").unwrap();
        std::fs::write(folder.path().join("README.md"), "not read").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(of_reader(&b"abc"[..]).unwrap(), abc);
        let lines = format!("{abc}  config.json\n{empty}  model.safetensors\n");
        let files = ModelFiles::Folder(folder.path().to_owned());
        assert_eq!(sha256(&files).unwrap(), of_reader(lines.as_bytes()).unwrap());
        let file = ModelFiles::Gguf(folder.path().join("config.json"));
        assert_eq!(sha256(&file).unwrap(), abc);
    }

    #[test]
    fn a_kept_hash_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("name");
        keep(&path, "00").unwrap();
        keep(&path, "11").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "11");
        assert!(!is_hash("11"));
    }
}
