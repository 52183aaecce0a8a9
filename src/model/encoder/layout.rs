//! The parameters of an encoder with its classification head: names as the hub has them, shapes, and which is which.

use super::config::{EncoderConfig, Family};

/// Where in the model a parameter is, from the input to the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Tables and what comes before the first layer.
    Embeddings,
    /// A layer, from 0.
    Layer(usize),
    /// Pooler and classifier.
    Head,
}

/// What a parameter is before anything was learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Drawn from a normal distribution.
    Normal,
    /// Zero.
    Zero,
    /// One.
    One,
}

/// One parameter.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name in the weight files of transformers.
    pub name: String,
    /// Its shape, the slowest dimension first.
    pub shape: Vec<usize>,
    /// Where it is.
    pub place: Place,
    /// Whether weight decay applies: to all but biases and norms.
    pub decays: bool,
    /// What it is before anything was learnt.
    pub init: Init,
}

impl Parameter {
    /// Its last dimension.
    pub fn width(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many numbers it has.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The places of a linear layer's parameters in the list.
#[derive(Clone, Copy, Debug)]
pub struct Linear {
    /// `[output, input]`.
    pub weight: usize,
    /// `[output]`.
    pub bias: Option<usize>,
}

/// The places of a norm's parameters.
#[derive(Clone, Copy, Debug)]
pub struct Norm {
    /// Weight.
    pub weight: usize,
    /// Bias.
    pub bias: usize,
}

/// One layer.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// Queries.
    pub query: Linear,
    /// Keys.
    pub key: Linear,
    /// Values.
    pub value: Linear,
    /// Keys of distances; the content's where they are shared.
    pub relative_key: Option<Linear>,
    /// Queries of distances.
    pub relative_query: Option<Linear>,
    /// After attention.
    pub out: Linear,
    /// After attention and its residual.
    pub attention_norm: Norm,
    /// Into the feed-forward block.
    pub up: Linear,
    /// Out of it.
    pub down: Linear,
    /// After it and its residual.
    pub norm: Norm,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The embedding table of tokens.
    pub words: usize,
    /// That of positions.
    pub positions: Option<usize>,
    /// That of token types.
    pub token_types: Option<usize>,
    /// From the tables' width to that of the layers.
    pub project: Option<Linear>,
    /// After the embeddings.
    pub norm: Norm,
    /// The table of distances.
    pub relative: Option<usize>,
    /// Its norm.
    pub relative_norm: Option<Norm>,
    /// The layers.
    pub blocks: Vec<Block>,
    /// The inner layer of the head.
    pub pooler: Linear,
    /// The last one.
    pub classifier: Linear,
}

/// Builds the list.
struct List {
    parameters: Vec<Parameter>,
    place: Place,
}

impl List {
    fn add(&mut self, name: String, shape: &[usize], decays: bool, init: Init) -> usize {
        self.parameters.push(Parameter { name, shape: shape.to_vec(), place: self.place, decays, init });
        self.parameters.len() - 1
    }

    fn linear(&mut self, name: &str, input: usize, output: usize) -> Linear {
        let weight = self.add(format!("{name}.weight"), &[output, input], true, Init::Normal);
        let bias = self.add(format!("{name}.bias"), &[output], false, Init::Zero);
        Linear { weight, bias: Some(bias) }
    }

    fn norm(&mut self, name: &str, width: usize) -> Norm {
        let weight = self.add(format!("{name}.weight"), &[width], false, Init::One);
        let bias = self.add(format!("{name}.bias"), &[width], false, Init::Zero);
        Norm { weight, bias }
    }

