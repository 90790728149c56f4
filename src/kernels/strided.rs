//! Copies of views: elements that lie a stride apart along each axis, put one after the other.

use smallvec::SmallVec;

use super::tile::{Axis, copy_block};
use crate::error::{Error, Result};
use crate::tensor::{Bits, Dims};

/// How far apart the elements along each axis are.
pub type Strides = SmallVec<[isize; 6]>;

/// The strides of a tensor whose elements lie in the order of its dims.
pub fn row_major(dims: &[usize]) -> Strides {
    let mut strides: Strides = SmallVec::from_elem(0, dims.len());
    let mut stride = 1isize;
    for (slot, &dim) in strides.iter_mut().zip(dims).rev() {
        *slot = stride;
        stride = stride.saturating_mul(dim as isize);
    }
    strides
}

/// A choice of a tensor's elements, in an order of its own: some may be left out, some may come more than once.
#[derive(Debug, Clone)]
pub struct View {
    /// The place of the first element.
    pub start: isize,
    /// The sizes of the view's axes.
    pub dims: Dims,
    /// The places between neighbours along each axis.
    pub strides: Strides,
}

impl View {
    /// All elements of a tensor of `dims`, in order.
    pub fn whole(dims: &[usize]) -> View {
        View { start: 0, dims: Dims::from_slice(dims), strides: row_major(dims) }
    }

    /// Adds an axis inside the others.
    pub fn push(&mut self, dim: usize, stride: isize) {
        self.dims.push(dim);
        self.strides.push(stride);
    }

    /// Whether these are all `len` elements of a tensor in order.
    pub fn is_whole(&self, len: usize) -> bool {
        let axes = self.axes();
        let in_order = match axes.as_slice() {
            [] => len == 1,
            [axis] => axis.from == 1 && axis.size == len,
            _ => false,
        };
        self.start == 0 && in_order
    }

    /// The axes, as few as will do: those of one element are left out, and neighbours that lie as one are one.
    fn axes(&self) -> SmallVec<[Axis; 6]> {
        let mut axes: SmallVec<[Axis; 6]> = SmallVec::new();
        let to = row_major(&self.dims);
        for ((&size, &from), &to) in self.dims.iter().zip(&self.strides).zip(&to) {
            if size == 1 {
                continue;
            }
            match axes.last_mut() {
                Some(last) if last.from == from.saturating_mul(size as isize) => {
                    *last = Axis { size: last.size.saturating_mul(size), from, to }
                }
                _ => axes.push(Axis { size, from, to }),
            }
        }
        axes
    }
}

/// The steps along the outer axes of a copy.
struct Walk {
    axes: SmallVec<[(Axis, usize); 6]>,
    from: isize,
    to: isize,
}

impl Walk {
    /// Goes to the next place, unless this was the last.
    fn advance(&mut self) -> bool {
        for (axis, at) in self.axes.iter_mut().rev() {
            *at += 1;
            self.from += axis.from;
            self.to += axis.to;
            if *at < axis.size {
                return true;
            }
            self.from -= axis.from * axis.size as isize;
            self.to -= axis.to * axis.size as isize;
            *at = 0;
        }
        false
    }
}

/// Adds the elements of a view to `out`.
pub fn collect<T: Bits>(source: &[T], view: &View, out: &mut Vec<T>) -> Result<()> {
    if view.dims.contains(&0) {
        return Ok(());
    }
    let mut axes = view.axes();
    let count = check_bounds(view.start, &axes, source.len())?;
    let columns = axes.pop().unwrap_or(Axis::ONE);
    // A row that is not contiguous is best read across, along the axis that is.
    let across = axes.iter().rposition(|axis| axis.from == 1).filter(|_| columns.from > 1);
    let rows = match across {
        Some(index) => axes.remove(index),
        None => axes.pop().unwrap_or(Axis::ONE),
    };
    let mut walk = Walk { axes: axes.into_iter().map(|axis| (axis, 0)).collect(), from: view.start, to: 0 };
    out.reserve(count);
    let length = out.len();
    let target = out.spare_capacity_mut().as_mut_ptr().cast::<T>();
    loop {
        // SAFETY: `check_bounds` holds every place that the axes reach inside `source`. The places that they reach in the
        // target are the `count` of a dense tensor of the view's dims, each once, and there is room for that many.
        unsafe { copy_block(source.as_ptr().offset(walk.from), target.offset(walk.to), rows, columns) };
        if !walk.advance() {
            break;
        }
    }
    // SAFETY: as above, `count` elements were written behind the first `length`.
    unsafe { out.set_len(length + count) };
    Ok(())
}

