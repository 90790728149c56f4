//! Operators that compare, and the choice by a condition.

use std::cmp::Ordering;

use super::arithmetic::meet;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::Result;
use crate::kernels::broadcast::{Broadcast, Row, choose, zip_rows};
use crate::tensor::{ElementType, Tensor};
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[
    onnx("Equal", |_| {
        compare(|row| row.zip(|a, b| a == b), |row| row.zip(|a, b| a == b), |order| order == Some(Ordering::Equal))
    }),
    onnx("Greater", |_| {
        compare(|row| row.zip(|a, b| a > b), |row| row.zip(|a, b| a > b), |order| order == Some(Ordering::Greater))
    }),
    onnx("GreaterOrEqual", |_| {
        compare(|row| row.zip(|a, b| a >= b), |row| row.zip(|a, b| a >= b), |order| order.is_some_and(Ordering::is_ge))
    }),
    onnx("Less", |_| {
        compare(|row| row.zip(|a, b| a < b), |row| row.zip(|a, b| a < b), |order| order == Some(Ordering::Less))
    }),
    onnx("LessOrEqual", |_| {
        compare(|row| row.zip(|a, b| a <= b), |row| row.zip(|a, b| a <= b), |order| order.is_some_and(Ordering::is_le))
    }),
    onnx("Where", choose_where),
];

/// An operator that compares its two inputs: rows of the usual types at once, others element by element. NaN has no order.
fn compare(
    floats: fn(Row<f32, bool>),
    integers: fn(Row<i64, bool>),
    is_so: fn(Option<Ordering>) -> bool,
) -> Result<Operator> {
    fn zip<T: Copy + PartialOrd>(
        broadcast: &Broadcast<2>,
        operands: [&[T]; 2],
        is_so: fn(Option<Ordering>) -> bool,
    ) -> Result<Vec<bool>> {
        zip_rows(broadcast, operands, &|row| row.zip(|a: T, b: T| is_so(a.partial_cmp(&b))))
    }
    single(move |call| {
        let (a, b) = (call.tensor(0)?, call.tensor(1)?);
        let broadcast = meet(a, b)?;
        let values = match a.element_type() {
            ElementType::Float32 => zip_rows(&broadcast, [a.slice()?, b.slice()?], &floats),
            ElementType::Float64 => zip(&broadcast, [a.slice::<f64>()?, b.slice()?], is_so),
            ElementType::Uint64 => zip(&broadcast, [a.slice::<u64>()?, b.slice()?], is_so),
            ElementType::String => {
                // References can be copied, strings cannot.
                let [a, b] = [a.slice::<String>()?, b.slice()?].map(|texts| texts.iter().collect::<Vec<&String>>());
                zip(&broadcast, [&a, &b], is_so)
            }
            _ => zip_rows(&broadcast, [&*a.to_i64s()?, &*b.to_i64s()?], &integers),
        };
        Tensor::new(broadcast.dims(), values?)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Where.html>
fn choose_where(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let (condition, then, otherwise) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
        condition.slice::<bool>()?;
        meet(then, otherwise)?;
        let broadcast = Broadcast::new([condition.dims(), then.dims(), otherwise.dims()])?;
        with_bits!(then, T => {
            let values = choose::<T>(&broadcast, condition.bits()?, then.bits()?, otherwise.bits()?)?;
            Tensor::from_bits(then.element_type(), broadcast.dims(), values)
        })
    })
}
