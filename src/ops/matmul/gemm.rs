//! `alpha A B + beta C` of two matrices.

use std::borrow::Cow;

use super::operand::{Operand, Transposes, pair};
use super::plain::multiply_plain;
use super::{scale, scaled};
use crate::error::{Error, Result};
use crate::graph::{Attribute, Node};
use crate::kernels::activation::Activation;
use crate::kernels::gemm::{Finish, Left, PackedRight, Right, Shape, multiply};
use crate::ops::integer::narrow;
use crate::ops::{Call, Input, Operator, Spec, find, single};
use crate::tensor::{Element, ElementType, Tensor, zeroed};

struct Gemm {
    transposes: (bool, bool),
    alpha: f32,
    beta: f32,
    activation: Activation,
    /// B times alpha.
    packed: Option<PackedRight>,
}

/// A product of two matrices and a third one added. <https://onnx.ai/onnx/operators/onnx__Gemm.html>
pub fn gemm(spec: &mut Spec) -> Result<Operator> {
    make(spec, Activation::Identity)
}

/// Gemm with an activation behind it.
pub fn fused_gemm(spec: &mut Spec) -> Result<Operator> {
    let name = spec.text_or("activation", "");
    let parameters = (spec.float("activation_alpha").or(spec.float("leaky_relu_alpha")), spec.float("activation_beta"));
    let activation = Activation::from_name(name, parameters.0, parameters.1);
    match activation {
        Some(activation) => make(spec, activation),
        None => make_behind(spec, name),
    }
}

/// The activations that the kernel does not know run as the operators they are.
fn make_behind(spec: &mut Spec, name: &str) -> Result<Operator> {
    if !["Elu", "Selu", "Softplus", "Softsign", "ThresholdedRelu"].contains(&name) {
        return Err(spec.unsupported(format!("activation={name}")));
    }
    let mut node = Node { op: name.into(), opset: 22, inputs: vec![Some(0)], ..Node::default() };
    for parameter in ["alpha", "beta", "gamma"] {
        if let Some(value) = spec.float(&format!("activation_{parameter}")) {
            node.attributes.insert(parameter.into(), Attribute::Float(value));
        }
    }
    let entry = find("ai.onnx", name).ok_or_else(|| spec.unsupported(format!("activation={name}")))?;
    let activation = (entry.make)(&mut Spec::new(&node, vec![None], vec![]))?;
    let product = make(spec, Activation::Identity)?;
    Ok(Box::new(move |call| {
        let product = product(call)?.into_iter().map(Input::Owned).collect();
        activation(&mut Call::new(product, 1, &[true]))
    }))
}

fn make(spec: &mut Spec, activation: Activation) -> Result<Operator> {
    let mut gemm = Gemm {
        transposes: (spec.flag("transA", false), spec.flag("transB", false)),
        alpha: spec.float_or("alpha", 1.0),
        beta: spec.float_or("beta", 1.0),
        activation,
        packed: None,
    };
    if let Some(b) = spec.constant(1).filter(|b| b.element_type() == ElementType::Float32 && b.rank() == 2) {
        let operand = gemm.right(b.dims())?;
        let values = scale(b.slice()?, gemm.alpha);
        gemm.packed = Some(PackedRight::new(operand.rows, operand.columns, operand.matrix(&values, 0))?);
        spec.consume(1);
    }
    single(move |call| gemm.run(call))
}

fn read_matrix(dims: &[usize]) -> Result<&[usize]> {
    if dims.len() == 2 { Ok(dims) } else { Err(Error::execution("expected matrices")) }
}

impl Gemm {
    fn right(&self, dims: &[usize]) -> Result<Operand> {
        Operand::right(read_matrix(dims)?, Transposes { matrix: self.transposes.1, batch: false })
    }

