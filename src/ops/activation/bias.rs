//! What onnxruntime's optimiser makes of a bias and an activation.

use smallvec::smallvec;

use crate::error::{Error, Result};
use crate::kernels::math;
use crate::ops::arithmetic::{ADD, Side, apply};
use crate::ops::{Call, Input, Operator, Spec, single};
use crate::tensor::{Dims, Tensor, reserve};

/// An operator of one input behind the sum of that and a bias, which may be missing:
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FastGelu>
pub fn biased(operator: Result<Operator>) -> Result<Operator> {
    let operator = operator?;
    Ok(Box::new(move |call| {
        if call.optional(1)?.is_none() {
            return operator(call);
        }
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        operator(&mut Call::new(smallvec![Input::Owned(sum.into())], 1, &[true]))
    }))
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasAdd>
pub fn bias_add(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let skip = call.take(2)?;
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        apply(&ADD, [Side::Owned(sum), Side::Shared(&skip)])
    })
}

/// The first half of each row times the gelu of the second.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasSplitGelu>
pub fn bias_split_gelu(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        let mut dims = Dims::from_slice(sum.dims());
        let half = match dims.last_mut() {
            Some(last) if *last % 2 == 0 => {
                *last /= 2;
                *last
            }
            _ => return Err(Error::execution("expected an even number of channels")),
        };
        let mut values = reserve::<f32>(&dims)?;
        for row in sum.slice::<f32>()?.chunks(half.max(1) * 2) {
            let (left, right) = row.split_at(half);
            let start = values.len();
            values.extend_from_slice(right);
            let gate = values.get_mut(start..).unwrap_or_default();
            math::gelu_in_place(gate);
            gate.iter_mut().zip(left).for_each(|(gate, left)| *gate *= left);
        }
        Tensor::new(&dims, values)
    })
}
