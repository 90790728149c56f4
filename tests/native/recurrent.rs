//! Recurrent layers against onnxruntime, and against themselves where it has nothing to say.

use edgewise::tensor::{ElementType, Tensor};
use edgewise::value::Value;
use tract_onnx::pb::{AttributeProto, GraphProto, TensorProto, attribute_proto};

use crate::onnx::{DataType, int, load, model, node, value};

const STEPS: usize = 3;
const BATCH: usize = 2;
const INPUT: usize = 2;
const HIDDEN: usize = 3;

fn texts(name: &str, texts: &[&str]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: attribute_proto::AttributeType::Strings as i32,
        strings: texts.iter().map(|text| text.as_bytes().to_vec()).collect(),
        ..AttributeProto::default()
    }
}

fn text(name: &str, text: &str) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::String as i32;
    AttributeProto { name: name.into(), r#type, s: text.into(), ..AttributeProto::default() }
}

fn numbers(name: &str, numbers: &[f32]) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Floats as i32;
    AttributeProto { name: name.into(), r#type, floats: numbers.to_vec(), ..AttributeProto::default() }
}

fn number(name: &str, number: f32) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: number, ..AttributeProto::default() }
}

/// Numbers that look random and are the same in Python.
fn wave(dims: &[usize], seed: f64) -> Tensor {
    let count: usize = dims.iter().product();
    Tensor::new(dims, (0..count).map(|index| (index as f64 * 0.37 + seed).sin() as f32).collect()).unwrap()
}

fn constant(name: &str, data_type: DataType, tensor: &Tensor) -> TensorProto {
    TensorProto {
        name: name.to_string(),
        dims: tensor.dims().iter().map(|&dim| dim as i64).collect(),
        data_type: data_type as i32,
        raw_data: tensor.as_bytes().to_vec(),
        ..TensorProto::default()
    }
}

#[derive(Clone)]
struct Case {
    op: &'static str,
    direction: &'static str,
    attributes: Vec<AttributeProto>,
    /// Sequences of 3 steps and of 1, and LSTM with peepholes.
    is_ragged: bool,
}

impl Case {
    /// Inputs in order; none where they are left out.
    fn inputs(&self) -> Vec<Option<Tensor>> {
        let (gates, directions) = (self.gates(), if self.direction == "bidirectional" { 2 } else { 1 });
        let rows = gates * HIDDEN;
        let lengths = Tensor::vector(vec![3i32, 1]);
        let mut inputs = vec![
            Some(wave(&[STEPS, BATCH, INPUT], 1.0)),
            Some(wave(&[directions, rows, INPUT], 2.0)),
            Some(wave(&[directions, rows, HIDDEN], 3.0)),
            Some(wave(&[directions, 2 * rows], 4.0)),
            Some(lengths).filter(|_| self.is_ragged),
            Some(wave(&[directions, BATCH, HIDDEN], 5.0)),
        ];
        if self.op == "LSTM" {
            inputs.push(Some(wave(&[directions, BATCH, HIDDEN], 6.0)));
            inputs.push(Some(wave(&[directions, 3 * HIDDEN], 7.0)).filter(|_| self.is_ragged));
        }
        inputs
    }

    fn gates(&self) -> usize {
        match self.op {
            "LSTM" => 4,
            "GRU" => 3,
            _ => 1,
        }
    }

