//! `shotglass generate`: a completion, token by token.

use std::io::Read;
use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::engine::{Answer, Event, GenerateRequest, Generation, ModelInfo, Outcome, Temperature, Work};
use crate::prompt::chat::Message;
use crate::text::printable_lines;

use super::engine::Running;
use super::failure::Failure;
use super::{Context, ModelArguments, output};

/// The longest text read from stdin.
const MOST_BYTES: u64 = 16 << 20;

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The text to continue; - or nothing reads stdin
    text: Option<String>,
    /// Send the text as a user turn through the model's chat template
    #[arg(long)]
    chat: bool,
    /// The system message (with --chat)
    #[arg(long, requires = "chat")]
    system: Option<String>,
    /// The most tokens to generate
    #[arg(long, value_name = "N", default_value = "128")]
    max_new_tokens: std::num::NonZeroUsize,
    /// 0 is greedy; model obeys the model's generation_config.json
    #[arg(long, value_name = "T", default_value = "0", value_parser = temperature)]
    temperature: Temperature,
    /// Keep the smallest set of tokens whose probabilities add up to this
    #[arg(long, value_name = "P")]
    top_p: Option<f64>,
    /// Keep this many of the best tokens
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// Divide the logits of tokens seen already by this
    #[arg(long, value_name = "R")]
    repetition_penalty: Option<f64>,
    /// Seed of the draws
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// End at this text (may be repeated)
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
}

fn temperature(text: &str) -> Result<Temperature, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(Temperature::Value(value)),
        _ if text == "model" => Ok(Temperature::Model),
        _ => Err("expected a number, 0 or more, or `model`".to_owned()),
    }
}

/// The text of a command: as given, or all of stdin.
pub fn text_of(given: Option<&str>) -> Result<String, Failure> {
    match given {
        Some(text) if text != "-" => Ok(text.to_owned()),
        _ => {
            let mut text = String::new();
            let read = std::io::stdin().lock().take(MOST_BYTES).read_to_string(&mut text);
            read.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
            Ok(text)
        }
    }
}

/// The prompt of a text: itself, or a user turn in the model's chat template.
fn prompt(model: &ModelInfo, text: String, chat: bool, system: Option<&str>) -> Result<String, Failure> {
    if !chat {
        return Ok(text);
    }
    let template = model.chat.as_ref().ok_or_else(|| {
        Failure::usage(format!("{} has no chat template: name an instruct model, or leave --chat out", model.name))
    })?;
    let messages: Vec<Message> = system.map(Message::system).into_iter().chain([Message::user(text)]).collect();
    Ok(template.render(&messages, true)?)
}

pub fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let json = context.json()?;
    let text = text_of(arguments.text.as_deref())?;
    let running = Running::load(context, &arguments.model.spec())?;
    let prompt = prompt(&running.model, text, arguments.chat, arguments.system.as_deref())?;
    let request = GenerateRequest {
        prompts: vec![prompt],
        generation: Generation {
            max_new_tokens: arguments.max_new_tokens.get(),
            temperature: arguments.temperature,
            top_p: arguments.top_p,
            top_k: arguments.top_k,
            repetition_penalty: arguments.repetition_penalty,
            seed: arguments.seed,
            stop: arguments.stop.clone(),
        },
        rows: Vec::new(),
        done: Vec::new(),
        batch_size: None,
        truncate: false,
        stream: !json,
    };
    let started = Instant::now();
    let mut first = None;
    let mut answer: Option<Answer> = None;
    let outcome = running.work(context, Work::Generate(request), &mut |event| {
        match event {
            Event::Token { text, .. } => {
                first.get_or_insert_with(|| started.elapsed());
                // Model text never reaches stdout raw.
                output::write(printable_lines(&text).as_bytes())?;
            }
            Event::Scored { answers, .. } => answer = answers.into_iter().next(),
            _ => {}
        }
        Ok(())
    });
    if !json {
        output::write(b"\n")?;
    }
    let Outcome::Answered(stats) = outcome? else { return Ok(()) };
    let Some(answer) = answer else { return Err(Failure::failed("the model gave no answer")) };
    if json {
        let (text, token_ids, finish_reason) = (answer.text, answer.token_ids, answer.finish);
        return output::json(&json!({ "text": text, "token_ids": token_ids, "finish_reason": finish_reason }));
    }
    if let Some(first) = first {
        let behind = stats.seconds - first.as_secs_f64();
        let rate = if behind > 0.0 { (stats.new_tokens.saturating_sub(1)) as f64 / behind } else { 0.0 };
        let (prompt, new) = (stats.prompt_tokens, stats.new_tokens);
        output::note(
            context,
            &format!(
                "{prompt} tokens read, first token after {:.2} s, {new} tokens at {rate:.0} a second",
                first.as_secs_f64()
            ),
        );
    }
    Ok(())
}
