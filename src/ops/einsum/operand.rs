//! An operand of a sum of products: numbers with labelled axes.

use std::borrow::Cow;

use super::equation::Label;
use crate::error::{Error, Result};
use crate::kernels::gathered::{gather_strided, strides_of};
use crate::kernels::gemm::{Matrix, Shape};
use crate::kernels::lanes::{Lanes, map_pairs};
use crate::kernels::product::Factor;
use crate::kernels::reduce::{Fold, fold_one};
use crate::tensor;

/// The sizes of labelled axes.
#[derive(Default)]
pub struct Sizes(Vec<Axis>);

impl Sizes {
    /// Takes in the axes of an operand. An axis of one element goes with any size.
    pub fn learn(&mut self, labels: &[Label], dims: &[usize]) -> Result<()> {
        for (&label, &dim) in labels.iter().zip(dims) {
            match self.0.iter_mut().find(|(known, _)| *known == label) {
                None => self.0.push((label, dim)),
                Some((_, size)) if *size == 1 => *size = dim,
                Some((_, size)) if *size == dim || dim == 1 => {}
                Some((_, size)) => {
                    return Err(Error::execution(format!("{label:?} has {size} elements and {dim}")));
                }
            }
        }
        Ok(())
    }

    fn of(&self, label: Label) -> usize {
        self.0.iter().find(|(known, _)| *known == label).map_or(1, |(_, size)| *size)
    }
}

/// A label and how many elements there are.
type Axis = (Label, usize);

/// Numbers, where each matrix starts, and its strides.
type Matrices<'a, T> = (Cow<'a, [T]>, Vec<usize>, (usize, usize));

pub struct Operand<'a, L: Lanes> {
    values: Cow<'a, [L::Item]>,
    axes: Vec<Axis>,
}

fn size(axes: &[Axis]) -> usize {
    axes.iter().fold(1usize, |size, axis| size.saturating_mul(axis.1))
}

