//! Decoders: a row alone, in a batch, behind a shared prefix, in pieces through the cache.

use candle_core::DType;
use serde::Deserialize;
use shotglass::engine::plan::{Budget, Item, Plan};
use shotglass::engine::score::score_batch;
use shotglass::model::decoder::Decoder;
use shotglass::model::kv::{Batch, Past, Row};
use shotglass::model::language::load_decoder;
use shotglass::model::locate::ModelFiles;
use shotglass::model::ops::cpu::Cpu;
use shotglass::model::ops::{Ops, device};
use shotglass::model::weights::Weights;

use crate::{assert_close, folders};

#[derive(Deserialize)]
struct Fixture {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u32>>,
    last_logits: Vec<Vec<f32>>,
    greedy: Vec<Vec<u32>>,
    unpadded: Vec<Unpadded>,
}

#[derive(Deserialize)]
struct Unpadded {
    ids: Vec<u32>,
    last_logits: Vec<f32>,
    #[serde(default)]
    all_logits: Option<Vec<Vec<f32>>>,
    loss: f64,
}

struct Case {
    name: String,
    decoder: Decoder,
    fixture: Fixture,
}

/// The decoders among the parity folders, with packed weights or with tensors.
fn cases(packed: bool) -> Vec<Case> {
    let cases = folders(false).into_iter().map(|folder| {
        let name = folder.display().to_string();
        let fixture = serde_json::from_slice(&std::fs::read(folder.join("fixture.json")).unwrap()).unwrap();
        let weights = Weights::open(&ModelFiles::Folder(folder)).unwrap();
        let decoder = load_decoder(&weights, &candle_core::Device::Cpu, DType::F32, packed, &mut || true).unwrap();
        Case { name, decoder, fixture }
    });
    let cases: Vec<Case> = cases.collect();
    assert!(cases.len() >= 3, "the tiny decoders are missing");
    cases
}

/// The real tokens of a left-padded row.
fn unpadded(ids: &[u32], mask: &[u32]) -> Vec<u32> {
    ids.iter().zip(mask).filter(|(_, mask)| **mask == 1).map(|(id, _)| *id).collect()
}

/// Logits of the wanted tokens of some rows.
fn logits<O: Ops>(
    case: &Case,
    ops: &O,
    rows: &[Row],
    shared: &[(usize, O::Cache)],
    past: Option<&mut Past<O::Past>>,
) -> Vec<Vec<f32>> {
    let hidden = case.decoder.forward(ops, &mut Batch { rows, shared, past }).unwrap();
    let values = ops.values(&case.decoder.logits(ops, &hidden).unwrap()).unwrap();
    values.chunks_exact(case.decoder.config().vocab_size).map(<[f32]>::to_vec).collect()
}

fn cached<O: Ops>(case: &Case, ops: &O, shared: &[(usize, O::Cache)], tokens: &[u32]) -> (usize, O::Cache) {
    let mut past = Past::none(ops, 1);
    let rows = [Row { tokens: tokens.to_vec(), tree: Vec::new(), wanted: tokens.len() }];
    logits(case, ops, &rows, shared, Some(&mut past));
    let cache = past.share(ops).unwrap();
    assert_eq!(cache.0, tokens.len());
    cache
}