/// The number of elements, where all places are below `len`.
fn check_bounds(start: isize, axes: &[Axis], len: usize) -> Result<usize> {
    let bounds = axes.iter().try_fold((start, start, 1usize), |(low, high, count), axis| {
        let reach = axis.from.checked_mul(isize::try_from(axis.size).ok()?.checked_sub(1)?)?;
        let count = count.checked_mul(axis.size)?;
        Some((low.checked_add(reach.min(0))?, high.checked_add(reach.max(0))?, count))
    });
    match bounds {
        Some((low, high, count)) if low >= 0 && (high as usize) < len => Ok(count),
        _ => Err(Error::execution(format!("a view reaches outside a tensor of {len} elements"))),
    }
}

/// Adds `outer` times a run of each part, in turn; the runs of a part are what it holds for one turn.
pub fn interleave<T: Bits>(parts: &[&[T]], outer: usize, out: &mut Vec<T>) {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    if outer == 0 || total == 0 {
        return;
    }
    out.reserve(total);
    let row = parts.iter().map(|part| part.len() / outer).sum::<usize>();
    let length = out.len();
    let target = out.spare_capacity_mut().as_mut_ptr().cast::<T>();
    let mut start = 0;
    for part in parts {
        let run = part.len() / outer;
        let rows = Axis { size: outer, from: run as isize, to: row as isize };
        // SAFETY: `outer` rows of `run` elements are inside `part`; of the `outer * row` elements of the target, for which
        // there is room, each part writes its own columns.
        unsafe { copy_block(part.as_ptr(), target.add(start), rows, Axis { size: run, from: 1, to: 1 }) };
        start += run;
    }
    // SAFETY: as above, `outer * row` elements were written behind the first `length`.
    unsafe { out.set_len(length + outer * row) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn check<T: Bits + std::fmt::Debug>(source: &[T], view: &View) {
        let mut expected = vec![];
        for index in 0..view.dims.iter().product::<usize>() {
            let (mut rest, mut place) = (index, view.start);
            for (&dim, &stride) in view.dims.iter().zip(&view.strides).rev() {
                place += (rest % dim) as isize * stride;
                rest /= dim;
            }
            expected.push(source[place as usize].clone());
        }
        let mut out = vec![T::default()];
        collect(source, view, &mut out).unwrap();
        assert_eq!(out[1..], expected, "{view:?}");
    }

    fn check_all<T: Bits + std::fmt::Debug>(make: fn(usize) -> T) {
        for dims in
            [vec![], vec![0, 3], vec![7], vec![5, 9], vec![33, 21], vec![3, 40, 2], vec![2, 1, 17, 5], vec![300, 3]]
        {
            let source: Vec<T> = (0..dims.iter().product()).map(make).collect();
            let whole = View::whole(&dims);
            let mut orders = vec![(0..dims.len()).collect::<Vec<_>>()];
            orders.push((0..dims.len()).rev().collect());
            orders.push((0..dims.len()).map(|axis| (axis + 1) % dims.len()).collect());
            for order in orders {
                let mut view = View { start: 0, dims: Dims::new(), strides: Strides::new() };
                for &axis in &order {
                    view.push(dims[axis], whole.strides[axis]);
                }
                check(&source, &view);
                // Backwards along the first axis, every other element along the last, each twice.
                if let (Some(first), Some(&dim)) = (view.strides.first().copied(), view.dims.first()) {
                    view.start = first * (dim.max(1) as isize - 1);
                    view.strides[0] = -first;
                    let last = view.dims.len() - 1;
                    view.dims[last] = view.dims[last].div_ceil(2);
                    if last > 0 {
                        view.strides[last] *= 2;
                        check(&source, &view);
                    }
                    view.push(2, 0);
                    view.dims[0] = dim.min(view.dims[0]);
                    check(&source, &view);
                }
            }
        }
    }

    #[test]
    fn views_of_any_strides_are_collected() {
        check_all(|index| index as u8);
        check_all(|index| index as u16);
        check_all(|index| index as u32);
        check_all(|index| index as u64);
        check_all(|index| index.to_string());
    }

    #[test]
    fn a_view_outside_its_tensor_is_refused() {
        let view = View { start: 1, ..View::whole(&[4]) };
        assert!(collect(&[1u32, 2, 3, 4], &view, &mut vec![]).is_err());
        assert!(View::whole(&[2, 3]).is_whole(6));
        assert!(!View::whole(&[2, 3]).is_whole(7));
    }

    #[test]
    fn parts_take_turns() {
        let mut out = vec![];
        interleave(&[&[1u16, 2, 3, 4], &[], &[5, 6]], 2, &mut out);
        assert_eq!(out, [1, 2, 5, 3, 4, 6]);
    }
}
