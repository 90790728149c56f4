//! ConstantOfShape, whose value is a float32 zero unless the node says otherwise; tract makes it a float64.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{AttributeProto, NodeProto, TensorProto, attribute_proto::AttributeType, tensor_proto::DataType};

use super::{Built, build_original};

pub fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    if node.attribute.iter().any(|attribute| attribute.name == "value") {
        return build_original(context, node);
    }
    let zero = TensorProto {
        dims: vec![1],
        data_type: DataType::Float as i32,
        float_data: vec![0.0],
        ..TensorProto::default()
    };
    let value = AttributeProto {
        name: "value".to_string(),
        r#type: AttributeType::Tensor as i32,
        t: Some(zero),
        ..AttributeProto::default()
    };
    let mut node = node.clone();
    node.attribute.push(value);
    build_original(context, &node)
}
