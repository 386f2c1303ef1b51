//! Which tensor stopped being a number first.

use burn::tensor::Tensor;
use maec_model::Decoder;

use crate::accumulate::MicroBatch;
use crate::error::TrainError;
use crate::optimizer::Gradients;
use crate::update::host_values;

fn is_finite(flat: Tensor<1>) -> Result<bool, TrainError> {
    Ok(host_values(flat)?.iter().all(|value| value.is_finite()))
}

/// The first tensor that is not finite on the way to the loss: a weight, else a module's output.
pub(crate) fn first_tensor(model: &Decoder, micros: &[MicroBatch]) -> Result<String, TrainError> {
    let model = model.clone().untracked();
    let mut weights = Vec::new();
    model.for_each_parameter(&mut |name, _, flat| weights.push((name.to_owned(), flat)));
    for (name, flat) in weights {
        if !is_finite(flat)? {
            return Ok(name);
        }
    }
    for micro in micros {
        let states = model.hidden_states(&micro.batch);
        let layers = states.len() - 2;
        for (index, state) in states.into_iter().enumerate() {
            if !is_finite(state.flatten(0, 1))? {
                return Ok(match index {
                    0 => "model.embed_tokens".into(),
                    index if index <= layers => format!("model.layers.{}", index - 1),
                    _ => "model.norm".into(),
                });
            }
        }
    }
    Ok("lm_head".into())
}

/// The first tensor, by name, whose gradient is not finite; if each is, their squares are too large.
pub(crate) fn first_gradient(gradients: &Gradients) -> Result<String, TrainError> {
    for (name, gradient) in gradients.iter() {
        if !is_finite(gradient.clone())? {
            return Ok(name.to_owned());
        }
    }
    Ok("the gradient's norm".into())
}
