//! Data files that are named by their URL: fetched once, then read from the cache.
//!
//! A file is kept under the XDG cache folder as `shotglass/data/<SHA-256 of the URL>/<name>`, with what is known of it
//! beside it as JSON. It is written under another name and renamed when it is whole, so that a download that was cut,
//! cancelled or killed leaves nothing that could be taken for data. Once there, a file is never fetched again: removing its
//! folder makes room for a newer version. Proxies are taken from the environment, as `ureq` reads it.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use ureq::Agent;

use super::error::DataError;
use super::hashed::{Hashed, sha256};

/// How long a server may take to accept a connection, and how long it may be silent afterwards.
const CONNECT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(60);
/// How much is read between two calls of the progress callback, in bytes.
const CHUNK: usize = 64 * 1024;
/// The longest file name that is taken over from a URL, in bytes.
const NAME: usize = 100;

/// A data file in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 as it was downloaded, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Whether it was downloaded now; otherwise it was in the cache.
    pub downloaded: bool,
}

/// What is noted beside a cached file.
#[derive(Serialize, Deserialize)]
struct Note {
    url: String,
    bytes: u64,
    sha256: String,
    /// When it was downloaded: RFC 3339, in UTC.
    time: String,
}

/// Whether `data.path` names a file on the web.
pub fn is_url(path: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| path.get(..scheme.len()).is_some_and(|p| p.eq_ignore_ascii_case(scheme)))
}

/// The file of a URL: out of the cache where it is there, else downloaded into it.
///
/// `progress` is told the bytes done and, where the server says it, the bytes in all; it returns false to cancel. Fails when
/// the server cannot be reached or has no such file, the download breaks off, or the cache cannot be written.
pub fn fetch(url: &str, progress: &mut dyn FnMut(u64, Option<u64>) -> bool) -> Result<Fetched, DataError> {
    let base = etcetera::base_strategy::Xdg::new().map_err(|_| DataError::Download {
        url: url.to_owned(),
        reason: "there is no home folder to keep it in, set XDG_CACHE_HOME".to_owned(),
    })?;
    let agent = Agent::config_builder()
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(SILENCE))
        .timeout_per_read(Some(SILENCE))
        .build()
        .new_agent();
    fetch_into(&base.cache_dir().join("shotglass").join("data"), &agent, url, progress)
}

fn fetch_into(
    cache: &Path,
    agent: &Agent,
    url: &str,
    progress: &mut dyn FnMut(u64, Option<u64>) -> bool,
) -> Result<Fetched, DataError> {
    let folder = cache.join(sha256(url.as_bytes()));
    let path = folder.join(file_name(url));
    if let Some(fetched) = cached(&path, url) {
        return Ok(fetched);
    }
    fs::create_dir_all(&folder).map_err(|error| DataError::Io { path: folder.clone(), error })?;
    let fetched = download(&path, agent, url, progress);
    if fetched.is_err() {
        // Succeeds only where the folder is empty.
        let _ = fs::remove_dir(&folder);
    }
    fetched
}

/// The cached file, where there is one as long as its note says.
fn cached(path: &Path, url: &str) -> Option<Fetched> {
    let note: Note = serde_json::from_reader(BufReader::new(File::open(note_of(path)).ok()?)).ok()?;
    let bytes = fs::metadata(path).ok()?.len();
    (note.url == url && note.bytes == bytes).then(|| Fetched {
        path: path.to_owned(),
        bytes,
        sha256: note.sha256,
        downloaded: false,
    })
}

fn download(
    path: &Path,
    agent: &Agent,
    url: &str,
    progress: &mut dyn FnMut(u64, Option<u64>) -> bool,
) -> Result<Fetched, DataError> {
    let failed = |reason: String| DataError::Download { url: url.to_owned(), reason };
    // Uncompressed, so that the server can say how long the file is.
    let request = agent.get(url).header("Accept-Encoding", "identity");
    let response = request.call().map_err(|error| failed(refused(&error)))?;
    let body = response.into_body();
    if body.mime_type() == Some("text/html") {
        return Err(failed("this is a web page, not a data file: give the address of the raw file".to_owned()));
    }
    let total = body.content_length();

    let io = |error| DataError::Io { path: path.to_owned(), error };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut file = NamedTempFile::new_in(folder).map_err(io)?;
    let mut reader = Hashed::new(body.into_reader());
    let mut chunk = vec![0; CHUNK];
    loop {
        if !progress(reader.count(), total) {
            return Err(DataError::Cancelled);
        }
        let cut = |error, done| failed(format!("the download broke off after {done} bytes ({error}); try again"));
        let count = match reader.read(&mut chunk) {
            Ok(0) if total.is_some_and(|total| reader.count() < total) => {
                return Err(cut(io::ErrorKind::UnexpectedEof.into(), reader.count()));
            }
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => return Err(cut(error, reader.count())),
        };
        file.write_all(&chunk[..count]).map_err(io)?;
    }
    let bytes = reader.count();
    let fetched = Fetched { path: path.to_owned(), bytes, sha256: reader.sha256(), downloaded: true };
    keep(file, path)?;

    // The note comes last: a file without one counts as not there.
    let note =
        Note { url: url.to_owned(), bytes, sha256: fetched.sha256.clone(), time: jiff::Timestamp::now().to_string() };
    let mut file = NamedTempFile::new_in(folder).map_err(io)?;
    serde_json::to_writer_pretty(&mut file, &note).map_err(|error| io(error.into()))?;
    keep(file, &note_of(path))?;
    Ok(fetched)
}

/// Gives a finished file its name, once it is on the disk.
fn keep(file: NamedTempFile, path: &Path) -> Result<(), DataError> {
    let io = |error| DataError::Io { path: path.to_owned(), error };
    file.as_file().sync_all().map_err(io)?;
    file.persist(path).map_err(|error| io(error.error))?;
    Ok(())
}

fn note_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".source.json");
    path.with_file_name(name)
}

/// Why a server sent no file, and what can be done about it.
fn refused(error: &ureq::Error) -> String {
    match error {
        ureq::Error::StatusCode(404 | 410) => "there is no such file on the server, check data.path".to_owned(),
        ureq::Error::StatusCode(code) => format!("the server answers {code} instead of sending the file"),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => format!("this is no URL ({error})"),
        error => format!(
            "cannot be reached ({error}) and is not in the cache; go online once, or get the file another way and name \
             it in data.path"
        ),
    }
}

/// The file name that a URL ends in, of harmless characters only.
fn file_name(url: &str) -> String {
    let address = url.split(['?', '#']).next().unwrap_or_default();
    let path = address.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map(|(_, path)| path);
    let last = path.and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let harmless = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = last.trim_start_matches('.').chars().map(harmless).take(NAME).collect();
    if name.is_empty() { "data.csv".to_owned() } else { name }
}

#[cfg(test)]
mod tests;
