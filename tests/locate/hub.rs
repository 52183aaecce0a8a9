//! A hub that serves repositories out of memory, with faults on demand (which a well-behaved HTTP library has not).

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub const SECRET: &str = "hf_very_secret";

/// What a repository holds, and how it is served.
#[derive(Clone, Default)]
pub struct Repository {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Only who has [`SECRET`] may read it.
    pub gated: bool,
    /// The connection is cut after this many bytes of a body.
    pub cut: Option<usize>,
    /// Ranges are not understood.
    pub no_ranges: bool,
    /// Contents have another hash than the one told.
    pub damaged: bool,
}

/// A server on a port of its own, one connection a request; it ends when this is dropped.
pub struct Hub {
    pub endpoint: String,
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    repositories: Mutex<HashMap<String, Repository>>,
    log: Mutex<Vec<String>>,
    over: AtomicBool,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Hub {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let hub = Self { endpoint: format!("http://{address}"), address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                // A client that goes away in the middle is no fault of the hub.
                std::thread::spawn(move || drop(answer(stream, &shared)));
            }
        });
        hub
    }

    pub fn put(&self, id: &str, repository: Repository) {
        self.shared.repositories.lock().unwrap().insert(id.to_owned(), repository);
    }

    /// What was asked for since the last look, as `METHOD path [range]`.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }
}

fn answer(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let headers: HashMap<String, String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    let mut words = request.split(' ');
    let (method, url) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let range = headers.get("range").map(String::as_str);
    let line = format!("{method} {url} {}", range.unwrap_or_default());
    shared.log.lock().unwrap().push(line.trim().to_owned());
    let send = |status: u16, headers: &[(&str, String)], length: usize, body: &[u8]| -> std::io::Result<()> {
        let mut stream = &stream;
        write!(stream, "HTTP/1.1 {status} Any\r\nConnection: close\r\nContent-Length: {length}\r\n")?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "\r\n")?;
        stream.write_all(body)
    };
    let refuse = |status: u16, code: &str| send(status, &[("X-Error-Code", code.to_owned())], 0, b"");

    let parts: Vec<&str> = url.trim_start_matches('/').splitn(5, '/').collect();
    let (id, rest) = match parts.as_slice() {
        ["api", "models", owner, name, rest] => (format!("{owner}/{name}"), format!("api/{rest}")),
        [owner, name, "resolve", _, file] => (format!("{owner}/{name}"), (*file).to_owned()),
        _ => return refuse(400, ""),
    };
    let Some(repository) = shared.repositories.lock().unwrap().get(&id).cloned() else {
        // As the hub does for those who have no token.
        return refuse(401, "RepoNotFound");
    };
    let login = headers.get("authorization");
    if repository.gated && login != Some(&format!("Bearer {SECRET}")) {
        return refuse(if login.is_some() { 403 } else { 401 }, "GatedRepo");
    }
    if rest == "api/revision/main" {
        let names = repository.files.keys().map(|name| serde_json::json!({ "rfilename": name }));
        let info = serde_json::json!({ "sha": COMMIT, "siblings": names.collect::<Vec<_>>() }).to_string();
        return send(200, &[], info.len(), info.as_bytes());
    }
    if rest.starts_with("api/") {
        return refuse(404, "RevisionNotFound");
    }
    let Some(content) = repository.files.get(&rest) else { return refuse(404, "EntryNotFound") };
    let mut hash: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    if repository.damaged {
        hash = hash.chars().rev().collect();
    }
    if method == "HEAD" {
        let size = content.len().to_string();
        let elsewhere = "http://cdn.invalid/x".to_owned();
        let told = [("X-Linked-Etag", format!("\"{hash}\"")), ("X-Linked-Size", size), ("Location", elsewhere)];
        return send(302, &told, 0, b"");
    }
    let from: usize = match range.filter(|_| !repository.no_ranges) {
        Some(range) => range.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap(),
        None => 0,
    };
    let body = &content[from.min(content.len())..];
    let sent = repository.cut.map_or(body, |cut| &body[..cut.min(body.len())]);
    let range = ("Content-Range", format!("bytes {from}-{}/{}", content.len() - 1, content.len()));
    send(if from > 0 { 206 } else { 200 }, &[range], body.len(), sent)
}
