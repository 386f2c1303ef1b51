//! Row-parallel loops: on threads natively, one after the other in the browser. Results never depend on the threads.

/// Runs `work(index, chunk)` over consecutive chunks of `out`.
pub(crate) fn chunks(out: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32]) + Send + Sync) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if out.len() >= SMALL {
            out.par_chunks_mut(size).enumerate().for_each(|(index, chunk)| simd(|| work(index, chunk)));
            return;
        }
    }
    simd(|| out.chunks_mut(size).enumerate().for_each(|(index, chunk)| work(index, chunk)));
}

/// Runs `work` on every item.
pub(crate) fn items<T: Send>(items: Vec<T>, work: impl Fn(T) + Send + Sync) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if items.len() > 1 {
            items.into_par_iter().for_each(|item| simd(|| work(item)));
            return;
        }
    }
    simd(|| items.into_iter().for_each(work));
}

/// Below so many values, threads cost more than they bring.
#[cfg(feature = "rayon")]
const SMALL: usize = 16 * 1024;

/// Compiles the work for the widest vectors this machine has.
#[inline(always)]
pub(crate) fn simd<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
