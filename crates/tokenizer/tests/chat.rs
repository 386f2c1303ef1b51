//! Chat templates against Jinja2 3.1.6, set up as `transformers` does; `chat/render.py` writes what it makes of them.

use std::fs;
use std::path::PathBuf;

use maec_tokenizer::{ChatError, ChatTemplate, Date, Message};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<Message>,
    add_generation_prompt: bool,
    prompt: Option<String>,
    raised: Option<String>,
}

const CONFIG: &str =
    r#"{"bos_token":"<bos>","eos_token":{"content":"<eos>","lstrip":false},"model_max_length":1e30}"#;

fn file(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/chat").join(name);
    fs::read_to_string(path).expect("the file lies beside the test")
}

fn day() -> Date {
    Date::new(2024, 7, 26).expect("there is such a day")
}

fn template(text: &str) -> Result<ChatTemplate, ChatError> {
    ChatTemplate::from_config(Some(CONFIG), Some(text), day())
}

fn hello() -> Vec<Message> {
    vec![Message { role: "user".into(), content: "hello".into() }]
}

fn message(text: &str) -> String {
    match template(text) {
        Ok(template) => template.render(&hello(), true).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn prompts_are_those_of_jinja2() {
    let cases: Vec<Case> = serde_json::from_str(&file("expected.json")).expect("the file is JSON");
    assert_eq!(cases.len(), 50);
    for case in cases {
        let template = template(&file(&format!("{}.jinja", case.template))).expect("the template compiles");
        let what = format!("{} {:?}", case.template, case.messages);
        match (template.render(&case.messages, case.add_generation_prompt), case.prompt, case.raised) {
            (Ok(prompt), Some(expected), _) => assert_eq!(prompt, expected, "{what}"),
            (Err(ChatError::Raised(message)), None, Some(expected)) => {
                assert_eq!(message, expected, "{what}")
            }
            (other, ..) => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn the_template_is_found_where_models_keep_it() {
    let render = |config: &str, file: Option<&str>| {
        ChatTemplate::from_config(Some(config), file, day())?.render(&hello(), false)
    };
    let one = r#"{"chat_template":"config {{ messages[0].content }}","bos_token":null}"#;
    assert_eq!(render(one, None).unwrap(), "config hello");
    assert_eq!(render(one, Some("file {{ messages[0].content }}{{ bos_token }}")).unwrap(), "file hello");
    let named =
        r#"{"chat_template":[{"name":"tool_use","template":"no"},{"name":"default","template":"yes"}]}"#;
    assert_eq!(render(named, None).unwrap(), "yes");
    let without = render("{}", None).unwrap_err();
    assert!(matches!(without, ChatError::Missing), "{without}");
    assert!(matches!(ChatTemplate::from_config(None, None, day()), Err(ChatError::Missing)));
}

#[test]
fn a_broken_config_or_template_is_named() {
    let config = ChatTemplate::from_config(Some("{"), None, day()).unwrap_err();
    assert!(config.to_string().starts_with("tokenizer_config.json is not readable: EOF"), "{config}");
    let number = ChatTemplate::from_config(Some(r#"{"chat_template":5}"#), None, day()).unwrap_err();
    assert!(matches!(number, ChatError::Config(_)), "{number}");
    assert_eq!(
        message("{% for %}"),
        "the chat template is not readable: unexpected end of block, expected in (line 1)"
    );
    assert_eq!(message("a\n{{ nothing.of.this }}"), "the chat template fails: undefined value (line 2)");
    assert_eq!(message("{{ raise_exception('no\\nway') }}"), "the chat template refuses the messages: no");
    assert!(message("{% include '/etc/passwd' %}").starts_with("the chat template fails: tried to include"));
    assert!(message("{{ strftime_now('%Q') }}").contains("does not know `%Q`"));
}

#[test]
fn a_hostile_template_comes_to_an_end() {
    let large = " ".repeat(1 << 20);
    assert_eq!(message(&large), "the chat template has 1048576 bytes; at most 262144 are read");
    let endless = "the chat template does not come to an end within its limits";
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{{ '' }}{% endfor %}{% endfor %}";
    assert_eq!(message(nested), endless);
    assert_eq!(message("{% for a in range(9999) %}{{ '0123456789' * 100 }}{% endfor %}"), endless);
    assert!(
        message("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").starts_with("the chat template fails")
    );
    let deep = format!("{}1{}", "(".repeat(50_000), ")".repeat(50_000));
    assert!(message(&format!("{{{{ {deep} }}}}")).starts_with("the chat template is not readable"));
    assert!(message("{{ 'a' * 99999999999 }}").starts_with("the chat template fails"));
}