    fn table(&mut self, name: &str, rows: usize, width: usize) -> usize {
        self.add(format!("{name}.weight"), &[rows, width], true, Init::Normal)
    }
}

/// The names of a layer's parts.
struct Names {
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    out: &'static str,
    attention_norm: &'static str,
    up: &'static str,
    down: &'static str,
    norm: &'static str,
}

impl Names {
    fn of(family: Family) -> Self {
        match family {
            Family::DistilBert => Self {
                layer: "transformer.layer",
                query: "attention.q_lin",
                key: "attention.k_lin",
                value: "attention.v_lin",
                out: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                up: "ffn.lin1",
                down: "ffn.lin2",
                norm: "output_layer_norm",
            },
            family => {
                let deberta = family == Family::DebertaV2;
                Self {
                    layer: "encoder.layer",
                    query: if deberta { "attention.self.query_proj" } else { "attention.self.query" },
                    key: if deberta { "attention.self.key_proj" } else { "attention.self.key" },
                    value: if deberta { "attention.self.value_proj" } else { "attention.self.value" },
                    out: "attention.output.dense",
                    attention_norm: "attention.output.LayerNorm",
                    up: "intermediate.dense",
                    down: "output.dense",
                    norm: "output.LayerNorm",
                }
            }
        }
    }
}

/// What the names of a family's encoder begin with in a model with a head.
pub fn prefix(family: Family) -> &'static str {
    match family {
        Family::Bert => "bert.",
        Family::Roberta => "roberta.",
        Family::DistilBert => "distilbert.",
        Family::DebertaV2 => "deberta.",
    }
}

impl Layout {
    /// The layout of an encoder with a head of so many outputs, and the list of its parameters.
    pub fn new(config: &EncoderConfig, outputs: usize) -> (Self, Vec<Parameter>) {
        let prefix = prefix(config.family);
        let (width, table) = (config.hidden_size, config.embedding_size);
        let mut list = List { parameters: Vec::new(), place: Place::Embeddings };
        let under = |name: &str| format!("{prefix}{name}");
        let words = list.table(&under("embeddings.word_embeddings"), config.vocab_size, table);
        let positions = (config.positions > 0)
            .then(|| list.table(&under("embeddings.position_embeddings"), config.positions, table));
        let token_types = (config.token_types > 0)
            .then(|| list.table(&under("embeddings.token_type_embeddings"), config.token_types, table));
        let project = (table != width).then(|| {
            let weight = list.add(under("embeddings.embed_proj.weight"), &[width, table], true, Init::Normal);
            Linear { weight, bias: None }
        });
        let norm = list.norm(&under("embeddings.LayerNorm"), width);
        let relative =
            config.relative.map(|relative| list.table(&under("encoder.rel_embeddings"), 2 * relative.span(), width));
        let relative_norm =
            config.relative.filter(|relative| relative.norm).map(|_| list.norm(&under("encoder.LayerNorm"), width));
        let names = Names::of(config.family);
        let blocks = (0..config.layers).map(|layer| {
            list.place = Place::Layer(layer);
            let name = |part: &str| format!("{prefix}{}.{layer}.{part}", names.layer);
            let query = list.linear(&name(names.query), width, width);
            let key = list.linear(&name(names.key), width, width);
            let value = list.linear(&name(names.value), width, width);
            let mut distances = |wanted: bool, shared: Linear, own: &str| {
                let relative = config.relative.filter(|_| wanted)?;
                Some(if relative.share_key { shared } else { list.linear(&name(own), width, width) })
            };
            let relative_key = distances(config.relative.is_some_and(|r| r.c2p), key, "attention.self.pos_key_proj");
            let relative_query =
                distances(config.relative.is_some_and(|r| r.p2c), query, "attention.self.pos_query_proj");
            Block {
                query,
                key,
                value,
                relative_key,
                relative_query,
                out: list.linear(&name(names.out), width, width),
                attention_norm: list.norm(&name(names.attention_norm), width),
                up: list.linear(&name(names.up), width, config.intermediate_size),
                down: list.linear(&name(names.down), config.intermediate_size, width),
                norm: list.norm(&name(names.norm), width),
            }
        });
        let blocks = blocks.collect();
        list.place = Place::Head;
        let (pooler, classifier) = match config.family {
            Family::Bert => ("bert.pooler.dense", "classifier"),
            Family::Roberta => ("classifier.dense", "classifier.out_proj"),
            Family::DistilBert => ("pre_classifier", "classifier"),
            Family::DebertaV2 => ("pooler.dense", "classifier"),
        };
        let pooler = list.linear(pooler, width, width);
        let classifier = list.linear(classifier, width, outputs);
        let layout =
            Self { words, positions, token_types, project, norm, relative, relative_norm, blocks, pooler, classifier };
        (layout, list.parameters)
    }
}
