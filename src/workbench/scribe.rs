//! Rendering for the prompt view: the current row's prompt, the probe's prompts, what they share, what they cost.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use crate::app::sheet::{Problem, RenderRequest, Sheet, Variable};
use crate::app::simulate::{SurveyRequest, WhatIfRequest};
use crate::data::Split;
use crate::engine::{Cancel, ModelInfo};
use crate::prompt::{ChosenDemos, DemoStrategy, PromptError, PromptSpec, Renderer, Turn, Variant};
use crate::session::audit::Suspect;
use crate::session::baselines::Baselines;
use crate::session::predictions::Prediction;
use crate::session::prepare::{PrepareError, Prepared};
use crate::session::run::other_orders;
use crate::session::simulation::{self, Simulation};

/// What decides on the demonstrations, beside the data: strategy, shots, seed, pinned rows; and whose data it is.
type Key = (DemoStrategy, usize, u32, Vec<usize>, usize);

/// The values of a column, by whose data it is and its name.
type Values = HashMap<(usize, String), Arc<Vec<String>>>;

/// What was found out of the data and holds for most edits, because finding it can take long: the demonstrations that were
/// chosen last, and the values of columns.
#[derive(Default)]
pub struct Chosen {
    demos: Mutex<Option<(Key, ChosenDemos)>>,
    values: Mutex<Values>,
}

impl Chosen {
    fn key(prepared: &Prepared, prompt: &PromptSpec) -> Key {
        // The data lives as long as the session that is open: its address tells it from another one's.
        let data = Arc::as_ptr(&prepared.data) as usize;
        (prompt.demos, prompt.shots, prompt.seed, prompt.pinned.clone(), data)
    }

    fn get(&self, key: &Key) -> Option<ChosenDemos> {
        let held = self.demos.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        held.as_ref().filter(|(known, _)| known == key).map(|(_, chosen)| chosen.clone())
    }

    fn keep(&self, key: Key, chosen: ChosenDemos) {
        *self.demos.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((key, chosen));
    }

    /// The values of a column.
    fn values(&self, prepared: &Prepared, name: &str) -> Arc<Vec<String>> {
        let key = (Arc::as_ptr(&prepared.data) as usize, name.to_owned());
        let mut held = self.values.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(held.entry(key).or_insert_with(|| Arc::new(prepared.values(name))))
    }
}

impl From<PromptError> for Problem {
    fn from(error: PromptError) -> Self {
        let place = match &error {
            PromptError::Template { key: "prompt.template", position: Some(position), .. }
            | PromptError::UnknownVariable { key: "prompt.template", position, .. } => {
                Some((position.line, position.column))
            }
            _ => None,
        };
        Self { message: error.to_string(), place }
    }
}

/// Renders what the prompt view shows.
pub fn render(request: &RenderRequest, chosen: &Chosen) -> Result<Sheet, Problem> {
    let RenderRequest { prepared, prompt, model, .. } = request;
    let chat = model.as_ref().and_then(|model| model.chat.clone());
    // Before the model is there, so is its chat template: the user's turn alone is shown.
    let without_chat = prompt.chat && model.is_none();
    let spec = PromptSpec { chat: prompt.chat && !without_chat, ..prompt.clone() };
    let key = Chosen::key(prepared, prompt);
    let renderer = Renderer::with_demos(&spec, &*prepared.data, chat, chosen.get(&key))?;
    chosen.keep(key, renderer.chosen());
    let mut sheet = Sheet { edit: request.edit, row: request.row, without_chat, ..Sheet::default() };
    if let Some(model) = model.as_ref().filter(|model| model.classifier.is_some()) {
        // A classifier reads texts alone: the template is checked above, and shown where it is edited.
        read_by_classifier(&mut sheet, request, model)?;
        measure(&mut sheet, request, &renderer, model);
        return Ok(sheet);
    }
    if let Some(row) = request.row {
        let written = renderer.prompt(row)?;
        let block = renderer.demos_text(&written)?;
        sheet.demos_at = place(&written.text, &block);
        sheet.turns = renderer.turns(row)?;
        if sheet.demos_at.is_none() && !written.demos.is_empty() {
            sheet.demos_at = demo_turns(&sheet.turns);
        }
        sheet.variables = variables(prepared, &spec, row, chosen);
        (sheet.text, sheet.demos, sheet.options) = (written.text, written.demos, written.options);
    }
    for row in &request.probe {
        sheet.probe.push(renderer.prompt(*row)?.text);
    }
    sheet.duplicates = renderer.duplicates(&request.probe).len();
    if let Some(model) = model {
        measure(&mut sheet, request, &renderer, model);
    }
    Ok(sheet)
}

