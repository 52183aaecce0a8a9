//! What goes wrong between here and a server: no row is lost or doubled, nothing hangs, and no key is shown.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::json;

use super::*;

/// The answer's head, and half of what it promises.
fn cut() -> Reply {
    Reply::Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"choices\": [".to_vec(),
    )
}

/// Whether a request is one of a job's, not of the first look at the server.
fn is_row(request: &fixture::Request) -> bool {
    request.prompt().starts_with("row ")
}

#[test]
fn what_passes_is_tried_again_and_no_row_is_lost_or_doubled() {
    let tries: Mutex<HashMap<String, usize>> = Mutex::new(HashMap::new());
    let fixture = Fixture::start(move |request| {
        if !is_row(request) {
            return healthy(Kind::Echo, request);
        }
        let mut tries = tries.lock().unwrap();
        let before = *tries.entry(request.prompt().to_owned()).and_modify(|count| *count += 1).or_default();
        // Each row fails twice, in the ways that there are, beginning with another one.
        match (before, (before + request.prompt().len()) % 5) {
            (0 | 1, 0) => Reply::error(429, "Retry-After: 0\r\n", "slow down"),
            (0 | 1, 1) => Reply::error(500, "", "broken"),
            (0 | 1, 2) => cut(),
            (0 | 1, 3) => Reply::Raw(Vec::new()),
            (0 | 1, _) => Reply::error(503, "Retry-After: soon\r\n", "loading"),
            _ => healthy(Kind::Echo, request),
        }
    });
    let mut bench = bench();
    bench.load(&fixture);
    let request = score(30);
    let stats = bench.remote.score(&bench.job, &request).unwrap();
    check_scores(&request, &bench.answers());
    assert_eq!((stats.rows, fixture.prompts().len()), (30, 30 * 2 * 3));
}

#[test]
fn retry_after_is_obeyed() {
    let count = AtomicUsize::new(0);
    let fixture = Fixture::start(move |request| match is_row(request) && count.fetch_add(1, Ordering::Relaxed) == 0 {
        true => Reply::error(429, "Retry-After: 0.4\r\n", "slow down"),
        false => healthy(Kind::List, request),
    });
    let mut bench = bench();
    bench.load(&fixture);
    let started = Instant::now();
    bench.remote.score(&bench.job, &score(1)).unwrap();
    assert!(started.elapsed() >= Duration::from_millis(400));
}

#[test]
fn answers_that_make_no_sense_are_errors_that_name_the_server() {
    let number = |text: &str| {
        format!(
            "{{\"choices\": [{{\"logprobs\": {{\"top_logprobs\": [{{\" support\": {text}, \" oppose\": -1}}]}}}}]}}"
        )
    };
    let full = |text: String| move || Reply::Full(200, String::new(), text.clone());
    type Make = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: Vec<(Make, &str)> = vec![
        (Box::new(full("{\"choices\": ".into())), "no JSON"),
        (Box::new(full("<html>".into())), "no JSON"),
        (Box::new(full("{}".into())), "no list /choices"),
        (Box::new(full("{\"choices\": []}".into())), "no choice"),
        (Box::new(full("{\"choices\": [{\"text\": \"x\"}]}".into())), "no log-probabilities"),
        (Box::new(full(number("\"much\""))), "no finite number"),
        (Box::new(full(number("NaN"))), "no JSON"),
        (Box::new(full(number("1e999"))), "JSON"),
        (Box::new(full(number("3.5"))), "more than 0"),
        (Box::new(full("{\"error\": {\"message\": \"so\\u001b[2J sorry\"}}".into())), "so\\u{1b}[2J sorry"),
        (Box::new(|| Reply::error(404, "", "no such thing")), "answers 404: no such thing"),
        (Box::new(|| Reply::error(307, "Location: http://127.0.0.1:9/v1\r\n", "")), "the address that it leads to"),
        (Box::new(|| Reply::Full(200, String::new(), " ".repeat(17 << 20))), "longer than 16 MiB"),
        (Box::new(|| Reply::error(500, "", "out of order")), "out of order (tried 6 times)"),
        (Box::new(cut), "broke off"),
    ];
    for (make, expected) in cases {
        let fixture =
            Fixture::start(move |request| if is_row(request) { make() } else { healthy(Kind::List, request) });
        let mut bench = bench();
        bench.load(&fixture);
        let error = bench.remote.score(&bench.job, &score(1)).unwrap_err().to_string();
        let url = format!("row 100: {}/completions: ", fixture.address);
        assert!(error.starts_with(&url) && error.contains(expected), "{expected}: {error}");
        assert!(!error.contains('\u{1b}') && error.len() < 1000, "{error}");
    }
}

