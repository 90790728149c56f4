//! Matrices of bytes multiplied: what is packed at load, what at each run, and which zero points rows and columns have.

use crate::error::{Error, Result};
use crate::kernels::int8::{PANEL, Source, count_panels, multiply, pack_columns, pack_row, pad_depth, take_off_zeros};
use crate::ops::quantize::is_signed_byte;
use crate::tensor::{Dims, ElementType, Tensor, fill};

/// Bytes of the packed rows that are multiplied with all columns before the next ones are.
const BLOCK: usize = 128 << 10;

/// Whether the elements are `i8`; an error where they are neither that nor `u8`.
pub fn read_sign(tensor: &Tensor) -> Result<bool> {
    match tensor.element_type() {
        ElementType::Int8 | ElementType::Uint8 => Ok(is_signed_byte(tensor.element_type())),
        _ => Err(Error::execution(format!("expected elements of type uint8 or int8, got {tensor}"))),
    }
}

/// Matrices of the right side, packed.
pub struct Columns {
    /// Dims before the last two.
    pub batch: Dims,
    /// The rows of a matrix.
    pub depth: usize,
    /// The columns of a matrix.
    pub count: usize,
    /// Whether the tensor was a vector.
    pub is_vector: bool,
    is_signed: bool,
    panels: Vec<i8>,
}

impl Columns {
    /// Packs a tensor of matrices, each transposed first where `is_transposed`.
    pub fn pack(tensor: &Tensor, is_transposed: bool) -> Result<Columns> {
        let is_signed = read_sign(tensor)?;
        let is_vector = tensor.rank() == 1;
        let (batch, rows, columns) = match tensor.dims() {
            [] => return Err(Error::execution("expected a matrix, got a scalar")),
            [rows] => (Dims::new(), *rows, 1),
            [batch @ .., rows, columns] => (Dims::from_slice(batch), *rows, *columns),
        };
        let (depth, count) = if is_transposed { (columns, rows) } else { (rows, columns) };
        let (along, across) = if is_transposed { (columns, 1) } else { (1, columns) };
        let matrices: usize = batch.iter().product();
        let size = pad_depth(depth).saturating_mul(count_panels(count).saturating_mul(PANEL));
        let mut panels = fill(&[matrices, size], 0i8)?;
        let values = tensor.as_bytes();
        for (panels, values) in panels.chunks_mut(size.max(1)).zip(values.chunks(rows.saturating_mul(columns).max(1))) {
            pack_columns(Source { values, is_signed, along, across }, depth, count, panels);
        }
        Ok(Columns { batch, depth, count, is_vector, is_signed, panels })
    }

    /// The number of matrices.
    pub fn matrices(&self) -> usize {
        self.batch.iter().product()
    }

    /// What is left to take off the columns for their zero points: one for all columns of a matrix, or one each.
    fn shift_zeros(&self, zeros: &[i32]) -> Result<Vec<i32>> {
        let shift = if self.is_signed { 0 } else { 128 };
        if zeros.is_empty() {
            return Ok(vec![-shift]);
        }
        if zeros.len() == 1 || zeros.len() == self.count || zeros.len() == self.count * self.matrices() {
            return Ok(zeros.iter().map(|zero| zero.wrapping_sub(shift)).collect());
        }
        Err(Error::execution(format!("{} zero points do not fit {} columns", zeros.len(), self.count)))
    }
}

/// Rows of the left side.
#[derive(Clone, Copy)]
pub struct Rows<'a> {
    /// The elements of one matrix after another, `along` and `across` for each.
    pub source: Source<'a>,
    /// The rows of a matrix.
    pub count: usize,
    /// The length of a row.
    pub depth: usize,
    /// None, one, one for each row of a matrix, or one for each row of all matrices.
    pub zeros: &'a [i32],
}

/// A pair of matrices to multiply, by their numbers on the left and on the right.
pub type Pair = (usize, usize);

/// Takes the products of some rows, with two numbers that say which.
pub type Finish<'a> = dyn FnMut(usize, usize, &[i32]) -> Result<()> + 'a;

