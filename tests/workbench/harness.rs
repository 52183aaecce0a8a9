//! A workbench over the scripted engine, in a home of its own, driven by key macros in a time that only the test moves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, LazyLock, Mutex, Once};
use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier};
use regex::Regex;
use shotglass::app::keymap::Chord;
use shotglass::app::message::Message;
use shotglass::app::state::DataState;
use shotglass::app::toast::Toasts;
use shotglass::app::window::Window;
use shotglass::app::{App, Pane};
use shotglass::engine::fake::{Fake, Rule, Script};
use shotglass::engine::worker::Job;
use shotglass::engine::{
    Backend, EngineError, GenerateRequest, ModelInfo, Outcome, ScoreRequest, Stats, TrainRequest, Trained,
};
use shotglass::model::ModelSpec;
use shotglass::model::tokenizer::Tokenizer;
use shotglass::ui;
use shotglass::ui::theme::Theme;
use shotglass::workbench::load_config;
use shotglass::workbench::stage::Bench;
use shotglass::workbench::world::{Incoming, Place, Screen};
use tokio::sync::mpsc::UnboundedReceiver;
use unicode_width::UnicodeWidthStr;

/// The two sizes that everything must be at home in.
pub const SMALL: (u16, u16) = (80, 24);
pub const LARGE: (u16, u16) = (120, 40);

/// How long, by the wall's clock, something may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Moments that lie no further ahead are waited for by [`Desk::settle`].
const SOON: Duration = Duration::from_secs(2);

/// How the texts of the fixture end, with the gold label and what the fake answers: label log-probabilities of support and
/// oppose. `irony` and `maybe` are answered wrong until the prompt says please.
const ENDS: [(&str, u8, [f64; 2]); 8] = [
    ("joy", 1, [-0.25, -2.5]),
    ("anger", 0, [-2.0, -0.5]),
    ("pride", 1, [-0.5, -1.75]),
    ("irony", 0, [-0.75, -1.0]),
    ("hope", 1, [-0.125, -3.0]),
    ("thanks", 1, [-0.5, -2.0]),
    ("maybe", 1, [-1.5, -1.0]),
    ("shame", 0, [-3.0, -0.25]),
];

/// A folder under which all tests of this process live, with a home that no user's files are in. What tests of long ago
/// left there is swept.
pub fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("workbench");
        let old = |entry: &fs::DirEntry| {
            let age = entry.metadata().and_then(|meta| meta.modified()).map(|time| time.elapsed().unwrap_or_default());
            age.is_ok_and(|age| age > Duration::from_secs(3600))
        };
        for entry in fs::read_dir(&all).into_iter().flatten().flatten().filter(old) {
            let _ = fs::remove_dir_all(entry.path());
        }
        let root = all.join(std::process::id().to_string());
        fs::create_dir_all(&root).unwrap();
        root
    });
    static ENTER: Once = Once::new();
    ENTER.call_once(|| enter(&ROOT));
    &ROOT
}

/// Makes `root` the home and the current folder: paths on the screens are short and the same everywhere.
#[allow(unsafe_code)]
fn enter(root: &Path) {
    let home = root.join("home");
    let folders = [
        ("XDG_CONFIG_HOME", "config"),
        ("XDG_DATA_HOME", "data"),
        ("XDG_STATE_HOME", "state"),
        ("XDG_CACHE_HOME", "cache"),
    ];
    // SAFETY: this happens once, before any test of this process has started a thread; Rust's own readers of the
    // environment are behind a lock.
    unsafe {
        std::env::set_var("HOME", &home);
        for (name, folder) in folders {
            std::env::set_var(name, home.join(folder));
        }
        std::env::set_var("HF_HOME", home.join("huggingface"));
        std::env::set_var("HF_HUB_OFFLINE", "1");
        std::env::set_var("TZ", "UTC");
    }
    fs::create_dir_all(home.join("state")).unwrap();
    std::env::set_current_dir(root).unwrap();
}

/// The tokenizer that the fake counts by.
pub fn tokenizer() -> Arc<Tokenizer> {
    static TOKENIZER: LazyLock<Arc<Tokenizer>> = LazyLock::new(|| {
        let smoke = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");
        Arc::new(Tokenizer::from_folder(Path::new(smoke)).unwrap())
    });
    Arc::clone(&TOKENIZER)
}

