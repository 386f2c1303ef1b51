//! Mean negative log-likelihood of the targets.

use std::sync::Arc;

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};
use pulp::Simd;

use super::flex::{FlexOp, FlexTensor, apply, contiguous, is_flex, matrix_dims, tensor, values};
use super::math::softmax;
use super::parallel::{self, Work};

/// A target that does not count.
pub const IGNORE: u32 = u32::MAX;

/// Logits `[tokens, vocab]` and targets `[tokens]` → the mean over targets that are not [`IGNORE`], `[1]`.
///
/// # Panics
/// If the counts differ, no target counts, or a target is outside the vocabulary.
pub fn cross_entropy(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let [tokens, vocab] = logits.dims();
    assert_eq!(tokens, targets.len(), "cross_entropy needs one target for each of the {tokens} rows");
    assert!(
        targets.iter().all(|&t| t == IGNORE || (t as usize) < vocab),
        "a target is outside the vocabulary"
    );
    assert!(targets.iter().any(|&t| t != IGNORE), "cross_entropy needs at least one target that counts");
    if is_flex(&logits.device()) {
        apply(CrossEntropy { targets: targets.into() }, [logits.into()])
    } else {
        composed(logits, targets)
    }
}

/// [`cross_entropy`] in burn's operations.
pub fn composed(logits: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let device = logits.device();
    let rows: Vec<i32> =
        (0..targets.len()).filter(|&row| targets[row] != IGNORE).map(|row| row as i32).collect();
    let count = rows.len();
    let kept: Vec<i32> = rows.iter().map(|&row| targets[row as usize] as i32).collect();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device);
    let kept = Tensor::<2, Int>::from_data(TensorData::new(kept, [count, 1]), &device);
    log_softmax(logits.select(0, rows), 1).gather(1, kept).mean().neg()
}

#[derive(Debug, Clone)]
struct CrossEntropy {
    targets: Arc<[u32]>,
}

/// One token's loss, and the gradient of its logits.
struct Row<'a> {
    /// `[tokens, vocab]`.
    scores: &'a [f32],
    targets: &'a [u32],
    weight: f32,
}

impl Work<(usize, (&mut [f32], &mut f32))> for Row<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, _: S, (row, (gradient, loss)): (usize, (&mut [f32], &mut f32))) {
        let target = self.targets[row];
        if target == IGNORE {
            return;
        }
        let vocab = gradient.len();
        gradient.copy_from_slice(&self.scores[row * vocab..][..vocab]);
        let score = gradient[target as usize];
        let log_z = softmax(gradient);
        *loss = log_z - score;
        gradient[target as usize] -= 1.0;
        gradient.iter_mut().for_each(|g| *g *= self.weight);
    }
}

impl FlexOp<1> for CrossEntropy {
    /// The gradient of the logits for a loss gradient of 1.
    type Saved = FlexTensor;

    fn forward(&self, [logits]: [FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let logits = contiguous(logits);
        let [tokens, vocab] = matrix_dims(&logits);
        let scores = values(&logits);
        let count = self.targets.iter().filter(|&&target| target != IGNORE).count();
        let weight = 1.0 / count as f32;
        let mut gradient = vec![0.0; scores.len()];
        let mut losses = vec![0.0f32; tokens];
        let tasks = gradient.chunks_mut(vocab).zip(&mut losses).enumerate().collect();
        parallel::items(tasks, &Row { scores, targets: &self.targets, weight });
        let total: f64 = losses.iter().map(|&loss| f64::from(loss)).sum();
        (tensor(vec![(total / count as f64) as f32], [1]), tensor(gradient, [tokens, vocab]))
    }

    fn backward(&self, gradient: FlexTensor, grad: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let scale = values(&contiguous(grad))[0];
        if scale == 1.0 {
            return [Some(gradient)];
        }
        let dims = matrix_dims(&gradient);
        let scaled = values(&gradient).iter().map(|g| g * scale).collect();
        [Some(tensor(scaled, dims))]
    }
}
