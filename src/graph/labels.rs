//! Classifiers of scikit-learn end in ZipMap, which makes a map of every row. A caller is better served by the tensor and the
//! labels of its columns, and a map is quickly made of them.

use super::{Attribute, Graph, Node};
use crate::tensor::Tensor;

/// Takes ZipMap off the outputs of a model's graph, and returns the labels of each output that had one.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html>
pub(crate) fn take_labels(graph: &mut Graph) -> Vec<Option<Tensor>> {
    let mut labels = Vec::with_capacity(graph.outputs.len());
    for output in &mut graph.outputs {
        let is_producer = |node: &&Node| node.op == "ZipMap" && node.output(0) == Some(*output);
        let found = graph.nodes.iter().find(is_producer).and_then(|node| Some((node.input(0)?, read_labels(node)?)));
        labels.push(found.map(|(input, labels)| {
            *output = input;
            labels
        }));
    }
    labels
}

fn read_labels(node: &Node) -> Option<Tensor> {
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    match (node.attributes.get("classlabels_strings"), node.attributes.get("classlabels_int64s")) {
        (Some(Attribute::Texts(texts)), _) => Some(Tensor::vector(texts.iter().map(text).collect())),
        (_, Some(Attribute::Ints(numbers))) => Some(Tensor::vector(numbers.clone())),
        _ => None,
    }
}
