//! How far raters agree beyond chance: two ([`kappa`]) or any number, with gaps ([`alpha`]). A rater is whoever gave rows
//! a label: a run, or the gold labels.

use std::collections::HashMap;

use super::Confusion;
use super::report::cohen_kappa;

/// Cohen's kappa of two raters, from the two labels of each row: 1 where they agree everywhere, 0 where as often as
/// chance would have it. As scikit-learn's `cohen_kappa_score`. NaN without rows, and where both give all rows one label.
pub fn kappa<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> f64 {
    cohen_kappa(&Confusion::of(pairs))
}

/// Krippendorff's alpha for nominal labels: `rows` has the labels of each row, one entry a rater, `None` where that rater
/// gave none. Rows with fewer than two labels tell nothing and are passed over. 1 where all agree, 0 where as often as
/// chance would have it.
///
/// From the coincidence matrix, as in Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", part C, and as
/// `krippendorff.alpha(level_of_measurement="nominal")`. NaN where no row has two labels, and where all labels are the
/// same, which that package refuses.
pub fn alpha<'a, R>(rows: impl IntoIterator<Item = R>) -> f64
where
    R: IntoIterator<Item = Option<&'a str>>,
{
    let mut totals: HashMap<&str, f64> = HashMap::new();
    let mut of_row: Vec<(&str, f64)> = Vec::new();
    let mut disagreement = 0.0;
    for row in rows {
        of_row.clear();
        for label in row.into_iter().flatten() {
            match of_row.iter_mut().find(|(known, _)| *known == label) {
                Some((_, count)) => *count += 1.0,
                None => of_row.push((label, 1.0)),
            }
        }
        let labels: f64 = of_row.iter().map(|(_, count)| count).sum();
        if labels < 2.0 {
            continue;
        }
        let same: f64 = of_row.iter().map(|(_, count)| count * count).sum();
        disagreement += (labels * labels - same) / (labels - 1.0);
        for (label, count) in &of_row {
            *totals.entry(label).or_default() += count;
        }
    }
    let labels: f64 = totals.values().sum();
    // Whole numbers, so that their order does not matter.
    let expected = labels * labels - totals.values().map(|count| count * count).sum::<f64>();
    if expected > 0.0 { 1.0 - (labels - 1.0) * disagreement / expected } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixtures::{close, read};

    #[test]
    fn alpha_equals_krippendorffs_package() {
        let cases = read("compare.json");
        let cases = cases["alpha"].as_array().unwrap();
        for case in cases {
            let raters: Vec<Vec<Option<String>>> = serde_json::from_value(case["raters"].clone()).unwrap();
            let rows = (0..raters[0].len()).map(|row| raters.iter().map(move |rater| rater[row].as_deref()));
            close(alpha(rows), &case["alpha"], case["name"].as_str().unwrap());
        }
        assert_eq!(cases.len(), 6);
    }

    #[test]
    fn where_there_is_nothing_to_agree_on() {
        assert!(kappa([]).is_nan());
        assert!(kappa([("a", "a"), ("a", "a")]).is_nan());
        assert!(alpha(Vec::<Vec<Option<&str>>>::new()).is_nan());
        assert!(alpha([[Some("a"), None], [None, Some("b")]]).is_nan());
        assert!(alpha([[Some("a"), Some("a")]]).is_nan());
        assert_eq!(alpha([[Some("a"), Some("a")], [Some("b"), Some("b")]]), 1.0);
    }
}
