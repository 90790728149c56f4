//! What multiplies and shifts channels goes into the weights of the convolution before it, or of the one behind it.

use super::{Rewriter, float_of, int_of, ints_of, make_node};
use crate::graph::{Attribute, Node, ValueId};
use crate::tensor::Tensor;

/// A factor and a term for each channel: an element a channel, or one for all.
struct Affine {
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl Affine {
    fn at(values: &[f32], channel: usize) -> f32 {
        values.get(channel).or(values.first().filter(|_| values.len() == 1)).copied().unwrap_or(0.0)
    }
}

/// A BatchNormalization that is followed by a product or a sum with a constant for each channel takes them up.
pub fn merge_into_batch_norm(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (norm_inputs, affine, source) = match_after_norm(rewriter, index)?;
    let channels = norm_inputs.scale.len();
    let scale = (0..channels).map(|c| Affine::at(&norm_inputs.scale, c) * Affine::at(&affine.scale, c)).collect();
    let shift = (0..channels)
        .map(|c| Affine::at(&norm_inputs.shift, c) * Affine::at(&affine.scale, c) + Affine::at(&affine.shift, c));
    let shift = shift.collect();
    let inputs = [scale, shift, vec![0.0; channels], vec![1.0; channels]];
    let inputs = inputs.map(|values: Vec<f32>| Some(rewriter.add_constant(Tensor::vector(values))));
    let mut node = make_node("BatchNormalization", 15, std::iter::once(Some(source)).chain(inputs).collect());
    node.attributes.insert("epsilon".to_string(), Attribute::Float(0.0));
    Some(node)
}

fn match_after_norm(rewriter: &Rewriter, index: usize) -> Option<(Affine, Affine, ValueId)> {
    let node = rewriter.node(index)?;
    Rewriter::pairs(node).into_iter().find_map(|(input, constant)| {
        let norm = rewriter.sole(input, "BatchNormalization")?;
        // Of another rank, the axis of the constant would be another one than that of the channels.
        let fits = rewriter.number(constant).is_some() || rewriter.rank_behind_conv(norm.input(0)) == Some(4);
        let affine = read_step(rewriter, node, constant).filter(|_| fits)?;
        let own = read_norm(rewriter, norm)?;
        let fits = [&affine.scale, &affine.shift].iter().all(|values| [1, own.scale.len()].contains(&values.len()));
        Some((own, affine, norm.input(0)?)).filter(|_| fits)
    })
}

/// A convolution takes up a BatchNormalization, or a product or sum with a constant for each channel, behind it.
pub fn fold_into_conv(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (conv, affine) = match_after_conv(rewriter, index)?;
    let (weights, bias) = scale_weights(rewriter, conv, &affine)?;
    let (input, attributes) = (conv.input(0), conv.attributes.clone());
    let (op, opset) = (conv.op.clone(), conv.opset);
    let weights = rewriter.add_constant(weights);
    let bias = rewriter.add_constant(bias);
    let node = Node { attributes, ..make_node(&op, opset, vec![input, Some(weights), Some(bias)]) };
    Some(node)
}

fn match_after_conv<'r>(rewriter: &'r Rewriter, index: usize) -> Option<(&'r Node, Affine)> {
    let node = rewriter.node(index)?;
    let conv = |value| rewriter.sole(value, "Conv").or_else(|| rewriter.sole(value, "ConvTranspose"));
    if node.op == "BatchNormalization" {
        return Some((conv(node.input(0))?, read_norm(rewriter, node)?));
    }
    Rewriter::pairs(node).into_iter().find_map(|(input, constant)| {
        let conv =
            conv(input).filter(|conv| rewriter.constant(conv.input(1)).is_some_and(|weights| weights.rank() == 4))?;
        Some((conv, read_step(rewriter, node, constant)?))
    })
}

