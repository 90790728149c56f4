//! Parts of tensors.

use super::shape::resolve_axis;
use super::view::{copy_view, read_integers};
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::strided::View;

pub const ENTRIES: &[Entry] = &[onnx("Slice", slice)];

/// What to take of some axes.
struct Ranges {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Option<Vec<i64>>,
    steps: Option<Vec<i64>>,
}

/// Starts, ends and axes are attributes before opset 10 and inputs, with steps, from then on.
/// <https://onnx.ai/onnx/operators/onnx__Slice.html>
fn slice(spec: &mut Spec) -> Result<Operator> {
    if spec.opset() < 10 {
        let read = |name: &str| spec.ints(name).map(<[i64]>::to_vec);
        let starts = read("starts").ok_or_else(|| spec.invalid("no starts"))?;
        let ends = read("ends").ok_or_else(|| spec.invalid("no ends"))?;
        let ranges = Ranges { starts, ends, axes: read("axes"), steps: None };
        return single(move |call| {
            let tensor = call.take(0)?;
            let view = choose(tensor.dims(), &ranges)?;
            copy_view(tensor, &view)
        });
    }
    single(move |call| {
        let ranges = Ranges {
            starts: call.tensor(1)?.to_i64s()?.into_owned(),
            ends: call.tensor(2)?.to_i64s()?.into_owned(),
            axes: read_integers(call, 3)?,
            steps: read_integers(call, 4)?,
        };
        let tensor = call.take(0)?;
        let view = choose(tensor.dims(), &ranges)?;
        copy_view(tensor, &view)
    })
}

fn choose(dims: &[usize], ranges: &Ranges) -> Result<View> {
    let count = ranges.starts.len();
    let lengths = [Some(&ranges.ends), ranges.axes.as_ref(), ranges.steps.as_ref()];
    if lengths.into_iter().flatten().any(|values| values.len() != count) {
        return Err(Error::execution("expected as many starts as ends, axes and steps"));
    }
    let mut view = View::whole(dims);
    for (index, (&start, &end)) in ranges.starts.iter().zip(&ranges.ends).enumerate() {
        let axis = ranges.axes.as_ref().map_or(index as i64, |axes| axes.get(index).copied().unwrap_or(0));
        let axis = resolve_axis(axis, dims.len())?;
        let step = ranges.steps.as_ref().and_then(|steps| steps.get(index).copied()).unwrap_or(1);
        let size = dims.get(axis).copied().unwrap_or(0);
        let (first, count) = resolve_range(size, start, end, step)?;
        if let (Some(dim), Some(stride)) = (view.dims.get_mut(axis), view.strides.get_mut(axis)) {
            view.start += *stride * first as isize;
            // One element needs no stride, and a step may be as large as it likes.
            *stride = if count > 1 { *stride * step as isize } else { 0 };
            *dim = count;
        }
    }
    Ok(view)
}

/// The first index and the number of indices from `start` to before `end`, both clamped to what is there.
fn resolve_range(size: usize, start: i64, end: i64, step: i64) -> Result<(usize, usize)> {
    let size = size as i64;
    let from_end = |index: i64| if index < 0 { index.saturating_add(size) } else { index };
    // Models name the last axis position for "all that is left" backwards too, and onnxruntime goes along.
    let end = if step < 0 && (end == i64::MAX || end == i64::from(i32::MAX)) { i64::MIN } else { end };
    let (start, end) = (from_end(start), from_end(end));
    let (start, length) = match step {
        0 => return Err(Error::execution("the step of a Slice is 0")),
        _ if size == 0 => (0, 0),
        1.. => {
            let start = start.clamp(0, size);
            (start, end.clamp(0, size) - start)
        }
        _ => {
            let start = start.clamp(0, size - 1);
            (start, start - end.clamp(-1, size - 1))
        }
    };
    let count = if length > 0 { (length as u64).div_ceil(step.unsigned_abs()) } else { 0 };
    Ok(if count == 0 { (0, 0) } else { (start as usize, count as usize) })
}
