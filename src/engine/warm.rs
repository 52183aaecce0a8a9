//! The first use of a GPU: kernels are loaded, and some compiled, when they are first run. That is done while the model is
//! read, so that nobody waits for it in front of a prompt.

use candle_core::Result;

use crate::model::decoder::Decoder;
use crate::model::kv::{Batch, Past, Row};
use crate::model::ops::Ops;

use super::score::prefill;

/// Rows and tokens of a batch large enough that its products take the kernels of real ones.
const ROWS: usize = 64;
const TOKENS: usize = 48;

/// Scores and continues rows of nothing, behind a prefix; nothing is kept. `go_on` is asked before each layer.
pub fn warm_up<O: Ops>(decoder: &Decoder, ops: &O, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
    let Some(prefix) = prefill(decoder, ops, &[], &[0; TOKENS], go_on)? else { return Ok(()) };
    for shared in [&[][..], &[prefix]] {
        let mut past = Past::none(ops, ROWS);
        // Of two lengths, as real rows are.
        let prompts = (0..ROWS).map(|row| Row::causal(vec![0; TOKENS - row % 2])).collect::<Vec<_>>();
        let next = vec![Row::causal(vec![0]); ROWS];
        for rows in [&prompts, &next] {
            let mut batch = Batch { rows, shared, past: Some(&mut past) };
            let Some(hidden) = decoder.forward_while(ops, &mut batch, go_on)? else { return Ok(()) };
            let logits = decoder.logits(ops, &hidden)?;
            ops.logprobs(&logits, &[(0, 0)])?;
            ops.best(&logits)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::model::language::load_decoder;
    use crate::model::locate::ModelFiles;
    use crate::model::ops::device;
    use crate::model::weights::Weights;

    #[test]
    fn rows_of_nothing_can_be_computed_and_stopped() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/smoke");
        let weights = Weights::open(&ModelFiles::Folder(folder.into())).unwrap();
        let decoder = load_decoder(&weights, &Device::Cpu, DType::F32, false, &mut || true).unwrap();
        let ops = device::Device { device: Device::Cpu, dtype: DType::F32 };
        warm_up(&decoder, &ops, &mut || true).unwrap();
        let mut layers = 0;
        let mut three = || {
            layers += 1;
            layers <= 3
        };
        warm_up(&decoder, &ops, &mut three).unwrap();
        assert_eq!(layers, 4);
    }
}