/// A convolution takes up a BatchNormalization, or a product or sum with one number, before it. Of one that adds zeros around
/// the image, those would be shifted too: it takes up products only, and a sum behind a product is made the first of the two.
pub fn fold_before_conv(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (source, affine, rest) = match_before_conv(rewriter, index)?;
    let (weights, bias) = spread_weights(rewriter, rewriter.node_of(index, "Conv")?, &affine)?;
    let weights = rewriter.add_constant(weights);
    let bias = match bias {
        Some(bias) => Some(rewriter.add_constant(bias)),
        None => rewriter.node_of(index, "Conv")?.input(2),
    };
    let source = match rest {
        Some(shift) => {
            let shift = rewriter.add_constant(Tensor::scalar(shift));
            rewriter.add_node(make_node("Add", 14, vec![Some(source), Some(shift)]))
        }
        None => source,
    };
    let conv = rewriter.node_of(index, "Conv")?;
    let (opset, attributes) = (conv.opset, conv.attributes.clone());
    Some(Node { attributes, ..make_node("Conv", opset, vec![Some(source), Some(weights), bias]) })
}

/// What comes before a step that the convolution at an index can take up, the step, and what must be added before it.
fn match_before_conv(rewriter: &Rewriter, index: usize) -> Option<(ValueId, Affine, Option<f32>)> {
    let conv = rewriter.node_of(index, "Conv").filter(|conv| conv.input(3).is_none())?;
    let before = rewriter.any_producer(conv.input(0)).filter(|_| rewriter.is_read_once(conv.input(0)))?;
    let pads_zero = ints_of(conv, "pads").is_none_or(|pads| pads.iter().all(|&pad| pad == 0));
    let is_bare = pads_zero
        && !matches!(conv.attributes.get("auto_pad"), Some(Attribute::Text(mode)) if mode.starts_with(b"SAME"));
    if before.op == "BatchNormalization" {
        return Some((before.input(0)?, read_norm(rewriter, before)?, None)).filter(|_| is_bare);
    }
    let (source, affine) = read_number_step(rewriter, before)?;
    let (scale, shift) = (Affine::at(&affine.scale, 0), Affine::at(&affine.shift, 0));
    if is_bare || shift == 0.0 {
        return Some((source, affine, None));
    }
    let product =
        rewriter.any_producer(Some(source)).filter(|_| rewriter.is_read_once(Some(source)) && scale == 1.0)?;
    let (source, affine) = read_number_step(rewriter, product)?;
    let factor = Affine::at(&affine.scale, 0);
    let rest = shift / factor;
    let is_product = affine.shift == [0.0] && factor != 1.0 && factor.is_normal() && rest.is_finite();
    is_product.then_some((source, affine, Some(rest)))
}

/// A step with one number, and what it is applied to.
fn read_number_step(rewriter: &Rewriter, node: &Node) -> Option<(ValueId, Affine)> {
    Rewriter::pairs(node).into_iter().find_map(|(source, constant)| {
        rewriter.number(constant)?;
        Some((source?, read_step(rewriter, node, constant)?))
    })
}

/// The weights of a convolution, each input channel scaled, and its bias with what a shift of them adds, where they are shifted.
fn spread_weights(rewriter: &Rewriter, conv: &Node, affine: &Affine) -> Option<(Tensor, Option<Tensor>)> {
    let weights = rewriter.floats(conv.input(1))?;
    let [outputs, each, ..] = *weights.dims() else { return None };
    let groups = usize::try_from(int_of(conv, "group", 1)).ok().filter(|&groups| groups > 0)?;
    let fits = |values: &[f32]| values.len() == 1 || values.len() == each * groups;
    let is_finite = affine.scale.iter().chain(&affine.shift).all(|value| value.is_finite());
    if !is_finite || !fits(&affine.scale) || !fits(&affine.shift) || weights.is_empty() || outputs % groups != 0 {
        return None;
    }
    let mut values = weights.slice::<f32>().ok()?.to_vec();
    let taps = values.len() / (outputs * each);
    let mut added = vec![0.0; outputs];
    for (index, block) in values.chunks_exact_mut(taps).enumerate() {
        let output = index / each;
        let input = output / (outputs / groups) * each + index % each;
        if let Some(added) = added.get_mut(output) {
            *added += block.iter().sum::<f32>() * Affine::at(&affine.shift, input);
        }
        let scale = Affine::at(&affine.scale, input);
        block.iter_mut().for_each(|value| *value *= scale);
    }
    if affine.shift.iter().all(|&shift| shift == 0.0) {
        return Some((Tensor::new(weights.dims(), values).ok()?, None));
    }
    if conv.input(2).is_some() {
        let bias = rewriter.floats(conv.input(2)).filter(|bias| bias.len() == outputs)?;
        added.iter_mut().zip(bias.slice::<f32>().ok()?).for_each(|(added, bias)| *added += bias);
    }
    Some((Tensor::new(weights.dims(), values).ok()?, Some(Tensor::vector(added))))
}

