//! Distances between rows, by which nearest neighbours are found.

use super::{Entry, Operator, Spec, contrib, single};
use crate::error::{Error, Result};
use crate::kernels::dot::dot;
use crate::tensor::{Element, ElementType, Tensor, fill};

pub(super) const ENTRIES: &[Entry] = &[contrib("CDist", cdist)];

/// How far each row of one matrix is from each of another.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.CDist>
fn cdist(spec: &mut Spec) -> Result<Operator> {
    let has_root = match spec.text_or("metric", "sqeuclidean") {
        "euclidean" => true,
        "sqeuclidean" => false,
        other => return Err(spec.unsupported(format!("metric={other}"))),
    };
    single(move |call| {
        let (a, b) = (call.tensor(0)?, call.tensor(1)?);
        match a.element_type() {
            ElementType::Float32 => measure(a, b, |difference: &[f32]| {
                let square = dot(difference, difference);
                if has_root { square.sqrt() } else { square }
            }),
            _ => measure(a, b, |difference: &[f64]| {
                let square: f64 = difference.iter().map(|value| value * value).sum();
                if has_root { square.sqrt() } else { square }
            }),
        }
    })
}

fn measure<T>(a: &Tensor, b: &Tensor, length: impl Fn(&[T]) -> T) -> Result<Tensor>
where
    T: Element + Copy + Default + std::ops::Sub<Output = T>,
{
    let (&[rows, features], &[others, own]) = (a.dims(), b.dims()) else {
        return Err(Error::execution(format!("expected two matrices, got {a} and {b}")));
    };
    if features != own {
        return Err(Error::execution(format!("expected rows of one length, got {a} and {b}")));
    }
    let mut distances = fill(&[rows, others], T::default())?;
    let mut difference = vec![T::default(); features];
    let (a, b) = (a.slice::<T>()?, b.slice::<T>()?);
    if features == 0 {
        return Tensor::new(&[rows, others], distances);
    }
    for (row, distances) in a.chunks_exact(features).zip(distances.chunks_exact_mut(others.max(1))) {
        for (other, distance) in b.chunks_exact(features).zip(distances) {
            let pairs = row.iter().zip(other);
            difference.iter_mut().zip(pairs).for_each(|(difference, (&a, &b))| *difference = a - b);
            *distance = length(&difference);
        }
    }
    Tensor::new(&[rows, others], distances)
}
