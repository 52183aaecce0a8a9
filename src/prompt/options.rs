//! The order in which a row is shown the labels.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use crate::data::Split;
use crate::data::numpy::RandomState;
use crate::data::python::Random;

use super::OptionOrder;
use super::rows::Rows;

/// The orders of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders {
    /// How they are made.
    pub order: OptionOrder,
    /// `prompt.seed`.
    pub seed: u32,
}

impl Orders {
    /// Whether the orders are drawn one after another, so that a row's depends on those before it in its split.
    pub(super) fn draws_in_turn(self, shuffle: u32) -> bool {
        self.order == OptionOrder::Python && shuffle == 0
    }

    /// Python's draws: for each split `random.seed(seed)`, then `random.sample(labels, len(labels))` for each of its rows.
    pub(super) fn drawn(self, rows: &dyn Rows) -> HashMap<usize, Vec<usize>> {
        let labels = rows.labels().len();
        let of_split = |split| {
            let mut random = Random::new(u64::from(self.seed));
            rows.split(split).iter().map(move |row| (*row, random.sample(labels, labels)))
        };
        Split::ALL.into_iter().flat_map(of_split).collect()
    }

    /// The order of `labels` labels for a row by itself: the session's own (`shuffle` 0) or a further one.
    ///
    /// A shuffled order is that of numpy's `RandomState(s).permutation(labels)`, where `s` is the first four bytes,
    /// little-endian, of the SHA-256 of `"{prompt.seed}:{row}"`, and of `"{prompt.seed}:{row}:{shuffle}"` for the further
    /// ones: each row has its own, the same in every run, whatever rows are run beside it. A row in no split, which Python
    /// draws nothing for, is shuffled in this way.
    pub(super) fn of(self, row: usize, shuffle: u32, labels: usize) -> Vec<usize> {
        let name = match (self.order, shuffle) {
            (OptionOrder::Fixed, 0) => return (0..labels).collect(),
            (_, 0) => format!("{}:{row}", self.seed),
            _ => format!("{}:{row}:{shuffle}", self.seed),
        };
        RandomState::new(seed_of(&name)).permutation(labels)
    }
}

/// A seed out of a name.
pub(crate) fn seed_of(name: &str) -> u32 {
    let hash = Sha256::digest(name);
    hash.iter().take(4).rev().fold(0_u32, |seed, byte| seed << 8 | u32::from(*byte))
}
