//! What watches over a training: numbers that are none, weights that do not learn, signs of overfitting and collapse.

use crate::model::encoder::{Encoder, Grads, Place};
use crate::model::layers::Layers;

use super::trainer::{Tokens, TrainError};
use super::update::{Evaluation, Figures};

/// Refuses infinity and what is no number.
pub fn finite(what: &str, value: f64, step: usize) -> Result<(), TrainError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(TrainError::Failed(format!(
        "{what} of step {step} is {value}: training is stopped, and the last checkpoint is kept; try a lower \
         train.learning_rate, some train.warmup or train.max_grad_norm = 1"
    )))
}

/// Whether a parameter's gradient is zero by nature: what is added to all keys alike changes no attention.
fn is_zero_by_nature(name: &str) -> bool {
    ["key.bias", "key_proj.bias", "k_lin.bias", "pos_query_proj.bias"].iter().any(|end| name.ends_with(end))
}

/// Refuses a first step in which something that should learn has a gradient of zero.
pub fn all_learn<L: Layers>(
    encoder: &Encoder<L>,
    grads: &Grads<L>,
    trains: &dyn Fn(Place) -> bool,
) -> Result<(), TrainError> {
    for (place, parameter) in encoder.parameters().iter().enumerate() {
        if !trains(parameter.place) || is_zero_by_nature(&parameter.name) || encoder.is_unused(place) {
            continue;
        }
        if encoder.grad_norm(grads, place)? == 0.0 {
            return Err(TrainError::Failed(format!(
                "the gradient of `{}` is zero in the first step: it would never learn. Either the weights before it are \
                 all zero, or the model's files do not fit its config.json",
                parameter.name
            )));
        }
    }
    Ok(())
}

/// The place of the greatest number, the first of equals.
pub fn likeliest(logprobs: &[f64]) -> usize {
    let mut best = 0;
    for (place, value) in logprobs.iter().enumerate() {
        if logprobs.get(best).is_some_and(|most| value > most) {
            best = place;
        }
    }
    best
}

/// Warnings about an evaluation that comes after `history`: each a kind, told once, and its text.
pub fn warnings(
    history: &[Figures],
    evaluation: &Evaluation,
    labels: &[String],
    rows: &Tokens,
) -> Vec<(&'static str, String)> {
    let mut warnings = Vec::new();
    let mut predicted = evaluation.logprobs.iter().map(|logprobs| likeliest(logprobs));
    if let Some(first) = predicted.next()
        && predicted.all(|label| label == first)
        && rows.labels.iter().any(|label| *label != first)
    {
        let label = labels.get(first).map_or("", String::as_str);
        warnings.push((
            "collapse",
            format!(
                "all {} validation rows get the label {label}: the model may have collapsed into the majority; more epochs, \
                 another train.learning_rate or train.class_weights = \"balanced\" may help",
                evaluation.logprobs.len()
            ),
        ));
    }
    // The training loss around the evaluation before, and around this one.
    let before = history.iter().rposition(|figures| matches!(figures, Figures::Eval(_)));
    if let Some((at, Figures::Eval(scores))) = before.and_then(|at| Some((at, history.get(at)?))) {
        let loss = |figures: &Figures| match figures {
            Figures::Train(step) => Some(step.loss),
            Figures::Eval(_) => None,
        };
        let mean = |part: &[Figures]| {
            let losses: Vec<f64> = part.iter().filter_map(loss).collect();
            (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
        };
        let start =
            history[..at].iter().rposition(|figures| matches!(figures, Figures::Eval(_))).map_or(0, |at| at + 1);
        let (then, now) = (mean(&history[start..at]), mean(&history[at + 1..]));
        let rose = evaluation.scores.loss > scores.loss;
        if let Some((then, now)) = then.zip(now).filter(|(then, now)| rose && now < then) {
            warnings.push((
                "overfitting",
                format!(
                    "overfitting sets in: the validation loss rose from {:.4} to {:.4} while the training loss fell from \
                     {then:.4} to {now:.4}",
                    scores.loss, evaluation.scores.loss
                ),
            ));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::update::{Scores, Step};
    use super::*;

    fn train(step: usize, loss: f64) -> Figures {
        Figures::Train(Step { step, loss, ..Step::default() })
    }

    fn eval(loss: f64) -> Scores {
        Scores { loss, ..Scores::default() }
    }

    fn kinds(history: &[Figures], loss: f64, logprobs: Vec<Vec<f64>>, gold: Vec<usize>) -> Vec<&'static str> {
        let evaluation = Evaluation { scores: eval(loss), logprobs: Arc::new(logprobs), ..Evaluation::default() };
        let rows = Tokens { ids: Vec::new(), labels: gold };
        let labels = ["oppose".to_owned(), "support".to_owned()];
        warnings(history, &evaluation, &labels, &rows).into_iter().map(|(kind, _)| kind).collect()
    }

    #[test]
    fn overfitting_is_a_validation_loss_that_rises_while_the_training_loss_falls() {
        let mixed = || (vec![vec![-0.1, -2.0], vec![-2.0, -0.1]], vec![0, 1]);
        let history = |later: f64| vec![train(10, 0.6), train(20, 0.5), Figures::Eval(eval(0.4)), train(30, later)];
        let (logprobs, gold) = mixed();
        assert_eq!(kinds(&history(0.3), 0.5, logprobs.clone(), gold.clone()), ["overfitting"]);
        assert!(kinds(&history(0.3), 0.35, logprobs.clone(), gold.clone()).is_empty());
        assert!(kinds(&history(0.9), 0.5, logprobs.clone(), gold.clone()).is_empty());
        assert!(kinds(&[], 0.5, logprobs, gold).is_empty());
    }

    #[test]
    fn collapse_is_one_label_for_rows_of_several() {
        let same = vec![vec![-0.1, -2.0]; 3];
        assert_eq!(kinds(&[], 0.5, same.clone(), vec![0, 1, 0]), ["collapse"]);
        assert!(kinds(&[], 0.5, same, vec![0, 0, 0]).is_empty());
    }

    #[test]
    fn numbers_must_be_numbers() {
        assert!(finite("the loss", 0.3, 1).is_ok());
        let error = finite("the loss", f64::NAN, 7).unwrap_err().to_string();
        assert!(error.contains("step 7") && error.contains("learning_rate"), "{error}");
    }
}
