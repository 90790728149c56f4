//! Operators that compute numbers from numbers of the same place in two operands, or in more.

use super::integer::narrow;
use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::broadcast::{Broadcast, Operand, Row, zip_in_place, zip_rows};
use crate::kernels::simd::F32x4;
use crate::tensor::{Dims, Element, ElementType, Tensor};

pub const ENTRIES: &[Entry] = &[
    onnx("Add", |_| binary(&ADD)),
    onnx("Div", |_| binary(&DIV)),
    onnx("Max", |_| variadic(&MAX)),
    onnx("Mean", mean),
    onnx("Min", |_| variadic(&MIN)),
    onnx("Mod", modulo),
    onnx("Mul", |_| binary(&MUL)),
    onnx("PRelu", |_| binary(&PRELU)),
    onnx("Pow", pow),
    onnx("Sub", |_| binary(&SUB)),
    onnx("Sum", |_| variadic(&ADD)),
];

/// A function of two numbers for each kind of them. Shorter integers are computed as int64 and wrap around.
pub struct Function {
    pub f32: fn(Row<f32, f32>),
    pub f64: fn(f64, f64) -> f64,
    pub i64: fn(i64, i64) -> i64,
    pub u64: fn(u64, u64) -> u64,
    /// Whether integers cannot have a 0 as second operand.
    pub divides: bool,
}

pub const ADD: Function = Function {
    f32: |row| row.zip_wide(F32x4::add),
    f64: |a, b| a + b,
    i64: i64::wrapping_add,
    u64: u64::wrapping_add,
    divides: false,
};

const SUB: Function = Function {
    f32: |row| row.zip_wide(F32x4::sub),
    f64: |a, b| a - b,
    i64: i64::wrapping_sub,
    u64: u64::wrapping_sub,
    divides: false,
};

pub const MUL: Function = Function {
    f32: |row| row.zip_wide(F32x4::mul),
    f64: |a, b| a * b,
    i64: i64::wrapping_mul,
    u64: u64::wrapping_mul,
    divides: false,
};

const DIV: Function = Function {
    f32: |row| row.zip_wide(F32x4::div),
    f64: |a, b| a / b,
    i64: i64::wrapping_div,
    u64: u64::wrapping_div,
    divides: true,
};

/// NaN where either is.
const MAX: Function = Function {
    f32: |row| row.zip_wide(F32x4::max),
    f64: |a, b| if a > b || a.is_nan() { a } else { b },
    i64: i64::max,
    u64: u64::max,
    divides: false,
};

/// NaN where either is.
const MIN: Function = Function {
    f32: |row| row.zip_wide(F32x4::min),
    f64: |a, b| if a < b || a.is_nan() { a } else { b },
    i64: i64::min,
    u64: u64::min,
    divides: false,
};

const PRELU: Function = Function {
    f32: |row| row.zip_wide(|x, slope| x.select_below(F32x4::splat(0.0), x.mul(slope), x)),
    f64: |x, slope| if x < 0.0 { x * slope } else { x },
    i64: |x, slope| if x < 0 { x.wrapping_mul(slope) } else { x },
    u64: |x, _| x,
    divides: false,
};

/// The rest has the sign of the divisor, as in Python.
const MOD: Function = Function {
    f32: |row| row.zip(|a, b| floor_rest(f64::from(a), f64::from(b)) as f32),
    f64: floor_rest,
    i64: |a, b| {
        let rest = a.wrapping_rem(b);
        if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest }
    },
    u64: u64::wrapping_rem,
    divides: true,
};

fn floor_rest(a: f64, b: f64) -> f64 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// The rest has the sign of what is divided, as in C.
const FMOD: Function = Function {
    f32: |row| row.zip(|a, b| a % b),
    f64: |a, b| a % b,
    i64: i64::wrapping_rem,
    u64: u64::wrapping_rem,
    divides: true,
};

const POW: Function = Function {
    f32: |row| row.zip(|a, b| f64::from(a).powf(f64::from(b)) as f32),
    f64: f64::powf,
    i64: |base, exponent| match u32::try_from(exponent) {
        Ok(exponent) => base.wrapping_pow(exponent),
        // -1 and 1 alone have a whole inverse; the exponent may also be over 32 bits.
        Err(_) => (base as f64).powf(exponent as f64) as i64,
    },
    u64: |base, exponent| base.wrapping_pow(u32::try_from(exponent).unwrap_or(u32::MAX)),
    divides: false,
};

const SQUARE: fn(Row<f32, f32>) = |row| row.zip_wide(|a, _| a.mul(a));
const CUBE: fn(Row<f32, f32>) = |row| row.zip_wide(|a, _| a.mul(a).mul(a));

/// A tensor that a function may write its result into, or not.
pub enum Side<'a> {
    Shared(&'a Tensor),
    Owned(Tensor),
}

impl<'a> Side<'a> {
    /// Two inputs of a call.
    pub fn pair(call: &'a mut Call, first: usize, second: usize) -> Result<[Side<'a>; 2]> {
        let mut take = |index| if call.is_owned(index) { call.take(index).map(Some) } else { Ok(None) };
        let (a, b) = (take(first)?, take(second)?);
        let call: &'a Call = call;
        let side = |taken: Option<Tensor>, index| match taken {
            Some(tensor) => Ok(Side::Owned(tensor)),
            None => call.tensor(index).map(Side::Shared),
        };
        Ok([side(a, first)?, side(b, second)?])
    }

