//! From indices to places: where in a tensor's elements a run starts.

use crate::error::{Error, Result};
use crate::kernels::strided::row_major;
use crate::ops::view::{product, resolve_index};
use crate::tensor::Tensor;

/// Indices into an axis, for each place of the axes outside it.
pub fn places_along(tensor: &Tensor, axis: usize, indices: &[i64]) -> Result<Vec<usize>> {
    let size = tensor.dims().get(axis).copied().unwrap_or(0);
    let inner = product(tensor.dims().get(axis + 1..).unwrap_or_default());
    indices.iter().map(|&index| Ok(resolve_index(index, size, axis)? * inner)).collect()
}

/// Indices into an axis of a tensor of `dims`, where the other coordinates are those of the index itself.
pub fn places_of_elements(dims: &[usize], axis: usize, indices: &Tensor) -> Result<Vec<usize>> {
    let fits = |(other, (own, dim)): (usize, (&usize, &usize))| other == axis || own <= dim;
    if indices.rank() != dims.len() || !indices.dims().iter().zip(dims).enumerate().all(fits) {
        return Err(Error::execution(format!("indices {indices} do not fit the dims {dims:?} along axis {axis}")));
    }
    let (Some((&columns, rows)), Some(last)) = (indices.dims().split_last(), dims.len().checked_sub(1)) else {
        return Ok(vec![]);
    };
    let strides = row_major(dims);
    let size = dims.get(axis).copied().unwrap_or(0);
    let stride = strides.get(axis).map_or(0, |&stride| stride as usize);
    // The coordinate along the axis is the index; the others count up.
    let step = usize::from(axis != last);
    let steps: Vec<usize> =
        strides.iter().enumerate().map(|(own, &s)| if own == axis { 0 } else { s as usize }).collect();
    let indices = indices.to_i64s()?;
    let mut places = Vec::with_capacity(indices.len());
    let (mut counter, mut base) = (vec![0usize; rows.len()], 0);
    for row in indices.chunks_exact(columns.max(1)) {
        for (column, &index) in row.iter().enumerate() {
            places.push(base + column * step + resolve_index(index, size, axis)? * stride);
        }
        for ((at, &dim), &step) in counter.iter_mut().zip(rows).zip(&steps).rev() {
            *at += 1;
            base += step;
            if *at < dim {
                break;
            }
            base -= step * *at;
            *at = 0;
        }
    }
    Ok(places)
}

/// Tuples of indices, along the last axis, into the first axes of a tensor of `dims` behind `batch` that both share; and
/// the dims of what lies at each place.
pub fn places_of_tuples<'a>(dims: &'a [usize], indices: &Tensor, batch: usize) -> Result<(Vec<usize>, &'a [usize])> {
    let unfit = || Error::execution(format!("indices {indices} do not fit the dims {dims:?} with {batch} batch axes"));
    let (&width, outer) = indices.dims().split_last().ok_or_else(unfit)?;
    let inner = batch.checked_add(width).and_then(|end| dims.get(end..)).ok_or_else(unfit)?;
    let shared = dims.get(..batch).unwrap_or_default();
    if outer.get(..batch) != Some(shared) {
        return Err(unfit());
    }
    let strides = row_major(dims);
    let axes: Vec<(usize, usize, usize)> = dims
        .iter()
        .zip(&strides)
        .enumerate()
        .skip(batch)
        .take(width)
        .map(|(axis, (&size, &stride))| (axis, size, stride as usize))
        .collect();
    let chunk = product(dims.get(batch..).unwrap_or_default());
    let tuples = product(outer);
    let per_batch = product(outer.get(batch..).unwrap_or_default()).max(1);
    if width == 0 {
        return Ok(((0..tuples).map(|tuple| tuple / per_batch * chunk).collect(), inner));
    }
    let indices = indices.to_i64s()?;
    let mut places = Vec::with_capacity(tuples);
    for (number, tuple) in indices.chunks_exact(width).enumerate() {
        let mut place = if batch == 0 { 0 } else { number / per_batch * chunk };
        for (&index, &(axis, size, stride)) in tuple.iter().zip(&axes) {
            place += resolve_index(index, size, axis)? * stride;
        }
        places.push(place);
    }
    Ok((places, inner))
}
