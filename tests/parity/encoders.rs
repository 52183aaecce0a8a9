//! Encoders with a classification head: logits, gradients, and losses through steps of AdamW.

use std::collections::BTreeMap;

use serde::Deserialize;
use shotglass::model::encoder::{Batch, Encoder, EncoderFiles};
use shotglass::model::layers::{Layers, cpu::Cpu, device::Device};
use shotglass::train::TrainSpec;
use shotglass::train::loss::CrossEntropy;
use shotglass::train::optimizer::{Optimizer, total_norm};

use crate::{assert_close, folders};

#[derive(Deserialize)]
struct Fixture {
    input_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u32>>,
    labels: Vec<usize>,
    logits: Vec<Vec<f32>>,
    loss: f64,
    hidden_l2: Vec<f64>,
    unpadded: Vec<Unpadded>,
    grad_norms: BTreeMap<String, f64>,
    grad_first8: BTreeMap<String, Vec<f32>>,
    adamw_3_steps_all_params_decayed: Steps,
    adamw_3_steps_trainer_groups_clip1: Steps,
}

#[derive(Deserialize)]
struct Unpadded {
    ids: Vec<u32>,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct Steps {
    losses_before_each_step: Vec<f64>,
    loss_after_3: f64,
    logits_after_3: Vec<Vec<f32>>,
    #[serde(default)]
    clip_total_norms: Vec<f64>,
    #[serde(default)]
    decayed: Vec<String>,
}

struct Case {
    name: String,
    files: EncoderFiles,
    fixture: Fixture,
}

fn cases() -> Vec<Case> {
    let cases = folders(true).into_iter().map(|folder| Case {
        name: folder.display().to_string(),
        files: EncoderFiles::open(&folder).unwrap().unwrap(),
        fixture: serde_json::from_slice(&std::fs::read(folder.join("fixture.json")).unwrap()).unwrap(),
    });
    let cases: Vec<Case> = cases.collect();
    assert!(cases.len() >= 2, "the tiny encoders are missing");
    cases
}

impl Case {
    fn encoder<L: Layers>(&self, layers: L) -> Encoder<L> {
        let mut drawn = Vec::new();
        let config = self.files.config.clone().with_dropout(0.0);
        let outputs = self.fixture.logits[0].len();
        let encoder = Encoder::new(config, outputs, layers, |parameter| self.files.read(parameter, 42, &mut drawn));
        assert!(drawn.is_empty(), "{}: {drawn:?} are missing", self.name);
        encoder.unwrap()
    }

    fn batch(&self, padded: usize) -> Batch {
        let rows = self.fixture.input_ids.iter().zip(&self.fixture.attention_mask);
        let texts: Vec<&[u32]> =
            rows.map(|(ids, mask)| &ids[..mask.iter().filter(|mask| **mask == 1).count()]).collect();
        Batch::new(texts, padded)
    }

    fn check<L: Layers>(&self, layers: impl Fn() -> L, with: &str) {
        let what = |what: &str| format!("{} with {with}: {what}", self.name);
        let fixture = &self.fixture;
        let encoder = self.encoder(layers());
        let outputs = fixture.logits[0].len();
        let want: Vec<f32> = fixture.logits.concat();
        for padded in [0, 20] {
            let logits = encoder.logits(&self.batch(padded), &|| true).unwrap().unwrap();
            assert_close(&what("logits"), &encoder.layers().values(&logits).unwrap(), &want);
        }
        for (row, alone) in fixture.unpadded.iter().enumerate() {
            let logits = encoder.logits(&Batch::new([alone.ids.as_slice()], 0), &|| true).unwrap().unwrap();
            let values = encoder.layers().values(&logits).unwrap();
            assert_close(&what(&format!("row {row} alone")), &values, &alone.logits);
        }
        let hidden = encoder.layers().values(&encoder.hidden(&self.batch(0)).unwrap()).unwrap();
        let norm = hidden.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        let last = *fixture.hidden_l2.last().unwrap();
        assert!((norm - last).abs() < 1e-5 * last, "{}: {norm} for {last}", what("hidden states"));

        let (logits, saved) = encoder.forward(&self.batch(0), None).unwrap();
        let logits = encoder.layers().values(&logits).unwrap();
        let loss = CrossEntropy::plain(outputs);
        let (value, grad) = loss.mean(&logits, outputs, &fixture.labels, 1.0);
        assert!((value - fixture.loss).abs() < 1e-5, "{}: {value} for {}", what("loss"), fixture.loss);
        let mut grads = encoder.no_grads();
        let grad = encoder.layers().mat(grad, outputs).unwrap();
        encoder.backward(saved, grad, &|_| true, &mut grads).unwrap();
        let names: Vec<String> = encoder.parameters().iter().map(|parameter| parameter.name.clone()).collect();
        assert_eq!(names.len(), fixture.grad_norms.len(), "{}", what("parameters"));
        let most = fixture.grad_norms.values().fold(0.0, |a: f64, b| a.max(*b));
        for (place, name) in names.iter().enumerate() {
            // The gradient of a key's bias is zero but for noise, except where distances make it one.
            if fixture.grad_norms[name] < 1e-6 * most {
                continue;
            }
            let norm = encoder.grad_norm(&grads, place).unwrap();
            let want = fixture.grad_norms[name];
            assert!((norm - want).abs() < 1e-4 * want, "{}: {norm} for {want}", what(name));
        }
        for (place, name) in names.iter().enumerate() {
            // Tables are compared by their norms alone: their first rows may not be among those met.
            if place == encoder.words() || fixture.grad_norms[name] < 1e-6 * most {
                continue;
            }
            let Some(shotglass::model::layers::Grad::Dense(grad)) = encoder.take_grad(&mut grads, place) else {
                panic!("{}: no gradient", what(name))
            };
            let values = encoder.layers().values(&grad).unwrap();
            assert_close(&what(name), &values[..8.min(values.len())], &fixture.grad_first8[name]);
        }
        self.steps(&layers, false, &fixture.adamw_3_steps_all_params_decayed, &what("AdamW, all decayed"));
        self.steps(&layers, true, &fixture.adamw_3_steps_trainer_groups_clip1, &what("AdamW as Trainer's"));
    }

