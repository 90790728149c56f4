//! Matrix products of bytes.

use super::product::{Columns, Rows, Sides, multiply_all, read_sign};
use crate::error::{Error, Result};
use crate::kernels::int8::{Levels, Scales, Source, requantise};
use crate::ops::quantize::{quantize_dynamically, read_levels, read_scales, read_zeros};
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Tensor, fill};

/// The right side: packed at load where it is known by then.
pub struct Right {
    index: usize,
    is_transposed: bool,
    packed: Option<Columns>,
}

impl Right {
    pub fn new(spec: &mut Spec, index: usize, is_transposed: bool) -> Result<Right> {
        let packed = spec.consume(index).map(|tensor| Columns::pack(&tensor, is_transposed)).transpose()?;
        Ok(Right { index, is_transposed, packed })
    }

    pub fn with<T>(&self, call: &Call, run: impl FnOnce(&Columns) -> Result<T>) -> Result<T> {
        match &self.packed {
            Some(packed) => run(packed),
            None => run(&Columns::pack(call.tensor(self.index)?, self.is_transposed)?),
        }
    }
}

/// Factors of rows and columns, and a term of each column.
struct Factors<'a> {
    rows: &'a [f32],
    columns: &'a [f32],
    bias: &'a [f32],
    divisor: f32,
}

/// An element of one for all, one for each of `count`, or one for each of all.
fn pick(values: &[f32], index: usize) -> f32 {
    match values {
        [] => 1.0,
        [value] => *value,
        _ => values.get(index).or(values.get(index % values.len())).copied().unwrap_or(1.0),
    }
}

impl Factors<'_> {
    /// The factors of the elements of a row; one factor where they are all the same.
    fn fill(&self, row: usize, matrix: usize, width: usize, out: &mut Vec<f32>) {
        let own = pick(self.rows, row);
        out.clear();
        let scale = |column: &f32| own * column / self.divisor;
        match self.columns {
            [column] => out.push(scale(column)),
            columns => {
                let start = if columns.len() > width { matrix * width } else { 0 };
                out.extend(columns.iter().skip(start).take(width).map(scale));
            }
        }
    }

    fn check(&self, rows: usize, width: usize, matrices: usize) -> Result<()> {
        let fits = |count: usize, one: usize, all: usize| count == 1 || count == one || count == all;
        let bias = self.bias.len();
        if fits(self.columns.len(), width, width * matrices)
            && (self.rows.len() == 1 || (!self.rows.is_empty() && rows.is_multiple_of(self.rows.len())))
            && (bias == 0 || bias == width)
        {
            return Ok(());
        }
        Err(Error::execution(format!(
            "{} and {} scales and a bias of {bias} do not fit {rows} rows and {width} columns",
            self.rows.len(),
            self.columns.len()
        )))
    }
}

/// Products as float32: `out = factor * product + bias`.
fn write_floats(products: &[i32], first: usize, matrix: usize, width: usize, factors: &Factors, out: &mut [f32]) {
    let mut scales = Vec::with_capacity(width);
    let rows = products.chunks_exact(width.max(1)).zip(out.chunks_exact_mut(width.max(1)).skip(first));
    for (row, (products, out)) in rows.enumerate() {
        if row == 0 || factors.rows.len() > 1 {
            factors.fill(first + row, matrix, width, &mut scales);
        }
        let elements = out.iter_mut().zip(products);
        match scales.as_slice() {
            [scale] => elements.for_each(|(out, &product)| *out = product as f32 * scale),
            scales => elements.zip(scales).for_each(|((out, &product), scale)| *out = product as f32 * scale),
        }
        if !factors.bias.is_empty() {
            out.iter_mut().zip(factors.bias).for_each(|(out, bias)| *out += bias);
        }
    }
}

/// Products as levels.
fn write_levels(
    products: &[i32],
    first: usize,
    matrix: usize,
    width: usize,
    factors: &Factors,
    levels: Levels,
    out: &mut [u8],
) {
    let mut scales = Vec::with_capacity(width);
    let rows = products.chunks_exact(width.max(1)).zip(out.chunks_exact_mut(width.max(1)).skip(first));
    for (row, (products, out)) in rows.enumerate() {
        if row == 0 || factors.rows.len() > 1 {
            factors.fill(first + row, matrix, width, &mut scales);
        }
        let scales = if let [scale] = scales.as_slice() { Scales::One(*scale) } else { Scales::Each(&scales) };
        requantise(products, 0, scales, levels, out);
    }
}

