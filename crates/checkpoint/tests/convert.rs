//! Widening is exact and narrowing rounds to nearest, ties to even: against `half`, exhaustively, and by hand.

use half::{bf16, f16};
use maec_checkpoint::convert::{decode_f32, encode_f32, first_non_finite, narrow, widen};
use maec_checkpoint::{Dtype, Error, dtype};
use proptest::prelude::*;

fn narrowed(dtype: Dtype, x: f64) -> Vec<u8> {
    let mut out = Vec::new();
    narrow(dtype, &[x], &mut out).unwrap();
    out
}

fn widened(dtype: Dtype, bytes: &[u8]) -> f64 {
    let mut out = [0.0];
    widen(dtype, bytes, &mut out).unwrap();
    out[0]
}

fn bits16(dtype: Dtype, x: f64) -> u16 {
    narrowed(dtype, x).try_into().map(u16::from_le_bytes).unwrap()
}

#[test]
fn ties_go_to_even() {
    // bf16 keeps 8 significant bits: between 1 and 2 a unit is 2^-7.
    let unit = 2f64.powi(-7);
    for (x, expected) in [
        (1.0 + 0.5 * unit, 0x3f80),
        (1.0 + 1.5 * unit, 0x3f82),
        (1.0 + 2.5 * unit, 0x3f82),
        (1.0 + 0.5 * unit + 2f64.powi(-20), 0x3f81),
        (1.0 + 1.5 * unit - 2f64.powi(-20), 0x3f81),
        (-(1.0 + 1.5 * unit), 0xbf82),
        (-0.0, 0x8000),
        (3.4e38, 0x7f80),          // nearer to 2^128 than to the largest bf16
        (2f64.powi(-134), 0x0000), // half of the least subnormal
        (1.5 * 2f64.powi(-133), 0x0002),
        (f64::NEG_INFINITY, 0xff80),
    ] {
        assert_eq!(bits16(Dtype::BF16, x), expected, "{x:e}");
    }
    // f16 keeps 11: a unit is 2^-10.
    let unit = 2f64.powi(-10);
    for (x, expected) in [
        (1.0 + 0.5 * unit, 0x3c00),
        (1.0 + 1.5 * unit, 0x3c02),
        (65504.0, 0x7bff),
        (65519.0, 0x7bff),
        (65520.0, 0x7c00),
        (2f64.powi(-25), 0x0000),
        (1.5 * 2f64.powi(-24), 0x0002),
    ] {
        assert_eq!(bits16(Dtype::F16, x), expected, "{x:e}");
    }
    // f32: a unit is 2^-23.
    let x = 1.0 + 1.5 * 2f64.powi(-23);
    assert_eq!(narrowed(Dtype::F32, x), 0x3f80_0002u32.to_le_bytes());
}

#[test]
fn rounding_passes_through_f32() {
    // A little above a bf16 tie, but so little that f32 drops it: the tie then goes to even. Rounding at once would go up.
    let x = 1.0 + 2f64.powi(-8) + 2f64.powi(-40);
    assert_eq!(bits16(Dtype::BF16, x), 0x3f80);
    let above = widened(Dtype::BF16, &0x3f81u16.to_le_bytes());
    assert!(above - x < x - 1.0);
    // F64 is stored as it is.
    assert_eq!(narrowed(Dtype::F64, x), x.to_le_bytes());
}

#[test]
fn nan_is_canonical() {
    let payload = f64::from_bits(0xfff0_0000_dead_beef);
    for (dtype, expected) in [
        (Dtype::F64, &0x7ff8_0000_0000_0000u64.to_le_bytes()[..]),
        (Dtype::F32, &0x7fc0_0000u32.to_le_bytes()),
        (Dtype::F16, &0x7e00u16.to_le_bytes()),
        (Dtype::BF16, &0x7fc0u16.to_le_bytes()),
    ] {
        assert_eq!(narrowed(dtype, payload), expected);
        let mut out = Vec::new();
        encode_f32(dtype, &[f32::from_bits(0xff80_0001)], &mut out).unwrap();
        assert_eq!(out, expected);
    }
}

