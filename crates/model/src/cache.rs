//! Rotated keys and values of the tokens so far.

use burn::tensor::{Device, Tensor};

use crate::kernels::flex::{FlexTensor, contiguous, is_flex, matrix_dims, values};
use crate::kernels::{Attending, Shape, attention, cached};

/// Keys and values of every layer: `[sequences · capacity, kv_heads · head_dim]` each, a sequence's columns together.
///
/// Room for every column is taken at once, so that a step writes its own columns and copies nothing.
#[derive(Debug)]
pub struct Cache {
    sequences: usize,
    capacity: usize,
    used: usize,
    layers: Vec<Layer>,
}

#[allow(clippy::large_enum_variant, reason = "all of a cache's layers are of one kind")]
#[derive(Debug)]
enum Layer {
    /// On the CPU device, where attention reads slices.
    Host { k: Vec<f32>, v: Vec<f32> },
    /// Elsewhere: `[sequences, capacity, width]`.
    Device { k: Tensor<3>, v: Tensor<3> },
}

impl Cache {
    /// Room for so many sequences of at most `capacity` columns each.
    pub fn new(sequences: usize, capacity: usize) -> Self {
        Self { sequences, capacity, used: 0, layers: Vec::new() }
    }

    /// Rows of a sequence's keys once `columns` columns are there, for [`Segment::keys`](crate::Segment::keys).
    pub fn rows(&self, sequence: usize, columns: usize) -> std::ops::Range<usize> {
        sequence * self.capacity..sequence * self.capacity + columns
    }

    /// Appends a layer's new keys and values, `[sequences · new, width]`, and attends to all of them.
    pub(crate) fn attend(
        &mut self,
        layer: usize,
        [q, k, v]: [Tensor<2>; 3],
        shape: &Shape,
        attending: &Attending,
    ) -> Tensor<2> {
        let [rows, width] = k.dims();
        let new = rows / self.sequences;
        assert!(self.used + new <= self.capacity, "the cache has room for {} columns", self.capacity);
        if layer == self.layers.len() {
            let fresh = Layer::new(self.sequences, self.capacity, width, &k.device());
            self.layers.push(fresh);
        }
        match &mut self.layers[layer] {
            Layer::Host { k: keys, v: values } => {
                let [q, k, v] = [q, k, v].map(on_flex);
                self::write(keys, &k, self.capacity, self.used, new);
                self::write(values, &v, self.capacity, self.used, new);
                Tensor::from_primitive::<burn::backend::Flex>(cached(
                    q,
                    keys,
                    values,
                    width,
                    shape,
                    &attending.segments,
                ))
            }
            Layer::Device { k: keys, v: values } => {
                let columns = self.used..self.used + new;
                let place = [0..self.sequences, columns, 0..width];
                let put = |all: &mut Tensor<3>, part: Tensor<2>| {
                    let part = part.reshape([self.sequences, new, width]);
                    // The only handle is given away, so that the write can be in place.
                    let old = std::mem::replace(all, Tensor::empty([1, 1, 1], &part.device()));
                    *all = old.slice_assign(place.clone(), part);
                    all.clone().reshape([self.sequences * self.capacity, width])
                };
                let (k, v) = (put(keys, k), put(values, v));
                attention(q, k, v, shape, attending)
            }
        }
    }

    /// The columns of a forward pass are there.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.used += tokens / self.sequences;
    }
}

impl Layer {
    fn new(sequences: usize, capacity: usize, width: usize, device: &Device) -> Self {
        if is_flex(device) {
            let empty = || vec![0.0; sequences * capacity * width];
            return Self::Host { k: empty(), v: empty() };
        }
        let empty = || Tensor::zeros([sequences, capacity, width], device);
        Self::Device { k: empty(), v: empty() }
    }
}

fn on_flex(x: Tensor<2>) -> FlexTensor {
    let x = x.without_autodiff().try_into_primitive::<burn::backend::Flex>();
    contiguous(x.expect("the device was checked to be flex"))
}

/// Puts `[sequences · new, width]` at column `used` of every sequence.
fn write(all: &mut [f32], part: &FlexTensor, capacity: usize, used: usize, new: usize) {
    let width = matrix_dims(part)[1];
    for (sequence, part) in values(part).chunks_exact(new * width).enumerate() {
        all[(sequence * capacity + used) * width..][..new * width].copy_from_slice(part);
    }
}
