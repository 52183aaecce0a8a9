//! One job's line to a server: requests that are tried again, answers of a bounded size, and a cut at any moment.
//!
//! Every job has an agent of its own: shutting that down ends all of its requests at once, and no other job's.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use crate::engine::command::Cancel;

use super::server::Server;

/// To find and reach the host.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: u64 = 16 << 20;
/// How often whoever waits looks whether to go on.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Why a request brought nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The job is over.
    Stopped,
    /// It may work another time: what was wrong, the server's status where it said one, and how long it asks to wait.
    Again(String, Option<u16>, Option<Duration>),
    /// It will not work: what was wrong, and the server's status where it said one.
    Refused(String, Option<u16>),
}

impl Trouble {
    /// What to say of it.
    pub fn message(self) -> String {
        match self {
            Self::Stopped => "cancelled".to_owned(),
            Self::Again(message, ..) | Self::Refused(message, _) => message,
        }
    }
}

/// The line.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub server: Arc<Server>,
    agent: Agent,
    /// Ends all requests.
    stop: Cancel,
    /// Nothing is asked a second time: another row has failed for good.
    closing: Cancel,
    /// The server's own errors count as refusals.
    eager: bool,
}

impl Line {
    /// A line for so many requests side by side.
    pub fn new(server: Arc<Server>, side_by_side: usize) -> Self {
        let patience = server.patience;
        let agent = Agent::config_builder()
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(patience.answer))
            .timeout_recv_body(Some(patience.answer))
            .http_status_as_error(false)
            // A key goes to the host that it was meant for, and nowhere else.
            .max_redirects(0)
            .max_idle_connections(side_by_side)
            .max_idle_connections_per_host(side_by_side)
            .user_agent(concat!("shotglass/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Self { server, agent: agent.into(), stop: Cancel::default(), closing: Cancel::default(), eager: false }
    }

    /// The same line where what the server is asked may be more than it knows: some answer that with 500, and would each
    /// time.
    pub fn eager(&self) -> Self {
        Self { eager: true, ..self.clone() }
    }

    /// Ends every request of this line, also those that wait for an answer.
    pub fn cut(&self) {
        self.stop.cancel();
        self.agent.clone().shutdown();
    }

    /// Lets requests on their way end, but tries nothing again.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Whether no more is to be asked.
    pub fn is_closed(&self) -> bool {
        self.stop.is_cancelled() || self.closing.is_cancelled()
    }

    /// The answer to a request, which is sent again as long as that may help.
    pub fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        self.patiently(|| self.once(path, body))
    }

