//! Sampling and splitting rows as pandas' `sample` and scikit-learn's `train_test_split` do, bit for bit.
//!
//! Everything here is about positions `0..n`; which rows those are, and what their labels are called, is the caller's.

use std::collections::BTreeMap;

use super::dataset::{Split, SplitSizes};
use super::numpy::RandomState;

/// How far from 1 the shares may add up, in millionths: three times 0.333333 will do.
const TOLERANCE: f64 = 1.0;

/// Shares that make no splits; a message names the key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// A share that is negative, above 1 or no number.
    #[error("data.splits.{split} is {share}, but a share lies between 0 and 1")]
    Share {
        /// Whose share.
        split: Split,
        /// The share.
        share: f64,
    },
    /// Shares that leave rows over, or want more than all.
    #[error("data.splits add up to {sum}, but must add up to 1")]
    Sum {
        /// Their sum.
        sum: f64,
    },
    /// Too few rows for the shares.
    #[error(
        "data.splits: of {rows} rows none is left for {split}, whose share is {share}; use more rows or other shares"
    )]
    Empty {
        /// The split that would be empty.
        split: Split,
        /// Its share.
        share: f64,
        /// Rows to split.
        rows: usize,
    },
    /// A label that cannot be on both sides.
    #[error("data.stratify: only one of the {rows} rows to split into {sides} has the label {label:?}, two are needed")]
    OneMember {
        /// The label.
        label: String,
        /// Rows to split.
        rows: usize,
        /// Into what they were to be split.
        sides: String,
    },
    /// Fewer rows on a side than labels to represent.
    #[error("data.stratify: {side} would have {rows} rows, fewer than the {labels} labels to represent")]
    FewerThanLabels {
        /// The smaller side.
        side: String,
        /// Its rows.
        rows: usize,
        /// Labels among the rows to split.
        labels: usize,
    },
}

/// The labels whose proportions every split keeps.
#[derive(Clone, Copy, Debug)]
pub struct Strata<'a> {
    /// For every position the number of its label, in scikit-learn's order of labels (ascending).
    pub classes: &'a [usize],
    /// What the labels are called, for messages.
    pub names: &'a [&'a str],
}

/// Positions of the training, validation and test split, each in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The training split.
    pub train: Vec<usize>,
    /// The validation split.
    pub validation: Vec<usize>,
    /// The test split.
    pub test: Vec<usize>,
}

/// `size` of `0..n` as pandas' `sample(n=size, random_state=seed)` draws them; `size == n` is `sample(frac=1)`.
pub fn sample(n: usize, size: usize, seed: u32) -> Vec<usize> {
    RandomState::new(seed).choice(n, size)
}

/// Splits `0..n` into three, as two calls of `train_test_split(…, random_state=seed)` do: first the training split from the
/// rest, with `test_size = validation + test`, then that rest, with `test_size = test / (validation + test)`. A call that
/// would have nothing to do, since one side has no share, is left out; then the order stays as it is.
///
/// Fails when the shares are no shares, a split with a share would be empty, or (stratified) a label has too few rows.
pub fn split(n: usize, sizes: &SplitSizes, seed: u32, strata: Option<Strata>) -> Result<Positions, SplitError> {
    check(sizes)?;
    let held_out = sizes.validation + sizes.test;
    let all: Vec<usize> = (0..n).collect();
    let (train, rest) = match (sizes.train > 0.0, held_out > 0.0) {
        (true, true) => {
            let rest = match (sizes.validation > 0.0, sizes.test > 0.0) {
                (true, true) => "validation and test",
                (true, false) => "validation",
                _ => "test",
            };
            train_test_split(&all, ratio(held_out, 1.0), seed, strata, ["train", rest])?
        }
        (true, false) => (all, Vec::new()),
        _ => (Vec::new(), all),
    };
    let (validation, test) = match (sizes.validation > 0.0, sizes.test > 0.0) {
        (true, true) => train_test_split(&rest, ratio(sizes.test, held_out), seed, strata, ["validation", "test"])?,
        (true, false) => (rest, Vec::new()),
        _ => (Vec::new(), rest),
    };
    let positions = Positions { train, validation, test };
    for (split, part) in
        [(Split::Train, &positions.train), (Split::Validation, &positions.validation), (Split::Test, &positions.test)]
    {
        let share = sizes.share(split);
        if part.is_empty() && share > 0.0 {
            return Err(SplitError::Empty { split, share, rows: n });
        }
    }
    Ok(positions)
}

