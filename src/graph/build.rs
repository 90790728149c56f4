//! ONNX messages to a [`Graph`].

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use half::{bf16, f16};
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, ValueInfoProto, tensor_shape_proto, type_proto,
};

use super::legacy::align_operand;
use super::{Attribute, Declared, Graph, Node, ValueId};
use crate::error::{Error, Result};
use crate::model::domain_name;
use crate::model::extension::FunctionProto;
use crate::model::weights::{decode_constant, decode_value};
use crate::tensor::{ElementType, Tensor};

/// How deep functions may call one another: what goes deeper calls itself.
const DEEPEST: usize = 64;

/// How many calls of functions a model may make: what makes more, a few functions that each call the next several times, is
/// made to fill the memory.
const MOST_CALLS: usize = 1 << 16;

/// Builds graphs of one model.
pub(crate) struct Builder<'m> {
    functions: HashMap<(&'m str, &'m str), &'m FunctionProto>,
    limit: usize,
    calls: Cell<usize>,
}

/// Where names mean something: a graph, or the body of a function inside one.
struct Scope<'m> {
    /// Inputs that a call leaves out are `None`.
    names: HashMap<&'m str, Option<ValueId>>,
    /// Names of the graph around, with their values here; `None` where a name must be known.
    captures: Option<Vec<(&'m str, ValueId)>>,
    opsets: HashMap<&'m str, i64>,
    /// The attributes of the call, in the body of a function.
    bindings: BTreeMap<&'m str, &'m AttributeProto>,
    /// Names of the calls around this scope.
    prefix: String,
    depth: usize,
}

