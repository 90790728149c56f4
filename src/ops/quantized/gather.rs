//! Rows of quantised weights as float32.

use super::nbits::read_bits;
use crate::error::{Error, Result};
use crate::ops::quantize::{Minifloat, is_signed_byte};
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, ElementType, Tensor, fill};

/// How elements are kept.
#[derive(Clone, Copy)]
enum Storage {
    Minifloat(Minifloat),
    /// A signed one in each byte.
    Signed,
    /// As many bits each.
    Bits(usize),
}

impl Storage {
    fn per_byte(self) -> usize {
        if let Storage::Bits(bits) = self { 8 / bits } else { 1 }
    }

    /// An element of a line.
    fn read(self, line: &[u8], index: usize) -> f32 {
        match self {
            Storage::Bits(bits) => f32::from(read_bits(line, bits, index)),
            Storage::Signed => line.get(index).map_or(0.0, |&value| f32::from(value as i8)),
            Storage::Minifloat(format) => line.get(index).map_or(0.0, |&value| format.decode(value)),
        }
    }
}

/// A tensor of elements that may be packed along the last axis.
struct Lines<'a> {
    bytes: &'a [u8],
    storage: Storage,
    /// Elements along the last axis.
    size: usize,
}

impl Lines<'_> {
    fn line(&self, index: usize) -> &[u8] {
        let bytes = self.size.div_ceil(self.storage.per_byte());
        self.bytes.get(index * bytes..(index + 1) * bytes).unwrap_or_default()
    }
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GatherBlockQuantized>
pub fn gather_block_quantized(spec: &mut Spec) -> Result<Operator> {
    let (gather_axis, quantize_axis) = (spec.int_or("gather_axis", 0), spec.int_or("quantize_axis", 1));
    let (block, bits) = (spec.int_or("block_size", 128), spec.int_or("bits", 4));
    let block = usize::try_from(block).map_err(|_| spec.invalid(&format!("block_size={block}")))?;
    if !matches!(bits, 2 | 4 | 8) {
        return Err(spec.unsupported(format!("bits={bits}")));
    }
    single(move |call| {
        let (data, indices, scales) = (call.tensor(0)?, call.tensor(1)?.to_i64s()?, call.tensor(2)?);
        let zeros = call.optional(3)?;
        let element_type = data.element_type();
        // Without zero points, those of packed types are in the middle.
        let (storage, zero) = match (Minifloat::of(element_type), element_type) {
            (Some(format), _) => (Storage::Minifloat(format), 0.0),
            (None, ElementType::Uint8) => (Storage::Bits(bits as usize), (1u32 << (bits - 1)) as f32),
            (None, _) if is_signed_byte(element_type) => (Storage::Signed, 0.0),
            (None, _) => (Storage::Bits(8), 0.0),
        };
        let mut dims = Dims::from_slice(data.dims());
        let rank = dims.len();
        let (gather_axis, quantize_axis) = (resolve_axis(gather_axis, rank)?, resolve_axis(quantize_axis, rank)?);
        let packs = storage.per_byte();
        if packs > 1 && gather_axis + 1 == rank {
            return Err(Error::execution("packed elements cannot be gathered along the last axis"));
        }
        dims.iter_mut().rev().take(1).for_each(|dim| *dim *= packs);
        let at = |dims: &[usize], axis: usize| dims.get(axis).copied().unwrap_or(1);
        let length = at(&dims, quantize_axis).max(1);
        let block = if block == 0 { length } else { block };
        let fits = scales.rank() == rank
            && scales.dims().iter().zip(&dims).enumerate().all(|(axis, (&scale, &dim))| {
                let expected = if axis == quantize_axis { dim.div_ceil(block) } else { dim };
                scale == expected || (scale == 1 && axis != quantize_axis)
            });
        let last = at(scales.dims(), rank.saturating_sub(1));
        let lines_of_scales = scales.len() / last.max(1);
        if !fits || zeros.is_some_and(|zeros| zeros.len() != lines_of_scales * last.div_ceil(packs)) {
            return Err(Error::execution("the scales or zero points do not fit the blocks of the data"));
        }
        let values = Lines { bytes: data.as_bytes(), storage, size: at(&dims, rank - 1) };
        let zeros = zeros.map(|zeros| Lines { bytes: zeros.as_bytes(), storage, size: last });
        let scale_values = scales.to_f32s()?;
        // Along an axis, how many elements share a scale, and how far the next one is.
        let (mut steps, mut stride) = (vec![(1, 0); rank], 1);
        for (axis, step) in steps.iter_mut().enumerate().rev() {
            let dim = at(scales.dims(), axis);
            *step = (if axis == quantize_axis { block } else { 1 }, if dim == 1 { 0 } else { stride });
            stride *= dim;
        }
        let mut out_dims = Dims::from_slice(dims.get(..gather_axis).unwrap_or_default());
        out_dims.extend_from_slice(call.tensor(1)?.dims());
        out_dims.extend_from_slice(dims.get(gather_axis + 1..).unwrap_or_default());
        let mut out = fill(&out_dims, 0f32)?;
        let size = at(&dims, gather_axis);
        let outer: usize = dims.iter().take(gather_axis).product();
        // A row of the data is what one index takes; the last axis may be the one gathered along.
        let is_last = gather_axis + 1 == rank;
        let width = if is_last { 1 } else { values.size };
        let lines: usize = dims.iter().skip(gather_axis + 1).product::<usize>() / width.max(1);
        let mut targets = out.chunks_mut(width.max(1));
        let &(last_block, last_stride) = steps.last().unwrap_or(&(1, 0));
        for row in 0..outer {
            for &index in indices.iter() {
                let index = if index < 0 { index.saturating_add(size as i64) } else { index };
                let index = usize::try_from(index).ok().filter(|&index| index < size);
                for line in 0..lines {
                    let (Some(target), Some(index)) = (targets.next(), index) else { continue };
                    let (line, first) = if is_last { (row, index) } else { ((row * size + index) * lines + line, 0) };
                    let (mut rest, mut base) = (line, 0);
                    for (&dim, &(block, stride)) in dims.iter().zip(&steps).rev().skip(1) {
                        base += rest % dim.max(1) / block * stride;
                        rest /= dim.max(1);
                    }
                    let elements = values.line(line);
                    let (mut known, mut scale, mut offset) = (usize::MAX, 0.0, zero);
                    for (index, out) in (first..).zip(target) {
                        let at = base + index / last_block * last_stride;
                        if at != known {
                            known = at;
                            scale = scale_values.get(at).copied().unwrap_or_default();
                            if let Some(zeros) = &zeros {
                                offset = storage.read(zeros.line(at / last.max(1)), at % last.max(1));
                            }
                        }
                        *out = (storage.read(elements, index) - offset) * scale;
                    }
                }
            }
        }
        Tensor::new(&out_dims, out)
    })
}
