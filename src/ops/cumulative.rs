//! Running sums and products.

use super::integer::narrow;
use super::shape::resolve_axis;
use super::view::{product, read_integer};
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::Result;
use crate::tensor::{Element, ElementType, Tensor};

pub const ENTRIES: &[Entry] = &[onnx("CumProd", cum_prod), onnx("CumSum", cum_sum)];

/// Which elements go into which result.
#[derive(Clone, Copy)]
struct Order {
    is_exclusive: bool,
    is_reverse: bool,
}

/// <https://onnx.ai/onnx/operators/onnx__CumSum.html>
fn cum_sum(spec: &mut Spec) -> Result<Operator> {
    let order = read_order(spec);
    single(move |call| {
        let axis = read_integer(call, 1)?;
        let tensor = call.take(0)?;
        match tensor.element_type() {
            ElementType::Float32 => accumulate::<f32>(tensor, axis, order, 0.0, |sum, value| sum + value),
            ElementType::Float64 => accumulate::<f64>(tensor, axis, order, 0.0, |sum, value| sum + value),
            _ => accumulate_integers(tensor, axis, order, 0, i64::wrapping_add),
        }
    })
}

/// <https://onnx.ai/onnx/operators/onnx__CumProd.html>
fn cum_prod(spec: &mut Spec) -> Result<Operator> {
    let order = read_order(spec);
    single(move |call| {
        let axis = read_integer(call, 1)?;
        let tensor = call.take(0)?;
        match tensor.element_type() {
            ElementType::Float32 => accumulate::<f32>(tensor, axis, order, 1.0, |product, value| product * value),
            ElementType::Float64 => accumulate::<f64>(tensor, axis, order, 1.0, |product, value| product * value),
            _ => accumulate_integers(tensor, axis, order, 1, i64::wrapping_mul),
        }
    })
}

fn read_order(spec: &Spec) -> Order {
    Order { is_exclusive: spec.flag("exclusive", false), is_reverse: spec.flag("reverse", false) }
}

fn accumulate_integers(
    tensor: Tensor,
    axis: i64,
    order: Order,
    start: i64,
    combine: fn(i64, i64) -> i64,
) -> Result<Tensor> {
    let element_type = tensor.element_type();
    let wide = Tensor::new(tensor.dims(), tensor.to_i64s()?.into_owned())?;
    let wide = accumulate(wide, axis, order, start, combine)?;
    let dims = wide.dims().to_vec();
    narrow(element_type, &dims, wide.into_vec()?)
}

fn accumulate<T: Element + Copy>(
    tensor: Tensor,
    axis: i64,
    order: Order,
    start: T,
    combine: fn(T, T) -> T,
) -> Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let axis = resolve_axis(axis, dims.len())?;
    let inner = product(dims.get(axis + 1..).unwrap_or_default()).max(1);
    let size = dims.get(axis).copied().unwrap_or(0);
    let mut values = tensor.into_vec::<T>()?;
    let mut carry = vec![start; inner];
    for chunk in values.chunks_exact_mut((size * inner).max(1)) {
        carry.fill(start);
        let step = |row: &mut [T]| {
            for (value, carry) in row.iter_mut().zip(&mut carry) {
                let next = combine(*carry, *value);
                *value = if order.is_exclusive { *carry } else { next };
                *carry = next;
            }
        };
        let rows = chunk.chunks_exact_mut(inner);
        if order.is_reverse {
            rows.rev().for_each(step);
        } else {
            rows.for_each(step);
        }
    }
    Tensor::new(&dims, values)
}
