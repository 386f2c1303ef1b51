//! The merge's kernels against the CPU's f64, within what `maec_merge::kernels` states.

mod case;

use std::ops::ControlFlow;

use case::{Case, PARAMETERS, client};
use maec_checkpoint::{Dtype, convert, dtype};
use maec_merge::kernels::{KernelError, Statistics, Tile, merge, tensor_stats};
use maec_recipe::Parameters;
use maec_train::Random;

const FLOATS: [Dtype; 3] = [Dtype::BF16, Dtype::F16, Dtype::F32];

/// Weights as of models: most elements are the base's, the others close to it.
fn like_weights(random: &mut Random, base: Option<f64>) -> f64 {
    match base {
        None => 0.02 * f64::from(random.normal()),
        Some(base) if random.below(10) < 6 => base,
        Some(base) => base + 0.001 * f64::from(random.normal()),
    }
}

#[test]
fn merges_match_the_cpu() {
    let mut worst = 0.0f64;
    for dtype in FLOATS {
        for (languages, elements) in [(0, 1), (1, 7), (2, 4099), (3, 64), (5, 20_001)] {
            let case = Case::new(dtype, languages, elements, like_weights);
            for selected in [true, false] {
                let [differ, _] = case.compare(selected);
                if dtype != Dtype::F32 && elements > 1000 {
                    worst = worst.max(differ);
                }
            }
        }
    }
    println!(
        "merge kernel on wgpu: at most {:.3} % of bf16 and f16 elements differ from the CPU's bits",
        100.0 * worst
    );
    assert!(worst < 0.002, "{worst}");
}

/// Bits of every kind, from subnormals to half of the largest numbers whose sums fit.
#[test]
fn merges_of_any_magnitude_match_the_cpu() {
    for dtype in FLOATS {
        let (least, most) = match dtype {
            Dtype::BF16 => (-133, 110),
            Dtype::F16 => (-24, 11),
            _ => (-149, 110),
        };
        let any = |random: &mut Random, base: Option<f64>| match (random.below(8), base) {
            (0 | 1, Some(base)) => base,
            (2, Some(base)) => -base,
            (3, _) => [0.0, -0.0][random.below(2) as usize],
            _ => {
                let exponent = least + random.below((most - least) as u32) as i32;
                f64::from(random.normal()) * 2f64.powi(exponent)
            }
        };
        let subnormal = |random: &mut Random, base: Option<f64>| match (random.below(3), base) {
            (0, Some(base)) => base,
            _ => f64::from(random.normal()) * 2f64.powi(least + 4),
        };
        for selected in [true, false] {
            Case::new(dtype, 3, 3001, any).compare(selected);
            let [differ, lost] = Case::new(dtype, 2, 3001, subnormal).compare(selected);
            println!(
                "merge kernel on wgpu, {dtype} subnormals: {:.1} % differ from the CPU's, {:.1} % are lost",
                100.0 * differ,
                100.0 * lost
            );
            if dtype == Dtype::F16 {
                assert!(differ < 0.01, "f16's subnormals are exact: {differ}");
            }
        }
    }
}

/// With factors of every sign, and zero.
#[test]
fn nan_and_infinity_merge_as_ieee_754_says() {
    let special = |random: &mut Random, base: Option<f64>| match (random.below(10), base) {
        (0, _) => f64::NAN,
        (1, _) => f64::INFINITY,
        (2, _) => f64::NEG_INFINITY,
        (3..7, Some(base)) => base,
        _ => f64::from(random.normal()),
    };
    for dtype in FLOATS {
        for (languages, factors) in [
            (0, [0.8, 0.2, 1.5, 0.9]),
            (1, [-0.8, 0.2, 1.5, -0.9]),
            (3, [0.8, 0.0, -1.5, 0.9]),
            (2, [1.0, 0.5, 1.0, 0.0]),
        ] {
            let [alpha, beta, gamma, eta] = factors;
            let parameters = Parameters { alpha, beta, gamma, eta, ..PARAMETERS };
            let case = Case { parameters, ..Case::new(dtype, languages, 1025, special) };
            case.compare(true);
            case.compare(false);
        }
    }
}

#[test]
fn what_is_not_finite_is_refused_by_its_index() {
    for dtype in FLOATS {
        let size = dtype::bytes_per_element(dtype);
        let mut case = Case::new(dtype, 2, 4099, like_weights);
        let poison = |case: &mut Case, model: usize, element: usize, value: f64| {
            let mut bytes = Vec::new();
            convert::narrow(dtype, &[value], &mut bytes).unwrap();
            case.models[model][element * size..][..size].copy_from_slice(&bytes);
        };
        poison(&mut case, 1, 4098, f64::NAN);
        poison(&mut case, 2, 2001, f64::INFINITY);
        poison(&mut case, 3, 77, f64::NAN);
        // What is not selected does not read the ability's models.
        assert_eq!(case.on_device(false, false), Err(KernelError::NonFinite { element: 2001 }));
        assert_eq!(case.on_device(true, false), Err(KernelError::NonFinite { element: 77 }));
        assert_eq!(case.statistics(), Err(KernelError::NonFinite { element: 77 }));

        let mut case = Case::new(dtype, 1, 1000, like_weights);
        let (large, larger) = match dtype {
            Dtype::F16 => (60_000.0, 65_000.0),
            _ => (2f64.powi(127), 2f64.powi(127) * 1.95),
        };
        poison(&mut case, 0, 501, large);
        poison(&mut case, 1, 501, larger);
        case.parameters.eta = 8.0;
        for model in [2, 3] {
            poison(&mut case, model, 501, large);
        }
        assert_eq!(case.on_device(true, false), Err(KernelError::Overflow { element: 501 }));
        assert_eq!(
            case.on_device(true, true).unwrap()[501 * size..][..size],
            case.on_cpu(true)[501 * size..][..size]
        );
        assert!(case.on_device(false, false).is_ok());
    }
}

