//! Axes exchanged twice.

use super::{Rewriter, ints_of, make_node};
use crate::graph::{Attribute, Node};

/// Two transpositions in a row are one; one that leaves all axes where they are is none.
pub fn merge(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let second = rewriter.node_of(index, "Transpose")?;
    let outer = ints_of(second, "perm")?;
    if outer.iter().zip(0..).all(|(&from, to)| from == to) {
        return Some(make_node("Identity", 1, vec![second.input(0)]));
    }
    let first = rewriter.producer(second.input(0), "Transpose")?;
    let inner = ints_of(first, "perm").filter(|inner| inner.len() == outer.len())?;
    let perm =
        outer.iter().map(|&from| inner.get(usize::try_from(from).ok()?).copied()).collect::<Option<Vec<i64>>>()?;
    let mut node = make_node("Transpose", 13, vec![first.input(0)]);
    node.attributes.insert("perm".to_string(), Attribute::Ints(perm));
    Some(node)
}
