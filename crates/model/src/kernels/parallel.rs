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

/// Runs `work(row, values)` over rows of `width` values that cost `operations` each.
pub(crate) fn rows(
    out: &mut [f32],
    width: usize,
    operations: usize,
    work: impl Fn(usize, &mut [f32]) + Send + Sync,
) {
    let count = (SMALL / operations.max(1)).max(1);
    let block = |index: usize, block: &mut [f32]| {
        for (row, out) in block.chunks_mut(width).enumerate() {
            work(index * count + row, out);
        }
    };
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if out.len() / width > count {
            out.par_chunks_mut(count * width).enumerate().for_each(|(i, chunk)| simd(|| block(i, chunk)));
            return;
        }
    }
    simd(|| out.chunks_mut(count * width).enumerate().for_each(|(i, chunk)| block(i, chunk)));
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

/// Below so many values (or operations), threads cost more than they bring.
const SMALL: usize = 16 * 1024;

/// Compiles the work for the widest vectors this machine has.
#[inline(always)]
pub(crate) fn simd<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}
