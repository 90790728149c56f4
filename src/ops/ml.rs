//! Classical models: the domain ai.onnx.ml.

mod labels;
mod scores;
mod trees;
mod zipmap;

use super::{Entry, ml};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

pub const ENTRIES: &[Entry] = &[
    ml("TreeEnsemble", trees::tree_ensemble),
    ml("TreeEnsembleClassifier", trees::tree_ensemble_classifier),
    ml("TreeEnsembleRegressor", trees::tree_ensemble_regressor),
    ml("ZipMap", zipmap::zip_map),
];

/// Rows and features of what a model looks at: a tensor of one axis is one row.
fn rows_of(tensor: &Tensor) -> Result<(usize, usize)> {
    match *tensor.dims() {
        [features] => Ok((1, features)),
        [rows, features] => Ok((rows, features)),
        [rows, ref inner @ ..] => Ok((rows, inner.iter().product())),
        [] => Err(Error::execution(format!("expected rows of features, got {tensor}"))),
    }
}