impl<'m> Builder<'m> {
    /// A builder for a model with these functions, whose tensors take at most `limit` bytes each.
    pub fn new(functions: &'m [FunctionProto], limit: usize) -> Builder<'m> {
        let functions = functions.iter();
        let functions =
            functions.map(|function| ((domain_name(&function.domain), function.name.as_str()), function)).collect();
        Builder { functions, limit, calls: Cell::new(0) }
    }

    /// The model's main graph. `weights` are values known at load, initializers and constants, by name.
    pub fn build(
        &self,
        proto: &'m GraphProto,
        opsets: &'m [OperatorSetIdProto],
        weights: &'m BTreeMap<String, Tensor>,
    ) -> Result<Graph> {
        let mut scope = Scope {
            names: HashMap::new(),
            captures: None,
            opsets: list_opsets(opsets),
            bindings: BTreeMap::new(),
            prefix: String::new(),
            depth: 0,
        };
        let mut graph = Graph::default();
        for (name, tensor) in weights {
            let value = scope.declare(&mut graph, name);
            graph.constants.insert(value, widen_half(tensor.clone()));
        }
        self.fill(proto, graph, &mut scope)
    }

    fn fill(&self, proto: &'m GraphProto, mut graph: Graph, scope: &mut Scope<'m>) -> Result<Graph> {
        for tensor in &proto.initializer {
            let value = scope.declare(&mut graph, &tensor.name);
            graph.constants.insert(value, widen_half(decode_value(tensor, self.limit)?));
        }
        for input in &proto.input {
            if !scope.names.contains_key(input.name.as_str()) {
                let value = scope.declare(&mut graph, &input.name);
                graph.inputs.push(value);
            }
        }
        self.add_nodes(&proto.node, &mut graph, scope)?;
        for output in &proto.output {
            let value = scope.resolve(&mut graph, &output.name)?;
            let missing = || Error::invalid("a graph has an output without a name");
            graph.outputs.push(value.ok_or_else(missing)?);
            graph.declared.push(read_declared(output));
        }
        Ok(graph)
    }

    fn add_nodes(&self, nodes: &'m [NodeProto], graph: &mut Graph, scope: &mut Scope<'m>) -> Result<()> {
        for name in nodes.iter().flat_map(|node| &node.output).filter(|name| !name.is_empty()) {
            // An output of a function's body has the value of the call's output already.
            if !scope.names.contains_key(name.as_str()) {
                scope.declare(graph, name);
            }
        }
        nodes.iter().try_for_each(|proto| self.add_node(proto, graph, scope))
    }

    fn add_node(&self, proto: &'m NodeProto, graph: &mut Graph, scope: &mut Scope<'m>) -> Result<()> {
        let domain = domain_name(&proto.domain);
        let mut inputs = Vec::with_capacity(proto.input.len());
        for name in &proto.input {
            inputs.push(scope.resolve(graph, name)?);
        }
        let outputs: Vec<Option<ValueId>> =
            proto.output.iter().map(|name| scope.names.get(name.as_str()).copied().flatten()).collect();
        let attributes = scope.bind(&proto.attribute);
        let name = format!("{}{}", scope.prefix, proto.name);
        if let Some(function) = self.functions.get(&(domain, proto.op_type.as_str()))
            // What ONNX defines, a model does not define anew: exporters add the standard's own bodies.
            && (!is_standard(domain) || !crate::ops::is_known(domain, &proto.op_type))
        {
            return self.inline(function, &name, &inputs, &outputs, attributes, graph, scope.depth);
        }
        let opset = scope.opsets.get(domain).copied().unwrap_or(1);
        if domain == "ai.onnx" && proto.op_type == "Constant" {
            let tensor = decode_constant(&attributes, &proto.name, self.limit)
                .map_err(|error| error.at_node(&proto.name, "Constant"))?;
            if let Some(value) = outputs.first().copied().flatten() {
                graph.constants.insert(value, widen_half(tensor));
            }
            return Ok(());
        }
        let mut node = Node {
            name,
            op: proto.op_type.clone(),
            domain: domain.to_string(),
            opset,
            inputs,
            outputs,
            ..Node::default()
        };
        for (name, attribute) in attributes {
            if let Some(value) = Attribute::decode(attribute, self.limit)? {
                node.attributes.insert(name.to_string(), widen_attribute(value));
            }
        }
        // By name, the order in which a node's graphs share its captures.
        let inner: BTreeMap<&str, &GraphProto> = proto
            .attribute
            .iter()
            .filter_map(|attribute| Some((attribute.name.as_str(), attribute.g.as_ref()?)))
            .collect();
        for (name, inner) in inner {
            let inner = self.build_inner(inner, &mut node, graph, scope)?;
            node.graphs.insert(name.to_string(), inner);
        }
        align_operand(&mut node, graph);
        graph.nodes.push(node);
        Ok(())
    }

    fn build_inner(
        &self,
        proto: &'m GraphProto,
        node: &mut Node,
        graph: &mut Graph,
        scope: &mut Scope<'m>,
    ) -> Result<Graph> {
        let mut inner_scope = Scope {
            names: HashMap::new(),
            captures: Some(Vec::new()),
            opsets: scope.opsets.clone(),
            bindings: scope.bindings.clone(),
            prefix: scope.prefix.clone(),
            depth: scope.depth,
        };
        let mut inner = self.fill(proto, Graph::default(), &mut inner_scope)?;
        for (name, value) in inner_scope.captures.unwrap_or_default() {
            let Some(outer) = scope.resolve(graph, name)? else { continue };
            match graph.constants.get(&outer) {
                Some(tensor) => {
                    inner.constants.insert(value, tensor.clone());
                }
                None => {
                    inner.captures.push(value);
                    node.captures.push(outer);
                }
            }
        }
        Ok(inner)
    }

    #[allow(clippy::too_many_arguments)]
    fn inline(
        &self,
        function: &'m FunctionProto,
        name: &str,
        inputs: &[Option<ValueId>],
        outputs: &[Option<ValueId>],
        attributes: Vec<(&'m str, &'m AttributeProto)>,
        graph: &mut Graph,
        depth: usize,
    ) -> Result<()> {
        if depth >= DEEPEST {
            return Err(Error::invalid(format!("the function \"{}\" calls itself", function.name)));
        }
        self.calls.set(self.calls.get() + 1);
        if self.calls.get() > MOST_CALLS {
            return Err(Error::invalid(format!("the model calls functions more than {MOST_CALLS} times")));
        }
        let defaults = function.defaults.iter().map(|attribute| (attribute.name.as_str(), attribute));
        let mut scope = Scope {
            names: HashMap::new(),
            captures: None,
            opsets: list_opsets(&function.opset_import),
            bindings: defaults.chain(attributes).collect(),
            prefix: format!("{name}/"),
            depth: depth + 1,
        };
        for (index, input) in function.input.iter().enumerate() {
            scope.names.insert(input, inputs.get(index).copied().flatten());
        }
        let mut copies = Vec::new();
        for (output, value) in function.output.iter().zip(outputs) {
            let Some(value) = *value else { continue };
            if scope.names.contains_key(output.as_str()) {
                copies.push((output, value));
            } else {
                scope.names.insert(output, Some(value));
            }
        }
        self.add_nodes(&function.node, graph, &mut scope)?;
        for (output, value) in copies {
            let input = scope.resolve(graph, output)?;
            graph.nodes.push(Node {
                name: format!("{name}/{output}"),
                op: "Identity".to_string(),
                domain: "ai.onnx".to_string(),
                opset: 1,
                inputs: vec![input],
                outputs: vec![Some(value)],
                ..Node::default()
            });
        }
        Ok(())
    }
}

impl<'m> Scope<'m> {
    fn declare(&mut self, graph: &mut Graph, name: &'m str) -> ValueId {
        let value = graph.add_value(name);
        self.names.insert(name, Some(value));
        value
    }

