//! Eq. 4 under the keyboard.

use std::time::Duration;

use anyhow::Result;
use maec_merge::count_half_up;
use maec_tests::driver::WebGpu;
use maec_tests::scenario::in_studio;

use crate::page::{ENTER, LEFT, LONG, Page, RIGHT, selector};
use crate::truth::Truth;

/// Counts what the page asks of its engine from now on.
const COUNT_MESSAGES: &str = "window.asked = 0;\
    const post = Worker.prototype.postMessage;\
    Worker.prototype.postMessage = function (...message) { window.asked += 1; return post.apply(this, message); };";

#[test]
fn k2_selects_at_once_from_cached_statistics() -> Result<()> {
    in_studio("k2_selects_at_once", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        truth.is_served_by(&page).await?;
        page.script(COUNT_MESSAGES).await?;

        let slider = selector("k2-slider");
        let before = page.slider("k2").await?;
        let all = page.count("[data-tensor]").await?;
        let (key, step) = if before >= 50.0 { (LEFT, -1.0) } else { (RIGHT, 1.0) };
        let mut recipe = truth.recipe.clone();
        for presses in [1, 12] {
            let start = page.slider("k2").await?;
            page.press(&slider, &key.repeat(presses)).await?;
            // Read without waiting: the choice is made when the key is.
            let (percent, selected) = (page.slider("k2").await?, page.selected().await?);
            assert_eq!(percent, start + step * presses as f64);
            recipe.parameters.k2 = percent / 100.0;
            assert_eq!(selected.len(), count_half_up(recipe.parameters.k2, all));
            assert_eq!(selected, truth.selected(&recipe)?);
            let said = page.text("selected-count").await?;
            assert_eq!(said, format!("{} of {all} tensors selected", selected.len()));
        }
        assert_eq!(page.value::<u32>("return window.asked").await?, 0, "k₂ asked the engine");

        // α changes the similarities themselves, so the engine is asked.
        page.press(&selector("alpha-slider"), LEFT).await?;
        page.scored().await?;
        assert!(page.value::<u32>("return window.asked").await? > 0, "α did not ask the engine");
        recipe.parameters.alpha = page.slider("alpha").await?;
        assert_ne!(recipe.parameters.alpha, truth.recipe.parameters.alpha);
        assert_eq!(page.selected().await?, truth.selected(&recipe)?);
        Ok(())
    })
}

#[test]
fn a_tensor_is_chosen_by_hand_and_given_back() -> Result<()> {
    in_studio("chosen_by_hand", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        let chosen = truth.selected(&truth.recipe)?;
        let Some(name) = chosen.first() else { return Ok(()) };
        let cell = format!("[data-tensor=\"{name}\"]");
        page.press(&cell, ENTER).await?;
        page.wait_for(&format!("{cell}[data-mark=kept-out][aria-selected=false]"), Duration::from_secs(10))
            .await?;
        let mut recipe = truth.recipe.clone();
        recipe.select.exclude.push(name.clone());
        assert_eq!(page.selected().await?, truth.selected(&recipe)?);
        page.press(&cell, ENTER).await?;
        page.wait_for(&format!("{cell}[data-mark=in]"), Duration::from_secs(10)).await?;
        assert_eq!(page.selected().await?, chosen);
        Ok(())
    })
}

#[test]
fn the_keyboard_keeps_its_place_when_a_button_goes() -> Result<()> {
    in_studio("keeps_focus", WebGpu::Off, async |session| {
        let truth = Truth::open()?;
        let page = Page::open(session, "", LONG).await?;
        page.press(&selector("merge-evaluate"), ENTER).await?;
        page.wait_for("[data-testid=cancel]:focus", LONG).await?;
        page.evaluated(LONG).await?;
        page.wait_for("[data-testid=merge-evaluate]:focus", LONG).await?;

        let chosen = truth.selected(&truth.recipe)?;
        let Some(name) = chosen.first() else { return Ok(()) };
        let cell = format!("[data-tensor=\"{name}\"]");
        page.press(&cell, ENTER).await?;
        page.wait_for(&format!("{cell}[data-mark=kept-out]"), LONG).await?;
        page.press(&selector("clear-overrides"), ENTER).await?;
        page.wait_for(&format!("{cell}[data-mark=in]:focus"), LONG).await?;
        Ok(())
    })
}

#[test]
fn a_number_out_of_range_is_refused_beside_its_field() -> Result<()> {
    in_studio("refused_number", WebGpu::Off, async |session| {
        let page = Page::open(session, "", LONG).await?;
        let (before, selected) = (page.slider("k2").await?, page.selected().await?);
        // Chromium appends to what the field holds: 80 becomes 80140.
        page.press(&selector("k2-field"), &format!("140{ENTER}")).await?;
        page.wait_for("[data-testid=k2-field][aria-invalid=true]", Duration::from_secs(10)).await?;
        let said: String = page.value("return document.querySelector('#k2-error').textContent").await?;
        assert_eq!(said, "Give a number from 0 to 100.");
        assert_eq!((page.slider("k2").await?, page.selected().await?), (before, selected));
        Ok(())
    })
}
