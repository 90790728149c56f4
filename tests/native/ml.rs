//! Operators of classical models; what is expected is what onnxruntime gives.

use std::sync::Arc;

use edgewise::error::{Error, ErrorCode, Result};
use edgewise::graph::{Attribute, Node};
use edgewise::ops::{Call, Input, Spec, find};
use edgewise::tensor::{Element, ElementType, Tensor};
use edgewise::value::{Map, Value};
use tract_onnx::pb::{NodeProto, OperatorSetIdProto};

use crate::onnx::{load, load_error, node, scale};

/// The outputs of one call of an operator.
pub fn call(
    domain: &str,
    op: &str,
    opset: i64,
    attributes: &[(&str, Attribute)],
    inputs: Vec<Value>,
) -> Result<Vec<Value>> {
    let count = inputs.len();
    let attributes = attributes.iter().map(|(name, value)| (name.to_string(), value.clone()));
    let node = Node {
        name: op.to_string(),
        op: op.to_string(),
        domain: domain.to_string(),
        opset,
        attributes: attributes.collect(),
        inputs: (0..count).map(Some).collect(),
        outputs: vec![Some(count), Some(count + 1)],
        ..Node::default()
    };
    let mut spec = Spec::new(&node, vec![None; count], vec![]);
    let operator = (find(domain, op).unwrap().make)(&mut spec)?;
    let inputs = inputs.into_iter().map(Input::Owned).collect();
    Ok(operator(&mut Call::new(inputs, count, &[true, true]))?.into_vec())
}

pub fn ml(op: &str, attributes: &[(&str, Attribute)], inputs: Vec<Value>) -> Vec<Value> {
    call("ai.onnx.ml", op, 3, attributes, inputs).unwrap()
}

pub fn tensor<T: Element>(dims: &[usize], values: &[T]) -> Value {
    Tensor::new(dims, values.to_vec()).unwrap().into()
}

pub fn strings(values: &[&str]) -> Value {
    Tensor::vector::<String>(values.iter().map(|value| value.to_string()).collect()).into()
}

pub fn texts(values: &[&str]) -> Attribute {
    Attribute::Texts(values.iter().map(|value| value.as_bytes().to_vec()).collect())
}

pub fn text(value: &str) -> Attribute {
    Attribute::Text(value.as_bytes().to_vec())
}

fn ints(values: &[i64]) -> Attribute {
    Attribute::Ints(values.to_vec())
}

fn floats(values: &[f32]) -> Attribute {
    Attribute::Floats(values.to_vec())
}

fn close(actual: &Value, expected: &[f32]) {
    let actual = actual.tensor().unwrap().to_f32s().unwrap().into_owned();
    assert_eq!(actual.len(), expected.len(), "{actual:?} for {expected:?}");
    for (a, e) in actual.iter().zip(expected) {
        assert!((a - e).abs() <= 1e-5 * e.abs().max(1.0), "{actual:?} for {expected:?}");
    }
}

/// A tree of one test on feature 0, its leaves with a weight each: the one where the test fails, and the one where it holds.
fn stump(kind: &str, mode: &str, threshold: f32, ids: [i64; 2], weights: [f32; 2]) -> Vec<(String, Attribute)> {
    let mut attributes = vec![
        ("nodes_treeids".to_string(), ints(&[0; 3])),
        ("nodes_nodeids".to_string(), ints(&[0, 1, 2])),
        ("nodes_featureids".to_string(), ints(&[0; 3])),
        ("nodes_modes".to_string(), texts(&[mode, "LEAF", "LEAF"])),
        ("nodes_values".to_string(), floats(&[threshold, 0.0, 0.0])),
        ("nodes_truenodeids".to_string(), ints(&[2, 0, 0])),
        ("nodes_falsenodeids".to_string(), ints(&[1, 0, 0])),
    ];
    attributes.push((format!("{kind}_treeids"), ints(&[0; 2])));
    attributes.push((format!("{kind}_nodeids"), ints(&[1, 2])));
    attributes.push((format!("{kind}_ids"), ints(&ids)));
    attributes.push((format!("{kind}_weights"), floats(&weights)));
    attributes
}

