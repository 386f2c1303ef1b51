//! Numbers that the paper (arXiv 2410.07825) prints in its text. None is read off a figure.

/// A row of Table 2: its name, tokens in billions, average of mathematics, its ICER, average of science, its ICER.
pub(super) type Baseline = (&'static str, Option<f64>, f64, Option<f64>, f64, Option<f64>);

/// Table 2.
pub(super) const TABLE_2: [Baseline; 13] = [
    ("Backbone", None, 32.5, None, 40.3, None),
    ("F-CPT_{L&A}", Some(20.0), 34.3, Some(11.1), 41.0, Some(28.6)),
    ("L-CPT_{L&A}", Some(20.0), 32.4, None, 40.4, Some(200.0)),
    ("F-CPT_A", Some(4.0), 26.8, None, 38.2, None),
    ("F-CPT_L", Some(8.0), 30.1, None, 40.0, None),
    ("L-CPT_L", Some(8.0), 32.5, None, 40.7, Some(20.0)),
    ("F-CPT_L & DA", Some(12.0), 33.2, Some(17.1), 38.9, None),
    ("L-CPT_L & DA", Some(12.0), 34.0, Some(8.0), 40.6, Some(40.0)),
    ("F-CPT_{L&T}", Some(20.0), 34.0, Some(13.3), 40.2, None),
    ("F-CPT_T", Some(20.0), 33.2, Some(28.6), 39.8, None),
    ("F-TV", Some(12.0), 22.8, None, 40.3, None),
    ("L-TV", Some(12.0), 34.0, Some(8.0), 40.9, Some(20.0)),
    ("MAEC", Some(12.0), 35.7, Some(3.6), 41.4, Some(10.9)),
];

/// The paper's kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// MGSM and MSVAMP.
    Mathematics,
    /// M-ARC and others.
    Science,
}

impl Domain {
    /// What the paper has beside an ability, by what it is called.
    pub(super) fn of(ability: &str) -> Option<Self> {
        match ability.to_lowercase().as_str() {
            "arithmetic" | "math" | "maths" | "mathematics" => Some(Self::Mathematics),
            "science" => Some(Self::Science),
            _ => None,
        }
    }
}

/// Table 3: row, and the change against the backbone on MMLU, MBPP, OpenbookQA.
pub(super) const TABLE_3: [(&str, [f64; 3]); 2] =
    [("F-CPT_A", [-2.39, -7.00, -3.60]), ("MAEC", [0.22, 0.80, 0.00])];

/// Table 7: row, and the averages on science of Qwen2.5 0.5B and of Gemma2 2B.
pub(super) const TABLE_7: [(&str, [f64; 2]); 5] = [
    ("Backbone", [31.17, 36.71]),
    ("F-CPT_{L&A}", [27.67, 34.62]),
    ("F-CPT_A", [28.94, 31.61]),
    ("w/o API", [32.82, 36.41]),
    ("MAEC", [33.27, 37.00]),
];

/// Table 8: tensors, their share of 𝒯 in per cent, the average on mathematics (Chinese included).
pub(super) const TABLE_8: [(&str, f64, f64); 10] = [
    ("All Tensors", 100.00, 37.20),
    ("Attention All", 45.26, 36.40),
    ("Attention Q", 12.07, 36.40),
    ("Attention K", 10.34, 35.90),
    ("Attention V", 9.48, 36.00),
    ("Attention O", 13.36, 36.60),
    ("MLP All", 41.38, 36.90),
    ("MLP Up", 13.79, 36.00),
    ("MLP Gate", 13.79, 35.30),
    ("MLP Down", 13.79, 36.90),
];
