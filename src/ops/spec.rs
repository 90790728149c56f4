//! A node as an operator is made from it: attributes, and what is known of the inputs at load.

use crate::error::{Error, Result};
use crate::graph::{Attribute, Node};
use crate::plan::Plan;
use crate::tensor::{ElementType, Tensor};

/// A node to make an operator from.
pub struct Spec<'a> {
    node: &'a Node,
    /// Inputs whose values are known at load.
    constants: Vec<Option<Tensor>>,
    consumed: Vec<bool>,
    /// Plans of the graphs inside the node, by attribute.
    plans: Vec<(String, Plan)>,
}

impl<'a> Spec<'a> {
    /// A node, with the inputs known at load and the plans of the graphs inside it.
    pub fn new(node: &'a Node, constants: Vec<Option<Tensor>>, plans: Vec<(String, Plan)>) -> Spec<'a> {
        let consumed = vec![false; constants.len()];
        Spec { node, constants, consumed, plans }
    }

    /// The operator's name.
    pub fn op(&self) -> &str {
        &self.node.op
    }

    /// The version of the operator set of the operator's domain.
    pub fn opset(&self) -> i64 {
        self.node.opset
    }

    /// The number of inputs that the node names.
    pub fn inputs(&self) -> usize {
        self.node.inputs.len()
    }

    /// Whether the node names an input.
    pub fn has_input(&self, index: usize) -> bool {
        self.node.input(index).is_some()
    }

    /// The number of outputs that the node names.
    pub fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    /// Whether the node asks for an output.
    pub fn has_output(&self, index: usize) -> bool {
        self.node.output(index).is_some()
    }

    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attributes.get(name)
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        if let Some(Attribute::Int(value)) = self.attribute(name) { Some(*value) } else { None }
    }

    /// A whole number, or what it is where the node does not say.
    pub fn int_or(&self, name: &str, default: i64) -> i64 {
        self.int(name).unwrap_or(default)
    }

    /// Whether a whole number is other than 0.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.int(name).map_or(default, |value| value != 0)
    }

    /// Whole numbers.
    pub fn ints(&self, name: &str) -> Option<&'a [i64]> {
        if let Some(Attribute::Ints(values)) = self.attribute(name) { Some(values) } else { None }
    }

    /// Sizes: whole numbers from 0.
    pub fn sizes(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let Some(values) = self.ints(name) else { return Ok(None) };
        let sizes = values.iter().map(|&value| usize::try_from(value));
        let sizes = sizes.collect::<std::result::Result<Vec<_>, _>>();
        sizes.map(Some).map_err(|_| self.invalid(&format!("{name}={values:?}")))
    }

    /// A number.
    pub fn float(&self, name: &str) -> Option<f32> {
        match self.attribute(name) {
            Some(Attribute::Float(value)) => Some(*value),
            // Files without attribute types, whose 0.0 looks like an integer.
            Some(Attribute::Int(0)) => Some(0.0),
            _ => None,
        }
    }

    /// A number, or what it is where the node does not say.
    pub fn float_or(&self, name: &str, default: f32) -> f32 {
        self.float(name).unwrap_or(default)
    }

    /// Numbers.
    pub fn floats(&self, name: &str) -> Option<&'a [f32]> {
        if let Some(Attribute::Floats(values)) = self.attribute(name) { Some(values) } else { None }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        if let Some(Attribute::Text(bytes)) = self.attribute(name) { std::str::from_utf8(bytes).ok() } else { None }
    }

    /// A text, or what it is where the node does not say.
    pub fn text_or(&self, name: &str, default: &'a str) -> &'a str {
        self.text(name).filter(|text| !text.is_empty()).unwrap_or(default)
    }

    /// Texts as the model has them.
    pub fn strings(&self, name: &str) -> Option<&'a [Vec<u8>]> {
        if let Some(Attribute::Texts(texts)) = self.attribute(name) { Some(texts) } else { None }
    }

    /// Texts.
    pub fn texts(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.strings(name)?;
        Some(texts.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect())
    }

    /// A tensor.
    pub fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        if let Some(Attribute::Tensor(tensor)) = self.attribute(name) { Some(tensor) } else { None }
    }

    /// The element type that an attribute names, as it is computed: half-precision types are float32.
    pub fn element_type(&self, name: &str) -> Result<Option<ElementType>> {
        Ok(self.exact_element_type(name)?.map(ElementType::computed))
    }

    /// The element type that an attribute names.
    pub fn exact_element_type(&self, name: &str) -> Result<Option<ElementType>> {
        // Before opset 6 Cast has the name.
        if let Some(text) = self.text(name) {
            let known = match text.to_ascii_lowercase().as_str() {
                "float" => Some(ElementType::Float32),
                "double" => Some(ElementType::Float64),
                other => ElementType::from_name(other),
            };
            return known.map(Some).ok_or_else(|| self.unsupported(format!("{name}={text}")));
        }
        let Some(number) = self.int(name) else { return Ok(None) };
        let number = i32::try_from(number).unwrap_or(-1);
        if number == 0 {
            return Ok(None);
        }
        let known = ElementType::from_onnx(number);
        known.map(Some).ok_or_else(|| self.unsupported(format!("{name}={}", crate::tensor::onnx_type_name(number))))
    }

    /// An input whose value is known at load.
    pub fn constant(&self, index: usize) -> Option<&Tensor> {
        self.constants.get(index).and_then(Option::as_ref)
    }

    /// An input whose value is known at load, for the operator to keep in a form of its own: calls are not given it.
    pub fn consume(&mut self, index: usize) -> Option<Tensor> {
        let tensor = self.constants.get_mut(index)?.take()?;
        if let Some(consumed) = self.consumed.get_mut(index) {
            *consumed = true;
        }
        Some(tensor)
    }

    /// Which inputs were consumed.
    pub(crate) fn into_consumed(self) -> Vec<bool> {
        self.consumed
    }

    /// The plan of the graph in an attribute.
    pub fn plan(&mut self, name: &str) -> Result<Plan> {
        let index = self.plans.iter().position(|(known, _)| known == name);
        let index = index.ok_or_else(|| self.invalid(&format!("no graph \"{name}\"")))?;
        Ok(self.plans.swap_remove(index).1)
    }

    /// The error for a form of the operator that does not run: `what` completes "Resize with ...".
    pub fn unsupported(&self, what: impl AsRef<str>) -> Error {
        Error::operators(format!("{} with {}", self.node.qualified_name(), what.as_ref()))
    }

    /// The error for attributes that the operator does not allow.
    pub fn invalid(&self, what: &str) -> Error {
        let node = self.node;
        Error::invalid(format!("node \"{}\" ({}) has {what}", node.name, node.op)).at_node(&node.name, &node.op)
    }
}
