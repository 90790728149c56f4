//! Products of matrices.

mod gemm;
pub mod operand;
mod plain;

use std::borrow::Cow;

use smallvec::smallvec;

use super::cast::cast;
use super::integer::narrow;
use super::{Call, Entry, Input, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::gemm::{Finish, Left, PackedRight, Right, Shape, multiply};
use crate::tensor::{ElementType, Tensor, zeroed};
use operand::{Operand, Transposes, pair};
use plain::multiply_plain;

pub const ENTRIES: &[Entry] = &[
    contrib("FusedGemm", gemm::fused_gemm),
    contrib("FusedMatMul", matmul),
    contrib("FusedMatMulActivation", matmul),
    contrib("MatMulInteger16", matmul_integer16),
    contrib("TransposeMatMul", matmul),
    onnx("Gemm", gemm::gemm),
    onnx("MatMul", matmul),
    Entry { domain: "edgewise", name: "FusedGemm", make: matmul, is_random: false },
];

struct MatMul {
    transposes: (Transposes, Transposes),
    alpha: f32,
    activation: Activation,
    /// Whether a third input is added along the last axis.
    has_bias: bool,
    /// B times alpha, and its matrices in the order of the batch.
    packed: Option<(Operand, Vec<PackedRight>)>,
}

/// <https://onnx.ai/onnx/operators/onnx__MatMul.html>, and what others make of it: operands transposed first, the product
/// times `alpha`, and in the domain edgewise a third input added along the last axis and an activation.
fn matmul(spec: &mut Spec) -> Result<Operator> {
    let name = spec.text_or("activation", "");
    let first = |ours: &str, others: &str| spec.float(others).or(spec.float(ours));
    // FusedMatMul has an `alpha` of its own.
    let is_ours = spec.op() == "FusedGemm";
    let alpha = if is_ours { first("alpha", "activation_alpha") } else { spec.float("activation_alpha") };
    let beta = if is_ours { first("beta", "activation_beta") } else { spec.float("activation_beta") };
    let activation = Activation::from_name(name, alpha, beta);
    let activation = activation.ok_or_else(|| spec.unsupported(format!("activation={name}")))?;
    let transposes =
        |matrix: &str, batch: &str| Transposes { matrix: spec.flag(matrix, false), batch: spec.flag(batch, false) };
    let mut matmul = MatMul {
        transposes: (transposes("transA", "transBatchA"), transposes("transB", "transBatchB")),
        alpha: if is_ours { 1.0 } else { spec.float_or("alpha", 1.0) },
        activation,
        has_bias: is_ours && spec.has_input(2),
        packed: None,
    };
    if let Some(b) = spec.constant(1).filter(|b| b.element_type() == ElementType::Float32 && b.rank() > 0) {
        matmul.pack(b)?;
        spec.consume(1);
    }
    single(move |call| matmul.run(call))
}

/// Products of int16 as int32, in which they wrap around.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MatMulInteger16>
fn matmul_integer16(spec: &mut Spec) -> Result<Operator> {
    let product = matmul(spec)?;
    Ok(Box::new(move |call| {
        let widen = |tensor: &Tensor| Ok::<_, Error>(Input::Owned(cast(tensor.clone(), ElementType::Int32)?.into()));
        let sides = smallvec![widen(call.tensor(0)?)?, widen(call.tensor(1)?)?];
        product(&mut Call::new(sides, 2, &[true]))
    }))
}

/// Elements times a factor.
fn scale(values: &[f32], factor: f32) -> Cow<'_, [f32]> {
    if factor == 1.0 {
        return Cow::Borrowed(values);
    }
    values.iter().map(|value| value * factor).collect::<Vec<_>>().into()
}

/// A whole number times a factor, towards zero.
fn scaled(value: i64, factor: f32) -> i64 {
    if factor == 1.0 { value } else { (value as f64 * f64::from(factor)) as i64 }
}