/// IEEE 754 binary16 by its definition.
fn f16_by_definition(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff) / 1024.0);
    let magnitude = match exponent {
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        0 => fraction * 2f64.powi(-14),
        _ => (1.0 + fraction) * 2f64.powi(exponent - 15),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[test]
fn every_sixteen_bit_float_survives() {
    for bits in 0..=u16::MAX {
        let bytes = bits.to_le_bytes();
        for (dtype, expected) in
            [(Dtype::BF16, bf16::from_bits(bits).to_f64()), (Dtype::F16, f16_by_definition(bits))]
        {
            let x = widened(dtype, &bytes);
            let single = decode_f32(dtype, &bytes).unwrap()[0];
            assert_eq!(first_non_finite(dtype, &bytes), (!expected.is_finite()).then_some(0));
            if expected.is_nan() {
                assert!(x.is_nan() && single.is_nan());
                continue;
            }
            assert_eq!(x.to_bits(), expected.to_bits());
            assert_eq!(f64::from(single).to_bits(), expected.to_bits());
            assert_eq!(narrowed(dtype, x), bytes);
        }
    }
}

#[test]
fn the_first_non_finite_is_found() {
    for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16] {
        let mut bytes = Vec::new();
        narrow(dtype, &[1.0, -2.0, 0.0, f64::INFINITY, f64::NAN], &mut bytes).unwrap();
        assert_eq!(first_non_finite(dtype, &bytes), Some(3));
        assert_eq!(first_non_finite(dtype, &bytes[..3 * dtype::bytes_per_element(dtype)]), None);
    }
    assert_eq!(first_non_finite(Dtype::I32, &[0xff; 8]), None);
}

#[test]
fn what_is_no_float_or_no_whole_number_of_elements_is_refused() {
    let mut out = [0.0; 2];
    assert!(
        matches!(widen(Dtype::I64, &[0; 16], &mut out), Err(Error::NotFloat { name }) if name.contains("I64"))
    );
    assert!(matches!(narrow(Dtype::BOOL, &[1.0], &mut Vec::new()), Err(Error::NotFloat { .. })));
    assert!(matches!(widen(Dtype::F32, &[0; 7], &mut out), Err(Error::BufferMismatch { found: 7, .. })));
    assert!(matches!(widen(Dtype::F32, &[0; 12], &mut out), Err(Error::BufferMismatch { .. })));
    assert!(matches!(decode_f32(Dtype::BF16, &[0; 3]), Err(Error::BufferMismatch { .. })));
}

#[test]
fn dtypes_know_their_names_and_what_they_hold() {
    assert_eq!(dtype::name(Dtype::BF16), "BF16");
    assert_eq!(dtype::parse_float("bfloat16"), Some(Dtype::BF16));
    assert_eq!(dtype::parse_float("F32"), Some(Dtype::F32));
    assert_eq!(dtype::parse_float("I32"), None);
    assert!(dtype::holds(Dtype::F32, Dtype::F16) && dtype::holds(Dtype::U8, Dtype::U8));
    assert!(!dtype::holds(Dtype::F16, Dtype::BF16) && !dtype::holds(Dtype::BF16, Dtype::F16));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn narrowing_agrees_with_half(bits in any::<u32>()) {
        let x = f32::from_bits(bits);
        prop_assume!(!x.is_nan());
        prop_assert_eq!(bits16(Dtype::BF16, f64::from(x)), bf16::from_f32(x).to_bits());
        prop_assert_eq!(bits16(Dtype::F16, f64::from(x)), f16::from_f32(x).to_bits());
        for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16] {
            let mut single = Vec::new();
            encode_f32(dtype, &[x], &mut single).unwrap();
            prop_assert_eq!(single, narrowed(dtype, f64::from(x)));
        }
    }

    #[test]
    fn narrowing_finds_the_nearest(x in -70000.0f32..70000.0) {
        for dtype in [Dtype::BF16, Dtype::F16] {
            let bits = bits16(dtype, f64::from(x));
            let error = |bits: u16| (widened(dtype, &bits.to_le_bytes()) - f64::from(x)).abs();
            // Neighbouring bit patterns are neighbouring magnitudes.
            for neighbour in [bits.wrapping_sub(1), bits.wrapping_add(1)] {
                if error(bits).is_finite() && error(neighbour).is_finite() {
                    prop_assert!(error(bits) < error(neighbour) || (error(bits) == error(neighbour) && bits.is_multiple_of(2))
                        || x == 0.0);
                }
            }
        }
    }

    #[test]
    fn f32_and_f64_round_trip(single in any::<f32>(), double in any::<f64>()) {
        prop_assume!(!single.is_nan() && !double.is_nan());
        prop_assert_eq!(widened(Dtype::F32, &single.to_le_bytes()).to_bits(), f64::from(single).to_bits());
        prop_assert_eq!(narrowed(Dtype::F32, f64::from(single)), single.to_le_bytes());
        prop_assert_eq!(narrowed(Dtype::F64, double), double.to_le_bytes());
        prop_assert_eq!(decode_f32(Dtype::F64, &double.to_le_bytes()).unwrap()[0].to_bits(), (double as f32).to_bits());
    }
}
