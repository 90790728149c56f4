//! Operators on bits and on truth values.

use super::arithmetic::meet;
use super::integer::narrow;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::broadcast::zip_rows;
use crate::tensor::{ElementType, Tensor};

pub const ENTRIES: &[Entry] = &[
    onnx("And", |_| zip_bits(|a, b| a & b, true)),
    onnx("BitShift", shift),
    onnx("BitwiseAnd", |_| zip_bits(|a, b| a & b, false)),
    onnx("BitwiseNot", |_| not(false)),
    onnx("BitwiseOr", |_| zip_bits(|a, b| a | b, false)),
    onnx("BitwiseXor", |_| zip_bits(|a, b| a ^ b, false)),
    onnx("Not", |_| not(true)),
    onnx("Or", |_| zip_bits(|a, b| a | b, true)),
    onnx("Xor", |_| zip_bits(|a, b| a ^ b, true)),
];

fn check_type(tensor: &Tensor, is_logical: bool) -> Result<()> {
    match tensor.element_type() {
        ElementType::Bool if !is_logical => Err(Error::execution("expected integers")),
        ElementType::Bool => Ok(()),
        _ if is_logical => Err(Error::execution("expected elements of type bool")),
        ElementType::String => Err(Error::execution("expected integers")),
        other if other.is_float() => Err(Error::execution("expected integers")),
        _ => Ok(()),
    }
}

/// An operator on the bits of two integers, or on two truth values.
fn zip_bits(f: fn(i64, i64) -> i64, is_logical: bool) -> Result<Operator> {
    single(move |call| {
        let (a, b) = (call.tensor(0)?, call.tensor(1)?);
        check_type(a, is_logical)?;
        let broadcast = meet(a, b)?;
        if is_logical {
            let run = |a: u8, b: u8| f(a.into(), b.into()) as u8;
            let values = zip_rows(&broadcast, [a.bits()?, b.bits()?], &|row| row.zip(run))?;
            return Tensor::from_bits::<u8>(ElementType::Bool, broadcast.dims(), values);
        }
        let values = zip_rows(&broadcast, [&*a.to_i64s()?, &*b.to_i64s()?], &|row| row.zip(f))?;
        narrow(a.element_type(), broadcast.dims(), values)
    })
}

/// An operator on the bits of an integer, or on a truth value.
fn not(is_logical: bool) -> Result<Operator> {
    single(move |call| {
        let mut tensor = call.take(0)?;
        check_type(&tensor, is_logical)?;
        let mask = if is_logical { 1 } else { u8::MAX };
        tensor.as_bytes_mut().iter_mut().for_each(|byte| *byte ^= mask);
        Ok(tensor)
    })
}

/// A shift by the type's width and more leads to 0. <https://onnx.ai/onnx/operators/onnx__BitShift.html>
fn shift(spec: &mut Spec) -> Result<Operator> {
    match spec.text("direction") {
        Some("LEFT") => zip_bits(|a, b| (a as u64).checked_shl(count(b)).unwrap_or(0) as i64, false),
        Some("RIGHT") => zip_bits(|a, b| (a as u64).checked_shr(count(b)).unwrap_or(0) as i64, false),
        other => Err(spec.invalid(&format!("direction={}", other.unwrap_or("none")))),
    }
}

fn count(places: i64) -> u32 {
    u32::try_from(places).unwrap_or(u32::MAX)
}