    fn resolve(&mut self, graph: &mut Graph, name: &'m str) -> Result<Option<ValueId>> {
        if name.is_empty() {
            return Ok(None);
        }
        if let Some(known) = self.names.get(name) {
            return Ok(*known);
        }
        let Some(captures) = &mut self.captures else {
            return Err(Error::invalid(format!(
                "the value \"{name}\" is used in \"{}\", and nothing there produces it",
                self.prefix
            )));
        };
        let value = graph.add_value(name);
        captures.push((name, value));
        self.names.insert(name, Some(value));
        Ok(Some(value))
    }

    /// Attributes by name, with those of the call in place of references to them.
    fn bind(&self, attributes: &'m [AttributeProto]) -> Vec<(&'m str, &'m AttributeProto)> {
        let bind = |attribute: &'m AttributeProto| match attribute.ref_attr_name.as_str() {
            "" => Some((attribute.name.as_str(), attribute)),
            name => Some((attribute.name.as_str(), *self.bindings.get(name)?)),
        };
        attributes.iter().filter_map(bind).collect()
    }
}

fn read_declared(output: &ValueInfoProto) -> Declared {
    let Some(type_proto::Value::TensorType(tensor)) = output.r#type.as_ref().and_then(|kind| kind.value.as_ref())
    else {
        return Declared::default();
    };
    let size = |dim: &tensor_shape_proto::Dimension| match dim.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(size)) => usize::try_from(size).unwrap_or(0),
        _ => 0,
    };
    Declared {
        element_type: ElementType::from_onnx(tensor.elem_type).map(ElementType::computed),
        dims: tensor.shape.as_ref().map(|shape| shape.dim.iter().map(size).collect()),
    }
}

fn list_opsets(imports: &[OperatorSetIdProto]) -> HashMap<&str, i64> {
    imports.iter().map(|import| (domain_name(&import.domain), import.version)).collect()
}

fn is_standard(domain: &str) -> bool {
    matches!(domain, "ai.onnx" | "ai.onnx.ml" | "com.microsoft")
}

/// Half-precision numbers are computed as float32, between the inputs and the outputs of a model.
pub(crate) fn widen_half(tensor: Tensor) -> Tensor {
    fn convert<T: crate::tensor::Element + Copy>(tensor: &Tensor, to: impl Fn(T) -> f32) -> Option<Tensor> {
        let values = tensor.slice::<T>().ok()?.iter().map(|&value| to(value)).collect();
        Tensor::new::<f32>(tensor.dims(), values).ok()
    }
    let widened = match tensor.element_type() {
        ElementType::Float16 => convert(&tensor, f16::to_f32),
        ElementType::Bfloat16 => convert(&tensor, bf16::to_f32),
        _ => None,
    };
    widened.unwrap_or(tensor)
}

fn widen_attribute(attribute: Attribute) -> Attribute {
    match attribute {
        Attribute::Tensor(tensor) => Attribute::Tensor(widen_half(tensor)),
        other => other,
    }
}