#[test]
fn statistics_match_the_cpu() {
    let mut worst = 0.0f64;
    for dtype in FLOATS {
        for (languages, elements) in [(0, 3), (1, 1), (2, 4099), (5, 100_003)] {
            let case = Case::new(dtype, languages, elements, like_weights);
            let found = case.statistics().unwrap();
            let wanted = case.with_inputs(case.parameters, |inputs, recipe| {
                maec_merge::tensor_stats(inputs, recipe, &mut |_| ControlFlow::Continue(()))
                    .unwrap()
                    .remove(0)
            });
            let close = |found: f64, wanted: f64| (found - wanted).abs() <= 1e-5 * wanted;
            assert!(close(found.ability.sqrt(), wanted.ability_norm), "{found:?} {wanted:?}");
            assert!(close(found.language.sqrt(), wanted.language_norm), "{found:?} {wanted:?}");
            assert!(close(found.base.sqrt(), wanted.base_norm), "{found:?} {wanted:?}");
            assert_eq!(found.nonzero, wanted.ability_nonzero, "{dtype} {languages} {elements}");
            worst = worst.max((found.similarity() - wanted.similarity).abs());
        }
    }
    println!("statistics kernel on wgpu: largest difference of a similarity {worst:.2e}");
    assert!(worst <= 1e-5, "{worst}");
}

/// Parts of a tensor, added up, say what the whole does; a number too small for the device's products is still counted.
#[test]
fn statistics_of_parts_add_up() {
    let tiny = |random: &mut Random, base: Option<f64>| match base {
        None => f64::from(random.normal()),
        Some(base) if random.below(2) == 0 => base,
        Some(_) => 2f64.powi(-130),
    };
    let case = Case::new(Dtype::F32, 1, 50_000, tiny);
    let (whole, client) = (case.statistics().unwrap(), client());
    let mut parts = Statistics::default();
    for part in 0..5 {
        let rows: Vec<&[u8]> = case.models.iter().map(|model| &model[part * 40_000..][..40_000]).collect();
        let tile = Tile::upload(&client, Dtype::F32, rows[0], &[rows[1]], Some([rows[2], rows[3]])).unwrap();
        let sums = tensor_stats(&client, &tile, case.weights(), &PARAMETERS).unwrap();
        parts += pollster::block_on(sums.read(&client)).unwrap();
    }
    assert_eq!(parts.nonzero, whole.nonzero);
    assert!((parts.similarity() - whole.similarity()).abs() < 1e-6);
    let mut only = Case::new(Dtype::F32, 0, 100, |_, base| base.unwrap_or(0.0));
    // α times it rounds to zero in f32.
    only.parameters.alpha = 0.3;
    only.models[1][40..44].copy_from_slice(&1u32.to_le_bytes());
    assert_eq!(only.statistics().unwrap().nonzero, 1, "the least subnormal is not zero");
}

#[test]
fn wrong_uploads_are_named() {
    let client = client();
    let upload = |dtype, base: &[u8], language: &[u8]| {
        Tile::upload(&client, dtype, base, &[language], None).map(|tile| tile.rows())
    };
    assert_eq!(upload(Dtype::F32, &[0; 8], &[0; 8]), Ok(2));
    assert_eq!(upload(Dtype::F64, &[0; 8], &[0; 8]), Err(KernelError::Dtype(Dtype::F64)));
    let lengths = KernelError::Bytes { expected: 8, found: 4 };
    assert_eq!(
        lengths.to_string(),
        "a model gave 4 bytes where the base gave 8: give every model's bytes of the same elements"
    );
    assert_eq!(upload(Dtype::F32, &[0; 8], &[0; 4]), Err(lengths));
    assert_eq!(upload(Dtype::F32, &[0; 7], &[0; 7]), Err(KernelError::Bytes { expected: 7, found: 7 }));

    let tile = Tile::upload(&client, Dtype::F32, &[0; 8], &[&[0; 8]], None).unwrap();
    let error =
        |weights: &[f64], selected| merge(&client, &tile, weights, &PARAMETERS, selected).unwrap_err();
    assert_eq!(error(&[], false), KernelError::Weights { weights: 0, languages: 1 });
    assert_eq!(error(&[0.5], true), KernelError::NoAbility);
    assert_eq!(tensor_stats(&client, &tile, &[0.5], &PARAMETERS).unwrap_err(), KernelError::NoAbility);
    let most = Tile::most_elements(&client, Dtype::BF16, 5).unwrap();
    assert!(most > 1 << 20, "{most}");
}
