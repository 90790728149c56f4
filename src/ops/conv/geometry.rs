//! The attributes of convolutions, and the sizes that follow from them and from an image.

use crate::error::{Error, Result};
use crate::kernels::conv::Geometry;
use crate::ops::Spec;
use crate::ops::padding::AutoPad;

/// Attributes, of one number for each spatial axis where they are given.
#[derive(Debug, Clone)]
pub struct Attributes {
    auto_pad: AutoPad,
    kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<usize>>,
    output_padding: Option<Vec<usize>>,
    output_shape: Option<Vec<usize>>,
    /// Parts that the channels are cut into.
    pub groups: usize,
}

/// Numbers for three axes, of which those that are missing come first.
fn spread(values: &[usize], missing: usize) -> [usize; 3] {
    let mut all = [missing; 3];
    all.iter_mut().rev().zip(values.iter().rev()).for_each(|(to, from)| *to = *from);
    all
}

impl Attributes {
    /// Reads a node's attributes.
    pub fn read(spec: &Spec) -> Result<Attributes> {
        let attributes = Attributes {
            auto_pad: AutoPad::read(spec)?,
            kernel: spec.sizes("kernel_shape")?.filter(|sizes| !sizes.is_empty()),
            strides: spec.sizes("strides")?,
            dilations: spec.sizes("dilations")?,
            pads: spec.sizes("pads")?,
            output_padding: spec.sizes("output_padding")?,
            output_shape: spec.sizes("output_shape")?.filter(|sizes| !sizes.is_empty()),
            groups: usize::try_from(spec.int_or("group", 1)).unwrap_or(0),
        };
        let has_zero = |sizes: &Option<Vec<usize>>| sizes.as_ref().is_some_and(|sizes| sizes.contains(&0));
        if has_zero(&attributes.strides) || has_zero(&attributes.dilations) || attributes.groups == 0 {
            return Err(spec.invalid("strides, dilations or group of 0"));
        }
        Ok(attributes)
    }

    /// The same with other pads.
    pub fn with_pads(&self, pads: Vec<usize>) -> Attributes {
        Attributes { pads: Some(pads), ..self.clone() }
    }

    /// Whether every pixel is a place of the kernel, and neighbours meet neighbours.
    pub fn is_dense(&self) -> bool {
        let ones = |sizes: &Option<Vec<usize>>| sizes.iter().flatten().all(|&size| size == 1);
        ones(&self.strides) && ones(&self.dilations)
    }

    fn sizes(values: &Option<Vec<usize>>, name: &str, count: usize, default: usize) -> Result<Vec<usize>> {
        match values {
            None => Ok(vec![default; count]),
            Some(values) if values.is_empty() => Ok(vec![default; count]),
            Some(values) if values.len() == count => Ok(values.clone()),
            Some(values) => Err(Error::execution(format!("expected {count} numbers in {name}, got {}", values.len()))),
        }
    }

    fn read_common(&self, image: &[usize], kernel: &[usize]) -> Result<(Geometry, Vec<usize>)> {
        let rank = image.len();
        if rank > 3 {
            return Err(Error::execution(format!("expected at most 3 spatial axes, got {rank}")));
        }
        if kernel.len() != rank || self.kernel.as_ref().is_some_and(|given| given != kernel) {
            return Err(Error::execution(format!("the kernel of the weights {kernel:?} is not that of the node")));
        }
        if kernel.contains(&0) {
            return Err(Error::execution("expected a kernel of one weight or more"));
        }
        let pads = Attributes::sizes(&self.pads, "pads", 2 * rank, 0)?;
        let geometry = Geometry {
            input: spread(image, 1),
            output: [1; 3],
            kernel: spread(kernel, 1),
            stride: spread(&Attributes::sizes(&self.strides, "strides", rank, 1)?, 1),
            dilation: spread(&Attributes::sizes(&self.dilations, "dilations", rank, 1)?, 1),
            before: [0; 3],
        };
        Ok((geometry, pads))
    }

