//! Axes reduced to one element.

mod integers;

use std::borrow::Cow;

use super::integer::narrow;
use super::shape::resolve_axis;
use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::Result;
use crate::kernels::lanes::One;
use crate::kernels::reduce::{Fold, find_best, find_largest, fold_f32, fold_one};
use crate::tensor::{self, Dims, Element, ElementType, Tensor};
use integers::bounds_of;
pub(super) use integers::lift;

pub(super) const ENTRIES: &[Entry] = &[
    onnx("ArgMax", arg),
    onnx("ArgMin", arg),
    onnx("ReduceL1", reduce),
    onnx("ReduceL2", reduce),
    onnx("ReduceLogSum", reduce),
    onnx("ReduceLogSumExp", reduce),
    onnx("ReduceMax", reduce),
    onnx("ReduceMean", reduce),
    onnx("ReduceMin", reduce),
    onnx("ReduceProd", reduce),
    onnx("ReduceSum", reduce),
    onnx("ReduceSumSquare", reduce),
];

/// What becomes of a folded number.
#[derive(Clone, Copy, PartialEq)]
enum Finish {
    Keep,
    /// Divides it by the count.
    Mean,
    Root,
    Log,
}

impl Finish {
    fn apply(self, value: f64, count: f64) -> f64 {
        match self {
            Finish::Keep => value,
            Finish::Mean => value / count,
            Finish::Root => value.sqrt(),
            Finish::Log => value.ln(),
        }
    }
}

/// The axes are an input from opset 18 on (13 for ReduceSum), and an attribute before.
/// <https://onnx.ai/onnx/operators/onnx__ReduceSum.html> and its siblings.
fn reduce(spec: &mut Spec) -> Result<Operator> {
    let (fold, finish) = match spec.op() {
        "ReduceL1" => (Fold::SumAbs, Finish::Keep),
        "ReduceL2" => (Fold::SumSquare, Finish::Root),
        "ReduceLogSum" => (Fold::Sum, Finish::Log),
        "ReduceLogSumExp" => (Fold::LogSumExp, Finish::Keep),
        "ReduceMax" => (Fold::Max, Finish::Keep),
        "ReduceMean" => (Fold::Sum, Finish::Mean),
        "ReduceMin" => (Fold::Min, Finish::Keep),
        "ReduceProd" => (Fold::Product, Finish::Keep),
        "ReduceSumSquare" => (Fold::SumSquare, Finish::Keep),
        _ => (Fold::Sum, Finish::Keep),
    };
    let old = spec.ints("axes").map(<[i64]>::to_vec);
    let (keeps, ignores_none) = (spec.flag("keepdims", true), spec.flag("noop_with_empty_axes", false));
    single(move |call| {
        let axes = match &old {
            Some(axes) => Cow::Borrowed(axes.as_slice()),
            None => axes_input(call)?,
        };
        let tensor = call.tensor(0)?;
        let rank = tensor.rank();
        let mut is_reduced = vec![axes.is_empty() && !ignores_none; rank];
        for &axis in axes.iter() {
            // A scalar has an axis of one element for whoever asks.
            if let Some(flag) = is_reduced.get_mut(resolve_axis(axis, rank.max(1))?) {
                *flag = true;
            }
        }
        let groups = group_axes(tensor.dims(), &is_reduced);
        let kept = tensor.dims().iter().zip(&is_reduced).filter(|(_, is_reduced)| keeps || !**is_reduced);
        let dims: Dims = kept.map(|(&dim, &is_reduced)| if is_reduced { 1 } else { dim }).collect();
        run(tensor, groups, fold, finish, &dims)
    })
}

fn axes_input<'a>(call: &'a Call) -> Result<Cow<'a, [i64]>> {
    Ok(call.optional(1)?.map(Tensor::to_i64s).transpose()?.unwrap_or_default())
}

/// Axes side by side that are all reduced, or all kept, as one: its size and whether it is reduced.
fn group_axes(dims: &[usize], is_reduced: &[bool]) -> Vec<(usize, bool)> {
    let mut groups: Vec<(usize, bool)> = Vec::new();
    for (&dim, &is_reduced) in dims.iter().zip(is_reduced) {
        match groups.last_mut() {
            Some(group) if group.1 == is_reduced || dim == 1 => group.0 = group.0.saturating_mul(dim),
            _ => groups.push((dim, is_reduced)),
        }
    }
    if !groups.iter().any(|group| group.1) {
        // What comes before and after the sum has to happen all the same.
        groups.insert(0, (1, true));
    }
    groups
}

