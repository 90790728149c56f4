//! A forest from nodes as the model lists them: put in the order in which they are met, each test turned into `<=` or `==`.

use crate::kernels::trees::{EQUALS, FEATURE, Forest, NAN_IS_TRUE, Node, Number, STRICT, Weight};

/// The test of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Leaf,
    Leq,
    Lt,
    Gte,
    Gt,
    Eq,
    Neq,
}

/// A node of a model.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    pub mode: Mode,
    pub feature: usize,
    pub threshold: f64,
    /// Where to go on in the list if the test holds, and where if it does not.
    pub then: usize,
    pub otherwise: usize,
    /// Whether the test holds for NaN, whatever it is.
    pub nan_holds: bool,
}

/// A weight of a node in the list.
#[derive(Debug, Clone, Copy)]
pub struct Weighed {
    pub node: usize,
    pub target: usize,
    pub value: f64,
}

/// A type that thresholds can be made of.
pub trait Threshold: Number {
    fn round(value: f64) -> Self;
    fn next_down(self) -> Self;
}

impl Threshold for f32 {
    fn round(value: f64) -> f32 {
        value as f32
    }
    fn next_down(self) -> f32 {
        f32::next_down(self)
    }
}

impl Threshold for f64 {
    fn round(value: f64) -> f64 {
        value
    }
    fn next_down(self) -> f64 {
        f64::next_down(self)
    }
}

/// A forest of the nodes that can be reached from `roots`; an error says what is wrong with them.
pub fn grow<T: Threshold>(
    listed: &[Listed],
    roots: &[usize],
    mut weights: Vec<Weighed>,
    targets: usize,
) -> Result<Forest<T>, String> {
    let (order, places) = put_in_order(listed, roots)?;
    // The order of a leaf's own weights stays.
    weights.sort_by_key(|weight| weight.node);
    let mut nodes = Vec::with_capacity(order.len());
    let mut spans = Vec::new();
    let mut kept: Vec<Weight<T>> = Vec::new();
    let place_of = |index: usize| places.get(index).copied().unwrap_or(0);
    for &index in &order {
        let Some(node) = listed.get(index) else { continue };
        let start = weights.partition_point(|weight| weight.node < index);
        let own = weights.get(start..).unwrap_or_default().iter().take_while(|weight| weight.node == index);
        let own = own.map(|weight| (weight.target as u32, T::round(weight.value)));
        if node.mode != Mode::Leaf {
            nodes.push(make_test(node, [place_of(node.otherwise), place_of(node.then)])?);
            spans.push([0, 0]);
            continue;
        }
        let mut total = T::default();
        let start = kept.len() as u32;
        for (target, value) in own {
            total += value;
            if targets > 1 {
                kept.push(Weight { target, value });
            }
        }
        nodes.push(Node { feature: 0, threshold: total, next: [place_of(index); 2] });
        spans.push([start, kept.len() as u32]);
    }
    if targets == 1 {
        spans.clear();
    }
    let roots = roots.iter().map(|&root| place_of(root)).collect();
    Forest::new(nodes, roots, spans, kept, targets).ok_or_else(|| "trees that lead outside".to_string())
}

/// The nodes in the order in which they are met, false branches first, and the place of each in that order.
fn put_in_order(listed: &[Listed], roots: &[usize]) -> Result<(Vec<usize>, Vec<u32>), String> {
    const NEW: u32 = u32::MAX;
    let mut places = vec![NEW; listed.len()];
    let mut is_open = vec![false; listed.len()];
    let mut order = Vec::with_capacity(listed.len());
    // What is left to do: to meet a node, or to close it once all behind it have been met.
    let mut stack: Vec<(usize, bool)> = Vec::new();
    for &root in roots {
        stack.push((root, false));
        while let Some((index, is_done)) = stack.pop() {
            let outside = || format!("a tree that leads to node {index}, which is not there");
            let node = listed.get(index).ok_or_else(outside)?;
            let open = is_open.get_mut(index).ok_or_else(outside)?;
            let place = places.get_mut(index).ok_or_else(outside)?;
            if is_done {
                *open = false;
            } else if *open {
                return Err("a tree that leads in a circle".to_string());
            } else if *place == NEW {
                *place = order.len() as u32;
                order.push(index);
                if node.mode != Mode::Leaf {
                    *open = true;
                    stack.extend([(index, true), (node.then, false), (node.otherwise, false)]);
                }
            }
        }
    }
    Ok((order, places))
}

/// A node whose test is `<=` or `==`.
fn make_test<T: Threshold>(node: &Listed, [otherwise, then]: [u32; 2]) -> Result<Node<T>, String> {
    let feature = u32::try_from(node.feature).ok().filter(|&feature| feature <= FEATURE);
    let feature = feature.ok_or_else(|| format!("a tree that looks at feature {}", node.feature))?;
    let given = T::round(node.threshold);
    let infinity = T::round(f64::INFINITY);
    let below = given.next_down();
    // Nothing is below the least number, and nothing compares with NaN, however it is turned around.
    let strict = if below < given { below } else { T::round(f64::NAN) };
    let is_number = given.partial_cmp(&given).is_some();
    let (is_turned, threshold, bits) = match node.mode {
        Mode::Leaf | Mode::Leq => (false, given, 0),
        Mode::Lt => (false, strict, STRICT),
        Mode::Gt => (true, if is_number { given } else { infinity }, 0),
        Mode::Gte => (true, if is_number { strict } else { infinity }, STRICT),
        Mode::Eq => (false, given, EQUALS),
        Mode::Neq => (true, given, EQUALS),
    };
    // The other way around, NaN goes where the test as given sends it: `!=` holds for it, and no other test does.
    let nan_is_true = match node.mode {
        Mode::Neq => false,
        _ => node.nan_holds != is_turned,
    };
    let nan = if nan_is_true { NAN_IS_TRUE } else { 0 };
    let next = if is_turned { [then, otherwise] } else { [otherwise, then] };
    Ok(Node { feature: feature | bits | nan, threshold, next })
}

/// The same trees for rows of float64.
pub fn widen(forest: &Forest<f32>) -> Forest<f64> {
    let threshold = |node: &Node<f32>| match node.feature & STRICT {
        0 => f64::from(node.threshold),
        _ => f64::from(node.threshold.next_up()).next_down(),
    };
    forest.convert(threshold, f64::from)
}
