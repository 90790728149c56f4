//! Convolutions.

mod causal;
mod col2im;
mod deform;
pub mod geometry;
pub mod plain;
mod transpose;

use super::arithmetic::{self, Side};
use super::{Call, Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::conv::{Channels, Weights, convolve};
use crate::kernels::gemm::Finish;
use crate::tensor::{Dims, ElementType, Tensor, fill, zeroed};
use geometry::{Attributes, spatial};

pub const ENTRIES: &[Entry] = &[
    onnx("CausalConvWithState", causal::causal_conv),
    onnx("Col2Im", col2im::col2im),
    onnx("Conv", conv),
    onnx("ConvTranspose", transpose::conv_transpose),
    onnx("DeformConv", deform::deform_conv),
    contrib("ConvTransposeWithDynamicPads", transpose::conv_transpose_padded),
    contrib("FusedConv", conv),
    Entry { domain: "edgewise", name: "FusedConv", make: conv, is_random: false },
];

struct Conv {
    attributes: Attributes,
    activation: Activation,
    /// The dims of constant weights, and the weights packed.
    packed: Option<(Dims, Weights)>,
}

/// A convolution, in FusedConv with an input added that has the result's dims and an activation.
/// <https://onnx.ai/onnx/operators/onnx__Conv.html>
fn conv(spec: &mut Spec) -> Result<Operator> {
    let mut conv = Conv { attributes: Attributes::read(spec)?, activation: read_activation(spec)?, packed: None };
    if let Some(weights) = spec.constant(1).filter(|weights| weights.element_type() == ElementType::Float32) {
        let packed = conv.pack(weights, true)?;
        conv.packed = Some((Dims::from_slice(weights.dims()), packed));
        spec.consume(1);
    }
    single(move |call| conv.run(call))
}

/// The activation of a fused convolution, with the parameters where each domain has them.
fn read_activation(spec: &Spec) -> Result<Activation> {
    let name = spec.text_or("activation", "");
    let parameter = |index: usize, own: &str| {
        let given = spec.floats("activation_params").and_then(|parameters| parameters.get(index)).copied();
        given.or(spec.float(own))
    };
    let activation = Activation::from_name(name, parameter(0, "alpha"), parameter(1, "beta"));
    activation.ok_or_else(|| spec.unsupported(format!("activation={name}")))
}

/// Batch, channels and spatial dims.
pub fn split_dims(dims: &[usize]) -> Result<(usize, usize, &[usize])> {
    match dims {
        [batch, channels, spatial @ ..] if !spatial.is_empty() => Ok((*batch, *channels, spatial)),
        _ => Err(Error::execution("expected operands of three axes or more")),
    }
}

/// A bias for each output channel.
fn read_bias<'a, T: crate::tensor::Element>(call: &'a Call, index: usize, channels: usize) -> Result<Option<&'a [T]>> {
    let Some(bias) = call.optional(index)? else { return Ok(None) };
    let values = bias.slice::<T>()?;
    if values.len() != channels {
        return Err(Error::execution(format!("expected a bias of {channels} elements, got {}", values.len())));
    }
    Ok(Some(values))
}

impl Conv {
    /// Packs weights, with more effort where they are `kept`.
    fn pack(&self, weights: &Tensor, kept: bool) -> Result<Weights> {
        let (output, each, kernel) = split_dims(weights.dims())?;
        let groups = self.attributes.groups;
        let input = each.checked_mul(groups).ok_or_else(|| Error::execution("too many channels"))?;
        let channels = Channels { input, output, groups };
        if kept && kernel == [3, 3] && self.attributes.is_dense() {
            return Weights::transform(channels, weights.slice()?);
        }
        Weights::new(channels, kernel.iter().product(), weights.slice()?)
    }

    fn run(&self, call: &Call) -> Result<Tensor> {
        let image = call.tensor(0)?;
        let made;
        let (dims, weights) = match &self.packed {
            Some((dims, weights)) => (dims.as_slice(), weights),
            None if image.element_type() == ElementType::Float64 => return self.run_plain(call),
            None => {
                let tensor = call.tensor(1)?;
                made = self.pack(tensor, false)?;
                (tensor.dims(), &made)
            }
        };
        let (batch, channels, size) = split_dims(image.dims())?;
        let geometry = self.attributes.resolve(size, split_dims(dims)?.2)?;
        let output = weights.channels().output;
        if channels != weights.channels().input {
            return Err(Error::execution(format!("expected {} channels, got {channels}", weights.channels().input)));
        }
        let mut dims = Dims::from_slice(&[batch, output]);
        dims.extend_from_slice(spatial(&geometry.output, size.len()));
        let added = call.optional(3)?;
        let residual = added.filter(|residual| residual.dims() == dims.as_slice());
        let residual = residual.map(Tensor::slice::<f32>).transpose()?;
        // What is added may be of other dims, and is then broadcast behind the convolution.
        let late = added.filter(|_| residual.is_none());
        let activation = if late.is_some() { Activation::Identity } else { self.activation };
        let bias = read_bias(call, 2, output)?;
        let mut values = zeroed::<f32>(&dims)?;
        let size = (output * geometry.output_pixels()).max(1);
        let image_size = channels * geometry.input_pixels();
        let images = image.slice::<f32>()?;
        for (index, result) in values.chunks_exact_mut(size).enumerate() {
            let image = images.get(index * image_size..(index + 1) * image_size).unwrap_or_default();
            let residual = residual.and_then(|residual| residual.get(index * size..(index + 1) * size));
            let finish = Finish { row_bias: bias, residual, activation, ..Finish::default() };
            convolve(&geometry, weights, image, &finish, result)?;
        }
        let result = Tensor::new(&dims, values)?;
        let Some(late) = late else { return Ok(result) };
        let sum = arithmetic::apply(&arithmetic::ADD, [Side::Owned(result), Side::Shared(late)])?;
        let dims = Dims::from_slice(sum.dims());
        let mut values = sum.into_vec::<f32>()?;
        self.activation.apply(&mut values);
        Tensor::new(&dims, values)
    }

    fn run_plain(&self, call: &Call) -> Result<Tensor> {
        if self.activation != Activation::Identity || call.optional(3)?.is_some() {
            return Err(Error::execution("expected float32 before an activation"));
        }
        let (image, weights) = (call.tensor(0)?, call.tensor(1)?);
        let (batch, channels, size) = split_dims(image.dims())?;
        let (output, each, kernel) = split_dims(weights.dims())?;
        let geometry = self.attributes.resolve(size, kernel)?;
        let channels = Channels { input: channels, output, groups: self.attributes.groups };
        let mut dims = Dims::from_slice(&[batch, output]);
        dims.extend_from_slice(spatial(&geometry.output, size.len()));
        plain::check_channels(&channels, (each, output), "the weights")?;
        let bias = read_bias(call, 2, output)?;
        let mut values = fill(&dims, 0.0f64)?;
        plain::convolve(&geometry, &channels, (image.slice()?, weights.slice()?, bias), &mut values);
        Tensor::new(&dims, values)
    }
}
