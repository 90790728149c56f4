//! LogSoftmax, which tract imports as the logarithm of a Softmax: that of zero where a value is 104 below the largest.
//! <https://onnx.ai/onnx/operators/onnx__LogSoftmax.html>

use tract_onnx::prelude::TypedModel;
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_core::ops::math::Ln;
use tract_onnx::tract_core::ops::nn::{Softmax, SoftmaxKind};

/// The end of the name that tract gives to the logarithm.
const SUFFIX: &str = ".logsoftmax";

/// Makes one stable operator of each pair.
pub fn merge_log_softmax(model: &mut TypedModel) {
    for id in 0..model.nodes().len() {
        if let Some(softmax) = find_softmax(model, id) {
            if let Some(op) = model.node_mut(softmax).op_as_mut::<Softmax>() {
                op.kind = SoftmaxKind::LogSoftmax;
            }
            model.node_mut(id).op = Box::new(Identity);
        }
    }
}

/// The Softmax that the logarithm at `id` belongs to, beyond changes of shape.
fn find_softmax(model: &TypedModel, id: usize) -> Option<usize> {
    let mut node = model.node(id);
    let is_logarithm = node.op_as::<ElementWiseOp>().is_some_and(|op| op.0.is::<Ln>());
    if !is_logarithm || !node.name.ends_with(SUFFIX) {
        return None;
    }
    loop {
        node = model.node(node.inputs.first()?.node);
        if node.op_is::<Softmax>() {
            return Some(node.id);
        }
        if !node.op_is::<AxisOp>() {
            return None;
        }
    }
}
