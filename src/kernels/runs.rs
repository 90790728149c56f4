//! Runs of elements from and to places in any order.

use crate::error::{Error, Result};
use crate::tensor::Bits;

fn outside(place: usize, len: usize) -> Error {
    Error::execution(format!("place {place} is outside {len} elements"))
}

/// Adds the `run` elements at each of the places.
pub fn gather<T: Bits>(source: &[T], places: &[usize], run: usize, out: &mut Vec<T>) -> Result<()> {
    if let Some(&far) = places.iter().max()
        && far.checked_add(run).is_none_or(|end| end > source.len())
    {
        return Err(outside(far, source.len()));
    }
    match run {
        0 => {}
        1 => out.extend(places.iter().map(|&place| source.get(place).cloned().unwrap_or_default())),
        _ => {
            for &place in places {
                out.extend_from_slice(source.get(place..place + run).unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Puts runs of `run` elements at the places, in their order.
pub fn scatter<T: Bits>(target: &mut [T], places: &[usize], run: usize, updates: &[T]) -> Result<()> {
    let len = target.len();
    for (&place, update) in places.iter().zip(updates.chunks_exact(run.max(1))) {
        let slot =
            place.checked_add(run).and_then(|end| target.get_mut(place..end)).ok_or_else(|| outside(place, len))?;
        slot.clone_from_slice(update);
    }
    Ok(())
}

/// As [`scatter`], each element combined with the one that is there.
pub fn scatter_with<T: Copy>(
    target: &mut [T],
    places: &[usize],
    run: usize,
    updates: &[T],
    combine: fn(T, T) -> T,
) -> Result<()> {
    let len = target.len();
    for (&place, update) in places.iter().zip(updates.chunks_exact(run.max(1))) {
        let slot =
            place.checked_add(run).and_then(|end| target.get_mut(place..end)).ok_or_else(|| outside(place, len))?;
        for (old, &new) in slot.iter_mut().zip(update) {
            *old = combine(*old, new);
        }
    }
    Ok(())
}
