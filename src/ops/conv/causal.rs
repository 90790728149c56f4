//! Convolutions along time that look at the past only and hand it on.

use super::split_dims;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{Channels, Geometry, Weights, convolve};
use crate::kernels::gemm::Finish;
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{Tensor, zeroed};
use crate::value::Value;

/// Each channel is convolved with the values before it, those of the calls before included.
/// <https://onnx.ai/onnx/operators/onnx__CausalConvWithState.html>
pub fn causal_conv(spec: &mut Spec) -> Result<Operator> {
    let activation = match spec.text_or("activation", "none") {
        "none" => Activation::Identity,
        "silu" | "swish" => Activation::Swish(1.0),
        other => return Err(spec.invalid(&format!("activation={other}"))),
    };
    several(move |call| run(call, activation))
}

fn run(call: &Call, activation: Activation) -> Result<Vec<Value>> {
    let input = call.tensor(0)?;
    let (batch, channels, size) = split_dims(input.dims())?;
    let (&[length], (filters, 1, &[kernel])) = (size, split_dims(call.tensor(1)?.dims())?) else {
        return Err(Error::execution("expected operands of three axes, weights of one channel each"));
    };
    let past = call.optional(3)?;
    let before = kernel.saturating_sub(1);
    let state_dims = [batch, channels, before];
    if filters != channels || past.is_some_and(|past| past.dims() != state_dims) {
        return Err(Error::execution(format!("expected {channels} filters and a state of dims {state_dims:?}")));
    }
    let past = past.map(Tensor::slice::<f32>).transpose()?;
    // The past, or zeros, and then the input, for each channel.
    let mut whole = zeroed::<f32>(&[batch, channels, before + length])?;
    let values = input.slice::<f32>()?;
    for (row, whole) in whole.chunks_exact_mut((before + length).max(1)).enumerate() {
        let past = past.and_then(|past| past.get(row * before..(row + 1) * before)).unwrap_or_default();
        let values = values.get(row * length..(row + 1) * length).unwrap_or_default();
        whole.iter_mut().zip(past).for_each(|(to, from)| *to = *from);
        whole.iter_mut().skip(before).zip(values).for_each(|(to, from)| *to = *from);
    }
    let weights =
        Weights::new(Channels { input: channels, output: channels, groups: channels }, kernel, call.slice::<f32>(1)?)?;
    let geometry = Geometry {
        input: [1, 1, before + length],
        output: [1, 1, length],
        kernel: [1, 1, kernel],
        stride: [1; 3],
        dilation: [1; 3],
        before: [0; 3],
    };
    let finish = Finish { row_bias: super::read_bias(call, 2, channels)?, activation, ..Finish::default() };
    let mut output = zeroed::<f32>(input.dims())?;
    let results = output.chunks_exact_mut((channels * length).max(1));
    for (whole, result) in whole.chunks_exact((channels * (before + length)).max(1)).zip(results) {
        convolve(&geometry, &weights, whole, &finish, result)?;
    }
    let rows = whole.chunks_exact((before + length).max(1));
    let state = rows.flat_map(|row| row.iter().skip(length)).copied().collect();
    Ok(vec![Tensor::new(input.dims(), output)?.into(), Tensor::new(&state_dims, state)?.into()])
}