/// 120 short texts, invented, two labels, 62% support. Some are hard to align: wide, combining, right to left, emoji.
pub fn rows() -> String {
    let who = ["The ferry", "Our harbour", "That lantern march", "The quay", "My street", "The old horn"];
    let what = ["brings", "is all", "means", "fills the town with", "leaves me with", "was nothing but", "ends in"];
    let mut csv = String::from("text,stance\n");
    for row in 0..120 {
        let (end, gold, _) = ENDS[row % ENDS.len()];
        let (who, what) = (who[row % who.len()], what[row / 3 % what.len()]);
        let extra = match row {
            5 => " 港の灯",
            13 => " e\u{301}te\u{301}",
            21 => " 🚢⚓👩‍👩‍👧",
            29 => " שלום",
            37 => "\tat last",
            _ => "",
        };
        let _ = writeln!(csv, "{who} {what}{extra} {end},{gold}");
    }
    csv
}

/// The session on them, with comments that must survive, and lines of one's own behind `[prompt]`.
pub fn session(prompt: &str) -> String {
    format!(
        r#"# The session of the tests: this comment stays.

version = 1
title = "Stance of harbour posts"

[model]
source = "scripted" # no such folder: a name

[data]
path = "rows.csv"
label = "stance"
labels = {{ "1" = "support", "0" = "oppose" }}
splits = {{ train = 0.4, validation = 0.4, test = 0.2 }} # of 120

[prompt]
template = """
Does the author support or oppose the march?
Text: <{{{{ text }}}}>
Answer:"""
demo = "{{{{ text }}}} => {{{{ label }}}}"
{prompt}
# The end.
"#
    )
}

/// What the fake answers. Prompts that end in `please` are answered right where the plain ones are answered wrong.
pub fn script() -> Script {
    let rule = |contains: String, logprobs: [f64; 2]| Rule {
        contains,
        logprobs: logprobs.to_vec(),
        text: if logprobs[0] > logprobs[1] { " support" } else { " oppose" }.to_owned(),
    };
    let gold = |gold: u8| if gold == 1 { [-0.5, -1.5] } else { [-1.5, -0.5] };
    let polite = ENDS.iter().map(|(end, label, _)| rule(format!("{end}>\nAnswer: please"), gold(*label)));
    // An edit that makes things worse: everything is answered with the last label.
    let shouted = ENDS.iter().map(|(end, ..)| rule(format!("{end}>\nANSWER"), [-2.0, -0.5]));
    let plain = ENDS.iter().map(|(end, _, logprobs)| rule(format!("{end}>"), *logprobs));
    Script { rules: polite.chain(shouted).chain(plain).collect(), ..Script::default() }
}

/// Holds the engine in the middle of its work, so that a test can look at it there.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<Held>, Condvar)>);

#[derive(Default)]
struct Held {
    /// Jobs of at least so many prompts stop once they have answered so many more.
    at: Option<(usize, usize)>,
    /// Loading stops.
    loading: bool,
    /// Training stops before the step behind this one.
    training: Option<usize>,
    /// A job waits now.
    waiting: bool,
    /// Every job of prompts: purpose of the request, rows asked for and still open.
    asked: Vec<Vec<usize>>,
}

impl Gate {
    /// Jobs of at least `least` prompts stop after `after` answers, until [`Gate::open`].
    pub fn hold(&self, least: usize, after: usize) {
        self.0.0.lock().unwrap().at = Some((least, after));
    }

    /// Loading stops, until [`Gate::open`].
    pub fn hold_loading(&self) {
        self.0.0.lock().unwrap().loading = true;
    }

    /// A training stops once so many steps are done, until [`Gate::open`].
    pub fn hold_training(&self, step: usize) {
        self.0.0.lock().unwrap().training = Some(step);
    }

    /// Everything goes on.
    pub fn open(&self) {
        let mut held = self.0.0.lock().unwrap();
        (held.at, held.loading, held.training, held.waiting) = (None, false, None, false);
        self.0.1.notify_all();
    }

    /// Whether a job stands still here.
    pub fn is_holding(&self) -> bool {
        self.0.0.lock().unwrap().waiting
    }