fn run_stump(op: &str, attributes: &[(String, Attribute)], more: &[(&str, Attribute)], input: Value) -> Vec<Value> {
    let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.clone()));
    let attributes: Vec<(&str, Attribute)> = attributes.chain(more.iter().cloned()).collect();
    ml(op, &attributes, vec![input])
}

#[test]
fn every_test_of_a_node_holds_where_it_should() {
    let rows = [-1.0, 0.0, 1.0, f32::NAN];
    for (mode, holds) in [
        ("BRANCH_LEQ", [1.0, 1.0, 0.0]),
        ("BRANCH_LT", [1.0, 0.0, 0.0]),
        ("BRANCH_GTE", [0.0, 1.0, 1.0]),
        ("BRANCH_GT", [0.0, 0.0, 1.0]),
        ("BRANCH_EQ", [0.0, 1.0, 0.0]),
        ("BRANCH_NEQ", [1.0, 0.0, 1.0]),
    ] {
        for tracks in [0, 1] {
            let nan = if tracks == 1 || mode == "BRANCH_NEQ" { 1.0 } else { 0.0 };
            let expected = [holds[0], holds[1], holds[2], nan];
            let more = [("nodes_missing_value_tracks_true", ints(&[tracks, 0, 0])), ("n_targets", Attribute::Int(1))];
            let tree = stump("target", mode, 0.0, [0, 0], [0.0, 1.0]);
            close(&run_stump("TreeEnsembleRegressor", &tree, &more, tensor(&[4, 1], &rows))[0], &expected);
            let wide: Vec<f64> = rows.iter().map(|&value| f64::from(value)).collect();
            close(&run_stump("TreeEnsembleRegressor", &tree, &more, tensor(&[4, 1], &wide))[0], &expected);
        }
    }
    // A float64 between a threshold and the float32 below it.
    let tree = stump("target", "BRANCH_LT", 1.0, [0, 0], [0.0, 1.0]);
    close(&run_stump("TreeEnsembleRegressor", &tree, &[], tensor(&[2, 1], &[1.0 - 1e-12, 1.0]))[0], &[1.0, 0.0]);
}

#[test]
fn two_classes_come_from_the_weights_of_one() {
    let rows = || tensor(&[2, 1], &[-1f32, 1.0]);
    let labels = ("classlabels_strings", texts(&["no", "yes"]));
    let mixed = stump("class", "BRANCH_LEQ", 0.0, [0, 0], [2.0, -1.0]);
    let outputs = run_stump("TreeEnsembleClassifier", &mixed, std::slice::from_ref(&labels), rows());
    assert_eq!(outputs[0], strings(&["no", "yes"]));
    close(&outputs[1], &[1.0, -1.0, -2.0, 2.0]);
    let more = [labels.clone(), ("post_transform", text("LOGISTIC")), ("base_values", floats(&[0.5]))];
    let outputs = run_stump("TreeEnsembleClassifier", &mixed, &more, rows());
    assert_eq!(outputs[0], strings(&["no", "yes"]));
    close(&outputs[1], &[0.62245935, 0.37754067, 0.07585818, 0.9241418]);
    let chances = stump("class", "BRANCH_LEQ", 0.0, [0, 0], [0.75, 0.25]);
    let outputs = run_stump("TreeEnsembleClassifier", &chances, &[labels], rows());
    assert_eq!(outputs[0], strings(&["no", "yes"]));
    close(&outputs[1], &[0.75, 0.25, 0.25, 0.75]);
}

#[test]
fn only_classes_that_are_voted_for_win() {
    let tree = stump("class", "BRANCH_LEQ", 0.0, [1, 2], [-3.0, -2.0]);
    let labels = ("classlabels_int64s", ints(&[7, 8, 9]));
    let outputs = run_stump(
        "TreeEnsembleClassifier",
        &tree,
        &[labels, ("post_transform", text("SOFTMAX"))],
        tensor(&[2, 1], &[-1f32, 1.0]),
    );
    assert_eq!(outputs[0], tensor(&[2], &[9i64, 8]));
    close(&outputs[1], &[0.4683105, 0.4683105, 0.06337894, 0.48785555, 0.0242889, 0.48785555]);
}