fn run(tensor: &Tensor, groups: Vec<(usize, bool)>, fold: Fold, finish: Finish, dims: &[usize]) -> Result<Tensor> {
    let count = groups.iter().filter(|group| group.1).fold(1usize, |count, group| count.saturating_mul(group.0));
    // The mean of nothing is 0, as in onnxruntime.
    let count = count.max(1);
    let start = match fold {
        Fold::Product => 1.0,
        Fold::Max | Fold::LogSumExp => f64::NEG_INFINITY,
        Fold::Min => f64::INFINITY,
        Fold::Sum | Fold::SumAbs | Fold::SumSquare => 0.0,
    };
    let element_type = tensor.element_type();
    match element_type {
        ElementType::Float32 => {
            let mut values = fold_groups(tensor.slice()?, groups, fold, start as f32, fold_f32)?;
            match finish {
                Finish::Keep => {}
                Finish::Mean => values.iter_mut().for_each(|value| *value /= count as f32),
                Finish::Root => values.iter_mut().for_each(|value| *value = value.sqrt()),
                Finish::Log => values.iter_mut().for_each(|value| *value = value.ln()),
            }
            Tensor::new(dims, values)
        }
        ElementType::Float64 => {
            let mut values = fold_groups(tensor.slice()?, groups, fold, start, fold_one::<One<f64>>)?;
            values.iter_mut().for_each(|value| *value = finish.apply(*value, count as f64));
            Tensor::new(dims, values)
        }
        _ if fold == Fold::LogSumExp => {
            let values = fold_groups(&tensor.to_f64s()?, groups, fold, start, fold_one::<One<f64>>)?;
            let bounds = bounds_of(element_type);
            let values = values.iter().map(|&value| (value as i64).clamp(*bounds.start(), *bounds.end()));
            narrow(element_type, dims, values.collect())
        }
        _ => {
            let is_ordered = matches!(fold, Fold::Max | Fold::Min);
            let (values, bounds) = (lift(tensor, is_ordered)?, bounds_of(element_type));
            let start = match fold {
                Fold::Max => *bounds.start(),
                Fold::Min => *bounds.end(),
                _ => start as i64,
            };
            let mut values = fold_groups(&values, groups, fold, start, fold_one::<One<i64>>)?;
            let is_unsigned = element_type == ElementType::Uint64;
            for value in &mut values {
                *value = match finish {
                    Finish::Keep => *value ^ if is_ordered && is_unsigned { i64::MIN } else { 0 },
                    Finish::Mean if is_unsigned => (*value as u64).checked_div(count as u64).unwrap_or(0) as i64,
                    Finish::Mean => value.checked_div(count as i64).unwrap_or(0),
                    Finish::Root | Finish::Log => {
                        let value = finish.apply(*value as f64, count as f64) as i64;
                        value.clamp(*bounds.start(), *bounds.end())
                    }
                };
            }
            narrow(element_type, dims, values)
        }
    }
}

/// Folds the reduced groups, the innermost first.
fn fold_groups<T: Element + Copy>(
    x: &[T],
    mut groups: Vec<(usize, bool)>,
    mut fold: Fold,
    start: T,
    kernel: fn(Fold, &[T], usize, usize, &mut [T]),
) -> Result<Vec<T>> {
    let mut folded: Option<Vec<T>> = None;
    while let Some(index) = groups.iter().rposition(|group| group.1) {
        let (n, _) = groups.remove(index);
        let (outer, inner) = groups.split_at(index);
        let inner: Dims = inner.iter().map(|group| group.0).collect();
        let dims: Dims = outer.iter().map(|group| group.0).chain(inner.iter().copied()).collect();
        let mut out = tensor::fill(&dims, start)?;
        if !out.is_empty() {
            kernel(fold, folded.as_deref().unwrap_or(x), n, inner.iter().product(), &mut out);
        }
        folded = Some(out);
        fold = fold.of_parts();
    }
    Ok(folded.unwrap_or_default())
}

/// <https://onnx.ai/onnx/operators/onnx__ArgMax.html>, <https://onnx.ai/onnx/operators/onnx__ArgMin.html>
fn arg(spec: &mut Spec) -> Result<Operator> {
    let finds_largest = spec.op() == "ArgMax";
    let (axis, keeps) = (spec.int_or("axis", 0), spec.flag("keepdims", true));
    let takes_last = spec.flag("select_last_index", false);
    single(move |call| {
        let tensor = call.tensor(0)?;
        let axis = resolve_axis(axis, tensor.rank().max(1))?;
        let n = tensor.dims().get(axis).copied().unwrap_or(1);
        let inner = tensor.dims().iter().skip(axis + 1).fold(1usize, |inner, &dim| inner.saturating_mul(dim));
        let mut dims = Dims::from_slice(tensor.dims());
        match dims.get_mut(axis) {
            Some(dim) if keeps => *dim = 1,
            Some(_) => {
                dims.remove(axis);
            }
            None => {}
        }
        let mut out = tensor::fill(&dims, 0i64)?;
        if n == 0 && !out.is_empty() {
            return Err(crate::error::Error::execution(format!("expected elements along axis {axis}, got none")));
        }
        match tensor.element_type() {
            ElementType::Float32 => {
                let x = tensor.slice::<f32>()?;
                match (finds_largest, takes_last) {
                    (true, false) if inner == 1 => find_largest(x, n, &mut out),
                    (true, false) => find_best(x, n, inner, &mut out, |x, best| x > best),
                    (true, true) => find_best(x, n, inner, &mut out, |x, best| x >= best),
                    (false, false) => find_best(x, n, inner, &mut out, |x, best| x < best),
                    (false, true) => find_best(x, n, inner, &mut out, |x, best| x <= best),
                }
            }
            ElementType::Float64 => {
                find_best(tensor.slice::<f64>()?, n, inner, &mut out, choose(finds_largest, takes_last));
            }
            _ => find_best(&lift(tensor, true)?, n, inner, &mut out, choose(finds_largest, takes_last)),
        }
        Tensor::new(&dims, out)
    })
}

fn choose<T: PartialOrd>(finds_largest: bool, takes_last: bool) -> impl Fn(T, T) -> bool + Copy {
    move |x, best| (if finds_largest { x > best } else { x < best }) || (takes_last && x == best)
}
