use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use tempfile::TempDir;
use tiny_http::{Header, Response, Server};

use super::*;

const ROWS: &str = "text,stance\na,1\n";

/// An agent that no proxy of the environment stands in the way of.
fn agent() -> Agent {
    Agent::config_builder().proxy(None).timeout_global(Some(SILENCE)).build().new_agent()
}

fn fetch_from(cache: &TempDir, url: &str) -> Result<Fetched, DataError> {
    fetch_into(cache.path(), &agent(), url, &mut |_, _| true)
}

/// A server that answers one request, and the URL of `/data/rows.csv?raw=1` there.
fn serve(answer: impl FnOnce(tiny_http::Request) + Send + 'static) -> (String, thread::JoinHandle<()>) {
    let server = Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}/data/rows.csv?raw=1", server.server_addr());
    (url, thread::spawn(move || answer(server.recv().unwrap())))
}

/// A server that sends these bytes whatever it is asked, and hangs up.
fn send(bytes: &'static str) -> (String, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/rows.csv", listener.local_addr().unwrap());
    let answer = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = BufReader::new(stream.try_clone().unwrap());
        assert!(request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).count() > 0);
        stream.write_all(bytes.as_bytes()).unwrap();
    };
    (url, thread::spawn(answer))
}

fn is_clean(cache: &TempDir) -> bool {
    fs::read_dir(cache.path()).unwrap().next().is_none()
}

#[test]
fn a_file_is_fetched_once_and_then_there_offline() {
    let cache = TempDir::new().unwrap();
    let (url, server) = serve(|request| {
        assert_eq!(request.url(), "/data/rows.csv?raw=1");
        request.respond(Response::from_string(ROWS)).unwrap();
    });
    let mut told = Vec::new();
    let fetched = fetch_into(cache.path(), &agent(), &url, &mut |done, total| {
        told.push((done, total));
        true
    });
    let fetched = fetched.unwrap();
    server.join().unwrap();
    let length = ROWS.len() as u64;
    assert_eq!(told, [(0, Some(length)), (length, Some(length))]);
    assert_eq!(fetched.path, cache.path().join(sha256(url.as_bytes())).join("rows.csv"));
    assert_eq!(fs::read_to_string(&fetched.path).unwrap(), ROWS);
    assert_eq!((fetched.bytes, fetched.downloaded), (length, true));
    assert_eq!(fetched.sha256, sha256(ROWS.as_bytes()));

    // The server is gone.
    assert_eq!(fetch_from(&cache, &url).unwrap(), Fetched { downloaded: false, ..fetched.clone() });
    let note: Note = serde_json::from_reader(File::open(note_of(&fetched.path)).unwrap()).unwrap();
    assert_eq!((note.url, note.sha256), (url.clone(), fetched.sha256));
    assert!(note.time.parse::<jiff::Timestamp>().is_ok());

    // A file that is not as long as its note says is not taken.
    fs::write(&fetched.path, "text").unwrap();
    let error = fetch_from(&cache, &url).unwrap_err().to_string();
    assert!(error.contains("is not in the cache; go online once"), "{error}");
}

#[test]
fn a_missing_file_is_said_to_be_missing() {
    let cache = TempDir::new().unwrap();
    let (url, server) = serve(|request| request.respond(Response::empty(404)).unwrap());
    let error = fetch_from(&cache, &url).unwrap_err().to_string();
    server.join().unwrap();
    assert_eq!(error, format!("{url}: there is no such file on the server, check data.path"));
    assert!(is_clean(&cache));
}

#[test]
fn a_broken_server_is_quoted() {
    let cache = TempDir::new().unwrap();
    let (url, server) = serve(|request| request.respond(Response::empty(503)).unwrap());
    let error = fetch_from(&cache, &url).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.ends_with("the server answers 503 instead of sending the file"), "{error}");
}

#[test]
fn a_web_page_is_no_data() {
    let cache = TempDir::new().unwrap();
    let (url, server) = serve(|request| {
        let html = Header::from_bytes("Content-Type", "text/html; charset=utf-8").unwrap();
        request.respond(Response::from_string("<html>").with_header(html)).unwrap();
    });
    let error = fetch_from(&cache, &url).unwrap_err().to_string();
    server.join().unwrap();
    assert!(error.contains("this is a web page"), "{error}");
    assert!(is_clean(&cache));
}

#[test]
fn a_download_that_breaks_off_leaves_nothing() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\ntext,sta",
        "HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntext,sta\r\n",
    ] {
        let cache = TempDir::new().unwrap();
        let (url, server) = send(answer);
        let error = fetch_from(&cache, &url).unwrap_err().to_string();
        server.join().unwrap();
        assert!(error.contains("the download broke off after 8 bytes"), "{error}");
        assert!(is_clean(&cache));
    }
}

#[test]
fn a_cancelled_download_leaves_nothing() {
    let cache = TempDir::new().unwrap();
    let (url, server) = serve(|request| {
        let _ = request.respond(Response::from_string("x".repeat(1_000_000)));
    });
    let result = fetch_into(cache.path(), &agent(), &url, &mut |done, _| done < 100_000);
    server.join().unwrap();
    assert!(matches!(result, Err(DataError::Cancelled)));
    assert!(is_clean(&cache));
}

#[test]
fn without_a_network_it_is_said_what_can_be_done() {
    let cache = TempDir::new().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{port}/rows.csv");
    let error = fetch_from(&cache, &url).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{url}: cannot be reached (")), "{error}");
    assert!(error.ends_with("get the file another way and name it in data.path"), "{error}");
    assert!(is_clean(&cache));
}

#[test]
fn addresses_that_are_none_are_said_to_be_none() {
    let cache = TempDir::new().unwrap();
    for url in ["http://", "https:// a/b.csv", "http://[/b.csv"] {
        let error = fetch_from(&cache, url).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{url}: this is no URL")), "{error}");
    }
}

#[test]
fn urls_are_told_from_paths() {
    assert!(is_url("https://a.example/b.csv") && is_url("HTTP://a.example"));
    assert!(!is_url("data/http.csv") && !is_url("http") && !is_url("é".repeat(9).as_str()) && !is_url(""));
}

#[test]
fn file_names_are_harmless() {
    for (url, name) in [
        ("https://a.example/x/rows.csv", "rows.csv"),
        ("https://a.example/x/rows%20a.csv?token=1#part", "rows_20a.csv"),
        ("https://a.example/x/..", "data.csv"),
        ("https://a.example/", "data.csv"),
        ("https://a.example", "data.csv"),
        ("https://a.example/é\u{1b}[31m", "___31m"),
    ] {
        assert_eq!(file_name(url), name, "{url}");
    }
    assert_eq!(file_name(&format!("https://a.example/{}", "n".repeat(500))).len(), NAME);
}
