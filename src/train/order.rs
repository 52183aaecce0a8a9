//! In which order a training meets its rows: a new seeded one each epoch, with texts of like length together if asked for.

use crate::model::layers::seed;

/// Batches whose texts are sorted by length together, as in `Trainer`'s sampler.
const MEGA: usize = 50;

/// The places of `count` rows in a random order: Fisher and Yates' shuffle.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // The bias of the remainder is below 2^-32 for any number of rows that fits into memory.
        let other = (seed::derive(seed, last as u64) % (last as u64 + 1)) as usize;
        order.swap(last, other);
    }
    order
}

/// The batches of an epoch, each the places of its rows.
pub fn batches(lengths: &[usize], batch: usize, grouped: bool, seed: u64, epoch: usize) -> Vec<Vec<usize>> {
    let batch = batch.max(1);
    let seed = seed::derive(seed, epoch as u64);
    let mut order = shuffled(lengths.len(), seed);
    if !grouped {
        return order.chunks(batch).map(<[usize]>::to_vec).collect();
    }
    let length = |place: &usize| lengths.get(*place).copied().unwrap_or(0);
    // Whole batches, so that the one that is not full is the last one.
    let mega = (batch * MEGA).min(lengths.len() / 4 / batch * batch).max(batch);
    for part in order.chunks_mut(mega) {
        part.sort_by_key(|place| std::cmp::Reverse(length(place)));
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch).map(<[usize]>::to_vec).collect();
    let rest = batches.pop_if(|last| last.len() < batch);
    // From long to short each time would be a rhythm that is learnt.
    let places = shuffled(batches.len(), seed::derive(seed, u64::MAX));
    let mut mixed: Vec<Vec<usize>> = places.iter().filter_map(|place| batches.get(*place)).cloned().collect();
    // The longest text goes first, so that too little memory shows at once.
    let longest = |rows: &[usize]| rows.iter().map(length).max();
    if let Some(first) = (0..mixed.len()).max_by_key(|place| mixed.get(*place).map(|rows| longest(rows))) {
        mixed.swap(0, first);
    }
    mixed.extend(rest);
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_once_and_another_order_each_epoch() {
        let lengths: Vec<usize> = (0..1000).map(|row| 5 + row * 37 % 60).collect();
        for grouped in [false, true] {
            let first = batches(&lengths, 32, grouped, 42, 0);
            assert_eq!(first.len(), 32);
            assert_eq!(first[0].len(), 32);
            assert_eq!(first[31].len(), 1000 - 31 * 32);
            let mut all = first.concat();
            all.sort_unstable();
            assert_eq!(all, (0..1000).collect::<Vec<_>>());
            assert_eq!(first, batches(&lengths, 32, grouped, 42, 0));
            assert_ne!(first, batches(&lengths, 32, grouped, 42, 1));
            assert_ne!(first, batches(&lengths, 32, grouped, 43, 0));
        }
    }

    #[test]
    fn grouped_batches_have_little_padding_and_the_longest_text_first() {
        let lengths: Vec<usize> = (0..1000).map(|row| 5 + row * 37 % 60).collect();
        let padding = |grouped| -> usize {
            let rows = batches(&lengths, 16, grouped, 1, 0);
            rows.iter()
                .map(|rows| {
                    let longest = rows.iter().map(|row| lengths[*row]).max().unwrap();
                    rows.iter().map(|row| longest - lengths[*row]).sum::<usize>()
                })
                .sum()
        };
        assert!(padding(true) * 5 < padding(false));
        let batches = batches(&lengths, 16, true, 1, 0);
        let longest = |rows: &Vec<usize>| rows.iter().map(|row| lengths[*row]).max().unwrap();
        assert_eq!(longest(&batches[0]), 64);
        // Long and short ones in no order.
        let falls = batches.windows(2).filter(|pair| longest(&pair[0]) > longest(&pair[1])).count();
        assert!((20..42).contains(&falls), "{falls} of {}", batches.len());
    }

    #[test]
    fn small_splits_work() {
        assert!(batches(&[], 8, true, 1, 0).is_empty());
        assert_eq!(batches(&[3], 8, true, 1, 0), [[0]]);
    }
}
