//! Rewriting: what is put together gives what its parts give, and what only looks like a pattern stays as it is.
//!
//! Each case is a graph whose last value is `y`. It runs as it is, and with all its values as outputs, which keeps every node:
//! results must agree. A pattern runs in the steps that the case says; a near miss is a case of as many steps as nodes.

use edgewise::tensor::{ElementType, Tensor};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::onnx::{
    DataType, assert_close, float, floats, int, ints, load, longs, model, node, ramp, run, text, value, with,
};

/// Nodes, constants, the dims of `x` (and `z`), and steps.
type Case = (&'static str, Vec<NodeProto>, Vec<TensorProto>, Vec<&'static [usize]>, usize);

fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.to_string(), ..ValueInfoProto::default() }
}

fn build(nodes: &[NodeProto], constants: &[TensorProto], inputs: &[&[usize]], outputs: &[String]) -> ModelProto {
    let dims = |dims: &[usize]| vec!["?"; dims.len()].join(" ");
    let mut proto = model(GraphProto {
        node: nodes.to_vec(),
        input: inputs.iter().zip(["x", "z"]).map(|(of, name)| value(name, DataType::Float, &dims(of))).collect(),
        output: outputs.iter().map(|name| untyped(name)).collect(),
        initializer: constants.to_vec(),
        ..GraphProto::default()
    });
    proto.opset_import[0].version = 20;
    proto
}

fn check(table: Vec<Case>) {
    for (about, nodes, constants, dims, steps) in table {
        let inputs: Vec<(&str, Tensor)> = ["x", "z"].into_iter().zip(dims.iter().map(|dims| ramp(dims))).collect();
        let mut session = load(&build(&nodes, &constants, &dims, &["y".to_string()])).unwrap();
        let all: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
        let mut apart = load(&build(&nodes, &constants, &dims, &all)).unwrap();
        assert_eq!(session.stats().steps, steps, "steps of {about}");
        assert_eq!(apart.stats().steps, nodes.len(), "steps of {about}, taken apart");
        let expected = run(&mut apart, &inputs).unwrap_or_else(|error| panic!("{about}, taken apart: {error}"));
        let expected = &expected[all.iter().position(|name| name == "y").unwrap()];
        // The second run shows what the first has left behind.
        for _ in 0..2 {
            let actual = run(&mut session, &inputs).unwrap_or_else(|error| panic!("{about}: {error}"));
            assert_close(&actual[0], expected, 1e-5, about);
        }
    }
}

fn number(name: &str, number: f32) -> TensorProto {
    floats(name, &[], &[number])
}

/// Weights named `name` that repeat late.
fn weights(name: &str, dims: &[i64]) -> TensorProto {
    let dims_of: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
    floats(name, dims, ramp(&dims_of).slice::<f32>().unwrap())
}

/// Channels of numbers above zero.
fn positive(name: &str, count: usize) -> TensorProto {
    let values: Vec<f32> = (0..count).map(|index| 0.5 + index as f32 / 4.0).collect();
    floats(name, &[count as i64], &values)
}

fn nodes(texts: &[&str]) -> Vec<NodeProto> {
    texts.iter().map(|text| node(text)).collect()
}

const IMAGE: &[usize] = &[2, 3, 6, 5];

fn conv(text: &str) -> NodeProto {
    with(text, vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])])
}

/// A convolution of `IMAGE` to 4 channels, of the same size, and what stands behind it.
fn behind_conv(rest: &[&str]) -> Vec<NodeProto> {
    std::iter::once(conv("Conv x w -> c")).chain(nodes(rest)).collect()
}

fn conv_weights(more: Vec<TensorProto>) -> Vec<TensorProto> {
    std::iter::once(weights("w", &[4, 3, 3, 3])).chain(more).collect()
}

