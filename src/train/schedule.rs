//! The learning rate over the steps, as the schedules of transformers.

use super::settings::{Schedule, TrainSpec};

/// The share of the highest learning rate that the step after `done` steps gets.
pub fn share(settings: &TrainSpec, done: usize, steps: usize) -> f64 {
    let warmup = if settings.warmup < 1.0 { (settings.warmup * steps as f64).ceil() } else { settings.warmup.floor() };
    let (done, steps) = (done as f64, steps as f64);
    if done < warmup {
        return done / warmup.max(1.0);
    }
    let through = (done - warmup) / (steps - warmup).max(1.0);
    match settings.schedule {
        Schedule::Linear => (1.0 - through).max(0.0),
        Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * through).cos())).max(0.0),
        Schedule::Constant => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_schedules_of_transformers() {
        let settings = |schedule, warmup| TrainSpec { schedule, warmup, ..TrainSpec::default() };
        let rate = |schedule, warmup, done| 5e-5 * share(&settings(schedule, warmup), done, 375);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        // Step 10 of the reference run, whose figures name the rate of the step just done.
        near(rate(Schedule::Linear, 0.0, 9), 4.88e-5);
        near(rate(Schedule::Linear, 0.0, 374), 5e-5 / 375.0);
        near(rate(Schedule::Linear, 0.1, 19), 2.5e-5);
        near(rate(Schedule::Linear, 38.0, 38), 5e-5);
        near(rate(Schedule::Cosine, 0.0, 125), 3.75e-5);
        near(rate(Schedule::Constant, 0.0, 300), 5e-5);
        near(rate(Schedule::Linear, 0.0, 400), 0.0);
    }
}
