//! Layer normalisation as several nodes.

use tract_onnx::pb::ModelProto;

use super::{Case, build, nodes, number, weights};
use crate::onnx::{assert_close, ints, load, node, ramp, run, with};

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