#[test]
fn a_key_that_is_refused_is_not_repeated() {
    let fixture = Fixture::start(|request| {
        let key = request.authorization.clone().unwrap_or_default();
        Reply::error(401, "", &format!("wrong key: {key}"))
    });
    let mut bench = bench();
    let error = bench.remote.load(&bench.job, &spec(&fixture)).unwrap_err();
    assert!(matches!(error, EngineError::Bad(_)));
    let text = error.to_string();
    assert!(text.contains("SHOTGLASS_API_KEY") && text.contains("Bearer …") && !text.contains("hunter2"), "{text}");
    assert_eq!(fixture.requests().len(), 1);
    bench.remote = Remote::with(None, patience());
    let text = bench.remote.load(&bench.job, &spec(&fixture)).unwrap_err().to_string();
    assert!(text.contains("set SHOTGLASS_API_KEY or OPENAI_API_KEY"), "{text}");
    let userinfo = ModelSpec { source: "http://me:hunter2@127.0.0.1:1/v1".into(), ..spec(&fixture) };
    let text = bench.remote.load(&bench.job, &userinfo).unwrap_err().to_string();
    assert!(text.contains("model.source") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_model_that_is_not_listed_is_told_with_those_that_are() {
    let fixture = Fixture::start(|request| healthy(Kind::Echo, request));
    let mut bench = bench();
    let other = ModelSpec { name: Some("mm".into()), ..spec(&fixture) };
    let text = bench.remote.load(&bench.job, &other).unwrap_err().to_string();
    assert!(text.contains("there is no model \"mm\"; model.name can be: other, m"), "{text}");
    let nameless = ModelSpec { name: None, ..spec(&fixture) };
    assert!(bench.remote.load(&bench.job, &nameless).unwrap_err().to_string().contains("model.name must say"));
    // Not every server lists its models.
    let fixture = Fixture::start(|request| match request.path.as_str() {
        "/models" => Reply::error(404, "", "Not Found"),
        _ => healthy(Kind::Echo, request),
    });
    assert_eq!(bench.load(&fixture).context, CONTEXT);
    // Nobody is there at all.
    let nobody = ModelSpec { source: "http://127.0.0.1:9/v1".into(), ..spec(&fixture) };
    let error = bench.remote.load(&bench.job, &nobody).unwrap_err();
    assert!(matches!(&error, EngineError::Failed(text) if text.contains("127.0.0.1:9")), "{error}");
}

#[test]
fn a_cancelled_job_returns_at_once_and_hangs_up() {
    let fixture = Fixture::start(|request| match is_row(request) {
        true => Reply::Silent(Duration::from_secs(30)),
        false => healthy(Kind::List, request),
    });
    let mut bench = bench();
    bench.load(&fixture);
    let cancel = bench.cancel.clone();
    let started = Instant::now();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    assert_eq!(bench.remote.score(&bench.job, &score(20)), Err(EngineError::Cancelled));
    late.join().unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let until = Instant::now() + Duration::from_secs(5);
    while fixture.hung_up.lock().unwrap().len() < 8 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(fixture.hung_up.lock().unwrap().len(), 8, "one connection for each request side by side");
}

#[test]
fn a_wait_between_two_tries_is_cut_short() {
    let fixture = Fixture::start(|request| match is_row(request) {
        true => Reply::error(429, "Retry-After: 50\r\n", "slow down"),
        false => healthy(Kind::List, request),
    });
    let mut bench = bench();
    bench.load(&fixture);
    let cancel = bench.cancel.clone();
    let started = Instant::now();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        cancel.cancel();
    });
    assert_eq!(bench.remote.generate(&bench.job, &generate(3)), Err(EngineError::Cancelled));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_row_that_fails_ends_the_job_and_a_resumed_one_asks_for_the_rest() {
    let is_well = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let fixture = Fixture::start(move |request| {
        let is_bad = request.prompt().starts_with("row 17") && !well.load(Ordering::Relaxed);
        if is_bad { Reply::error(400, "", "too long") } else { healthy(Kind::List, request) }
    });
    let mut bench = bench();
    bench.load(&fixture);
    let mut request = score(60);
    let error = bench.remote.score(&bench.job, &request).unwrap_err();
    assert!(error.to_string().starts_with("row 117: ") && error.to_string().contains("too long"), "{error}");
    let first = bench.answers();
    // Every answer that the server gave has arrived; the row itself is the only one that was asked for in vain.
    assert_eq!(first.len(), fixture.prompts().len() - 1);
    assert!(first.len() >= 17 && first.len() < 60, "{}", first.len());
    is_well.store(true, Ordering::Relaxed);
    request.done = (0..60).map(|index| first.iter().any(|answer| answer.index == index)).collect();
    let asked = fixture.prompts().len();
    bench.remote.score(&bench.job, &request).unwrap();
    let rest = bench.answers();
    assert_eq!((rest.len(), fixture.prompts().len() - asked), (60 - first.len(), 60 - first.len()));
    let mut all = [first, rest].concat();
    all.sort_by_key(|answer| answer.index);
    check_scores(&request, &all);
}

/// A stream of events with these texts, and its end unless it is cut.
fn stream(texts: &[&str], whole: bool) -> Reply {
    let mut body =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: hello\r\n\r\n".to_owned();
    for text in texts {
        body += &format!("data: {}\r\n\r\n", json!({"choices": [{"text": text, "finish_reason": null}]}));
    }
    if whole {
        body += "data: {\"choices\": [{\"text\": \"\", \"finish_reason\": \"stop\"}]}\n\ndata: [DONE]\n\n";
    }
    Reply::Raw(body.into_bytes())
}

#[test]
fn streamed_text_comes_as_it_is_written_and_is_not_begun_anew() {
    for (whole, is_broken) in [(true, false), (false, true)] {
        let fixture = Fixture::start(move |request| match request.body["stream"] == true {
            true => stream(&[" Hé", "llo", "!"], whole),
            false => healthy(Kind::None, request),
        });
        let mut bench = bench();
        bench.load(&fixture);
        let request = GenerateRequest { stream: true, ..generate(1) };
        let result = bench.remote.generate(&bench.job, &request);
        let streams = fixture.requests().iter().filter(|request| request.body["stream"] == true).count();
        assert_eq!(streams, 1);
        let (mut pieces, mut answer) = (String::new(), None);
        for event in bench.events.try_iter() {
            match event {
                Event::Token { text, id: 0, .. } => pieces += &text,
                Event::Scored { answers, .. } => answer = answers.into_iter().next(),
                _ => {}
            }
        }
        assert_eq!(pieces, " Héllo!");
        if is_broken {
            assert!(result.unwrap_err().to_string().contains("ends before its last event") && answer.is_none());
        } else {
            assert_eq!(result.unwrap().new_tokens, 3);
            assert_eq!(answer.map(|answer| (answer.text, answer.finish)), Some((pieces, Some(FinishReason::Stop))));
        }
    }
}