#[test]
fn activations_are_found() {
    let constants = |half: f32, root: f32| {
        vec![
            number("half", half),
            number("one", 1.0),
            number("root", root),
            number("inverse", 1.0 / root),
            number("three", 3.0),
            number("six", 6.0),
            number("zero", 0.0),
            number("sixth", 1.0 / 6.0),
        ]
    };
    let usual = || constants(0.5, std::f32::consts::SQRT_2);
    let shallow = |name: &str, number: f32| floats(name, &[1, 1, 1], &[number]);
    let sixth = || with("HardSigmoid x -> h", vec![float("alpha", 1.0 / 6.0)]);
    let x: Vec<&[usize]> = vec![&[3, 7]];
    let gelu = ["Div x root -> d", "Erf d -> e", "Add e one -> s", "Mul x s -> m", "Mul m half -> y"];
    let gelu_scaled = ["Mul x inverse -> d", "Erf d -> e", "Add one e -> s", "Mul half x -> m", "Mul s m -> y"];
    let gelu_late = ["Div x root -> d", "Erf d -> e", "Add e one -> s", "Mul s half -> m", "Mul x m -> y"];
    let gelu_twice =
        ["Div x root -> d", "Erf d -> e", "Add e one -> s", "Mul x s -> m", "Mul m half -> q", "Add q s -> y"];
    let hard = ["Add x three -> a", "Clip a zero six -> c", "Div c six -> y"];
    let hard_scaled = ["Add three x -> a", "Clip a zero six -> c", "Mul sixth c -> y"];
    let hard_open = ["Add x three -> a", "Clip a zero -> c", "Div c six -> y"];
    let hard_upside_down = ["Add x three -> a", "Clip a zero six -> c", "Div six c -> y"];
    let other_x = ["Div z root -> d", "Erf d -> e", "Add e one -> s", "Mul x s -> m", "Mul m half -> y"];
    let deep_three = || {
        let mut constants = usual();
        constants.retain(|tensor| tensor.name != "three");
        constants.push(shallow("three", 3.0));
        constants
    };
    let deep_half = || {
        let mut constants = usual();
        constants.retain(|tensor| tensor.name != "half");
        constants.push(shallow("half", 0.5));
        constants
    };
    check(vec![
        ("Gelu", nodes(&gelu), usual(), x.clone(), 1),
        ("Gelu by a product", nodes(&gelu_scaled), usual(), x.clone(), 1),
        ("Gelu halved late", nodes(&gelu_late), usual(), x.clone(), 1),
        ("Gelu of another half", nodes(&gelu), constants(0.4, std::f32::consts::SQRT_2), x.clone(), 5),
        ("Gelu of another root", nodes(&gelu), constants(0.5, 1.5), x.clone(), 5),
        ("Gelu whose sum is read twice", nodes(&gelu_twice), usual(), x.clone(), 6),
        ("Gelu of two values", nodes(&other_x), usual(), vec![&[3, 7], &[3, 7]], 5),
        ("Gelu by a half of rank 3", nodes(&gelu), deep_half(), x.clone(), 5),
        ("HardSigmoid", nodes(&hard), usual(), x.clone(), 1),
        ("HardSigmoid by a product", nodes(&hard_scaled), usual(), x.clone(), 1),
        ("HardSigmoid without an upper bound", nodes(&hard_open), usual(), x.clone(), 3),
        ("HardSigmoid divided by", nodes(&hard_upside_down), usual(), x.clone(), 3),
        ("HardSigmoid by a term of rank 3", nodes(&hard), deep_three(), x.clone(), 3),
        ("Swish", nodes(&["Sigmoid x -> s", "Mul x s -> y"]), vec![], x.clone(), 1),
        ("Swish of two values", nodes(&["Sigmoid z -> s", "Mul x s -> y"]), vec![], vec![&[3, 7], &[3, 7]], 2),
        (
            "Swish whose gate is read twice",
            nodes(&["Sigmoid x -> s", "Mul x s -> m", "Add m s -> y"]),
            vec![],
            x.clone(),
            3,
        ),
        ("HardSwish", vec![sixth(), node("Mul h x -> y")], vec![], x.clone(), 1),
        (
            "HardSwish of parts",
            nodes(&[&hard[..2], &["Div c six -> h", "Mul x h -> y"]].concat()),
            usual(),
            x.clone(),
            1,
        ),
        ("HardSwish of another slope", nodes(&["HardSigmoid x -> h", "Mul h x -> y"]), vec![], x.clone(), 2),
        ("Mish", nodes(&["Softplus x -> s", "Tanh s -> t", "Mul x t -> y"]), vec![], x.clone(), 1),
        ("Mish without Softplus", nodes(&["Tanh x -> t", "Mul x t -> y"]), vec![], x.clone(), 2),
    ]);
}

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

