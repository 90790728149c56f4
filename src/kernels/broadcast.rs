//! Numpy's broadcasting: operands whose dims differ become rows, along each of which an operand either moves or stands still.

use smallvec::SmallVec;

use super::simd::F32x4;
use crate::error::{Error, Result};
use crate::tensor::{Dims, Element, count_elements, reserve};

/// The dims of what operands of these dims give together.
pub fn broadcast_dims(operands: &[&[usize]]) -> Result<Dims> {
    let rank = operands.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut result = Dims::from_elem(1, rank);
    for dims in operands {
        for (to, &dim) in result.iter_mut().rev().zip(dims.iter().rev()) {
            if *to == 1 {
                *to = dim;
            } else if dim != 1 && dim != *to {
                return Err(Error::execution("expected dims that broadcast together"));
            }
        }
    }
    Ok(result)
}

/// One axis, after neighbours along which the same operands move have become one.
struct Axis<const K: usize> {
    size: usize,
    /// How far a step along the axis leads in each operand.
    strides: [usize; K],
}

/// Rows of so many elements cost more to begin than to compute.
const SHORT: usize = 16;

/// Rows of so many elements cost next to nothing to begin.
const LONG: usize = 1024;

/// `K` operands of a broadcast.
pub struct Broadcast<const K: usize> {
    dims: Dims,
    /// Innermost first.
    axes: SmallVec<[Axis<K>; 4]>,
    /// How many elements each operand has.
    lens: [usize; K],
}

impl<const K: usize> Broadcast<K> {
    /// The broadcast of operands of these dims.
    pub fn new(operands: [&[usize]; K]) -> Result<Broadcast<K>> {
        let dims = broadcast_dims(&operands)?;
        let mut axes: SmallVec<[Axis<K>; 4]> = SmallVec::new();
        // The elements of each operand behind the axes seen so far.
        let mut inner = [1usize; K];
        for (back, &size) in dims.iter().rev().enumerate() {
            if size == 1 {
                continue;
            }
            let dim_of = |operand: &[usize]| operand.iter().nth_back(back).copied().unwrap_or(1);
            let own = operands.map(dim_of);
            let mut strides = inner;
            strides.iter_mut().zip(own).for_each(|(stride, dim)| *stride = if dim == 1 { 0 } else { *stride });
            match axes.last_mut() {
                Some(last) if last.strides.iter().zip(strides).all(|(&last, next)| (last == 0) == (next == 0)) => {
                    last.size = last.size.saturating_mul(size);
                }
                _ => axes.push(Axis { size, strides }),
            }
            inner.iter_mut().zip(own).for_each(|(inner, dim)| *inner = inner.saturating_mul(dim));
        }
        Ok(Broadcast { dims, axes, lens: inner })
    }

    /// The dims of the result.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// An error where operands have other numbers of elements than their dims say.
    fn check(&self, lens: [usize; K]) -> Result<()> {
        if lens == self.lens {
            Ok(())
        } else {
            Err(Error::execution("elements and dims of an operand do not fit together"))
        }
    }

    /// Makes short rows longer where one operand is a single row, used again and again, such as a bias of three channels that
    /// are the last axis. Tells which operand, and how many times its elements are to be repeated for that.
    fn lengthen_rows(&mut self) -> Option<(usize, usize)> {
        let (row, next) = match self.axes.as_mut_slice() {
            [row, next, ..] if (1..=SHORT).contains(&row.size) && next.size >= SHORT && !row.strides.contains(&0) => {
                (row, next)
            }
            _ => return None,
        };
        let still = self.lens.iter().position(|&len| len == row.size)?;
        let most = (LONG / row.size).min(next.size);
        let count = (2..=most).rev().find(|count| next.size % count == 0)?;
        row.size *= count;
        next.size /= count;
        next.strides.iter_mut().for_each(|stride| *stride *= count);
        if let Some(len) = self.lens.get_mut(still) {
            *len *= count;
        }
        Some((still, count))
    }

