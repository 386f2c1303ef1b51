//! The Karcher mean: the direction from which the squared angles to all models add up to least (Karcher 1977,
//! doi:10.1002/cpa.3160300502), at the models' mean norm; the same in every dialect. All models weigh alike.
//!
//! It is found by steps along the mean of the models' directions as seen from where one stands. A model whose norm is below `tol`
//! has no direction; its norm counts nevertheless. Where directions cancel, the first model's is where one begins; two opposite
//! models give the first. A model that is exactly opposite to where one stands pulls nowhere. One model alone is itself.

use super::gram::{Gram, SHORTEST};
use super::span::{Along, Inputs, Span};
use super::{ANY, About, Base, Kernel, Kind, Method, Parameter, Settings, Unfit};

/// `karcher`.
pub struct Karcher;

static ABOUT: About = About {
    name: "karcher",
    summary: "The models' mean on the sphere, at their mean length (Karcher 1977).",
    formula: "m·Σ ‖xᵢ‖/N, m = argmin over ‖m‖ = 1 of Σ θᵢ², θᵢ = ∠(m, xᵢ): m ← cos‖T‖·m + sin‖T‖·T/‖T‖ with \
              T = Σ (θᵢ/sin θᵢ)(uᵢ − m·cos θᵢ)/N, uᵢ = xᵢ/‖xᵢ‖, from the direction of Σ uᵢ until ‖T‖ < tol",
    parameters: &[
        Parameter {
            name: "max_iter",
            meaning: "the most steps; above 1000 no more are made",
            default: Some(10.0),
            per_model: false,
            kind: Kind::Count(0),
        },
        Parameter {
            name: "tol",
            meaning: "norms, angles and steps below this are none",
            default: Some(1e-5),
            per_model: false,
            kind: Kind::Number(0.0, 0.1),
        },
    ],
    base: Base::Unused,
    models: (1, ANY),
};

/// The most steps.
const MOST_STEPS: f64 = 1000.0;

/// The sine of an angle that can't be told from 0 or π: cosines of f64 are no finer.
const NO_SINE: f64 = 1e-8;

impl Method for Karcher {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn kernel(&self, settings: &Settings<'_>) -> Result<Box<dyn Kernel>, Unfit> {
        let steps = settings.number("max_iter").min(MOST_STEPS) as usize;
        let tol = settings.number("tol");
        Ok(Span::kernel(settings, Inputs::Models, Along::Whole, move |gram, found| {
            mean(gram, steps, tol, found)
        }))
    }
}

/// The mean's coefficients, `[models]`.
fn mean(gram: &Gram, steps: usize, tol: f64, m: &mut [f64]) {
    if let [one] = m {
        *one = 1.0;
        return;
    }
    m.fill(0.0);
    let norms: Vec<f64> = (0..m.len()).map(|i| gram.norm(i)).collect();
    let directed: Vec<usize> = (0..m.len()).filter(|&i| norms[i] >= tol && norms[i] > 0.0).collect();
    let Some(&first) = directed.first() else { return };
    let share = 1.0 / directed.len() as f64;
    for &i in &directed {
        m[i] = share / norms[i];
    }
    if gram.norm_of(m) < tol.max(SHORTEST) {
        m.fill(0.0);
        m[first] = 1.0;
    }
    scale_to(1.0, gram, m);
    for _ in 0..steps {
        let step = tangent(gram, tol, &norms, &directed, m);
        let length = gram.norm_of(&step);
        if length < tol || length == 0.0 {
            break;
        }
        let (sin, cos) = (libm::sin(length) / length, libm::cos(length));
        for (m, step) in m.iter_mut().zip(&step) {
            *m = cos * *m + sin * step;
        }
        scale_to(1.0, gram, m);
    }
    scale_to(norms.iter().sum::<f64>() / norms.len() as f64, gram, m);
}

/// T: the mean of the directions to all models as seen from m, each as long as its angle; coefficients `[models]`.
fn tangent(gram: &Gram, tol: f64, norms: &[f64], directed: &[usize], m: &[f64]) -> Vec<f64> {
    let mut step = vec![0.0; m.len()];
    for &i in directed {
        let cosine = (gram.dot_of(m, i) / norms[i]).clamp(-1.0, 1.0);
        let angle = libm::acos(cosine);
        let sine = libm::sin(angle);
        if angle < tol || sine < NO_SINE {
            continue;
        }
        let share = angle / sine / directed.len() as f64;
        step[i] += share / norms[i];
        for (step, m) in step.iter_mut().zip(m) {
            *step -= share * cosine * m;
        }
    }
    step
}

/// Gives a combination a length, unless it has none.
fn scale_to(length: f64, gram: &Gram, m: &mut [f64]) {
    let norm = gram.norm_of(m);
    if norm != 0.0 {
        m.iter_mut().for_each(|m| *m *= length / norm);
    }
}
