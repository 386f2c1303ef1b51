//! Stored words ↔ f32, in integers alone: shared by the kernels of this module.
//!
//! A word is a `u32` as it lies in memory: one f32, or two bf16 or f16, the element of the lower index in the low half.
//! `N` words side by side are what a unit loads at once. Nothing here is float arithmetic except one exact product, so
//! that subnormals, infinities and NaN survive on devices whose floats lose them (WGSL lets a device flush the first
//! and assume that there are none of the others).

use cubecl::prelude::*;

/// How elements lie in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packing {
    /// One f32 a word.
    F32,
    /// Two f16 a word.
    F16,
    /// Two bf16 a word.
    Bf16,
}

impl Packing {
    /// Elements of a word.
    pub const fn per_word(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    /// The stored exponent's bits: all of them are set in infinities and NaN. It is infinity itself, too.
    pub(super) const fn infinity(self) -> u32 {
        match self {
            Self::F32 => INFINITY,
            Self::F16 => 0x7c00,
            Self::Bf16 => 0x7f80,
        }
    }

    /// The one NaN that is written.
    pub(super) const fn nan(self) -> u32 {
        match self {
            Self::F32 => 0x7fc0_0000,
            Self::F16 => 0x7e00,
            Self::Bf16 => 0x7fc0,
        }
    }

    /// The stored sign's bit.
    pub(super) const fn sign(self) -> u32 {
        match self {
            Self::F32 => SIGN,
            Self::F16 | Self::Bf16 => 0x8000,
        }
    }
}

/// f32's sign.
pub(super) const SIGN: u32 = 0x8000_0000;
/// Everything else of an f32.
pub(super) const MAGNITUDE: u32 = 0x7fff_ffff;
/// f32's infinity; a larger magnitude is a NaN.
pub(super) const INFINITY: u32 = 0x7f80_0000;

/// The elements in one half of `words` (0 is the low one) as bits of f32, exactly.
#[cube]
pub(super) fn widen<N: Size>(
    words: Vector<u32, N>,
    #[comptime] packing: Packing,
    #[comptime] half: usize,
) -> Vector<u32, N> {
    if comptime!(packing == Packing::F32) {
        words
    } else if comptime!(packing == Packing::Bf16) {
        if comptime!(half == 0) { words << Vector::new(16u32) } else { words & Vector::new(0xffff_0000u32) }
    } else {
        let stored = (words >> Vector::new(comptime!(16 * half as u32))) & Vector::new(0xffffu32);
        let rest = stored & Vector::new(0x7fffu32);
        // A subnormal f16 is a whole number of 2⁻²⁴, and a normal f32: this product is exact.
        let small = Vector::<f32, N>::cast_from(rest) * Vector::new(f32::new(5.960_464_5e-8));
        let exponent = select_many(
            rest.greater_equal(&Vector::new(0x7c00u32)),
            Vector::new(INFINITY),
            (rest << Vector::new(13u32)) + Vector::new(0x3800_0000u32),
        );
        let magnitude = select_many(
            rest.less_than(&Vector::new(0x400u32)),
            Vector::<u32, N>::reinterpret(small),
            exponent | ((rest << Vector::new(13u32)) & Vector::new(0x007f_ffffu32)),
        );
        magnitude | ((stored & Vector::new(0x8000u32)) << Vector::new(16u32))
    }
}

/// Bits of f32 rounded to the stored dtype, to nearest, ties to even; a NaN becomes infinity.
#[cube]
pub(super) fn narrow<N: Size>(bits: Vector<u32, N>, #[comptime] packing: Packing) -> Vector<u32, N> {
    let magnitude = (bits & Vector::new(MAGNITUDE)).min(Vector::new(INFINITY));
    let sign = bits & Vector::new(SIGN);
    if comptime!(packing == Packing::F32) {
        magnitude | sign
    } else if comptime!(packing == Packing::Bf16) {
        half_even(magnitude, Vector::new(16u32)) | (sign >> Vector::new(16u32))
    } else {
        // 65536 and more is infinity; what rounds up to it gets there by its carry.
        let capped = magnitude.min(Vector::new(0x4780_0000u32));
        let normal = half_even(capped - Vector::new(0x3800_0000u32), Vector::new(13u32));
        // Below 2⁻¹⁴: how many 2⁻²⁴ the fraction is. From 2⁻²⁵ down none, so longer shifts need not be told apart.
        let shift = (Vector::new(126u32) - (capped >> Vector::new(23u32)).min(Vector::new(125u32)))
            .min(Vector::new(31u32));
        let fraction = (capped & Vector::new(0x007f_ffffu32)) | Vector::new(0x0080_0000u32);
        let small = half_even(fraction, shift);
        let stored = select_many(capped.less_than(&Vector::new(0x3880_0000u32)), small, normal);
        stored | (sign >> Vector::new(16u32))
    }
}

/// `bits / 2^shift` (`shift` from 1 to 31), rounded to nearest, ties to even.
#[cube]
fn half_even<N: Size>(bits: Vector<u32, N>, shift: Vector<u32, N>) -> Vector<u32, N> {
    let one = Vector::new(1u32);
    let odd = (bits >> shift) & one;
    (bits + (one << (shift - one)) - one + odd) >> shift
}

/// Stored elements into their half of words.
#[cube]
pub(super) fn place<N: Size>(stored: Vector<u32, N>, #[comptime] half: usize) -> Vector<u32, N> {
    stored << Vector::new(comptime!(16 * half as u32))
}

/// The largest of `N` numbers.
#[cube]
pub(super) fn largest<N: Size>(of: Vector<u32, N>) -> u32 {
    let mut largest = of.extract(0usize);
    #[unroll]
    for lane in 1..N::value() {
        largest = largest.max(of.extract(lane));
    }
    largest
}
