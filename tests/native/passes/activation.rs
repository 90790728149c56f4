//! Activations that exporters write as several nodes.

use super::{check, nodes, number};
use crate::onnx::{float, floats, node, with};

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
    let hard_swish = ["Add x three -> a", "Clip a zero six -> c", "Mul x c -> m", "Div m six -> y"];
    let hard_swish_scaled = ["Add x three -> a", "Clip a zero six -> c", "Mul c x -> m", "Mul m sixth -> y"];
    let hard_other = ["Add z three -> a", "Clip a zero six -> c", "Mul x c -> m", "Div m six -> y"];
    let hard_shown = ["Add x three -> a", "Clip a zero six -> c", "Mul x c -> m", "Div m six -> d", "Add d m -> y"];
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
        ("HardSwish divided late", nodes(&hard_swish), usual(), x.clone(), 1),
        ("HardSwish scaled late", nodes(&hard_swish_scaled), usual(), x.clone(), 1),
        ("HardSwish of another", nodes(&hard_other), usual(), vec![&[3, 7], &[3, 7]], 4),
        ("HardSwish and its product", nodes(&hard_shown), usual(), x.clone(), 5),
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
