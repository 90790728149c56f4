//! Tensors with elements added around them, or taken off.

mod axis;

use super::shape::resolve_axis;
use super::view::{read_dims, read_integers};
use super::{Call, Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::ops::cast::{encode_small, is_small};
use crate::ops::integer::narrow;
use crate::tensor::{Bits, Dims, ElementType, Tensor, reserve};
use crate::with_bits;
use axis::{Mode, PaddedAxis, Piece};

pub const ENTRIES: &[Entry] = &[onnx("CenterCropPad", center_crop_pad), onnx("Pad", pad), contrib("Pad", pad)];

/// The pads are an attribute before opset 11 and an input from then on.
/// <https://onnx.ai/onnx/operators/onnx__Pad.html>
fn pad(spec: &mut Spec) -> Result<Operator> {
    let mode = match spec.text_or("mode", "constant") {
        "constant" => Mode::Constant,
        "edge" => Mode::Edge,
        "reflect" => Mode::Reflect,
        "wrap" => Mode::Wrap,
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    if let Some(pads) = spec.ints("pads").or_else(|| spec.ints("paddings")) {
        let (pads, value) = (pads.to_vec(), spec.float_or("value", 0.0));
        return single(move |call| {
            let tensor = call.take(0)?;
            let value = fill_value(tensor.element_type(), value)?;
            pad_tensor(tensor, mode, &pads, Some(&value))
        });
    }
    single(move |call| {
        let pads = read_pads(call)?;
        let value = call.optional(2)?.cloned();
        pad_tensor(call.take(0)?, mode, &pads, value.as_ref())
    })
}

fn fill_value(element_type: ElementType, value: f32) -> Result<Tensor> {
    match element_type {
        ElementType::Float32 => Ok(Tensor::scalar(value)),
        ElementType::Float64 => Ok(Tensor::scalar(f64::from(value))),
        ElementType::String => Ok(Tensor::scalar(String::new())),
        _ if is_small(element_type) => {
            Tensor::from_bits(element_type, &[], vec![encode_small(element_type, value, true)])
        }
        _ => narrow(element_type, &[], vec![value as i64]),
    }
}

/// Pads for all axes, from those of some: what comes before each axis, and then what comes behind.
fn read_pads(call: &Call) -> Result<Vec<i64>> {
    let pads = call.tensor(1)?.to_i64s()?;
    let Some(axes) = read_integers(call, 3)? else { return Ok(pads.into_owned()) };
    let rank = call.tensor(0)?.rank();
    if axes.len().checked_mul(2) != Some(pads.len()) {
        return Err(Error::execution(format!("{} pads do not fit {} axes", pads.len(), axes.len())));
    }
    let (before, behind) = pads.split_at(axes.len());
    let mut all = vec![0; rank * 2];
    for ((&axis, &before), &behind) in axes.iter().zip(before).zip(behind) {
        let axis = resolve_axis(axis, rank)?;
        for (slot, pad) in [(axis, before), (axis + rank, behind)] {
            if let Some(slot) = all.get_mut(slot) {
                *slot = pad;
            }
        }
    }
    Ok(all)
}

fn pad_tensor(tensor: Tensor, mode: Mode, pads: &[i64], value: Option<&Tensor>) -> Result<Tensor> {
    let rank = tensor.rank();
    if rank.checked_mul(2) != Some(pads.len()) {
        return Err(Error::execution(format!("{} pads do not fit {rank} axes", pads.len())));
    }
    if pads.iter().all(|&pad| pad == 0) {
        return Ok(tensor);
    }
    if let Some(value) = value.filter(|value| value.len() != 1 || value.element_type() != tensor.element_type()) {
        return Err(Error::execution(format!("expected one element of the type of {tensor} to pad with, got {value}")));
    }
    let (before, behind) = pads.split_at(rank);
    let mut dims = Dims::new();
    for (axis, ((&dim, &before), &behind)) in tensor.dims().iter().zip(before).zip(behind).enumerate() {
        let size = (dim as i64).checked_add(before).and_then(|size| size.checked_add(behind));
        let size = size.and_then(|size| usize::try_from(size).ok());
        dims.push(size.ok_or_else(|| {
            Error::execution(format!("axis {axis} of {dim} elements cannot be padded by {before} and {behind}"))
        })?);
    }
    with_bits!(tensor, T => {
        let mut values = reserve::<T>(&dims)?;
        let fill = match value {
            Some(value) => value.bits::<T>()?.first().cloned().unwrap_or_default(),
            None => T::default(),
        };
        if !dims.contains(&0) {
            let axes = padded_axes(tensor.dims(), &dims, mode, before)?;
            extend(tensor.bits::<T>()?, &axes, 0, &fill, &mut values)?;
        }
        Tensor::from_bits(tensor.element_type(), &dims, values)
    })
}

/// The axes up to the last one that is padded; what lies inside that one is moved as a whole.
fn padded_axes(from: &[usize], to: &[usize], mode: Mode, before: &[i64]) -> Result<Vec<PaddedAxis>> {
    let is_padded = |(&before, (from, to)): (&i64, (&usize, &usize))| before != 0 || from != to;
    let count = before.iter().zip(from.iter().zip(to)).rposition(is_padded).map_or(0, |last| last + 1);
    let (mut stride, mut unit) = (1, 1);
    let mut axes = vec![];
    for (index, ((&size, &length), &before)) in from.iter().zip(to).zip(before).enumerate().rev() {
        if index < count {
            axes.push(PaddedAxis { pieces: axis::pieces(mode, size, length, before)?, stride, unit });
        }
        stride *= size;
        unit *= length;
    }
    axes.reverse();
    Ok(axes)
}

fn extend<T: Bits>(source: &[T], axes: &[PaddedAxis], base: usize, fill: &T, out: &mut Vec<T>) -> Result<()> {
    let Some((axis, inner)) = axes.split_first() else {
        out.extend_from_slice(source);
        return Ok(());
    };
    let outside = || Error::execution("a pad reaches outside its tensor");
    for piece in &axis.pieces {
        match *piece {
            Piece::Fill(count) => out.resize(out.len() + count * axis.unit, fill.clone()),
            Piece::Copy { start, count, step: 1 } if inner.is_empty() => {
                let start = base + start * axis.stride;
                out.extend_from_slice(source.get(start..start + count * axis.stride).ok_or_else(outside)?);
            }
            Piece::Copy { start, count, step } => {
                for index in 0..count as isize {
                    let start = base + start.wrapping_add_signed(index * step) * axis.stride;
                    if inner.is_empty() {
                        out.extend_from_slice(source.get(start..start + axis.stride).ok_or_else(outside)?);
                    } else {
                        extend(source, inner, start, fill, out)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// <https://onnx.ai/onnx/operators/onnx__CenterCropPad.html>
fn center_crop_pad(spec: &mut Spec) -> Result<Operator> {
    let axes = spec.ints("axes").map(<[i64]>::to_vec);
    single(move |call| {
        let shape = read_dims(call, 1)?;
        let tensor = call.take(0)?;
        let rank = tensor.rank();
        let axes = axes.clone().unwrap_or_else(|| (0..rank as i64).collect());
        if axes.len() != shape.len() {
            return Err(Error::execution(format!("{} sizes do not fit {} axes", shape.len(), axes.len())));
        }
        let mut pads = vec![0; rank * 2];
        for (&axis, &wanted) in axes.iter().zip(&shape) {
            let axis = resolve_axis(axis, rank)?;
            let missing = wanted as i64 - tensor.dims().get(axis).copied().unwrap_or(0) as i64;
            // Both what is cut off and what is added is the smaller half at the start.
            let before = missing / 2;
            for (slot, pad) in [(axis, before), (axis + rank, missing - before)] {
                if let Some(slot) = pads.get_mut(slot) {
                    *slot = pad;
                }
            }
        }
        pad_tensor(tensor, Mode::Constant, &pads, None)
    })
}