    /// Calls `run` for each row, in the order of the result's elements, with where the row starts in each operand, how far
    /// apart its elements are there (0 or 1), and how many they are.
    pub fn each_row(&self, run: &mut dyn FnMut([usize; K], [usize; K], usize)) {
        if self.dims.contains(&0) {
            return;
        }
        let Some((row, outer)) = self.axes.split_first() else {
            return run([0; K], [0; K], 1);
        };
        let steps = row.strides.map(|stride| stride.min(1));
        let mut starts = [0usize; K];
        let mut index: SmallVec<[usize; 4]> = SmallVec::from_elem(0, outer.len());
        loop {
            run(starts, steps, row.size);
            let mut is_done = true;
            for (axis, index) in outer.iter().zip(index.iter_mut()) {
                *index += 1;
                starts.iter_mut().zip(axis.strides).for_each(|(start, stride)| *start += stride);
                if *index < axis.size {
                    is_done = false;
                    break;
                }
                *index = 0;
                starts.iter_mut().zip(axis.strides).for_each(|(start, stride)| *start -= stride * axis.size);
            }
            if is_done {
                return;
            }
        }
    }
}

/// A row of a result and of its two operands: where each starts, the steps of the operands (0 or 1), and the length. The result
/// may lie where an operand lies that moves.
pub struct Row<T, U> {
    to: *mut U,
    from: [*const T; 2],
    steps: [usize; 2],
    len: usize,
}

impl<T: Copy, U> Row<T, U> {
    /// Writes a function of both operands.
    #[inline(always)]
    pub fn zip(self, f: impl Fn(T, T) -> U) {
        let ([a, b], to) = (self.from, self.to);
        // SAFETY: a row is only made by `zip_rows`, with `len` elements at `to`, and in each operand that moves; one element in
        // one that stands still. A step that the compiler knows lets it compute several elements at once.
        unsafe {
            match self.steps {
                [0, b_step] => {
                    let a = a.read();
                    (0..self.len).for_each(|index| to.add(index).write(f(a, b.add(index * b_step).read())));
                }
                [_, 0] => {
                    let b = b.read();
                    (0..self.len).for_each(|index| to.add(index).write(f(a.add(index).read(), b)));
                }
                _ => (0..self.len).for_each(|index| to.add(index).write(f(a.add(index).read(), b.add(index).read()))),
            }
        }
    }
}

impl Row<f32, f32> {
    /// Writes a function of both operands, four at a time.
    #[inline(always)]
    pub fn zip_wide(self, f: impl Fn(F32x4, F32x4) -> F32x4) {
        let ([mut a, mut b], [a_step, b_step], mut to) = (self.from, self.steps, self.to);
        // SAFETY: a row has at least one element in each operand.
        let first = unsafe { [[a.read(); 4], [b.read(); 4]] };
        // An operand that stands still is read from here.
        let [a_still, b_still] = &first;
        let wide = self.len / 4;
        let rest = self.len % 4;
        if a_step == 0 {
            a = a_still.as_ptr();
        }
        if b_step == 0 {
            b = b_still.as_ptr();
        }
        for _ in 0..wide {
            // SAFETY: `wide` vectors are in the row, and four equal values in an operand that stands still.
            unsafe {
                f(F32x4::load(a), F32x4::load(b)).store(to);
                (a, b, to) = (a.add(4 * a_step), b.add(4 * b_step), to.add(4));
            }
        }
        let mut last = [[0f32; 4]; 2];
        let [a_last, b_last] = &mut last;
        for (index, (a_last, b_last)) in a_last.iter_mut().zip(b_last).take(rest).enumerate() {
            // SAFETY: `rest` elements are left of the row.
            unsafe { (*a_last, *b_last) = (a.add(index * a_step).read(), b.add(index * b_step).read()) }
        }
        let [a_last, b_last] = last.map(F32x4::new);
        for (index, value) in f(a_last, b_last).to_array().into_iter().take(rest).enumerate() {
            // SAFETY: as above.
            unsafe { to.add(index).write(value) }
        }
    }
}