    /// The prompts of each job so far that were asked to be answered, by the rows that they are of.
    pub fn asked(&self) -> Vec<Vec<usize>> {
        self.0.0.lock().unwrap().asked.clone()
    }

    fn note(&self, rows: &[usize], done: &[bool]) {
        let open = rows.iter().enumerate().filter(|(index, _)| !done.get(*index).copied().unwrap_or(false));
        self.0.0.lock().unwrap().asked.push(open.map(|(_, row)| *row).collect());
    }

    /// Stands still until opened or cancelled.
    fn wait(&self, job: &Job, still: impl Fn(&Held) -> bool) {
        let (held, bell) = &*self.0;
        let mut held = held.lock().unwrap();
        while still(&held) && !job.is_cancelled() {
            held.waiting = true;
            held = bell.wait_timeout(held, Duration::from_millis(1)).unwrap().0;
        }
        held.waiting = false;
    }
}

/// The scripted engine behind a gate. A model whose source has `broken` in it cannot be loaded.
pub struct Engine {
    fake: Fake,
    gate: Gate,
}

impl Engine {
    /// Which of the prompts are to be answered before it stops, as the flags of those done already; none if it does not.
    fn first(&self, prompts: usize, done: &[bool]) -> Option<Vec<bool>> {
        let (least, after) = self.gate.0.0.lock().unwrap().at.filter(|(least, _)| prompts >= *least)?;
        let _ = least;
        let mut left = after;
        let flags = (0..prompts).map(|index| {
            let done = done.get(index).copied().unwrap_or(false);
            let skip = done || left == 0;
            left -= usize::from(!skip);
            skip
        });
        Some(flags.collect())
    }

    /// What is done once the first part is: all that was, and all that was not skipped.
    fn rest(first: &[bool], done: &[bool]) -> Vec<bool> {
        first.iter().enumerate().map(|(index, skipped)| !skipped || done.get(index).copied().unwrap_or(false)).collect()
    }
}

impl Backend for Engine {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        job.loading("fetching model.safetensors", 42_000_000, Some(98_000_000));
        self.gate.wait(job, |held| held.loading);
        if spec.source.contains("broken") {
            return Err(EngineError::Bad(format!("{}: no such folder, file or model on the hub", spec.source)));
        }
        self.fake.load(job, spec)
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        self.gate.note(&request.rows, &request.done);
        let Some(first) = self.first(request.prompts.len(), &request.done) else {
            return self.fake.score(job, request);
        };
        let rest = Self::rest(&first, &request.done);
        let begun = self.fake.score(job, &ScoreRequest { done: first, ..request.clone() })?;
        self.gate.wait(job, |held| held.at.is_some());
        let ended = self.fake.score(job, &ScoreRequest { done: rest, ..request.clone() })?;
        Ok(Stats { rows: begun.rows + ended.rows, ..ended })
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        self.gate.note(&request.rows, &request.done);
        let Some(first) = self.first(request.prompts.len(), &request.done) else {
            return self.fake.generate(job, request);
        };
        let rest = Self::rest(&first, &request.done);
        let begun = self.fake.generate(job, &GenerateRequest { done: first, ..request.clone() })?;
        self.gate.wait(job, |held| held.at.is_some());
        let ended = self.fake.generate(job, &GenerateRequest { done: rest, ..request.clone() })?;
        Ok(Stats { rows: begun.rows + ended.rows, ..ended })
    }

    fn train(&mut self, job: &Job, request: &TrainRequest) -> Result<Trained, EngineError> {
        let gate = self.gate.clone();
        self.fake.train_with(job, request, &mut |done| gate.wait(job, |held| held.training == Some(done)))
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        self.fake.next(job, prompt, top)
    }
}

/// What a test wants to be otherwise than usual.
pub struct Options {
    pub data: String,
    pub session: String,
    pub script: Script,
    pub size: (u16, u16),
    pub color: bool,
    pub ascii: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { data: rows(), session: session(""), script: script(), size: LARGE, color: true, ascii: false }
    }
}

/// A workbench under test.
pub struct Desk {
    pub bench: Bench,
    pub now: Instant,
    pub gate: Gate,
    /// What belongs to the terminal, in words: `copy …`, `edit …`, `quit`.
    pub left: Vec<String>,
    /// The test's own folder.
    pub folder: PathBuf,
    incoming: UnboundedReceiver<Incoming>,
}