/// Multiplies pairs of matrices and hands on the products of some rows at a time, those of a pair in order: the number of the
/// pair, the first row and the products.
pub fn multiply_all(
    rows: Rows,
    columns: &Columns,
    column_zeros: &[i32],
    pairs: &[Pair],
    finish: &mut Finish,
) -> Result<()> {
    if rows.depth != columns.depth {
        let (left, right) = (rows.depth, columns.depth);
        return Err(Error::execution(format!("rows of {left} elements and columns of {right} do not fit together")));
    }
    let column_zeros = columns.shift_zeros(column_zeros)?;
    let (depth, width) = (pad_depth(rows.depth), columns.count);
    let fitting = BLOCK / depth.max(width).max(1) / 2;
    let block = (fitting & !3).max(4).min(rows.count.max(1));
    let mut packed = fill(&[block, depth], 0i16)?;
    let mut products = fill(&[block, width], 0i32)?;
    let mut sums = vec![0; block];
    let size = depth * count_panels(width) * PANEL;
    for (index, &(left, right)) in pairs.iter().enumerate() {
        let values = rows.source.values.get(left * rows.count * rows.depth..).unwrap_or_default();
        let source = Source { values, ..rows.source };
        let panels = columns.panels.get(right * size..(right + 1) * size).unwrap_or_default();
        let own = column_zeros.get(right * width..(right + 1) * width);
        let zeros = own.filter(|_| column_zeros.len() > width).unwrap_or(&column_zeros);
        for first in (0..rows.count).step_by(block) {
            let height = block.min(rows.count - first);
            for ((row, to), sum) in (first..first + height).zip(packed.chunks_mut(depth.max(1))).zip(&mut sums) {
                let zero = match rows.zeros {
                    [] => 0,
                    [zero] => *zero,
                    zeros => zeros.get(left * rows.count + row).or(zeros.get(row)).copied().unwrap_or_default(),
                };
                *sum = pack_row(source, row, rows.depth, zero, to);
            }
            let (Some(packed), Some(products)) = (packed.get(..height * depth), products.get_mut(..height * width))
            else {
                return Ok(());
            };
            multiply(packed, depth, panels, width, products);
            take_off_zeros(products, width, &sums, zeros);
            finish(index, first, products)?;
        }
    }
    Ok(())
}

/// The two sides of a product of tensors of matrices, as in numpy's matmul.
pub struct Sides {
    pairs: Vec<Pair>,
    /// The rows of a matrix on the left.
    rows: usize,
    depth: usize,
    /// The dims of the products.
    pub dims: Dims,
}

impl Sides {
    /// Fits a tensor of rows to packed columns.
    pub fn fit(left: &[usize], right: &Columns, has_row_zeros: bool) -> Result<Sides> {
        let (batch, mut rows, depth) = match left {
            [] => return Err(Error::execution("expected a matrix, got a scalar")),
            [depth] => (Dims::new(), 1, *depth),
            [batch @ .., rows, depth] => (Dims::from_slice(batch), *rows, *depth),
        };
        let rank = batch.len().max(right.batch.len());
        let at =
            |dims: &Dims, axis: usize| (axis + dims.len()).checked_sub(rank).and_then(|axis| dims.get(axis)).copied();
        let mut dims = Dims::new();
        for axis in 0..rank {
            dims.push(match (at(&batch, axis).unwrap_or(1), at(&right.batch, axis).unwrap_or(1)) {
                (1, dim) => dim,
                (dim, other) if dim == other || other == 1 => dim,
                (dim, other) => {
                    return Err(Error::execution(format!("batches of {dim} and {other} do not fit together")));
                }
            });
        }
        let matrices: usize = dims.iter().product();
        let mut pairs = Vec::with_capacity(matrices.min(1 << 20));
        if right.matrices() == 1 && !has_row_zeros {
            // One matrix on the right makes one of all those on the left.
            rows *= matrices;
            pairs.push((0, 0));
        } else {
            for index in 0..matrices {
                let (mut rest, mut pair, mut strides) = (index, (0, 0), (1, 1));
                for axis in (0..rank).rev() {
                    let dim = dims.get(axis).copied().unwrap_or(1).max(1);
                    let (place, own) =
                        (rest % dim, (at(&batch, axis).unwrap_or(1), at(&right.batch, axis).unwrap_or(1)));
                    rest /= dim;
                    pair.0 += if own.0 == 1 { 0 } else { place * strides.0 };
                    pair.1 += if own.1 == 1 { 0 } else { place * strides.1 };
                    strides = (strides.0 * own.0, strides.1 * own.1);
                }
                pairs.push(pair);
            }
        }
        if left.len() > 1 {
            dims.push(left.get(left.len() - 2).copied().unwrap_or(1));
        }
        if !right.is_vector {
            dims.push(right.count);
        }
        Ok(Sides { pairs, rows, depth, dims })
    }

    /// Multiplies, and hands on the products of some rows at a time with the number of the first one among all rows of the
    /// products, and the number of the matrix on the right.
    pub fn multiply(
        &self,
        left: (&[u8], bool, &[i32]),
        right: &Columns,
        right_zeros: &[i32],
        finish: &mut Finish,
    ) -> Result<()> {
        let (values, is_signed, zeros) = left;
        if zeros.len() > 1 && zeros.len() != self.rows && zeros.len() * self.depth != values.len() {
            return Err(Error::execution(format!("{} zero points do not fit {} rows", zeros.len(), self.rows)));
        }
        let source = Source { values, is_signed, along: 1, across: self.depth };
        let rows = Rows { source, count: self.rows, depth: self.depth, zeros };
        multiply_all(rows, right, right_zeros, &self.pairs, &mut |pair, first, products| {
            let matrix = self.pairs.get(pair).map_or(0, |pair| pair.1);
            finish(pair * self.rows + first, matrix, products)
        })
    }
}
