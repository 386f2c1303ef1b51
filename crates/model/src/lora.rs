//! Low-rank changes of a decoder's linear layers, ΔW = s·B·A.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use crate::decoder::Decoder;
use crate::projection::{LowRank, Projection};

/// The factors of one linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraFactors {
    /// r.
    pub rank: usize,
    /// A, `[rank, in]`, row-major.
    pub a: Vec<f32>,
    /// B, `[out, rank]`, row-major.
    pub b: Vec<f32>,
    /// s = α/r, or α/√r.
    pub scale: f64,
}

impl Decoder {
    /// The linear layers that can carry factors, by module name, with their shapes `[out, in]`. A tied head is none of
    /// its own.
    pub fn linear_layers(&self) -> Vec<(String, [usize; 2])> {
        let mut all = Vec::new();
        for (name, projection) in self.projections() {
            all.push((name, projection.weight.dims()));
        }
        all
    }

    /// Puts factors on the linear layers for which `factors(module, [out, in])` gives some; they are parameters from
    /// then on, `MODULE.lora.a` and `MODULE.lora.b`.
    ///
    /// # Panics
    /// If factors do not have the layer's shape.
    pub fn with_lora(mut self, factors: &mut dyn FnMut(&str, [usize; 2]) -> Option<LoraFactors>) -> Self {
        let device = self.device();
        for (name, projection) in self.projections_mut() {
            let [out, columns] = projection.weight.dims();
            let Some(LoraFactors { rank, a, b, scale }) = factors(&name, [out, columns]) else { continue };
            let matrix = |values: Vec<f32>, shape: [usize; 2]| {
                assert_eq!(values.len(), shape[0] * shape[1], "{name}'s factors have its shape {shape:?}");
                Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &device))
            };
            projection.lora =
                Some(LowRank { a: matrix(a, [rank, columns]), b: matrix(b, [out, rank]), scale });
        }
        self
    }

    /// Whether any layer has factors.
    pub fn has_lora(&self) -> bool {
        self.projections().into_iter().any(|(_, projection)| projection.lora.is_some())
    }

    /// The same model without factors: W + s·B·A stands in each weight's place, rounded to the weight's dtype.
    pub fn merged(mut self) -> Self {
        self.projections_mut().into_iter().for_each(|(_, projection)| projection.merge());
        self
    }

    fn projections(&self) -> Vec<(String, &Projection)> {
        let mut all = Vec::new();
        for (index, layer) in self.model.layers.iter().enumerate() {
            let (attention, mlp) = (&layer.self_attn, &layer.mlp);
            let parts = [
                ("self_attn.q_proj", &attention.q_proj),
                ("self_attn.k_proj", &attention.k_proj),
                ("self_attn.v_proj", &attention.v_proj),
                ("self_attn.o_proj", &attention.o_proj),
                ("mlp.gate_proj", &mlp.gate_proj),
                ("mlp.up_proj", &mlp.up_proj),
                ("mlp.down_proj", &mlp.down_proj),
            ];
            all.extend(parts.map(|(part, projection)| (format!("model.layers.{index}.{part}"), projection)));
        }
        all.extend(self.lm_head.as_ref().map(|head| ("lm_head".to_owned(), head)));
        all
    }

    fn projections_mut(&mut self) -> Vec<(String, &mut Projection)> {
        let mut all = Vec::new();
        for (index, layer) in self.model.layers.iter_mut().enumerate() {
            let (attention, mlp) = (&mut layer.self_attn, &mut layer.mlp);
            let parts = [
                ("self_attn.q_proj", &mut attention.q_proj),
                ("self_attn.k_proj", &mut attention.k_proj),
                ("self_attn.v_proj", &mut attention.v_proj),
                ("self_attn.o_proj", &mut attention.o_proj),
                ("mlp.gate_proj", &mut mlp.gate_proj),
                ("mlp.up_proj", &mut mlp.up_proj),
                ("mlp.down_proj", &mut mlp.down_proj),
            ];
            all.extend(parts.map(|(part, projection)| (format!("model.layers.{index}.{part}"), projection)));
        }
        all.extend(self.lm_head.as_mut().map(|head| ("lm_head".to_owned(), head)));
        all
    }
}