#[test]
fn factors_and_terms_of_channels_go_into_weights() {
    let norm = |from: &str, to: &str| {
        with(&format!("BatchNormalization {from} g b m v -> {to}"), vec![float("epsilon", 0.01)])
    };
    let stats = |count: usize| {
        vec![positive("g", count), weights("b", &[count as i64]), weights("m", &[count as i64]), positive("v", count)]
    };
    let with_norm = |before: NodeProto, rest: &[&str]| {
        [vec![before, norm("c", if rest.is_empty() { "y" } else { "n" })], nodes(rest)].concat()
    };
    let own = |first: TensorProto, rest: Vec<TensorProto>| [vec![first], rest].concat();
    let image: Vec<&[usize]> = vec![IMAGE];
    let step = |op: &str| behind_conv(&[op]);
    let k = |dims: &[i64]| {
        let count = dims.iter().product::<i64>() as usize;
        TensorProto { dims: dims.to_vec(), ..positive("k", count) }
    };
    let grouped = with("ConvTranspose x w -> c", vec![int("group", 2), ints("strides", &[2, 2])]);
    let biased = [vec![conv("Conv x w o -> c")], vec![norm("c", "y")]].concat();
    let alone = |rest: &[&str]| [vec![norm("x", "n")], nodes(rest)].concat();
    let scaled = |dims: &[i64]| [stats(3), vec![k(dims)]].concat();
    check(vec![
        (
            "a normalisation",
            with_norm(conv("Conv x w -> c"), &[]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a bias",
            biased,
            [conv_weights(vec![weights("o", &[4])]), stats(4)].concat(),
            image.clone(),
            1,
        ),
        (
            "a normalisation and Relu",
            with_norm(conv("Conv x w -> c"), &["Relu n -> y"]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a depthwise convolution",
            with_norm(with("Conv x w -> c", vec![int("group", 3)]), &[]),
            own(weights("w", &[6, 1, 3, 3]), stats(6)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a transposed convolution",
            with_norm(node("ConvTranspose x w -> c"), &[]),
            own(weights("w", &[3, 5, 2, 2]), stats(5)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a transposed convolution of groups",
            with_norm(grouped, &[]),
            own(weights("w", &[4, 3, 2, 2]), stats(6)),
            vec![&[2, 4, 3, 4]],
            1,
        ),
        (
            "a normalisation and a factor",
            with_norm(conv("Conv x w -> c"), &["Mul n k -> y"]),
            [conv_weights(vec![k(&[4, 1, 1])]), stats(4)].concat(),
            image.clone(),
            1,
        ),
        (
            "a normalisation read twice",
            with_norm(conv("Conv x w -> c"), &["Mul n n -> y"]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            2,
        ),
        (
            "a normalisation of a result read twice",
            [with_norm(conv("Conv x w -> c"), &["Add n c -> y"])].concat(),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            3,
        ),
        ("a factor", step("Mul c k -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 1),
        ("a factor for all", step("Mul k c -> y"), conv_weights(vec![k(&[])]), image.clone(), 1),
        ("a quotient", step("Div c k -> y"), conv_weights(vec![k(&[1, 4, 1, 1])]), image.clone(), 1),
        ("a difference", step("Sub c k -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 1),
        ("a term for all", step("Add c k -> y"), conv_weights(vec![k(&[1])]), image.clone(), 1),
        (
            "a factor, a term and Relu",
            behind_conv(&["Mul c k -> d", "Sub d k -> e", "Relu e -> y"]),
            conv_weights(vec![k(&[4, 1, 1])]),
            image.clone(),
            1,
        ),
        ("a difference from", step("Sub k c -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 2),
        ("a quotient by", step("Div k c -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 2),
        ("a factor for each row", step("Mul c k -> y"), conv_weights(vec![k(&[6, 1])]), image.clone(), 2),
        ("a factor of more axes", step("Mul c k -> y"), conv_weights(vec![k(&[2, 1, 4, 1, 1])]), image.clone(), 2),
        (
            "a factor for all of more axes",
            step("Mul c k -> y"),
            conv_weights(vec![k(&[1, 1, 1, 1, 1])]),
            image.clone(),
            2,
        ),
        (
            "a factor for more channels than there are",
            step("Mul c k -> y"),
            own(weights("w", &[1, 3, 3, 3]), vec![k(&[4, 1, 1])]),
            image.clone(),
            2,
        ),
        (
            "a factor of a result read twice",
            behind_conv(&["Mul c k -> d", "Add c d -> y"]),
            conv_weights(vec![k(&[4, 1, 1])]),
            image.clone(),
            3,
        ),
        (
            "a normalisation behind a pool, and a factor",
            [
                vec![
                    conv("Conv x w -> c"),
                    with("MaxPool c -> p", vec![ints("kernel_shape", &[2, 2])]),
                    norm("p", "n"),
                ],
                nodes(&["Mul n k -> q", "Add q k -> y"]),
            ]
            .concat(),
            [conv_weights(vec![k(&[4, 1, 1])]), stats(4)].concat(),
            image.clone(),
            3,
        ),
        ("a normalisation by itself and a number", alone(&["Mul n k -> y"]), scaled(&[]), image.clone(), 1),
        (
            "a normalisation of a volume and a factor for each plane",
            alone(&["Mul n k -> y"]),
            scaled(&[4, 1, 1]),
            vec![&[2, 3, 4, 3, 5]],
            2,
        ),
        (
            "a normalisation of a line and a factor for each batch",
            alone(&["Mul n k -> y"]),
            scaled(&[3, 1, 1]),
            vec![&[3, 3, 5]],
            2,
        ),
        (
            "a normalisation of rows and a factor of three axes",
            alone(&["Add n k -> y"]),
            scaled(&[3, 1, 1]),
            vec![&[2, 3]],
            2,
        ),
        (
            "a normalisation of one channel and a factor for many",
            [vec![norm("x", "n")], nodes(&["Mul n k -> y"])].concat(),
            [stats(1), vec![k(&[3, 1, 1])]].concat(),
            vec![&[2, 1, 4, 4]],
            2,
        ),
    ]);
}

#[test]
fn layer_normalisation_is_found() {
    let mean = |text: &str, axes: &[i64]| with(text, vec![ints("axes", axes)]);
    let layers = |axes: &[i64], square: &str, second: &str| {
        let mut all = vec![mean("ReduceMean x -> m", axes), node("Sub x m -> d"), node(square)];
        all.extend([mean("ReduceMean q -> v", axes), node("Add v epsilon -> e"), node("Sqrt e -> r")]);
        all.extend(nodes(&[second, "Mul n scale -> p", "Add p bias -> y"]));
        all
    };
    let constants = |dims: &[i64], exponent: f32| {
        vec![number("epsilon", 1e-5), number("two", exponent), weights("scale", dims), weights("bias", dims)]
    };
    let x: Vec<&[usize]> = vec![&[3, 4, 8]];
    let (pow, mul, div) = ("Pow d two -> q", "Mul d d -> q", "Div d r -> n");
    let run_at = |table: Vec<Case>| {
        // In opset 18, the axes of ReduceMean became an input.
        for (about, nodes, constants, dims, steps) in table {
            let mut session = load(&at_17(build(&nodes, &constants, &dims, &["y".to_string()]))).unwrap();
            assert_eq!(session.stats().steps, steps, "steps of {about}");
            let all: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
            let mut apart = load(&at_17(build(&nodes, &constants, &dims, &all))).unwrap();
            let inputs = [("x", ramp(dims[0]))];
            let expected = run(&mut apart, &inputs).unwrap().pop().unwrap();
            assert_close(&run(&mut session, &inputs).unwrap()[0], &expected, 1e-5, about);
        }
    };
    run_at(vec![
        ("by Pow", layers(&[-1], pow, div), constants(&[8], 2.0), x.clone(), 1),
        ("by Mul", layers(&[-1], mul, div), constants(&[8], 2.0), x.clone(), 1),
        ("of a third power", layers(&[-1], pow, div), constants(&[8], 4.0), x.clone(), 9),
        ("over another axis", layers(&[1], pow, div), constants(&[8], 2.0), x.clone(), 9),
        ("over two axes", layers(&[-2, -1], pow, div), constants(&[8], 2.0), x.clone(), 9),
        ("of a scale of two axes", layers(&[-1], pow, div), constants(&[4, 8], 2.0), x.clone(), 9),
        ("divided the other way", layers(&[-1], pow, "Div r d -> n"), constants(&[8], 2.0), x.clone(), 9),
        ("of the value itself", layers(&[-1], pow, "Div x r -> n"), constants(&[8], 2.0), x.clone(), 9),
    ]);
}

fn at_17(mut proto: ModelProto) -> ModelProto {
    proto.opset_import[0].version = 17;
    proto
}

#[test]
fn what_stands_around_a_product_joins_it() {
    let perm = |text: &str, perm: &[i64]| with(text, vec![ints("perm", perm)]);
    let exchanged = |axes: &[i64]| vec![perm("Transpose z -> t", axes), node("MatMul x t -> y")];
    let biased = nodes(&["MatMul x w -> p", "Add p b -> y"]);
    let of = |columns: i64, bias: &[i64]| vec![weights("w", &[6, columns]), weights("b", bias)];
    let gemm = |attributes: Vec<tract_onnx::pb::AttributeProto>| {
        vec![with("Gemm x w b -> g", attributes), node("Relu g -> y")]
    };
    let turned = |bias: &[i64]| vec![weights("w", &[5, 6]), weights("b", bias)];
    let rows: Vec<&[usize]> = vec![&[4, 6]];
    check(vec![
        ("a transposed matrix", exchanged(&[1, 0]), vec![], vec![&[4, 6], &[5, 6]], 1),
        ("transposed matrices", exchanged(&[0, 2, 1]), vec![], vec![&[3, 4, 6], &[3, 5, 6]], 1),
        ("a transposed matrix and a vector", exchanged(&[1, 0]), vec![], vec![&[6], &[5, 6]], 1),
        ("transposed matrices and a vector", exchanged(&[0, 2, 1]), vec![], vec![&[6], &[3, 5, 6]], 1),
        ("other axes", exchanged(&[1, 0, 2]), vec![], vec![&[5, 4, 6], &[6, 5, 6]], 2),
        ("heads and rows", exchanged(&[0, 2, 3, 1]), vec![], vec![&[2, 3, 4, 6], &[2, 5, 3, 6]], 2),
        (
            "a transposed matrix read twice",
            [vec![perm("Transpose z -> t", &[1, 0])], nodes(&["MatMul x t -> p", "MatMul p t -> y"])].concat(),
            vec![],
            vec![&[6, 6], &[6, 6]],
            3,
        ),
        (
            "a transposed left side",
            [vec![perm("Transpose z -> t", &[1, 0])], nodes(&["MatMul t x -> y"])].concat(),
            vec![],
            vec![&[4, 6], &[4, 5]],
            2,
        ),
        ("a bias", biased.clone(), of(5, &[5]), rows.clone(), 1),
        ("a bias of a batch", biased.clone(), of(5, &[5]), vec![&[2, 3, 4, 6]], 1),
        ("a bias of a vector", biased.clone(), of(5, &[5]), vec![&[6]], 1),
        ("a bias of no rows", biased.clone(), of(5, &[5]), vec![&[0, 6]], 1),
        (
            "a bias and an activation",
            nodes(&["MatMul x w -> p", "Add b p -> q", "Relu q -> y"]),
            of(5, &[5]),
            rows.clone(),
            1,
        ),
        ("one for all", biased.clone(), of(5, &[1]), rows.clone(), 2),
        ("a term of two axes", biased.clone(), of(5, &[1, 5]), rows.clone(), 2),
        ("a term for each row", biased.clone(), of(5, &[4, 1]), rows.clone(), 2),
        ("a bias of one column that makes more", biased.clone(), of(1, &[5]), rows.clone(), 2),
        (
            "a bias of a product read twice",
            nodes(&["MatMul x w -> p", "Add p b -> q", "Mul p q -> y"]),
            of(5, &[5]),
            rows.clone(),
            3,
        ),
        ("Gemm and an activation", gemm(vec![]), of(5, &[5]), rows.clone(), 1),
        ("Gemm of a transposed matrix", gemm(vec![int("transB", 1)]), turned(&[5]), rows.clone(), 1),
        ("Gemm of a transposed left side", gemm(vec![int("transA", 1)]), of(5, &[5]), vec![&[6, 4]], 2),
        ("Gemm with a factor", gemm(vec![float("alpha", 0.5)]), of(5, &[5]), rows.clone(), 2),
        ("Gemm with a factor of the bias", gemm(vec![float("beta", 0.5)]), of(5, &[5]), rows.clone(), 2),
        ("Gemm of a bias for each row", gemm(vec![]), of(5, &[4, 1]), rows.clone(), 2),
        ("Gemm of a bias for all", gemm(vec![]), of(5, &[1]), rows.clone(), 2),
    ]);
}

#[test]
fn axes_exchanged_twice_are_exchanged_once() {
    let perm = |text: &str, perm: &[i64]| with(text, vec![ints("perm", perm)]);
    let x: Vec<&[usize]> = vec![&[2, 3, 4, 5]];
    check(vec![
        (
            "two",
            vec![perm("Transpose x -> t", &[0, 2, 3, 1]), perm("Transpose t -> y", &[3, 0, 1, 2])],
            vec![],
            x.clone(),
            1,
        ),
        (
            "three",
            vec![
                perm("Transpose x -> t", &[0, 2, 3, 1]),
                perm("Transpose t -> u", &[1, 0, 2, 3]),
                perm("Transpose u -> y", &[3, 2, 0, 1]),
            ],
            vec![],
            x.clone(),
            1,
        ),
        (
            "with something between",
            vec![perm("Transpose x -> t", &[0, 2, 3, 1]), node("Relu t -> r"), perm("Transpose r -> y", &[0, 3, 1, 2])],
            vec![],
            x.clone(),
            3,
        ),
    ]);
}

/// The steps of a graph and its outputs. Taking values as outputs keeps no nodes that are the same from becoming one.
fn run_whole(nodes: &[NodeProto], outputs: &[&str], x: &Tensor) -> (usize, Vec<Tensor>) {
    let outputs: Vec<String> = outputs.iter().map(|name| name.to_string()).collect();
    let mut session = load(&build(nodes, &[], &[x.dims()], &outputs)).unwrap();
    (session.stats().steps, run(&mut session, &[("x", x.clone())]).unwrap())
}

#[test]
fn nodes_that_do_nothing_or_the_same_are_not_run() {
    let x = ramp(&[3, 4]);
    let alpha = |text: &str, alpha: f32| with(text, vec![float("alpha", alpha)]);
    let (steps, outputs) = run_whole(&nodes(&["Identity x -> a", "Relu a -> b", "Identity b -> y"]), &["y"], &x);
    assert_eq!((steps, outputs[0].dims()), (1, x.dims()));
    let (steps, outputs) = run_whole(&nodes(&["Identity x -> a", "Identity a -> y"]), &["a", "y"], &x);
    assert_eq!((steps, outputs), (0, vec![x.clone(), x.clone()]));
    let (steps, outputs) = run_whole(&nodes(&["Dropout x -> a", "Dropout a -> y mask"]), &["y", "mask"], &x);
    assert_eq!((steps, &outputs[0], outputs[1].element_type()), (1, &x, ElementType::Bool));
    let turn = |text: &str| with(text, vec![ints("perm", &[1, 0])]);
    let (steps, outputs) = run_whole(&[turn("Transpose x -> t"), turn("Transpose t -> y")], &["y"], &x);
    assert_eq!((steps, &outputs[0]), (0, &x));
    let (steps, outputs) = run_whole(&nodes(&["Exp x -> a", "Exp x -> b", "Add a b -> y"]), &["a", "b", "y"], &x);
    assert_eq!(steps, 2);
    assert_eq!(outputs[0], outputs[1]);
    let doubled = outputs[0].slice::<f32>().unwrap().iter().map(|value| value * 2.0).collect::<Vec<_>>();
    assert_eq!(outputs[2].slice::<f32>().unwrap(), doubled);
    let differing = [alpha("Elu x -> a", 1.0), alpha("Elu x -> b", 2.0), node("Add a b -> y")];
    let (steps, outputs) = run_whole(&differing, &["a", "b", "y"], &x);
    assert_eq!(steps, 3);
    assert_ne!(outputs[0], outputs[1]);
    let order = nodes(&["Relu x -> r", "Sub x r -> a", "Sub r x -> b", "Sub a b -> y"]);
    assert_eq!(run_whole(&order, &["y"], &x).0, 4);
    let random = nodes(&["RandomUniformLike x -> a", "RandomUniformLike x -> b", "Sub a b -> y"]);
    let (steps, outputs) = run_whole(&random, &["a", "b", "y"], &x);
    assert_eq!(steps, 3);
    assert_ne!(outputs[0], outputs[1]);
}

#[test]
fn float64_keeps_its_precision() {
    let doubles = |name: &str, dims: &[i64], data: &[f64]| TensorProto {
        name: name.to_string(),
        dims: dims.to_vec(),
        data_type: DataType::Double as i32,
        double_data: data.to_vec(),
        ..TensorProto::default()
    };
    let scalars = || vec![doubles("three", &[], &[3.0]), doubles("zero", &[], &[0.0]), doubles("six", &[], &[6.0])];
    let table: Vec<(&str, Vec<NodeProto>, Vec<TensorProto>, &[usize])> = vec![
        ("HardSigmoid", nodes(&["Add x three -> a", "Clip a zero six -> c", "Div c six -> y"]), scalars(), &[4]),
        (
            "a convolution",
            nodes(&["Conv x w -> c", "Add c k -> d", "Relu d -> y"]),
            vec![doubles("w", &[2, 1, 1, 1], &[1.0 / 3.0, 1e9]), doubles("k", &[2, 1, 1], &[1e-9, 1.0])],
            &[1, 1, 2, 2],
        ),
        (
            "a product",
            nodes(&["MatMul x w -> p", "Add p k -> q", "Relu q -> y"]),
            vec![doubles("w", &[2, 2], &[1.0 / 3.0, 1e9, 2.0, 1.0 / 7.0]), doubles("k", &[2], &[1e-9, 1.0])],
            &[2, 2],
        ),
    ];
    for (about, nodes, constants, dims) in table {
        let count = dims.iter().product::<usize>();
        let x = Tensor::new(dims, (0..count).map(|index| index as f64 / 3.0).collect()).unwrap();
        let all: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
        let results = [vec!["y".to_string()], all].map(|outputs| {
            let mut proto = build(&nodes, &constants, &[dims], &outputs);
            proto.graph.as_mut().unwrap().input[0] = value("x", DataType::Double, &vec!["?"; dims.len()].join(" "));
            let mut session = load(&proto).unwrap();
            assert_eq!(session.stats().steps, nodes.len(), "{about}");
            run(&mut session, &[("x", x.clone())]).unwrap().pop().unwrap()
        });
        assert_eq!(results[0].element_type(), ElementType::Float64, "{about}");
        assert_eq!(results[0], results[1], "{about}");
    }
}
