//! One pass through an encoder, forward and backward.

use candle_core::{Result, bail};

use super::layout::{Block, Linear, Norm, Place};
use super::{Batch, Encoder, Grads};
use crate::model::layers::{Dropout, Layers, Relative, Texts};

/// Places in the model where something is dropped, as they enter the seeds.
mod dropped {
    pub const EMBEDDINGS: u64 = 0;
    pub const POOLER: u64 = 1;
    pub const CLASSIFIER: u64 = 2;
    /// The first layer's places begin here, each layer has so many.
    pub const LAYERS: u64 = 16;
    pub const PER_LAYER: u64 = 8;
    pub const PROBABILITIES: u64 = 0;
    pub const ATTENTION: u64 = 1;
    pub const FEED_FORWARD: u64 = 2;
    pub const DISTANCES: u64 = 3;
}

/// What a forward pass keeps for the backward pass.
pub struct Saved<L: Layers> {
    seed: Option<u64>,
    texts: Texts,
    /// The tokens met, each once, rising; and for each token its place among them.
    words: (Vec<u32>, Vec<u32>),
    positions: Vec<u32>,
    /// What goes through the projection of the embeddings, where there is one.
    embedded: Option<L::Mat>,
    normed: L::Normed,
    band: Option<Band<L>>,
    blocks: Vec<SavedBlock<L>>,
    head_input: L::Mat,
    pooled: L::Mat,
    active: L::Mat,
}

/// The rows of the table of distances that a batch needs.
struct Band<L: Layers> {
    rows: Vec<u32>,
    normed: Option<L::Normed>,
    values: L::Mat,
}

struct SavedBlock<L: Layers> {
    texts: Texts,
    input: L::Mat,
    /// The rows of the input that ask, where that is not all of them.
    asking: Option<L::Mat>,
    q: L::Mat,
    k: L::Mat,
    v: L::Mat,
    band: Option<L::Mat>,
    relative_keys: Option<L::Mat>,
    relative_queries: Option<L::Mat>,
    attended: L::Attended,
    context: L::Mat,
    attention_normed: L::Normed,
    middle: L::Mat,
    up: L::Mat,
    active: L::Mat,
    normed: L::Normed,
}

fn relative<'a, L: Layers>(keys: Option<&'a L::Mat>, queries: Option<&'a L::Mat>) -> Relative<'a, L::Mat> {
    Relative { keys, queries }
}

impl<L: Layers> Encoder<L> {
    fn at(&self, place: usize) -> Result<&L::Mat> {
        match self.values.get(place) {
            Some(value) => Ok(value),
            None => bail!("no parameter {place}"),
        }
    }

    fn linear(&self, layer: Linear, x: &L::Mat) -> Result<L::Mat> {
        let bias = layer.bias.map(|bias| self.at(bias)).transpose()?;
        self.layers.linear(x, self.at(layer.weight)?, bias)
    }

    fn norm(&self, norm: Norm, x: L::Mat, residual: Option<&L::Mat>, dropout: Dropout) -> Result<(L::Mat, L::Normed)> {
        let (weight, bias) = (self.at(norm.weight)?, self.at(norm.bias)?);
        self.layers.norm(x, residual, dropout, weight, bias, self.config.eps)
    }

    fn hidden_dropout(&self, seed: Option<u64>, place: u64) -> Dropout {
        self.dropout(self.config.hidden_dropout, seed, place)
    }

    fn dropout(&self, rate: f64, seed: Option<u64>, place: u64) -> Dropout {
        seed.map_or(Dropout::NONE, |seed| Dropout::at(rate as f32, seed, place))
    }

    fn in_layer(layer: usize, what: u64) -> u64 {
        dropped::LAYERS + dropped::PER_LAYER * layer as u64 + what
    }

    /// Logits of each text, `[texts, outputs]`, and what the backward pass needs. With a seed things are dropped by it, as
    /// in training; without one nothing is.
    pub fn forward(&self, batch: &Batch, seed: Option<u64>) -> Result<(L::Mat, Saved<L>)> {
        let (hidden, mut saved) = self.embed(batch, seed)?;
        let mut hidden = Some(hidden);
        for layer in 0..self.layout.blocks.len() {
            let input = hidden.take();
            let Some(input) = input else { bail!("no hidden states") };
            let last = layer + 1 == self.layout.blocks.len();
            let (out, block) = self.block(layer, input, &saved, last, true)?;
            saved.blocks.push(block);
            hidden = Some(out);
        }
        let Some(first) = hidden else { bail!("no layers") };
        let logits = self.head(first, &mut saved)?;
        Ok((logits, saved))
    }