fn check(sizes: &SplitSizes) -> Result<(), SplitError> {
    for split in Split::ALL {
        let share = sizes.share(split);
        if !(0.0..=1.0).contains(&share) {
            return Err(SplitError::Share { split, share });
        }
    }
    let sum = sizes.train + sizes.validation + sizes.test;
    if ((sum - 1.0) * 1e6).round().abs() > TOLERANCE {
        return Err(SplitError::Sum { sum });
    }
    Ok(())
}

/// `part / whole` as the number that one would have written: 0.15 of 0.15 + 0.15 is 0.5, and 0.1 + 0.2 of 1 is 0.3, not
/// 0.30000000000000004. The last bit decides how many rows `test_size` gets, since scikit-learn rounds up.
fn ratio(part: f64, whole: f64) -> f64 {
    /// Shares are written with fewer decimals than this; whole numbers of these units divide without noise.
    const UNITS: f64 = 1e9;
    let units = |share: f64| {
        let units = (share * UNITS).round();
        ((units / UNITS - share).abs() < 1e-12).then_some(units)
    };
    let (part, whole) = units(part).zip(units(whole)).unwrap_or((part, whole));
    part / whole
}

/// scikit-learn's `train_test_split(items, test_size=…, random_state=seed, stratify=…)`. `sides` is what the two results are
/// called in messages. Either side may come out empty where there are too few items.
fn train_test_split(
    items: &[usize],
    test_size: f64,
    seed: u32,
    strata: Option<Strata>,
    sides: [&str; 2],
) -> Result<(Vec<usize>, Vec<usize>), SplitError> {
    let tests = ((test_size * items.len() as f64).ceil() as usize).min(items.len());
    let trains = items.len() - tests;
    let mut rng = RandomState::new(seed);
    match strata {
        Some(strata) => stratified(items, trains, tests, &mut rng, strata, sides),
        None => {
            let mut shuffled: Vec<usize> = rng.permutation(items.len()).iter().map(|i| items[*i]).collect();
            let train = shuffled.split_off(tests);
            Ok((train, shuffled))
        }
    }
}

/// One split of scikit-learn's `StratifiedShuffleSplit`.
fn stratified(
    items: &[usize],
    trains: usize,
    tests: usize,
    rng: &mut RandomState,
    strata: Strata,
    sides: [&str; 2],
) -> Result<(Vec<usize>, Vec<usize>), SplitError> {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for item in items {
        members.entry(strata.classes.get(*item).copied().unwrap_or_default()).or_default().push(*item);
    }
    if let Some((class, _)) = members.iter().find(|(_, members)| members.len() < 2) {
        let label = strata.names.get(*class).copied().unwrap_or_default().to_owned();
        return Err(SplitError::OneMember { label, rows: items.len(), sides: sides.join(" / ") });
    }
    for (side, rows) in sides.into_iter().zip([trains, tests]) {
        if rows < members.len() {
            return Err(SplitError::FewerThanLabels { side: side.to_owned(), rows, labels: members.len() });
        }
    }

    let counts: Vec<usize> = members.values().map(Vec::len).collect();
    let in_train = approximate_mode(&counts, trains, rng);
    let left: Vec<usize> = counts.iter().zip(&in_train).map(|(count, taken)| count.saturating_sub(*taken)).collect();
    let in_test = approximate_mode(&left, tests, rng);
    let (mut train, mut test) = (Vec::with_capacity(trains), Vec::with_capacity(tests));
    for ((mut members, in_train), in_test) in members.into_values().zip(in_train).zip(in_test) {
        rng.shuffle(&mut members);
        train.extend(members.iter().take(in_train));
        test.extend(members.iter().skip(in_train).take(in_test));
    }
    rng.shuffle(&mut train);
    rng.shuffle(&mut test);
    Ok((train, test))
}

