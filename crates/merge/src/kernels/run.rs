//! Starting the kernels and reading what they made.

use cubecl::bytes::Bytes;
use cubecl::prelude::*;
use cubecl::server::Handle;
use cubecl::zspace::{Shape, Strides, Tiling};
use maec_recipe::Parameters;

use super::factors::Factors;
use super::tensor_stats::{CHAIN, PARTIAL};
use super::tile::{LANES, VECTOR_BYTES};
use super::{KernelError, Tile};
use crate::stats::cosine;

/// A merged tile on its way.
#[derive(Debug)]
pub struct Merged {
    /// The merged elements, packed as the models: `[vectors]` of four words, the last filled up with zeros.
    pub words: Handle,
    found: Handle,
    bytes: usize,
}

/// Eq. 2, 3 and 5 for one tile; `weights` (μ) are its languages', `selected` says whether τ ∈ 𝒯.
///
/// # Errors
/// [`KernelError::Weights`], and [`KernelError::NoAbility`] for a selected tile without the ability's models.
pub fn merge(
    client: &Client,
    tile: &Tile,
    weights: &[f64],
    parameters: &Parameters,
    selected: bool,
) -> Result<Merged, KernelError> {
    let factors = factors(tile, weights, parameters, selected)?;
    let (words, found) = (client.empty(tile.vectors * VECTOR_BYTES), nothing_found(client));
    let units = units(client);
    super::maec_merge::maec_merge::launch(
        client,
        CubeCount::Static(tile.vectors.div_ceil(units) as u32, 1, 1),
        CubeDim::new_1d(units as u32),
        LANES,
        buffer(&tile.models, tile.rows() * tile.vectors),
        buffer(&client.create_from_slice(f32::as_bytes(&factors.values)), factors.values.len()),
        buffer(&client.create_from_slice(u32::as_bytes(&factors.signs)), factors.signs.len()),
        buffer(&words, tile.vectors),
        buffer(&found, 2),
        tile.vectors,
        tile.languages,
        tile.packing,
        selected,
    );
    Ok(Merged { words, found, bytes: tile.bytes() })
}

impl Merged {
    /// Waits for the merged elements, as stored.
    ///
    /// # Errors
    /// [`KernelError::Device`]; unless allowed, also [`KernelError::NonFinite`] and [`KernelError::Overflow`].
    pub async fn read(self, client: &Client, allow_nonfinite: bool) -> Result<Vec<u8>, KernelError> {
        let [words, found] = read(client, [self.words, self.found]).await?;
        if !allow_nonfinite {
            refuse(&found)?;
        }
        let mut stored = words.to_vec();
        stored.truncate(self.bytes);
        Ok(stored)
    }
}

/// A tile's sums on their way.
#[derive(Debug)]
pub struct Sums {
    partial: Handle,
    found: Handle,
}

/// Eq. 4's sums for one tile; `weights` (μ) are its languages'.
///
/// # Errors
/// [`KernelError::Weights`] and [`KernelError::NoAbility`].
pub fn tensor_stats(
    client: &Client,
    tile: &Tile,
    weights: &[f64],
    parameters: &Parameters,
) -> Result<Sums, KernelError> {
    let factors = factors(tile, weights, parameters, true)?;
    let units = units(client);
    let cubes = tile.vectors.div_ceil(units * CHAIN);
    let (partial, found) = (client.empty(cubes * PARTIAL * size_of::<u32>()), nothing_found(client));
    super::tensor_stats::tensor_stats::launch(
        client,
        CubeCount::Static(cubes as u32, 1, 1),
        CubeDim::new_1d(units as u32),
        LANES,
        buffer(&tile.models, tile.rows() * tile.vectors),
        buffer(&client.create_from_slice(f32::as_bytes(&factors.values)), factors.values.len()),
        buffer(&partial, cubes * PARTIAL),
        buffer(&found, 2),
        tile.vectors,
        tile.languages,
        tile.packing,
        units,
    );
    Ok(Sums { partial, found })
}

impl Sums {
    /// Waits for the sums of one tile. Those of a tensor's other tiles are added to them.
    ///
    /// # Errors
    /// [`KernelError::Device`] and [`KernelError::NonFinite`].
    pub async fn read(self, client: &Client) -> Result<Statistics, KernelError> {
        let [partial, found] = read(client, [self.partial, self.found]).await?;
        refuse(&found)?;
        let mut statistics = Statistics::default();
        for &[dot, ability, language, base, nonzero] in words(&partial).as_chunks::<PARTIAL>().0 {
            let [dot, ability, language, base] =
                [dot, ability, language, base].map(|bits| f64::from(f32::from_bits(bits)));
            statistics += Statistics { dot, ability, language, base, nonzero: u64::from(nonzero) };
        }
        Ok(statistics)
    }
}

/// Eq. 4's sums over elements.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Statistics {
    /// Σ R(A)·R_Lang.
    pub dot: f64,
    /// Σ R(A)².
    pub ability: f64,
    /// Σ R_Lang².
    pub language: f64,
    /// Σ Θo².
    pub base: f64,
    /// Elements of R(A) that are not zero.
    pub nonzero: u64,
}

impl Statistics {
    /// S(τ) = cos(R(A)\[τ\], R_Lang\[τ\]); 0 where a side is zero.
    pub fn similarity(&self) -> f64 {
        cosine(self.dot, self.ability.sqrt(), self.language.sqrt())
    }
}

impl std::ops::AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.dot += other.dot;
        self.ability += other.ability;
        self.language += other.language;
        self.base += other.base;
        self.nonzero += other.nonzero;
    }
}

/// Units of a cube: a power of two.
pub(super) fn units(client: &Client) -> usize {
    let most = client.properties().hardware.max_units_per_cube.clamp(1, 256);
    1 << most.ilog2()
}

fn factors(
    tile: &Tile,
    weights: &[f64],
    parameters: &Parameters,
    selected: bool,
) -> Result<Factors, KernelError> {
    if weights.len() != tile.languages {
        return Err(KernelError::Weights { weights: weights.len(), languages: tile.languages });
    }
    if selected && !tile.with_ability {
        return Err(KernelError::NoAbility);
    }
    Ok(Factors::new(weights, parameters, selected))
}

fn buffer(handle: &Handle, length: usize) -> BufferArg {
    let (shape, strides) = (Shape::from([length]), Strides::from([1]));
    TensorBinding { handle: handle.clone().binding(), strides, shape, tiling: Tiling::UNTILED }
        .into_buffer_arg()
}

fn nothing_found(client: &Client) -> Handle {
    client.create_from_slice(u32::as_bytes(&[u32::MAX; 2]))
}

/// What a kernel found that is not allowed.
fn refuse(found: &Bytes) -> Result<(), KernelError> {
    match *words(found) {
        [element, _] if element != u32::MAX => Err(KernelError::NonFinite { element: element as usize }),
        [_, element] if element != u32::MAX => Err(KernelError::Overflow { element: element as usize }),
        _ => Ok(()),
    }
}

async fn read(client: &Client, handles: [Handle; 2]) -> Result<[Bytes; 2], KernelError> {
    let read = client.read_async(handles.to_vec()).await?;
    read.try_into().map_err(|_| KernelError::Device("it gave back another number of buffers".into()))
}

fn words(bytes: &Bytes) -> &[u32] {
    u32::from_bytes(bytes)
}
