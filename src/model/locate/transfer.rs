//! HTTP for the hub: requests that can be cancelled at any moment, downloads that go on where they were cut.
//!
//! hf-hub's own transfers can neither be cancelled nor time out, and append a whole body to half a file when a server
//! ignores the range asked for; so its cache is used and the bytes are moved here. Each request runs on a thread of its
//! own, which hands over pieces; whoever waits for them asks ten times a second whether to go on, and a thread that
//! nobody listens to any more ends at its next piece or time-out.

use std::fs::File;
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use ureq::Agent;
use ureq::config::RedirectAuthHeaders;
use ureq::http::HeaderMap;

use super::Fetching;

/// To find and reach the host.
const CONNECT: Duration = Duration::from_secs(4);
/// For the head of an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// For each piece of an answer.
const READ: Duration = Duration::from_secs(30);
/// How often whoever waits is asked whether to go on.
const TICK: Duration = Duration::from_millis(100);
/// Attempts in a row that bring nothing new before a download is given up.
const ATTEMPTS: u32 = 4;
/// Bytes of a piece.
const PIECE: usize = 128 << 10;
/// The longest text read into memory: the list of a repository's files.
const LONGEST_TEXT: usize = 32 << 20;

/// Why a transfer ended early.
#[derive(Debug)]
pub enum TransferError {
    /// Whoever waited said so.
    Cancelled,
    /// The host cannot be found or reached.
    Unreachable(String),
    /// The connection broke, or the answer made no sense.
    Broken(String),
    /// The server refused.
    Status(u16, HeaderMap),
    /// The file cannot be written.
    File(std::io::Error),
}

/// Asks the one who waits whether to go on.
pub type Ask<'a> = &'a mut dyn FnMut(&Fetching) -> bool;

/// What a request brings, in this order: one head, any number of pieces, the end.
enum Piece {
    Head(u16, HeaderMap),
    Bytes(Vec<u8>),
    End,
}

type Pieces = Receiver<Result<Piece, TransferError>>;

/// Sends requests to one hub.
pub struct Client {
    following: Agent,
    direct: Agent,
    token: Option<String>,
}

impl Client {
    /// A client that says who it is with `token`, to the host it was asked to talk to and no other.
    pub fn new(token: Option<String>) -> Self {
        let agent = |redirects| -> Agent {
            Agent::config_builder()
                .timeout_resolve(Some(CONNECT))
                .timeout_connect(Some(CONNECT))
                .timeout_recv_response(Some(ANSWER))
                .timeout_per_read(Some(READ))
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .max_redirects(redirects)
                .user_agent(concat!("shotglass/", env!("CARGO_PKG_VERSION")))
                // A compressed answer has no ranges.
                .accept_encoding("identity")
                .build()
                .into()
        };
        Self { following: agent(10), direct: agent(0), token }
    }

    /// The headers of an answer, without following redirects.
    pub fn head(&self, url: &str, what: &str, ask: Ask) -> Result<(u16, HeaderMap), TransferError> {
        let mut request = self.direct.head(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let pieces = start(move || request.call());
        match next(&pieces, &Fetching::so_far(what, 0, None), ask)? {
            Piece::Head(status, headers) => Ok((status, headers)),
            _ => Err(TransferError::Broken("the answer has no head".to_owned())),
        }
    }

    fn get(&self, url: &str, from: u64) -> Pieces {
        let mut request = self.following.get(url);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
        }
        start(move || request.call())
    }

    /// A short text.
    pub fn text(&self, url: &str, what: &str, ask: Ask) -> Result<Vec<u8>, TransferError> {
        let pieces = self.get(url, 0);
        let mut text = Vec::new();
        loop {
            match next(&pieces, &Fetching::so_far(what, 0, None), ask)? {
                Piece::Head(200, _) => {}
                Piece::Head(status, headers) => return Err(TransferError::Status(status, headers)),
                Piece::Bytes(bytes) if text.len() + bytes.len() <= LONGEST_TEXT => text.extend(bytes),
                Piece::Bytes(_) => return Err(TransferError::Broken("the answer is too long".to_owned())),
                Piece::End => return Ok(text),
            }
        }
    }

