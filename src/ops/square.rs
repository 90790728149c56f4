//! Squares of integers: tract rewrites `x * x` and `x ^ 2` to an operator that only knows floats.

use tract_onnx::prelude::{DatumType, Tensor, TractError, TractResult, TypedModel};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_core::ops::math::Square;

use super::map_elements;

/// Puts our square in the place of tract's, wherever that would meet integers.
pub fn replace_squares(model: &mut TypedModel) {
    for node in model.nodes_mut() {
        let is_integer = node.outputs.iter().all(|output| output.fact.datum_type.is_integer());
        let is_square = node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<Square>());
        if is_square && is_integer {
            node.op = Box::new(ElementWiseOp(Box::new(SquareInteger), None));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SquareInteger;

impl ElementWiseMiniOp for SquareInteger {
    fn name(&self) -> String {
        "SquareInteger".to_string()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        match tensor.datum_type() {
            DatumType::I8 => map_elements(tensor, |x: i8| x.wrapping_mul(x)),
            DatumType::I16 => map_elements(tensor, |x: i16| x.wrapping_mul(x)),
            DatumType::I32 => map_elements(tensor, |x: i32| x.wrapping_mul(x)),
            DatumType::I64 => map_elements(tensor, |x: i64| x.wrapping_mul(x)),
            DatumType::U8 => map_elements(tensor, |x: u8| x.wrapping_mul(x)),
            DatumType::U16 => map_elements(tensor, |x: u16| x.wrapping_mul(x)),
            DatumType::U32 => map_elements(tensor, |x: u32| x.wrapping_mul(x)),
            DatumType::U64 => map_elements(tensor, |x: u64| x.wrapping_mul(x)),
            other => Err(TractError::msg(format!("no square of {other:?}"))),
        }
    }
}
