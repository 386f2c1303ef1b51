//! Loops compiled for the widest vectors that a CPU may have, and run with those that it has.
//!
//! A program for "x86-64" may use no vectors wider than SSE2's, whatever machine it meets. [`vectorized!`] compiles a function once
//! for each width and picks one when it is called. No result depends on which: products and sums stay as they are written, none is
//! fused, none changes its place.

/// What the macro calls; not for others.
#[doc(hidden)]
pub use wide::{Body, run};

/// Defines a function whose body is compiled for every width of vectors. All borrowed arguments have the lifetime `'a`, and what the body
/// calls should be small enough to be compiled into it, or `#[inline(always)]`: only what is inside has wide vectors.
///
/// ```
/// maec_vector::vectorized! {
///     /// x += w·y, `[elements]` each.
///     pub fn add_scaled<'a>(x: &'a mut [f32], w: f32, y: &'a [f32]) {
///         for (x, y) in x.iter_mut().zip(y) {
///             *x += w * y;
///         }
///     }
/// }
/// let mut x = [1.0, 2.0];
/// add_scaled(&mut x, 0.5, &[2.0, 4.0]);
/// assert_eq!(x, [2.0, 4.0]);
/// ```
#[macro_export]
macro_rules! vectorized {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident<'a>($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)] // its width says how many terms the formula has
        $vis fn $name<'a>($($arg: $type),*) $(-> $out)? {
            struct Call<'a>($($type,)* std::marker::PhantomData<&'a ()>);
            impl<'a> $crate::Body for Call<'a> {
                type Output = $crate::vectorized!(@out $($out)?);
                #[inline(always)]
                fn call(self) -> Self::Output {
                    let Self($($arg,)* _) = self;
                    $body
                }
            }
            $crate::run(Call($($arg,)* std::marker::PhantomData))
        }
    )*};
    (@out) => { () };
    (@out $out:ty) => { $out };
}

#[cfg(not(target_arch = "wasm32"))]
mod wide {
    pub use pulp::NullaryFnOnce as Body;

    /// Runs a body with the vectors of this machine.
    #[inline]
    pub fn run<B: Body>(body: B) -> B::Output {
        pulp::Arch::new().dispatch(body)
    }
}

#[cfg(target_arch = "wasm32")]
mod wide {
    /// A function's body with its arguments.
    pub trait Body {
        /// What it returns.
        type Output;

        /// Runs.
        fn call(self) -> Self::Output;
    }

    /// Runs a body.
    #[inline(always)]
    pub fn run<B: Body>(body: B) -> B::Output {
        body.call()
    }
}

#[cfg(test)]
mod tests {
    vectorized! {
        /// Σ wᵢ·xᵢ of three rows, one after the other.
        fn weighted<'a>(rows: [&'a [f32]; 3], weights: [f32; 3], out: &'a mut [f32]) -> usize {
            for (i, out) in out.iter_mut().enumerate() {
                *out = rows.iter().zip(weights).fold(0.0, |sum, (row, w)| sum + w * row[i]);
            }
            rows.len()
        }
    }

    #[test]
    fn every_width_rounds_as_one_element_after_the_other_does() {
        let row = |seed: u32| -> Vec<f32> {
            (0..1003).map(|i: u32| (i.wrapping_mul(seed) % 9973) as f32 * 1.1e-3 - 4.0).collect()
        };
        let rows = [row(2_654_435_761), row(40_503), row(97)];
        let weights = [0.3, -1.7, 0.123];
        let mut out = vec![0.0; 1003];
        assert_eq!(weighted([&rows[0], &rows[1], &rows[2]], weights, &mut out), 3);
        for (i, out) in out.iter().enumerate() {
            let mut sum = 0.0_f32;
            for (row, w) in rows.iter().zip(weights) {
                let product = std::hint::black_box(w * row[i]);
                sum = std::hint::black_box(sum + product);
            }
            assert_eq!(out.to_bits(), sum.to_bits(), "element {i}");
        }
    }
}