impl Desk {
    /// The usual workbench in a folder of its own, opened and at rest. `name` is that folder's, and no other test's.
    pub fn open(name: &str) -> Self {
        Self::with(name, Options::default())
    }

    /// The same with something else.
    pub fn with(name: &str, options: Options) -> Self {
        write(name, &options);
        Self::begin(name, &options)
    }

    /// A workbench on the files that are in the test's folder, at rest. The model comes after the data, always: what came
    /// first can be seen on some screens.
    pub fn begin(name: &str, options: &Options) -> Self {
        let gate = Gate::default();
        gate.hold_loading();
        let mut desk = Self::start(name, options, gate);
        desk.until("the session and its data", |app| {
            let written = app.prompt.sheet.is_some() || app.prompt.problem.is_some();
            app.opening.is_none() && (written || app.prepared().is_none())
        });
        desk.gate.open();
        desk.settle();
        desk
    }

    /// A workbench on the files that are in the test's folder, not yet at rest.
    pub fn start(name: &str, options: &Options, gate: Gate) -> Self {
        root();
        let folder = PathBuf::from(name);
        let config = load_config(None, options.color, options.ascii).unwrap();
        let engine = Engine { fake: Fake::new(options.script.clone(), tokenizer()), gate: gate.clone() };
        let session = folder.join("session.toml").display().to_string();
        let now = Instant::now();
        let (bench, incoming) = Bench::new(&session, Place::default(), config, Box::new(engine), now).unwrap();
        let mut desk = Self { bench, now, gate, left: Vec::new(), folder, incoming };
        desk.resize(options.size);
        desk
    }

    /// Ends the workbench and opens another one on what it left on the disk.
    pub fn reopen(self, options: &Options) -> Self {
        let name = self.folder.display().to_string();
        drop(self);
        Self::begin(&name, options)
    }

    pub fn app(&self) -> &App {
        &self.bench.app
    }

    pub fn resize(&mut self, (width, height): (u16, u16)) {
        self.take(Message::Resize { width, height });
    }

    /// Takes a message.
    pub fn take(&mut self, message: Message) {
        let left = self.bench.take(message, self.now);
        self.keep(left);
    }

    fn keep(&mut self, left: Vec<Screen>) {
        self.left.extend(left.into_iter().map(|effect| match effect {
            Screen::Copy(text) => format!("copy {text}"),
            Screen::Edit(text) => format!("edit {text}"),
            Screen::Suspend => "suspend".to_owned(),
            Screen::Redraw => "redraw".to_owned(),
            Screen::Quit => "quit".to_owned(),
        }));
    }

    /// Presses keys and waits for nothing: text is typed, `<…>` is a key by the name that keymaps have for it.
    pub fn hit(&mut self, keys: &[&str]) {
        for event in keys.iter().flat_map(|keys| events(keys)) {
            self.take(Message::Key(event));
        }
    }

    /// Presses keys, and waits behind each macro until all that comes of it is there.
    pub fn press(&mut self, keys: &[&str]) {
        for keys in keys {
            self.hit(&[keys]);
            self.settle();
        }
    }