/// How many of `draws` fall to each class, as scikit-learn's `_approximate_mode` has it: in proportion, rounded down, and
/// what is missing goes to the largest remainders, ties by lot.
fn approximate_mode(counts: &[usize], draws: usize, rng: &mut RandomState) -> Vec<usize> {
    let total = counts.iter().sum::<usize>() as f64;
    let exact: Vec<f64> = counts.iter().map(|count| *count as f64 / total * draws as f64).collect();
    let mut taken: Vec<usize> = exact.iter().map(|share| share.floor() as usize).collect();
    let remainders: Vec<f64> = exact.iter().map(|share| share - share.floor()).collect();
    let mut missing = draws.saturating_sub(taken.iter().sum());
    let mut values = remainders.clone();
    values.sort_by(|a, b| b.total_cmp(a));
    values.dedup();
    for value in values {
        if missing == 0 {
            break;
        }
        let tied: Vec<usize> = (0..counts.len()).filter(|class| remainders[*class] == value).collect();
        let chosen = rng.choice(tied.len(), missing);
        missing -= chosen.len();
        for index in chosen {
            taken[tied[index]] += 1;
        }
    }
    taken
}

#[cfg(test)]
pub(in crate::data) mod tests {
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;
    use crate::data::hashed;

    /// A file of `tests/fixtures/data`.
    pub(in crate::data) fn fixture(name: &str) -> Value {
        let path = format!("{}/tests/fixtures/data/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    /// A file of the project's shared folder, if that is there.
    pub(in crate::data) fn shared(name: &str) -> Option<std::path::PathBuf> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(name);
        if !path.exists() {
            println!("skipped: ../shared is not there");
        }
        path.exists().then_some(path)
    }

    /// A JSON list of whole numbers.
    pub(in crate::data) fn numbers(value: &Value) -> Vec<usize> {
        value.as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    }

    fn sizes(shares: [f64; 3]) -> SplitSizes {
        SplitSizes { train: shares[0], validation: shares[1], test: shares[2] }
    }

    #[test]
    fn samples_are_pandas() {
        let reference = fixture("rng.json");
        for (key, n, size) in [
            ("pandas_sample20_n3", 20, 3),
            ("pandas_sample20_frac1", 20, 20),
            ("pandas_sample20_frac03", 20, 6),
            ("pandas_sample6_frac1", 6, 6),
        ] {
            assert_eq!(sample(n, size, 42), numbers(&reference[key]), "{key}");
        }
        assert_eq!(sample(19612, 5000, 42)[..20], numbers(&reference["pandas_sample5000_head"]));
    }

    #[test]
    fn one_stage_is_scikit_learns() {
        let reference = fixture("rng.json");
        for (key, n) in [("sklearn_split_20_t02", 20), ("sklearn_split_21_t02", 21)] {
            let made = split(n, &sizes([0.8, 0.0, 0.2]), 42, None).unwrap();
            assert_eq!(made.train, numbers(&reference[key]["train"]), "{key}");
            assert_eq!(made.test, numbers(&reference[key]["test"]), "{key}");
            let made = split(n, &sizes([0.8, 0.2, 0.0]), 42, None).unwrap();
            assert_eq!(made.validation, numbers(&reference[key]["test"]), "{key}");
        }
        let classes: Vec<usize> = (0..20).map(|i| usize::from(i >= 14)).collect();
        let strata = Strata { classes: &classes, names: &["a", "b"] };
        let made = split(20, &sizes([0.75, 0.0, 0.25]), 42, Some(strata)).unwrap();
        let expected = &reference["sklearn_split_20_t025_stratify_14_6"];
        assert_eq!(made.train, numbers(&expected["train"]));
        assert_eq!(made.test, numbers(&expected["test"]));
    }

    /// A case of `splits.json`: the SHA-256 is of the positions of a split, as decimal numbers joined by commas.
    #[derive(Deserialize)]
    struct Case {
        n: usize,
        shares: [f64; 3],
        seed: u32,
        /// Cumulated weights of the classes that `classes` repeats, where the case is stratified.
        strata: Option<Vec<usize>>,
        lengths: [usize; 3],
        sha256: [String; 3],
        /// The first positions of each split.
        heads: [Vec<usize>; 3],
    }

    /// The class of every position: scattered, with about the weights given; `make_splits.py` has the same formula.
    fn classes(n: usize, cumulated: &[usize]) -> Vec<usize> {
        let total = *cumulated.last().unwrap();
        let class = |i: usize| {
            let spot = (i * 7919 + i * i * 31) % total;
            cumulated.iter().position(|bound| spot < *bound).unwrap()
        };
        (0..n).map(class).collect()
    }

    #[test]
    fn all_cases_are_scikit_learns() {
        let cases: Vec<Case> = serde_json::from_value(fixture("splits.json")["cases"].clone()).unwrap();
        assert!(cases.len() > 200);
        for case in cases {
            let what = format!("n {}, shares {:?}, seed {}, {:?}", case.n, case.shares, case.seed, case.strata);
            let classes = case.strata.as_ref().map(|cumulated| classes(case.n, cumulated));
            let strata = classes.as_ref().map(|classes| Strata { classes, names: &[] });
            let made = split(case.n, &sizes(case.shares), case.seed, strata).unwrap_or_else(|e| panic!("{what}: {e}"));
            let made = [made.train, made.validation, made.test];
            assert_eq!([made[0].len(), made[1].len(), made[2].len()], case.lengths, "{what}");
            for ((made, sha256), head) in made.iter().zip(case.sha256).zip(case.heads) {
                assert_eq!(made[..head.len()], head, "{what}");
                let joined = made.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
                assert_eq!(hashed::sha256(joined.as_bytes()), sha256, "{what}");
            }
        }
    }

    #[test]
    fn float_noise_does_not_move_a_row() {
        assert_eq!(ratio(0.1 + 0.2, 1.0), 0.3);
        assert_eq!(ratio(1.0 - 0.7, 1.0), 0.3);
        assert_eq!(ratio(0.15, 0.15 + 0.15), 0.5);
        assert_eq!(ratio(0.15, 0.05 + 0.15), 0.75);
        assert_eq!(ratio(0.2, 0.1 + 0.2), 2.0 / 3.0);
        assert_eq!(ratio(1.0 / 3.0, 1.0), 1.0 / 3.0);
        assert_eq!(split(10, &sizes([0.7, 1.0 - 0.7, 0.0]), 1, None).unwrap().validation.len(), 3);
    }

    #[test]
    fn shares_of_nothing_leave_the_order() {
        let all: Vec<usize> = (0..5).collect();
        assert_eq!(split(5, &sizes([1.0, 0.0, 0.0]), 42, None).unwrap().train, all);
        assert_eq!(split(5, &sizes([0.0, 1.0, 0.0]), 42, None).unwrap().validation, all);
        assert_eq!(split(5, &sizes([0.0, 0.0, 1.0]), 42, None).unwrap().test, all);
    }

    #[test]
    fn wrong_shares_are_named() {
        let error = |shares| split(100, &sizes(shares), 42, None).unwrap_err().to_string();
        assert_eq!(error([0.8, 0.3, -0.1]), "data.splits.test is -0.1, but a share lies between 0 and 1");
        assert!(error([f64::NAN, 0.5, 0.5]).contains("data.splits.train is NaN"));
        assert_eq!(error([0.5, 0.25, 0.125]), "data.splits add up to 0.875, but must add up to 1");
        assert!(split(100, &sizes([0.333333, 0.333333, 0.333333]), 42, None).is_ok());
    }

    #[test]
    fn empty_splits_are_named() {
        let error = |n, shares| split(n, &sizes(shares), 42, None).unwrap_err().to_string();
        assert!(error(2, [0.8, 0.1, 0.1]).starts_with("data.splits: of 2 rows none is left for validation"));
        assert!(error(1, [0.8, 0.0, 0.2]).contains("none is left for train"));
        assert!(error(0, [0.0, 0.0, 1.0]).contains("none is left for test"));
    }

    #[test]
    fn small_strata_are_named() {
        let mut classes = vec![0; 30];
        classes[7] = 1;
        let names = ["oppose", "support"];
        let error = |classes: &[usize], shares| {
            let strata = Strata { classes, names: &names };
            split(30, &sizes(shares), 42, Some(strata)).unwrap_err().to_string()
        };
        assert_eq!(
            error(&classes, [0.8, 0.1, 0.1]),
            "data.stratify: only one of the 30 rows to split into train / validation and test has the label \"support\", \
             two are needed"
        );
        classes[8] = 1;
        let expected = "data.stratify: test would have 1 rows, fewer than the 2 labels to represent";
        assert_eq!(error(&classes, [0.98, 0.0, 0.02]), expected);
    }
}
