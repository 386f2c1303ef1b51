//! The keys of `rank_pattern` and `alpha_pattern`: regular expressions matched as PEFT does.
//!
//! A key matches a module's name if `(.*\.)?(KEY)$` does from the name's start. Known are characters, `.`, `\d`, `\w`, escaped
//! punctuation, `[...]`, `*`, `+`, `?`, groups, `|`, `^` and `$`; a match is found by following sets of positions, so that no
//! pattern takes exponential time.

use std::collections::BTreeSet;

/// Levels of groups; real keys have one.
const MAX_DEPTH: usize = 4;
/// Characters of a key; module names have fewer than a hundred.
const MAX_CHARS: usize = 500;

/// A parsed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Node);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    /// One character: in any of the ranges, or in none of them.
    One {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    Repeat {
        node: Box<Node>,
        at_least: usize,
        once: bool,
    },
    Start,
    End,
}

impl Pattern {
    /// Parses a key; otherwise says what is not understood.
    pub(super) fn new(key: &str) -> Result<Self, &'static str> {
        let chars: Vec<char> = key.chars().collect();
        if chars.len() > MAX_CHARS {
            return Err("it is too long");
        }
        let mut parser = Parser { chars: &chars, at: 0 };
        let node = parser.choice(0)?;
        if parser.at < chars.len() { Err("a closing bracket too many") } else { Ok(Self(node)) }
    }

    /// Whether the key matches the whole name, or what follows one of its dots.
    pub(super) fn matches(&self, name: &str) -> bool {
        let text: Vec<char> = name.chars().collect();
        let dots = text.iter().enumerate().filter(|(_, c)| **c == '.').map(|(i, _)| i + 1);
        let starts = std::iter::once(0).chain(dots).collect();
        self.0.ends(&text, starts).contains(&text.len())
    }
}

impl Node {
    /// Every position at which a match that began at one of `starts` can end.
    fn ends(&self, text: &[char], starts: BTreeSet<usize>) -> BTreeSet<usize> {
        match self {
            Self::One { ranges, negated } => {
                let fits = |c: char| ranges.iter().any(|&(low, high)| (low..=high).contains(&c)) != *negated;
                starts.into_iter().filter(|&at| at < text.len() && fits(text[at])).map(|at| at + 1).collect()
            }
            Self::Sequence(nodes) => nodes.iter().fold(starts, |ends, node| node.ends(text, ends)),
            Self::Choice(nodes) => nodes.iter().flat_map(|node| node.ends(text, starts.clone())).collect(),
            Self::Repeat { node, at_least, once } => {
                let mut all = if *at_least == 0 { starts.clone() } else { BTreeSet::new() };
                let mut new = starts;
                loop {
                    new = node.ends(text, new).difference(&all).copied().collect();
                    all.extend(&new);
                    if new.is_empty() || *once {
                        return all;
                    }
                }
            }
            Self::Start => starts.into_iter().filter(|&at| at == 0).collect(),
            Self::End => starts.into_iter().filter(|&at| at == text.len()).collect(),
        }
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn takes(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    /// Sequences with `|` between them, up to a closing bracket or the end.
    fn choice(&mut self, depth: usize) -> Result<Node, &'static str> {
        let mut nodes = vec![self.sequence(depth)?];
        while self.takes('|') {
            nodes.push(self.sequence(depth)?);
        }
        Ok(Node::Choice(nodes))
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, &'static str> {
        let mut nodes = Vec::new();
        while self.peek().is_some_and(|c| c != '|' && c != ')') {
            let mut node = self.one(depth)?;
            if let Some(sign) = self.peek().filter(|c| "*+?".contains(*c)) {
                self.at += 1;
                // What is asked is whether anything matches, so a lazy repetition is a greedy one.
                self.takes('?');
                node = Node::Repeat {
                    node: Box::new(node),
                    at_least: usize::from(sign == '+'),
                    once: sign == '?',
                };
            }
            nodes.push(node);
        }
        Ok(Node::Sequence(nodes))
    }

    fn one(&mut self, depth: usize) -> Result<Node, &'static str> {
        let one = |ranges| Node::One { ranges, negated: false };
        Ok(match self.next() {
            Some('.') => Node::One { ranges: vec![('\n', '\n')], negated: true },
            Some('^') => Node::Start,
            Some('$') => Node::End,
            Some('\\') => one(self.escaped()?),
            Some('[') => self.class()?,
            Some('(') if depth == MAX_DEPTH => return Err("its groups nest too deeply"),
            Some('(') => {
                if self.takes('?') && !self.takes(':') {
                    return Err("only plain groups are known");
                }
                let node = self.choice(depth + 1)?;
                if !self.takes(')') {
                    return Err("a bracket is not closed");
                }
                node
            }
            Some('{' | '}' | '*' | '+' | '?') | None => return Err("a repetition that is not known"),
            Some(c) => one(vec![(c, c)]),
        })
    }