    fn run(&self, call: &Call) -> Result<Tensor> {
        let a = call.tensor(0)?;
        let left = Operand::left(read_matrix(a.dims())?, Transposes { matrix: self.transposes.0, batch: false })?;
        let right = match &self.packed {
            Some(packed) => Operand::right(&[packed.rows(), packed.columns()], Transposes::default())?,
            None => self.right(call.tensor(1)?.dims())?,
        };
        let (dims, starts) = pair(&left, &right)?;
        let c = call.optional(2)?.filter(|_| self.beta != 0.0);
        let shape = Shape { m: left.rows, k: left.columns, n: right.columns };
        if a.element_type() != ElementType::Float32 {
            let product = multiply_plain(a, call.tensor(1)?, (&left, &right), &dims, &starts)?;
            return self.add_plain(product, c, shape);
        }
        let mut values = zeroed::<f32>(&dims)?;
        let (a, b);
        let (left, right) = match &self.packed {
            Some(packed) => (left.matrix(call.slice(0)?, 0), Right::Packed(packed)),
            None => {
                a = scale(call.slice(0)?, self.alpha);
                b = call.slice(1)?;
                (left.matrix(&a, 0), Right::Matrix(right.matrix(b, 0)))
            }
        };
        let added = c.map(|c| Ok::<_, Error>((c.dims(), scale(c.slice::<f32>()?, self.beta)))).transpose()?;
        let mut finish = Finish { activation: self.activation, ..Finish::default() };
        let spread;
        if let Some((dims, added)) = &added {
            match resolve_addend(dims, shape)? {
                Addend::Matrix => finish.residual = Some(added),
                Addend::Row => finish.column_bias = Some(added),
                Addend::Column => finish.row_bias = Some(added),
                Addend::Scalar => {
                    spread = vec![added.first().copied().unwrap_or(0.0); shape.n];
                    finish.column_bias = Some(&spread);
                }
            }
        }
        multiply(shape, Left::Matrix(left), right, &finish, &mut values, shape.n)?;
        Tensor::new(&dims, values)
    }

    /// `alpha * product + beta * c` of other types than float32.
    fn add_plain(&self, product: Tensor, c: Option<&Tensor>, shape: Shape) -> Result<Tensor> {
        if self.activation != Activation::Identity {
            return Err(Error::execution("expected float32 before an activation"));
        }
        let dims = product.dims().to_vec();
        let form = c.map(|c| resolve_addend(c.dims(), shape)).transpose()?;
        if product.element_type() == ElementType::Float64 {
            let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
            let c = c.map(|c| c.slice::<f64>().map(Cow::Borrowed)).transpose()?;
            let values = add(product.slice()?, c, form, shape, |x, c| alpha * x + beta * c);
            return Tensor::new(&dims, values);
        }
        let (alpha, beta) = (self.alpha, self.beta);
        let c = c.map(Tensor::to_i64s).transpose()?;
        let sum = |x: i64, c: i64| match alpha.fract() == 0.0 && beta.fract() == 0.0 {
            true => scaled(x, alpha).wrapping_add(scaled(c, beta)),
            // Rounded once.
            false => (x as f64 * f64::from(alpha) + c as f64 * f64::from(beta)) as i64,
        };
        let values = add(&product.to_i64s()?, c, form, shape, sum);
        narrow(product.element_type(), &dims, values)
    }
}

fn add<T: Element + Copy>(
    product: &[T],
    c: Option<Cow<[T]>>,
    form: Option<Addend>,
    shape: Shape,
    sum: impl Fn(T, T) -> T,
) -> Vec<T> {
    let (c, n) = (c.unwrap_or_default(), shape.n.max(1));
    let index = |at: usize| match form {
        Some(Addend::Matrix) => at,
        Some(Addend::Row) => at % n,
        Some(Addend::Column) => at / n,
        _ => 0,
    };
    let elements = product.iter().enumerate();
    elements.map(|(at, &x)| sum(x, c.get(index(at)).copied().unwrap_or_default())).collect()
}

/// How C is broadcast.
enum Addend {
    Matrix,
    Row,
    Column,
    Scalar,
}

fn resolve_addend(dims: &[usize], Shape { m, n, .. }: Shape) -> Result<Addend> {
    let (rows, columns) = match *dims {
        [] => (1, 1),
        [columns] => (1, columns),
        [rows, columns] => (rows, columns),
        _ => return Err(Error::execution("expected a third operand of two axes or fewer")),
    };
    if (rows != 1 && rows != m) || (columns != 1 && columns != n) {
        return Err(Error::execution(format!("cannot broadcast [{rows},{columns}] to [{m},{n}]")));
    }
    Ok(match (rows == m, columns == n) {
        (true, true) => Addend::Matrix,
        (false, true) => Addend::Row,
        (true, false) => Addend::Column,
        (false, false) => Addend::Scalar,
    })
}