    /// Lets time pass: the moment that the state waits for is told it, as the loop does.
    pub fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.app().deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.take(Message::Time);
        }
        self.now = until;
    }

    /// Takes what other threads have said; whether it was anything.
    pub fn pump(&mut self) -> bool {
        let mut any = false;
        while let Ok(incoming) = self.incoming.try_recv() {
            any = true;
            if let Some(left) = self.bench.take_incoming(incoming, self.now) {
                self.keep(left);
            }
        }
        any
    }

    /// Whether nothing more comes by itself.
    fn is_still(&self) -> bool {
        let app = self.app();
        let idle = !app.recording && app.evaluate.preparing.is_none() && !app.train.live && !app.train.beginning;
        let engine = app.jobs.running().is_none() && idle;
        // So does a training that has said that it waits, until it is told otherwise.
        let paused = app.train.shown.as_ref().is_some_and(|shown| shown.paused) && app.train.pausing;
        let paused = paused && app.train.live && !app.train.stopping;
        // A job that was asked to stop does not stand still, even if it has not noticed yet.
        let held = self.gate.is_holding() && app.jobs.running().is_none_or(|job| !job.cancelled);
        let paused = paused && app.jobs.running().is_none_or(|job| !job.cancelled);
        (engine || held || paused) && !self.bench.world.is_busy()
    }

    /// Takes everything that comes, until nothing does, and what is due within two seconds.
    pub fn settle(&mut self) {
        let begun = Instant::now();
        loop {
            // In this order: a thread says what it has to say before it is no longer at work.
            let still = self.is_still();
            if self.pump() {
                continue;
            }
            if still {
                match self.app().deadline() {
                    Some(at) if at <= self.now + SOON => {
                        self.now = self.now.max(at);
                        self.take(Message::Time);
                        continue;
                    }
                    _ => return,
                }
            }
            self.pause(begun, "nothing comes to rest");
        }
    }

    /// Takes what comes until something is true.
    pub fn until(&mut self, what: &str, is: impl Fn(&App) -> bool) {
        let begun = Instant::now();
        loop {
            self.pump();
            if is(self.app()) {
                return;
            }
            self.pause(begun, what);
        }
    }

    fn pause(&mut self, begun: Instant, what: &str) {
        if begun.elapsed() > PATIENCE {
            let (width, height) = self.app().size;
            panic!("{what}\n{}", self.screen((width, height)));
        }
        std::thread::sleep(Duration::from_millis(1));
    }

    /// The screen as text, with the cursor's place below; what differs from one time to the next is replaced.
    pub fn screen(&mut self, size: (u16, u16)) -> String {
        self.fit(size);
        let (buffer, cursor) = drawn(&fixed(self.app()), &self.bench.themes);
        let cursor = cursor.map_or_else(|| "no cursor".to_owned(), |at| format!("cursor {},{}", at.x, at.y));
        format!("{}{cursor}", text_of(&buffer, buffer.area))
    }

    /// The same with the styles, which is all that tells without colour: below each line that has some, a letter a cell:
    /// b bold, d dim, i italic, u underlined, r reversed; in upper case with bold.
    pub fn styled(&mut self, size: (u16, u16)) -> String {
        self.fit(size);
        let (buffer, _) = drawn(&fixed(self.app()), &self.bench.themes);
        let text = text_of(&buffer, buffer.area);
        let mut whole = String::new();
        for (line, y) in text.lines().zip(0..) {
            let marks: String = (0..buffer.area.width).map(|x| mark(&buffer, x, y)).collect();
            let _ = writeln!(whole, "{line}");
            if !marks.trim().is_empty() {
                let _ = writeln!(whole, "~{}", marks.trim_end());
            }
        }
        whole
    }

    /// The screen's cells, as they are drawn.
    pub fn cells(&mut self, size: (u16, u16)) -> Buffer {
        self.fit(size);
        drawn(&fixed(self.app()), &self.bench.themes).0
    }

    fn fit(&mut self, size: (u16, u16)) {
        if self.app().size != size {
            self.resize(size);
            self.settle();
        }
    }

    /// Whether the screen, or one of its panes or windows, says something. Line breaks and runs of blanks are no matter.
    pub fn says(&mut self, words: &str) -> bool {
        let app = fixed(self.app());
        let (buffer, _) = drawn(&app, &self.bench.themes);
        let panes = app.areas.panes.iter().map(|at| ui::layout::rect(at.outer));
        let parts = panes.chain(app.areas.window.map(ui::layout::rect)).chain([buffer.area]);
        let words = plain(words);
        parts.into_iter().any(|part| plain(&text_of(&buffer, part)).contains(&words))
    }

    /// Fails with the screen unless it says something.
    pub fn sees(&mut self, words: &str) {
        let size = self.app().size;
        assert!(self.says(words), "`{words}` is not on the screen:\n{}", self.screen(size));
    }

    /// Fails with the screen if it says something.
    pub fn sees_not(&mut self, words: &str) {
        let size = self.app().size;
        assert!(!self.says(words), "`{words}` is on the screen:\n{}", self.screen(size));
    }

    /// What the short messages say.
    pub fn told(&self) -> Vec<String> {
        self.app().toasts.shown().iter().map(|toast| toast.text.clone()).collect()
    }

    /// Fails unless a short message says something.
    pub fn hears(&self, words: &str) {
        assert!(self.told().iter().any(|told| told.contains(words)), "`{words}` is not told: {:#?}", self.told());
    }

    /// Waits until the short messages are gone.
    pub fn quiet(&mut self) {
        self.wait(Duration::from_secs(30));
        self.settle();
    }

    /// The folders of the session's runs, oldest first.
    pub fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.join("session/runs")).into_iter().flatten().flatten();
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        runs.sort();
        runs
    }

    /// The folder of the one run that there is.
    pub fn only_run(&self) -> PathBuf {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs[0].clone()
    }

    /// What the session's file says now.
    pub fn file(&self) -> String {
        fs::read_to_string(self.folder.join("session.toml")).unwrap()
    }

    /// Moves the focus to a pane of the view.
    pub fn focus(&mut self, pane: Pane) {
        for _ in 0..self.app().panes().len() {
            if self.app().pane() == pane {
                return;
            }
            self.press(&["<tab>"]);
        }
        assert_eq!(self.app().pane(), pane);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        // The engine's thread ends with its job.
        self.gate.open();
    }
}

