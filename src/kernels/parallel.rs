//! Work cut into parts that threads share. What a part computes does not depend on how many there are: results are the same bits
//! on any number of threads. Where the build has no threads, all of it is a plain loop.

#[cfg(any(target_feature = "atomics", test))]
mod pool;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Mutex;

use crate::error::{Error, Result};

#[cfg(any(target_feature = "atomics", test))]
#[allow(unused_imports, reason = "tests let some be")]
pub use pool::{allow_wait, enlist, serve, threads};

/// The threads that take parts, the caller's included.
#[cfg(not(any(target_feature = "atomics", test)))]
#[inline(always)]
pub const fn threads() -> usize {
    1
}

/// What a build without threads does in place of the pool.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
mod alone {
    pub fn allow_wait() {}
    pub fn enlist() -> usize {
        0
    }
    pub fn serve() {}
}

#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
pub use alone::{allow_wait, enlist, serve};

/// Multiplications, or what takes as long, that are worth handing to another thread.
const WORTH: usize = 1 << 16;
/// Parts for each thread: those that come first to the end take more.
const EACH: usize = 4;

/// How many parts to cut work of so many multiplications into, if it can be cut into `most`.
#[inline]
pub fn count_parts(multiplications: usize, most: usize) -> usize {
    match threads() {
        1 => 1,
        threads => (multiplications / WORTH).min(threads * EACH).min(most).max(1),
    }
}

/// The range of part `part` of `parts` of `0..count`, of which all but the last are multiples of `unit`.
pub fn part_of(count: usize, unit: usize, part: usize, parts: usize) -> Range<usize> {
    let units = count.div_ceil(unit.max(1));
    let cut = |part: usize| (units * part / parts.max(1) * unit).min(count);
    cut(part)..cut(part + 1)
}

/// Does every part, on all threads.
#[inline(always)]
pub fn run(parts: usize, work: impl Fn(usize) + Sync) {
    #[cfg(any(target_feature = "atomics", test))]
    if parts > 1 {
        return pool::run(parts, &work);
    }
    (0..parts).for_each(work);
}

/// Does every part, on all threads; an error of one of those that fail.
#[inline(always)]
pub fn try_run(parts: usize, work: impl Fn(usize) -> Result<()> + Sync) -> Result<()> {
    if parts < 2 {
        return (0..parts).try_for_each(work);
    }
    let failure = Mutex::new(Ok(()));
    run(parts, |part| {
        if let Err(error) = work(part) {
            // Taken by another failure: one is enough.
            if let Ok(mut failure) = failure.try_lock() {
                *failure = Err(error);
            }
        }
    });
    failure.into_inner().unwrap_or(Ok(()))
}

/// Gives each of some parts of a slice, each but the last a multiple of `unit`, to `work`, with the index of its first element.
#[inline(always)]
pub fn run_chunks<T: Send>(values: &mut [T], unit: usize, parts: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    if parts < 2 {
        return work(0, values);
    }
    let count = values.len();
    let shared = Shared::new(values);
    run(parts, |part| {
        let range = part_of(count, unit, part, parts);
        // SAFETY: ranges of different parts are apart.
        unsafe { work(range.start, shared.part(range)) }
    });
}

/// Gives each of some parts of the rows of `values`, of `width` elements each, to `work`, with the same part of each of `columns`,
/// which have an element for each row, and the index of the first row.
pub fn run_rows<T: Send, U: Send, const N: usize>(
    (values, width): (&mut [T], usize),
    columns: [&mut [U]; N],
    parts: usize,
    work: impl Fn(usize, &mut [T], [&mut [U]; N]) + Sync,
) {
    let rows = values.len() / width.max(1);
    let (values, columns) = (Shared::new(values), columns.map(Shared::new));
    run(parts, |part| {
        let range = part_of(rows, 1, part, parts);
        // SAFETY: ranges of different parts are apart.
        unsafe {
            let values = values.part(range.start * width..range.end * width);
            work(range.start, values, columns.each_ref().map(|column| column.part(range.clone())));
        }
    });
}

/// What each part gives, in order, or an error of one of those that fail.
pub fn try_map<R: Send>(parts: usize, work: impl Fn(usize) -> Result<R> + Sync) -> Result<Vec<R>> {
    if parts < 2 {
        return (0..parts).map(work).collect();
    }
    let results: Vec<Mutex<Option<R>>> = (0..parts).map(|_| Mutex::new(None)).collect();
    try_run(parts, |part| {
        let result = work(part)?;
        if let Some(Ok(mut place)) = results.get(part).map(Mutex::try_lock) {
            *place = Some(result);
        }
        Ok(())
    })?;
    let results = results.into_iter().map(|place| place.into_inner().ok().flatten());
    results.map(|result| result.ok_or_else(|| Error::execution("a part of the work was lost"))).collect()
}

/// A slice that threads write to, each its own elements.
pub struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    life: PhantomData<&'a mut [T]>,
}

// SAFETY: whoever takes a part promises that nobody else has it.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Shares a slice.
    pub fn new(values: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: values.as_mut_ptr(), length: values.len(), life: PhantomData }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The first element.
    pub fn start(&self) -> *mut T {
        self.start
    }

    /// A part of the slice, which is empty where the slice does not have it all.
    ///
    /// # Safety
    /// Nobody else has any of it.
    #[allow(clippy::mut_from_ref, reason = "that is what sharing is about")]
    pub unsafe fn part(&self, range: Range<usize>) -> &'a mut [T] {
        if range.start > range.end || range.end > self.length {
            return &mut [];
        }
        // SAFETY: the range is inside, and the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests;
