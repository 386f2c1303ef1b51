//! The paper's equations as MathML with the current numbers put in. Each equation is a list of short formulas, so
//! that a narrow column can break the line between them.

use maec_recipe::Recipe;

use crate::format::number;
use crate::html::escape;

fn mi(name: &str) -> String {
    format!("<mi>{}</mi>", escape(name))
}

fn mo(operator: &str) -> String {
    format!("<mo>{operator}</mo>")
}

/// A sign between two terms, spaced as such even where a line begins with it.
fn between(sign: &str) -> String {
    format!("<mo form=\"infix\">{sign}</mo>")
}

/// A number that a control sets; styled as such.
fn mn(value: f64) -> String {
    format!("<mn class=\"now\">{}</mn>", number(value, 4))
}

fn sub(base: &str, index: &str) -> String {
    format!("<msub><mi>{base}</mi><mrow>{index}</mrow></msub>")
}

fn text(words: &str) -> String {
    format!("<mtext>{}</mtext>", escape(words))
}

fn theta(model: &str) -> String {
    sub("Θ", &text(model))
}

fn base() -> String {
    sub("Θ", &mi("o"))
}

fn ability() -> String {
    format!("<mi>R</mi>{}{}{}", mo("("), mi("A"), mo(")"))
}

fn languages() -> String {
    sub("R", &text("Lang"))
}

fn at_tau(of: &str) -> String {
    format!("{of}{}{}{}", mo("["), mi("τ"), mo("]"))
}

fn math(parts: &[String]) -> String {
    format!("<math>{}</math>", parts.concat())
}

/// The symbol μ of a language.
pub fn mu(language: &str) -> String {
    math(&[sub("μ", &text(language))])
}

/// Eq. 2: R(A) = α(Θ_{A,L0} − Θo) − β(Θ_{L0} − Θo).
pub fn equation_2(recipe: &Recipe, reference: &str) -> String {
    let difference = |model: &str| [mo("("), theta(model), mo("−"), base(), mo(")")].concat();
    let p = &recipe.parameters;
    let with_ability = difference(&format!("A,{reference}"));
    [
        math(&[ability(), mo("="), mn(p.alpha), with_ability]),
        math(&[between("−"), mn(p.beta), difference(reference)]),
    ]
    .concat()
}

/// Eq. 3: R_Lang = Σᵢ μᵢ(Θ_{Li} − Θo), one term for each language.
pub fn equation_3(recipe: &Recipe) -> String {
    let difference = |name: &str| [mo("("), theta(name), mo("−"), base(), mo(")")].concat();
    if recipe.languages.is_empty() {
        return math(&[languages(), mo("="), "<mn>0</mn>".into()]);
    }
    let terms = recipe.languages.iter().enumerate().map(|(index, language)| {
        let sign = if index > 0 { between("+") } else { languages() + &mo("=") };
        math(&[sign, mn(language.weight), difference(&language.name)])
    });
    terms.collect()
}

/// Eq. 4: S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]), and 𝒯, the last k₂ of the ranking.
pub fn equation_4(recipe: &Recipe) -> String {
    let share = format!("<mn class=\"now\">{}{}%</mn>", number(recipe.parameters.k2 * 100.0, 2), '\u{202f}');
    let similarity =
        [mi("S"), mo("("), mi("τ"), mo(")"), mo("="), mi("cos"), mo("("), at_tau(&ability()), mo(",")];
    let set = [mi("𝒯"), mo("="), text("the last\u{a0}"), share, text("\u{a0}by\u{a0}"), mi("S")];
    [math(&[similarity.concat(), at_tau(&languages()), mo(")")]), math(&set)].concat()
}

/// Eq. 5, first case: τ̃ = τo + γR(A)\[τ\] + ηR_Lang\[τ\].
pub fn equation_5_selected(recipe: &Recipe) -> String {
    let p = &recipe.parameters;
    let tau = format!("<mover><mi>τ</mi>{}</mover>", mo("~"));
    [
        math(&[tau, mo("="), sub("τ", &mi("o")), mo("+"), mn(p.gamma), at_tau(&ability())]),
        math(&[between("+"), mn(p.eta), at_tau(&languages())]),
    ]
    .concat()
}

/// Eq. 5, second case: τ̃ = τo + R_Lang\[τ\]. It has no η.
pub fn equation_5_other() -> String {
    let tau = format!("<mover><mi>τ</mi>{}</mover>", mo("~"));
    math(&[tau, mo("="), sub("τ", &mi("o")), mo("+"), at_tau(&languages())])
}

/// The task vector: Θo + λ[(Θ_{A,L0} − Θo) + Σᵢ μᵢ(Θ_{Li} − Θo)].
pub fn task_vector(reference: &str) -> String {
    let index = || mi("i");
    let language = sub("Θ", &(sub("L", &index())));
    [
        math(&[
            base(),
            mo("+"),
            mi("λ"),
            mo("["),
            mo("("),
            theta(&format!("A,{reference}")),
            mo("−"),
            base(),
            mo(")"),
        ]),
        math(&[
            between("+"),
            format!("<munder>{}{}</munder>", mo("∑"), index()),
            sub("μ", &index()),
            mo("("),
            language,
            mo("−"),
            base(),
            mo(")"),
            mo("]"),
        ]),
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::tests::recipe;

    #[test]
    fn equations_hold_the_current_numbers() {
        let mut recipe = recipe();
        recipe.parameters.alpha = 0.75;
        recipe.parameters.k2 = 0.6;
        let mathml = equation_2(&recipe, "en");
        assert!(mathml.contains("<mn class=\"now\">0.75</mn>") && mathml.contains("A,en"));
        assert!(equation_4(&recipe).contains("60\u{202f}%"));
        assert!(equation_5_selected(&recipe).contains("<mn class=\"now\">1.5</mn>"));
        assert_eq!(equation_3(&recipe).matches("<math>").count(), recipe.languages.len());
    }

    #[test]
    fn names_from_a_link_are_text_and_not_markup() {
        let mut recipe = recipe();
        recipe.languages[0].name = "<img src=x onerror=alert(1)>".into();
        assert!(!equation_3(&recipe).contains("<img"));
    }

    #[test]
    fn no_languages_make_a_zero_sum() {
        let mut recipe = recipe();
        recipe.languages.clear();
        assert!(equation_3(&recipe).contains("<mn>0</mn>"));
    }
}
