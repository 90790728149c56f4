//! Tensors made of little: a value, a range, a diagonal.

use super::shape::resolve_axis;
use super::view::{product, read_dims, read_integer};
use super::{Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::ops::integer::narrow;
use crate::tensor::{Dims, ElementType, Tensor, count_elements, fill};
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[
    onnx("ConstantOfShape", constant_of_shape),
    onnx("EyeLike", eye_like),
    onnx("OneHot", one_hot),
    onnx("Range", range),
    onnx("Trilu", trilu),
    contrib("Range", range),
    contrib("Trilu", trilu),
];

/// <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>
fn constant_of_shape(spec: &mut Spec) -> Result<Operator> {
    let value = spec.tensor("value").cloned().unwrap_or_else(|| Tensor::scalar(0f32));
    if value.len() != 1 {
        return Err(spec.invalid(&format!("a value of {} elements", value.len())));
    }
    single(move |call| {
        let dims = read_dims(call, 0)?;
        with_bits!(value, T => {
            let values = fill::<T>(&dims, value.bits::<T>()?.first().cloned().unwrap_or_default())?;
            Tensor::from_bits(value.element_type(), &dims, values)
        })
    })
}

/// <https://onnx.ai/onnx/operators/onnx__EyeLike.html>
fn eye_like(spec: &mut Spec) -> Result<Operator> {
    let (element_type, diagonal) = (spec.element_type("dtype")?, spec.int_or("k", 0));
    single(move |call| {
        let tensor = call.tensor(0)?;
        let &[rows, columns] = tensor.dims() else {
            return Err(Error::execution(format!("expected 2 axes, got {tensor}")));
        };
        let element_type = element_type.unwrap_or(tensor.element_type());
        let one = one_of(element_type)?;
        let eye = Tensor::zeros(element_type, &[rows, columns])?;
        with_bits!(one, T => {
            let one = one.bits::<T>()?.first().cloned().unwrap_or_default();
            let mut values = eye.into_bits::<T>()?;
            for (row, values) in values.chunks_exact_mut(columns.max(1)).enumerate() {
                let column = usize::try_from((row as i64).saturating_add(diagonal)).ok();
                if let Some(value) = column.and_then(|column| values.get_mut(column)) {
                    *value = one.clone();
                }
            }
            Tensor::from_bits(element_type, &[rows, columns], values)
        })
    })
}

fn one_of(element_type: ElementType) -> Result<Tensor> {
    match element_type {
        ElementType::Float32 => Ok(Tensor::scalar(1f32)),
        ElementType::Float64 => Ok(Tensor::scalar(1f64)),
        ElementType::String => Err(Error::execution("expected a numeric type, got string")),
        _ => narrow(element_type, &[], vec![1]),
    }
}

/// <https://onnx.ai/onnx/operators/onnx__OneHot.html>
fn one_hot(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", -1);
    single(move |call| {
        let (indices, depth, choices) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
        let wanted = match *truncate(depth)? {
            [depth] => usize::try_from(depth).ok(),
            _ => None,
        };
        let wanted = wanted.ok_or_else(|| Error::execution(format!("expected a depth from 0, got {depth}")))?;
        let axis = resolve_axis(axis, indices.rank() + 1)?;
        let mut dims = Dims::from_slice(indices.dims());
        dims.insert(axis.min(indices.rank()), wanted);
        let inner = product(indices.dims().get(axis..).unwrap_or_default()).max(1);
        let indices = truncate(indices)?;
        with_bits!(choices, T => {
            let [off, on] = choices.bits::<T>()? else {
                return Err(Error::execution(format!("expected an off and an on value, got {choices}")));
            };
            let mut values = fill::<T>(&dims, off.clone())?;
            let chunk = wanted.saturating_mul(inner).max(1);
            for (chunk, indices) in values.chunks_exact_mut(chunk).zip(indices.chunks_exact(inner)) {
                for (column, &index) in indices.iter().enumerate() {
                    let index = if index < 0 { index.saturating_add(wanted as i64) } else { index };
                    let row = usize::try_from(index).ok().filter(|&row| row < wanted);
                    if let Some(value) = row.and_then(|row| chunk.get_mut(row * inner + column)) {
                        *value = on.clone();
                    }
                }
            }
            Tensor::from_bits(choices.element_type(), &dims, values)
        })
    })
}

/// Numbers of any type without their fractions.
fn truncate(tensor: &Tensor) -> Result<std::borrow::Cow<'_, [i64]>> {
    if tensor.element_type().is_float() {
        return Ok(tensor.to_f64s()?.iter().map(|&value| value as i64).collect::<Vec<_>>().into());
    }
    tensor.to_i64s()
}