impl<'a, L: Lanes> Operand<'a, L> {
    /// Numbers whose axes have `labels`. An axis of one element where others have more is dropped, and of axes with one
    /// label the diagonal is taken.
    pub fn new(
        values: Cow<'a, [L::Item]>,
        labels: Vec<Label>,
        dims: &[usize],
        sizes: &Sizes,
    ) -> Result<Operand<'a, L>> {
        let mut axes: Vec<Axis> = Vec::new();
        let mut strides: Vec<usize> = Vec::new();
        let mut is_diagonal = false;
        for ((label, &dim), stride) in labels.into_iter().zip(dims).zip(strides_of(dims)) {
            if dim == 1 && sizes.of(label) != 1 {
                continue;
            }
            match axes.iter().position(|axis| axis.0 == label).and_then(|at| strides.get_mut(at)) {
                Some(known) => {
                    *known += stride;
                    is_diagonal = true;
                }
                None => {
                    axes.push((label, dim));
                    strides.push(stride);
                }
            }
        }
        let values = if is_diagonal { gather::<L>(&values, &axes, &strides)?.into() } else { values };
        Ok(Operand { values, axes })
    }

    pub fn has(&self, label: Label) -> bool {
        self.axes.iter().any(|axis| axis.0 == label)
    }

    /// The same numbers with axes in this order, which is one of its own axes.
    fn permute(self, axes: Vec<Axis>) -> Result<Operand<'a, L>> {
        if axes == self.axes {
            return Ok(self);
        }
        let dims: Vec<usize> = self.axes.iter().map(|axis| axis.1).collect();
        let strides = strides_of(&dims);
        let place = |label: Label| self.axes.iter().position(|axis| axis.0 == label);
        let strides: Vec<usize> =
            axes.iter().filter_map(|axis| place(axis.0).and_then(|at| strides.get(at)).copied()).collect();
        let values = gather::<L>(&self.values, &axes, &strides)?;
        Ok(Operand { values: values.into(), axes })
    }

    fn axes_where(&self, is_chosen: impl Fn(Label) -> bool) -> Vec<Axis> {
        self.axes.iter().copied().filter(|axis| is_chosen(axis.0)).collect()
    }

    /// Sums the axes that are not kept.
    pub fn sum_out(self, is_kept: impl Fn(Label) -> bool) -> Result<Operand<'a, L>> {
        let summed = self.axes_where(|label| !is_kept(label));
        if summed.is_empty() {
            return Ok(self);
        }
        let axes = self.axes_where(&is_kept);
        let moved = self.permute(axes.iter().chain(&summed).copied().collect())?;
        let mut sums = tensor::fill(&[size(&axes)], L::item(0.0))?;
        fold_one::<L>(Fold::Sum, &moved.values, size(&summed), 1, &mut sums);
        Ok(Operand { values: sums.into(), axes })
    }

    /// The products of the numbers of two operands, summed over the axes that both have and that are not kept.
    pub fn multiply(self, other: Operand<'a, L>, is_kept: impl Fn(Label) -> bool) -> Result<Operand<'a, L>> {
        let batch = self.axes_where(|label| other.has(label) && is_kept(label));
        let summed = self.axes_where(|label| other.has(label) && !is_kept(label));
        let rows = self.axes_where(|label| !other.has(label));
        let columns = other.axes_where(|label| !self.has(label));
        let (m, n, k) = (size(&rows), size(&columns), size(&summed));
        let axes = [batch.as_slice(), &rows, &columns].concat();
        if m == 1 && n == 1 && k == 1 {
            let mut values = self.permute(batch.clone())?.values.into_owned();
            map_pairs::<L>(&mut values, &other.permute(batch)?.values, L::mul);
            return Ok(Operand { values: values.into(), axes });
        }
        let (a, a_starts, a_strides) = self.into_matrices(&batch, &rows, &summed)?;
        let (b, b_starts, b_strides) = other.into_matrices(&batch, &summed, &columns)?;
        let mut out = tensor::fill(&[size(&batch), m, n], L::item(0.0))?;
        for ((out, a_start), b_start) in out.chunks_exact_mut((m * n).max(1)).zip(a_starts).zip(b_starts) {
            let (a, b) = (matrix(&a, a_start, a_strides), matrix(&b, b_start, b_strides));
            L::Item::multiply(Shape { m, k, n }, a, b, out, n)?;
        }
        Ok(Operand { values: out.into(), axes })
    }

    /// The numbers as matrices, whose starts and strides follow: as they lie, where each of the groups of axes has one
    /// stride.
    fn into_matrices(self, batch: &[Axis], rows: &[Axis], columns: &[Axis]) -> Result<Matrices<'a, L::Item>> {
        let strides = strides_of(&self.axes.iter().map(|axis| axis.1).collect::<Vec<_>>());
        let of = |axes: &[Axis]| -> Vec<(usize, usize)> {
            let own = |axis: &Axis| self.axes.iter().zip(&strides).find(|own| own.0.0 == axis.0);
            axes.iter().filter_map(own).map(|(axis, &stride)| (axis.1, stride)).collect()
        };
        if let Some(strides) = fold(&of(rows)).zip(fold(&of(columns))) {
            let step = |starts: Vec<usize>, (size, stride): (usize, usize)| {
                starts.into_iter().flat_map(|start| (0..size).map(move |index| start + index * stride)).collect()
            };
            return Ok((self.values, of(batch).into_iter().fold(vec![0], step), strides));
        }
        let (m, n) = (size(rows), size(columns));
        let starts = (0..size(batch)).map(|index| index * m * n).collect();
        Ok((self.permute([batch, rows, columns].concat())?.values, starts, (n, 1)))
    }

    /// The dims and the numbers with axes in the order of `labels`.
    pub fn into_order(self, labels: &[Label]) -> Result<(Vec<usize>, Vec<L::Item>)> {
        let find = |label: Label| self.axes.iter().copied().find(|axis| axis.0 == label);
        // A label that is gone was one of axes of one element only.
        let axes: Vec<Axis> = labels.iter().filter_map(|&label| find(label)).collect();
        let dims = labels.iter().map(|&label| find(label).map_or(1, |axis| axis.1)).collect();
        Ok((dims, self.permute(axes)?.values.into_owned()))
    }
}

fn matrix<T>(data: &[T], start: usize, (row_stride, column_stride): (usize, usize)) -> Matrix<'_, T> {
    Matrix { data: data.get(start..).unwrap_or_default(), row_stride, column_stride }
}

/// The stride of axes that lie as one, 1 where they hold one element.
fn fold(axes: &[(usize, usize)]) -> Option<usize> {
    let mut whole = None;
    for &(size, stride) in axes.iter().rev().filter(|axis| axis.0 != 1) {
        whole = match whole {
            None => Some((size, stride)),
            Some((inner, step)) if stride == inner * step => Some((inner * size, step)),
            Some(_) => return None,
        }
    }
    Some(whole.map_or(1, |axis| axis.1))
}

fn gather<L: Lanes>(values: &[L::Item], axes: &[Axis], strides: &[usize]) -> Result<Vec<L::Item>> {
    let dims: Vec<usize> = axes.iter().map(|axis| axis.1).collect();
    let mut out = tensor::reserve(&dims)?;
    if !dims.contains(&0) {
        gather_strided(values, &dims, strides, &mut out);
    }
    Ok(out)
}
