//! What stands around a convolution.

use super::{IMAGE, behind_conv, check, conv, conv_weights, nodes, number, weights};
use crate::onnx::{float, ints, longs, node, text, with};

#[test]
fn what_stands_around_a_convolution_joins_it() {
    let image: Vec<&[usize]> = vec![IMAGE];
    let two = |other: &'static [usize]| -> Vec<&'static [usize]> { vec![IMAGE, other] };
    let padded = |value: &str| {
        let pad = if value.is_empty() { node("Pad x pads -> p") } else { node(&format!("Pad x pads {value} -> p")) };
        vec![pad, conv("Conv p w -> y")]
    };
    let reflected = vec![with("Pad x pads -> p", vec![text("mode", "reflect")]), conv("Conv p w -> y")];
    let pads = |amounts: &[i64]| conv_weights(vec![longs("pads", amounts), number("zero", 0.0), number("one", 1.0)]);
    let spatial = [0, 0, 1, 2, 0, 0, 3, 0];
    let same = vec![
        node("Pad x pads -> p"),
        with("Conv p w -> y", vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])]),
    ];
    let bias = |dims: &[i64]| conv_weights(vec![weights("b", dims)]);
    let line = |rest: &[&str]| [vec![node("Conv x w -> c")], nodes(rest)].concat();
    let of_line = |b: &[i64]| vec![weights("w", &[4, 3, 3]), weights("b", b)];
    let of_volume = |b: &[i64]| vec![weights("w", &[4, 3, 2, 2, 2]), weights("b", b)];
    let bounds = || conv_weights(vec![number("low", -0.5), number("high", 1.5)]);
    check(vec![
        ("a bias", behind_conv(&["Add c b -> y"]), bias(&[4, 1, 1]), image.clone(), 1),
        ("a bias on the left", behind_conv(&["Add b c -> y"]), bias(&[1, 4, 1, 1]), image.clone(), 1),
        ("a bias of a line", line(&["Add c b -> y"]), of_line(&[4, 1]), vec![&[2, 3, 9]], 1),
        ("a bias of a line, with the batch", line(&["Add c b -> y"]), of_line(&[1, 4, 1]), vec![&[2, 3, 9]], 1),
        ("a bias of a volume", line(&["Add c b -> y"]), of_volume(&[4, 1, 1, 1]), vec![&[2, 3, 4, 3, 5]], 1),
        ("a term of the last axis", line(&["Add c b -> y"]), of_line(&[4]), vec![&[2, 3, 6]], 2),
        ("a term of more axes than a line has", line(&["Add c b -> y"]), of_line(&[1, 1, 4, 1]), vec![&[2, 3, 9]], 2),
        (
            "a bias of more axes than an image has",
            behind_conv(&["Add c b -> y"]),
            bias(&[1, 1, 4, 1, 1]),
            image.clone(),
            2,
        ),
        ("a bias for each row", behind_conv(&["Add c b -> y"]), bias(&[6, 1]), image.clone(), 2),
        (
            "a bias of a result read twice",
            behind_conv(&["Add c b -> d", "Mul c d -> y"]),
            bias(&[4, 1, 1]),
            image.clone(),
            3,
        ),
        ("zeros around", padded(""), pads(&spatial), image.clone(), 1),
        ("zeros around, named", padded("zero"), pads(&spatial), image.clone(), 1),
        ("ones around", padded("one"), pads(&spatial), image.clone(), 2),
        ("a mirror around", reflected, pads(&[0, 0, 1, 2, 0, 0, 3, 0]), image.clone(), 2),
        (
            "zeros before the channels",
            padded(""),
            conv_weights(vec![longs("pads", &[1, 0, 0, 0, 0, 0, 0, 0])]),
            image.clone(),
            2,
        ),
        ("edges cut", padded(""), pads(&[0, 0, -1, 0, 0, 0, 0, -1]), image.clone(), 2),
        ("zeros around what is padded by its size", same, pads(&spatial), image.clone(), 2),
        ("a residual", behind_conv(&["Add c z -> y"]), conv_weights(vec![]), two(&[2, 4, 6, 5]), 1),
        ("a residual by Sum", behind_conv(&["Sum z c -> y"]), conv_weights(vec![]), two(&[2, 4, 6, 5]), 1),
        (
            "a residual of one for each channel",
            behind_conv(&["Add c z -> y"]),
            conv_weights(vec![]),
            two(&[2, 4, 1, 1]),
            1,
        ),
        ("a residual of one row", behind_conv(&["Add c z -> y"]), conv_weights(vec![]), two(&[5]), 1),
        ("a residual of more axes", behind_conv(&["Add c z -> y"]), conv_weights(vec![]), two(&[3, 1, 4, 6, 5]), 1),
        (
            "a residual of more elements",
            [vec![with("Conv x w -> c", vec![ints("strides", &[6, 5])])], nodes(&["Add c z -> r", "Relu r -> y"])]
                .concat(),
            conv_weights(vec![]),
            two(&[2, 4, 6, 5]),
            1,
        ),
        (
            "a residual and an activation",
            behind_conv(&["Add c z -> r", "Relu r -> y"]),
            conv_weights(vec![]),
            two(&[2, 4, 6, 5]),
            1,
        ),
        (
            "a broadcast residual and an activation",
            behind_conv(&["Add c z -> r", "Relu r -> y"]),
            conv_weights(vec![]),
            two(&[4, 1, 1]),
            1,
        ),
        (
            "a bias, a residual and an activation",
            behind_conv(&["Add c b -> d", "Add z d -> r", "Sigmoid r -> y"]),
            bias(&[4, 1, 1]),
            two(&[2, 4, 6, 5]),
            1,
        ),
        (
            "a residual behind an activation",
            behind_conv(&["Relu c -> r", "Add r z -> y"]),
            conv_weights(vec![]),
            two(&[2, 4, 6, 5]),
            2,
        ),
        ("a result added to itself", behind_conv(&["Add c c -> y"]), conv_weights(vec![]), image.clone(), 2),
        ("a sum of three", behind_conv(&["Sum c z z -> y"]), conv_weights(vec![]), two(&[2, 4, 6, 5]), 2),
        ("Relu", behind_conv(&["Relu c -> y"]), conv_weights(vec![]), image.clone(), 1),
        ("Clip", behind_conv(&["Clip c low high -> y"]), bounds(), image.clone(), 1),
        ("Clip from below", behind_conv(&["Clip c low -> y"]), bounds(), image.clone(), 1),
        (
            "LeakyRelu",
            [behind_conv(&[]), vec![with("LeakyRelu c -> y", vec![float("alpha", 0.3)])]].concat(),
            conv_weights(vec![]),
            image.clone(),
            1,
        ),
        ("Tanh", behind_conv(&["Tanh c -> y"]), conv_weights(vec![]), image.clone(), 1),
        ("HardSwish", behind_conv(&["HardSwish c -> y"]), conv_weights(vec![]), image.clone(), 1),
        ("HardSigmoid", behind_conv(&["HardSigmoid c -> y"]), conv_weights(vec![]), image.clone(), 1),
        ("Gelu", behind_conv(&["Gelu c -> y"]), conv_weights(vec![]), image.clone(), 1),
        (
            "Gelu by Tanh",
            [behind_conv(&[]), vec![with("Gelu c -> y", vec![text("approximate", "tanh")])]].concat(),
            conv_weights(vec![]),
            image.clone(),
            2,
        ),
        ("Swish of parts", behind_conv(&["Sigmoid c -> s", "Mul c s -> y"]), conv_weights(vec![]), image.clone(), 1),
        ("two activations", behind_conv(&["Relu c -> r", "Tanh r -> y"]), conv_weights(vec![]), image.clone(), 2),
        (
            "an activation of a result read twice",
            behind_conv(&["Relu c -> r", "Add r c -> y"]),
            conv_weights(vec![]),
            image.clone(),
            3,
        ),
    ]);
}
