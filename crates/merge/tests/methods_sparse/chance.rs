//! Statistics of the random methods at fixed seeds, within five standard deviations.

use super::setup::{case, noise};

const N: usize = 100_000;

/// Which elements of δ = 1 stay, as 0 and 1.
fn kept(method: &str, tensor: &str, seed: u64, place: usize, density: f64) -> Vec<f64> {
    let mut weights = [0.0; 2];
    weights[place] = 1.0;
    let mut case = case(method, &[N], &vec![0.0; N], &[vec![1.0; N], vec![1.0; N]]);
    case.tensor = tensor.to_owned();
    case.seed = seed;
    let merged = case.with("density", &[density]).with("weight", &weights).merge();
    merged.into_iter().map(|x| f64::from(u8::from(x != 0.0))).collect()
}

/// Correlation of two masks of one density, in standard deviations of independent ones.
fn correlation(a: &[f64], b: &[f64], density: f64) -> f64 {
    let n = a.len().min(b.len()) as f64;
    let sum: f64 = a.iter().zip(b).map(|(a, b)| (a - density) * (b - density)).sum();
    sum / (density * (1.0 - density) * n.sqrt())
}

#[test]
fn dare_keeps_its_density() {
    for (seed, density) in [(1, 0.1), (2, 0.5), (3, 0.93)] {
        let mask = kept("dare_linear", "w", seed, 0, density);
        let sigma = (density * (1.0 - density) * N as f64).sqrt();
        let count: f64 = mask.iter().sum();
        assert!((count - density * N as f64).abs() < 5.0 * sigma, "{density}: {count}");
    }
}

#[test]
fn neighbours_models_tensors_and_seeds_are_independent() {
    let density = 0.3;
    let mask = kept("dare_linear", "w", 1, 0, density);
    for lag in [1, 2, 3, 4, 16, 64, 256, 1024] {
        assert!(correlation(&mask, &mask[lag..], density).abs() < 5.0, "{lag} elements apart");
    }
    for (what, other) in [
        ("another model", kept("dare_linear", "w", 1, 1, density)),
        ("another tensor", kept("dare_linear", "v", 1, 0, density)),
        ("another seed", kept("dare_linear", "w", 2, 0, density)),
    ] {
        assert!(correlation(&mask, &other, density).abs() < 5.0, "{what}");
    }
    assert_eq!(mask, kept("dare_ties", "w", 1, 0, density), "the same draw in both methods");
}

/// The rescaled δ̃ has δ's mean, and its variance: for δ = 1, 1/density − 1.
#[test]
fn dares_rescaled_values_have_deltas_mean_and_the_right_variance() {
    let density = 0.2;
    let case = case("dare_linear", &[N], &vec![0.0; N], &[vec![1.0; N]]).with("density", &[density]);
    let merged = case.dialect(maec_merge::methods::Dialect::Paper).merge();
    let mean = merged.iter().map(|x| f64::from(*x)).sum::<f64>() / N as f64;
    let variance = merged.iter().map(|x| f64::from(*x) - 1.0).map(|d| d * d).sum::<f64>() / N as f64;
    let expected = 1.0 / density - 1.0;
    assert!((mean - 1.0).abs() < 5.0 * (expected / N as f64).sqrt(), "{mean}");
    // (x − 1)² is 1, or 16 with the density's probability: its deviation is 15·√(p(1 − p)).
    let sigma = 15.0 * (density * (1.0 - density) / N as f64).sqrt();
    assert!((variance - expected).abs() < 5.0 * sigma, "{variance}");
}

/// p = (density − ε) + 2ε·rank/(m − 1), in rows, in a vector, and along the second of three dimensions.
#[test]
fn della_keeps_by_rank() {
    let (rows, m) = (4000, 6);
    let (density, epsilon) = (0.45, 0.3);
    for shape in [vec![rows, m], vec![rows / 2, m, 2]] {
        let stride = if shape.len() == 3 { 2 } else { 1 };
        let x = noise(11, rows * m);
        let case = case("della_linear", &shape, &vec![0.0; rows * m], std::slice::from_ref(&x));
        let merged = case.with("density", &[density]).with("epsilon", &[epsilon]).merge();
        let mut count = vec![0.0; m];
        for granule in (0..rows * m).step_by(m * stride) {
            for column in 0..stride {
                let mut row: Vec<usize> = (0..m).map(|i| granule + i * stride + column).collect();
                row.sort_by(|a, b| x[*a].abs().total_cmp(&x[*b].abs()));
                for (rank, at) in row.into_iter().enumerate() {
                    count[rank] += f64::from(u8::from(merged[at] != 0.0));
                }
            }
        }
        for (rank, count) in count.into_iter().enumerate() {
            let p = density - epsilon + 2.0 * epsilon * rank as f64 / (m - 1) as f64;
            let sigma = (p * (1.0 - p) * rows as f64).sqrt();
            assert!((count - p * rows as f64).abs() < 5.0 * sigma, "{shape:?} rank {rank}: {count}");
        }
    }
}
