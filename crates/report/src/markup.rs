//! Markup as a tree, so that every tag is closed and every text escaped by construction.

use std::fmt::{self, Display, Formatter, Write};

/// Elements without an end tag.
const VOID: [&str; 1] = ["meta"];

/// Elements that end their line, so that two reports differ by lines.
const BLOCKS: [&str; 28] = [
    "article",
    "caption",
    "desc",
    "details",
    "div",
    "dl",
    "figcaption",
    "figure",
    "g",
    "h1",
    "h2",
    "head",
    "header",
    "html",
    "li",
    "meta",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "style",
    "summary",
    "svg",
    "table",
    "thead",
    "title",
    "tr",
];

/// An element with its attributes and children.
#[derive(Debug, Clone)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Element(Element),
    Text(String),
    /// What is written as it is: the style sheet that is compiled in.
    Raw(&'static str),
}

impl Element {
    /// An element without attributes.
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), children: Vec::new() }
    }

    /// With an attribute more.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With a coordinate or length more, in user units, to a tenth.
    pub(super) fn at(self, name: &'static str, value: f64) -> Self {
        self.with(name, px(value))
    }

    /// With a class.
    pub(super) fn class(self, name: impl Display) -> Self {
        self.with("class", name)
    }

    /// With a text after its children.
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.children.push(Node::Text(text.into()));
        self
    }

    /// With a text that is not escaped, which only what is compiled in may be.
    pub(super) fn raw(mut self, text: &'static str) -> Self {
        self.children.push(Node::Raw(text));
        self
    }

    /// With a child more.
    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(Node::Element(child));
        self
    }

    /// With more children.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }
}

/// An element of text.
pub(super) fn words(name: &'static str, text: impl Into<String>) -> Element {
    Element::new(name).text(text)
}

/// A coordinate to a tenth of a unit, without a needless `.0`.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" { "0".into() } else { short.into() }
}

impl Display for Element {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"")?;
            escape(f, value)?;
            f.write_char('"')?;
        }
        f.write_char('>')?;
        if !VOID.contains(&self.name) {
            for child in &self.children {
                match child {
                    Node::Element(element) => element.fmt(f)?,
                    Node::Text(text) => escape(f, text)?,
                    Node::Raw(text) => f.write_str(text)?,
                }
            }
            write!(f, "</{}>", self.name)?;
        }
        if BLOCKS.contains(&self.name) { f.write_char('\n') } else { Ok(()) }
    }
}

/// Control characters, which no document may hold, become the replacement character.
fn escape(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c {
        '&' => f.write_str("&amp;"),
        '<' => f.write_str("&lt;"),
        '>' => f.write_str("&gt;"),
        '"' => f.write_str("&quot;"),
        '\n' | '\t' => f.write_char(c),
        c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('\u{fffd}'),
        c => f.write_char(c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_attributes_are_escaped() {
        let element = Element::new("a").with("title", "\"><b>").text("1 < 2 & 3\0");
        assert_eq!(element.to_string(), "<a title=\"&quot;&gt;&lt;b&gt;\">1 &lt; 2 &amp; 3\u{fffd}</a>");
    }

    #[test]
    fn lengths_are_short() {
        assert_eq!([px(3.0), px(2.26), px(-0.01)], ["3", "2.3", "0"]);
    }
}
