//! Gradients of a batch's loss: through one graph, or layer by layer with the layers' inputs alone kept (activation
//! checkpointing).

use burn::tensor::{Gradients, Tensor};

use crate::decoder::Decoder;
use crate::kernels::cross_entropy;
use crate::layout::Batch;
use crate::load::LoadError;
use crate::parameters::take;

/// What a backward pass keeps of the forward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Activations {
    /// Everything that any layer needs.
    #[default]
    Kept,
    /// Every layer's input, `[tokens, d_model]`; the rest is computed again, layer by layer. The same bits on the CPU.
    Recomputed,
}

/// Where a gradient goes: a parameter's name and its flat gradient.
pub type TakeGradient<'a> = dyn FnMut(&str, Tensor<1>) + 'a;

impl Decoder {
    /// The mean negative log-likelihood of the targets, and through `take` the gradient of `scale` times it for every
    /// parameter that asks for one, each once.
    ///
    /// A loss that is not finite is returned without any gradient.
    ///
    /// # Errors
    /// When the device is lost.
    ///
    /// # Panics
    /// If the model has no gradient graph, or as [`cross_entropy`].
    pub fn gradients(
        &self,
        batch: &Batch,
        targets: &[u32],
        scale: f32,
        activations: Activations,
        take: &mut TakeGradient<'_>,
    ) -> Result<f32, LoadError> {
        match activations {
            Activations::Kept => self.at_once(batch, targets, scale, take),
            Activations::Recomputed => self.layer_by_layer(batch, targets, scale, take),
        }
    }

    fn at_once(
        &self,
        batch: &Batch,
        targets: &[u32],
        scale: f32,
        give: &mut TakeGradient<'_>,
    ) -> Result<f32, LoadError> {
        let (loss, gradients) = backward(cross_entropy(self.forward(batch), targets), scale)?;
        if let Some(mut gradients) = gradients {
            self.take_gradients(&mut gradients).into_iter().for_each(|(name, flat)| give(&name, flat));
        }
        Ok(loss)
    }

    fn layer_by_layer(
        &self,
        batch: &Batch,
        targets: &[u32],
        scale: f32,
        give: &mut TakeGradient<'_>,
    ) -> Result<f32, LoadError> {
        let pass = self.pass(batch);
        // No parameter asks for a gradient, so nothing is recorded, and yet the kernels are those of training.
        let still = self.clone().trainable_where(&mut |_| false);
        let mut inputs = vec![still.embed(batch).without_autodiff()];
        for index in 0..self.model.layers.len() {
            let y = still.layer(index, inputs[index].clone().autodiff(), &pass);
            inputs.push(y.without_autodiff());
        }
        let last = leaf(inputs.pop().expect("the embeddings are there"));
        let hidden = self.model.norm.forward(last.clone());
        let (loss, gradients) = backward(cross_entropy(self.logits(hidden), targets), scale)?;
        let Some(mut gradients) = gradients else { return Ok(loss) };
        let mut d_x = last.grad_remove(&mut gradients).expect("the loss depends on the last layer");
        // A tied head's gradient waits for the embedding's.
        let mut tied = Vec::new();
        for (name, flat) in self.take_gradients(&mut gradients) {
            match name.starts_with("model.embed_tokens.") {
                true => tied.push((name, flat)),
                false => give(&name, flat),
            }
        }
        for (index, x) in inputs.into_iter().enumerate().rev() {
            let x = leaf(x);
            let mut gradients = through(self.layer(index, x.clone(), &pass), d_x);
            d_x = x.grad_remove(&mut gradients).expect("a layer's output depends on its input");
            let prefix = vec!["model".to_owned(), "layers".to_owned(), index.to_string()];
            let taken = take(&self.model.layers[index], prefix, &mut gradients);
            taken.into_iter().for_each(|(name, flat)| give(&name, flat));
        }
        let rows = self.embed(batch);
        if rows.is_tracked() {
            let mut gradients = through(rows, d_x);
            for (name, flat) in self.take_gradients(&mut gradients) {
                let of_head = tied.iter().position(|(tied, _)| *tied == name);
                match of_head.map(|place| tied.swap_remove(place).1) {
                    Some(head) => give(&name, head + flat),
                    None => give(&name, flat),
                }
            }
        }
        tied.into_iter().for_each(|(name, flat)| give(&name, flat));
        Ok(loss)
    }
}

/// A tensor whose gradient is asked for.
fn leaf(x: Tensor<2>) -> Tensor<2> {
    x.autodiff().require_grad()
}

/// The loss on the host, and the gradients of `scale` times it where it is finite.
fn backward(loss: Tensor<1>, scale: f32) -> Result<(f32, Option<Gradients>), LoadError> {
    let data = loss.clone().without_autodiff().try_into_data().map_err(|error| error.to_string());
    let value = data.and_then(|data| data.try_to_vec::<f32>().map_err(|error| format!("{error:?}")));
    let lost = |reason| LoadError::Device { tensor: "the loss".into(), reason };
    let value = value.map_err(lost)?[0];
    // A factor of 1 changes no bit, so that a batch in one part is what it is without parts.
    let scaled = if scale == 1.0 { loss } else { loss.mul_scalar(scale) };
    Ok((value, value.is_finite().then(|| scaled.backward())))
}

/// Gradients of what `y` depends on, given its own: those of Σ y·dy, whose gradient with respect to y is dy.
fn through(y: Tensor<2>, d_y: Tensor<2>) -> Gradients {
    (y * d_y.autodiff()).sum().backward()
}