    /// Fetches a file of `size` bytes, going on where `file` ends, which must be open for appending. A connection that
    /// breaks is taken up again as long as that brings something new.
    pub fn download(
        &self,
        url: &str,
        file: &mut File,
        what: &str,
        size: Option<u64>,
        ask: Ask,
    ) -> Result<(), TransferError> {
        let (mut failures, mut furthest) = (0, 0);
        loop {
            let before = file.metadata().map_err(TransferError::File)?.len();
            if size.is_some_and(|size| before > size) {
                file.set_len(0).map_err(TransferError::File)?;
                continue;
            }
            if Some(before) == size && before > 0 {
                return Ok(());
            }
            let result = self.go_on(url, file, before, what, size, ask);
            let after = file.metadata().map_err(TransferError::File)?.len();
            let reason = match result {
                Ok(()) if size.is_none_or(|size| size == after) => return Ok(()),
                Ok(()) => format!("{after} bytes came of {}", size.unwrap_or_default()),
                Err(TransferError::Broken(reason) | TransferError::Unreachable(reason)) => reason,
                Err(error) => return Err(error),
            };
            // A server that always begins anew brings bytes, but none that were not there before.
            furthest = furthest.max(before);
            failures = if after > furthest { 0 } else { failures + 1 };
            if failures == ATTEMPTS {
                return Err(TransferError::Broken(reason));
            }
            pause(Duration::from_millis(250 << failures), &Fetching::so_far(what, after, size), ask)?;
        }
    }

    fn go_on(
        &self,
        url: &str,
        file: &mut File,
        from: u64,
        what: &str,
        size: Option<u64>,
        ask: Ask,
    ) -> Result<(), TransferError> {
        let mut state = Fetching::so_far(what, from, size);
        let pieces = self.get(url, from);
        loop {
            match next(&pieces, &state, ask)? {
                Piece::Head(206, headers) if starts_at(&headers, from) => {}
                // The whole file, or a range that is not there: from the beginning.
                Piece::Head(200 | 206 | 416, _) if from > 0 => {
                    file.set_len(0).map_err(TransferError::File)?;
                    return Err(TransferError::Broken("the server cannot go on where the file was cut".to_owned()));
                }
                Piece::Head(200 | 206, _) => {}
                Piece::Head(status @ (408 | 429 | 500..), _) => {
                    return Err(TransferError::Broken(format!("the server answered with status {status}")));
                }
                Piece::Head(status, headers) => return Err(TransferError::Status(status, headers)),
                Piece::Bytes(bytes) => {
                    file.write_all(&bytes).map_err(TransferError::File)?;
                    state.done += bytes.len() as u64;
                }
                Piece::End => return Ok(()),
            }
        }
    }
}

/// Runs a request on a thread of its own.
fn start(call: impl FnOnce() -> Result<ureq::http::Response<ureq::Body>, ureq::Error> + Send + 'static) -> Pieces {
    let (sender, receiver) = sync_channel(8);
    std::thread::spawn(move || {
        let (parts, body) = match call() {
            Ok(response) => response.into_parts(),
            Err(error) => {
                let _ = sender.send(Err(unreachable_or_broken(&error)));
                return;
            }
        };
        if sender.send(Ok(Piece::Head(parts.status.as_u16(), parts.headers))).is_err() {
            return;
        }
        let mut reader = body.into_reader();
        loop {
            let mut bytes = vec![0; PIECE];
            let piece = match reader.read(&mut bytes) {
                Ok(0) => Ok(Piece::End),
                Ok(read) => {
                    bytes.truncate(read);
                    Ok(Piece::Bytes(bytes))
                }
                Err(error) => Err(TransferError::Broken(error.to_string())),
            };
            let last = !matches!(piece, Ok(Piece::Bytes(_)));
            if sender.send(piece).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn unreachable_or_broken(error: &ureq::Error) -> TransferError {
    match error {
        ureq::Error::HostNotFound => TransferError::Unreachable("the host is not found".to_owned()),
        ureq::Error::Timeout(ureq::Timeout::Resolve) => {
            TransferError::Unreachable("the host's address is not found in time".to_owned())
        }
        ureq::Error::Timeout(_) => TransferError::Unreachable("it does not answer in time".to_owned()),
        ureq::Error::Io(error) => TransferError::Unreachable(error.to_string()),
        ureq::Error::ConnectionFailed | ureq::Error::Tls(_) => TransferError::Unreachable(error.to_string()),
        _ => TransferError::Broken(error.to_string()),
    }
}

/// Waits for the next piece, asking whether to go on.
fn next(pieces: &Pieces, state: &Fetching, ask: Ask) -> Result<Piece, TransferError> {
    loop {
        if !ask(state) {
            return Err(TransferError::Cancelled);
        }
        match pieces.recv_timeout(TICK) {
            Ok(piece) => return piece,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(TransferError::Broken("the connection ended".to_owned()));
            }
        }
    }
}

/// Waits, asking whether to go on.
pub fn pause(time: Duration, state: &Fetching, ask: Ask) -> Result<(), TransferError> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        if !ask(state) {
            return Err(TransferError::Cancelled);
        }
        std::thread::sleep(TICK.min(time));
    }
    Ok(())
}

/// Whether a `Content-Range` begins where it should.
fn starts_at(headers: &HeaderMap, from: u64) -> bool {
    let range = headers.get("content-range").and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(from)
}
