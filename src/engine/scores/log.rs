//! The file that scores are kept in: records appended by several programs at once, perhaps torn by a kill.
//!
//! It begins with [`MAGIC`], [`VERSION`] and a number drawn anew whenever the file is begun or rewritten, by which readers
//! tell that it is another one. A record is its key, the number of its labels, a checksum, and a log-probability for each
//! label, all little-endian. Who writes has the folder's lock and has read what others appended; what cannot be read at
//! the end is cut off first. Who reads needs no lock: half a record has a wrong checksum, and reading ends before it.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// What was asked: a part of its SHA-256, long enough that two never meet by chance.
pub type Key = [u8; 16];
/// A key and the log-probabilities under it, as they lie in the file.
type Record<'a> = (Key, &'a [[u8; 8]]);

/// The form of the file.
pub const VERSION: u32 = 1;
const MAGIC: [u8; 8] = *b"shotscor";
/// Bytes before the first record.
const HEADER: usize = MAGIC.len() + size_of::<u32>() + size_of::<u64>();
/// How the names of such files end.
const ENDING: &str = "log";
/// How the names of files begin that are being written.
const UNFINISHED: &str = ".unfinished-";
/// The file that is locked: the lock of a log itself would be lost where the log is rewritten.
const LOCK: &str = ".lock";

/// How many bytes files may have.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// One log; the newer half is kept of one that is longer.
    pub log: u64,
    /// All logs of the folder; those that were not written to for longest are removed.
    pub folder: u64,
}

/// A log and what is in it.
#[derive(Debug)]
pub struct Log {
    folder: PathBuf,
    path: PathBuf,
    bounds: Bounds,
    /// Where in `numbers` the log-probabilities of each key are. Many small pieces of memory, kept between the large ones of a
    /// computation, would keep those from being used again.
    known: HashMap<Key, Range<usize>>,
    numbers: Vec<f64>,
    /// The beginning of the file that was read; empty where there is none.
    header: Vec<u8>,
    /// Bytes up to the end of the last whole record that was read.
    read_to: u64,
}

impl Log {
    /// The log `name` in `folder`, neither of which need be there; nothing is read yet.
    pub fn new(folder: &Path, name: &str, bounds: Bounds) -> Self {
        let path = folder.join(name).with_extension(ENDING);
        Self {
            folder: folder.to_owned(),
            path,
            bounds,
            known: HashMap::new(),
            numbers: Vec::new(),
            header: Vec::new(),
            read_to: 0,
        }
    }

    /// The log-probabilities under a key, as far as the log is read.
    pub fn get(&self, key: &Key) -> Option<&[f64]> {
        self.numbers.get(self.known.get(key)?.clone())
    }