/// <https://onnx.ai/onnx/operators/onnx__Range.html>
fn range(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let [start, limit] = [call.tensor(0)?, call.tensor(1)?];
        let element_type = start.element_type();
        // It may be missing in the domain com.microsoft.
        let one = one_of(element_type)?;
        let delta = call.optional(2)?.unwrap_or(&one);
        if [start, limit, delta].iter().any(|part| part.len() != 1 || part.element_type() != element_type) {
            return Err(Error::execution(format!("expected three of one type, got {start}, {limit} and {delta}")));
        }
        match element_type {
            ElementType::Float32 => {
                let [start, limit, delta] = [start.only::<f32>()?, limit.only()?, delta.only()?];
                let count = count_steps(f64::from(limit - start) / f64::from(delta))?;
                count_elements::<f32>(&[count])?;
                Ok(Tensor::vector((0..count).map(|index| start + index as f32 * delta).collect()))
            }
            ElementType::Float64 => {
                let [start, limit, delta] = [start.only::<f64>()?, limit.only()?, delta.only()?];
                let count = count_steps((limit - start) / delta)?;
                count_elements::<f64>(&[count])?;
                Ok(Tensor::vector((0..count).map(|index| start + index as f64 * delta).collect()))
            }
            _ => {
                let whole = |tensor: &Tensor| Ok::<_, Error>(tensor.to_i64s()?.first().copied().unwrap_or_default());
                let [start, limit, delta] = [whole(start)?, whole(limit)?, whole(delta)?];
                let distance = i128::from(limit) - i128::from(start);
                let wide = i128::from(delta);
                if delta == 0 {
                    return Err(Error::execution("the delta of a Range is 0"));
                }
                let rest = i128::from(distance % wide != 0 && (distance < 0) == (delta < 0));
                let count = usize::try_from((distance / wide + rest).max(0)).unwrap_or(usize::MAX);
                count_elements::<i64>(&[count])?;
                // All steps are between start and limit: what wraps on the way there does not count.
                let at = |index: usize| start.wrapping_add((index as i64).wrapping_mul(delta));
                let values: Vec<i64> = (0..count).map(at).collect();
                narrow(element_type, &[count], values)
            }
        }
    })
}

fn count_steps(steps: f64) -> Result<usize> {
    if steps.is_nan() {
        return Err(Error::execution("a Range from start to limit has no number of steps"));
    }
    Ok(steps.ceil() as usize)
}

/// <https://onnx.ai/onnx/operators/onnx__Trilu.html>
fn trilu(spec: &mut Spec) -> Result<Operator> {
    let is_upper = spec.flag("upper", true);
    single(move |call| {
        let diagonal = if call.optional(1)?.is_some() { read_integer(call, 1)? } else { 0 };
        let tensor = call.take(0)?;
        let (element_type, dims) = (tensor.element_type(), Dims::from_slice(tensor.dims()));
        let &[.., rows, columns] = tensor.dims() else {
            return Err(Error::execution(format!("expected at least 2 axes, got {tensor}")));
        };
        with_bits!(tensor, T => {
            let mut values = tensor.into_bits::<T>()?;
            for (row, values) in values.chunks_exact_mut(columns.max(1)).enumerate() {
                // The diagonal itself stays in either half.
                let start = ((row % rows.max(1)) as i64).saturating_add(diagonal);
                let at = |column: i64| column.clamp(0, columns as i64) as usize;
                let dropped = if is_upper { 0..at(start) } else { at(start.saturating_add(1))..columns };
                if let Some(dropped) = values.get_mut(dropped) {
                    dropped.fill(T::default());
                }
            }
            Tensor::from_bits(element_type, &dims, values)
        })
    })
}
