//! Tensors that are not as one expects: zeros, parallel, opposite, at right angles, empty, not finite.

use maec_merge::methods::{self, Base, Dialect, Settings, Totals, named};

use super::setup::{Case, METHODS, models, near, noise, wide};

/// Merges, and compares.
fn assert_merges(case: &Case, expected: &[f32]) {
    near(case, &case.merge(), &wide(expected), 1e-6).unwrap_or_else(|reason| panic!("{reason}"));
}

#[test]
fn zeros_stand_at_right_angles() {
    let half = std::f32::consts::FRAC_1_SQRT_2;
    let x = vec![3.0, -4.0, 0.0, 1.0];
    let expected: Vec<f32> = x.iter().map(|x| x * half).collect();
    assert_merges(
        &Case::new("slerp", &[4], Some(&[0.0; 4]), std::slice::from_ref(&x)).with("t", &[0.5]),
        &expected,
    );
    let pair = [x, vec![0.0; 4]];
    assert_merges(&Case::new("nuslerp", &[4], None, &pair).with("weight", &[1.0]), &expected);
}

#[test]
fn nearly_parallel_and_opposite_models_are_on_their_chord() {
    let base = noise(1, 50);
    for (factor, t) in [(2.0, 0.25), (-1.0, 0.25), (-3.0, 0.5)] {
        let x: Vec<f32> = base.iter().map(|x| factor * x).collect();
        let expected: Vec<f32> = base.iter().map(|b| (1.0 - t) * b + t * factor * b).collect();
        let slerp =
            Case::new("slerp", &[50], Some(&base), std::slice::from_ref(&x)).with("t", &[f64::from(t)]);
        assert_merges(&slerp, &expected);
        let weights = [f64::from(1.0 - t), f64::from(t)];
        let nuslerp = Case::new("nuslerp", &[50], None, &[base.clone(), x]).with("weight", &weights);
        assert_merges(&nuslerp, &expected);
    }
}

#[test]
fn directions_that_cancel() {
    // In 1/64, so that multiples are exact.
    let a: Vec<f32> = noise(2, 20).into_iter().map(|x| (x * 64.0).round() / 64.0).collect();
    let opposite = |factor: f32| a.iter().map(|x| factor * x).collect::<Vec<f32>>();
    // mergekit's own answers: −a/2 for 2a and −3a, and the first model.
    let pair = [opposite(2.0), opposite(-3.0)];
    assert_merges(&Case::new("multislerp", &[20], None, &pair).with("weight", &[1.0]), &opposite(-0.5));
    assert_merges(&Case::new("karcher", &[20], None, &[a.clone(), opposite(-1.0)]), &a);
    // One that is opposite to the mean of the others pulls nowhere.
    assert_merges(&Case::new("karcher", &[20], None, &[a.clone(), a.clone(), opposite(-1.0)]), &a);
}

#[test]
fn weights_that_cancel() {
    let x = models(4, 2, 20);
    let middle = Case::new("nuslerp", &[20], None, &x).with("weight", &[1.0]).merge();
    assert_merges(&Case::new("nuslerp", &[20], None, &x).with("weight", &[0.5, -0.5]), &middle);
    let unfit = Case::new("multislerp", &[20], None, &x).with("weight", &[0.5, -0.5]);
    let unfit = unfit.tiled(20).expect_err("no mean");
    assert_eq!(unfit.parameter, "weight");
    assert!(unfit.reason.contains("normalize_weights"));
}

#[test]
fn one_model_alone_is_itself() {
    let x = models(5, 1, 30);
    let base = noise(6, 30);
    assert_eq!(Case::new("karcher", &[30], None, &x).merge(), x[0]);
    for base in [None, Some(&base[..])] {
        let case = Case::new("multislerp", &[30], base, &x).with("weight", &[0.3]);
        assert_eq!(case.clone().merge(), x[0]);
        assert_eq!(case.with("normalize_weights", &[0.0]).merge(), x[0]);
    }
    assert_merges(&Case::new("sce", &[30], Some(&base), &x), &x[0]);
    // One model has no variance, so nothing is selected.
    assert_eq!(Case::new("sce", &[30], Some(&base), &x).with("select_topk", &[0.9]).merge(), base);
}

#[test]
fn karchers_small_models_have_no_direction_but_a_norm() {
    let x = vec![3.0, 4.0];
    let case = Case::new("karcher", &[2], None, &[x, vec![1e-7, -1e-7]]);
    assert_merges(&case, &[1.5, 2.0]);
    assert_eq!(Case::new("karcher", &[2], None, &[vec![0.0; 2], vec![1e-7; 2]]).merge(), [0.0; 2]);
}

#[test]
fn models_that_learned_at_right_angles_leave_the_base() {
    let base = vec![1.0, -2.0, 0.5];
    let x = [vec![3.0, -2.0, 0.5], vec![1.0, 1.0, 0.5], vec![1.0, -2.0, -7.0]];
    assert_eq!(Case::new("model_stock", &[3], Some(&base), &x).merge(), base);
    // Two that are opposite have no ratio.
    let x = [vec![2.0, -2.0, 0.5], vec![0.0, -2.0, 0.5]];
    assert_eq!(Case::new("model_stock", &[3], Some(&base), &x).merge(), base);
}

