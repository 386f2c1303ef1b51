//! What a stored number looks like: names, sizes, and which dtype holds another's values.

use crate::Dtype;

/// Bytes of one element. Types of less than a byte, which no reader here accepts, count as one.
pub fn bytes_per_element(dtype: Dtype) -> usize {
    dtype.bitsize().div_ceil(8)
}

/// The name in a safetensors header, e.g. `BF16`.
pub fn name(dtype: Dtype) -> String {
    dtype.to_string()
}

/// The name in a Hugging Face `config.json`, e.g. `bfloat16`; `None` for what is not a float.
pub fn torch_name(dtype: Dtype) -> Option<&'static str> {
    match dtype {
        Dtype::F64 => Some("float64"),
        Dtype::F32 => Some("float32"),
        Dtype::F16 => Some("float16"),
        Dtype::BF16 => Some("bfloat16"),
        _ => None,
    }
}

/// The float dtype of a header name (`BF16`) or a torch name (`bfloat16`).
pub fn parse_float(text: &str) -> Option<Dtype> {
    [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16]
        .into_iter()
        .find(|&dtype| torch_name(dtype) == Some(text) || name(dtype) == text)
}

/// Whether the dtype can be computed with: F64, F32, F16 or BF16.
pub fn is_float(dtype: Dtype) -> bool {
    torch_name(dtype).is_some()
}

/// Whether every value of `narrow` is a value of `wide`: the same dtype, or a wider float.
pub fn holds(wide: Dtype, narrow: Dtype) -> bool {
    wide == narrow
        || matches!(
            (wide, narrow),
            (Dtype::F64, Dtype::F32 | Dtype::F16 | Dtype::BF16) | (Dtype::F32, Dtype::F16 | Dtype::BF16)
        )
}