fn check<O: Ops>(case: &Case, ops: &O, with: &str) {
    let what = |way: &str, row: usize| format!("{} with {with}, {way}, row {row}", case.name);
    let rows: Vec<Vec<u32>> = case
        .fixture
        .input_ids
        .iter()
        .zip(&case.fixture.attention_mask)
        .map(|(ids, mask)| unpadded(ids, mask))
        .collect();

    for (index, row) in case.fixture.unpadded.iter().enumerate() {
        let all = logits(case, ops, &[Row { tokens: row.ids.clone(), tree: Vec::new(), wanted: 0 }], &[], None);
        assert_close(&what("alone", index), all.last().unwrap(), &row.last_logits);
        for (position, want) in row.all_logits.iter().flatten().enumerate() {
            assert_close(&what("every position", index), &all[position], want);
        }
        let last = logits(case, ops, &[Row::causal(row.ids.clone())], &[], None);
        assert_close(&what("the last position alone", index), &last[0], &row.last_logits);

        // Teacher forcing, through the label tree: the text behind its first token is one long label.
        let item = Item {
            context: row.ids[..1].to_vec(),
            labels: [row.ids[1..].to_vec(), vec![row.ids[1], 7, 9], vec![11]].into(),
        };
        let plan = Plan::new(vec![item], true, Budget { rows: 8, tokens: 512, padded: false });
        let scores = score_batch(&case.decoder, ops, &[], &plan, &[0], &mut || true).unwrap().unwrap();
        let loss = -scores[0][0] / (row.ids.len() - 1) as f64;
        assert!(
            (loss - row.loss).abs() <= 1e-5 * row.loss.max(1.0),
            "{}: {loss} {}",
            what("label tree", index),
            row.loss
        );

        for split in 1..row.ids.len() {
            let (prefix, rest) = row.ids.split_at(split);
            let shared = [cached(case, ops, &[], prefix)];
            let got = logits(case, ops, &[Row::causal(rest.to_vec())], &shared, None);
            assert_close(&what("behind a shared prefix", index), &got[0], &row.last_logits);
            // A prefix in two parts, the second computed behind the first, and the rest in two rows.
            let (first, second) = prefix.split_at(split / 2);
            let mut shared = Vec::new();
            for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
                let cache = cached(case, ops, &shared, part);
                shared.push(cache);
            }
            let got = logits(case, ops, &[Row::causal(vec![5, 6]), Row::causal(rest.to_vec())], &shared, None);
            assert_close(&what("behind a prefix in parts", index), &got[1], &row.last_logits);
        }

        let mut past = Past::none(ops, 1);
        let mut got = Vec::new();
        for token in &row.ids {
            got = logits(case, ops, &[Row::causal(vec![*token])], &[], Some(&mut past));
        }
        assert_close(&what("token by token", index), &got[0], &row.last_logits);
    }

    let packed: Vec<Row> = rows.iter().map(|row| Row::causal(row.clone())).collect();
    for (index, got) in logits(case, ops, &packed, &[], None).iter().enumerate() {
        assert_close(&what("in a batch", index), got, &case.fixture.last_logits[index]);
    }

    // Greedy decoding of the batch, each row with a cache of its own.
    let end = &case.decoder.config().eos;
    let mut past = Past::none(ops, rows.len());
    let mut next = packed;
    let mut texts = vec![Vec::new(); rows.len()];
    for _ in 0..case.fixture.greedy[0].len() - case.fixture.input_ids[0].len() {
        let got = logits(case, ops, &next, &[], Some(&mut past));
        for (index, logits) in got.iter().enumerate() {
            let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
            texts[index].push(best as u32);
            next[index] = Row::causal(vec![best as u32]);
        }
    }
    for (index, text) in texts.iter().enumerate() {
        let want = &case.fixture.greedy[index][case.fixture.input_ids[index].len()..];
        let until = want.iter().position(|id| end.contains(id)).map_or(want.len(), |at| at + 1);
        assert_eq!(text[..until], want[..until], "{}", what("greedy", index));
    }
}

#[test]
fn cpu_kernels_on_one_thread() {
    cases(true).iter().for_each(|case| check(case, &Cpu::new(1), "one thread"));
}

#[test]
fn cpu_kernels_on_two_threads() {
    cases(true).iter().for_each(|case| check(case, &Cpu::new(2), "two threads"));
}

/// The branch that GPUs take, on the CPU.
#[test]
fn tensor_operations() {
    let ops = device::Device { device: candle_core::Device::Cpu, dtype: DType::F32 };
    cases(false).iter().for_each(|case| check(case, &ops, "tensors"));
}