    fn steps<L: Layers>(&self, layers: &impl Fn() -> L, groups: bool, want: &Steps, what: &str) {
        let mut encoder = self.encoder(layers());
        let outputs = self.fixture.logits[0].len();
        if groups {
            let mut decayed: Vec<String> =
                encoder.parameters().iter().filter(|p| p.decays).map(|p| p.name.clone()).collect();
            decayed.sort();
            assert_eq!(decayed, want.decayed, "{what}");
        } else {
            encoder.decay_all();
        }
        let settings =
            TrainSpec { learning_rate: 1e-3, max_grad_norm: if groups { 1.0 } else { 0.0 }, ..TrainSpec::default() };
        let loss = CrossEntropy::plain(outputs);
        let mut optimizer = Optimizer::new(&encoder);
        for (step, before) in want.losses_before_each_step.iter().enumerate() {
            let (logits, saved) = encoder.forward(&self.batch(0), None).unwrap();
            let logits = encoder.layers().values(&logits).unwrap();
            let (value, grad) = loss.mean(&logits, outputs, &self.fixture.labels, 1.0);
            assert!((value - before).abs() < 1e-5, "{what}: {value} for {before} before step {step}");
            let mut grads = encoder.no_grads();
            let grad = encoder.layers().mat(grad, outputs).unwrap();
            encoder.backward(saved, grad, &|_| true, &mut grads).unwrap();
            let norm = total_norm(&encoder, &grads).unwrap();
            if let Some(clipped) = want.clip_total_norms.get(step) {
                assert!((norm - clipped).abs() < 1e-4 * clipped, "{what}: norm {norm} for {clipped}");
            }
            optimizer.step(&mut encoder, grads, settings.learning_rate, &settings).unwrap();
        }
        let logits = encoder.logits(&self.batch(0), &|| true).unwrap().unwrap();
        let logits = encoder.layers().values(&logits).unwrap();
        let (value, _) = loss.mean(&logits, outputs, &self.fixture.labels, 1.0);
        assert!((value - want.loss_after_3).abs() < 1e-5, "{what}: {value} for {} at the end", want.loss_after_3);
        let scale = 1e-4;
        for (got, want) in logits.iter().zip(want.logits_after_3.concat()) {
            assert!((got - want).abs() < scale, "{what}: logits {got} for {want}");
        }
    }
}

#[test]
fn encoders_equal_transformers_on_one_thread() {
    cases().iter().for_each(|case| case.check(|| Cpu { threads: 1 }, "one thread"));
}

#[test]
fn encoders_equal_transformers_on_two_threads() {
    cases().iter().for_each(|case| case.check(|| Cpu { threads: 2 }, "two threads"));
}

#[test]
fn encoders_equal_transformers_by_tensor_operations() {
    let device = || Device { device: candle_core::Device::Cpu, products: candle_core::DType::F32 };
    cases().iter().for_each(|case| case.check(device, "tensor operations"));
}