    /// Logits of each text, keeping nothing.
    pub fn logits(&self, batch: &Batch, go_on: &dyn Fn() -> bool) -> Result<Option<L::Mat>> {
        let (mut hidden, mut saved) = self.embed(batch, None)?;
        for layer in 0..self.layout.blocks.len() {
            if !go_on() {
                return Ok(None);
            }
            let last = layer + 1 == self.layout.blocks.len();
            (hidden, _) = self.block(layer, hidden, &saved, last, false)?;
        }
        self.head(hidden, &mut saved).map(Some)
    }

    /// The hidden states of all tokens after the last layer, `[tokens, width]`.
    pub fn hidden(&self, batch: &Batch) -> Result<L::Mat> {
        let (mut hidden, saved) = self.embed(batch, None)?;
        for layer in 0..self.layout.blocks.len() {
            (hidden, _) = self.block(layer, hidden, &saved, false, false)?;
        }
        Ok(hidden)
    }

    fn embed(&self, batch: &Batch, seed: Option<u64>) -> Result<(L::Mat, Saved<L>)> {
        let (layers, layout) = (&self.layers, &self.layout);
        let mut met = batch.ids.clone();
        met.sort_unstable();
        met.dedup();
        let places: Vec<u32> =
            batch.ids.iter().map(|id| met.binary_search(id).map_or(0, |place| place as u32)).collect();
        let first = self.config.first_position as u32;
        let positions: Vec<u32> =
            batch.texts.spans.iter().flat_map(|span| (0..span.len() as u32).map(|place| first + place)).collect();
        let mut sum = layers.gather(self.at(layout.words)?, &batch.ids)?;
        if let Some(table) = layout.positions {
            sum = layers.add(sum, &layers.gather(self.at(table)?, &positions)?)?;
        }
        if let Some(table) = layout.token_types {
            sum = layers.add(sum, &layers.gather(self.at(table)?, &vec![0; batch.ids.len()])?)?;
        }
        let embedded = layout.project.is_some().then(|| sum.clone());
        if let Some(project) = layout.project {
            sum = self.linear(project, &sum)?;
        }
        let (hidden, normed) = self.norm(layout.norm, sum, None, Dropout::NONE)?;
        let hidden = layers.dropout(hidden, self.hidden_dropout(seed, dropped::EMBEDDINGS))?;
        let band = self.band(&batch.texts)?;
        let nothing = layers.mat(Vec::new(), 1)?;
        let saved = Saved {
            seed,
            texts: batch.texts.clone(),
            words: (met, places),
            positions,
            embedded,
            normed,
            band,
            blocks: Vec::new(),
            head_input: nothing.clone(),
            pooled: nothing.clone(),
            active: nothing,
        };
        Ok((hidden, saved))
    }

    fn band(&self, texts: &Texts) -> Result<Option<Band<L>>> {
        let Some((table, relative)) = self.layout.relative.zip(self.config.relative) else { return Ok(None) };
        let far = texts.longest() as i64 - 1;
        let rows: Vec<u32> = (-far..=far).map(|distance| relative.row(distance)).collect();
        // Norms are of each row alone, so only the rows met need one.
        let values = self.layers.gather(self.at(table)?, &rows)?;
        let (values, normed) = match self.layout.relative_norm {
            Some(norm) => {
                let (values, normed) = self.norm(norm, values, None, Dropout::NONE)?;
                (values, Some(normed))
            }
            None => (values, None),
        };
        Ok(Some(Band { rows, normed, values }))
    }

