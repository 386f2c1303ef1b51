//! Norms and singular values of ΔW = b·a from its factors, without ever forming it.
//!
//! With thin QR b = Q₁R₁ and aᵀ = Q₂R₂, ΔW = Q₁·(R₁R₂ᵀ)·Q₂ᵀ, and the small matrix in the middle has ΔW's singular values.
//! Sums are in a fixed order; nalgebra's singular values take one `hypot` from the host, so that hosts agree to the last
//! few bits of f64 and the F32 results are the same but for rare roundings.

use nalgebra::DMatrix;

use super::factors::Product;

/// ΔW's best approximation of a rank, and what is left out.
pub(super) struct LowRank {
    /// B = U·S `[out, rank]` and A = Vᵀ `[rank, in]`. Each column of U has its entry of the largest magnitude, the first of
    /// equals, positive.
    pub(super) product: Product,
    /// ‖ΔW‖², the sum of all squared singular values.
    pub(super) total: f64,
    /// The sum of the squared singular values left out.
    pub(super) lost: f64,
}

/// ‖ΔW‖².
pub(super) fn norm_squared(product: &Product) -> f64 {
    let middle = times_transposed(&thin_r(&product.b), &thin_r(&product.a.transpose()));
    middle.iter().map(|x| x * x).sum()
}

/// The best approximation of at most `rank`, in the Frobenius and the spectral norm (Eckart and Young, 1936).
pub(super) fn low_rank(product: &Product, rank: usize) -> LowRank {
    let left = product.b.clone().qr();
    let right = product.a.transpose().qr();
    let middle = times_transposed(&left.r(), &right.r());
    // Sorted, largest first.
    let svd = middle.svd(true, true);
    let values = &svd.singular_values;
    let squares = |range: std::ops::Range<usize>| range.map(|i| values[i] * values[i]).sum::<f64>();
    let kept = rank.min(values.len());
    let (lost, total) = (squares(kept..values.len()), squares(0..values.len()));
    let (q_left, q_right) = (left.q(), right.q());
    let mut b = DMatrix::zeros(product.b.nrows(), kept);
    let mut a = DMatrix::zeros(kept, product.a.ncols());
    if let (Some(u), Some(v_t)) = (&svd.u, &svd.v_t) {
        for i in 0..kept {
            let column = &q_left * u.column(i);
            let row = &q_right * v_t.row(i).transpose();
            let largest =
                column.iter().fold(0.0, |largest: f64, &x| if x.abs() > largest.abs() { x } else { largest });
            let sign = if largest < 0.0 { -1.0 } else { 1.0 };
            b.set_column(i, &(column * (sign * values[i])));
            a.set_row(i, &(row * sign).transpose());
        }
    }
    LowRank { product: Product { b, a }, total, lost }
}

/// R of the thin QR.
fn thin_r(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    matrix.clone().qr().r()
}

/// left·rightᵀ in a fixed order: nalgebra's own product of matrices depends on the processor.
fn times_transposed(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(left.nrows(), right.nrows(), |i, j| {
        (0..left.ncols()).map(|k| left[(i, k)] * right[(j, k)]).sum()
    })
}