    /// Tries something again as long as that may help.
    pub fn patiently<T>(&self, mut once: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
        let patience = self.server.patience;
        let mut failed = 0;
        loop {
            let (message, status, asked) = match once() {
                _ if self.stop.is_cancelled() => return Err(Trouble::Stopped),
                Err(Trouble::Again(message, status, asked)) => (message, status, asked),
                result => return result,
            };
            failed += 1;
            if failed >= patience.tries.max(1) {
                return Err(Trouble::Again(format!("{message} (tried {failed} times)"), status, None));
            }
            tracing::debug!(failed, %message, "asking again");
            let until = Instant::now() + patience.wait(failed, asked);
            while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                if self.is_closed() {
                    return Err(Trouble::Stopped);
                }
                std::thread::sleep(left.min(TICK));
            }
        }
    }

    /// One try.
    pub fn once(&self, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        let url = self.url(path);
        let answer = self.send(&url, body)?;
        let bytes = read(&url, answer.into_body(), LONGEST)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Trouble::Refused(format!("{url}: the answer is no JSON: {error}"), None))
    }

    /// One try at a stream of events; each event's text is handed over as it comes. A server that sends no stream is
    /// listened to as well.
    pub fn events(&self, path: &str, body: &Value, take: &mut dyn FnMut(Value)) -> Result<(), Trouble> {
        let url = self.url(path);
        let answer = self.send(&url, Some(body))?;
        let kind = answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let wrong = |error: serde_json::Error| Trouble::Refused(format!("{url}: an event is no JSON: {error}"), None);
        if !kind.contains("event-stream") {
            let bytes = read(&url, answer.into_body(), LONGEST)?;
            take(serde_json::from_slice(&bytes).map_err(wrong)?);
            return Ok(());
        }
        let mut lines = BufReader::new(answer.into_body().into_reader().take(LONGEST));
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines.read_until(b'\n', &mut line).map_err(|error| self.broken(&url, &error.to_string()))?;
            if read == 0 {
                return Err(self.broken(&url, "the stream ends before its last event"));
            }
            // Comments keep the connection alive; other fields than `data` say nothing here.
            let Some(data) = line.strip_prefix(b"data:") else { continue };
            match data.trim_ascii() {
                b"[DONE]" => return Ok(()),
                data => take(serde_json::from_slice(data).map_err(wrong)?),
            }
        }
    }

    /// The whole address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.address)
    }

    fn broken(&self, url: &str, what: &str) -> Trouble {
        Trouble::Again(format!("{url}: the connection broke: {}", self.server.words(what)), None, None)
    }

    /// Sends a request; an answer that is no success is trouble.
    fn send(&self, url: &str, body: Option<&Value>) -> Result<Response<Body>, Trouble> {
        if self.stop.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        let key = self.server.key.as_ref();
        let answer = match body {
            Some(body) => {
                let mut request = self.agent.post(url);
                if let Some(key) = key {
                    request = request.header("Authorization", key.header());
                }
                request.content_type("application/json").send(body.to_string())
            }
            None => {
                let mut request = self.agent.get(url);
                if let Some(key) = key {
                    request = request.header("Authorization", key.header());
                }
                request.call()
            }
        };
        let answer = answer.map_err(|error| self.unanswered(url, &error))?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) { Ok(answer) } else { Err(self.refused(url, status, answer)) }
    }

    /// What was wrong where no answer came.
    fn unanswered(&self, url: &str, error: &ureq::Error) -> Trouble {
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Tls(_) => {
                Trouble::Refused(format!("{url}: {}", self.server.words(&error.to_string())), None)
            }
            ureq::Error::Timeout(_) => Trouble::Again(format!("{url}: no answer in time"), None, None),
            ureq::Error::HostNotFound => Trouble::Again(format!("{url}: the host is not found"), None, None),
            error => Trouble::Again(format!("{url}: {}", self.server.words(&error.to_string())), None, None),
        }
    }

    /// What was wrong where the answer is an error.
    fn refused(&self, url: &str, status: u16, answer: Response<Body>) -> Trouble {
        let asked = retry_after(answer.headers());
        // A body that cannot be read says nothing, but the status does.
        let said = read(url, answer.into_body(), LONGEST).unwrap_or_default();
        let said = self.server.words(&said_in(&String::from_utf8_lossy(&said)));
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let message = format!("{url}: the server answers {status}{said}");
        match status {
            500 | 501 if self.eager => Trouble::Refused(message, Some(status)),
            408 | 425 | 429 | 500..=599 => Trouble::Again(message, Some(status), asked),
            401 | 403 => {
                let hint = match self.server.key {
                    Some(_) => "it does not take the key in SHOTGLASS_API_KEY or OPENAI_API_KEY",
                    None => "set SHOTGLASS_API_KEY or OPENAI_API_KEY to a key that it takes",
                };
                Trouble::Refused(format!("{message}; {hint}"), Some(status))
            }
            300..=399 => Trouble::Refused(format!("{message}; name the address that it leads to"), Some(status)),
            _ => Trouble::Refused(message, Some(status)),
        }
    }
}

/// How long the server asks to wait. A date in the place of seconds is left out: clocks differ.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The message within an error's body, in the forms that servers use, or the body itself.
fn said_in(body: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    ["/error/message", "/message", "/detail", "/error"]
        .into_iter()
        .find_map(|place| value.pointer(place)?.as_str())
        .map_or_else(|| body.to_owned(), str::to_owned)
}

/// A whole body.
fn read(url: &str, body: Body, longest: u64) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    let read = body.into_reader().take(longest + 1).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::Again(format!("{url}: the answer broke off: {error}"), None, None))?;
    if bytes.len() as u64 > longest {
        return Err(Trouble::Refused(format!("{url}: the answer is longer than {} MiB", longest >> 20), None));
    }
    Ok(bytes)
}
