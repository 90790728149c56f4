//! The heads of a query, a key or a value, wherever they stand in a tensor.

use crate::error::{Error, Result};
use crate::kernels::gemm::Matrix;
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

    /// The rows of a head.
    pub fn matrix(&self, batch: usize, head: usize) -> Matrix<'a, T> {
        let [of_batch, of_head, row_stride] = self.strides;
        let data = self.values.get(batch * of_batch + head * of_head..).unwrap_or_default();
        Matrix { data, row_stride, column_stride: 1 }
    }

    /// Each row of a head.
    pub fn rows(&self, batch: usize, head: usize) -> impl Iterator<Item = &'a [T]> {
        let Matrix { data, row_stride, .. } = self.matrix(batch, head);
        let size = self.size;
        (0..self.length).map_while(move |row| data.get(row * row_stride..)?.get(..size))
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
                let before = past.into_iter().flat_map(|past| past.rows(batch, head));
                before.chain(self.rows(batch, head)).for_each(|row| all.extend_from_slice(row));
            }
        }
        Ok(all)
    }
}
