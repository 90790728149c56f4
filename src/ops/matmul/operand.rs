//! Operands of products: stacks of matrices.

use crate::error::{Error, Result};
use crate::kernels::gemm::Matrix;
use crate::tensor::Dims;

/// What an operator does to an operand before it multiplies.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transposes {
    /// The last two axes are exchanged.
    pub matrix: bool,
    /// The first axis comes after the batch axes.
    pub batch: bool,
}

/// How the matrices of a tensor lie in its memory.
#[derive(Debug, Clone)]
pub struct Operand {
    /// The batch axes and how far apart their elements are.
    pub batch: Vec<(usize, usize)>,
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
    /// Whether the tensor has one axis, so that the result has none for it.
    pub is_vector: bool,
}

impl Operand {
    pub fn left(dims: &[usize], transposes: Transposes) -> Result<Operand> {
        match dims {
            [] => Err(scalar()),
            &[length] => Ok(Operand::vector(1, length, (length, 1))),
            _ => Ok(Operand::stack(dims, transposes)),
        }
    }

    pub fn right(dims: &[usize], transposes: Transposes) -> Result<Operand> {
        match dims {
            [] => Err(scalar()),
            &[length] => Ok(Operand::vector(length, 1, (1, 1))),
            _ => Ok(Operand::stack(dims, transposes)),
        }
    }

    fn vector(rows: usize, columns: usize, (row_stride, column_stride): (usize, usize)) -> Operand {
        Operand { batch: vec![], rows, columns, row_stride, column_stride, is_vector: true }
    }

    fn stack(dims: &[usize], transposes: Transposes) -> Operand {
        let mut stride = 1;
        let mut axes: Vec<(usize, usize)> = vec![];
        for &dim in dims.iter().rev() {
            axes.push((dim, stride));
            stride *= dim;
        }
        // The last axis comes first.
        let column = axes.first().copied().unwrap_or((1, 1));
        let row = if transposes.batch { axes.pop().unwrap_or((1, 1)) } else { axes.remove(1) };
        axes.remove(0);
        axes.reverse();
        let (row, column) = if transposes.matrix { (column, row) } else { (row, column) };
        let ((rows, row_stride), (columns, column_stride)) = (row, column);
        Operand { batch: axes, rows, columns, row_stride, column_stride, is_vector: false }
    }

    /// The number of matrices.
    pub fn count(&self) -> usize {
        self.batch.iter().map(|axis| axis.0).product()
    }

    /// The matrix that starts at an element.
    pub fn matrix<'a, T>(&self, data: &'a [T], start: usize) -> Matrix<'a, T> {
        let data = data.get(start..).unwrap_or_default();
        Matrix { data, row_stride: self.row_stride, column_stride: self.column_stride }
    }

    /// All matrices as one, below one another, where they lie so.
    pub fn fold_batch(&mut self) {
        let mut rows = self.rows;
        for &(size, stride) in self.batch.iter().rev() {
            if size != 1 && stride != rows * self.row_stride {
                return;
            }
            rows *= size;
        }
        self.rows = rows;
        self.batch.clear();
    }
}

fn scalar() -> Error {
    Error::execution("expected operands of one axis or more, got a scalar")
}

/// The dims of a product, and where the operands' matrices for each matrix of it start.
pub fn pair(left: &Operand, right: &Operand) -> Result<(Dims, Vec<(usize, usize)>)> {
    if left.columns != right.rows {
        return Err(Error::execution(format!(
            "expected as many columns on the left as rows on the right, got {} and {}",
            left.columns, right.rows
        )));
    }
    let rank = left.batch.len().max(right.batch.len());
    let axis_of = |operand: &Operand, axis: usize| {
        let index = (axis + operand.batch.len()).checked_sub(rank);
        index.and_then(|index| operand.batch.get(index)).copied().unwrap_or((1, 0))
    };
    let mut dims = Dims::new();
    let mut starts = vec![(0, 0)];
    for axis in 0..rank {
        let ((a, a_stride), (b, b_stride)) = (axis_of(left, axis), axis_of(right, axis));
        if a != b && a != 1 && b != 1 {
            return Err(Error::execution(format!("cannot broadcast batches of {a} and {b}")));
        }
        let size = if a == 1 { b } else { a };
        let (a_stride, b_stride) = (if a == 1 { 0 } else { a_stride }, if b == 1 { 0 } else { b_stride });
        dims.push(size);
        crate::tensor::count_elements::<u64>(&dims)?;
        let step = |(left, right)| (0..size).map(move |index| (left + index * a_stride, right + index * b_stride));
        starts = starts.into_iter().flat_map(step).collect();
    }
    if !left.is_vector {
        dims.push(left.rows);
    }
    if !right.is_vector {
        dims.push(right.columns);
    }
    Ok((dims, starts))
}