/// Writes the files of a test into its folder, which is made anew.
pub fn write(name: &str, options: &Options) {
    let folder = root().join(name);
    assert!(!folder.exists(), "two tests are called {name}");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("rows.csv"), &options.data).unwrap();
    fs::write(folder.join("session.toml"), &options.session).unwrap();
}

/// The events of a macro.
pub fn events(keys: &str) -> Vec<KeyEvent> {
    let named = keys.strip_prefix('<').and_then(|keys| keys.strip_suffix('>')).filter(|name| !name.is_empty());
    match named.and_then(|name| name.parse::<Chord>().ok()) {
        Some(chord) => vec![KeyEvent::new(chord.code, chord.modifiers)],
        None => keys.chars().map(|c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)).collect(),
    }
}

/// A click with the left button.
pub fn click(x: u16, y: u16) -> Message {
    mouse(MouseEventKind::Down(MouseButton::Left), x, y)
}

/// Something that the mouse does.
pub fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Message {
    Message::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

/// The state with everything replaced that differs from one time to the next: names and times of runs and versions,
/// memory and rates.
fn fixed(app: &App) -> App {
    let mut app = app.clone();
    (app.memory, app.speed, app.prompt.answer.rate) = (None, None, None);
    let mut folders: Vec<String> = app.runs.entries.iter().rev().map(|entry| base(&entry.path)).collect();
    folders.extend(app.train.overlays.iter().map(|overlay| base(&overlay.path)));
    folders.extend(app.train.shown.iter().map(|shown| base(&shown.path)));
    folders.extend(app.run.iter().map(|run| base(&run.about.path)));
    folders.extend(app.runs.marked.iter().map(|path| base(path)));
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for folder in folders {
        let next = format!("20250101-12000{n}-000{n}", n = names.len());
        names.entry(folder).or_insert(next);
    }
    let pattern = Regex::new(r"20\d{6}-\d{6}-[0-9a-f]{4}").unwrap();
    let fix = |text: &str| {
        let name = |found: &regex::Captures<'_>| {
            names.get(&found[0]).cloned().unwrap_or_else(|| "20250101-120009-0009".to_owned())
        };
        pattern.replace_all(text, name).into_owned()
    };
    let fix_path = |path: &Path| PathBuf::from(fix(&path.display().to_string()));
    if let Some(run) = &mut app.run {
        run.about.name = fix(&run.about.name);
        run.about.path = fix_path(&run.about.path);
        run.rate = 12.0;
    }
    app.evaluate.baselines.of = fix_path(&app.evaluate.baselines.of);
    if let Some(found) = &mut app.evaluate.baselines.found {
        Arc::make_mut(found).baselines.iter_mut().for_each(|baseline| baseline.seconds = 0.1);
    }
    if let Some((of, _)) = &mut app.evaluate.calibrate.quality {
        of.0 = fix_path(&of.0);
    }
    for (place, entry) in app.runs.entries.iter_mut().rev().enumerate() {
        entry.name = fix(&entry.name);
        entry.path = fix_path(&entry.path);
        entry.facts = entry.facts.clone().map_err(|error| fix(&error));
        entry.started = format!("2025-01-01T12:0{place}:00Z").parse().unwrap();
    }
    if let Some(shown) = &mut app.train.shown {
        (shown.name, shown.path) = (fix(&shown.name), fix_path(&shown.path));
        shown.lines.iter_mut().for_each(|line| "12:00".clone_into(&mut line.time));
    }
    for overlay in &mut app.train.overlays {
        let mut other = (**overlay).clone();
        (other.name, other.path) = (fix(&other.name), fix_path(&other.path));
        *overlay = Arc::new(other);
    }
    app.runs.trainings = app.runs.trainings.iter().map(|path| fix_path(path)).collect();
    app.runs.marked = app.runs.marked.as_deref().map(fix_path);
    if let Some(((from, to), _)) = &mut app.runs.compared {
        (*from, *to) = (fix_path(from), fix_path(to));
    }
    if let Some(Err(error)) = &mut app.runs.contrast.found {
        *error = fix(error);
    }
    if let Some(beside) = &mut app.runs.beside {
        let mut other = (**beside).clone();
        (other.about.name, other.about.path) = (fix(&other.about.name), fix_path(&other.about.path));
        *beside = Arc::new(other);
    }
    for version in &mut app.prompt.versions {
        version.time = "2025-01-01T12:00:00Z".to_owned();
    }
    for window in &mut app.windows {
        match window {
            Window::Question(question) => {
                (question.title, question.text) = (fix(&question.title), fix_time(&fix(&question.text)));
            }
            Window::Picker(picker) => {
                picker.title = fix(&picker.title);
                picker.items.iter_mut().for_each(|item| item.title = fix(&item.title));
            }
            Window::Input(input) => {
                input.title = fix(&input.title);
                let text = fix(input.editor.text());
                if text != input.editor.text() {
                    input.editor.reset(&text);
                }
            }
            _ => {}
        }
    }
    let mut toasts = Toasts::default();
    for toast in app.toasts.shown() {
        toasts.say(toast.tone, fix(&toast.text).replace(&root().display().to_string(), "/root"), app.now);
    }
    app.toasts = toasts;
    if let DataState::Failed(error) = &mut app.data {
        *error = error.replace(&root().display().to_string(), "/root");
    }
    app
}