    fn block(
        &self,
        layer: usize,
        input: L::Mat,
        saved: &Saved<L>,
        first_only: bool,
        keep: bool,
    ) -> Result<(L::Mat, SavedBlock<L>)> {
        let layers = &self.layers;
        let Some(block) = self.layout.blocks.get(layer) else { bail!("no layer {layer}") };
        let seed = saved.seed;
        let texts = Texts { first_only, ..saved.texts.clone() };
        let asking = if first_only { Some(layers.gather(&input, &texts.firsts())?) } else { None };
        let q = self.linear(block.query, asking.as_ref().unwrap_or(&input))?;
        let (k, v) = (self.linear(block.key, &input)?, self.linear(block.value, &input)?);
        let distances = self.hidden_dropout(seed, Self::in_layer(layer, dropped::DISTANCES));
        let band = saved.band.as_ref().map(|band| layers.dropout(band.values.clone(), distances)).transpose()?;
        let project = |linear: Option<Linear>| -> Result<Option<L::Mat>> {
            linear.zip(band.as_ref()).map(|(linear, band)| self.linear(linear, band)).transpose()
        };
        let (relative_keys, relative_queries) = (project(block.relative_key)?, project(block.relative_query)?);
        let probabilities =
            self.dropout(self.config.attention_dropout, seed, Self::in_layer(layer, dropped::PROBABILITIES));
        let (context, attended) = layers.attend(
            &texts,
            self.config.heads,
            &q,
            &k,
            &v,
            relative::<L>(relative_keys.as_ref(), relative_queries.as_ref()),
            probabilities,
            keep,
        )?;
        let (middle, attention_normed) = self.norm(
            block.attention_norm,
            self.linear(block.out, &context)?,
            Some(asking.as_ref().unwrap_or(&input)),
            self.hidden_dropout(seed, Self::in_layer(layer, dropped::ATTENTION)),
        )?;
        let up = self.linear(block.up, &middle)?;
        let active = layers.activate(self.config.activation, &up)?;
        let (out, normed) = self.norm(
            block.norm,
            self.linear(block.down, &active)?,
            Some(&middle),
            self.hidden_dropout(seed, Self::in_layer(layer, dropped::FEED_FORWARD)),
        )?;
        let saved = SavedBlock {
            texts,
            input,
            asking,
            q,
            k,
            v,
            band,
            relative_keys,
            relative_queries,
            attended,
            context,
            attention_normed,
            middle,
            up,
            active,
            normed,
        };
        Ok((out, saved))
    }

    fn head(&self, first: L::Mat, saved: &mut Saved<L>) -> Result<L::Mat> {
        let layers = &self.layers;
        let before = self.dropout(self.config.pooler_dropout, saved.seed, dropped::POOLER);
        let behind = self.dropout(self.config.classifier_dropout, saved.seed, dropped::CLASSIFIER);
        let input = layers.dropout(first, before)?;
        let pooled = self.linear(self.layout.pooler, &input)?;
        let active = layers.dropout(layers.activate(self.config.head_activation, &pooled)?, behind)?;
        let logits = self.linear(self.layout.classifier, &active)?;
        (saved.head_input, saved.pooled, saved.active) = (input, pooled, active);
        Ok(logits)
    }

