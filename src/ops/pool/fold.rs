//! Pooling by folding: rows of the input into one, and that along itself.

use super::window::Axis;
use crate::error::{Error, Result};
use crate::kernels::pool::Fold;
use crate::kernels::real::Real;
use crate::tensor::{Dims, reserve};

/// The rows of the input that the windows of a row of the output cover.
struct Band {
    rows: Vec<usize>,
    /// The positions that count for an average, the last axis apart.
    count: usize,
}

/// What an average divides by.
#[derive(Clone, Copy, PartialEq)]
pub enum Divisor {
    One,
    /// Positions inside the input.
    Covered,
    /// Positions inside the input and its padding.
    Padded,
}

fn list_bands(axes: &[Axis], divisor: Divisor) -> Vec<Band> {
    let mut bands = vec![Band { rows: vec![0], count: 1 }];
    for axis in axes {
        let extend = |band: &Band, window: usize| Band {
            rows: band
                .rows
                .iter()
                .flat_map(|&row| axis.positions(window).map(move |at| row * axis.input + at))
                .collect(),
            count: band.count * axis.count(window, divisor == Divisor::Padded),
        };
        bands = bands.iter().flat_map(|band| (0..axis.output).map(move |window| extend(band, window))).collect();
    }
    bands
}

/// Pools planes that lie one after another along `axes`.
pub fn pool<T: Real>(input: &[T], outer: &[usize], axes: &[Axis], fold: &Fold<T>, divisor: Divisor) -> Result<Vec<T>> {
    let Some((last, others)) = axes.split_last() else {
        return Err(Error::execution("expected 3 axes or more"));
    };
    let dims: Dims = outer.iter().copied().chain(axes.iter().map(|axis| axis.output)).collect();
    let mut output = reserve::<T>(&dims)?;
    let size: usize = axes.iter().map(|axis| axis.input).product();
    if size == 0 || input.is_empty() {
        output.resize(dims.iter().product(), fold.start);
        return Ok(output);
    }
    let bands = list_bands(others, divisor);
    let taps = last.taps();
    let count = |window: usize| last.count(window, divisor == Divisor::Padded).max(1);
    let counts: Vec<T> = (0..last.output).map(|window| T::from(count(window) as f32)).collect();
    let mut folded = vec![fold.start; last.input];
    for plane in input.chunks_exact(size) {
        let row = |index: usize| plane.get(index * last.input..(index + 1) * last.input).unwrap_or_default();
        for band in &bands {
            let start = output.len();
            output.resize(start + last.output, fold.start);
            let into = output.get_mut(start..).unwrap_or_default();
            let from = match band.rows.as_slice() {
                [] => continue,
                [only] => row(*only),
                [first, rest @ ..] => {
                    folded.copy_from_slice(row(*first));
                    rest.iter().for_each(|&other| (fold.rows)(&mut folded, row(other)));
                    &folded
                }
            };
            for tap in &taps {
                let into = into.get_mut(tap.windows.clone()).unwrap_or_default();
                (fold.strided)(into, from.get(tap.start..).unwrap_or_default(), last.stride);
            }
            if divisor != Divisor::One {
                (fold.divide)(into, &counts, T::from(band.count.max(1) as f32));
            }
        }
    }
    Ok(output)
}

/// For each window of the planes the index of its largest value among all values, the first one of equal ones.
pub fn find_largest<T: Real>(input: &[T], outer: &[usize], axes: &[Axis]) -> Result<Vec<usize>> {
    let dims: Dims = outer.iter().copied().chain(axes.iter().map(|axis| axis.output)).collect();
    // As many indices will be given out as int64.
    let mut found = Vec::with_capacity(reserve::<i64>(&dims)?.capacity());
    let bands = list_bands(axes, Divisor::One);
    let size: usize = axes.iter().map(|axis| axis.input).product();
    for (index, plane) in input.chunks_exact(size.max(1)).enumerate() {
        for band in &bands {
            let mut largest: Option<(usize, T)> = None;
            for &place in &band.rows {
                if let Some(&value) = plane.get(place)
                    && largest.is_none_or(|(_, known)| value > known)
                {
                    largest = Some((place, value));
                }
            }
            let place = largest.map(|(place, _)| index * size + place);
            found.push(place.ok_or_else(|| Error::execution("a window lies outside the input"))?);
        }
    }
    Ok(found)
}
