//! `shotglass generate`: a completion, as its tokens come.

use std::time::Instant;

use clap::Args;
use serde::Serialize;

use crate::engine::{Answer, Event, FinishReason, GenerateRequest, Generation, Outcome, Temperature, Work};
use crate::prompt::{Message, PromptError};

use super::failure::Failure;
use super::models::{Choice, Models};
use super::{Format, Global, output, signals};

/// `shotglass generate`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Without --temperature the most likely token is taken each time. Control characters in the text are shown escaped.

Examples:
  shotglass generate \"Once upon a time\"
  shotglass generate --chat --temperature 0.7 --seed 1 \"Name three rivers.\"
  shotglass generate -m path/to/model.gguf --stop . \"1, 2, 3,\" --format json")]
pub(super) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Send the text as a user's turn through the model's chat template
    #[arg(long)]
    chat: bool,
    /// System message, with --chat
    #[arg(long, value_name = "TEXT", requires = "chat")]
    system: Option<String>,
    /// Tokens to generate at most
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    max_new_tokens: u32,
    /// 0 takes the most likely token; `model` obeys the model's generation_config.json
    #[arg(long, value_name = "T", default_value = "0", value_parser = temperature)]
    temperature: Temperature,
    /// Draw from the smallest set of tokens whose probabilities add up to this
    #[arg(long, value_name = "P", value_parser = share)]
    top_p: Option<f64>,
    /// Draw from so many of the best tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Make tokens that were there already less likely; 1 changes nothing
    #[arg(long, value_name = "X", value_parser = positive)]
    repetition_penalty: Option<f64>,
    /// Seed of the draws
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// End at this text, which is not printed (a line break is $'\n' in most shells); can be given many times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// The text; - reads it from stdin
    text: String,
}

#[derive(Serialize)]
struct Shown {
    text: String,
    token_ids: Vec<u32>,
    finish_reason: Option<FinishReason>,
}

/// Streams a completion.
pub(super) fn run(arguments: &Arguments, global: &Global) -> Result<(), Failure> {
    let format = global.format("generate", &[Format::Text, Format::Json])?;
    let text = output::text_argument(&arguments.text)?;
    let models = Models::start(global.threads(), signals::stop_flag(), global)?;
    let model = models.load(&arguments.choice.spec()?)?;
    let prompt = if arguments.chat {
        let system = arguments.system.iter().map(|text| Message::system(text.as_str()));
        let messages: Vec<Message> = system.chain([Message::user(text)]).collect();
        model.chat.as_ref().ok_or(PromptError::NoChatTemplate)?.render(&messages, true)?
    } else {
        text
    };
    let request = GenerateRequest {
        prompts: vec![prompt],
        generation: generation(arguments),
        rows: Vec::new(),
        done: Vec::new(),
        batch_size: None,
        truncate: false,
        stream: format == Format::Text,
    };
    let mut answer: Option<Answer> = None;
    let started = Instant::now();
    let mut first_token = None;
    let outcome = models.work(Work::Generate(request), &mut |event| {
        match event {
            Event::Token { text, .. } => {
                first_token.get_or_insert_with(|| started.elapsed().as_secs_f64());
                if !text.is_empty() {
                    output::lines(&text)?;
                }
            }
            Event::Scored { answers, .. } => answer = answers.into_iter().next(),
            _ => {}
        }
        Ok::<_, Failure>(())
    });
    if first_token.is_some() {
        // What was written so far ends its line, also where the job broke off.
        output::raw(b"\n")?;
    }
    if let (Some(first), Ok(Outcome::Answered(stats))) = (first_token, &outcome) {
        let rate = stats.new_tokens.saturating_sub(1) as f64 / (stats.seconds - first).max(f64::MIN_POSITIVE);
        let (read, new) = (stats.prompt_tokens, stats.new_tokens);
        global.note(&format!("{read} tokens read, the first new one after {first:.2} s, {new} at {rate:.0} a second"));
    }
    match (outcome?, answer) {
        (Outcome::Answered(_), Some(answer)) if format == Format::Json => {
            output::json(&Shown { text: answer.text, token_ids: answer.token_ids, finish_reason: answer.finish })
        }
        (Outcome::Answered(_), Some(_)) => Ok(()),
        _ => Err(Failure::Failed("the engine gave no answer".to_owned())),
    }
}

fn generation(arguments: &Arguments) -> Generation {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Generation {
        max_new_tokens: size(arguments.max_new_tokens),
        temperature: arguments.temperature,
        top_p: arguments.top_p,
        top_k: arguments.top_k.map(size),
        repetition_penalty: arguments.repetition_penalty,
        seed: arguments.seed,
        stop: arguments.stop.clone(),
    }
}

fn temperature(text: &str) -> Result<Temperature, String> {
    match text.parse::<f64>() {
        Ok(value) if value >= 0.0 && value.is_finite() => Ok(Temperature::Value(value)),
        _ if text == "model" => Ok(Temperature::Model),
        _ => Err("a number, 0 or more, or `model`".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|p| *p > 0.0 && *p <= 1.0).ok_or_else(|| "a number above 0, up to 1".to_owned())
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x: &f64| *x > 0.0 && x.is_finite()).ok_or_else(|| "a number above 0".to_owned())
}
