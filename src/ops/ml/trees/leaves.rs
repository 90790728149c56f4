//! Trees as TreeEnsemble lists them: leaves apart from nodes, and tests for membership of a set.

use super::Ensemble;
use super::grow::{Listed, Mode, Weighed};
use crate::error::Result;
use crate::ops::Spec;
use crate::tensor::{ElementType, Tensor};

/// The number of the mode for membership of a set, which becomes a row of tests for equality.
const MEMBER: u8 = 6;

fn index_of(value: i64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Trees of TreeEnsemble.
pub fn read_ensemble(spec: &Spec, targets: usize) -> Result<Ensemble> {
    let numbers = |name: &str| match spec.tensor(name) {
        Some(tensor) => tensor.to_f64s().map(std::borrow::Cow::into_owned),
        None => Ok(Vec::new()),
    };
    let ints = |name: &str| spec.ints(name).unwrap_or_default();
    let modes = spec.tensor("nodes_modes").map(Tensor::slice::<u8>).transpose()?.unwrap_or_default();
    let count = modes.len();
    let (features, thresholds) = (ints("nodes_featureids"), numbers("nodes_splits")?);
    let (thens, otherwises) = (ints("nodes_truenodeids"), ints("nodes_falsenodeids"));
    let (then_leaves, otherwise_leaves) = (ints("nodes_trueleafs"), ints("nodes_falseleafs"));
    let lengths = [features.len(), thens.len(), otherwises.len(), then_leaves.len(), otherwise_leaves.len()];
    if lengths.iter().any(|&length| length != count) || thresholds.len() != count {
        return Err(spec.invalid(&format!("attributes nodes_* of other lengths than {count}")));
    }
    let nan_holds = ints("nodes_missing_value_tracks_true").iter().copied().chain(std::iter::repeat(0));
    let members = numbers("membership_values")?;
    let mut sets = members.split(|member| member.is_nan());

    let (ids, values) = (ints("leaf_targetids"), numbers("leaf_weights")?);
    if ids.len() != values.len() {
        return Err(spec.invalid(&format!("{} weights for {} leaves", values.len(), ids.len())));
    }
    let mut weights = Vec::with_capacity(ids.len());
    for ((&id, value), leaf) in ids.iter().zip(values).zip(count..) {
        let target = index_of(id);
        if target >= targets {
            return Err(spec.invalid(&format!("a leaf for target {id} of {targets}")));
        }
        weights.push(Weighed { node: leaf, target, value });
    }
    // Leaves follow the nodes, and tests for equality that take the place of a set follow the leaves.
    let place = |index: i64, is_leaf: i64| {
        let index = index_of(index);
        let (base, limit) = if is_leaf != 0 { (count, ids.len()) } else { (0, count) };
        if index < limit { Ok(base + index) } else { Err(spec.invalid(&format!("a branch to node {index}"))) }
    };
    let leaf = Listed { mode: Mode::Leaf, feature: 0, threshold: 0.0, then: 0, otherwise: 0, nan_holds: false };
    let mut listed = Vec::with_capacity(count + ids.len());
    let mut chains = Vec::new();
    let rows = modes.iter().zip(features).zip(&thresholds).zip(thens).zip(otherwises);
    let rows = rows.zip(then_leaves).zip(otherwise_leaves).zip(nan_holds);
    for (((((((&mode, &feature), &threshold), &then), &otherwise), &then_leaf), &otherwise_leaf), nan_holds) in rows {
        let (then, otherwise) = (place(then, then_leaf)?, place(otherwise, otherwise_leaf)?);
        let mut test = Listed {
            mode: Mode::Eq,
            feature: index_of(feature),
            threshold,
            then,
            otherwise,
            nan_holds: nan_holds != 0,
        };
        if mode == MEMBER {
            let set = sets.next().unwrap_or_default();
            test.threshold = set.first().copied().unwrap_or(f64::NAN);
            let mut rest = set.iter().skip(1).peekable();
            if rest.peek().is_some() {
                test.otherwise = count + ids.len() + chains.len();
            }
            listed.push(test);
            while let Some(&member) = rest.next() {
                let next = count + ids.len() + chains.len() + 1;
                let otherwise = if rest.peek().is_some() { next } else { otherwise };
                chains.push(Listed { threshold: member, otherwise, ..test });
            }
            continue;
        }
        test.mode = match mode {
            0 => Mode::Leq,
            1 => Mode::Lt,
            2 => Mode::Gte,
            3 => Mode::Gt,
            4 => Mode::Eq,
            5 => Mode::Neq,
            other => return Err(spec.invalid(&format!("nodes_modes={other}"))),
        };
        listed.push(test);
    }
    listed.extend(std::iter::repeat_n(leaf, ids.len()));
    listed.extend(chains);
    let roots = ints("tree_roots").iter().map(|&root| index_of(root)).collect();
    let is_double = |name: &str| spec.tensor(name).is_some_and(|tensor| tensor.element_type() == ElementType::Float64);
    let is_double = is_double("nodes_splits") || is_double("leaf_weights");
    Ok(Ensemble { listed, roots, weights, targets, is_double })
}
