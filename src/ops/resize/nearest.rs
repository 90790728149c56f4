//! Resizing by copying the nearest elements.

use crate::error::Result;
use crate::tensor::{Element, reserve};

/// Copies the elements that `maps` names for each axis; `outside` where it names none.
pub fn copy_nearest<T: Element>(
    from: &[T],
    dims: &[usize],
    maps: &[Vec<Option<usize>>],
    outside: &T,
) -> Result<Vec<T>> {
    let output: Vec<usize> = maps.iter().map(Vec::len).collect();
    let mut into = reserve::<T>(&output)?;
    if !output.contains(&0) {
        copy_axis(from, dims, maps, outside, &mut into);
    }
    Ok(into)
}

fn is_kept(map: &[Option<usize>], dim: usize) -> bool {
    map.len() == dim && map.iter().enumerate().all(|(index, &place)| place == Some(index))
}

fn copy_axis<T: Element>(from: &[T], dims: &[usize], maps: &[Vec<Option<usize>>], outside: &T, into: &mut Vec<T>) {
    if dims.iter().zip(maps).all(|(&dim, map)| is_kept(map, dim)) {
        into.extend_from_slice(from);
        return;
    }
    let (Some((_, dims)), Some((map, maps))) = (dims.split_first(), maps.split_first()) else { return };
    if maps.is_empty() {
        into.extend(map.iter().map(|place| place.and_then(|place| from.get(place)).unwrap_or(outside).clone()));
        return;
    }
    let step: usize = dims.iter().product();
    let size: usize = maps.iter().map(Vec::len).product();
    let mut last = None;
    for &place in map {
        match place {
            _ if last == Some(place) => into.extend_from_within(into.len() - size..),
            None => into.resize(into.len() + size, outside.clone()),
            Some(place) => {
                let block = from.get(place * step..(place + 1) * step).unwrap_or_default();
                copy_axis(block, dims, maps, outside, into);
            }
        }
        last = Some(place);
    }
}
