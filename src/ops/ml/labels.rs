//! The labels of classes.

use crate::error::Result;
use crate::ops::Spec;
use crate::tensor::Tensor;

/// The labels of a classifier's classes.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Strings.
    Strings(Vec<String>),
    /// Whole numbers.
    Ints(Vec<i64>),
}

impl Labels {
    /// The labels in the attributes `strings` and `ints`, one of which is given. Both may be empty.
    pub fn read(spec: &Spec, strings: &str, ints: &str) -> Labels {
        match spec.texts(strings).filter(|texts| !texts.is_empty()) {
            Some(texts) => Labels::Strings(texts),
            None => Labels::Ints(spec.ints(ints).unwrap_or_default().to_vec()),
        }
    }

    /// The number of classes.
    pub fn len(&self) -> usize {
        match self {
            Labels::Strings(labels) => labels.len(),
            Labels::Ints(labels) => labels.len(),
        }
    }

    /// The labels of the classes of rows. A class that has no label is its number.
    pub fn choose(&self, classes: &[usize]) -> Result<Tensor> {
        let dims = [classes.len()];
        match self {
            Labels::Strings(labels) => {
                let name = |class: &usize| labels.get(*class).cloned().unwrap_or_else(|| class.to_string());
                Tensor::new(&dims, classes.iter().map(name).collect())
            }
            Labels::Ints(labels) => {
                let name = |class: &usize| labels.get(*class).copied().unwrap_or(*class as i64);
                Tensor::new(&dims, classes.iter().map(name).collect())
            }
        }
    }

    /// All labels.
    pub fn to_tensor(&self) -> Tensor {
        match self {
            Labels::Strings(labels) => Tensor::vector(labels.clone()),
            Labels::Ints(labels) => Tensor::vector(labels.clone()),
        }
    }
}
