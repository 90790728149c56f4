//! Forms of supported operators that tract accepts and computes as something else. They are refused like operators that
//! do not run. Each was found beside onnxruntime.

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::{AttributeProto, NodeProto};
use tract_onnx::prelude::Tensor;

/// A node, with what else decides whether it runs.
pub(super) struct Use<'m> {
    pub node: &'m NodeProto,
    /// The version of the default operator set.
    pub opset: i64,
    /// Values known at load.
    pub weights: &'m BTreeMap<String, Arc<Tensor>>,
}

type Fault = Option<&'static str>;
type Row = (&'static str, fn(&Use) -> Fault);

const TABLE: [Row; 16] = [
    ("BatchNormalization", |node| node.is("training_mode", 1).then_some("training_mode=1")),
    ("Cast", |node| node.is("to", 8).then_some("to=STRING")),
    ("Celu", |node| node.float("alpha").is_some_and(|alpha| alpha != 1.0).then_some("alpha other than 1")),
    ("DFT", |node| (node.is("onesided", 1) && node.has_input(1)).then_some("onesided=1 with dft_length")),
    ("Einsum", |node| {
        let (inputs, output) = node.text("equation").and_then(|text| text.split_once("->")).unwrap_or_default();
        let has_dots = |operand: &str| operand.contains("...");
        if output.trim().is_empty() && !inputs.trim().is_empty() {
            Some("no output axes")
        } else {
            (has_dots(inputs) && !inputs.split(',').all(has_dots)).then_some("\"...\" in some operands only")
        }
    }),
    ("GRU", find_recurrent_fault),
    ("GridSample", |node| {
        let is_cubic = node.text("mode").is_some_and(|mode| mode.ends_with("cubic"));
        (is_cubic && node.text("padding_mode") == Some("border")).then_some("mode cubic with padding_mode border")
    }),
    ("LRN", |node| node.int("size").is_some_and(|size| size % 2 == 0).then_some("an even size")),
    ("LSTM", find_recurrent_fault),
    ("LinearRegressor", |node| {
        node.text("post_transform").is_some_and(|name| name != "NONE").then_some("a post_transform")
    }),
    ("NonMaxSuppression", |node| (!node.has_input(2)).then_some("no max_output_boxes_per_class")),
    ("Normalizer", |node| (node.text("norm").is_none_or(|norm| norm == "MAX")).then_some("norm=MAX")),
    ("RNN", find_recurrent_fault),
    ("Resize", |node| {
        let is_nearest = node.text("mode").is_none_or(|mode| mode == "nearest");
        let by_length = ["align_corners", "tf_crop_and_resize"].map(Some);
        if node.opset == 10 && is_nearest {
            return Some("mode nearest of operator set 10");
        }
        let is_by_length = by_length.contains(&node.text("coordinate_transformation_mode"));
        (is_by_length && !node.is_whole(2))
            .then_some("align_corners or tf_crop_and_resize and scales that are not whole")
    }),
    ("SkipSimplifiedLayerNormalization", |node| node.has_input(3).then_some("a bias")),
    ("Swish", |node| node.float("alpha").is_some_and(|alpha| alpha != 1.0).then_some("alpha other than 1")),
];

/// Why this use of an operator cannot run, if so.
pub(super) fn find_fault(node: &Use) -> Fault {
    TABLE.iter().find(|(op, _)| *op == node.node.op_type).and_then(|(_, fault)| fault(node))
}

/// tract reads next to no attribute of the recurrent operators.
/// <https://onnx.ai/onnx/operators/onnx__LSTM.html>
fn find_recurrent_fault(node: &Use) -> Fault {
    let defaults: &[&str] = match node.node.op_type.as_str() {
        "LSTM" => &["Sigmoid", "Tanh", "Tanh"],
        "GRU" => &["Sigmoid", "Tanh"],
        _ => &["Tanh"],
    };
    let activations = node.attribute("activations").map(|attribute| &attribute.strings);
    let is_default = |names: &Vec<Vec<u8>>| {
        names.iter().zip(defaults.iter().cycle()).all(|(name, default)| name.eq_ignore_ascii_case(default.as_bytes()))
    };
    if node.text("direction") == Some("reverse") {
        Some("direction=reverse")
    } else if node.attribute("clip").is_some() {
        Some("clip")
    } else if activations.is_some_and(|names| !is_default(names)) {
        Some("activations other than the default")
    } else if node.is("input_forget", 1) {
        Some("input_forget=1")
    } else {
        None
    }
}

impl Use<'_> {
    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|attribute| attribute.name == name)
    }

    fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.i)
    }

    fn is(&self, name: &str, value: i64) -> bool {
        self.int(name) == Some(value)
    }

    fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).map(|attribute| attribute.f)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|attribute| std::str::from_utf8(&attribute.s).ok())
    }

    fn has_input(&self, index: usize) -> bool {
        self.node.input.get(index).is_some_and(|name| !name.is_empty())
    }

    /// Whether an input holds whole numbers only, as far as they are known.
    fn is_whole(&self, index: usize) -> bool {
        let tensor = self.node.input.get(index).and_then(|name| self.weights.get(name));
        let tensor = tensor.and_then(|tensor| tensor.cast_to::<f32>().ok());
        let view = tensor.as_ref().and_then(|tensor| tensor.to_plain_array_view::<f32>().ok());
        view.is_none_or(|view| view.iter().all(|number| number.fract() == 0.0))
    }
}