/// <https://onnx.ai/onnx/operators/onnx__MatMulInteger.html>
pub fn matmul_integer(spec: &mut Spec) -> Result<Operator> {
    let right = Right::new(spec, 1, false)?;
    single(move |call| {
        let a = call.tensor(0)?;
        let (a_zeros, b_zeros) = (read_zeros(call.optional(2)?)?, read_zeros(call.optional(3)?)?);
        right.with(call, |b| {
            let sides = Sides::fit(a.dims(), b, a_zeros.len() > 1)?;
            let mut out = fill(&sides.dims, 0i32)?;
            let left = (a.as_bytes(), read_sign(a)?, a_zeros.as_slice());
            sides.multiply(left, b, &b_zeros, &mut |first, _, products| {
                let target = out.iter_mut().skip(first * b.count);
                target.zip(products).for_each(|(out, product)| *out = *product);
                Ok(())
            })?;
            Tensor::new(&sides.dims, out)
        })
    })
}

/// <https://onnx.ai/onnx/operators/onnx__QLinearMatMul.html>
pub fn qlinear_matmul(spec: &mut Spec) -> Result<Operator> {
    let right = Right::new(spec, 3, false)?;
    single(move |call| {
        let a = call.tensor(0)?;
        let (a_zeros, b_zeros) = (read_zeros(call.optional(2)?)?, read_zeros(call.optional(5)?)?);
        let (a_scales, b_scales) = (read_scales(call.tensor(1)?)?, read_scales(call.tensor(4)?)?);
        let (divisor, y_zero) = (call.tensor(6)?.only::<f32>()?, call.tensor(7)?);
        let levels = read_levels(y_zero)?;
        right.with(call, |b| {
            let sides = Sides::fit(a.dims(), b, a_zeros.len() > 1)?;
            let factors = Factors { rows: &a_scales, columns: &b_scales, bias: &[], divisor };
            let mut out = fill(&sides.dims, 0u8)?;
            factors.check(out.len() / b.count.max(1), b.count, b.matrices())?;
            let left = (a.as_bytes(), read_sign(a)?, a_zeros.as_slice());
            sides.multiply(left, b, &b_zeros, &mut |first, matrix, products| {
                write_levels(products, first, matrix, b.count, &factors, levels, &mut out);
                Ok(())
            })?;
            Tensor::from_bits(y_zero.element_type(), &sides.dims, out)
        })
    })
}