/// What a classifier is given of the current row and of the probe.
fn read_by_classifier(sheet: &mut Sheet, request: &RenderRequest, model: &ModelInfo) -> Result<(), Problem> {
    let shown = |row: usize| {
        let problem = |error: PrepareError| Problem { message: error.to_string(), place: None };
        request.prepared.shown(row, Some(model)).map_err(problem)
    };
    if let Some(row) = request.row {
        sheet.text = shown(row)?;
    }
    sheet.probe = request.probe.iter().map(|row| shown(*row)).collect::<Result<_, _>>()?;
    Ok(())
}

/// From the first to the last of the turns before the row's own that are no system message.
fn demo_turns(turns: &[Turn]) -> Option<Range<usize>> {
    let (_, before) = turns.split_last()?;
    let mut before = before.iter().filter(|turn| turn.role != "system");
    let first = before.next()?;
    Some(first.range.start..before.next_back().map_or(first.range.end, |last| last.range.end))
}

/// The variables of a respondent that the prompt names; none where rows have a text.
fn variables(prepared: &Prepared, prompt: &PromptSpec, row: usize, chosen: &Chosen) -> Vec<Variable> {
    if prepared.data.has_text() {
        return Vec::new();
    }
    let names = prepared.variables(&prompt.template);
    let variable = |name: String| {
        let value = prepared.data.table().column(&name).map_or("", |column| prepared.data.value(row, column));
        Variable { value: value.to_owned(), values: chosen.values(prepared, &name), name }
    };
    names.into_iter().map(variable).collect()
}

/// The prompt of a respondent with other values in some variables.
pub fn what_if(request: &WhatIfRequest, chosen: &Chosen) -> Result<String, String> {
    let WhatIfRequest { asked: (_, row, values), prepared, prompt, model } = request;
    let key = Chosen::key(prepared, prompt);
    let renderer = Renderer::with_demos(prompt, &*prepared.data, model.chat.clone(), chosen.get(&key));
    let variant = Variant { values: values.clone(), ..Variant::default() };
    let prompt = renderer.and_then(|renderer| renderer.variant(*row, &variant));
    prompt.map(|prompt| prompt.text).map_err(|error| error.to_string())
}

/// The figures of a simulated survey.
pub fn survey(request: &SurveyRequest) -> Option<Simulation> {
    let mut session = request.prepared.session.clone();
    let simulate = session.simulate.as_mut()?;
    simulate.resamples = request.resamples();
    let orders = other_orders(&request.of.0, simulate.shuffles);
    let prepared = request.prepared.with_session(session);
    // In the order of the split, as they stand in the end: the bootstrap draws by it.
    let places: HashMap<usize, usize> = Split::ALL
        .into_iter()
        .flat_map(|split| prepared.data.split(split).iter().copied().enumerate().map(|(place, row)| (row, place)))
        .collect();
    let mut rows: Vec<&Prediction> = request.rows.iter().map(|row| &**row).collect();
    rows.sort_by_key(|row| places.get(&row.row).copied());
    simulation::compare(&prepared, rows.iter().copied(), &orders, &|| true)
}

/// Where a block of text stands in a prompt.
fn place(text: &str, block: &str) -> Option<Range<usize>> {
    let start = text.find(block).filter(|_| !block.is_empty())?;
    Some(start..start + block.len())
}