    fn escaped(&mut self) -> Result<Vec<(char, char)>, &'static str> {
        match self.next() {
            Some('d') => Ok(vec![('0', '9')]),
            Some('w') => Ok(vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
            Some(c) if c.is_ascii_punctuation() => Ok(vec![(c, c)]),
            _ => Err("an escape that is not known"),
        }
    }

    fn class(&mut self) -> Result<Node, &'static str> {
        let negated = self.takes('^');
        let mut ranges = Vec::new();
        loop {
            match self.next() {
                None => return Err("a bracket is not closed"),
                Some(']') if !ranges.is_empty() => return Ok(Node::One { ranges, negated }),
                Some('\\') => ranges.extend(self.escaped()?),
                Some(low) => {
                    let is_range = self.peek() == Some('-') && self.chars.get(self.at + 1) != Some(&']');
                    if !is_range {
                        ranges.push((low, low));
                        continue;
                    }
                    self.at += 1;
                    match self.next() {
                        Some(high) if low <= high && high != '\\' => ranges.push((low, high)),
                        _ => return Err("a range that is not known"),
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    /// Each answer is Python's `bool(re.match(rf"(.*\.)?({key})$", name))`.
    #[test]
    fn keys_match_as_in_peft() {
        let name = "model.layers.10.self_attn.q_proj";
        for (key, matches) in [
            ("q_proj", true),
            ("proj", false),
            ("self_attn.q_proj", true),
            ("attn.q_proj", false),
            ("model.layers.10.self_attn.q_proj", true),
            ("^model.layers.10.self_attn.q_proj", true),
            ("^layers.10.self_attn.q_proj", false),
            ("q_proj$", true),
            (r"layers\.1\d\.self_attn\.[qk]_proj", true),
            (r"layers\.[0-9]\..*q_proj", false),
            (r"layers\.([2-9]|1[01])\..*\.(q|v)_proj", true),
            (r"(?:layers|blocks)\.\d+\..*", true),
            ("q_pro", false),
            ("q_proj.*", true),
            ("q.?proj|nothing", true),
            ("[^q]_proj", false),
            ("[]q]_proj", true),
            (".*", true),
            ("", false),
            ("model", false),
            ("Q_proj", false),
            (r"\w+_proj", true),
            ("(q_proj)?", true),
            ("(a*)*q_proj", true),
        ] {
            assert_eq!(Pattern::new(key).unwrap().matches(name), matches, "{key}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let deep = "(".repeat(5) + &")".repeat(5);
        for key in
            ["(", ")", "a)", "(a", "[a", "[", "a{2}", "*a", r"\b", "\\", "(?=a)", "[z-a]", deep.as_str()]
        {
            assert!(Pattern::new(key).is_err(), "{key}");
        }
        assert!(Pattern::new(&"a".repeat(501)).is_err());
    }

    #[test]
    fn hostile_keys_end_soon() {
        let name = "a".repeat(200);
        assert!(!Pattern::new("((((a*)*)*)*)*b").unwrap().matches(&name));
        assert!(!Pattern::new(&("a*".repeat(200) + "b")).unwrap().matches(&name));
    }
}
