//! Numbers equal to transformers' on tiny random models, by the CPU's kernels and by the tensor operations that GPUs use:
//! decoders whichever way a row is computed, encoders forward, backward and through steps of AdamW.
//!
//! Runs over every folder of `tests/fixtures/tiny/` and over those named in `SHOTGLASS_PARITY` (separated by colons):
//! `config.json`, `model.safetensors` and `fixture.json` with what transformers made of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod decoders;
mod encoders;

use std::path::{Path, PathBuf};

const TOLERANCE: f32 = 1e-5;

/// The parity folders with encoders, or those with decoders.
fn folders(encoders: bool) -> Vec<PathBuf> {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(tiny).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let named = std::env::var("SHOTGLASS_PARITY").unwrap_or_default();
    folders.extend(named.split(':').filter(|path| !path.is_empty()).map(PathBuf::from));
    folders.retain(|folder| {
        let config: serde_json::Value =
            serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
        let encoder = matches!(config["model_type"].as_str(), Some("bert" | "deberta-v2" | "distilbert" | "roberta"));
        encoder == encoders
    });
    folders
}

fn assert_close(what: &str, got: &[f32], want: &[f32]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1.0f32, |max, x| max.max(x.abs()));
    let worst = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= TOLERANCE * scale, "{what}: differs by {worst} at a scale of {scale}");
}