/// The elements of an operand; owned ones may become the result's.
pub enum Operand<'a, T> {
    /// Elements that others need as well.
    Shared(&'a [T]),
    /// Elements that nobody else needs.
    Owned(Vec<T>),
}

impl<T> Operand<'_, T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Operand::Shared(values) => values,
            Operand::Owned(values) => values,
        }
    }

    /// The vector, where it has as many elements as the result.
    fn take(&mut self, len: usize) -> Option<Vec<T>> {
        match self {
            Operand::Owned(values) if values.len() == len => Some(std::mem::take(values)),
            _ => None,
        }
    }
}

/// A function of two operands, by rows, in the memory of an operand where that is owned and large enough.
pub fn zip_in_place<T: Element + Copy>(
    mut broadcast: Broadcast<2>,
    mut operands: [Operand<T>; 2],
    run: &dyn Fn(Row<T, T>),
) -> Result<Vec<T>> {
    let total = count_elements::<T>(broadcast.dims())?;
    if let Some((index, count)) = broadcast.lengthen_rows()
        && let Some(operand) = operands.get_mut(index)
    {
        *operand = Operand::Owned(operand.as_slice().repeat(count));
    }
    let [a, b] = &mut operands;
    broadcast.check([a.as_slice().len(), b.as_slice().len()])?;
    let mut from = [a.as_slice().as_ptr(), b.as_slice().as_ptr()];
    let [a_from, b_from] = &mut from;
    if let Some(mut values) = a.take(total) {
        *a_from = values.as_mut_ptr();
        write_rows(&broadcast, from, values.as_mut_ptr(), run);
        return Ok(values);
    }
    if let Some(mut values) = b.take(total) {
        *b_from = values.as_mut_ptr();
        write_rows(&broadcast, from, values.as_mut_ptr(), run);
        return Ok(values);
    }
    let mut values: Vec<T> = reserve(broadcast.dims())?;
    write_rows(&broadcast, from, values.as_mut_ptr(), run);
    // SAFETY: there is room for `total` elements, and the rows have written all of them.
    unsafe { values.set_len(total) };
    Ok(values)
}

/// A function of two operands, by rows, of another element type.
pub fn zip_rows<T: Copy, U: Element + Copy>(
    broadcast: &Broadcast<2>,
    operands: [&[T]; 2],
    run: &dyn Fn(Row<T, U>),
) -> Result<Vec<U>> {
    broadcast.check(operands.map(<[T]>::len))?;
    let total = count_elements::<U>(broadcast.dims())?;
    let mut values: Vec<U> = reserve(broadcast.dims())?;
    write_rows(broadcast, operands.map(<[T]>::as_ptr), values.as_mut_ptr(), run);
    // SAFETY: there is room for `total` elements, and the rows have written all of them.
    unsafe { values.set_len(total) };
    Ok(values)
}

/// The operands have been checked to have the elements of their dims, and there is room for those of the result at `to`.
fn write_rows<T: Copy, U>(broadcast: &Broadcast<2>, from: [*const T; 2], mut to: *mut U, run: &dyn Fn(Row<T, U>)) {
    let [a_from, b_from] = from;
    broadcast.each_row(&mut |[a, b], steps, len| {
        // SAFETY: rows stay within the elements of the operands, and within those of the result, of which they are the parts
        // in order.
        unsafe {
            run(Row { to, from: [a_from.add(a), b_from.add(b)], steps, len });
            to = to.add(len);
        }
    });
}

