//! Images and grids in other sizes.

mod axis;
mod grid;
mod interpolate;

use axis::{Axis, Filter, Rounding, Transform};
use interpolate::Interpolation;

use super::cast::lower;
use super::shape::resolve_axis;
use super::{Call, Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::nearest::Map;
use crate::tensor::{Dims, ElementType, Tensor, count_elements, reserve};
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[
    onnx("AffineGrid", grid::affine_grid),
    onnx("GridSample", grid::grid_sample),
    contrib("GridSample", grid::grid_sample),
    onnx("ImageScaler", scale_image),
    onnx("Resize", resize),
    onnx("Upsample", resize),
];

#[derive(Clone, Copy, PartialEq)]
enum Policy {
    Stretch,
    NotLarger,
    NotSmaller,
}

/// Where sizes come from.
struct Request {
    /// The scales, an attribute before opset 9.
    scales: Option<Vec<f32>>,
    /// The inputs of the region, the scales and the sizes.
    inputs: [Option<usize>; 3],
    axes: Option<Vec<i64>>,
    policy: Policy,
}

/// Before opset 11, and as Upsample, without any choice of coordinates.
/// <https://onnx.ai/onnx/operators/onnx__Resize.html> <https://onnx.ai/onnx/operators/onnx__Upsample.html>
fn resize(spec: &mut Spec) -> Result<Operator> {
    let request = Request {
        scales: read_scales(spec),
        inputs: if spec.opset() < 11 { [None, Some(1), None] } else { [Some(1), Some(2), Some(3)] },
        axes: spec.ints("axes").filter(|axes| !axes.is_empty()).map(<[i64]>::to_vec),
        policy: match spec.text_or("keep_aspect_ratio_policy", "stretch") {
            "stretch" => Policy::Stretch,
            "not_larger" => Policy::NotLarger,
            "not_smaller" => Policy::NotSmaller,
            other => return Err(spec.invalid(&format!("keep_aspect_ratio_policy={other}"))),
        },
    };
    let (transform, rounding) = (Transform::read(spec)?, Rounding::read(spec)?);
    let outside = spec.float_or("extrapolation_value", 0.0);
    let cubic = match spec.text_or("mode", "nearest") {
        "nearest" => {
            return single(move |call| {
                let axes = request.find_axes(call)?;
                resize_to_nearest(call.take(0)?, &axes, transform, rounding, outside)
            });
        }
        "linear" => None,
        "bilinear" if spec.opset() < 7 => None,
        "cubic" => Some(spec.float_or("cubic_coeff_a", -0.75)),
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    let filter = Filter {
        cubic,
        excludes_outside: spec.flag("exclude_outside", false),
        antialiases: spec.flag("antialias", false),
    };
    let interpolation = Interpolation { transform, filter, outside };
    single(move |call| {
        let axes = request.find_axes(call)?;
        let tensor = call.take(0)?;
        match resize_trivially(&tensor, &axes)? {
            Some(resized) => Ok(resized),
            None => interpolation.resize(&tensor, &axes),
        }
    })
}

/// The scales that attributes give, as they do before opset 9; those of images alone before opset 7.
fn read_scales(spec: &Spec) -> Option<Vec<f32>> {
    let image = || Some(vec![1.0, 1.0, spec.float("height_scale")?, spec.float("width_scale")?]);
    spec.floats("scales").map(<[f32]>::to_vec).or_else(image)
}

/// An operator of models from before ONNX 1.5: `x * scale + bias`, with a bias for each channel.
fn scale_image(spec: &mut Spec) -> Result<Operator> {
    let scale = spec.float_or("scale", 1.0);
    let biases = spec.floats("bias").unwrap_or_default().to_vec();
    single(move |call| {
        let tensor = call.take(0)?;
        let dims = Dims::from_slice(tensor.dims());
        let &[_, channels, height, width] = dims.as_slice() else {
            return Err(Error::execution("expected images of 4 axes"));
        };
        if channels != biases.len() {
            return Err(Error::execution(format!("expected {} channels, one for each bias", biases.len())));
        }
        let mut values = tensor.into_vec::<f32>()?;
        for (plane, bias) in values.chunks_exact_mut((height * width).max(1)).zip(biases.iter().cycle()) {
            plane.iter_mut().for_each(|value| *value = *value * scale + bias);
        }
        Tensor::new(&dims, values)
    })
}

/// A tensor of the same size, or of no elements. Other sizes are within the limit.
fn resize_trivially(tensor: &Tensor, axes: &[Axis]) -> Result<Option<Tensor>> {
    if axes.iter().all(|axis| axis.input == axis.output) {
        return Ok(Some(tensor.clone()));
    }
    let dims: Dims = axes.iter().map(|axis| axis.output).collect();
    if dims.contains(&0) {
        return Tensor::zeros(tensor.element_type(), &dims).map(Some);
    }
    count_elements::<u8>(&dims)?;
    // Each axis takes a table of its positions.
    axes.iter().try_for_each(|axis| count_elements::<u64>(&[axis.output]).map(drop))?;
    Ok(None)
}

fn resize_to_nearest(
    tensor: Tensor,
    axes: &[Axis],
    transform: Transform,
    rounding: Rounding,
    outside: f32,
) -> Result<Tensor> {
    if let Some(resized) = resize_trivially(&tensor, axes)? {
        return Ok(resized);
    }
    let dims: Dims = axes.iter().map(|axis| axis.output).collect();
    let maps: Vec<_> = axes.iter().map(|axis| axis.find_nearest(transform, rounding)).collect();
    let element_type = tensor.element_type();
    with_bits!(tensor, T => {
        let value = match element_type {
            ElementType::String => None,
            _ if transform == Transform::TfCropAndResize => {
                lower(element_type, &[], vec![outside])?.bits::<T>()?.first().cloned()
            }
            _ => None,
        };
        let mut copied = reserve::<T>(&dims)?;
        Map::new(tensor.dims(), &maps).copy(tensor.bits::<T>()?, &value.unwrap_or_default(), &mut copied);
        Tensor::from_bits(element_type, &dims, copied)
    })
}

impl Request {
    fn find_axes(&self, call: &Call) -> Result<Vec<Axis>> {
        let dims = call.tensor(0)?.dims();
        let [region, scales, sizes] = self.inputs.map(|index| match index {
            Some(index) => Ok(call.optional(index)?.filter(|tensor| !tensor.is_empty())),
            None => Ok(None),
        });
        let (region, scales, sizes) = (region?, scales?, sizes?);
        let chosen = match &self.axes {
            Some(axes) => axes.iter().map(|&axis| resolve_axis(axis, dims.len())).collect::<Result<Vec<_>>>()?,
            None => (0..dims.len()).collect(),
        };
        let check = |name: &str, count: usize, expected: usize| {
            let message = || format!("expected {expected} {name}, got {count}");
            if count == expected { Ok(()) } else { Err(Error::execution(message())) }
        };
        let mut axes: Vec<Axis> =
            dims.iter().map(|&dim| Axis { input: dim, output: dim, scale: 1.0, region: (0.0, 1.0) }).collect();
        let scales = match (&self.scales, scales) {
            (Some(scales), _) => Some(scales.clone()),
            (None, Some(scales)) => Some(scales.to_f32s()?.into_owned()),
            (None, None) => None,
        };
        if let Some(scales) = scales {
            check("scales", scales.len(), chosen.len())?;
            for (&index, &scale) in chosen.iter().zip(&scales) {
                if !(scale > 0.0 && scale.is_finite()) {
                    return Err(Error::execution(format!("expected scales above 0, got {scale}")));
                }
                if let Some(axis) = axes.get_mut(index) {
                    (axis.scale, axis.output) = (scale, (scale * axis.input as f32) as usize);
                }
            }
        } else {
            let sizes = sizes.ok_or_else(|| Error::execution("expected scales or sizes"))?.to_i64s()?;
            check("sizes", sizes.len(), chosen.len())?;
            self.apply_sizes(&sizes, &chosen, &mut axes)?;
        }
        if let Some(region) = region {
            let region = region.to_f32s()?;
            // Other transformations ignore the input.
            if let Some((starts, ends)) = region.split_at_checked(chosen.len())
                && starts.len() == ends.len()
            {
                for (&index, (&start, &end)) in chosen.iter().zip(starts.iter().zip(ends)) {
                    if let Some(axis) = axes.get_mut(index) {
                        axis.region = (start, end);
                    }
                }
            }
        }
        Ok(axes)
    }

    fn apply_sizes(&self, sizes: &[i64], chosen: &[usize], axes: &mut [Axis]) -> Result<()> {
        for (&index, &size) in chosen.iter().zip(sizes) {
            let Some(axis) = axes.get_mut(index) else { continue };
            axis.output = usize::try_from(size)
                .ok()
                .filter(|&size| axis.input > 0 || size == 0)
                .ok_or_else(|| Error::execution(format!("an axis of {} cannot have the size {size}", axis.input)))?;
            axis.scale = if axis.input == 0 { 1.0 } else { axis.output as f32 / axis.input as f32 };
        }
        if self.policy == Policy::Stretch {
            return Ok(());
        }
        let scales = chosen.iter().filter_map(|&index| axes.get(index)).map(|axis| axis.scale);
        let scale = match self.policy {
            Policy::NotLarger => scales.fold(f32::INFINITY, f32::min),
            _ => scales.fold(0.0, f32::max),
        };
        for &index in chosen {
            if let Some(axis) = axes.get_mut(index) {
                (axis.scale, axis.output) = (scale, (scale * axis.input as f32).round() as usize);
            }
        }
        Ok(())
    }
}
