//! numpy's legacy `RandomState`, bit for bit: what `random_state=42` means in pandas and scikit-learn.
//!
//! The generator is MT19937 seeded by `init_genrand` (the `rand_mt` crate); what numpy builds on it is here: doubles of 53
//! bits, integers by masked rejection, and the Fisher-Yates shuffle that `permutation` and `choice` use. numpy has frozen
//! this stream, so it is the same in every version.

use rand_mt::Mt;

/// A stream of random numbers, the same as `numpy.random.RandomState(seed)`'s.
#[derive(Clone, Debug)]
pub struct RandomState {
    mt: Mt,
}

impl RandomState {
    /// The stream of an integer seed.
    pub fn new(seed: u32) -> Self {
        Self { mt: Mt::new(seed) }
    }

    /// The generator's next 32 bits.
    pub fn next_u32(&mut self) -> u32 {
        self.mt.next_u32()
    }

    /// `random_sample()`: a double in [0, 1) from 53 random bits.
    pub fn random_sample(&mut self) -> f64 {
        double_of_53_bits(&mut self.mt)
    }

    /// `randint(low, high)`: an integer of `low..high`; `low` where that range is empty.
    pub fn randint(&mut self, low: i64, high: i64) -> i64 {
        if high <= low {
            return low;
        }
        low.wrapping_add_unsigned(self.interval(high.abs_diff(low) - 1))
    }

    /// `permutation(n)`: the numbers `0..n` in random order.
    pub fn permutation(&mut self, n: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..n).collect();
        self.shuffle(&mut numbers);
        numbers
    }

    /// `shuffle(items)`: puts items into random order, the order that `permutation(items)` returns.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.interval(last as u64) as usize;
            items.swap(last, other);
        }
    }

    /// `choice(n, size, replace=False)`: `size` different numbers of `0..n`. All of them where `size` is larger than `n`,
    /// which numpy refuses.
    pub fn choice(&mut self, n: usize, size: usize) -> Vec<usize> {
        let mut numbers = self.permutation(n);
        numbers.truncate(size);
        numbers
    }

    /// An integer of `0..=max`: random bits under the smallest mask that covers `max`, drawn until they fit.
    fn interval(&mut self, max: u64) -> u64 {
        let Some(leading) = max.checked_ilog2() else {
            return 0;
        };
        let mask = u64::MAX >> (63 - leading);
        loop {
            let bits = if max <= u64::from(u32::MAX) { u64::from(self.mt.next_u32()) } else { self.two_words() };
            if bits & mask <= max {
                return bits & mask;
            }
        }
    }

    /// 64 bits, the high half drawn first.
    fn two_words(&mut self) -> u64 {
        let high = u64::from(self.mt.next_u32());
        high << 32 | u64::from(self.mt.next_u32())
    }
}

/// A double in [0, 1) from 27 and 26 bits of two draws (`genrand_res53`), as both numpy and Python make it.
pub(super) fn double_of_53_bits(mt: &mut Mt) -> f64 {
    let high = f64::from(mt.next_u32() >> 5);
    let low = f64::from(mt.next_u32() >> 6);
    (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::data::split::tests::{fixture, numbers};

    fn reference() -> Value {
        fixture("rng.json")
    }

    #[test]
    fn raw_words_are_numpys() {
        let mut rng = RandomState::new(42);
        let words: Vec<usize> = (0..10).map(|_| rng.next_u32() as usize).collect();
        assert_eq!(words, numbers(&reference()["mt19937_init_genrand_first10_raw_u32"]));
    }

    #[test]
    fn doubles_are_numpys() {
        let mut rng = RandomState::new(42);
        let doubles: Vec<f64> = (0..5).map(|_| rng.random_sample()).collect();
        let expected: Vec<f64> = serde_json::from_value(reference()["np_random_sample5"].clone()).unwrap();
        assert_eq!(doubles, expected);
    }

    #[test]
    fn integers_are_numpys() {
        let mut rng = RandomState::new(42);
        let integers: Vec<usize> = (0..10).map(|_| rng.randint(0, 100) as usize).collect();
        assert_eq!(integers, numbers(&reference()["np_randint_0_100_x10"]));
        assert_eq!(rng.randint(7, 8), 7);
        assert_eq!(rng.randint(7, 7), 7);
    }

    #[test]
    fn permutations_are_numpys() {
        let reference = reference();
        for (key, seed, n) in [
            ("np_permutation10", 42, 10),
            ("np_permutation1", 42, 1),
            ("np_permutation10_seed0", 0, 10),
            ("np_permutation10_seed123456789", 123_456_789, 10),
        ] {
            assert_eq!(RandomState::new(seed).permutation(n), numbers(&reference[key]), "{key}");
        }
        assert_eq!(RandomState::new(42).permutation(5000)[..20], numbers(&reference["np_permutation_5000_head"]));
        assert!(RandomState::new(42).permutation(0).is_empty());
    }

    #[test]
    fn shuffle_and_choice_are_numpys() {
        let reference = reference();
        let mut items: Vec<usize> = (0..10).collect();
        RandomState::new(42).shuffle(&mut items);
        assert_eq!(items, numbers(&reference["np_shuffle_list10"]));
        assert_eq!(RandomState::new(42).choice(20, 5), numbers(&reference["np_choice_20_5_noreplace"]));
        assert_eq!(RandomState::new(42).choice(3, 5).len(), 3);
    }

    #[test]
    fn wide_ranges_draw_two_words() {
        let expected: Vec<i64> = serde_json::from_value(reference()["np_randint_wide_x10"].clone()).unwrap();
        let mut rng = RandomState::new(42);
        let drawn: Vec<i64> = expected.iter().map(|_| rng.randint(-5, 1 << 40)).collect();
        assert_eq!(drawn, expected);
    }
}