    /// Reads what was appended since the last time, by whomever. A file that is not there or of another form holds nothing.
    pub fn refresh(&mut self) -> io::Result<()> {
        match File::open(&self.path) {
            Ok(mut file) => self.read(&mut file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.begin(Vec::new());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Appends what is not in the log yet and is finite, in one write; the bounds hold afterwards.
    pub fn append(&mut self, records: &[(Key, &[f64])]) -> io::Result<()> {
        let is_new = |known: &HashMap<_, _>, (key, logprobs): &(Key, &[f64])| {
            !known.contains_key(key) && !logprobs.is_empty() && logprobs.iter().all(|logprob| logprob.is_finite())
        };
        if !records.iter().any(|record| is_new(&self.known, record)) {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let _held = lock(&self.folder)?;
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&self.path)?;
        self.read(&mut file)?;
        let mut bytes = Vec::new();
        let mut header = self.header.clone();
        if !is_ours(&header) {
            header = new_header();
            bytes.extend(&header);
        }
        for (key, logprobs) in records.iter().filter(|record| is_new(&self.known, record)) {
            bytes.extend(encode(key, logprobs));
        }
        file.set_len(self.read_to)?;
        file.seek(SeekFrom::Start(self.read_to))?;
        file.write_all(&bytes)?;
        // What was written is read like what others write.
        self.read(&mut file)?;
        if self.read_to > self.bounds.log {
            self.rewrite(&mut file)?;
        }
        self.bound_folder()
    }

    /// Starts anew on a file that begins so.
    fn begin(&mut self, header: Vec<u8>) {
        self.known.clear();
        self.numbers.clear();
        self.header = header;
        self.read_to = 0;
    }

    fn read(&mut self, file: &mut File) -> io::Result<()> {
        let header = read_from(file, 0, HEADER as u64)?;
        if header != self.header || file.metadata()?.len() < self.read_to {
            self.begin(header);
        }
        if !is_ours(&self.header) {
            return Ok(());
        }
        self.read_to = self.read_to.max(HEADER as u64);
        // A log has little more than its bound: what is longer by far was not written by this program.
        let bytes = read_from(file, self.read_to, self.bounds.log.saturating_mul(2))?;
        let mut rest = &*bytes;
        while let Some(((key, logprobs), behind)) = decode(rest) {
            let start = self.numbers.len();
            self.numbers.extend(logprobs.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            if self.numbers.iter().skip(start).all(|logprob| logprob.is_finite()) {
                self.known.insert(key, start..self.numbers.len());
            } else {
                self.numbers.truncate(start);
            }
            rest = behind;
        }
        self.read_to += (bytes.len() - rest.len()) as u64;
        Ok(())
    }

    /// Puts the newer half in the file's place. Whoever dies here leaves the file as it was.
    fn rewrite(&mut self, file: &mut File) -> io::Result<()> {
        let bytes = read_from(file, HEADER as u64, self.read_to - HEADER as u64)?;
        let most = usize::try_from(self.bounds.log / 2).unwrap_or(usize::MAX);
        let mut newer = &*bytes;
        while newer.len() > most
            && let Some((_, behind)) = decode(newer)
        {
            newer = behind;
        }
        let mut new = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.folder)?;
        new.write_all(&new_header())?;
        new.write_all(newer)?;
        new.persist(&self.path)?;
        self.refresh()
    }

    /// Removes what kills left unfinished, and the logs longest not written to, until the folder is within its bound.
    fn bound_folder(&self) -> io::Result<()> {
        let mut others = Vec::new();
        let mut total = self.read_to;
        for entry in fs::read_dir(&self.folder)?.flatten() {
            let path = entry.path();
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                // Such a file is written under the lock alone, which is ours.
                fs::remove_file(&path)?;
            } else if path.extension().is_some_and(|ending| ending == ENDING) && path != self.path {
                let metadata = entry.metadata()?;
                total = total.saturating_add(metadata.len());
                others.push((metadata.modified()?, metadata.len(), path));
            }
        }
        others.sort();
        for (_, length, path) in others {
            if total <= self.bounds.folder {
                break;
            }
            fs::remove_file(path)?;
            total = total.saturating_sub(length);
        }
        Ok(())
    }
}

/// Waits for the folder's lock, which ends with the file that is returned. A program that was stopped while it had the lock
/// must not stop this one too: after a while that is an error.
fn lock(folder: &Path) -> io::Result<File> {
    const PAUSE: Duration = Duration::from_millis(2);
    const TRIES: usize = 1000;
    let file = File::options().write(true).create(true).truncate(false).open(folder.join(LOCK))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another program keeps it locked"))
}

fn is_ours(header: &[u8]) -> bool {
    let form = header.strip_prefix(&MAGIC).and_then(|rest| rest.strip_prefix(&VERSION.to_le_bytes()));
    form.is_some() && header.len() == HEADER
}

fn new_header() -> Vec<u8> {
    // The standard library draws the keys of its hash tables from the system's random numbers.
    let drawn = RandomState::new().build_hasher().finish();
    [&MAGIC[..], &VERSION.to_le_bytes(), &drawn.to_le_bytes()].concat()
}

fn checksum(key: &Key, logprobs: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(key).chain_update(logprobs).finalize();
    hash.first_chunk().copied().unwrap_or_default()
}

fn encode(key: &Key, logprobs: &[f64]) -> Vec<u8> {
    let count = u32::try_from(logprobs.len()).unwrap_or(u32::MAX);
    let logprobs: Vec<u8> = logprobs.iter().flat_map(|logprob| logprob.to_le_bytes()).collect();
    [&key[..], &count.to_le_bytes(), &checksum(key, &logprobs), &logprobs].concat()
}

/// The record that some bytes begin with, and what is behind it; nothing where it is torn or damaged.
fn decode(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (key, rest) = bytes.split_first_chunk()?;
    let (count, rest) = rest.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let size = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(size_of::<f64>())?;
    let (logprobs, rest) = rest.split_at_checked(size)?;
    if checksum(key, logprobs) != *sum {
        return None;
    }
    Some(((*key, logprobs.as_chunks().0), rest))
}

fn read_from(file: &mut File, start: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