/// onnxruntime takes the second class for any score above 0, which is not what ONNX asks for.
#[test]
fn the_likelier_of_two_classes_wins() {
    let labels = ("classlabels_int64s", ints(&[7, 8]));
    for (ids, weights, expected) in [([1, 0], [0.4, 0.6], [8i64, 7]), ([0, 0], [0.4, 0.6], [7, 8])] {
        let tree = stump("class", "BRANCH_LEQ", 0.0, ids, weights);
        let rows = tensor(&[2, 1], &[1f32, -1.0]);
        let outputs = run_stump("TreeEnsembleClassifier", &tree, std::slice::from_ref(&labels), rows);
        assert_eq!(outputs[0], tensor(&[2], &expected));
    }
    let tree = stump("class", "BRANCH_LEQ", 0.0, [0, 1], [0.25, 0.75]);
    let outputs = run_stump("TreeEnsembleClassifier", &tree, &[labels], tensor(&[2, 1], &[1f32, -1.0]));
    close(&outputs[1], &[0.25, 0.0, 0.0, 0.75]);
}

#[test]
fn trees_that_do_not_hold_together_are_refused() {
    let mut tree = stump("target", "BRANCH_LEQ", 0.0, [0, 0], [0.0, 1.0]);
    let refuse = |tree: &[(String, Attribute)]| -> Error {
        let attributes: Vec<(&str, Attribute)> =
            tree.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let input = vec![tensor(&[1, 1], &[0f32])];
        call("ai.onnx.ml", "TreeEnsembleRegressor", 3, &attributes, input).unwrap_err()
    };
    tree[3].1 = texts(&["BRANCH_LEQ", "BRANCH_LEQ", "LEAF"]);
    assert!(refuse(&tree).message.contains("in a circle"));
    tree[6].1 = ints(&[5, 0, 0]);
    assert_eq!(refuse(&tree).code, ErrorCode::ModelInvalid);
    let wide = stump("target", "BRANCH_LEQ", 0.0, [0, 0], [0.0, 1.0]);
    let mut features = wide.clone();
    features[2].1 = ints(&[3, 0, 0]);
    assert_eq!(refuse(&features).message, "expected rows of at least 4 features, got float32[1,1]");
}

#[test]
fn linear_models_label_and_score() {
    let rows = || vec![tensor(&[2, 2], &[1f32, 2.0, -3.0, 1.0])];
    let binary = [
        ("coefficients", floats(&[1.0, -0.25])),
        ("intercepts", floats(&[0.5])),
        ("classlabels_ints", ints(&[3, 4])),
        ("post_transform", text("LOGISTIC")),
    ];
    let outputs = ml("LinearClassifier", &binary, rows());
    assert_eq!(outputs[0], tensor(&[2], &[4i64, 3]));
    close(&outputs[1], &[0.26894143, 0.7310586, 0.93991333, 0.06008665]);
    let regressor = [("coefficients", floats(&[1.0, 0.0, 0.0, 2.0])), ("targets", Attribute::Int(2))];
    close(&ml("LinearRegressor", &regressor, rows())[0], &[1.0, 4.0, -3.0, 2.0]);
}

#[test]
fn support_vectors_vote_and_estimate() {
    let attributes = [
        ("kernel_type", text("RBF")),
        ("kernel_params", floats(&[0.5, 0.0, 3.0])),
        ("support_vectors", floats(&[0.0, 0.0, 1.0, 1.0, 2.0, 0.0])),
        ("vectors_per_class", ints(&[1, 1, 1])),
        ("coefficients", floats(&[1.0, -1.0, -0.5, 0.5, 1.0, -1.0])),
        ("rho", floats(&[0.1, -0.1, 0.2])),
        ("classlabels_strings", texts(&["a", "b", "c"])),
    ];
    let rows = || vec![tensor(&[2, 2], &[0f32, 0.0, 2.0, 0.5])];
    let outputs = ml("SVMClassifier", &attributes, rows());
    assert_eq!(outputs[0], strings(&["a", "c"]));
    close(&outputs[1], &[0.7321206, 0.33233237, 0.43254417, -0.31582847, -0.48153198, -0.14723544]);
    let chances = [("prob_a", floats(&[-1.0, -2.0, -1.5])), ("prob_b", floats(&[0.0, 0.1, -0.1]))];
    let all: Vec<_> = attributes.iter().cloned().chain(chances).collect();
    let outputs = ml("SVMClassifier", &all, rows());
    assert_eq!(outputs[0], strings(&["a", "c"]));
    close(&outputs[1], &[0.49929604, 0.28849646, 0.21220757, 0.19734831, 0.3540132, 0.4486385]);
    let regressor = [
        ("kernel_type", text("POLY")),
        ("kernel_params", floats(&[0.5, 1.0, 2.0])),
        ("support_vectors", floats(&[0.0, 1.0, 2.0, 0.0])),
        ("coefficients", floats(&[1.0, -1.0])),
        ("rho", floats(&[0.5])),
        ("n_supports", Attribute::Int(2)),
    ];
    close(&ml("SVMRegressor", &regressor, rows())[0], &[0.5, -6.9375]);
}

