//! The methods by their formulas, slowly and in f64, on vectors that are written out.
#![allow(clippy::disallowed_methods, reason = "compared within a tolerance")]

fn zip(a: &[f64], b: &[f64], run: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| run(*a, *b)).collect()
}

pub fn scale(a: &[f64], by: f64) -> Vec<f64> {
    a.iter().map(|a| a * by).collect()
}

pub fn plus(a: &[f64], b: &[f64]) -> Vec<f64> {
    zip(a, b, |a, b| a + b)
}

pub fn minus(a: &[f64], b: &[f64]) -> Vec<f64> {
    zip(a, b, |a, b| a - b)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    zip(a, b, |a, b| a * b).iter().sum()
}

pub fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn sum(vectors: impl IntoIterator<Item = Vec<f64>>) -> Vec<f64> {
    vectors.into_iter().reduce(|a, b| plus(&a, &b)).expect("a vector")
}

/// Cuts tensors of a shape into vectors along the last or the first dimension, merges each set, and puts them together.
pub fn along(
    shape: &[usize],
    first: bool,
    tensors: &[Vec<f64>],
    run: impl Fn(&[Vec<f64>]) -> Vec<f64>,
) -> Vec<f64> {
    let n = tensors[0].len();
    let (length, stride) = match (shape, first) {
        ([_, inner @ ..], true) => (shape[0], inner.iter().product()),
        _ => (shape[shape.len() - 1], 1),
    };
    let mut out = vec![f64::NAN; n];
    for vector in 0..n / length {
        let start = vector / stride * length * stride + vector % stride;
        let places: Vec<usize> = (0..length).map(|i| start + i * stride).collect();
        let cut: Vec<Vec<f64>> =
            tensors.iter().map(|tensor| places.iter().map(|at| tensor[*at]).collect()).collect();
        for (at, value) in places.iter().zip(run(&cut)) {
            out[*at] = value;
        }
    }
    out
}

/// An arc between two vectors, or their chord where `chord` says so of sin²θ and cos θ.
pub fn arc(a: &[f64], b: &[f64], t: f64, chord: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let unit = |x: &[f64]| scale(x, 1.0 / if norm(x) > 1e-8 { norm(x) } else { 1.0 });
    let cosine = dot(&unit(a), &unit(b)).clamp(-1.0, 1.0);
    let theta = cosine.acos();
    if chord(1.0 - cosine * cosine, cosine) {
        return plus(&scale(a, 1.0 - t), &scale(b, t));
    }
    let share = |t: f64| (t * theta).sin() / theta.sin();
    plus(&scale(a, share(1.0 - t)), &scale(b, share(t)))
}

pub fn multislerp(x: &[Vec<f64>], weights: &[f64], normalize: bool) -> Vec<f64> {
    let total: f64 = if normalize { weights.iter().sum() } else { 1.0 };
    let weights: Vec<f64> = weights.iter().map(|w| w / total).collect();
    let unit: Vec<Vec<f64>> = x.iter().map(|x| scale(x, 1.0 / (norm(x) + 1e-8))).collect();
    let mean = sum(unit.iter().zip(&weights).map(|(u, w)| scale(u, *w)));
    let mean = scale(&mean, 1.0 / norm(&mean));
    let tangent =
        sum(unit.iter().zip(&weights).map(|(u, w)| scale(&minus(u, &scale(&mean, dot(u, &mean))), *w)));
    let s = norm(&tangent) + 1e-8;
    let length: f64 = x.iter().zip(&weights).map(|(x, w)| w * norm(x)).sum();
    scale(&plus(&scale(&mean, s.cos()), &scale(&tangent, s.sin() / s)), length)
}

pub fn karcher(x: &[Vec<f64>], steps: usize, tol: f64) -> Vec<f64> {
    let norms: Vec<f64> = x.iter().map(|x| norm(x)).collect();
    let unit: Vec<Vec<f64>> =
        x.iter().zip(&norms).filter(|(_, n)| **n > tol).map(|(x, n)| scale(x, 1.0 / n)).collect();
    let share = 1.0 / unit.len() as f64;
    let mut m = scale(&sum(unit.clone()), share);
    m = scale(&m, 1.0 / norm(&m));
    for _ in 0..steps {
        let tangent = sum(unit.iter().map(|u| {
            let cosine = dot(&m, u).clamp(-1.0, 1.0);
            let theta = cosine.acos();
            let factor = if theta < tol { 0.0 } else { share * theta / theta.sin() };
            scale(&minus(u, &scale(&m, cosine)), factor)
        }));
        let length = norm(&tangent);
        if length < tol {
            break;
        }
        m = plus(&scale(&m, length.cos()), &scale(&tangent, length.sin() / length));
        m = scale(&m, 1.0 / norm(&m));
    }
    scale(&m, norms.iter().sum::<f64>() / norms.len() as f64)
}