/// Counts tokens: of the prompt, of what all prompts of the probe share with it, of each demonstration.
fn measure(sheet: &mut Sheet, request: &RenderRequest, renderer: &Renderer<'_>, model: &ModelInfo) {
    // An endpoint counts for itself: nothing is known of lengths then.
    let Some(tokenizer) = &model.tokenizer else { return };
    // A text that cannot be tokenised is told of when it is answered; here it has no length.
    let encode = |text: &str| tokenizer.encode(text, true).unwrap_or_default();
    let ids = encode(&sheet.text);
    sheet.tokens = Some(ids.len());
    let others = sheet.probe.iter().map(|text| encode(text));
    let shared = others.map(|other| ids.iter().zip(&other).take_while(|(a, b)| a == b).count()).min();
    sheet.shared = shared.filter(|shared| *shared > 0).map(|shared| {
        let prefix = tokenizer.decode(ids.get(..shared).unwrap_or_default(), false);
        let bytes = prefix.bytes().zip(sheet.text.bytes()).take_while(|(a, b)| a == b).count();
        (shared, floor_char(&sheet.text, bytes))
    });
    for row in sheet.demos.iter().chain(&request.measure).copied() {
        if let Ok(text) = renderer.demo_text(row) {
            let tokens = tokenizer.encode(&text, false).map_or(0, |ids| ids.len());
            sheet.measured.push((row, tokens));
        }
    }
}

/// The last place at or before `at` where a character begins.
fn floor_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The prompt of one row of a run.
pub fn prompt_of(prepared: &Prepared, row: usize, model: Option<&ModelInfo>) -> Result<String, String> {
    prepared.shown(row, model).map_err(|error| error.to_string())
}

/// Demonstrations chosen as `prompt` says, with the locked ones among them: each class has `shots` rows, the locked ones
/// first of all, in their order; the drawn ones follow in theirs.
pub fn draw(
    prepared: &Prepared,
    prompt: &PromptSpec,
    locked: &[usize],
    row: Option<usize>,
) -> Result<Vec<usize>, String> {
    let data = &prepared.data;
    // As many more as are locked may be needed; a class that has not so many gives what it has.
    let counts = data.label_counts(crate::data::Split::Train);
    let shots = (prompt.shots + locked.len()).min(counts.iter().copied().min().unwrap_or(0));
    let spec = PromptSpec { chat: false, shots, ..prompt.clone() };
    let renderer = Renderer::new(&spec, &**data, None).map_err(|error| error.to_string())?;
    let drawn = match (renderer.demos(), row) {
        (Some(demos), _) => demos.to_vec(),
        (None, Some(row)) => renderer.prompt(row).map_err(|error| error.to_string())?.demos,
        (None, None) => Vec::new(),
    };
    let mut rows = locked.to_vec();
    let mut left: Vec<usize> = vec![prompt.shots; data.labels().len()];
    let take = |left: &mut Vec<usize>, row: usize| {
        let Some(count) = data.gold(row).and_then(|label| left.get_mut(label)) else { return false };
        let room = *count > 0;
        *count = count.saturating_sub(1);
        room
    };
    for row in locked {
        take(&mut left, *row);
    }
    for row in drawn {
        if !locked.contains(&row) && take(&mut left, row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Rows whose gold label deserves a second look.
pub fn audit(prepared: &Prepared, rows: &[Arc<Prediction>], stop: &Cancel) -> Result<Vec<Suspect>, String> {
    let rows: Vec<&Prediction> = rows.iter().map(|row| &**row).collect();
    let found = crate::session::audit::audit(prepared, &rows, &|| !stop.is_cancelled());
    found.map(|found| found.suspects).ok_or_else(|| "cancelled".to_owned())
}

/// Baselines beside a run; none where there is nothing to fit.
pub fn baselines(prepared: &Prepared, rows: (Split, usize), stop: &Cancel) -> Option<Baselines> {
    crate::session::baselines::of(prepared, rows, None, &|| !stop.is_cancelled()).ok()
}