#[test]
fn sce_selects_and_elects() {
    let base = [0.0; 4];
    let x = [vec![1.0, 0.5, 1.0, 0.0], vec![3.0, 0.5, -2.0, 0.0]];
    // Variances 1, 0, 2.25, 0: of the two that differ, half is one, the third; −2 outweighs 1 in sign.
    let case = Case::new("sce", &[4], Some(&base), &x);
    assert_eq!(case.clone().with("select_topk", &[0.5]).merge(), [0.0, 0.0, -2.0, 0.0]);
    assert_eq!(case.clone().with("select_topk", &[0.0]).merge(), base);
    // Weights by 2.25 and 13.25 of 15.5.
    assert_merges(&case, &[(2.25 + 3.0 * 13.25) / 15.5, 0.5, -2.0, 0.0]);
}

/// Above 2¹⁸ elements ranks are found in two rounds, below in three; tiles of a column's merge grow with it.
#[test]
fn large_tensors_are_as_small_ones() {
    let (rows, columns) = (1024, 300);
    let n = rows * columns;
    let base = vec![0.0; n];
    let x = models(8, 2, n);
    let topk = 0.25;
    let merged = Case::new("sce", &[rows, columns], Some(&base), &x).with("select_topk", &[topk]);
    let kept = merged.tiled(65_536).expect("a merge").iter().filter(|x| **x != 0.0).count();
    assert_eq!(kept, (n as f64 * topk) as usize);
    let case = Case::new("arcee_fusion", &[rows, columns], Some(&x[0]), &x[1..]);
    let fused = case.tiled(65_536).expect("a merge");
    near(&case, &fused, &super::reference::arcee_fusion(columns, &x[0], &x[1]), 1e-6).expect("the formula");
}

#[test]
fn no_shape_or_value_breaks_a_method() {
    let odd = [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 2.0, -0.0, f32::MAX];
    for (method, count, has_base, parameters) in METHODS {
        for shape in [vec![], vec![0], vec![1], vec![6], vec![2, 3], vec![3, 1, 2], vec![0, 3], vec![3, 0]] {
            let n = shape.iter().product();
            let odd: Vec<f32> = odd.into_iter().cycle().take(n).collect();
            for by_vector in [0.0, 1.0] {
                for first in [0.0, 1.0] {
                    let mut x = vec![vec![1.0; n]; count];
                    x[0].clone_from(&odd);
                    let base = vec![0.0; n];
                    let case = Case::new(method, &shape, has_base.then_some(&base[..]), &x)
                        .with_all(parameters)
                        .with("nuslerp_flatten", &[1.0 - by_vector])
                        .with("nuslerp_row_wise", &[first])
                        .with("filter_wise", &[by_vector]);
                    assert_eq!(case.merge().len(), n, "{method}");
                }
            }
        }
    }
}

#[test]
fn defaults_are_mergekits() {
    let defaults = [
        ("nuslerp", "nuslerp_flatten", 1.0),
        ("nuslerp", "nuslerp_row_wise", 0.0),
        ("multislerp", "normalize_weights", 1.0),
        ("multislerp", "eps", 1e-8),
        ("karcher", "max_iter", 10.0),
        ("karcher", "tol", 1e-5),
        ("model_stock", "filter_wise", 0.0),
        ("sce", "select_topk", 1.0),
    ];
    for (method, name, value) in defaults {
        let about = named(method).expect("a method").about();
        let parameter = about.parameters.iter().find(|parameter| parameter.name == name);
        assert_eq!(parameter.expect("a parameter").default, Some(value), "{method}, {name}");
    }
}

/// Of all methods: a plan counts them before anything is read.
#[test]
fn rounds_are_as_many_as_said() {
    let sizes = [(0.0, 100), (1.0, 100), (0.0, 1 << 20)];
    for (method, (rescale, elements)) in
        methods::METHODS.iter().flat_map(|method| sizes.map(|size| (method, size)))
    {
        let about = method.about();
        let lookup = |name: &str, _: usize| match name {
            "rescale" => rescale,
            // So that there is something to find out.
            "density" | "select_topk" => 0.5,
            _ => about
                .parameters
                .iter()
                .find(|parameter| parameter.name == name)
                .and_then(|parameter| parameter.default)
                .unwrap_or(1.0),
        };
        let settings = Settings {
            tensor: "model.norm.weight",
            shape: &[elements],
            has_base: about.base != Base::Unused,
            models: about.models.0,
            dialect: Dialect::Mergekit,
            seed: 0,
            whole: &[],
            lookup: &lookup,
        };
        let mut kernel = method.kernel(&settings).expect("a kernel");
        let said = kernel.rounds();
        let mut rounds = 0;
        while let Some(sizes) = kernel.next() {
            kernel.learn(&Totals::new(sizes));
            // A look at a sample is not counted.
            rounds += usize::from(sizes.sample == 0);
        }
        assert_eq!(rounds, said, "{}, {elements} elements, rescale {rescale}", about.name);
    }
}
