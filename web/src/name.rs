//! Names of what lies elsewhere: `org/name`, `org/name@revision`, or a URL, as people type them. Pure.

/// The longest that is taken; URLs of files are shorter.
const LONGEST: usize = 2_000;

/// What a person typed, tidied; the error is a sentence that says what may be.
pub fn remote(typed: &str) -> Result<String, String> {
    let name = typed.trim();
    if name.is_empty() {
        return Err("Type a name such as org/model, or a URL.".into());
    }
    if name.len() > LONGEST || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("A name has no spaces: org/model, org/model@revision, or a URL.".into());
    }
    match name.split_once("://") {
        Some(("https" | "http", rest)) if rest.starts_with(|c: char| c.is_alphanumeric() || c == '[') => {
            Ok(name.into())
        }
        Some(("https" | "http", _)) => {
            Err("This URL names no host. An example: https://example.org/model/.".into())
        }
        Some(_) => Err("Only addresses that begin with https:// or http:// can be opened.".into()),
        None => hub(name),
    }
}

fn hub(name: &str) -> Result<String, String> {
    let (path, revision) =
        name.split_once('@').map_or((name, None), |(path, revision)| (path, Some(revision)));
    let is_part = |part: &str| {
        !part.trim_matches('.').is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() != 2 || !parts.into_iter().all(is_part) {
        return Err(format!(
            "{name} is no hub name: write org/model with one slash, or a whole URL that begins with https://."
        ));
    }
    match revision {
        Some(revision) if !revision.split('/').all(is_part) => {
            Err("After the @ goes a branch, a tag or a commit: org/model@main.".into())
        }
        _ => Ok(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_taken() {
        for good in [
            "org/name",
            "HuggingFaceTB/SmolLM2-135M@main",
            "a/b@93efa2f097d58c2a74874c7e644dbc9b0cee75a2",
            "a/b@refs/pr/1",
            "https://example.org/pack/",
            "http://127.0.0.1:8000/base.safetensors?x=1",
            "http://[::1]/x/",
        ] {
            assert_eq!(remote(&format!(" {good}\n")), Ok(good.into()));
        }
    }

    #[test]
    fn what_cannot_be_a_name_gets_a_sentence() {
        let long = format!("https://example.org/{}", "x".repeat(3_000));
        for bad in [
            "",
            "  ",
            "smollm2",
            "a/b/c",
            "a/",
            "/b",
            "../b",
            "a/b@",
            "a/b@x y",
            "a b/c",
            "a/b@..",
            "file:///etc",
            "https://",
            "https:///x",
            "javascript://x",
            "a/b@x@y",
            "ä/b",
            &long,
        ] {
            let sentence = remote(bad).expect_err(bad);
            assert!(sentence.ends_with('.') && sentence.len() < 160 + bad.len(), "{bad}: {sentence}");
        }
    }
}
