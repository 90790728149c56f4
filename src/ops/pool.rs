//! Pooling.

mod fold;
mod unpool;
mod window;

use fold::{Divisor, find_largest, pool};
use window::{Axis, Windows};

use super::{Call, Entry, Operator, Spec, contrib, onnx, several, single};
use crate::error::{Error, Result};
use crate::kernels::pool::{Fold, MAX_F32, MAX_F64, SUM_F32, SUM_F64};
use crate::kernels::real::Real;
use crate::tensor::{Dims, ElementType, Tensor};
use crate::value::Value;
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[
    onnx("AveragePool", average_pool),
    onnx("GlobalAveragePool", global_average_pool),
    onnx("GlobalLpPool", global_lp_pool),
    onnx("GlobalMaxPool", global_max_pool),
    onnx("LpPool", lp_pool),
    onnx("MaxPool", max_pool),
    onnx("MaxUnpool", unpool::max_unpool),
    contrib("NhwcMaxPool", nhwc_max_pool),
];

/// What pooling does to the values of a window.
#[derive(Clone, Copy)]
enum Kind {
    Max,
    Average(Divisor),
    /// The root of this degree of the sum of the powers.
    Lp(f64),
}

impl Kind {
    fn divisor(self) -> Divisor {
        if let Kind::Average(divisor) = self { divisor } else { Divisor::One }
    }
}

/// Runs `reduce` on the values as numbers: float64 as they are, all others as float32, and gives a tensor of the same
/// element type.
fn compute(
    tensor: Tensor,
    kind: Kind,
    dims: &[usize],
    f32s: impl Fn(&[f32], &Fold<f32>) -> Result<Vec<f32>>,
    f64s: impl Fn(&[f64], &Fold<f64>) -> Result<Vec<f64>>,
) -> Result<Tensor> {
    let is_max = matches!(kind, Kind::Max);
    match tensor.element_type() {
        ElementType::Float32 => {
            let fold = if is_max { MAX_F32 } else { SUM_F32 };
            Tensor::new(dims, with_powers(tensor, kind, |values| f32s(values, &fold))?)
        }
        ElementType::Float64 => {
            let fold = if is_max { MAX_F64 } else { SUM_F64 };
            Tensor::new(dims, with_powers(tensor, kind, |values| f64s(values, &fold))?)
        }
        // A window without values gives the least one.
        ElementType::Int8 if is_max => {
            let values = f32s(&tensor.to_f32s()?, &MAX_F32)?;
            Tensor::new(dims, values.iter().map(|&value| value as i8).collect())
        }
        ElementType::Uint8 if is_max => {
            let values = f32s(&tensor.to_f32s()?, &MAX_F32)?;
            Tensor::new(dims, values.iter().map(|&value| value as u8).collect())
        }
        _ => Err(Error::execution(format!("expected floating-point numbers, got {tensor}"))),
    }
}

/// Takes the powers and the root around a sum where the kind of pooling asks for them.
fn with_powers<T: Real>(tensor: Tensor, kind: Kind, reduce: impl Fn(&[T]) -> Result<Vec<T>>) -> Result<Vec<T>> {
    let Kind::Lp(degree) = kind else { return reduce(tensor.slice()?) };
    let mut values = tensor.into_vec::<T>()?;
    raise(&mut values, degree);
    let mut sums = reduce(&values)?;
    raise(&mut sums, 1.0 / degree);
    Ok(sums)
}

fn raise<T: Real>(values: &mut [T], power: f64) {
    for value in values {
        *value = T::from_f64(value.to_f64().abs().powf(power));
    }
}

/// The dims before the axes that are pooled, and those.
fn split_dims(tensor: &Tensor) -> Result<(Dims, Dims)> {
    let split = tensor.dims().split_at_checked(2);
    let (outer, spatial) = split.ok_or_else(|| Error::execution("expected 3 axes or more"))?;
    Ok((outer.into(), spatial.into()))
}

fn run(tensor: Tensor, kind: Kind, outer: &[usize], axes: &[Axis]) -> Result<Tensor> {
    let dims: Dims = outer.iter().copied().chain(axes.iter().map(|axis| axis.output)).collect();
    let divisor = kind.divisor();
    compute(
        tensor,
        kind,
        &dims,
        |values, fold| pool(values, outer, axes, fold, divisor),
        |values, fold| pool(values, outer, axes, fold, divisor),
    )
}

fn windowed(spec: &Spec, kind: Kind) -> Result<Operator> {
    let windows = Windows::read(spec)?;
    single(move |call| {
        let tensor = call.take(0)?;
        let (outer, spatial) = split_dims(&tensor)?;
        run(tensor, kind, &outer, &windows.place(&spatial)?)
    })
}

