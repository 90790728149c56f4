//! The heads of a query, a key or a value, wherever they stand in a tensor.

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::kernels::gathered::gather_strided;
use crate::tensor;
use crate::tensor::Element;

/// Rows of `size` numbers: `length` a head, `heads` a sample, `batch` samples.
#[derive(Clone, Copy)]
pub struct Heads<'a, T> {
    values: &'a [T],
    pub batch: usize,
    pub heads: usize,
    pub length: usize,
    pub size: usize,
    /// From a sample to the next, from a head, and from a row.
    strides: [usize; 3],
}

impl<'a, T: Element + Copy> Heads<'a, T> {
    /// `[batch, heads, length, size]`
    pub fn of_four_axes(values: &'a [T], [batch, heads, length, size]: [usize; 4]) -> Heads<'a, T> {
        let strides = [heads * length * size, length * size, size];
        Heads { values, batch, heads, length, size, strides }
    }

    /// Columns of `[batch, length, width]`: `heads` heads of `size` from column `first` on, `step` apart.
    pub fn of_columns(
        values: &'a [T],
        [batch, length, width]: [usize; 3],
        [heads, size]: [usize; 2],
        [first, step]: [usize; 2],
    ) -> Heads<'a, T> {
        let values = values.get(first..).unwrap_or_default();
        Heads { values, batch, heads, length, size, strides: [length * width, step, width] }
    }

    /// Four axes, or three whose last holds `heads` heads.
    pub fn of_dims(values: &'a [T], dims: &[usize], heads: Option<usize>) -> Result<Heads<'a, T>> {
        match (dims, heads) {
            (&[batch, heads, length, size], _) => Ok(Heads::of_four_axes(values, [batch, heads, length, size])),
            (&[batch, length, width], Some(heads)) if heads > 0 && width % heads == 0 => {
                let size = width / heads;
                Ok(Heads::of_columns(values, [batch, length, width], [heads, size], [0, size]))
            }
            _ => Err(Error::execution(format!("the dims {dims:?} do not make {heads:?} heads"))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.batch == 0 || self.heads == 0 || self.length == 0 || self.size == 0
    }

    /// The dims of the same rows as four axes.
    pub fn dims(&self) -> [usize; 4] {
        [self.batch, self.heads, self.length, self.size]
    }

    fn at_head(&self, batch: usize, head: usize) -> &'a [T] {
        let [of_batch, of_head, _] = self.strides;
        self.values.get(batch * of_batch + head * of_head..).unwrap_or_default()
    }

    /// The rows of a head, one after another.
    pub fn rows(&self, batch: usize, head: usize) -> Cow<'a, [T]> {
        let (from, count) = (self.at_head(batch, head), self.length * self.size);
        if self.strides[2] == self.size {
            return Cow::Borrowed(from.get(..count).unwrap_or_default());
        }
        let mut rows = Vec::with_capacity(count);
        self.append_rows(batch, head, &mut rows);
        Cow::Owned(rows)
    }

    /// The columns of a head, one after another.
    pub fn columns(&self, batch: usize, head: usize, columns: &mut Vec<T>) {
        columns.clear();
        gather_strided(self.at_head(batch, head), &[self.size, self.length], &[1, self.strides[2]], columns);
    }

    fn append_rows(&self, batch: usize, head: usize, rows: &mut Vec<T>) {
        if !self.is_empty() {
            gather_strided(self.at_head(batch, head), &[self.length, self.size], &[self.strides[2], 1], rows);
        }
    }

    /// The rows of each head behind those that `past` holds, as `[batch, heads, length, size]`.
    pub fn behind(&self, past: Option<&Heads<T>>) -> Result<Vec<T>> {
        let before = past.map_or(0, |past| past.length);
        if let Some(past) = past
            && (past.batch, past.heads, past.size) != (self.batch, self.heads, self.size)
        {
            return Err(Error::execution(format!("a past of {:?} is not one for {:?}", past.dims(), self.dims())));
        }
        let mut all = tensor::reserve(&[self.batch, self.heads, before + self.length, self.size])?;
        for batch in 0..self.batch {
            for head in 0..self.heads {
                past.into_iter().for_each(|past| past.append_rows(batch, head, &mut all));
                self.append_rows(batch, head, &mut all);
            }
        }
        Ok(all)
    }
}
