//! An evaluation's scores.

use maec_protocol::LanguageResult;

use super::Scores;

/// The scores of an evaluation: accuracy over all languages but the reference, mean perplexity over all.
pub fn scores(languages: &[LanguageResult], reference: &str) -> Scores {
    let others = || languages.iter().filter(|result| result.language != reference);
    let sum = |of: fn(&LanguageResult) -> u32| others().map(|result| f64::from(of(result))).sum::<f64>();
    let asked = sum(|result| result.n);
    let perplexity = languages.iter().map(|result| result.perplexity).sum::<f64>() / languages.len() as f64;
    Scores {
        other_languages: if asked > 0.0 { sum(|result| result.correct) / asked } else { 0.0 },
        perplexity,
    }
    .finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_language_counts_for_perplexity_alone() {
        let result = |language: &str, correct, perplexity| LanguageResult {
            language: language.into(),
            n: 10,
            correct,
            low: 0.0,
            high: 1.0,
            perplexity,
            close_calls: Vec::new(),
        };
        let languages = [result("en", 10, 2.0), result("es", 3, 4.0), result("bn", 5, 6.0)];
        assert_eq!(scores(&languages, "en"), Scores { other_languages: 0.4, perplexity: 4.0 });
        assert_eq!(scores(&[result("es", 0, f64::NAN)], "en").perplexity, 1e12);
    }
}
