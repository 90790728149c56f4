//! Sums of products by Einstein's convention, two operands at a time as batches of matrix products.

mod equation;
mod operand;

use std::borrow::Cow;

use super::integer::narrow;
use super::reduce::lift;
use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::lanes::{Lanes, One};
use crate::kernels::simd::F32x4;
use crate::tensor::{ElementType, Tensor};
use equation::Equation;
use operand::Operand;

pub(super) const ENTRIES: &[Entry] = &[onnx("Einsum", einsum)];

/// <https://onnx.ai/onnx/operators/onnx__Einsum.html>
fn einsum(spec: &mut Spec) -> Result<Operator> {
    let text = spec.text_or("equation", "");
    let equation = Equation::parse(text).ok_or_else(|| spec.invalid(&format!("equation={text}")))?;
    single(move |call| {
        if call.len() != equation.len() {
            return Err(Error::execution(format!("expected {} operands, got {}", equation.len(), call.len())));
        }
        let element_type = call.tensor(0)?.element_type();
        match element_type {
            ElementType::Float32 => {
                let (dims, values) = run::<F32x4>(&equation, call, |tensor| tensor.slice().map(Cow::Borrowed))?;
                Tensor::new(&dims, values)
            }
            ElementType::Float64 => {
                let (dims, values) = run::<One<f64>>(&equation, call, |tensor| tensor.slice().map(Cow::Borrowed))?;
                Tensor::new(&dims, values)
            }
            _ => {
                let (dims, values) = run::<One<i64>>(&equation, call, |tensor| lift(tensor, false))?;
                narrow(element_type, &dims, values)
            }
        }
    })
}

/// The elements of a tensor as they are computed with.
type Read<T> = fn(&Tensor) -> Result<Cow<[T]>>;

fn run<L: Lanes>(equation: &Equation, call: &Call, read: Read<L::Item>) -> Result<(Vec<usize>, Vec<L::Item>)> {
    let tensors = (0..call.len()).map(|index| call.tensor(index)).collect::<Result<Vec<&Tensor>>>()?;
    let ranks: Vec<usize> = tensors.iter().map(|tensor| tensor.rank()).collect();
    let (labels, output) = equation.labels(&ranks)?;
    let mut sizes = operand::Sizes::default();
    for (tensor, labels) in tensors.iter().zip(&labels) {
        sizes.learn(labels, tensor.dims())?;
    }
    let mut operands = Vec::with_capacity(tensors.len());
    for (tensor, labels) in tensors.iter().zip(labels) {
        operands.push(Operand::<L>::new(read(tensor)?, labels, tensor.dims(), &sizes)?);
    }
    let mut rest = operands.into_iter();
    let mut done = rest.next().ok_or_else(|| Error::execution("expected an operand, got none"))?;
    while let Some(next) = rest.next() {
        let later = rest.as_slice();
        let is_kept = |label| output.contains(&label) || later.iter().any(|operand| operand.has(label));
        done = done.sum_out(|label| next.has(label) || is_kept(label))?;
        let next = next.sum_out(|label| done.has(label) || is_kept(label))?;
        done = done.multiply(next, is_kept)?;
    }
    done.sum_out(|label| output.contains(&label))?.into_order(&output)
}
