//! A server on loopback for tests: it answers deterministically, and as badly as a test says.

#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub authorization: Option<String>,
    pub body: Value,
}

impl Request {
    /// The prompt that is asked for; empty where there is none.
    pub fn prompt(&self) -> &str {
        self.body["prompt"].as_str().unwrap_or_default()
    }
}

/// What goes out.
pub enum Reply {
    /// A status, headers and a body.
    Full(u16, String, String),
    /// Bytes as they are, then the connection is closed.
    Raw(Vec<u8>),
    /// Nothing for so long; whether the other side hung up meanwhile is noted.
    Silent(Duration),
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::Full(200, "Content-Type: application/json\r\n".into(), value.to_string())
    }

    pub fn error(status: u16, headers: &str, message: &str) -> Self {
        Self::Full(status, headers.into(), json!({"error": {"message": message}}).to_string())
    }
}

/// The server; it lives as long as the test's process.
pub struct Server {
    pub address: String,
    /// All requests so far.
    pub seen: Arc<Mutex<Vec<Request>>>,
    /// How long after a silent request began the other side hung up.
    pub hung_up: Arc<Mutex<Vec<Duration>>>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", listener.local_addr().unwrap());
        let (seen, hung_up) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let server = Self { address, seen: Arc::clone(&seen), hung_up: Arc::clone(&hung_up) };
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen, hung_up) = (Arc::clone(&answer), Arc::clone(&seen), Arc::clone(&hung_up));
                std::thread::spawn(move || serve(stream, &*answer, &seen, &hung_up));
            }
        });
        server
    }

    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Prompts asked for, but for those of the first look at the server.
    pub fn prompts(&self) -> Vec<String> {
        let asked = self.requests().into_iter().map(|request| request.prompt().to_owned());
        asked.filter(|prompt| prompt.starts_with("row ")).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    answer: &dyn Fn(&Request) -> Reply,
    seen: &Mutex<Vec<Request>>,
    hung_up: &Mutex<Vec<Duration>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split_whitespace().nth(1)?.trim_start_matches("/v1").to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = Request { path, authorization, body: serde_json::from_slice(&body).unwrap_or_default() };
    let reply = answer(&request);
    seen.lock().unwrap().push(request);
    match reply {
        Reply::Full(status, headers, body) => {
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .ok()
        }
        Reply::Raw(bytes) => stream.write_all(&bytes).ok(),
        Reply::Silent(time) => {
            let started = Instant::now();
            stream.set_read_timeout(Some(time)).ok()?;
            if matches!(stream.read(&mut [0]), Ok(0) | Err(_)) && started.elapsed() < time {
                hung_up.lock().unwrap().push(started.elapsed());
            }
            Some(())
        }
    }
}

/// How a healthy server tells log-probabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Echo,
    /// It echoes, but tells of each token as if it came after itself, as llama-cpp-python does of some models.
    Shifted,
    PromptLogprobs,
    List,
    None,
}

/// A healthy server's answer: after each text the likeliest token is one of the two labels, by the text's length.
pub fn healthy(kind: Kind, request: &Request) -> Reply {
    let body = &request.body;
    match request.path.as_str() {
        "/models" => return Reply::json(&json!({"data": [{"id": "other"}, {"id": "m", "max_model_len": 512}]})),
        "/chat/completions" => {
            let said = body["messages"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap();
            let top: Vec<Value> = top(said).iter().map(|(t, l)| json!({"token": t, "logprob": l})).collect();
            let mut choice = json!({"message": {"content": best(said).trim()}, "finish_reason": "stop"});
            if body["logprobs"] == true {
                choice["logprobs"] = json!({"content": [{"token": best(said), "top_logprobs": top}]});
            }
            return Reply::json(&json!({"choices": [choice], "usage": {"prompt_tokens": 7, "completion_tokens": 1}}));
        }
        "/completions" => {}
        _ => return Reply::error(404, "", "Not Found"),
    }
    let prompt = request.prompt();
    let new = best(prompt);
    let mut tokens = pieces(prompt);
    let usage = json!({"prompt_tokens": tokens.len(), "completion_tokens": 1});
    let mut choice = json!({"index": 0, "text": new, "finish_reason": "length"});
    let asks = |key: &str| !body[key].is_null();
    if asks("echo") && (kind == Kind::Echo || kind == Kind::Shifted) {
        tokens.push(new.to_owned());
        let mut logprobs: Vec<Value> = (0..tokens.len()).map(|at| json!(after(&tokens, at))).collect();
        if kind == Kind::Shifted {
            let late =
                |at: usize| top(&tokens[..=at].concat()).iter().find(|(t, _)| *t == tokens[at]).map_or(-6.0, |t| t.1);
            logprobs = (0..tokens.len()).map(|at| json!(late(at))).collect();
        }
        logprobs[0] = Value::Null;
        choice["logprobs"] = json!({"tokens": tokens, "token_logprobs": logprobs});
    } else if asks("prompt_logprobs") && kind == Kind::PromptLogprobs {
        let place = |at: usize| match at {
            0 => Value::Null,
            at => json!({"1": {"decoded_token": tokens[at], "logprob": after(&tokens, at)},
                         "2": {"decoded_token": "z", "logprob": -0.1}}),
        };
        choice["prompt_logprobs"] = (0..tokens.len()).map(place).collect();
    } else if asks("echo") {
        return Reply::error(400, "", "echo is not supported");
    } else if asks("logprobs") && kind != Kind::None {
        if body["logprobs"].as_u64().unwrap() > 20 {
            return Reply::error(400, "", "logprobs must be 20 or less");
        }
        if prompt.contains("end of text") && !asks("min_tokens") {
            choice["logprobs"] = json!({"tokens": [], "token_logprobs": [], "top_logprobs": []});
            return Reply::json(&json!({"choices": [choice], "usage": usage}));
        }
        let top: serde_json::Map<String, Value> = top(prompt).into_iter().map(|(t, l)| (t.into(), json!(l))).collect();
        choice["logprobs"] = json!({"tokens": [new], "token_logprobs": [-0.25], "top_logprobs": [top]});
    }
    Reply::json(&json!({"choices": [choice], "usage": usage}))
}

/// Words, each with the blank before it.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for c in text.chars() {
        match pieces.last_mut().filter(|_| c != ' ') {
            Some(piece) => piece.push(c),
            None => pieces.push(c.into()),
        }
    }
    pieces
}

pub fn best(text: &str) -> &'static str {
    if text.len().is_multiple_of(2) { " support" } else { " oppose" }
}

/// The best tokens after a text.
pub fn top(text: &str) -> Vec<(&'static str, f64)> {
    let other = if best(text) == " support" { " oppose" } else { " support" };
    vec![(best(text), -0.25), (other, -1.5), (" the", -4.0)]
}

fn after(tokens: &[String], at: usize) -> f64 {
    let before: String = tokens[..at].concat();
    top(&before).iter().find(|(token, _)| *token == tokens[at]).map_or(-6.0, |(_, logprob)| *logprob)
}
