//! Operators that look at dims or change them and leave the elements where they are.

use super::view::read_integers;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::{Dims, Tensor};

pub const ENTRIES: &[Entry] = &[
    Entry { domain: "edgewise", name: "Align", make: align, is_random: false },
    onnx("Flatten", flatten),
    onnx("Identity", identity),
    onnx("Reshape", reshape),
    onnx("Shape", shape),
    onnx("Size", size),
    onnx("Squeeze", squeeze),
    onnx("Unsqueeze", unsqueeze),
];

/// An axis of a tensor of `rank` axes; a negative one counts from the end.
pub fn resolve_axis(axis: i64, rank: usize) -> Result<usize> {
    let resolved = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let resolved = resolved.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank);
    resolved.ok_or_else(|| Error::execution(format!("axis {axis} is outside a tensor of {rank} axes")))
}

/// The second input with axes of one element behind its own, until it broadcasts from `axis` of the first on.
fn align(spec: &mut Spec) -> Result<Operator> {
    let axis = usize::try_from(spec.int_or("axis", 0)).map_err(|_| spec.invalid("a negative axis"))?;
    single(move |call| {
        let rank = call.tensor(0)?.rank();
        let tensor = call.take(1)?;
        if tensor.len() == 1 {
            return Ok(tensor);
        }
        let mut dims = Dims::from_slice(tensor.dims());
        let end = axis.saturating_add(dims.len());
        if end > rank {
            return Err(Error::execution(format!("axis {axis} leaves {rank} axes no room for {tensor}")));
        }
        dims.resize(dims.len() + rank - end, 1);
        tensor.reshape(&dims)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Identity.html>
fn identity(_: &mut Spec) -> Result<Operator> {
    super::several(|call| Ok(vec![call.take_value(0)?]))
}

/// The dims of a tensor, or those from `start` to `end`. <https://onnx.ai/onnx/operators/onnx__Shape.html>
fn shape(spec: &mut Spec) -> Result<Operator> {
    let (start, end) = (spec.int_or("start", 0), spec.int("end"));
    single(move |call| {
        let dims = call.tensor(0)?.dims();
        let rank = dims.len() as i64;
        let clamp = |index: i64| (if index < 0 { index.saturating_add(rank) } else { index }).clamp(0, rank) as usize;
        let (start, end) = (clamp(start), clamp(end.unwrap_or(rank)));
        let chosen = dims.iter().take(end).skip(start);
        Ok(Tensor::vector(chosen.map(|&dim| dim as i64).collect()))
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Size.html>
fn size(_: &mut Spec) -> Result<Operator> {
    single(|call| Ok(Tensor::scalar(call.tensor(0)?.len() as i64)))
}

/// <https://onnx.ai/onnx/operators/onnx__Flatten.html>
fn flatten(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", 1);
    single(move |call| {
        let tensor = call.take(0)?;
        let rank = tensor.rank();
        let axis = if axis == rank as i64 { rank } else { resolve_axis(axis, rank.max(1))? };
        let (outer, inner) = tensor.dims().split_at(axis.min(rank));
        let dims = [outer.iter().product(), inner.iter().product()];
        tensor.reshape(&dims)
    })
}

/// The dims are an input, and an attribute before opset 5. <https://onnx.ai/onnx/operators/onnx__Reshape.html>
fn reshape(spec: &mut Spec) -> Result<Operator> {
    let (old, keeps_zero) = (spec.ints("shape").map(<[i64]>::to_vec), spec.flag("allowzero", false));
    single(move |call| {
        let wanted = match &old {
            Some(dims) => dims.clone(),
            None => call.tensor(1)?.to_i64s()?.into_owned(),
        };
        let tensor = call.take(0)?;
        let dims = resolve_reshape(&wanted, tensor.dims(), keeps_zero)
            .ok_or_else(|| Error::execution(format!("{tensor} cannot take the shape {wanted:?}")))?;
        tensor.reshape(&dims)
    })
}

/// Dims from those a Reshape asks for, where 0 keeps a dim and -1 is what is left.
fn resolve_reshape(wanted: &[i64], dims: &[usize], keeps_zero: bool) -> Option<Dims> {
    let mut resolved = Dims::new();
    for (index, &dim) in wanted.iter().enumerate() {
        resolved.push(match dim {
            0 if !keeps_zero => *dims.get(index)?,
            -1 => 1,
            _ => usize::try_from(dim).ok()?,
        });
    }
    if let Some(free) = wanted.iter().position(|&dim| dim == -1) {
        let known = resolved.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim))?;
        let total = dims.iter().product::<usize>();
        *resolved.get_mut(free)? = total.checked_div(known).unwrap_or(0);
    }
    Some(resolved)
}

/// The axes of Squeeze and Unsqueeze: an input, and an attribute before opset 13.
fn squeeze(spec: &mut Spec) -> Result<Operator> {
    let old = spec.ints("axes").map(<[i64]>::to_vec);
    single(move |call| {
        let axes = match &old {
            Some(axes) => Some(axes.clone()),
            None => read_integers(call, 1)?,
        };
        let tensor = call.take(0)?;
        let axes =
            axes.map(|axes| axes.iter().map(|&axis| resolve_axis(axis, tensor.rank())).collect::<Result<Vec<_>>>());
        let axes = axes.transpose()?;
        let is_dropped = |index: usize, dim: usize| axes.as_ref().map_or(dim == 1, |axes| axes.contains(&index));
        if let Some((axis, dim)) =
            tensor.dims().iter().enumerate().find(|&(axis, &dim)| is_dropped(axis, dim) && dim != 1)
        {
            return Err(Error::execution(format!("axis {axis} has {dim} elements and cannot be squeezed")));
        }
        let kept = tensor.dims().iter().enumerate().filter(|&(axis, &dim)| !is_dropped(axis, dim));
        let dims: Dims = kept.map(|(_, &dim)| dim).collect();
        tensor.reshape(&dims)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Unsqueeze.html>
fn unsqueeze(spec: &mut Spec) -> Result<Operator> {
    let old = spec.ints("axes").map(<[i64]>::to_vec);
    single(move |call| {
        let axes = match &old {
            Some(axes) => axes.clone(),
            None => call.tensor(1)?.to_i64s()?.into_owned(),
        };
        let tensor = call.take(0)?;
        let rank = tensor.rank() + axes.len();
        let mut axes = axes.iter().map(|&axis| resolve_axis(axis, rank)).collect::<Result<Vec<_>>>()?;
        axes.sort_unstable();
        let mut dims = Dims::from_slice(tensor.dims());
        for axis in axes {
            if axis > dims.len() {
                return Err(Error::execution(format!("an axis is named twice among those of {rank}")));
            }
            dims.insert(axis, 1);
        }
        tensor.reshape(&dims)
    })
}
