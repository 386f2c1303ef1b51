//! A method on one tensor in memory: what `maec explain-dialect` and the tests run.

use super::{Method, Settings, Survey, Tile, Totals, Unfit};

/// Merges one whole tensor, given as flat slices `[elements]`, in tiles of at most so many elements (but of at least one
/// granule). [`Settings::whole`] is filled in as if the tensor were the whole model.
///
/// # Errors
///
/// As the method does.
pub fn apply(
    method: &dyn Method,
    settings: &Settings<'_>,
    base: Option<&[f32]>,
    models: &[&[f32]],
    tile: usize,
) -> Result<Vec<f32>, Unfit> {
    let whole = match method.whole(settings)? {
        Some(mut survey) => {
            rounds(survey.as_mut(), base, models, tile);
            survey.learned()
        }
        None => settings.whole.to_vec(),
    };
    let mut kernel = method.kernel(&Settings { whole: &whole, ..*settings })?;
    let tile = tile.next_multiple_of(kernel.granule().max(1));
    rounds(kernel.as_mut(), base, models, tile);
    let mut out = vec![0.0; settings.elements()];
    for (index, out) in out.chunks_mut(tile).enumerate() {
        with_tile(base, models, index * tile, out.len(), |part| kernel.merge(part, out));
    }
    Ok(out)
}

/// All rounds of a survey.
fn rounds<S: Survey + ?Sized>(survey: &mut S, base: Option<&[f32]>, models: &[&[f32]], tile: usize) {
    let elements = base.or(models.first().copied()).map_or(0, <[f32]>::len);
    while let Some(sizes) = survey.next() {
        let mut totals = Totals::new(sizes);
        for start in (0..elements).step_by(tile) {
            let mut part = Totals::new(sizes);
            let len = tile.min(elements - start);
            with_tile(base, models, start, len, |tile| survey.look(tile, &mut part));
            totals.add(&part);
        }
        survey.learn(&totals);
    }
}

fn with_tile(base: Option<&[f32]>, models: &[&[f32]], start: usize, len: usize, run: impl FnOnce(&Tile<'_>)) {
    let models: Vec<&[f32]> = models.iter().map(|model| &model[start..start + len]).collect();
    run(&Tile { start, base: base.map(|base| &base[start..start + len]), models: &models });
}
