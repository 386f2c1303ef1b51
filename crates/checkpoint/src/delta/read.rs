//! Reading a sparse delta.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{BASE_KEY, DeltaWeights, POSITIONS, VALUES, VERSION, VERSION_KEY, varint};
use crate::{ByteSource, Dtype, Error, SafetensorsReader, Weights, fingerprint};

/// What a delta says of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaEntries {
    /// Flat indices, ascending.
    pub positions: Vec<u64>,
    /// The trained values at the positions, stored as `dtype`.
    pub values: Vec<u8>,
    /// How a value is stored: the base's dtype or wider.
    pub dtype: Dtype,
}

/// An opened delta, not yet put onto a base.
#[derive(Debug)]
pub struct SparseDelta {
    reader: SafetensorsReader,
    base_fingerprint: String,
    names: Vec<String>,
}

impl SparseDelta {
    /// Reads and checks the header. Fails with [`Error::NotDelta`], or as [`SafetensorsReader::open`] does.
    pub fn open(source: Arc<dyn ByteSource>) -> Result<Self, Error> {
        let reader = SafetensorsReader::open(source)?;
        let not = |reason: String| Error::NotDelta { name: reader.name().into(), reason };
        match reader.metadata().get(VERSION_KEY).map(String::as_str) {
            Some(VERSION) => (),
            Some(other) => {
                return Err(not(format!("it has format `{other}` where this program reads {VERSION}")));
            }
            None => return Err(not(format!("its metadata has no `{VERSION_KEY}`"))),
        }
        let base_fingerprint = reader.metadata().get(BASE_KEY).cloned().unwrap_or_default();
        if base_fingerprint.len() != 64 || !base_fingerprint.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(not(format!("its `{BASE_KEY}` is not 64 hex digits")));
        }
        let mut names = Vec::new();
        for info in reader.tensors() {
            let (name, partner) = if let Some(name) = info.name.strip_suffix(POSITIONS) {
                (name, VALUES)
            } else if let Some(name) = info.name.strip_suffix(VALUES) {
                (name, POSITIONS)
            } else {
                return Err(not(format!("`{}` ends in neither {POSITIONS} nor {VALUES}", info.name)));
            };
            if info.shape.len() != 1 || (partner == VALUES && info.dtype != Dtype::U8) {
                return Err(not(format!("`{}` is {} {:?}", info.name, info.dtype, info.shape)));
            }
            if reader.info(&format!("{name}{partner}")).is_err() {
                return Err(not(format!("`{}` stands without `{name}{partner}`", info.name)));
            }
            if partner == VALUES {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(Self { reader, base_fingerprint, names })
    }

    /// Fingerprint of the base that the delta belongs to, 64 hex digits.
    pub fn base_fingerprint(&self) -> &str {
        &self.base_fingerprint
    }

    /// The file's metadata, provenance included.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        self.reader.metadata()
    }

    /// What messages call the delta.
    pub fn name(&self) -> &str {
        self.reader.name()
    }

    /// Names of the tensors that changed, sorted.
    pub fn tensors(&self) -> &[String] {
        &self.names
    }

    /// How a tensor's values are stored; `None` where the tensor did not change.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.reader.info(&format!("{name}{VALUES}")).ok().map(|info| info.dtype)
    }

    /// What changed in a tensor; `None` where it did not. Fails with [`Error::BadDelta`] where positions do not ascend
    /// or do not match the values. That they lie inside the tensor is checked by [`SparseDelta::apply`].
    pub fn entries(&self, name: &str) -> Result<Option<DeltaEntries>, Error> {
        self.entries_below(name, u64::MAX)
    }

    /// As [`SparseDelta::entries`], for a tensor of so many elements.
    pub(super) fn entries_below(&self, name: &str, elements: u64) -> Result<Option<DeltaEntries>, Error> {
        let values_name = format!("{name}{VALUES}");
        let Ok(info) = self.reader.info(&values_name) else { return Ok(None) };
        let positions = self.reader.read_bytes(&format!("{name}{POSITIONS}"))?;
        let positions = varint::decode(&positions, info.elements(), elements)
            .map_err(|reason| Error::BadDelta { name: self.name().into(), tensor: name.into(), reason })?;
        Ok(Some(DeltaEntries { positions, values: self.reader.read_bytes(&values_name)?, dtype: info.dtype }))
    }

    /// Puts the delta onto its base. Fails with [`Error::OtherBase`] where the fingerprint differs, and with
    /// [`Error::BadDelta`], [`Error::ExtraTensor`] or [`Error::Narrower`] where an entry does not fit.
    pub fn apply(self, base: Arc<dyn Weights>) -> Result<DeltaWeights, Error> {
        let found = fingerprint(base.as_ref())?;
        self.apply_fingerprinted(base, &found)
    }

    /// As [`SparseDelta::apply`], for a base whose fingerprint is known.
    pub(crate) fn apply_fingerprinted(
        self,
        base: Arc<dyn Weights>,
        found: &str,
    ) -> Result<DeltaWeights, Error> {
        if !self.base_fingerprint.eq_ignore_ascii_case(found) {
            return Err(Error::OtherBase {
                name: self.name().into(),
                base: base.name().into(),
                expected: self.base_fingerprint[..16].into(),
                found: found[..16].into(),
            });
        }
        DeltaWeights::new(base, self)
    }
}
