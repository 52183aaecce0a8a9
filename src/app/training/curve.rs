//! The loss of a training and what goes with it, bounded in memory: at [`MOST`] points neighbours are merged, so that the
//! whole training stays in sight, coarser. The last [`RECENT`] points are kept as they came. Nothing is lost for good:
//! `metrics.csv` has every line.

use std::collections::VecDeque;

use crate::train::Step;

/// Points at which neighbours are merged.
pub const MOST: usize = 4096;
/// Points at the end that are kept as they came.
pub const RECENT: usize = 256;

/// The figures of some neighbouring logged steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The first step.
    pub first: usize,
    /// The last one.
    pub last: usize,
    /// Epochs done at the last one.
    pub epoch: f64,
    /// Lines of `metrics.csv` that it stands for.
    pub count: usize,
    /// Mean loss.
    pub loss: f64,
    /// The least loss.
    pub low: f64,
    /// The greatest loss.
    pub high: f64,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// The gradient's norm at the last step.
    pub grad_norm: f64,
}

impl Point {
    fn of(step: &Step) -> Self {
        Self {
            first: step.step,
            last: step.step,
            epoch: step.epoch,
            count: 1,
            loss: step.loss,
            low: step.loss,
            high: step.loss,
            learning_rate: step.learning_rate,
            grad_norm: step.grad_norm,
        }
    }

    fn and(self, next: Self) -> Self {
        let count = self.count + next.count;
        let loss = (self.loss * self.count as f64 + next.loss * next.count as f64) / count as f64;
        Self { first: self.first, count, loss, low: self.low.min(next.low), high: self.high.max(next.high), ..next }
    }

    /// Where it stands: in the middle of its steps.
    pub fn at(&self) -> f64 {
        (self.first + self.last) as f64 / 2.0
    }
}

/// The curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    points: Vec<Point>,
    recent: VecDeque<Point>,
    most: usize,
}

impl Default for Curve {
    fn default() -> Self {
        Self::with_bound(MOST)
    }
}

impl Curve {
    /// A curve of at most so many points.
    pub fn with_bound(most: usize) -> Self {
        Self { points: Vec::new(), recent: VecDeque::new(), most: most.max(2) }
    }

    /// Takes the figures of a step. Those of the same step and later ones are replaced: a training that goes on from its
    /// last checkpoint does some steps again.
    pub fn push(&mut self, step: &Step) {
        if self.points.last().is_some_and(|last| last.last >= step.step) {
            self.points.retain(|point| point.last < step.step);
            self.recent.retain(|point| point.last < step.step);
        }
        let point = Point::of(step);
        self.points.push(point);
        self.recent.push_back(point);
        if self.recent.len() > RECENT.min(self.most) {
            self.recent.pop_front();
        }
        if self.points.len() >= self.most {
            let merged = self.points.chunks(2).filter_map(|pair| match pair {
                [first, second] => Some(first.and(*second)),
                rest => rest.first().copied(),
            });
            self.points = merged.collect();
        }
    }

    /// All points, the older ones merged, the last ones as they came.
    pub fn points(&self) -> impl Iterator<Item = Point> {
        let since = self.recent.front().map_or(usize::MAX, |point| point.first);
        let older = self.points.iter().filter(move |point| point.last < since).copied();
        older.chain(self.recent.iter().copied())
    }

    /// Points in memory.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether nothing was logged yet.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// The last point.
    pub fn last(&self) -> Option<&Point> {
        self.recent.back()
    }

    /// The point nearest to a step.
    pub fn near(&self, step: usize) -> Option<Point> {
        self.points().min_by_key(|point| {
            if (point.first..=point.last).contains(&step) { 0 } else { point.last.abs_diff(step).max(1) }
        })
    }

