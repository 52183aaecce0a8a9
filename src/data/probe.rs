//! A small sample of a split that keeps the labels' shares: the rows that a prompt is judged on while it is written.

use super::dataset::{Dataset, Split};
use super::numpy::RandomState;

/// At most `most` labelled rows of `split` with the places of their gold labels, the same for the same data and seed.
///
/// Every label that occurs has one row at least, as far as `most` goes; the others are shared out by the largest
/// remainder. Labels alternate, so that the first rows of the sample are a smaller sample of the same kind.
pub fn probe(data: &Dataset, split: Split, most: usize, seed: u32) -> Vec<(usize, usize)> {
    let mut classes: Vec<Vec<usize>> = vec![Vec::new(); data.labels().len()];
    for row in data.split(split).iter().copied() {
        if let Some(class) = data.gold(row).and_then(|label| classes.get_mut(label)) {
            class.push(row);
        }
    }
    let shares = shares(&classes.iter().map(Vec::len).collect::<Vec<_>>(), most);
    let drawn: Vec<Vec<(usize, usize)>> = classes
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(label, (class, share))| {
            let picked = RandomState::new(seed).choice(class.len(), *share);
            picked.into_iter().filter_map(|at| Some((*class.get(at)?, label))).collect()
        })
        .collect();
    interleave(&drawn)
}

/// How many of `most` rows each class gets.
fn shares(sizes: &[usize], most: usize) -> Vec<usize> {
    let total: usize = sizes.iter().sum();
    let most = most.min(total);
    if total == 0 {
        return vec![0; sizes.len()];
    }
    let exact: Vec<f64> = sizes.iter().map(|size| *size as f64 * most as f64 / total as f64).collect();
    let mut shares: Vec<usize> =
        exact.iter().zip(sizes).map(|(exact, size)| (*exact as usize).max(usize::from(*size > 0))).collect();
    // One row for each of many rare labels can be too much: the largest give way. Too little goes to the remainders.
    while shares.iter().sum::<usize>() > most {
        let Some(largest) = shares.iter_mut().max() else { break };
        *largest -= 1;
    }
    while shares.iter().sum::<usize>() < most {
        let lack = |place: &usize| exact.get(*place).zip(shares.get(*place)).map_or(0.0, |(e, s)| e - *s as f64);
        let open = (0..sizes.len()).filter(|place| shares.get(*place) < sizes.get(*place));
        let Some(place) = open.max_by(|a, b| lack(a).total_cmp(&lack(b)).then(b.cmp(a))) else { break };
        if let Some(share) = shares.get_mut(place) {
            *share += 1;
        }
    }
    shares
}

/// Rows of all classes, each spread evenly over the whole.
fn interleave(classes: &[Vec<(usize, usize)>]) -> Vec<(usize, usize)> {
    let mut placed: Vec<(f64, usize, (usize, usize))> = Vec::new();
    for (class, rows) in classes.iter().enumerate() {
        let step = 1.0 / rows.len().max(1) as f64;
        placed.extend(rows.iter().enumerate().map(|(at, row)| ((at as f64 + 0.5) * step, class, *row)));
    }
    placed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    placed.into_iter().map(|(_, _, row)| row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_proportions_and_forget_nobody() {
        assert_eq!(shares(&[434, 66], 32), [28, 4]);
        assert_eq!(shares(&[1000, 1, 0, 1], 10), [8, 1, 0, 1]);
        assert_eq!(shares(&[3, 2], 32), [3, 2]);
        assert_eq!(shares(&[1, 1, 1], 2).iter().sum::<usize>(), 2);
        assert_eq!(shares(&[0, 0], 5), [0, 0]);
        assert!(shares(&[], 5).is_empty());
    }

    #[test]
    fn labels_alternate() {
        let class = |label: usize, count: usize| (0..count).map(|row| (row, label)).collect::<Vec<_>>();
        let labels: Vec<usize> = interleave(&[class(0, 6), class(1, 2)]).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, [0, 0, 1, 0, 0, 0, 1, 0]);
        assert!(interleave(&[]).is_empty());
    }

    #[test]
    fn the_same_rows_each_time_all_of_the_split() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let rows: String = (0..200).map(|row| format!("text {row},{}\n", u8::from(row % 4 == 0))).collect();
        std::fs::write(&path, format!("text,label\n{rows}")).unwrap();
        let spec: super::super::DataSpec = toml::from_str("path = \"\"\nlabel = \"label\"").unwrap();
        let data = Dataset::load(&spec, &path).unwrap();
        let sample = probe(&data, Split::Train, 32, 42);
        assert_eq!(sample, probe(&data, Split::Train, 32, 42));
        assert_ne!(sample, probe(&data, Split::Train, 32, 43));
        assert_eq!(sample.len(), 32);
        assert!(
            sample
                .iter()
                .all(|(row, label)| { data.split_of(*row) == Some(Split::Train) && data.gold(*row) == Some(*label) })
        );
        let distinct: std::collections::HashSet<_> = sample.iter().map(|(row, _)| row).collect();
        assert_eq!(distinct.len(), 32);
    }
}
