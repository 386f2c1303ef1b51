//! One tensor, or a part of it, of every model on the device.

use cubecl::prelude::Client;
use cubecl::server::Handle;
use maec_checkpoint::{Dtype, dtype};

use super::KernelError;
use super::unpack::Packing;

/// Words that a unit loads at once.
pub(super) const LANES: usize = 4;
/// Bytes of as many.
pub(super) const VECTOR_BYTES: usize = 4 * LANES;

/// One tensor's stored elements, or a run of them, of every model on the device: `[rows, vectors]` of four words each.
#[derive(Debug, Clone)]
pub struct Tile {
    pub(super) models: Handle,
    pub(super) packing: Packing,
    pub(super) languages: usize,
    pub(super) vectors: usize,
    pub(super) with_ability: bool,
    bytes: usize,
}

impl Tile {
    /// Copies the same elements of every model, as stored in `dtype`, to the device; `ability` is Θ_{A,L0} and Θ_{L0}, which
    /// [`super::tensor_stats`] and a selected tensor need.
    ///
    /// # Errors
    /// [`KernelError::Dtype`], [`KernelError::Bytes`] and [`KernelError::TooLarge`].
    pub fn upload(
        client: &Client,
        dtype: Dtype,
        base: &[u8],
        languages: &[&[u8]],
        ability: Option<[&[u8]; 2]>,
    ) -> Result<Self, KernelError> {
        let packing = packing(dtype)?;
        let rows =
            || [base].into_iter().chain(languages.iter().copied()).chain(ability.into_iter().flatten());
        let bytes_per_element = dtype::bytes_per_element(dtype);
        if let Some(odd) = rows().find(|row| row.len() != base.len() || row.len() % bytes_per_element != 0) {
            return Err(KernelError::Bytes { expected: base.len(), found: odd.len() });
        }
        let (elements, most) =
            (base.len() / bytes_per_element, Self::most_elements(client, dtype, languages.len())?);
        if elements > most {
            return Err(KernelError::TooLarge { elements, most });
        }
        // A buffer may not be empty.
        let vectors = base.len().div_ceil(VECTOR_BYTES).max(1);
        let mut words = Vec::with_capacity(rows().count() * vectors * VECTOR_BYTES);
        for (index, row) in rows().enumerate() {
            words.extend_from_slice(row);
            words.resize((index + 1) * vectors * VECTOR_BYTES, 0);
        }
        Ok(Self {
            models: client.create_from_slice(&words),
            packing,
            languages: languages.len(),
            vectors,
            with_ability: ability.is_some(),
            bytes: base.len(),
        })
    }

    /// The most elements that a tile of so many languages, with the ability's models, may have on this device.
    ///
    /// # Errors
    /// [`KernelError::Dtype`].
    pub fn most_elements(client: &Client, dtype: Dtype, languages: usize) -> Result<usize, KernelError> {
        let per_vector = packing(dtype)?.per_word() * LANES;
        let properties = client.properties();
        let bound = usize::try_from(properties.memory.max_page_size).unwrap_or(usize::MAX)
            / ((languages + 3) * VECTOR_BYTES);
        let counted = properties.hardware.max_cube_count.0 as usize * super::run::units(client);
        // Elements are counted in 32 bits, and all of them set means none.
        Ok(bound.min(counted).saturating_mul(per_vector).min(u32::MAX as usize - per_vector))
    }

    /// Bytes of one model's elements.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Models, the base among them.
    pub fn rows(&self) -> usize {
        1 + self.languages + if self.with_ability { 2 } else { 0 }
    }
}

fn packing(dtype: Dtype) -> Result<Packing, KernelError> {
    match dtype {
        Dtype::F32 => Ok(Packing::F32),
        Dtype::F16 => Ok(Packing::F16),
        Dtype::BF16 => Ok(Packing::Bf16),
        other => Err(KernelError::Dtype(other)),
    }
}
