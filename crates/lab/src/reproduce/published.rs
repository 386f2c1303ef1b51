//! Numbers that the paper (arXiv 2410.07825) prints in its text. None is read off a figure.

/// One kind of tasks in a row of Table 2.
#[derive(Clone, Copy)]
pub(super) struct Task {
    /// Accuracies in [`LANGUAGES`].
    pub languages: [f64; 3],
    pub average: f64,
    /// Tokens over improvement.
    pub icer: Option<f64>,
}

/// A row of Table 2.
pub(super) struct Baseline {
    pub name: &'static str,
    /// Tokens, in billions.
    pub tokens: Option<f64>,
    pub mathematics: Task,
    pub science: Task,
}

impl Baseline {
    pub fn of(&self, domain: Domain) -> Task {
        match domain {
            Domain::Mathematics => self.mathematics,
            Domain::Science => self.science,
        }
    }
}

/// The languages of Table 2.
pub(super) const LANGUAGES: [&str; 3] = ["es", "bn", "te"];

const fn task(languages: [f64; 3], average: f64, icer: Option<f64>) -> Task {
    Task { languages, average, icer }
}

const fn row(name: &'static str, tokens: Option<f64>, mathematics: Task, science: Task) -> Baseline {
    Baseline { name, tokens, mathematics, science }
}

/// Table 2.
pub(super) const TABLE_2: [Baseline; 13] = [
    row("Backbone", None, task([48.4, 28.8, 20.4], 32.5, None), task([55.1, 36.6, 29.3], 40.3, None)),
    row(
        "F-CPT_{L&A}",
        Some(20.0),
        task([46.8, 28.4, 27.6], 34.3, Some(11.1)),
        task([55.9, 36.8, 30.1], 41.0, Some(28.6)),
    ),
    row(
        "L-CPT_{L&A}",
        Some(20.0),
        task([44.8, 28.8, 23.6], 32.4, None),
        task([54.8, 36.4, 29.9], 40.4, Some(200.0)),
    ),
    row("F-CPT_A", Some(4.0), task([47.2, 20.0, 13.2], 26.8, None), task([51.9, 33.4, 29.4], 38.2, None)),
    row("F-CPT_L", Some(8.0), task([38.8, 28.0, 23.6], 30.1, None), task([53.6, 35.9, 30.6], 40.0, None)),
    row(
        "L-CPT_L",
        Some(8.0),
        task([46.4, 28.4, 22.8], 32.5, None),
        task([55.0, 36.7, 30.4], 40.7, Some(20.0)),
    ),
    row(
        "F-CPT_L & DA",
        Some(12.0),
        task([41.6, 30.4, 27.6], 33.2, Some(17.1)),
        task([52.7, 35.5, 28.6], 38.9, None),
    ),
    row(
        "L-CPT_L & DA",
        Some(12.0),
        task([46.8, 28.0, 27.2], 34.0, Some(8.0)),
        task([55.7, 36.5, 29.7], 40.6, Some(40.0)),
    ),
    row(
        "F-CPT_{L&T}",
        Some(20.0),
        task([48.0, 28.4, 25.5], 34.0, Some(13.3)),
        task([53.7, 35.1, 31.7], 40.2, None),
    ),
    row(
        "F-CPT_T",
        Some(20.0),
        task([48.0, 27.2, 24.4], 33.2, Some(28.6)),
        task([50.4, 34.5, 34.5], 39.8, None),
    ),
    row("F-TV", Some(12.0), task([42.0, 16.0, 10.4], 22.8, None), task([53.4, 36.7, 30.7], 40.3, None)),
    row(
        "L-TV",
        Some(12.0),
        task([45.6, 30.8, 25.6], 34.0, Some(8.0)),
        task([55.5, 36.7, 30.4], 40.9, Some(20.0)),
    ),
    row(
        "MAEC",
        Some(12.0),
        task([49.6, 32.4, 25.2], 35.7, Some(3.6)),
        task([56.2, 37.6, 30.4], 41.4, Some(10.9)),
    ),
];

/// The paper's kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// MGSM.
    Mathematics,
    /// Biology, chemistry and physics of multilingual MMLU.
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

/// Table 7: row, and on science of Qwen2.5 0.5B, then of Gemma2 2B: es, te, average.
pub(super) const TABLE_7: [(&str, [f64; 6]); 5] = [
    ("Backbone", [36.64, 25.69, 31.17, 43.41, 30.01, 36.71]),
    ("F-CPT_{L&A}", [32.90, 22.43, 27.67, 38.48, 30.39, 34.62]),
    ("F-CPT_A", [32.62, 25.26, 28.94, 37.83, 25.39, 31.61]),
    ("w/o API", [36.72, 28.91, 32.82, 43.23, 29.59, 36.41]),
    ("MAEC", [36.91, 29.62, 33.27, 43.62, 30.37, 37.00]),
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
