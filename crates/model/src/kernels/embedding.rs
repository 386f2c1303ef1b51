//! Rows of the embedding matrix by token id.

use std::sync::Arc;

use burn::tensor::{Bool, DType, Int, Tensor, TensorData};

use super::flex::{FlexOp, FlexTensor, apply, contiguous, half_values, is_flex, matrix_dims, tensor, values};

/// `[vocab, d_model]` and `[tokens]` ids → `[tokens, d_model]`. Looking up `padding` passes no gradient on, as
/// PyTorch's `padding_idx`.
///
/// # Panics
/// If an id is not below `vocab`.
pub fn embedding(weight: Tensor<2>, ids: &[u32], padding: Option<u32>) -> Tensor<2> {
    let vocab = weight.dims()[0];
    assert!(ids.iter().all(|&id| (id as usize) < vocab), "a token id is outside the vocabulary of {vocab}");
    if is_flex(&weight.device()) {
        apply(Embedding { ids: ids.into(), padding }, [weight.into()])
    } else {
        composed(weight, ids, padding)
    }
}

/// [`embedding`] in burn's operations.
pub fn composed(weight: Tensor<2>, ids: &[u32], padding: Option<u32>) -> Tensor<2> {
    let device = weight.device();
    let count = ids.len();
    let index: Vec<i32> = ids.iter().map(|&id| id as i32).collect();
    let rows = weight.select(0, Tensor::<1, Int>::from_data(TensorData::new(index, [count]), &device));
    if !ids.iter().any(|&id| Some(id) == padding) {
        return rows;
    }
    let padded: Vec<bool> = ids.iter().map(|&id| Some(id) == padding).collect();
    let padded =
        Tensor::<2, Bool>::from_data(TensorData::new(padded, [count, 1]), &device).expand(rows.shape());
    rows.clone().mask_where(padded, rows.detach())
}

#[derive(Debug, Clone)]
struct Embedding {
    ids: Arc<[u32]>,
    padding: Option<u32>,
}

impl FlexOp<1> for Embedding {
    type Saved = [usize; 2];

    fn forward(&self, [weight]: [FlexTensor; 1]) -> (FlexTensor, Self::Saved) {
        let weight = contiguous(weight);
        let dims @ [_, width] = matrix_dims(&weight);
        let mut out = Vec::with_capacity(self.ids.len() * width);
        let first = |id: u32| id as usize * width;
        if weight.dtype() == DType::BF16 {
            let rows = half_values(&weight);
            self.ids.iter().for_each(|&id| out.extend(rows[first(id)..][..width].iter().map(|x| x.to_f32())));
        } else {
            let rows = values(&weight);
            self.ids.iter().for_each(|&id| out.extend_from_slice(&rows[first(id)..][..width]));
        }
        (tensor(out, [self.ids.len(), width]), dims)
    }

    fn backward(
        &self,
        [vocab, width]: [usize; 2],
        grad: FlexTensor,
        _: [bool; 1],
    ) -> [Option<FlexTensor>; 1] {
        let grad = contiguous(grad);
        let mut d_weight = vec![0.0; vocab * width];
        for (&id, grad) in self.ids.iter().zip(values(&grad).chunks(width)) {
            if Some(id) == self.padding {
                continue;
            }
            let row = &mut d_weight[id as usize * width..][..width];
            row.iter_mut().zip(grad).for_each(|(sum, part)| *sum += part);
        }
        [Some(tensor(d_weight, [vocab, width]))]
    }
}