    /// Adds the gradients of all parameters for which `trains` says yes, given that of the logits.
    pub fn backward(
        &self,
        saved: Saved<L>,
        grad: L::Mat,
        trains: &dyn Fn(Place) -> bool,
        grads: &mut Grads<L>,
    ) -> Result<()> {
        let layers = &self.layers;
        let Saved { seed, texts: _, words, positions, embedded, normed, band, blocks, head_input, pooled, active } =
            saved;
        let lowest = (0..blocks.len()).map(Place::Layer).chain([Place::Head]).find(|place| trains(*place));
        let lowest = if trains(Place::Embeddings) { Some(Place::Embeddings) } else { lowest };
        let Some(lowest) = lowest else { return Ok(()) };
        let head = trains(Place::Head);
        self.linear_back(self.layout.classifier, &active, &grad, head, grads)?;
        let grad = layers.linear_back(None, &grad, self.at(self.layout.classifier.weight)?)?;
        let behind = self.dropout(self.config.classifier_dropout, seed, dropped::CLASSIFIER);
        let grad = layers.activate_back(self.config.head_activation, &pooled, layers.dropout(grad, behind)?)?;
        self.linear_back(self.layout.pooler, &head_input, &grad, head, grads)?;
        if lowest == Place::Head {
            return Ok(());
        }
        let grad = layers.linear_back(None, &grad, self.at(self.layout.pooler.weight)?)?;
        let before = self.dropout(self.config.pooler_dropout, seed, dropped::POOLER);
        let mut grad = layers.dropout(grad, before)?;
        let mut of_band = None;
        for (layer, block) in blocks.into_iter().enumerate().rev() {
            if Place::Layer(layer) < lowest {
                return Ok(());
            }
            grad = self.block_back(layer, block, seed, grad, trains(Place::Layer(layer)), &mut of_band, grads)?;
        }
        if !trains(Place::Embeddings) {
            return Ok(());
        }
        if let Some((band, of_band)) = band.zip(of_band) {
            self.band_back(band, of_band, grads)?;
        }
        let grad = layers.dropout(grad, self.hidden_dropout(seed, dropped::EMBEDDINGS))?;
        let mut grad = self.norm_back(self.layout.norm, &normed, grad, true, grads)?;
        if let Some((project, embedded)) = self.layout.project.zip(embedded.as_ref()) {
            self.linear_back(project, embedded, &grad, true, grads)?;
            grad = layers.linear_back(None, &grad, self.at(project.weight)?)?;
        }
        if let Some(table) = self.layout.positions {
            let rows = self.config.positions;
            self.table_back(table, &layers.scatter(&grad, &positions, rows)?, grads)?;
        }
        if let Some(table) = self.layout.token_types {
            let sum = layers.scatter(&grad, &vec![0; positions.len()], self.config.token_types)?;
            self.table_back(table, &sum, grads)?;
        }
        let (met, places) = words;
        let own = layers.scatter(&grad, &places, met.len())?;
        grads.words = Some(match grads.words.take() {
            None => (met, own),
            Some((before, sum)) => {
                let mut all = [before.as_slice(), &met].concat();
                all.sort_unstable();
                all.dedup();
                let places = |ids: &[u32]| -> Vec<u32> {
                    ids.iter().map(|id| all.binary_search(id).map_or(0, |place| place as u32)).collect()
                };
                let sum = layers.scatter(&sum, &places(&before), all.len())?;
                let sum = layers.add(sum, &layers.scatter(&own, &places(&met), all.len())?)?;
                (all, sum)
            }
        });
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn block_back(
        &self,
        layer: usize,
        saved: SavedBlock<L>,
        seed: Option<u64>,
        grad: L::Mat,
        trains: bool,
        of_band: &mut Option<L::Mat>,
        grads: &mut Grads<L>,
    ) -> Result<L::Mat> {
        let layers = &self.layers;
        let Some(block) = self.layout.blocks.get(layer).copied() else { bail!("no layer {layer}") };
        let Block { query, key, value, .. } = block;
        // Behind the feed-forward block: to its residual as it is, into it through dropout.
        let of_sum = self.norm_back(block.norm, &saved.normed, grad, trains, grads)?;
        let dropout = self.hidden_dropout(seed, Self::in_layer(layer, dropped::FEED_FORWARD));
        let of_down = layers.dropout(of_sum.clone(), dropout)?;
        self.linear_back(block.down, &saved.active, &of_down, trains, grads)?;
        let of_active = layers.linear_back(None, &of_down, self.at(block.down.weight)?)?;
        let of_up = layers.activate_back(self.config.activation, &saved.up, of_active)?;
        self.linear_back(block.up, &saved.middle, &of_up, trains, grads)?;
        let of_middle = layers.linear_back(Some(of_sum), &of_up, self.at(block.up.weight)?)?;
        // The same behind attention.
        let of_sum = self.norm_back(block.attention_norm, &saved.attention_normed, of_middle, trains, grads)?;
        let dropout = self.hidden_dropout(seed, Self::in_layer(layer, dropped::ATTENTION));
        let of_out = layers.dropout(of_sum.clone(), dropout)?;
        self.linear_back(block.out, &saved.context, &of_out, trains, grads)?;
        let of_context = layers.linear_back(None, &of_out, self.at(block.out.weight)?)?;
        let probabilities =
            self.dropout(self.config.attention_dropout, seed, Self::in_layer(layer, dropped::PROBABILITIES));
        let of = layers.attend_back(
            &saved.texts,
            self.config.heads,
            &saved.q,
            &saved.k,
            &saved.v,
            relative::<L>(saved.relative_keys.as_ref(), saved.relative_queries.as_ref()),
            probabilities,
            &saved.attended,
            &of_context,
        )?;
        let asking = saved.asking.as_ref().unwrap_or(&saved.input);
        self.linear_back(query, asking, &of.q, trains, grads)?;
        self.linear_back(key, &saved.input, &of.k, trains, grads)?;
        self.linear_back(value, &saved.input, &of.v, trains, grads)?;
        let distances = [(block.relative_key, of.relative_keys), (block.relative_query, of.relative_queries)];
        let mut sum = None;
        for (linear, grad) in distances {
            if let Some(((linear, grad), band)) = linear.zip(grad).zip(saved.band.as_ref()) {
                self.linear_back(linear, band, &grad, trains, grads)?;
                sum = Some(layers.linear_back(sum, &grad, self.at(linear.weight)?)?);
            }
        }
        if let Some(sum) = sum {
            let distances = self.hidden_dropout(seed, Self::in_layer(layer, dropped::DISTANCES));
            let sum = layers.dropout(sum, distances)?;
            *of_band = Some(match of_band.take() {
                Some(before) => layers.add(before, &sum)?,
                None => sum,
            });
        }
        let of_asking = layers.linear_back(Some(of_sum), &of.q, self.at(query.weight)?)?;
        let of_input = match &saved.asking {
            Some(_) => {
                let tokens = saved.texts.spans.last().map_or(0, |span| span.end);
                layers.scatter(&of_asking, &saved.texts.firsts(), tokens)?
            }
            None => of_asking,
        };
        let of_input = layers.linear_back(Some(of_input), &of.k, self.at(key.weight)?)?;
        layers.linear_back(Some(of_input), &of.v, self.at(value.weight)?)
    }

    fn band_back(&self, band: Band<L>, grad: L::Mat, grads: &mut Grads<L>) -> Result<()> {
        let Some((table, relative)) = self.layout.relative.zip(self.config.relative) else { return Ok(()) };
        let grad = match (self.layout.relative_norm, &band.normed) {
            (Some(norm), Some(normed)) => self.norm_back(norm, normed, grad, true, grads)?,
            _ => grad,
        };
        let sum = self.layers.scatter(&grad, &band.rows, 2 * relative.span())?;
        self.table_back(table, &sum, grads)
    }

    fn table_back(&self, table: usize, grad: &L::Mat, grads: &mut Grads<L>) -> Result<()> {
        let Some(slot) = grads.dense.get_mut(table) else { bail!("no parameter {table}") };
        *slot = Some(match slot.take() {
            Some(sum) => self.layers.add(sum, grad)?,
            None => grad.clone(),
        });
        Ok(())
    }

    fn linear_back(&self, layer: Linear, x: &L::Mat, grad: &L::Mat, trains: bool, grads: &mut Grads<L>) -> Result<()> {
        if !trains {
            return Ok(());
        }
        if let Some(slot) = grads.dense.get_mut(layer.weight) {
            self.layers.weight_grad(x, grad, slot)?;
        }
        if let Some(slot) = layer.bias.and_then(|bias| grads.dense.get_mut(bias)) {
            self.layers.bias_grad(grad, slot)?;
        }
        Ok(())
    }

    fn norm_back(
        &self,
        norm: Norm,
        kept: &L::Normed,
        grad: L::Mat,
        trains: bool,
        grads: &mut Grads<L>,
    ) -> Result<L::Mat> {
        let take = |place: usize, grads: &mut Grads<L>| grads.dense.get_mut(place).and_then(Option::take);
        let (mut weight, mut bias) = (take(norm.weight, grads), take(norm.bias, grads));
        let grad = self.layers.norm_back(kept, self.at(norm.weight)?, grad, &mut weight, &mut bias)?;
        for (place, value) in [(norm.weight, weight), (norm.bias, bias)] {
            if let Some(slot) = grads.dense.get_mut(place).filter(|_| trains) {
                *slot = value;
            }
        }
        Ok(grad)
    }
}
