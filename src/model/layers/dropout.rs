//! Dropout with a generator of our own: whether an element stays is a function of the seed and of its place, so that the
//! backward pass asks again instead of keeping a mask, and a training that goes on drops what the unbroken one would have.

/// Dropout of one matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// The share of elements that become zero; 0 is no dropout.
    pub rate: f32,
    /// The seed: another one for each place in the model and each step.
    pub seed: u64,
}

/// A bijection on 32 bits whose output bits each depend on all input bits.
#[inline(always)]
fn mix(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

/// Streams of numbers from one seed.
pub mod seed {
    /// The `index`th number of a seed's stream (SplitMix64). It may be the seed of a stream itself.
    pub fn derive(seed: u64, index: u64) -> u64 {
        let mut x = seed.wrapping_add(index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

impl Dropout {
    /// No dropout.
    pub const NONE: Self = Self { rate: 0.0, seed: 0 };

    /// Dropout at the `place`th place of a model in the step that `seed` belongs to.
    pub fn at(rate: f32, seed: u64, place: u64) -> Self {
        Self { rate, seed: seed::derive(seed, place) }
    }

    /// Whether nothing is dropped.
    pub fn is_none(self) -> bool {
        self.rate <= 0.0
    }

    /// What the element at `index` is multiplied with: 0, or what makes up for those that are gone.
    #[inline(always)]
    pub fn factor(self, index: usize) -> f32 {
        let (low, high) = (self.seed as u32, (self.seed >> 32) as u32);
        let hash = mix(mix((index as u32) ^ low).wrapping_add(high));
        // 24 bits are exact as f32; they vectorise where wider numbers would not.
        let uniform = (hash >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
        if uniform < self.rate { 0.0 } else { 1.0 / (1.0 - self.rate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_its_share_and_keeps_the_mean() {
        for rate in [0.1f32, 0.5] {
            let dropout = Dropout::at(rate, 42, 7);
            let n = 200_000;
            let kept = (0..n).filter(|&index| dropout.factor(index) > 0.0).count() as f32 / n as f32;
            assert!((kept - (1.0 - rate)).abs() < 0.005, "{kept}");
            // Neighbours know nothing of each other.
            let both = (1..n).filter(|&i| dropout.factor(i) > 0.0 && dropout.factor(i - 1) > 0.0).count() as f32;
            assert!((both / n as f32 - (1.0 - rate).powi(2)).abs() < 0.005);
        }
        assert_eq!(Dropout::NONE.factor(3), 1.0);
    }

    #[test]
    fn places_and_steps_differ() {
        let mask = |dropout: Dropout| (0..64).map(|index| dropout.factor(index) > 0.0).collect::<Vec<_>>();
        assert_eq!(mask(Dropout::at(0.5, 1, 2)), mask(Dropout::at(0.5, 1, 2)));
        assert_ne!(mask(Dropout::at(0.5, 1, 2)), mask(Dropout::at(0.5, 1, 3)));
        assert_ne!(mask(Dropout::at(0.5, 1, 2)), mask(Dropout::at(0.5, 2, 2)));
    }
}