    /// Runs the layer: inputs `constants` are the model's, the others the caller's.
    fn run(&self, inputs: &[Option<Tensor>], constants: std::ops::Range<usize>) -> Vec<Tensor> {
        let names = ["x", "w", "r", "b", "lengths", "h", "c", "p"];
        let outputs = if self.op == "LSTM" { "y yh yc" } else { "y yh" };
        let mut layer = node(&format!("{} x -> {outputs}", self.op));
        layer.input = names.iter().zip(inputs).map(|(name, tensor)| tensor.iter().map(|_| *name).collect()).collect();
        layer.attribute = self.attributes.clone();
        layer.attribute.extend([text("direction", self.direction), int("hidden_size", HIDDEN as i64)]);
        let mut graph = GraphProto { node: vec![layer], ..GraphProto::default() };
        let double = inputs[0].as_ref().unwrap().element_type() == ElementType::Float64;
        let float = if double { DataType::Double } else { DataType::Float };
        graph.output = outputs.split(' ').map(|name| value(name, float, "")).collect();
        graph.output.iter_mut().for_each(|output| output.r#type = None);
        let mut given = vec![];
        for (index, (name, tensor)) in names.iter().zip(inputs).enumerate() {
            let Some(tensor) = tensor else { continue };
            let dims = vec!["?"; tensor.rank()].join(" ");
            let data_type = if *name == "lengths" { DataType::Int32 } else { float };
            if constants.contains(&index) {
                graph.initializer.push(constant(name, data_type, tensor));
            } else {
                graph.input.push(value(name, data_type, &dims));
                given.push((name.to_string(), Value::Tensor(tensor.clone())));
            }
        }
        let results = load(&model(graph)).unwrap().run(given, None).unwrap();
        results.into_iter().map(|(_, value)| value.into_tensor().unwrap()).collect()
    }
}

fn assert_close(actual: &Tensor, expected: &Tensor, what: &str) {
    assert_eq!(actual.dims(), expected.dims(), "{what}");
    for (a, e) in actual.to_f64s().unwrap().iter().zip(expected.to_f64s().unwrap().iter()) {
        assert!((a - e).abs() < 2e-5 * e.abs().max(1.0), "{what}: {a} for {e}");
    }
}

fn case(op: &'static str, direction: &'static str, attributes: Vec<AttributeProto>, is_ragged: bool) -> Case {
    Case { op, direction, attributes, is_ragged }
}

/// Each case with the sum of Y, each element times its place counted from 1, and with Y_h, as onnxruntime 1.32 gives them.
fn cases() -> Vec<(Case, f64, Vec<f32>)> {
    let functions = || {
        let names = texts("activations", &["HardSigmoid", "Elu", "ScaledTanh"]);
        vec![names, numbers("activation_alpha", &[0.1, 0.7, 1.5]), numbers("activation_beta", &[0.4, 0.8])]
    };
    vec![
        (
            case("LSTM", "forward", vec![], false),
            14.683,
            vec![-0.056771, 0.123124, 0.172762, -0.047114, 0.159163, 0.211913],
        ),
        (
            case("LSTM", "bidirectional", vec![number("clip", 0.5), int("input_forget", 1)], true),
            39.83074,
            vec![
                -0.040342, 0.1021, 0.099975, 0.1933, 0.219016, 0.158659, 0.125752, 0.119299, -0.011065, 0.142685,
                -0.020695, -0.294793,
            ],
        ),
        (
            case("LSTM", "reverse", functions(), true),
            8.2019,
            vec![0.19622, 0.048086, 0.05688, 0.321982, 0.174798, 0.107223],
        ),
        (
            case("GRU", "bidirectional", vec![], true),
            114.14208,
            vec![
                -0.533525, -0.575146, 0.031362, -0.078281, 0.544478, 0.826879, 0.559238, 0.862598, 0.76628, 0.883242,
                0.714839, 0.733335,
            ],
        ),
        (
            case("GRU", "reverse", vec![int("linear_before_reset", 1)], true),
            -18.02487,
            vec![-0.039837, -0.144632, 0.605542, -0.049364, 0.586282, 0.861747],
        ),
        (
            case("GRU", "forward", vec![int("linear_before_reset", 1), number("clip", 0.4)], false),
            -20.36724,
            vec![-0.283009, -0.226728, -0.102526, -0.318623, -0.255026, -0.109763],
        ),
        (
            case("RNN", "bidirectional", vec![texts("activations", &["Relu", "Softplus"])], true),
            1283.64306,
            vec![0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 9.265916, 23.02255, 11.518223, 0.528584, 1.652711, 2.063858],
        ),
        (
            case("RNN", "forward", vec![], false),
            -66.20196,
            vec![-0.980956, 0.326499, 0.674111, -0.998582, -0.972284, -0.137747],
        ),
    ]
}

#[test]
fn layers_are_those_of_onnxruntime() {
    for (case, sum, last) in cases() {
        let what = format!("{} {}", case.op, case.direction);
        let results = case.run(&case.inputs(), 1..4);
        let values = results[0].to_f64s().unwrap();
        let actual: f64 = values.iter().enumerate().map(|(index, value)| (index + 1) as f64 * value).sum();
        assert!((actual - sum).abs() < 1e-3, "{what}: {actual} for {sum}");
        assert_close(&results[1], &Tensor::new(results[1].dims(), last).unwrap(), &what);
    }
}

#[test]
fn weights_may_come_with_a_run() {
    for (case, _, _) in cases() {
        let inputs = case.inputs();
        for (given, held) in case.run(&inputs, 0..0).iter().zip(case.run(&inputs, 1..8)) {
            assert_eq!(*given, held, "{}", case.op);
        }
    }
}

#[test]
fn float64_is_float32_but_finer() {
    let widen = |tensor: &Tensor| match tensor.element_type() {
        ElementType::Float32 => Tensor::new(tensor.dims(), tensor.to_f64s().unwrap().into_owned()).unwrap(),
        _ => tensor.clone(),
    };
    for (case, _, _) in cases() {
        let inputs = case.inputs();
        let wide: Vec<Option<Tensor>> = inputs.iter().map(|input| input.as_ref().map(widen)).collect();
        for (single, double) in case.run(&inputs, 1..4).iter().zip(case.run(&wide, 1..4)) {
            assert_eq!(double.element_type(), ElementType::Float64);
            assert_close(single, &double, case.op);
        }
    }
}

/// Moves the batch, at `axis`, to the front.
fn batch_first(tensor: &Tensor, axis: usize) -> Tensor {
    let (values, dims) = (tensor.to_f32s().unwrap(), tensor.dims());
    let outer: usize = dims[..axis].iter().product();
    let (batch, inner) = (dims[axis], dims[axis + 1..].iter().product::<usize>());
    let place = |b: usize, o: usize, i: usize| values[(o * batch + b) * inner + i];
    let mut moved = vec![];
    for b in 0..batch {
        moved.extend((0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))).map(|(o, i)| place(b, o, i)));
    }
    let mut moved_dims = dims.to_vec();
    moved_dims.remove(axis);
    moved_dims.insert(0, batch);
    Tensor::new(&moved_dims, moved).unwrap()
}