    /// Step and loss of all points, smoothed: each is `strength` parts what came before and the rest its own, corrected for
    /// the beginning, where nothing came before. 0 leaves them as they are.
    pub fn smoothed(&self, strength: f64) -> Vec<(f64, f64)> {
        let (mut sum, mut weight) = (0.0, 1.0);
        let smooth = |point: Point| {
            // A point of several lines weighs as much as they would.
            let keep = strength.powi(i32::try_from(point.count).unwrap_or(i32::MAX));
            if !point.loss.is_finite() {
                return (point.at(), f64::NAN);
            }
            sum = sum * keep + point.loss * (1.0 - keep);
            weight *= keep;
            (point.at(), sum / (1.0 - weight))
        };
        self.points().map(smooth).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize, loss: f64) -> Step {
        Step { step, epoch: step as f64 / 10.0, loss, learning_rate: 1.0 / step.max(1) as f64, grad_norm: loss * 2.0 }
    }

    #[test]
    fn merging_keeps_mean_extremes_and_order() {
        let mut curve = Curve::with_bound(4);
        for (at, loss) in [4.0, 2.0, 3.0, 1.0].into_iter().enumerate() {
            curve.push(&step(at + 1, loss));
        }
        assert_eq!(curve.len(), 2);
        let first = curve.points[0];
        assert_eq!((first.first, first.last, first.count), (1, 2, 2));
        assert_eq!((first.loss, first.low, first.high), (3.0, 2.0, 4.0));
        assert_eq!((first.at(), first.learning_rate, first.grad_norm), (1.5, 0.5, 4.0));
    }

    #[test]
    fn a_long_training_stays_whole_and_bounded() {
        let mut curve = Curve::default();
        for at in 1..=100_000 {
            curve.push(&step(at, (at % 7) as f64));
            assert!(curve.len() < MOST && curve.recent.len() <= RECENT);
        }
        let points: Vec<Point> = curve.points().collect();
        assert!(points.windows(2).all(|pair| pair[0].last < pair[1].first));
        assert_eq!((points[0].first, curve.last().unwrap().last), (1, 100_000));
        assert!(points.iter().rev().take(RECENT).all(|point| point.count == 1));
        // Nothing was left out but what both halves have.
        let lines: usize = curve.points.iter().map(|point| point.count).sum();
        assert_eq!(lines, 100_000);
        let mean: f64 = curve.points.iter().map(|point| point.loss * point.count as f64).sum::<f64>() / 100_000.0;
        assert!((mean - 3.0).abs() < 1e-3, "{mean}");
    }

    #[test]
    fn what_is_done_again_is_replaced() {
        let mut curve = Curve::default();
        (1..=5).for_each(|at| curve.push(&step(at, at as f64)));
        curve.push(&step(3, 9.0));
        let losses: Vec<(usize, f64)> = curve.points().map(|point| (point.last, point.loss)).collect();
        assert_eq!(losses, [(1, 1.0), (2, 2.0), (3, 9.0)]);
        assert_eq!(curve.near(0).map(|point| point.last), Some(1));
        assert_eq!(curve.near(100).map(|point| point.last), Some(3));
        assert_eq!(Curve::default().near(1), None);
    }

    #[test]
    fn smoothing_is_exponential_and_unbiased() {
        let mut curve = Curve::default();
        for (at, loss) in [1.0, 2.0, f64::NAN, 4.0].into_iter().enumerate() {
            curve.push(&step(at + 1, loss));
        }
        let plain: Vec<f64> = curve.smoothed(0.0).into_iter().map(|(_, loss)| loss).collect();
        assert_eq!((plain[0], plain[1], plain[3]), (1.0, 2.0, 4.0));
        assert!(plain[2].is_nan());
        // pandas: Series([1, 2, 4]).ewm(alpha=0.5, adjust=True).mean()
        let half: Vec<f64> =
            curve.smoothed(0.5).into_iter().map(|(_, loss)| loss).filter(|loss| !loss.is_nan()).collect();
        for (got, wanted) in half.iter().zip([1.0, 5.0 / 3.0, 3.0]) {
            assert!((got - wanted).abs() < 1e-12, "{half:?}");
        }
    }
}
