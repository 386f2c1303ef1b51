//! Row-parallel loops: on threads natively, one after the other in the browser. Results never depend on the threads.

use pulp::Simd;

/// What is done with one item of a loop. Implementations are `#[inline(always)]`: a closure would be compiled once, for
/// the oldest CPU, and called from each version of the loop; this is compiled into every one of them.
pub(crate) trait Work<T>: Sync {
    /// Does it, with vectors of the width that this machine has.
    fn run<S: Simd>(&self, simd: S, item: T);
}

/// Work on consecutive chunks of a slice, each with its number.
pub(crate) trait Chunks: for<'a> Work<(usize, &'a mut [f32])> {}
impl<W: for<'a> Work<(usize, &'a mut [f32])>> Chunks for W {}

/// Does the work on consecutive chunks of `out`.
pub(crate) fn chunks(out: &mut [f32], size: usize, work: &impl Chunks) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if out.len() >= SMALL {
            out.par_chunks_mut(size).enumerate().for_each(|item| vectorised(work, item));
            return;
        }
    }
    out.chunks_mut(size).enumerate().for_each(|item| vectorised(work, item));
}

/// Does the work on every row of `width` values, which costs `operations`; a thread takes some rows at a time.
pub(crate) fn rows(out: &mut [f32], width: usize, operations: usize, work: &impl Chunks) {
    let count = (SMALL / operations.max(1)).max(1);
    let block = Rows { width, count, work };
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if out.len() / width > count {
            out.par_chunks_mut(count * width).enumerate().for_each(|item| vectorised(&block, item));
            return;
        }
    }
    out.chunks_mut(count * width).enumerate().for_each(|item| vectorised(&block, item));
}

/// Some rows, one after the other.
struct Rows<'w, W> {
    width: usize,
    count: usize,
    work: &'w W,
}

impl<'a, W: Chunks> Work<(usize, &'a mut [f32])> for Rows<'_, W> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, (index, block): (usize, &'a mut [f32])) {
        for (row, out) in block.chunks_mut(self.width).enumerate() {
            self.work.run(simd, (index * self.count + row, out));
        }
    }
}

/// Does the work on every item.
pub(crate) fn items<T: Send>(items: Vec<T>, work: &impl Work<T>) {
    #[cfg(feature = "rayon")]
    {
        use rayon::prelude::*;
        if items.len() > 1 {
            items.into_par_iter().for_each(|item| vectorised(work, item));
            return;
        }
    }
    items.into_iter().for_each(|item| vectorised(work, item));
}

/// Below so many values (or operations), threads cost more than they bring.
const SMALL: usize = 16 * 1024;

/// One item, compiled for the widest vectors this machine has.
fn vectorised<T>(work: &impl Work<T>, item: T) {
    pulp::Arch::new().dispatch(Call { work, item });
}

struct Call<'w, W, T> {
    work: &'w W,
    item: T,
}

impl<W: Work<T>, T> pulp::WithSimd for Call<'_, W, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        self.work.run(simd, self.item);
    }
}