/// The first vector is the base. Also the divisor, which says how well the result is conditioned.
pub fn model_stock(x: &[Vec<f64>]) -> (Vec<f64>, f64) {
    let (base, x) = (&x[0], &x[1..]);
    let deltas: Vec<Vec<f64>> = x.iter().map(|x| minus(x, base)).collect();
    let n = x.len() as f64;
    let mut cosines = Vec::new();
    for i in 0..x.len() {
        for j in i + 1..x.len() {
            cosines.push(dot(&deltas[i], &deltas[j]) / (norm(&deltas[i]) * norm(&deltas[j])).max(1e-6));
        }
    }
    let cosine = cosines.iter().sum::<f64>() / cosines.len() as f64;
    let divisor = 1.0 + (n - 1.0) * cosine;
    let t = n * cosine / divisor;
    (plus(&scale(&sum(x.to_vec()), t / n), &scale(base, 1.0 - t)), divisor)
}

pub fn sce(base: &[f64], x: &[Vec<f64>], topk: f64) -> Vec<f64> {
    let n = x.len() as f64;
    let mut deltas: Vec<Vec<f64>> = x.iter().map(|x| minus(x, base)).collect();
    if topk < 1.0 {
        let variance = |at: usize| {
            let mean = deltas.iter().map(|delta| delta[at]).sum::<f64>() / n;
            (deltas.iter().map(|delta| (delta[at] - mean).powi(2)).sum::<f64>() / n) as f32
        };
        let variances: Vec<f32> = (0..base.len()).map(variance).collect();
        let mut sorted: Vec<f32> = variances.iter().copied().filter(|v| *v > 0.0).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let k = (sorted.len() as f32 * topk as f32) as usize;
        let least = if k == 0 { f32::INFINITY } else { sorted[k - 1] };
        for delta in &mut deltas {
            delta.iter_mut().zip(&variances).filter(|(_, v)| **v < least).for_each(|(delta, _)| *delta = 0.0);
        }
    }
    let squares: Vec<f64> = deltas.iter().map(|delta| dot(delta, delta) / base.len() as f64).collect();
    let total: f64 = squares.iter().sum();
    let weights = squares.iter().map(|square| if total < 1e-6 { 1.0 / n } else { square / total });
    let weights: Vec<f64> = weights.collect();
    let merged = |at: usize| {
        let sign = if deltas.iter().map(|delta| delta[at]).sum::<f64>() >= 0.0 { 1.0 } else { -1.0 };
        let agreeing = deltas.iter().zip(&weights).filter(|(delta, _)| delta[at] * sign > 0.0);
        let (top, bottom) =
            agreeing.fold((0.0, 0.0), |(top, bottom), (delta, w)| (top + w * delta[at], bottom + w));
        base[at] + top / f64::max(bottom, 1e-6)
    };
    (0..base.len()).map(merged).collect()
}

pub fn nearswap(base: &[f64], x: &[f64], t: f64) -> Vec<f64> {
    zip(base, x, |base, x| {
        let w = (t / (base - x).abs().max(1e-6)).clamp(0.0, 1.0);
        x * w + base * (1.0 - w)
    })
}

pub fn arcee_fusion(row: usize, base: &[f32], x: &[f32]) -> Vec<f64> {
    let softmax = |row: &[f32]| {
        let powers: Vec<f64> = row.iter().map(|x| f64::from(*x).exp()).collect();
        let total: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / total + 1e-8).collect::<Vec<f64>>()
    };
    let mut importances = Vec::new();
    for (base, x) in base.chunks(row).zip(x.chunks(row)) {
        let (p, q) = (softmax(x), softmax(base));
        let k = zip(&p, &q, |p, q| p * (p / q).ln()).iter().sum::<f64>().max(0.0);
        importances.extend(base.iter().zip(x).map(|(base, x)| (x - base).abs() * k as f32));
    }
    let mut sorted = importances.clone();
    sorted.sort_by(f32::total_cmp);
    let at = |share: f32| sorted[(share * (sorted.len() - 1) as f32) as usize];
    let threshold = at(0.5) + 1.5 * (at(0.75) - at(0.25));
    let merged = |((base, x), importance): ((&f32, &f32), &f32)| {
        f64::from(if *importance >= threshold { *x } else { *base })
    };
    base.iter().zip(x).zip(&importances).map(merged).collect()
}
