//! Trees as TreeEnsembleClassifier and TreeEnsembleRegressor list them: leaves are nodes, and nodes have names.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Ensemble;
use super::grow::{Listed, Mode, Weighed};
use crate::error::Result;
use crate::ops::Spec;
use crate::tensor::ElementType;

/// Numbers that are an attribute of float32, or a tensor of the name with `_as_tensor`; and whether they are float64.
pub fn read_numbers(spec: &Spec, name: &str) -> Result<(Vec<f64>, bool)> {
    match spec.tensor(&format!("{name}_as_tensor")) {
        Some(tensor) => Ok((tensor.to_f64s()?.into_owned(), tensor.element_type() == ElementType::Float64)),
        None => Ok((spec.floats(name).unwrap_or_default().iter().map(|&value| f64::from(value)).collect(), false)),
    }
}

/// An attribute of whole numbers, `count` of them.
fn read_ints<'s>(spec: &Spec<'s>, name: &str, count: usize) -> Result<&'s [i64]> {
    let values = spec.ints(name).unwrap_or_default();
    match values.len() == count {
        true => Ok(values),
        false => Err(spec.invalid(&format!("{} {name} for {count}", values.len()))),
    }
}

fn parse_mode(spec: &Spec, name: &[u8]) -> Result<Mode> {
    Ok(match name {
        b"LEAF" => Mode::Leaf,
        b"BRANCH_LEQ" => Mode::Leq,
        b"BRANCH_LT" => Mode::Lt,
        b"BRANCH_GTE" => Mode::Gte,
        b"BRANCH_GT" => Mode::Gt,
        b"BRANCH_EQ" => Mode::Eq,
        b"BRANCH_NEQ" => Mode::Neq,
        other => return Err(spec.invalid(&format!("nodes_modes={}", String::from_utf8_lossy(other)))),
    })
}

/// Where the nodes of trees stand in the model's list.
struct Places {
    /// Tree, node and place in the list, in that order.
    sorted: Vec<(i64, i64, usize)>,
    /// The part of `sorted` that holds a tree.
    trees: HashMap<i64, Range<usize>>,
}

impl Places {
    /// `None` where two nodes of a tree have one id.
    fn new(keys: impl Iterator<Item = (i64, i64)>) -> Option<Places> {
        let mut sorted: Vec<_> = keys.zip(0..).map(|((tree, node), place)| (tree, node, place)).collect();
        // Converters list nodes in order, which costs a look at each.
        sorted.sort_unstable();
        if sorted.array_windows().any(|[(tree, node, _), next]| (*tree, *node) == (next.0, next.1)) {
            return None;
        }
        let mut start = 0;
        let mut trees = HashMap::new();
        for nodes in sorted.chunk_by(|one, next| one.0 == next.0) {
            trees.extend(nodes.first().map(|(tree, ..)| (*tree, start..start + nodes.len())));
            start += nodes.len();
        }
        Some(Places { sorted, trees })
    }

    fn find(&self, tree: i64, node: i64) -> Option<usize> {
        let nodes = self.sorted.get(self.trees.get(&tree)?.clone())?;
        // Ids mostly count from 0, so that a node is where its id says.
        let likely = usize::try_from(node).ok().and_then(|index| nodes.get(index)).filter(|entry| entry.1 == node);
        let found = || nodes.binary_search_by_key(&node, |entry| entry.1).ok().and_then(|index| nodes.get(index));
        likely.or_else(found).map(|entry| entry.2)
    }
}

/// Trees whose weights' attributes begin with `kind`: `class` or `target`.
pub fn read_ensemble(spec: &Spec, kind: &str, targets: usize) -> Result<Ensemble> {
    let trees = spec.ints("nodes_treeids").unwrap_or_default();
    let count = trees.len();
    let names = read_ints(spec, "nodes_nodeids", count)?;
    let features = read_ints(spec, "nodes_featureids", count)?;
    let thens = read_ints(spec, "nodes_truenodeids", count)?;
    let otherwises = read_ints(spec, "nodes_falsenodeids", count)?;
    let modes = spec.strings("nodes_modes").unwrap_or_default();
    let (thresholds, is_double) = read_numbers(spec, "nodes_values")?;
    if modes.len() != count || thresholds.len() != count {
        return Err(spec.invalid(&format!("{} modes and {} values for {count} nodes", modes.len(), thresholds.len())));
    }
    let nan_holds = spec.ints("nodes_missing_value_tracks_true").unwrap_or_default();
    let nan_holds = nan_holds.iter().copied().chain(std::iter::repeat(0));
    let keys = trees.iter().copied().zip(names.iter().copied());
    let places = Places::new(keys.clone()).ok_or_else(|| spec.invalid("two nodes of one id in one tree"))?;
    let find = |tree: i64, name: i64| {
        places.find(tree, name).ok_or_else(|| spec.invalid(&format!("no node {name} in tree {tree}")))
    };
    let rows = keys.zip(features).zip(thens).zip(otherwises).zip(modes).zip(&thresholds).zip(nan_holds);
    let mut listed = Vec::with_capacity(count);
    for (((((((tree, _), &feature), &then), &otherwise), mode), &threshold), nan_holds) in rows {
        let mode = parse_mode(spec, mode)?;
        let (then, otherwise) = match mode {
            Mode::Leaf => (0, 0),
            _ => (find(tree, then)?, find(tree, otherwise)?),
        };
        let feature = usize::try_from(feature).unwrap_or(usize::MAX);
        listed.push(Listed { mode, feature, threshold, then, otherwise, nan_holds: nan_holds != 0 });
    }
    // A tree's first node is its root.
    let mut seen = HashSet::new();
    let roots = trees.iter().enumerate().filter(|(_, tree)| seen.insert(**tree)).map(|(index, _)| index).collect();

    let weight_trees = spec.ints(&format!("{kind}_treeids")).unwrap_or_default();
    let weight_names = read_ints(spec, &format!("{kind}_nodeids"), weight_trees.len())?;
    let ids = read_ints(spec, &format!("{kind}_ids"), weight_trees.len())?;
    let (values, are_double) = read_numbers(spec, &format!("{kind}_weights"))?;
    if values.len() != ids.len() {
        return Err(spec.invalid(&format!("{} weights for {} leaves", values.len(), ids.len())));
    }
    let mut weights = Vec::with_capacity(ids.len());
    for (((&tree, &name), &id), &value) in weight_trees.iter().zip(weight_names).zip(ids).zip(&values) {
        let target = usize::try_from(id).ok().filter(|&target| target < targets);
        let target = target.ok_or_else(|| spec.invalid(&format!("a weight for target {id} of {targets}")))?;
        weights.push(Weighed { node: find(tree, name)?, target, value });
    }
    Ok(Ensemble { listed, roots, weights, targets, is_double: is_double || are_double })
}
