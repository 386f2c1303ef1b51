//! The page as a person uses it: its buttons, its numbers, its states. The names are those of `web/README.md`.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::time::Duration;

use anyhow::{Context, Result};
use maec_tests::driver::Session;
use serde::de::DeserializeOwned;
use serde_json::json;

/// The right arrow in WebDriver's alphabet.
pub const RIGHT: &str = "\u{E014}";
/// The left arrow.
pub const LEFT: &str = "\u{E012}";
/// The Enter key.
pub const ENTER: &str = "\u{E007}";

/// Far longer than anything on the CPU takes, on a busy machine.
pub const LONG: Duration = Duration::from_secs(120);

/// A session whose page is open.
pub struct Page<'a>(&'a Session);

impl Deref for Page<'_> {
    type Target = Session;

    fn deref(&self) -> &Session {
        self.0
    }
}

impl<'a> Page<'a> {
    /// Opens the studio at `address` (a query, a fragment, both or nothing) and waits until its map is drawn.
    pub async fn open(session: &'a Session, address: &str, at_most: Duration) -> Result<Self> {
        // Another fragment alone would not load the page again.
        session.page.goto("about:blank").await.context("leaving the page")?;
        session.open(address).await?;
        session.wait_for("body[data-ready=true]", at_most).await?;
        let page = Self(session);
        page.scored().await?;
        Ok(page)
    }

    /// Waits until the statistics are those of the present controls.
    pub async fn scored(&self) -> Result<()> {
        self.wait_for(".step-select[aria-busy=false] [data-tensor]", LONG).await.map(|_| ())
    }

    /// What a script returns, as a Rust value.
    pub async fn value<T: DeserializeOwned>(&self, script: &str) -> Result<T> {
        let value = self.script(script).await?;
        serde_json::from_value(value.clone()).with_context(|| format!("`{script}` returned {value}"))
    }

    /// Whether something matches.
    pub async fn has(&self, css: &str) -> Result<bool> {
        self.value(&format!("return document.querySelector({}) !== null", json!(css))).await
    }

    /// How many things match.
    pub async fn count(&self, css: &str) -> Result<usize> {
        self.value(&format!("return document.querySelectorAll({}).length", json!(css))).await
    }

    /// An element's text, visible or not.
    pub async fn text(&self, id: &str) -> Result<String> {
        self.value(&format!("return document.querySelector({}).textContent.trim()", json!(selector(id))))
            .await
    }

    /// An element's attribute.
    pub async fn attribute(&self, id: &str, name: &str) -> Result<String> {
        let script =
            format!("return document.querySelector({}).getAttribute({})", json!(selector(id)), json!(name));
        self.value(&script).await.with_context(|| format!("`{name}` of `{id}`"))
    }

    /// An attribute of the last merge.
    pub async fn merged<T: std::str::FromStr>(&self, name: &str) -> Result<T> {
        let text = self.attribute("merged", name).await?;
        text.parse().ok().with_context(|| format!("{name} is {text}"))
    }

    /// Clicks what carries a test id.
    pub async fn click(&self, id: &str) -> Result<()> {
        self.click_on(&selector(id)).await
    }

    /// Chooses a radio button. The button itself is invisible: its label is what one clicks.
    pub async fn choose(&self, id: &str) -> Result<()> {
        self.click_on(&format!("label:has({})", selector(id))).await
    }

    async fn click_on(&self, css: &str) -> Result<()> {
        let element = self.wait_for(css, LONG).await?;
        // The page scrolls smoothly: WebDriver would click where the element was on its way.
        let place = "{ behavior: 'instant', block: 'center' }";
        self.script(&format!("document.querySelector({}).scrollIntoView({place})", json!(css))).await?;
        element.click().await.with_context(|| format!("clicking `{css}`"))
    }

    /// Presses keys on what `css` finds.
    pub async fn press(&self, css: &str, keys: &str) -> Result<()> {
        let element = self.wait_for(css, LONG).await?;
        element.send_keys(keys).await.with_context(|| format!("pressing keys on `{css}`"))
    }

    /// A slider's value.
    pub async fn slider(&self, stem: &str) -> Result<f64> {
        let css = selector(&format!("{stem}-slider"));
        self.value(&format!("return Number(document.querySelector({}).value)", json!(css))).await
    }

    /// Names of the tensors that the map shows as selected.
    pub async fn selected(&self) -> Result<BTreeSet<String>> {
        self.value(
            "return Array.from(document.querySelectorAll('[data-tensor][aria-selected=true]'), cell => cell.dataset.tensor)",
        )
        .await
    }

    /// Presses the button and waits for results of the present settings.
    pub async fn merge_and_evaluate(&self) -> Result<()> {
        self.click("merge-evaluate").await?;
        self.evaluated(LONG).await
    }

    /// Waits for results of the present settings.
    pub async fn evaluated(&self, at_most: Duration) -> Result<()> {
        self.wait_for("[data-testid=run][data-state=idle] [data-testid=merged]", at_most).await?;
        self.wait_for("[data-testid=results][data-state=fresh]", LONG).await.map(|_| ())
    }

    /// The results' table as text.
    pub async fn table(&self) -> Result<String> {
        self.value("return document.querySelector('[data-testid=results-table]').innerText").await
    }

    /// The address's fragment without its `#`.
    pub async fn fragment(&self) -> Result<String> {
        self.value("return location.hash.replace(/^#/, '')").await
    }
}

/// A test id as a CSS selector.
pub fn selector(id: &str) -> String {
    format!("[data-testid=\"{id}\"]")
}