/// The affine function that inference makes of a normalisation.
/// <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>
fn read_norm(rewriter: &Rewriter, norm: &Node) -> Option<Affine> {
    let is_inference = int_of(norm, "training_mode", 0) == 0 && norm.outputs.iter().skip(1).all(Option::is_none);
    if !is_inference || int_of(norm, "spatial", 1) == 0 || norm.domain != "ai.onnx" {
        return None;
    }
    let read = |index: usize| rewriter.floats(norm.input(index))?.slice::<f32>().ok();
    let (gamma, beta, mean, variance) = (read(1)?, read(2)?, read(3)?, read(4)?);
    let epsilon = float_of(norm, "epsilon", 1e-5);
    let scale: Vec<f32> =
        gamma.iter().zip(variance).map(|(gamma, variance)| gamma / (variance + epsilon).sqrt()).collect();
    let shift = beta.iter().zip(mean).zip(&scale).map(|((beta, mean), scale)| beta - mean * scale).collect();
    Some(Affine { scale, shift })
}

/// A product, a quotient or a sum with a constant of the dims `[C,1,1]` or `[1,C,1,1]`, or of one element.
fn read_step(rewriter: &Rewriter, node: &Node, constant: Option<ValueId>) -> Option<Affine> {
    let tensor = rewriter.floats(constant)?;
    let values = tensor.slice::<f32>().ok()?.to_vec();
    let is_channels = match tensor.dims() {
        [_, 1, 1] | [1, _, 1, 1] => true,
        dims => dims.iter().all(|&dim| dim == 1) && dims.len() <= 4,
    };
    let second = node.input(1) == constant;
    match node.op.as_str() {
        _ if !is_channels || node.domain != "ai.onnx" => None,
        "Mul" => Some(Affine { scale: values, shift: vec![0.0] }),
        "Add" => Some(Affine { scale: vec![1.0], shift: values }),
        "Sub" if second => Some(Affine { scale: vec![1.0], shift: values.iter().map(|value| -value).collect() }),
        "Div" if second => Some(Affine { scale: values.iter().map(|value| 1.0 / value).collect(), shift: vec![0.0] }),
        _ => None,
    }
}

/// The weights and the bias of a convolution, each output channel scaled and shifted.
fn scale_weights(rewriter: &Rewriter, conv: &Node, affine: &Affine) -> Option<(Tensor, Tensor)> {
    let weights = rewriter.floats(conv.input(1))?;
    let [first, second, rest @ ..] = weights.dims() else { return None };
    let groups = usize::try_from(int_of(conv, "group", 1)).ok()?;
    let is_transposed = conv.op == "ConvTranspose";
    let channels = if is_transposed { second * groups } else { *first };
    let fits = |values: &[f32]| values.len() == 1 || values.len() == channels;
    if conv.input(3).is_some() || !fits(&affine.scale) || !fits(&affine.shift) || channels == 0 {
        return None;
    }
    let bias = match conv.input(2) {
        Some(_) => rewriter.floats(conv.input(2))?.slice::<f32>().ok()?.to_vec(),
        None => vec![0.0; channels],
    };
    let mut values = weights.slice::<f32>().ok()?.to_vec();
    let each = rest.iter().product::<usize>() * if is_transposed { 1 } else { *second };
    for (index, block) in values.chunks_exact_mut(each.max(1)).enumerate() {
        // A transposed convolution lists its output channels within each input channel, group by group.
        let channel = match is_transposed {
            true => index % second + (index / second) / (first / groups).max(1) * second,
            false => index,
        };
        let scale = Affine::at(&affine.scale, channel);
        block.iter_mut().for_each(|value| *value *= scale);
    }
    let bias: Vec<f32> = bias
        .iter()
        .enumerate()
        .map(|(channel, value)| value * Affine::at(&affine.scale, channel) + Affine::at(&affine.shift, channel))
        .collect();
    Some((Tensor::new(weights.dims(), values).ok()?, Tensor::vector(bias)))
}