#[test]
fn the_batch_may_be_the_first_axis() {
    for (case, _, _) in cases() {
        let mut inputs = case.inputs();
        let expected = case.run(&inputs, 1..4);
        let mut other = case.clone();
        other.attributes.push(int("layout", 1));
        for index in [0, 5, 6] {
            if let Some(Some(input)) = inputs.get_mut(index) {
                *input = batch_first(input, 1);
            }
        }
        for (index, (actual, expected)) in other.run(&inputs, 1..4).iter().zip(&expected).enumerate() {
            assert_close(actual, &batch_first(expected, if index == 0 { 2 } else { 1 }), case.op);
        }
    }
}

#[test]
fn no_rows_and_no_steps_give_no_output() {
    for (case, _, _) in cases().into_iter().filter(|(case, _, _)| !case.is_ragged) {
        for (steps, batch) in [(0, 2), (3, 0)] {
            let mut inputs = case.inputs();
            inputs[0] = Some(wave(&[steps, batch, INPUT], 1.0));
            inputs.truncate(4);
            let results = case.run(&inputs, 1..4);
            assert_eq!(results[0].dims(), [steps, 1, batch, HIDDEN]);
            assert_eq!(results[1], Tensor::new(&[1, batch, HIDDEN], vec![0f32; batch * HIDDEN]).unwrap());
        }
    }
}

#[test]
fn weights_of_8_bits_are_those_of_onnxruntime() {
    let bytes = |dims: &[usize]| {
        let values = (0..dims.iter().product()).map(|index: usize| (index * 37 % 256) as u8);
        Tensor::new(dims, values.collect()).unwrap()
    };
    let scales = wave(&[1, 12], 5.0).to_f32s().unwrap().iter().map(|scale| scale * 0.01).collect();
    let inputs = [
        ("x", DataType::Float, wave(&[STEPS, 1, INPUT], 1.0)),
        ("w", DataType::Uint8, bytes(&[1, INPUT, 12])),
        ("r", DataType::Uint8, bytes(&[1, HIDDEN, 12])),
        ("b", DataType::Float, wave(&[1, 24], 4.0)),
        ("w_scale", DataType::Float, Tensor::new(&[1, 12], scales).unwrap()),
        ("w_zero", DataType::Uint8, Tensor::new(&[1, 12], vec![128u8; 12]).unwrap()),
        ("r_scale", DataType::Float, Tensor::vector(vec![0.005f32])),
        ("r_zero", DataType::Uint8, Tensor::vector(vec![120u8])),
    ];
    let expected = [-0.144693, -0.00294, 0.093591, -0.20477, 0.006434, 0.125479, -0.136144, 0.044468, 0.110961];
    let expected = Tensor::new(&[STEPS, 1, 1, HIDDEN], expected.to_vec()).unwrap();
    for held in [0..0, 1..8] {
        let mut layer = node("DynamicQuantizeLSTM x w r b -> y");
        layer.domain = "com.microsoft".into();
        layer.input.extend(["", "", "", "", "w_scale", "w_zero", "r_scale", "r_zero"].map(String::from));
        layer.attribute = vec![int("hidden_size", HIDDEN as i64)];
        let mut graph = GraphProto { node: vec![layer], ..GraphProto::default() };
        graph.output = vec![value("y", DataType::Float, "? ? ? ?")];
        let mut given = vec![];
        for (index, (name, data_type, tensor)) in inputs.iter().enumerate() {
            if held.contains(&index) {
                graph.initializer.push(constant(name, *data_type, tensor));
            } else {
                graph.input.push(value(name, *data_type, &vec!["?"; tensor.rank()].join(" ")));
                given.push((name.to_string(), Value::Tensor(tensor.clone())));
            }
        }
        let mut model = model(graph);
        let mut contrib = model.opset_import[0].clone();
        (contrib.domain, contrib.version) = ("com.microsoft".into(), 1);
        model.opset_import.push(contrib);
        let result = load(&model).unwrap().run(given, None).unwrap().remove(0).1;
        assert_close(result.tensor().unwrap(), &expected, "DynamicQuantizeLSTM");
    }
}
