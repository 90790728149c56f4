//! Bytes of a model on their way into memory.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The raw data of a tensor, in the tensor itself where its type and dims came first, as exporters write them.
pub(super) enum Raw {
    Bytes(Vec<u8>),
    Values { tensor: Tensor, filled: usize },
}

impl Raw {
    /// Takes the next bytes.
    pub fn extend(&mut self, part: &[u8]) -> Result<()> {
        match self {
            Raw::Bytes(bytes) => extend(bytes, part)?,
            Raw::Values { tensor, filled } => {
                if let Some(target) = tensor.as_bytes_mut().get_mut(*filled..*filled + part.len()) {
                    target.copy_from_slice(part);
                }
                *filled += part.len();
            }
        }
        Ok(())
    }
}

pub(super) fn reserve(length: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(|_| out_of_memory(length))?;
    Ok(bytes)
}

pub(super) fn extend(target: &mut Vec<u8>, part: &[u8]) -> Result<()> {
    target.try_reserve(part.len()).map_err(|_| out_of_memory(target.len()))?;
    target.extend_from_slice(part);
    Ok(())
}

fn out_of_memory(length: usize) -> Error {
    Error::limit(format!("the model does not fit in memory: it has a field of {length} bytes or more"))
}
