//! Python's `random.Random`, bit for bit: what `random.seed(42)` means in a notebook.
//!
//! The same generator as numpy's, but seeded through `init_by_array`, with integers drawn from the high bits and two ways
//! of sampling. As in Python 3.11 and later.

use std::collections::HashSet;

use rand_mt::Mt;

use super::numpy::double_of_53_bits;

/// A stream of random numbers, the same as `random.Random(seed)`'s.
#[derive(Clone, Debug)]
pub struct Random {
    mt: Mt,
}

impl Random {
    /// The stream of a non-negative integer seed.
    pub fn new(seed: u64) -> Self {
        let (low, high) = (seed as u32, (seed >> 32) as u32);
        let key = if high == 0 { vec![low] } else { vec![low, high] };
        Self { mt: Mt::new_with_key(key) }
    }

    /// `random()`: a double in [0, 1).
    pub fn random(&mut self) -> f64 {
        double_of_53_bits(&mut self.mt)
    }

    /// `randrange(n)`: an integer of `0..n`; 0 where `n` is 0, which Python refuses.
    pub fn randrange(&mut self, n: u32) -> u32 {
        let Some(leading) = n.checked_ilog2() else {
            return 0;
        };
        loop {
            let bits = self.mt.next_u32() >> (31 - leading);
            if bits < n {
                return bits;
            }
        }
    }

    /// `shuffle(items)`: puts items into random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.randrange(saturated(last + 1)) as usize;
            items.swap(last, other);
        }
    }

    /// `sample(range(n), size)`: `size` different numbers of `0..n`. All of them, in random order, where `size` is larger
    /// than `n`, which Python refuses.
    pub fn sample(&mut self, n: usize, size: usize) -> Vec<usize> {
        let size = size.min(n);
        // Python keeps a set of what was drawn where that is smaller than a list of everything, and the two ways draw
        // differently.
        if n <= set_size(size) {
            let mut pool: Vec<usize> = (0..n).collect();
            (0..size).map(|_| pool.swap_remove(self.randrange(saturated(pool.len())) as usize)).collect()
        } else {
            let mut seen = HashSet::with_capacity(size);
            (0..size)
                .map(|_| {
                    loop {
                        let number = self.randrange(saturated(n)) as usize;
                        if seen.insert(number) {
                            return number;
                        }
                    }
                })
                .collect()
        }
    }
}

/// Up to this population `sample` draws from a list: 21, and for more than 5 draws the table of a set that holds them.
fn set_size(size: usize) -> usize {
    if size <= 5 {
        return 21;
    }
    let mut table = 4_usize;
    while table < size.saturating_mul(3) {
        table = table.saturating_mul(4);
    }
    table.saturating_add(21)
}

/// Populations beyond 2³² are not told apart: no table is that long.
fn saturated(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::split::tests::{fixture, numbers};

    #[test]
    fn samples_are_pythons() {
        let reference = fixture("rng.json");
        let seeded = &reference["python_random_seed42"];
        for (key, n, size) in [
            ("sample_range12_12", 12, 12),
            ("sample_range12_5", 12, 5),
            ("sample_range100_30", 100, 30),
            ("sample_range1000_5", 1000, 5),
        ] {
            assert_eq!(Random::new(42).sample(n, size), numbers(&seeded[key]), "{key}");
        }
        assert_eq!(Random::new(0).sample(12, 12), numbers(&reference["python_random_seed0_sample12"]));
        let wide = (1 << 40) + 5;
        assert_eq!(Random::new(wide).sample(12, 12), numbers(&reference["python_random_seed_2p40_plus5_sample12"]));
        assert_eq!(Random::new(42).sample(3, 9).len(), 3);
    }

    #[test]
    fn one_stream_goes_on_from_sample_to_sample() {
        let reference = fixture("rng.json");
        let seeded = &reference["python_random_seed42"];
        let parties: Vec<String> = serde_json::from_value(seeded["parties"].clone()).unwrap();
        let expected: Vec<Vec<String>> = serde_json::from_value(seeded["three_sample12_in_a_row"].clone()).unwrap();
        let mut random = Random::new(42);
        for order in expected {
            let drawn: Vec<&String> =
                random.sample(parties.len(), parties.len()).iter().map(|i| &parties[*i]).collect();
            assert_eq!(drawn, order.iter().collect::<Vec<_>>());
        }
        let choices: Vec<String> = serde_json::from_value(seeded["choice5"].clone()).unwrap();
        let mut random = Random::new(42);
        for choice in choices {
            assert_eq!(parties[random.randrange(12) as usize], choice);
        }
    }

    #[test]
    fn numbers_are_pythons() {
        let reference = fixture("rng.json");
        let seeded = &reference["python_random_seed42"];
        let expected: Vec<f64> = serde_json::from_value(seeded["random5"].clone()).unwrap();
        let mut random = Random::new(42);
        assert_eq!((0..5).map(|_| random.random()).collect::<Vec<_>>(), expected);
        let mut random = Random::new(42);
        let drawn: Vec<usize> = (0..10).map(|_| random.randrange(12) as usize).collect();
        assert_eq!(drawn, numbers(&seeded["randrange12_x10"]));
        assert_eq!(random.randrange(0), 0);
        let mut items: Vec<usize> = (0..12).collect();
        Random::new(42).shuffle(&mut items);
        assert_eq!(items, numbers(&seeded["shuffle12"]));
    }
}
