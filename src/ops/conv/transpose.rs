//! Transposed convolutions.

use super::geometry::{Attributes, spatial};
use super::{plain, read_bias, split_dims};
use crate::error::{Error, Result};
use crate::kernels::conv::{Channels, TransposedWeights, convolve_transposed};
use crate::ops::view::read_dims;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, ElementType, Tensor, fill, zeroed};

struct ConvTranspose {
    attributes: Attributes,
    /// The input that has the pads, rather than the attribute.
    pads: Option<usize>,
    /// The dims of constant weights, and the weights packed.
    packed: Option<(Dims, TransposedWeights)>,
}

/// <https://onnx.ai/onnx/operators/onnx__ConvTranspose.html>
pub fn conv_transpose(spec: &mut Spec) -> Result<Operator> {
    make(spec, None)
}

/// The same with pads that an input gives.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.ConvTransposeWithDynamicPads>
pub fn conv_transpose_padded(spec: &mut Spec) -> Result<Operator> {
    make(spec, Some(2))
}

fn make(spec: &mut Spec, pads: Option<usize>) -> Result<Operator> {
    let mut conv = ConvTranspose { attributes: Attributes::read(spec)?, pads, packed: None };
    if let Some(weights) = spec.constant(1).filter(|weights| weights.element_type() == ElementType::Float32) {
        let packed = conv.pack(weights)?;
        conv.packed = Some((Dims::from_slice(weights.dims()), packed));
        spec.consume(1);
    }
    single(move |call| conv.run(call))
}

impl ConvTranspose {
    fn channels(&self, input: usize, made: usize) -> Result<Channels> {
        let groups = self.attributes.groups;
        let output = made.checked_mul(groups).ok_or_else(|| Error::execution("too many channels"))?;
        Ok(Channels { input, output, groups })
    }

    fn pack(&self, weights: &Tensor) -> Result<TransposedWeights> {
        let (input, made, kernel) = split_dims(weights.dims())?;
        TransposedWeights::new(self.channels(input, made)?, kernel.iter().product(), weights.slice()?)
    }

    fn run(&self, call: &Call) -> Result<Tensor> {
        let image = call.tensor(0)?;
        let weight_dims = match &self.packed {
            Some((dims, _)) => dims.as_slice(),
            None => call.tensor(1)?.dims(),
        };
        let (batch, input, size) = split_dims(image.dims())?;
        let (expected, made, kernel) = split_dims(weight_dims)?;
        if input != expected {
            return Err(Error::execution(format!("expected {expected} channels, got {input}")));
        }
        let channels = self.channels(input, made)?;
        let padded;
        let attributes = match self.pads {
            Some(pads) if call.optional(pads)?.is_some() => {
                padded = self.attributes.with_pads(read_dims(call, pads)?.to_vec());
                &padded
            }
            _ => &self.attributes,
        };
        let geometry = attributes.resolve_transposed(size, kernel)?;
        let bias_input = self.pads.map_or(2, |pads| pads + 1);
        let mut dims = Dims::from_slice(&[batch, channels.output]);
        dims.extend_from_slice(spatial(&geometry.input, size.len()));
        if image.element_type() == ElementType::Float64 {
            let weights = call.tensor(1)?;
            plain::check_channels(&channels, (input / channels.groups, made * channels.groups), "the weights")?;
            let bias = read_bias(call, bias_input, channels.output)?;
            let mut values = fill(&dims, 0.0f64)?;
            plain::convolve_transposed(&geometry, &channels, (image.slice()?, weights.slice()?, bias), &mut values);
            return Tensor::new(&dims, values);
        }
        let bias: Option<&[f32]> = read_bias(call, bias_input, channels.output)?;
        let made;
        let weights = match &self.packed {
            Some((_, weights)) => weights,
            None => {
                made = self.pack(call.tensor(1)?)?;
                &made
            }
        };
        let mut values = zeroed::<f32>(&dims)?;
        if let Some(bias) = bias {
            let results = values.chunks_exact_mut(geometry.input_pixels().max(1));
            results.zip(bias.iter().cycle()).for_each(|(result, bias)| result.fill(*bias));
        }
        let image_size = input * geometry.output_pixels();
        let results = values.chunks_exact_mut((channels.output * geometry.input_pixels()).max(1));
        let images = image.slice::<f32>()?;
        for (index, result) in results.enumerate() {
            let image = images.get(index * image_size..(index + 1) * image_size).unwrap_or_default();
            convolve_transposed(&geometry, weights, image, result)?;
        }
        Tensor::new(&dims, values)
    }
}