/// Elements of the one operand where a condition holds, else of the other.
pub fn choose<T: Element>(broadcast: &Broadcast<3>, condition: &[u8], then: &[T], otherwise: &[T]) -> Result<Vec<T>> {
    broadcast.check([condition.len(), then.len(), otherwise.len()])?;
    let mut values: Vec<T> = reserve(broadcast.dims())?;
    broadcast.each_row(&mut |[c, a, b], [c_step, a_step, b_step], len| {
        values.extend((0..len).map(|index| {
            // SAFETY: rows stay within the elements of the operands, whose numbers have been checked.
            unsafe {
                if *condition.get_unchecked(c + index * c_step) != 0 {
                    then.get_unchecked(a + index * a_step).clone()
                } else {
                    otherwise.get_unchecked(b + index * b_step).clone()
                }
            }
        }));
    });
    Ok(values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// The element of an operand that belongs to an element of the result.
    fn locate(dims: &[usize], operand: &[usize], mut index: usize) -> usize {
        let (mut place, mut stride) = (0, 1);
        for (back, &dim) in dims.iter().rev().enumerate() {
            let own = operand.iter().nth_back(back).copied().unwrap_or(1);
            place += if own == 1 { 0 } else { index % dim * stride };
            index /= dim;
            stride *= own;
        }
        place
    }

    const CASES: [(&[usize], &[usize]); 20] = [
        (&[32, 3], &[3]),
        (&[3], &[2, 17, 3]),
        (&[2, 300, 2, 5], &[1, 2, 5]),
        (&[16, 2], &[16, 2]),
        (&[0, 16, 3], &[3]),
        (&[16, 1, 0], &[4, 1]),
        (&[], &[]),
        (&[7], &[]),
        (&[], &[5]),
        (&[2, 3, 4], &[2, 3, 4]),
        (&[2, 3, 5], &[5]),
        (&[2, 3, 5], &[3, 1]),
        (&[2, 1, 5], &[3, 1]),
        (&[1, 6], &[4, 1]),
        (&[3, 1, 2, 1, 9], &[1, 4, 2, 3, 1]),
        (&[1, 1], &[1]),
        (&[0, 3], &[1, 3]),
        (&[2, 0], &[2, 1]),
        (&[1, 2, 9], &[8, 1, 9]),
        (&[17], &[17]),
    ];

    #[test]
    fn rows_are_those_of_a_plain_loop() {
        for (a_dims, b_dims) in CASES {
            let broadcast = Broadcast::new([a_dims, b_dims]).unwrap();
            let dims = broadcast.dims().to_vec();
            let a: Vec<f32> = (0..a_dims.iter().product::<usize>()).map(|value| value as f32).collect();
            let b: Vec<f32> = (0..b_dims.iter().product::<usize>()).map(|value| value as f32 * 100.0).collect();
            let expected: Vec<f32> = (0..dims.iter().product())
                .map(|index| a[locate(&dims, a_dims, index)] - b[locate(&dims, b_dims, index)])
                .collect();
            for owned in 0..4 {
                let hold = |values: &Vec<f32>, bit| (owned & bit != 0).then(|| values.clone());
                let operand = |held, values| match held {
                    Some(values) => Operand::Owned(values),
                    None => Operand::Shared(values),
                };
                let broadcast = Broadcast::new([a_dims, b_dims]).unwrap();
                let operands = [operand(hold(&a, 1), &a[..]), operand(hold(&b, 2), &b[..])];
                let values = zip_in_place(broadcast, operands, &|row| row.zip_wide(|a, b| a.sub(b))).unwrap();
                assert_eq!(values, expected, "{a_dims:?} {b_dims:?} {owned}");
            }
            let values: Vec<f64> =
                zip_rows(&broadcast, [&a[..], &b[..]], &|row| row.zip(|a, b| f64::from(a) - f64::from(b))).unwrap();
            assert!(values.iter().zip(&expected).all(|(&a, &b)| a == f64::from(b)));
        }
    }

    #[test]
    fn a_condition_chooses() {
        let broadcast = Broadcast::new([&[2, 1], &[3], &[]]).unwrap();
        let chosen = choose(&broadcast, &[1, 0], &["a".to_string(), "b".into(), "c".into()], &["d".to_string()]);
        assert_eq!(chosen.unwrap(), ["a", "b", "c", "d", "d", "d"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(broadcast_dims(&[&[2, 3], &[2]]).is_err());
        assert!(broadcast_dims(&[&[0], &[3]]).is_err());
        let broadcast = Broadcast::new([&[2], &[2]]).unwrap();
        assert!(zip_rows::<u8, u8>(&broadcast, [&[1], &[1, 2]], &|row| row.zip(|a, _| a)).is_err());
    }
}