#[test]
fn features_are_scaled_normalised_and_filled_in() {
    let row = || vec![tensor(&[1, 2], &[3f32, -4.0])];
    for (norm, expected) in [("MAX", [1.0, -1.3333334]), ("L1", [0.42857143, -0.5714286]), ("L2", [0.6, -0.8])] {
        close(&ml("Normalizer", &[("norm", text(norm))], row())[0], &expected);
    }
    let scale = [("offset", floats(&[1.0, 2.0])), ("scale", floats(&[0.5]))];
    close(&ml("Scaler", &scale, row())[0], &[1.0, -3.0]);
    close(&ml("Scaler", &scale, vec![tensor(&[1, 2], &[3i64, -4])])[0], &[1.0, -3.0]);
    let missing = [("imputed_value_floats", floats(&[7.0, 8.0])), ("replaced_value_float", Attribute::Float(f32::NAN))];
    close(&ml("Imputer", &missing, vec![tensor(&[2, 2], &[f32::NAN, 1.0, 2.0, f32::NAN])])[0], &[7.0, 1.0, 2.0, 8.0]);
    close(&ml("Binarizer", &[("threshold", Attribute::Float(-4.0))], row())[0], &[1.0, 0.0]);
}

#[test]
fn values_are_looked_up() {
    let words = [("keys_strings", texts(&["a", "b", "a"])), ("values_int64s", ints(&[1, 2, 3]))];
    assert_eq!(ml("LabelEncoder", &words, vec![strings(&["b", "a", "c"])])[0], tensor(&[3], &[2i64, 1, -1]));
    let numbers = [("keys_floats", floats(&[f32::NAN, 0.0])), ("values_strings", texts(&["nan", "zero"]))];
    let found = &ml("LabelEncoder", &numbers, vec![tensor(&[3], &[-0f32, f32::NAN, 1.0])])[0];
    assert_eq!(*found, strings(&["zero", "nan", "_Unused"]));
    let classes = [("classes_strings", texts(&["a", "b"]))];
    let found = call("ai.onnx.ml", "LabelEncoder", 1, &classes, vec![tensor(&[2], &[1i64, 5])]).unwrap();
    assert_eq!(found[0], strings(&["b", "_Unused"]));
    let categories = [("cats_strings", texts(&["x", "y"])), ("cats_int64s", ints(&[10, 20]))];
    assert_eq!(ml("CategoryMapper", &categories, vec![strings(&["y", "z"])])[0], tensor(&[2], &[20i64, -1]));
    let known = [("cats_int64s", ints(&[1, 5]))];
    close(&ml("OneHotEncoder", &known, vec![tensor(&[3], &[5.9f32, 1.0, 2.0])])[0], &[0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    let strict = [("cats_int64s", ints(&[1])), ("zeros", Attribute::Int(0))];
    let error = call("ai.onnx.ml", "OneHotEncoder", 1, &strict, vec![tensor(&[1], &[2i64])]).unwrap_err();
    assert_eq!(error.code, ErrorCode::ExecutionFailed);
}

#[test]
fn features_are_picked_and_joined() {
    let columns = vec![tensor(&[2, 3], &[1i32, 2, 3, 4, 5, 6]), tensor(&[2], &[2i64, 0])];
    assert_eq!(ml("ArrayFeatureExtractor", &[], columns)[0], tensor(&[2, 2], &[3i32, 1, 6, 4]));
    let inputs = vec![tensor(&[2, 1], &[1i64, 2]), tensor(&[2, 2], &[3i64, 4, 5, 6])];
    let joined = &ml("FeatureVectorizer", &[("inputdimensions", ints(&[1, 2]))], inputs)[0];
    assert_eq!(*joined, tensor(&[2, 3], &[1f32, 3.0, 4.0, 2.0, 5.0, 6.0]));
}

#[test]
fn rows_are_as_far_apart_as_they_are() {
    let rows = || vec![tensor(&[1, 2], &[1f32, 2.0]), tensor(&[2, 2], &[4f32, 6.0, 1.0, 2.0])];
    let metric = |name: &str| [("metric", text(name))];
    let distances = |name: &str, rows| call("com.microsoft", "CDist", 1, &metric(name), rows).unwrap().remove(0);
    assert_eq!(distances("euclidean", rows()), tensor(&[1, 2], &[5f32, 0.0]));
    assert_eq!(distances("sqeuclidean", rows()), tensor(&[1, 2], &[25f32, 0.0]));
    let wide = vec![tensor(&[1, 1], &[1f64]), tensor(&[1, 1], &[-2f64])];
    assert_eq!(distances("euclidean", wide), tensor(&[1, 1], &[3f64]));
    assert!(call("com.microsoft", "CDist", 1, &metric("cosine"), rows()).is_err());
}

fn map(keys: Value, values: Value) -> Value {
    Value::Map(Arc::new(Map { keys: keys.into_tensor().unwrap(), values: values.into_tensor().unwrap() }))
}

#[test]
fn maps_come_and_go() {
    let scores = vec![tensor(&[2, 2], &[0.25f32, 0.75, 1.0, 0.0])];
    let maps = &ml("ZipMap", &[("classlabels_strings", texts(&["a", "b"]))], scores)[0];
    let maps = maps.sequence().unwrap();
    assert_eq!(maps[0], map(strings(&["a", "b"]), tensor(&[2], &[0.25f32, 0.75])));
    assert_eq!(maps.len(), 2);
    let vocabulary = [("string_vocabulary", texts(&["b", "z", "a"]))];
    assert_eq!(ml("DictVectorizer", &vocabulary, vec![maps[0].clone()])[0], tensor(&[1, 3], &[0.75f32, 0.0, 0.25]));
    let numbered = || vec![map(tensor(&[2], &[3i64, 1]), strings(&["2.5", "4"]))];
    assert_eq!(ml("CastMap", &[], numbered())[0], tensor(&[1, 2], &[4f32, 2.5]));
    let sparse = [("map_form", text("SPARSE")), ("max_map", Attribute::Int(5))];
    assert_eq!(ml("CastMap", &sparse, numbered())[0], tensor(&[1, 5], &[0f32, 4.0, 0.0, 2.5, 0.0]));
}

#[test]
fn no_rows_give_no_scores() {
    let tree = stump("class", "BRANCH_LEQ", 0.0, [0, 0], [2.0, -1.0]);
    let outputs = run_stump(
        "TreeEnsembleClassifier",
        &tree,
        &[("classlabels_int64s", ints(&[0, 1]))],
        tensor::<f32>(&[0, 3], &[]),
    );
    assert_eq!(outputs[0], Tensor::zeros(ElementType::Int64, &[0]).unwrap().into());
    assert_eq!(outputs[1], Tensor::zeros(ElementType::Float32, &[0, 2]).unwrap().into());
}

#[test]
fn an_opset_that_no_node_uses_may_be_any() {
    let mut model = scale();
    model.opset_import[0].version = 29;
    assert_eq!(load_error(&model).code, ErrorCode::ModelUnsupported);
    model.opset_import.push(OperatorSetIdProto { domain: "ai.onnx.ml".to_string(), version: 3 });
    let binarizer = NodeProto { domain: "ai.onnx.ml".to_string(), ..node("Binarizer x -> y") };
    model.graph.as_mut().unwrap().node = vec![binarizer];
    let outputs = load(&model).unwrap().run(vec![("x".to_string(), tensor(&[1, 3], &[-1f32, 0.0, 2.0]))], None);
    assert_eq!(outputs.unwrap()[0].1, tensor(&[1, 3], &[0f32, 0.0, 1.0]));
}