fn global(kind: Kind) -> Result<Operator> {
    single(move |call| {
        let tensor = call.take(0)?;
        let (outer, spatial) = split_dims(&tensor)?;
        let dims: Dims = outer.iter().copied().chain(spatial.iter().map(|_| 1)).collect();
        let size: usize = spatial.iter().product();
        compute(
            tensor,
            kind,
            &dims,
            |v, fold| fold_all(v, &dims, size, kind, fold),
            |v, fold| fold_all(v, &dims, size, kind, fold),
        )
    })
}

fn fold_all<T: Real>(values: &[T], dims: &[usize], size: usize, kind: Kind, fold: &Fold<T>) -> Result<Vec<T>> {
    if size == 0 {
        return Err(Error::execution("expected at least one element along each axis"));
    }
    let mut folded = crate::tensor::reserve::<T>(dims)?;
    let divisor = if let Kind::Average(_) = kind { size as f32 } else { 1.0 };
    folded.extend(values.chunks_exact(size).map(|plane| (fold.all)(plane) / T::from(divisor)));
    Ok(folded)
}

/// <https://onnx.ai/onnx/operators/onnx__AveragePool.html>
fn average_pool(spec: &mut Spec) -> Result<Operator> {
    let divisor = if spec.flag("count_include_pad", false) { Divisor::Padded } else { Divisor::Covered };
    windowed(spec, Kind::Average(divisor))
}

/// In the first version of the operators any number.
fn read_power(spec: &Spec) -> f64 {
    spec.int("p").map(|p| p as f64).or(spec.float("p").map(f64::from)).unwrap_or(2.0)
}

/// <https://onnx.ai/onnx/operators/onnx__LpPool.html>
fn lp_pool(spec: &mut Spec) -> Result<Operator> {
    windowed(spec, Kind::Lp(read_power(spec)))
}

/// <https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html>
fn global_average_pool(_: &mut Spec) -> Result<Operator> {
    global(Kind::Average(Divisor::Covered))
}

/// <https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html>
fn global_max_pool(_: &mut Spec) -> Result<Operator> {
    global(Kind::Max)
}

/// <https://onnx.ai/onnx/operators/onnx__GlobalLpPool.html>
fn global_lp_pool(spec: &mut Spec) -> Result<Operator> {
    global(Kind::Lp(read_power(spec)))
}

/// <https://onnx.ai/onnx/operators/onnx__MaxPool.html>
fn max_pool(spec: &mut Spec) -> Result<Operator> {
    let is_column_major = spec.flag("storage_order", false);
    if !spec.has_output(1) {
        return windowed(spec, Kind::Max);
    }
    let windows = Windows::read(spec)?;
    several(move |call| max_pool_with_indices(call, &windows, is_column_major))
}

fn max_pool_with_indices(call: &mut Call, windows: &Windows, is_column_major: bool) -> Result<Vec<Value>> {
    let tensor = call.tensor(0)?;
    let (outer, spatial) = split_dims(tensor)?;
    let axes = windows.place(&spatial)?;
    let dims: Dims = outer.iter().copied().chain(axes.iter().map(|axis| axis.output)).collect();
    let found = match tensor.element_type() {
        ElementType::Float64 => find_largest(tensor.slice::<f64>()?, &outer, &axes)?,
        _ => find_largest(&tensor.to_f32s()?, &outer, &axes)?,
    };
    let values = with_bits!(tensor, T => {
        let values = tensor.bits::<T>()?;
        let largest = found.iter().map(|&index| values.get(index).cloned().unwrap_or_default());
        Tensor::from_bits(tensor.element_type(), &dims, largest.collect())?
    });
    let size: usize = spatial.iter().product();
    let indices = found.iter().map(|&index| {
        if !is_column_major {
            return index as i64;
        }
        let (mut place, mut swapped, mut weight) = (index % size, 0, size);
        for &dim in spatial.iter().rev() {
            weight /= dim;
            swapped += place % dim * weight;
            place /= dim;
        }
        (index - index % size + swapped) as i64
    });
    Ok(vec![values.into(), Tensor::new(&dims, indices.collect())?.into()])
}

/// MaxPool with the channels last.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NhwcMaxPool>
fn nhwc_max_pool(spec: &mut Spec) -> Result<Operator> {
    let windows = Windows::read(spec)?;
    single(move |call| {
        let tensor = call.take(0)?;
        let [outer, spatial @ .., channels] = tensor.dims() else {
            return Err(Error::execution("expected 3 axes or more"));
        };
        let outer = *outer;
        let mut axes = windows.place(spatial)?;
        axes.push(Axis::whole(*channels));
        run(tensor, Kind::Max, &[outer], &axes)
    })
}