    pub fn tensor(&self) -> &Tensor {
        match self {
            Side::Shared(tensor) => tensor,
            Side::Owned(tensor) => tensor,
        }
    }

    fn operand<T: Element>(self) -> Result<Operand<'a, T>> {
        match self {
            Side::Shared(tensor) => tensor.slice().map(Operand::Shared),
            Side::Owned(tensor) => tensor.into_vec().map(Operand::Owned),
        }
    }
}

/// The broadcast of two tensors, which must be of one element type.
pub fn meet(a: &Tensor, b: &Tensor) -> Result<Broadcast<2>> {
    if a.element_type() != b.element_type() {
        return Err(Error::execution("expected two operands of one element type"));
    }
    Broadcast::new([a.dims(), b.dims()])
}

fn zip<T: Element + Copy>(broadcast: Broadcast<2>, [a, b]: [Side; 2], run: &dyn Fn(Row<T, T>)) -> Result<Tensor> {
    let dims = Dims::from_slice(broadcast.dims());
    Tensor::new(&dims, zip_in_place(broadcast, [a.operand()?, b.operand()?], run)?)
}

/// Applies a function to two tensors.
pub fn apply(function: &Function, sides: [Side; 2]) -> Result<Tensor> {
    let [a, b] = &sides;
    let (a, b) = (a.tensor(), b.tensor());
    let broadcast = meet(a, b)?;
    let is_empty = broadcast.dims().contains(&0);
    let element_type = a.element_type();
    let (f64, i64, u64) = (function.f64, function.i64, function.u64);
    if function.divides && !element_type.is_float() && !is_empty && b.to_i64s()?.contains(&0) {
        return Err(Error::execution("an integer is divided by 0"));
    }
    match element_type {
        ElementType::Float32 => zip(broadcast, sides, &function.f32),
        ElementType::Float64 => zip::<f64>(broadcast, sides, &|row| row.zip(f64)),
        ElementType::Int64 => zip::<i64>(broadcast, sides, &|row| row.zip(i64)),
        ElementType::Uint64 => zip::<u64>(broadcast, sides, &|row| row.zip(u64)),
        ElementType::Int32 => zip::<i32>(broadcast, sides, &|row| row.zip(|a, b| i64(a.into(), b.into()) as i32)),
        ElementType::Bool | ElementType::String => Err(Error::execution("expected numbers")),
        _ => {
            let values = zip_rows(&broadcast, [&*a.to_i64s()?, &*b.to_i64s()?], &|row| row.zip(i64))?;
            narrow(element_type, broadcast.dims(), values)
        }
    }
}

/// An operator that applies a function to its two inputs.
pub fn binary(function: &'static Function) -> Result<Operator> {
    single(move |call| apply(function, Side::pair(call, 0, 1)?))
}

/// A function of the first two inputs, of that and the third, and so on.
fn fold(function: &Function, call: &mut Call) -> Result<Tensor> {
    if call.len() < 2 {
        let only = call.take(0)?;
        return match only.element_type() {
            ElementType::Bool | ElementType::String => Err(Error::execution("expected numbers")),
            _ => Ok(only),
        };
    }
    let mut result = apply(function, Side::pair(call, 0, 1)?)?;
    for index in 2..call.len() {
        result = apply(function, [Side::Owned(result), Side::Shared(call.tensor(index)?)])?;
    }
    Ok(result)
}

/// An operator that applies a function to any number of inputs.
fn variadic(function: &'static Function) -> Result<Operator> {
    single(move |call| fold(function, call))
}

/// <https://onnx.ai/onnx/operators/onnx__Mean.html>
fn mean(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let count = call.len() as f32;
        let sum = fold(&ADD, call)?;
        let count = match sum.element_type() {
            ElementType::Float64 => Tensor::scalar(f64::from(count)),
            _ => Tensor::scalar(count),
        };
        apply(&DIV, [Side::Owned(sum), Side::Owned(count)])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Mod.html>
fn modulo(spec: &mut Spec) -> Result<Operator> {
    binary(if spec.flag("fmod", false) { &FMOD } else { &MOD })
}

/// The exponent may be of any type; the result is of that of the base. <https://onnx.ai/onnx/operators/onnx__Pow.html>
fn pow(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let [base, exponent] = Side::pair(call, 0, 1)?;
        let (from, to) = (exponent.tensor(), base.tensor().element_type());
        if to == ElementType::Float32 && from.len() == 1 {
            let fast = match from.to_f64s()?.first() {
                Some(2.0) => Some(SQUARE),
                Some(3.0) => Some(CUBE),
                _ => None,
            };
            if let Some(run) = fast {
                let exponent = Tensor::scalar(0f32).reshape(&vec![1; from.rank()])?;
                let broadcast = meet(base.tensor(), &exponent)?;
                return zip(broadcast, [base, Side::Owned(exponent)], &run);
            }
        }
        if to.is_float() || !from.element_type().is_float() {
            let exponent = super::cast::cast(from.clone(), to)?;
            return apply(&POW, [base, Side::Owned(exponent)]);
        }
        let base = super::cast::cast(base.tensor().clone(), ElementType::Float64)?;
        let exponent = super::cast::cast(from.clone(), ElementType::Float64)?;
        super::cast::cast(apply(&POW, [Side::Owned(base), Side::Owned(exponent)])?, to)
    })
}
