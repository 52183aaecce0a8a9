//! The workbench with an engine of the tests' own: the test binary starts itself in the terminal, and there plays the
//! program.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ratatui::style::Style;
use shotglass::engine::fake::{Fake, Rule, Script};
use shotglass::engine::{Backend, EngineError, GenerateRequest, Job, ModelInfo, Outcome, ScoreRequest, Stats};
use shotglass::model::ModelSpec;
use shotglass::model::tokenizer::Tokenizer;
use shotglass::term::{self, Guard, Options, install_panic_hook};
use shotglass::workbench::world::Place;
use shotglass::workbench::{self, load_config};
use vt100::Screen;

use super::home::{Home, SMOKE};
use super::terminal::{Setup, WIDE};

/// Says which engine; without it, the test binary is not being played with.
const ENGINE: &str = "SHOTGLASS_TEST_ENGINE";
/// Says that ASCII alone is to be drawn.
const ASCII: &str = "SHOTGLASS_TEST_ASCII";
/// In a prompt, it makes the engine panic.
pub const PANIC: &str = "PANIC";
/// What the engine panics with.
pub const REASON: &str = "the weights are made of cheese";

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Answers at once, in letters.
    Quick,
    /// Never finishes loading, but can be cancelled.
    Loading,
    /// Panics when it is to load.
    PanicsAtLoad,
    /// Panics at prompts with [`PANIC`] in them.
    Panics,
    /// Takes its time with every row.
    Slow,
    /// Answers with what a terminal obeys.
    Hostile,
    /// There is no engine: the thread of the interface panics while it draws.
    NoneAndPanics,
}

const ALL: [Engine; 7] = [
    Engine::Quick,
    Engine::Loading,
    Engine::PanicsAtLoad,
    Engine::Panics,
    Engine::Slow,
    Engine::Hostile,
    Engine::NoneAndPanics,
];

/// The workbench on `session.toml` with an engine.
pub fn setup(home: &Home, engine: Engine) -> Setup {
    home.write("state/shotglass/welcomed", "");
    let this = std::env::current_exe().unwrap().into_os_string();
    Setup::of(home, this, &["--exact", "child", "--nocapture"]).env(ENGINE, &format!("{engine:?}"))
}

/// The same in ASCII.
pub fn ascii(home: &Home, engine: Engine) -> Setup {
    setup(home, engine).env(ASCII, "1")
}

/// Whether the status line tells of a job. Which one comes first with a slow engine is not said.
pub fn is_busy(screen: &Screen) -> bool {
    let lines: Vec<String> = screen.rows(0, WIDE.0).collect();
    let status = lines.iter().rev().nth(1);
    status.is_some_and(|line| ["probe", "row", "answer"].iter().any(|job| line.contains(job)))
}

/// What the test binary does when it was started by [`setup`].
pub fn play() {
    let Ok(name) = std::env::var(ENGINE) else { return };
    let engine = ALL.into_iter().find(|engine| format!("{engine:?}") == name).unwrap();
    if engine == Engine::NoneAndPanics {
        return draw_and_panic();
    }
    let config = load_config(None, true, std::env::var_os(ASCII).is_some()).unwrap();
    let options =
        workbench::Options { session: "session.toml".to_owned(), place: Place::default(), config, mouse: true };
    workbench::run(options, Box::new(Scripted { engine, fake: Fake::new(script(engine), tokenizer()) })).unwrap();
}

fn draw_and_panic() {
    install_panic_hook();
    let _guard = Guard::enter(Options::default()).unwrap();
    let mut screen = term::Screen::stdout().unwrap();
    screen.draw(|frame| frame.buffer_mut().set_string(0, 0, "one good frame", Style::new().red().bold())).unwrap();
    // The frame is to be seen before the fault: a key comes first.
    let mut key = [0];
    std::io::Read::read_exact(&mut std::io::stdin(), &mut key).unwrap();
    screen.draw(|_| panic!("{REASON}")).unwrap();
}

fn tokenizer() -> Arc<Tokenizer> {
    Arc::new(Tokenizer::from_folder(Path::new(SMOKE)).unwrap())
}

fn script(engine: Engine) -> Script {
    let text = if engine == Engine::Hostile { super::hostile::ANSWER } else { "support" };
    let rule = Rule { contains: String::new(), logprobs: vec![-0.25, -1.5], text: text.to_owned() };
    let mut script = Script { rules: vec![rule], ..Script::default() };
    match engine {
        Engine::Loading => script.load = Duration::from_secs(600),
        Engine::Slow => (script.batch, script.delay) = (1, Duration::from_secs(600)),
        _ => {}
    }
    script
}

/// The scripted engine, with faults.
struct Scripted {
    engine: Engine,
    fake: Fake,
}

impl Scripted {
    fn look_at(&self, prompts: &[String]) {
        if self.engine == Engine::Panics && prompts.iter().any(|prompt| prompt.contains(PANIC)) {
            panic!("{REASON}");
        }
    }
}

impl Backend for Scripted {
    fn load(&mut self, job: &Job, spec: &ModelSpec) -> Result<Arc<ModelInfo>, EngineError> {
        if self.engine == Engine::PanicsAtLoad {
            panic!("{REASON}");
        }
        let mut model = self.fake.load(job, spec)?;
        if self.engine == Engine::Hostile {
            Arc::get_mut(&mut model).unwrap().name = super::hostile::NAME.to_owned();
        }
        Ok(model)
    }

    fn score(&mut self, job: &Job, request: &ScoreRequest) -> Result<Stats, EngineError> {
        self.look_at(&request.prompts);
        self.fake.score(job, request)
    }

    fn generate(&mut self, job: &Job, request: &GenerateRequest) -> Result<Stats, EngineError> {
        self.look_at(&request.prompts);
        self.fake.generate(job, request)
    }

    fn next(&mut self, job: &Job, prompt: &str, top: usize) -> Result<Outcome, EngineError> {
        self.fake.next(job, prompt, top)
    }
}