/// `a * b` as float32 for quantised matrices: the zero points of both, and their scales and a bias.
pub fn multiply_to_floats(
    a: (&[usize], &[u8], bool),
    zeros: [&[i32]; 2],
    b: &Columns,
    scales: [&[f32]; 3],
) -> Result<Tensor> {
    let ((dims, values, is_signed), [a_zeros, b_zeros]) = (a, zeros);
    let [rows, columns, bias] = scales;
    let factors = Factors { rows, columns, bias, divisor: 1.0 };
    let sides = Sides::fit(dims, b, a_zeros.len() > 1)?;
    let mut out = fill(&sides.dims, 0f32)?;
    factors.check(out.len() / b.count.max(1), b.count, b.matrices())?;
    sides.multiply((values, is_signed, a_zeros), b, b_zeros, &mut |first, matrix, products| {
        write_floats(products, first, matrix, b.count, &factors, &mut out);
        Ok(())
    })?;
    Tensor::new(&sides.dims, out)
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat>
pub fn matmul_integer_to_float(spec: &mut Spec) -> Result<Operator> {
    let right = Right::new(spec, 1, false)?;
    single(move |call| {
        let a = call.tensor(0)?;
        let (a_scales, b_scales) = (call.tensor(2)?.to_f32s()?, call.tensor(3)?.to_f32s()?);
        let (a_zeros, b_zeros) = (read_zeros(call.optional(4)?)?, read_zeros(call.optional(5)?)?);
        let bias = call.optional(6)?.map(Tensor::to_f32s).transpose()?.unwrap_or_default();
        right.with(call, |b| {
            let left = (a.dims(), a.as_bytes(), read_sign(a)?);
            multiply_to_floats(left, [&a_zeros, &b_zeros], b, [&a_scales, &b_scales, &bias])
        })
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeMatMul>
pub fn dynamic_quantize_matmul(spec: &mut Spec) -> Result<Operator> {
    let right = Right::new(spec, 1, false)?;
    single(move |call| {
        let a = call.tensor(0)?;
        let b_scales = call.tensor(2)?.to_f32s()?;
        let b_zeros = read_zeros(call.optional(3)?)?;
        let bias = call.optional(4)?.map(Tensor::to_f32s).transpose()?.unwrap_or_default();
        let (values, scale, zero) = quantize_dynamically(&a.to_f32s()?)?;
        right.with(call, |b| {
            let zeros = [&[i32::from(zero)], b_zeros.as_slice()];
            multiply_to_floats((a.dims(), &values, false), zeros, b, [&[scale], &b_scales, &bias])
        })
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QGemm>
pub fn qgemm(spec: &mut Spec) -> Result<Operator> {
    let (is_transposed, alpha) = (spec.flag("transA", false), spec.float_or("alpha", 1.0));
    let right = Right::new(spec, 3, spec.flag("transB", false))?;
    single(move |call| {
        let a = call.tensor(0)?;
        let &[rows, columns] = a.dims() else { return Err(Error::execution("expected a matrix on the left")) };
        let (count, depth) = if is_transposed { (columns, rows) } else { (rows, columns) };
        let (along, across) = if is_transposed { (columns, 1) } else { (1, columns) };
        let (a_zeros, b_zeros) = (read_zeros(call.optional(2)?)?, read_zeros(call.optional(5)?)?);
        let a_scale = call.tensor(1)?.only::<f32>()? * alpha;
        let b_scales = call.tensor(4)?.to_f32s()?;
        let c = call.optional(6)?;
        let levels = call.optional(8)?.map(|zero| Ok((read_levels(zero)?, zero.element_type()))).transpose()?;
        let divisor = call.optional(7)?.map_or(Ok(1.0), Tensor::only::<f32>)?;
        let source = Source { values: a.as_bytes(), is_signed: read_sign(a)?, along, across };
        let left = Rows { source, count, depth, zeros: &a_zeros };
        right.with(call, |b| {
            let dims = [count, b.count];
            let factors = Factors { rows: &[a_scale], columns: &b_scales, bias: &[], divisor };
            factors.check(count, b.count, 1)?;
            let mut floats = if levels.is_none() { fill(&dims, 0f32)? } else { Vec::new() };
            let mut bytes = if levels.is_some() { fill(&dims, 0u8)? } else { Vec::new() };
            let mut sums = Vec::new();
            multiply_all(left, b, &b_zeros, &[(0, 0)], &mut |_, first, products| {
                let products = match c {
                    Some(c) => {
                        add_broadcast(products, first, dims, c, &mut sums)?;
                        &sums
                    }
                    None => products,
                };
                match levels {
                    Some((levels, _)) => write_levels(products, first, 0, b.count, &factors, levels, &mut bytes),
                    None => write_floats(products, first, 0, b.count, &factors, &mut floats),
                }
                Ok(())
            })?;
            match levels {
                Some((_, element_type)) => Tensor::from_bits(element_type, &dims, bytes),
                None => Tensor::new(&dims, floats),
            }
        })
    })
}

/// Products of some rows of `dims` plus `c`, which has a scalar, a row, a column or all of them.
fn add_broadcast(products: &[i32], first: usize, dims: [usize; 2], c: &Tensor, out: &mut Vec<i32>) -> Result<()> {
    let [rows, columns] = dims;
    let values = c.slice::<i32>()?;
    let (height, width) = match c.dims() {
        [] => (1, 1),
        [width] => (1, *width),
        [height, width] => (*height, *width),
        _ => (0, 0),
    };
    if (height != 1 && height != rows) || (width != 1 && width != columns) {
        return Err(Error::execution(format!("C of dims {:?} does not fit products of dims {dims:?}", c.dims())));
    }
    out.clear();
    for (row, products) in products.chunks(columns.max(1)).enumerate() {
        let own = values.iter().skip(if height == 1 { 0 } else { (first + row) * width });
        let own = own.copied();
        match width {
            1 => {
                let value = own.take(1).next().unwrap_or_default();
                out.extend(products.iter().map(|product| product.wrapping_add(value)));
            }
            _ => out.extend(products.iter().zip(own).map(|(product, value)| product.wrapping_add(value))),
        }
    }
    Ok(())
}
