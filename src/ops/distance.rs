//! Distances between rows, and the cheapest way through a matrix of them.

use super::{Entry, Operator, Spec, contrib, single};
use crate::error::{Error, Result};
use crate::kernels::dot::squared_distance;
use crate::tensor::{Element, ElementType, Tensor, fill, reserve};

pub const ENTRIES: &[Entry] = &[contrib("CDist", distances), contrib("DynamicTimeWarping", warp)];

/// Each row of one matrix against each of another.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.CDist>
fn distances(spec: &mut Spec) -> Result<Operator> {
    let is_squared = match spec.text_or("metric", "sqeuclidean") {
        "sqeuclidean" => true,
        "euclidean" => false,
        other => return Err(spec.unsupported(format!("metric={other}"))),
    };
    single(move |call| {
        let (a, b) = (call.tensor(0)?, call.tensor(1)?);
        match a.element_type() {
            ElementType::Float64 => measure(a, b, |left: &[f64], right: &[f64]| {
                let sum: f64 = left.iter().zip(right).map(|(a, b)| (a - b) * (a - b)).sum();
                if is_squared { sum } else { sum.sqrt() }
            }),
            _ => measure(a, b, |left: &[f32], right: &[f32]| {
                let sum = squared_distance(left, right);
                if is_squared { sum } else { sum.sqrt() }
            }),
        }
    })
}

fn measure<T: Element + Copy + Default>(a: &Tensor, b: &Tensor, distance: impl Fn(&[T], &[T]) -> T) -> Result<Tensor> {
    let (&[rows, size], &[columns, other]) = (a.dims(), b.dims()) else {
        return Err(Error::execution(format!("expected two matrices, got {a} and {b}")));
    };
    if size != other {
        return Err(Error::execution(format!("expected rows of one length, got {a} and {b}")));
    }
    if size == 0 {
        return Tensor::new(&[rows, columns], fill(&[rows, columns], T::default())?);
    }
    let mut out = reserve::<T>(&[rows, columns])?;
    for left in a.slice::<T>()?.chunks_exact(size) {
        out.extend(b.slice::<T>()?.chunks_exact(size).map(|right| distance(left, right)));
    }
    Tensor::new(&[rows, columns], out)
}

/// Steps of a way, a bit for each axis that they go along.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const BOTH: u8 = FIRST | SECOND;

/// The places of the cheapest way from the first element of a matrix to the last.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicTimeWarping>
fn warp(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let costs = call.tensor(0)?;
        let (rows, columns) = match *costs.dims() {
            [1, rows, columns] | [rows, columns] if rows > 0 && columns > 0 => (rows, columns),
            _ => return Err(Error::execution(format!("expected one matrix of costs, got {costs}"))),
        };
        let mut steps = reserve::<u8>(&[rows, columns])?;
        // What it costs to come to each element of the row before, and to what stands before that row.
        let mut before: Vec<f32> = fill(&[columns + 1], f32::INFINITY)?;
        before.iter_mut().take(1).for_each(|start| *start = 0.0);
        for row in costs.slice::<f32>()?.chunks_exact(columns) {
            let mut total = vec![f32::INFINITY];
            let mut left = f32::INFINITY;
            for (&cost, above) in row.iter().zip(before.windows(2)) {
                let &[both, first] = above else { continue };
                let (step, least) = if both < first && both < left {
                    (BOTH, both)
                } else if first < both && first < left {
                    (FIRST, first)
                } else {
                    (SECOND, left)
                };
                steps.push(step);
                left = cost + least;
                total.push(left);
            }
            before = total;
        }
        let (mut row, mut column) = (rows, columns);
        let mut way = vec![];
        while row > 0 || column > 0 {
            way.push((row as i32 - 1, column as i32 - 1));
            let step = match (row, column) {
                (0, _) => SECOND,
                (_, 0) => FIRST,
                _ => steps.get((row - 1) * columns + column - 1).copied().unwrap_or(BOTH),
            };
            row -= usize::from(step & FIRST);
            column -= usize::from(step / SECOND);
        }
        let places = way.iter().rev().map(|place| place.0).chain(way.iter().rev().map(|place| place.1));
        Tensor::new(&[2, way.len()], places.collect())
    })
}
