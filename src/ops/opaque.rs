//! Operators that tract's optimiser moves or merges wrongly stay where they are.
//!
//! - A strided Slice is pulled up over what comes before it: over a Softmax on the same axis, and into a Conv without
//!   its offset or with the wrong padding. tract makes the same of a Conv with kernel 1 and a stride.
//! - A chain from a DequantizeLinear to the next QuantizeLinear becomes a table of single values, also where it holds an
//!   operator over several, such as Softmax, which then saturates.
//! - A broadcast that comes to stand in front of a matrix product is dropped, also where the product sums over its axis.

use tract_onnx::prelude::{OutletId, TVec, TractResult, TypedFact, TypedModel, TypedModelPatch, TypedOp};
use tract_onnx::tract_core::axes::AxesMapping;
use tract_onnx::tract_core::internal::{
    AxisChangeConsequence, AxisOp, EvalContext, EvalOp, InOut, Op, StaticName, TValue, TypedNode,
};
use tract_onnx::tract_core::ops::Downsample;
use tract_onnx::tract_core::ops::array::{DynTile, MultiBroadcastTo, StridedSlice, Tile};
use tract_onnx::tract_core::ops::cnn::Conv;
use tract_onnx::tract_core::ops::logic::Iff;
use tract_onnx::tract_core::ops::quant::DequantizeLinearF32;
use tract_onnx::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

/// Makes opaque what the optimiser would get wrong, also what it has just made itself.
pub fn make_opaque(model: &mut TypedModel) {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let is_broadcast = node.op_is::<MultiBroadcastTo>() || node.op_is::<Tile>() || node.op_is::<DynTile>();
        let is_elementwise = node.op_is::<DequantizeLinearF32>();
        if is_elementwise || is_broadcast || is_strided(model, node) || is_decided(model, node) {
            let op = node.op.clone();
            model.node_mut(id).op = Box::new(Opaque { op, is_elementwise });
        }
    }
}

/// Whether a node is a Slice with steps other than 1.
fn is_strided(model: &TypedModel, node: &TypedNode) -> bool {
    let Some(slice) = node.op_as::<StridedSlice>() else { return node.op_is::<Downsample>() };
    let steps = slice.optional_steps_input.and_then(|index| node.inputs.get(index));
    steps.is_some_and(|steps| !is_known(model, *steps, |step| step == 1))
}

/// Whether a node is a Where whose condition is all true or all false: what is left of it is a broadcast.
fn is_decided(model: &TypedModel, node: &TypedNode) -> bool {
    let condition = node.inputs.first().and_then(|condition| model.outlet_fact(*condition).ok());
    node.op_is::<Iff>() && condition.is_some_and(|fact| fact.uniform.is_some())
}

/// Whether a node is such a Slice, and its bounds are not known before it runs.
pub fn is_unbounded_stride(model: &TypedModel, node: &TypedNode) -> bool {
    let bounds = node.inputs.get(1..3).unwrap_or_default();
    node.op_is::<StridedSlice>()
        && is_strided(model, node)
        && !bounds.iter().all(|bound| is_known(model, *bound, |_| true))
}

fn is_known(model: &TypedModel, outlet: OutletId, test: impl Fn(i64) -> bool) -> bool {
    let value = model.outlet_fact(outlet).ok().and_then(|fact| fact.konst.as_ref());
    let value = value.and_then(|value| value.cast_to::<i64>().ok());
    let view = value.as_ref().and_then(|value| value.to_plain_array_view::<i64>().ok());
    view.is_some_and(|view| view.iter().all(|&found| test(found)))
}

/// Turns a Conv with kernel 1 and a stride into the stride and a Conv without: what the optimiser would do too, but then
/// move the stride on.
pub fn unroll_strides(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        while let Some(patch) = unroll_stride(model, model.node(id))? {
            patch.apply(model)?;
        }
    }
    Ok(())
}

fn unroll_stride(model: &TypedModel, node: &TypedNode) -> TractResult<Option<TypedModelPatch>> {
    let Some(conv) = node.op_as::<Conv>() else { return Ok(None) };
    let pool = &conv.pool_spec;
    let is_sparse = |axis: &usize| {
        let stride = pool.stride(*axis);
        let is_one = pool.kernel_shape.get(*axis) == Some(&1);
        let skips = is_one || pool.dilation(*axis).is_multiple_of(stride);
        stride > 1 && skips && pool.padding.valid_dim(*axis, false)
    };
    let Some(axis) = (0..pool.rank()).find(is_sparse) else { return Ok(None) };
    let stride = pool.stride(axis);
    let mut dense = conv.clone();
    if let Some(strides) = dense.pool_spec.strides.as_mut().and_then(|strides| strides.get_mut(axis)) {
        *strides = 1;
    }
    if let Some(dilation) = dense.pool_spec.dilations.as_mut().and_then(|dilations| dilations.get_mut(axis)) {
        *dilation = dilation.div_ceil(stride);
    }
    let Some(&input) = node.inputs.first() else { return Ok(None) };
    let shape = pool.data_format.shape(&model.outlet_fact(input)?.shape)?;
    let downsample = Downsample::new(axis + shape.h_axis(), stride as isize, 0);
    let mut patch = TypedModelPatch::default();
    let mut taps = patch.taps(model, &node.inputs)?;
    let name = format!("{}.downsample.{axis}", node.name);
    let down = patch.wire_node(
        name,
        Opaque { op: Box::new(downsample), is_elementwise: false },
        taps.get(..1).unwrap_or_default(),
    )?;
    if let (Some(tap), Some(down)) = (taps.first_mut(), down.first()) {
        *tap = *down;
    }
    let output = patch.wire_node(&node.name, dense, &taps)?;
    if let Some(output) = output.first() {
        patch.shunt_outside(model, OutletId::new(node.id, 0), *output)?;
    }
    Ok(Some(patch))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Opaque {
    op: Box<dyn TypedOp>,
    /// Whether axes may still be moved over it.
    is_elementwise: bool,
}

impl Op for Opaque {
    fn name(&self) -> StaticName {
        self.op.name()
    }

    op_as_typed_op!();
}

impl EvalOp for Opaque {
    op_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.op.eval(context, inputs)
    }
}

impl TypedOp for Opaque {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.op.output_facts(inputs)
    }

    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        match self.is_elementwise {
            true => self.op.axes_mapping(inputs, outputs),
            false => AxesMapping::disconnected(inputs, outputs),
        }
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        match self.is_elementwise {
            true => self.op.change_axes(model, node, io, change),
            false => Ok(None),
        }
    }

    as_op!();
}