impl MatMul {
    fn pack(&mut self, b: &Tensor) -> Result<()> {
        let mut operand = Operand::right(b.dims(), self.transposes.1)?;
        let values = scale(b.slice()?, self.alpha);
        // As if the left operand had as many matrices of no columns.
        let alone = Operand { columns: operand.rows, is_vector: false, ..operand.clone() };
        let starts = pair(&alone, &operand)?.1;
        let pack = |&(_, start): &(usize, usize)| {
            PackedRight::new(operand.rows, operand.columns, operand.matrix(&values, start))
        };
        let packed = starts.iter().map(pack).collect::<Result<Vec<_>>>()?;
        // Each element of the batch axes is now one packed matrix.
        let mut stride = 1;
        for axis in operand.batch.iter_mut().rev() {
            axis.1 = stride;
            stride *= axis.0;
        }
        self.packed = Some((operand, packed));
        Ok(())
    }

    fn run(&self, call: &Call) -> Result<Tensor> {
        let a = call.tensor(0)?;
        let mut left = Operand::left(a.dims(), self.transposes.0)?;
        let right = match &self.packed {
            Some((operand, _)) => operand.clone(),
            None => Operand::right(call.tensor(1)?.dims(), self.transposes.1)?,
        };
        let (dims, mut starts) = pair(&left, &right)?;
        if a.element_type() != ElementType::Float32 {
            return self.run_plain(call, (&left, &right), &dims, &starts);
        }
        if right.count() == 1 {
            left.fold_batch();
            if left.batch.is_empty() {
                starts.truncate(1);
            }
        }
        let mut values = zeroed::<f32>(&dims)?;
        let bias = if self.has_bias { Some(call.slice::<f32>(2)?) } else { None };
        if let Some(bias) = bias.filter(|bias| bias.len() != right.columns) {
            return Err(Error::execution(format!("expected a bias of {} elements, got {}", right.columns, bias.len())));
        }
        let finish = Finish { column_bias: bias, activation: self.activation, ..Finish::default() };
        let shape = Shape { m: left.rows, k: left.columns, n: right.columns };
        let scaled = match self.packed {
            Some(_) => Cow::Borrowed(call.slice(0)?),
            None => scale(call.slice(0)?, self.alpha),
        };
        let b = if self.packed.is_some() { &[] } else { call.slice::<f32>(1)? };
        let size = (shape.m * shape.n).max(1);
        for (&(a_start, b_start), values) in starts.iter().zip(values.chunks_exact_mut(size)) {
            let left = Left::Matrix(left.matrix(&scaled, a_start));
            let right = match &self.packed {
                Some((_, packed)) => {
                    let packed = packed.get(b_start);
                    Right::Packed(packed.ok_or_else(|| Error::execution("a packed matrix is missing"))?)
                }
                None => Right::Matrix(right.matrix(b, b_start)),
            };
            multiply(shape, left, right, &finish, values, shape.n)?;
        }
        Tensor::new(&dims, values)
    }

    fn run_plain(
        &self,
        call: &Call,
        operands: (&Operand, &Operand),
        dims: &[usize],
        starts: &[(usize, usize)],
    ) -> Result<Tensor> {
        if self.has_bias || self.activation != Activation::Identity || self.packed.is_some() {
            return Err(Error::execution("expected operands of float32"));
        }
        let product = multiply_plain(call.tensor(0)?, call.tensor(1)?, operands, dims, starts)?;
        if self.alpha == 1.0 {
            return Ok(product);
        }
        if product.element_type() == ElementType::Float64 {
            let alpha = f64::from(self.alpha);
            return Tensor::new(dims, product.slice::<f64>()?.iter().map(|value| value * alpha).collect());
        }
        let values = product.to_i64s()?.iter().map(|&value| scaled(value, self.alpha)).collect();
        narrow(product.element_type(), dims, values)
    }
}
