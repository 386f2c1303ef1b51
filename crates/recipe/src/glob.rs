//! Patterns over tensor names: `*` stands for any characters (also none, dots included), `?` for exactly one;
//! every other character stands for itself, and the whole name must match.

/// Whether the whole `name` matches `pattern`, in time O(|pattern|·|name|) at worst.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on from when a character does not match: the last `*`, and the name's end of what it stands for.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, end)) => {
                    star = Some((at, end + 1));
                    p = at + 1;
                    n = end + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::matches;

    #[test]
    fn tensors_by_layer_and_kind() {
        let name = "model.layers.12.self_attn.q_proj.weight";
        for pattern in
            ["*", name, "*.q_proj.*", "model.layers.?2.*", "model.layers.*.self_attn.*", "**weight*"]
        {
            assert!(matches(pattern, name), "{pattern}");
        }
        for pattern in
            ["", "q_proj", "*.q_proj", "model.layers.?.*", "Model.*", "*.weight?", "model.layers.1?3*"]
        {
            assert!(!matches(pattern, name), "{pattern}");
        }
        assert!(matches("", "") && matches("*", "") && !matches("?", ""));
    }

    #[test]
    fn a_character_is_not_a_byte() {
        assert!(matches("?", "语") && matches("*文", "中文") && !matches("??", "语"));
    }

    #[test]
    fn many_stars_do_not_blow_up() {
        assert!(!matches(&"*a".repeat(200), &format!("{}b", "a".repeat(5000))));
    }

    /// The definition, word for word; exponential.
    fn by_definition(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|skip| by_definition(rest, &name[skip..])),
            Some((&c, rest)) => {
                name.split_first().is_some_and(|(&n, name)| (c == '?' || c == n) && by_definition(rest, name))
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_definition(pattern in "[ab*?]{0,8}", name in "[ab]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &name), by_definition(&chars(&pattern), &chars(&name)));
        }
    }
}
