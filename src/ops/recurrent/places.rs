//! Where the steps, rows and directions of a recurrent layer are in its tensors.

use std::ops::Range;

/// Rows whose gates are summed up at a time: as many as make the weights' way through the cache worth it, and few enough to
/// be there still when their steps come.
const ROWS: usize = 64;

/// Where the rows of inputs and outputs are.
#[derive(Clone, Copy)]
pub struct Places {
    pub steps: usize,
    pub batch: usize,
    pub directions: usize,
    pub is_batch_first: bool,
}

impl Places {
    /// The dims of the states.
    pub fn state_dims(&self, size: usize) -> [usize; 3] {
        if self.is_batch_first { [self.batch, self.directions, size] } else { [self.directions, self.batch, size] }
    }

    /// Which row of the states is that of a direction and a row of the batch.
    pub fn state(&self, direction: usize, row: usize) -> usize {
        if self.is_batch_first { row * self.directions + direction } else { direction * self.batch + row }
    }

    /// The dims of what all steps give.
    pub fn output_dims(&self, size: usize) -> [usize; 4] {
        if self.is_batch_first {
            [self.batch, self.steps, self.directions, size]
        } else {
            [self.steps, self.directions, self.batch, size]
        }
    }

    /// Which row of what all steps give is that of a step, a direction and a row of the batch.
    pub fn output(&self, step: usize, direction: usize, row: usize) -> usize {
        if self.is_batch_first {
            (row * self.steps + step) * self.directions + direction
        } else {
            (step * self.directions + direction) * self.batch + row
        }
    }

    /// The steps in parts whose gates are summed up at a time.
    pub fn parts(&self, backwards: bool) -> impl Iterator<Item = Range<usize>> {
        let (steps, size) = (self.steps, self.part());
        let count = steps.div_ceil(size);
        (0..count).map(move |index| {
            let start = if backwards { count - 1 - index } else { index } * size;
            start..(start + size).min(steps)
        })
    }

    /// The steps of the longest part.
    pub fn part(&self) -> usize {
        (ROWS / self.batch.max(1)).clamp(1, self.steps.max(1))
    }

    /// The input rows of steps, in runs of one after another: each the first row and how many.
    pub fn inputs(&self, steps: &Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let (start, count, batch, all) = (steps.start, steps.len(), self.batch, self.steps);
        let is_batch_first = self.is_batch_first;
        (0..if is_batch_first { batch } else { 1 })
            .map(move |row| if is_batch_first { (row * all + start, count) } else { (start * batch, count * batch) })
    }

    /// Among the rows of `inputs(steps)`, the first one of a step and how far apart its rows are.
    pub fn step(&self, steps: &Range<usize>, step: usize) -> (usize, usize) {
        let index = step - steps.start;
        if self.is_batch_first { (index, steps.len()) } else { (index * self.batch, 1) }
    }
}
