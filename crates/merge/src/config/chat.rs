//! A configuration's `chat_template:` put to work.

use std::collections::BTreeMap;

use maec_recipe::mergekit::Config;
use serde_json::Value;

use super::Problem;

/// Templates that come with mergekit and have a name there.
const NAMED_BY_MERGEKIT: [&str; 5] = ["alpaca", "chatml", "exaone", "llama3", "mistral"];

/// The text for the output's `chat_template.jinja`, which goes before the one in `tokenizer_config.json`; `None` where the
/// configuration leaves the output's as it is. `texts` are the models' text files by name, in the order of
/// [`Config::models`]: `auto` is the template that most of them have, and of equally common ones the first.
///
/// # Errors
///
/// [`Problem::ChatTemplate`] for what is neither `auto` nor a template's text.
pub fn chat_template<'t>(
    config: &Config,
    texts: impl IntoIterator<Item = &'t BTreeMap<String, String>>,
) -> Result<Option<String>, Box<Problem>> {
    match config.chat_template.as_deref() {
        None => Ok(None),
        Some("auto") => Ok(most_common(texts.into_iter().filter_map(template_of))),
        Some(text) if text.contains("{%") || text.contains("{{") => Ok(Some(text.to_owned())),
        Some(name) => {
            let is = match NAMED_BY_MERGEKIT.contains(&name) {
                true => "is a template that comes with mergekit",
                false => "is no template: it has no `{{ … }}`",
            };
            Err(Box::new(Problem::ChatTemplate { name: maec_recipe::shown(name), is }))
        }
    }
}

/// A model's template without the white space around it, as the hub's libraries choose it.
fn template_of(texts: &BTreeMap<String, String>) -> Option<String> {
    let in_config = || {
        let config: Value = serde_json::from_str(texts.get("tokenizer_config.json")?).ok()?;
        match config.get("chat_template")? {
            Value::String(text) => Some(text.clone()),
            Value::Array(named) => {
                let default = named.iter().find(|it| it["name"] == "default")?;
                default["template"].as_str().map(str::to_owned)
            }
            _ => None,
        }
    };
    let text = texts.get("chat_template.jinja").cloned().or_else(in_config)?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The most common text; of equally common ones the first.
fn most_common(texts: impl IntoIterator<Item = String>) -> Option<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for text in texts {
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    // `max_by_key` would take the last of equals.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(template: &str, models: &[&[(&str, &str)]]) -> Result<Option<String>, String> {
        let yaml = format!("merge_method: linear\nmodels: [{{model: a}}]\nchat_template: {template}\n");
        let config = Config::from_yaml(&yaml).unwrap();
        let texts: Vec<BTreeMap<String, String>> = models
            .iter()
            .map(|texts| texts.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect())
            .collect();
        chat_template(&config, &texts).map_err(|problem| problem.to_string())
    }

    #[test]
    fn auto_is_what_most_models_have_wherever_they_keep_it() {
        let file = ("chat_template.jinja", "{{ b }}\n");
        let plain = ("tokenizer_config.json", r#"{"chat_template": "{{ a }}"}"#);
        let named = (
            "tokenizer_config.json",
            r#"{"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": " {{ b }}"}]}"#,
        );
        let chose = |models: &[&[(&str, &str)]]| chosen("auto", models).unwrap();
        assert_eq!(chose(&[&[plain], &[file], &[named]]).as_deref(), Some("{{ b }}"));
        assert_eq!(chose(&[&[file], &[plain]]).as_deref(), Some("{{ b }}"), "the first of equals");
        assert_eq!(chose(&[&[plain, file]]).as_deref(), Some("{{ b }}"), "the file goes first");
        assert_eq!(chose(&[&[], &[("tokenizer_config.json", "{")], &[("chat_template.jinja", " \n")]]), None);
    }

    #[test]
    fn a_text_is_itself_and_a_name_is_refused_with_what_to_do() {
        assert_eq!(
            chosen("'{% for m in x %}{% endfor %}'", &[]).unwrap().as_deref(),
            Some("{% for m in x %}{% endfor %}")
        );
        let message = chosen("chatml", &[]).unwrap_err();
        assert!(message.contains("`chatml` is a template that comes with mergekit; "), "{message}");
        assert!(chosen("chatlm", &[]).unwrap_err().contains("is no template"));
    }
}