    /// The sizes of a convolution of an image of these spatial dims.
    pub fn resolve(&self, image: &[usize], kernel: &[usize]) -> Result<Geometry> {
        let (mut geometry, pads) = self.read_common(image, kernel)?;
        let (heads, tails) = pads.split_at_checked(image.len()).unwrap_or_default();
        let (heads, tails) = (spread(heads, 0), spread(tails, 0));
        let before = geometry.before.iter_mut().zip(geometry.output.iter_mut());
        let sizes = zip(geometry.input, geometry.kernel, geometry.stride, geometry.dilation);
        for (((before, output), (input, kernel, stride, dilation)), (head, tail)) in
            before.zip(sizes).zip(heads.into_iter().zip(tails))
        {
            let extent = (kernel - 1).checked_mul(dilation).and_then(|extent| extent.checked_add(1));
            let extent = extent.ok_or_else(|| Error::execution("the kernel is too large"))?;
            let (head, tail) = self.auto_pad.pad(input, extent, stride, (head, tail));
            let padding = head.saturating_add(tail);
            let room = input.checked_add(padding).and_then(|size| size.checked_sub(extent));
            let room = room.or(self.auto_pad.is_same().then_some(0)).ok_or_else(|| {
                Error::execution(format!("a kernel over {extent} pixels does not fit {input} and {padding} of padding"))
            })?;
            *output = if self.auto_pad.is_same() { input.div_ceil(stride) } else { room / stride + 1 };
            *before = head;
        }
        let moves = geometry.output;
        Ok(Geometry { stride: bound_strides(geometry.stride, moves), ..geometry })
    }

    /// The sizes of the convolution that a transposed one of an image of these spatial dims reverses: `output` is that image.
    pub fn resolve_transposed(&self, image: &[usize], kernel: &[usize]) -> Result<Geometry> {
        let rank = image.len();
        let (mut geometry, pads) = self.read_common(image, kernel)?;
        let (heads, tails) = pads.split_at_checked(rank).unwrap_or_default();
        let (heads, tails) = (spread(heads, 0), spread(tails, 0));
        let more = spread(&Attributes::sizes(&self.output_padding, "output_padding", rank, 0)?, 0);
        // Some files give the batch and the channels too.
        let shape = self.output_shape.as_ref().map(|shape| {
            let spatial = shape.get(shape.len().saturating_sub(rank)..).unwrap_or_default();
            if spatial.len() == rank {
                Ok(spread(spatial, 1))
            } else {
                Err(Error::execution("output_shape is too short"))
            }
        });
        let shape = shape.transpose()?;
        geometry.output = geometry.input;
        let places = geometry.before.iter_mut().zip(geometry.input.iter_mut());
        let sizes = zip(geometry.output, geometry.kernel, geometry.stride, geometry.dilation);
        let pads = heads.into_iter().zip(tails).zip(more);
        for (axis, (((before, size), (input, kernel, stride, dilation)), ((head, tail), more))) in
            places.zip(sizes).zip(pads).enumerate()
        {
            let whole = input.saturating_sub(1).checked_mul(stride);
            let whole = whole.zip((kernel - 1).checked_mul(dilation)).and_then(|(whole, extent)| {
                let whole = if input == 0 { 0 } else { whole.checked_add(extent)?.checked_add(1)? };
                whole.checked_add(more)
            });
            let whole = whole.ok_or_else(|| Error::execution("the result is too large"))?;
            let wanted = match (shape, self.auto_pad.is_same()) {
                (Some(shape), _) => shape.get(axis).copied(),
                // As onnxruntime has it: padding takes pixels away and adds none.
                (None, true) => input.checked_mul(stride).map(|size| size.min(whole)),
                _ => None,
            };
            (*before, *size) = match (wanted, self.auto_pad) {
                (Some(wanted), _) => (self.auto_pad.split(whole.saturating_sub(wanted)).0, wanted),
                (None, AutoPad::Valid) => (0, whole),
                _ => {
                    let size = whole.checked_sub(head.saturating_add(tail));
                    (head, size.ok_or_else(|| Error::execution("the padding is larger than the result"))?)
                }
            };
        }
        let moves = geometry.output;
        Ok(Geometry { stride: bound_strides(geometry.stride, moves), ..geometry })
    }
}

/// Strides for a window that stands at `moves` places along each axis: where it never moves, the stride may be anything, and
/// sizes that follow from it would be too large to count.
fn bound_strides(strides: [usize; 3], moves: [usize; 3]) -> [usize; 3] {
    let mut bounded = strides;
    bounded.iter_mut().zip(moves).filter(|(_, moves)| *moves <= 1).for_each(|(stride, _)| *stride = 1);
    bounded
}

fn zip(
    sizes: [usize; 3],
    kernel: [usize; 3],
    stride: [usize; 3],
    dilation: [usize; 3],
) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let sizes = sizes.into_iter().zip(kernel).zip(stride).zip(dilation);
    sizes.map(|(((size, kernel), stride), dilation)| (size, kernel, stride, dilation))
}

/// The last axes of `sizes`, as many as `rank`.
pub fn spatial(sizes: &[usize; 3], rank: usize) -> &[usize] {
    sizes.get(3usize.saturating_sub(rank)..).unwrap_or_default()
}
