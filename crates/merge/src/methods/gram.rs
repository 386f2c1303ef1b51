//! Norms and dot products of a few vectors: all that spherical and averaging merges need to know of their inputs.

use maec_vector::vectorized;

/// A combination of unit vectors that is shorter can't be told from none: its squared length is the difference of products that
/// f64 rounds at 1e-16.
pub(super) const SHORTEST: f64 = 1e-7;

/// The Gram matrix Gᵢⱼ = ⟨xᵢ, xⱼ⟩ of some vectors.
pub(super) struct Gram {
    vectors: usize,
    /// Row by row, each from its diagonal on.
    products: Vec<f64>,
}

impl Gram {
    /// From the products of [`add`], `[pairs]`.
    pub(super) fn new(vectors: usize, products: Vec<f64>) -> Self {
        Self { vectors, products }
    }

    /// How many products so many vectors have with each other and themselves.
    pub(super) fn pairs(vectors: usize) -> usize {
        vectors * (vectors + 1) / 2
    }

    /// ⟨xᵢ, xⱼ⟩.
    pub(super) fn dot(&self, i: usize, j: usize) -> f64 {
        let (i, j) = (i.min(j), i.max(j));
        self.products[i * self.vectors - i * i.saturating_sub(1) / 2 + j - i]
    }

    /// ‖xᵢ‖.
    pub(super) fn norm(&self, i: usize) -> f64 {
        self.dot(i, i).sqrt()
    }

    /// ⟨xᵢ, xⱼ⟩ / (‖xᵢ‖·‖xⱼ‖) in \[−1, 1\], each norm counted as at least so much. Of equal and of opposite vectors it is ±1 to
    /// the last bit.
    pub(super) fn cosine(&self, i: usize, j: usize, least: f64) -> f64 {
        let square = |i| self.dot(i, i).max(least * least);
        (self.dot(i, j) / (square(i) * square(j)).sqrt()).clamp(-1.0, 1.0)
    }

    /// ⟨Σⱼ aⱼxⱼ, xᵢ⟩ of coefficients `[vectors]`.
    pub(super) fn dot_of(&self, a: &[f64], i: usize) -> f64 {
        a.iter().enumerate().map(|(j, a)| a * self.dot(i, j)).sum()
    }

    /// ‖Σᵢ aᵢxᵢ‖ of coefficients `[vectors]`.
    pub(super) fn norm_of(&self, a: &[f64]) -> f64 {
        let square: f64 = a.iter().enumerate().map(|(i, x)| x * self.dot_of(a, i)).sum();
        // Rounding may leave a little less than nothing.
        square.max(0.0).sqrt()
    }
}

/// Every pair i ≤ j, in the order of a [`Gram`]'s products.
pub(super) fn pairs(vectors: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..vectors).flat_map(move |i| (i..vectors).map(move |j| (i, j)))
}

/// Adds the products of vectors `[vectors, elements]` of so many elements.
pub(super) fn add(vectors: &[f64], elements: usize, products: &mut [f64]) {
    let of = |i: usize| &vectors[i * elements..(i + 1) * elements];
    let count = vectors.len().checked_div(elements).unwrap_or(0);
    for (product, (i, j)) in products.iter_mut().zip(pairs(count)) {
        *product += dot(of(i), of(j));
    }
}

vectorized! {
    /// ⟨a, b⟩ in eight interleaved sums, which are added in order.
    fn dot<'a>(a: &'a [f64], b: &'a [f64]) -> f64 {
        let mut sums = [0.0; 8];
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        for (a, b) in a.iter().zip(b) {
            for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
                *sum += a * b;
            }
        }
        for ((sum, a), b) in sums.iter_mut().zip(a_rest).zip(b_rest) {
            *sum += a * b;
        }
        sums.iter().sum()
    }
}