/// `25 Nov 08:11` at another time.
fn fix_time(text: &str) -> String {
    Regex::new(r"\d\d [A-Z][a-z][a-z] \d\d:\d\d").unwrap().replace_all(text, "01 Jan 12:00").into_owned()
}

fn base(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn drawn(app: &App, themes: &[Theme]) -> (Buffer, Option<Position>) {
    let mut app = app.clone();
    ui::layout::arrange(&mut app);
    let mut buffer = Buffer::empty(Rect::new(0, 0, app.size.0, app.size.1));
    let cursor = ui::draw(&mut buffer, &app, themes);
    (buffer, cursor)
}

/// The lines of a part of the screen, without blanks at their ends.
pub fn text_of(buffer: &Buffer, part: Rect) -> String {
    let mut text = String::new();
    for y in part.top()..part.bottom() {
        let mut line = String::new();
        let mut x = part.left();
        while x < part.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            // The cell behind a wide character shows nothing of its own.
            x += (symbol.width() as u16).max(1);
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn mark(buffer: &Buffer, x: u16, y: u16) -> char {
    let modifier = buffer[(x, y)].modifier;
    let letter =
        [(Modifier::REVERSED, 'r'), (Modifier::UNDERLINED, 'u'), (Modifier::ITALIC, 'i'), (Modifier::DIM, 'd')];
    let letter = letter.into_iter().find(|(kind, _)| modifier.contains(*kind)).map(|(_, letter)| letter);
    match (letter, modifier.contains(Modifier::BOLD)) {
        (Some(letter), true) => letter.to_ascii_uppercase(),
        (Some(letter), false) => letter,
        (None, true) => 'b',
        (None, false) => ' ',
    }
}

/// Whether any cell has a colour.
pub fn has_color(buffer: &Buffer) -> bool {
    buffer.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
}

/// Words and numbers alone, one blank between them.
fn plain(text: &str) -> String {
    let frames = |c: char| "│─╭╮╰╯├┤┬┴┼|".contains(c) || c.is_whitespace();
    text.split(frames).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
