//! Classical models: the domain ai.onnx.ml.

mod encode;
mod feature;
mod labels;
mod linear;
mod scale;
mod scores;
mod svm;
mod trees;
mod zipmap;

use super::{Entry, ml};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

pub const ENTRIES: &[Entry] = &[
    ml("ArrayFeatureExtractor", feature::array_feature_extractor),
    ml("Binarizer", encode::binarizer),
    ml("CastMap", feature::cast_map),
    ml("CategoryMapper", encode::category_mapper),
    ml("DictVectorizer", feature::dict_vectorizer),
    ml("FeatureVectorizer", feature::feature_vectorizer),
    ml("Imputer", scale::imputer),
    ml("LabelEncoder", encode::label_encoder),
    ml("LinearClassifier", linear::linear_classifier),
    ml("LinearRegressor", linear::linear_regressor),
    ml("Normalizer", scale::normalizer),
    ml("OneHotEncoder", encode::one_hot_encoder),
    ml("SVMClassifier", svm::svm_classifier),
    ml("SVMRegressor", svm::svm_regressor),
    ml("Scaler", scale::scaler),
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
