//! Operators on bytes, element by element.

use std::borrow::Cow;

use super::affine::{Affine, look_up};
use super::product::read_sign;
use crate::error::{Error, Result};
use crate::kernels::broadcast::broadcast_dims;
use crate::kernels::int8::{Levels, round_within};
use crate::kernels::strided::collect;
use crate::ops::expand::broadcast;
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, Tensor, fill, reserve};

/// The bytes of a tensor repeated to fill `dims`.
fn expand<'a>(values: &'a [u8], dims: &[usize], to: &[usize]) -> Result<Cow<'a, [u8]>> {
    if dims == to {
        return Ok(Cow::Borrowed(values));
    }
    let mut expanded = reserve::<u8>(to)?;
    collect(values, &broadcast(dims, to)?, &mut expanded)?;
    Ok(expanded.into())
}

/// An operator on two tensors, each with a scale and a zero point, whose result has them too. `prepare` makes the function of
/// the levels; its result is rounded.
fn binary<F: Fn(i32, i32) -> f32>(
    prepare: impl Fn(Affine, Affine, Affine) -> F + Send + Sync + 'static,
) -> Result<Operator> {
    single(move |call| {
        let (a, b) = (call.tensor(0)?, call.tensor(3)?);
        let element_type = a.element_type();
        if read_sign(a)? != read_sign(b)? {
            return Err(Error::execution("expected operands of one type"));
        }
        let of = |scale| Affine::read(call, scale, element_type);
        let (left, right, out_affine) = (of(1)?, of(4)?, of(6)?);
        let f = prepare(left, right, out_affine);
        let levels = Levels { zero: 0, ..out_affine.levels };
        let apply = |a: u8, b: u8| round_within(f(left.level(a), right.level(b)), levels) as u8;
        let dims = broadcast_dims(&[a.dims(), b.dims()])?;
        let mut out = fill(&dims, 0u8)?;
        match (a.as_bytes(), b.as_bytes()) {
            (a, [b]) => out.iter_mut().zip(a).for_each(|(out, &a)| *out = apply(a, *b)),
            ([a], b) => out.iter_mut().zip(b).for_each(|(out, &b)| *out = apply(*a, b)),
            (left, right) => {
                let (left, right) = (expand(left, a.dims(), &dims)?, expand(right, b.dims(), &dims)?);
                let elements = left.iter().zip(right.iter());
                out.iter_mut().zip(elements).for_each(|(out, (&a, &b))| *out = apply(a, b));
            }
        }
        Tensor::from_bits(element_type, &dims, out)
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAdd>
pub fn qlinear_add(_: &mut Spec) -> Result<Operator> {
    binary(|a, b, c| {
        let (left, right) = (a.scale / c.scale, b.scale / c.scale);
        let fixed = c.levels.zero as f32 - (left * a.levels.zero as f32 + right * b.levels.zero as f32);
        move |a, b| (a as f32 * left + fixed) + b as f32 * right
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearMul>
pub fn qlinear_mul(_: &mut Spec) -> Result<Operator> {
    binary(|a, b, c| {
        let scale = a.scale * b.scale / c.scale;
        let zero = c.levels.zero as f32;
        move |left, right| ((left - a.levels.zero) * (right - b.levels.zero)) as f32 * scale + zero
    })
}

/// An operator on one tensor: what it makes of every byte is a table.
fn unary(f: impl Fn(f32) -> f32 + Send + Sync + 'static) -> Result<Operator> {
    single(move |call| {
        let x = call.take(0)?;
        read_sign(&x)?;
        let element_type = x.element_type();
        let table = Affine::read(call, 1, element_type)?.tabulate(Affine::read(call, 3, element_type)?, &f);
        let mut x = x;
        look_up(&table, x.as_bytes_mut());
        Ok(x)
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearSigmoid>
pub fn qlinear_sigmoid(_: &mut Spec) -> Result<Operator> {
    unary(|x| 1.0 / (1.0 + (-x).exp()))
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearLeakyRelu>
pub fn qlinear_leaky_relu(spec: &mut Spec) -> Result<Operator> {
    let alpha = spec.float_or("alpha", 0.01);
    unary(move |x| if x >= 0.0 { x } else { x * alpha })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearWhere>
pub fn qlinear_where(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let (condition, x, y) = (call.tensor(0)?, call.tensor(1)?, call.tensor(4)?);
        let element_type = x.element_type();
        let out_affine = Affine::read(call, 7, element_type)?;
        let dims = broadcast_dims(&[condition.dims(), x.dims(), y.dims()])?;
        let convert = |tensor: &Tensor, scale: usize| -> Result<Vec<u8>> {
            read_sign(tensor)?;
            let table = Affine::read(call, scale, tensor.element_type())?.tabulate(out_affine, |value| value);
            let mut bytes = tensor.as_bytes().to_vec();
            look_up(&table, &mut bytes);
            Ok(expand(&bytes, tensor.dims(), &dims)?.into_owned())
        };
        let (mut x, y) = (convert(x, 2)?, convert(y, 5)?);
        let condition = expand(condition.as_bytes(), condition.dims(), &dims)?;
        for ((x, y), &condition) in x.iter_mut().zip(y).zip(condition.iter()) {
            *x = if condition != 0 { *x } else { y };
        }
        Tensor::from_bits(element_type, &dims, x)
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearConcat>
pub fn qlinear_concat(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int("axis").ok_or_else(|| spec.invalid("no axis"))?;
    single(move |call| {
        let element_type = call.tensor(1)?.element_type();
        let out_affine = Affine::read(call, 0, element_type)?;
        let mut parts = Vec::new();
        let mut dims = Dims::from_slice(call.tensor(2)?.dims());
        let axis = resolve_axis(axis, dims.len())?;
        let mut total = 0;
        for index in (2..call.len()).step_by(3) {
            let tensor = call.tensor(index)?;
            read_sign(tensor)?;
            let table = Affine::read(call, index + 1, tensor.element_type())?.tabulate(out_affine, |value| value);
            let mut bytes = tensor.as_bytes().to_vec();
            look_up(&table, &mut bytes);
            let own = tensor.dims();
            let fits = own.len() == dims.len()
                && own.iter().zip(&dims).enumerate().all(|(index, (own, dim))| index == axis || own == dim);
            if !fits {
                return Err(Error::execution(format!("dims {own:?} do not fit {dims:?} but for axis {axis}")));
            }
            total += own.get(axis).copied().unwrap_or_default();
            parts.push((bytes, own.iter().skip(axis).product::<usize>()));
        }
        dims.get_mut(axis..=axis).unwrap_or_default().fill(total);
        let outer: usize = dims.iter().take(axis).product();
        let mut out = reserve::<u8>(&dims)?;
        for row in 0..outer {
            for (bytes, size) in &parts {
                out.extend_from_slice(bytes.get(row * size..(row + 1) * size).unwrap_or_default());
            }
        }
        Tensor::from_bits(element_type, &dims, out)
    })
}

/// The last axes are normalised together before opset 13, which the attribute `opset` names.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearSoftmax>
pub fn qlinear_softmax(spec: &mut Spec) -> Result<Operator> {
    let (axis, is_old) = (spec.int_or("axis", -1), spec.int_or("opset", 13) < 13);
    single(move |call| {
        let x = call.tensor(0)?;
        read_sign(x)?;
        let (element_type, dims) = (x.element_type(), x.dims());
        let (from, to) = (Affine::read(call, 1, element_type)?, Affine::read(call, 3, element_type)?);
        let axis = resolve_axis(axis, dims.len())?;
        let size: usize =
            if is_old { dims.iter().skip(axis).product() } else { dims.iter().skip(axis).take(1).product() };
        let inner: usize = if is_old { 1 } else { dims.iter().skip(axis + 1).product() };
        // e to the power of how far a value is below the greatest.
        let table: [f32; 256] = std::array::from_fn(|below| (-(below as f32) * from.scale).exp());
        let mut out = fill(dims, 0u8)?;
        let outer = (size * inner).max(1);
        for (values, out) in x.as_bytes().chunks(outer).zip(out.chunks_mut(outer)) {
            for start in 0..inner {
                let row = || values.iter().skip(start).step_by(inner.max(1)).map(|&byte| from.level(byte));
                let greatest = row().max().unwrap_or_default();
                let power = |level: i32| table.get((greatest - level) as usize).copied().unwrap_or_default();
                let sum: f32 = row().map(power).sum();
                for (out, level) in out.iter_mut().skip(start).step_by(inner.max(1)).zip(row()) {
                    *out = to.encode(power(level) / sum);
                }
            }
        }
        Tensor::from_bits(element_type, dims, out)
    })
}
