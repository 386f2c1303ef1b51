//! Weight matrices in the Hugging Face layout, cut by rows where a device can't hold them whole.

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};

use crate::kernels::{embedding, linear, linears};

/// ΔW = s·B·A, never formed while it is trained: y += s·(x·Aᵀ)·Bᵀ.
#[derive(Module, Debug)]
pub(crate) struct LowRank {
    /// A, `[rank, in]`.
    pub a: Param<Tensor<2>>,
    /// B, `[out, rank]`.
    pub b: Param<Tensor<2>>,
    /// s.
    #[module(skip)]
    pub scale: f64,
}

impl LowRank {
    /// s·(x·Aᵀ)·Bᵀ: `[tokens, in]` → `[tokens, out]`.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        linear(linear(x, self.a.val()), self.b.val()).mul_scalar(self.scale)
    }

    /// s·B·A, `[out, in]`.
    fn change(&self) -> Tensor<2> {
        self.b.val().matmul(self.a.val()).mul_scalar(self.scale)
    }
}

/// A matrix `[out, in]` (or `[vocab, d_model]`), perhaps with a bias `[out]`.
#[derive(Module, Debug)]
pub(crate) struct Projection {
    /// All rows, or the first of them.
    pub weight: Param<Tensor<2>>,
    pub bias: Option<Param<Tensor<1>>>,
    /// A trained change beside the weight.
    pub lora: Option<LowRank>,
    /// The rows after `weight`'s, in parts that the device can bind. Only for inference: no visitor sees them.
    #[module(skip)]
    rest: Vec<Tensor<2>>,
}

impl Projection {
    /// From consecutive row parts.
    pub fn new(mut parts: Vec<Tensor<2>>, bias: Option<Tensor<1>>) -> Self {
        let rest = parts.split_off(1);
        let weight = Param::from_tensor(parts.remove(0));
        Self { weight, bias: bias.map(Param::from_tensor), lora: None, rest }
    }

    /// `[tokens, in]` → `[tokens, out]`.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let change = self.lora.as_ref().map(|lora| lora.forward(x.clone()));
        let mut y = linear(x.clone(), self.weight.val());
        if !self.rest.is_empty() {
            let rest = self.rest.iter().map(|part| linear(x.clone(), part.clone()));
            y = Tensor::cat(std::iter::once(y).chain(rest).collect(), 1);
        }
        self.biased(match change {
            Some(change) => y + change,
            None => y,
        })
    }

    /// What each of several gives for the same `[tokens, in]`.
    pub fn together<const N: usize>(all: [&Self; N], x: Tensor<2>) -> [Tensor<2>; N] {
        let whole = all.iter().all(|projection| projection.rest.is_empty() && projection.lora.is_none());
        match whole.then(|| linears(&x, all.map(|projection| projection.weight.val()))).flatten() {
            Some(products) => {
                let mut biased = all.iter().zip(products).map(|(projection, y)| projection.biased(y));
                all.map(|_| biased.next().expect("a product for each"))
            }
            None => all.map(|projection| projection.forward(x.clone())),
        }
    }

    /// The whole matrix, if a product with it is all that [`forward`](Self::forward) does.
    pub fn matrix(&self) -> Option<Tensor<2>> {
        let alone = self.rest.is_empty() && self.bias.is_none() && self.lora.is_none();
        alone.then(|| self.weight.val())
    }

    /// W + s·B·A in the weight's place, rounded to its dtype.
    pub fn merge(&mut self) {
        if let Some(lora) = self.lora.take() {
            let weight = self.weight.val();
            let dtype = weight.dtype();
            let sum = weight.cast(FloatDType::F32) + lora.change();
            self.weight = Param::from_tensor(sum.cast(dtype));
        }
    }

    fn biased(&self, y: Tensor<2>) -> Tensor<2> {
        match &self.bias {
            Some(bias) => y + bias.val().unsqueeze(),
            None => y,
        }
    }

    /// The rows of these ids, `[tokens, in]`.
    pub fn rows(&self, ids: &[u32], padding: Option<u32>) -> Tensor<2> {
        let rows = if self.rest.is_empty() {
            embedding(self.weight.val(), ids, padding)
        } else {
            self.rows_of_parts(ids)
        };
        if rows.dtype() == burn::tensor::DType::F32 { rows } else { rows.cast(FloatDType::F32) }
    }

    fn rows_of_parts(&self, ids: &[u32]) -> Tensor<2> {
        let device = self.weight.val().device();
        let index = |rows: Vec<i32>| {
            let count = rows.len();
            Tensor::<1, Int>::from_data(TensorData::new(rows, [count]), &device)
        };
        // The looked-up rows stand in the order of the parts, then go back to their tokens' places.
        let mut found = Vec::new();
        let mut place = vec![0; ids.len()];
        let (mut first, mut count) = (0, 0);
        for part in std::iter::once(self.weight.val()).chain(self.rest.iter().cloned()) {
            let end = first + part.dims()[0] as u32;
            let mut rows = Vec::new();
            for (token, &id) in ids.iter().enumerate().filter(|(_, id)| (first..end).contains(id)) {
                rows.push((id - first) as i32);
                place[token] = count;
                count += 1;
            }
            if !rows.is_empty() {
                found.push(part.select(0, index(rows)));
            }
            first = end;
        }
        assert_eq!(count as usize, ids.len(), "a token id is outside the vocabulary of {first}");
        let found = if found.len() == 1 { found.remove(0) } else { Tensor::cat(found, 0) };
        found.select(0, index(place))
    }

    /// Where it is.
    pub fn device(&self) -> Device {
        self.weight.val().device()
    }
}
