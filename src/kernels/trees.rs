//! Decision trees over rows of features. Several paths are walked at once, none of which waits for another's memory: those of
//! several rows through one tree, and of a block of rows before the next tree, so that its nodes stay in the cache.

use super::parallel::{self, Shared};

/// Paths that are walked side by side.
const LANES: usize = 8;

/// Rows that pass through all trees before the next ones do.
const BLOCK: usize = 128;

/// In [`Node::feature`]: NaN takes the `true` branch.
pub const NAN_IS_TRUE: u32 = 1 << 31;
/// In [`Node::feature`]: the test is for equality, not for `<=`.
pub const EQUALS: u32 = 1 << 30;
/// In [`Node::feature`]: the test was `<`, and the threshold is the number just below the one given.
pub const STRICT: u32 = 1 << 29;
/// In [`Node::feature`]: the index of the feature.
pub const FEATURE: u32 = STRICT - 1;

/// The type of features, thresholds and weights.
pub trait Number: Copy + Default + PartialOrd + std::ops::AddAssign + Send + Sync {}

impl Number for f32 {}
impl Number for f64 {}

/// A test `value <= threshold`, or a leaf, which leads to itself so that rows which have arrived can wait there.
#[derive(Debug, Clone, Copy)]
pub struct Node<T> {
    /// The feature's index, and bits that change the test.
    pub feature: u32,
    /// What the feature is compared with. Of a leaf, its weight where there is one target.
    pub threshold: T,
    /// The nodes to go on with where the test is false, and where it is true.
    pub next: [u32; 2],
}

/// What a leaf adds to a target.
#[derive(Debug, Clone, Copy)]
pub struct Weight<T> {
    /// The target's index.
    pub target: u32,
    /// What it adds.
    pub value: T,
}

/// How the trees' values for a target become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// The smallest one.
    Min,
    /// The largest one.
    Max,
}

/// Trees that have been checked.
#[derive(Debug)]
pub struct Forest<T> {
    nodes: Vec<Node<T>>,
    roots: Vec<u32>,
    /// Of each node, where its weights start and end. Empty where there is one target.
    spans: Vec<[u32; 2]>,
    weights: Vec<Weight<T>>,
    targets: usize,
    features: usize,
    /// Whether NaN ever takes a `true` branch.
    sorts_nan: bool,
    /// Whether a test is ever for equality.
    has_equals: bool,
}

impl<T: Number> Forest<T> {
    /// Trees of these nodes. `None` where an index leads outside. Of one target, leaves carry their weights themselves and
    /// `spans` and `weights` are empty; of more, there is a span of weights for each node. No path may lead in a circle.
    pub fn new(
        nodes: Vec<Node<T>>,
        roots: Vec<u32>,
        spans: Vec<[u32; 2]>,
        weights: Vec<Weight<T>>,
        targets: usize,
    ) -> Option<Forest<T>> {
        let count = nodes.len();
        let is_node = |index: &u32| (*index as usize) < count;
        let is_span = |span: &[u32; 2]| matches!(span, [start, end] if start <= end && *end as usize <= weights.len());
        let are_spans = spans.iter().all(is_span) && (targets == 1 || spans.len() == count);
        let is_sound = roots.iter().all(is_node)
            && nodes.iter().all(|node| node.next.iter().all(is_node))
            && are_spans
            && weights.iter().all(|weight| (weight.target as usize) < targets);
        let features = nodes.iter().map(|node| (node.feature & FEATURE) as usize + 1).max().unwrap_or(0);
        let sorts_nan = nodes.iter().any(|node| node.feature & NAN_IS_TRUE != 0);
        let has_equals = nodes.iter().any(|node| node.feature & EQUALS != 0);
        is_sound.then_some(Forest { nodes, roots, spans, weights, targets, features, sorts_nan, has_equals })
    }

    /// The number of trees.
    pub fn trees(&self) -> usize {
        self.roots.len()
    }

    /// The least number of features that a row has.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The same trees for another type of features.
    pub fn convert<U: Number>(&self, threshold: impl Fn(&Node<T>) -> U, value: impl Fn(T) -> U) -> Forest<U> {
        let to_node = |node: &Node<T>| Node { feature: node.feature, threshold: threshold(node), next: node.next };
        let to_weight = |weight: &Weight<T>| Weight { target: weight.target, value: value(weight.value) };
        Forest {
            nodes: self.nodes.iter().map(to_node).collect(),
            roots: self.roots.clone(),
            spans: self.spans.clone(),
            weights: self.weights.iter().map(to_weight).collect(),
            targets: self.targets,
            features: self.features,
            sorts_nan: self.sorts_nan,
            has_equals: self.has_equals,
        }
    }

    /// Sends rows of `features` values through the trees. `scores` and `scored` have an element a row and target: the
    /// aggregate of what the trees give, and whether any gave something; they come in zero. `false` where sizes do not fit.
    pub fn run(
        &self,
        values: &[T],
        features: usize,
        aggregate: Aggregate,
        scores: &mut [T],
        scored: &mut [bool],
    ) -> bool {
        let rows = values.len().checked_div(features).unwrap_or(0);
        let fits = features >= self.features
            && rows * features == values.len()
            && rows.checked_mul(self.targets) == Some(scores.len())
            && scores.len() == scored.len();
        if !fits {
            return scores.is_empty();
        }
        let walk = match (self.has_equals, self.sorts_nan) {
            (true, _) => walk::<T, true, true>,
            (false, true) => walk::<T, true, false>,
            (false, false) => walk::<T, false, false>,
        };
        let together = rows / LANES * LANES;
        let (many, few) = values.split_at(together * features);
        let (many_scores, few_scores) = scores.split_at_mut(together * self.targets);
        let (many_scored, few_scored) = scored.split_at_mut(together * self.targets);
        let (blocks, block) = (together.div_ceil(BLOCK), BLOCK * self.targets);
        // A path of some ten nodes, each of which waits for the one before.
        let parts = parallel::count_parts(together.saturating_mul(32 * self.roots.len()), blocks);
        let count = many_scores.len();
        let (many_scores, many_scored) = (Shared::new(many_scores), Shared::new(many_scored));
        parallel::run(parts, |part| {
            for index in parallel::part_of(blocks, 1, part, parts) {
                let place = index * block..((index + 1) * block).min(count);
                // SAFETY: each block has a part of its own.
                let (scores, scored) = unsafe { (many_scores.part(place.clone()), many_scored.part(place)) };
                let end = ((index + 1) * BLOCK).min(together);
                let values = many.get(index * BLOCK * features..end * features).unwrap_or_default();
                for &root in &self.roots {
                    let group = LANES * self.targets;
                    let groups = scores.chunks_mut(group).zip(scored.chunks_mut(group));
                    for (values, (scores, scored)) in values.chunks(LANES * features).zip(groups) {
                        let starts = std::array::from_fn(|lane| lane * features);
                        // SAFETY: `new` has checked all indices of nodes, the least number of features is checked above, and
                        // there are as many rows as lanes.
                        let leaves = unsafe { walk(&self.nodes, [root; LANES], values, starts) };
                        let rows = scores.chunks_exact_mut(self.targets).zip(scored.chunks_exact_mut(self.targets));
                        for (leaf, (scores, scored)) in leaves.into_iter().zip(rows) {
                            self.collect(leaf, aggregate, scores, scored);
                        }
                    }
                }
            }
        });
        // Rows too few to fill the lanes walk several trees at once.
        let rows = few_scores.chunks_exact_mut(self.targets).zip(few_scored.chunks_exact_mut(self.targets));
        for (values, (scores, scored)) in few.chunks_exact(features).zip(rows) {
            for roots in self.roots.chunks(LANES) {
                let first = roots.first().copied().unwrap_or(0);
                let filled = std::array::from_fn(|lane| roots.get(lane).copied().unwrap_or(first));
                // SAFETY: as above, with one row for all lanes.
                let leaves = unsafe { walk(&self.nodes, filled, values, [0; LANES]) };
                for (leaf, _) in leaves.into_iter().zip(roots) {
                    self.collect(leaf, aggregate, scores, scored);
                }
            }
        }
        true
    }

    /// Adds what a leaf gives to the scores of a row.
    #[inline(always)]
    fn collect(&self, leaf: u32, aggregate: Aggregate, scores: &mut [T], scored: &mut [bool]) {
        if let ([score], [scored]) = (&mut *scores, &mut *scored) {
            if let Some(node) = self.nodes.get(leaf as usize) {
                combine(aggregate, node.threshold, score, scored);
            }
            return;
        }
        let Some(&[start, end]) = self.spans.get(leaf as usize) else { return };
        for weight in self.weights.get(start as usize..end as usize).unwrap_or_default() {
            let target = weight.target as usize;
            if let (Some(score), Some(scored)) = (scores.get_mut(target), scored.get_mut(target)) {
                combine(aggregate, weight.value, score, scored);
            }
        }
    }
}

#[inline(always)]
fn combine<T: Number>(aggregate: Aggregate, value: T, score: &mut T, scored: &mut bool) {
    match aggregate {
        Aggregate::Sum => *score += value,
        Aggregate::Min if !*scored || value < *score => *score = value,
        Aggregate::Max if !*scored || value > *score => *score = value,
        Aggregate::Min | Aggregate::Max => {}
    }
    *scored = true;
}

/// The leaves that are reached from `roots` by the rows at `starts`.
///
/// # Safety
/// `roots` and whatever nodes lead to are nodes, and from each of `starts` on there are as many values as nodes ask for.
unsafe fn walk<T: Number, const NAN: bool, const EQUAL: bool>(
    nodes: &[Node<T>],
    roots: [u32; LANES],
    values: &[T],
    starts: [usize; LANES],
) -> [u32; LANES] {
    let mut places = roots;
    loop {
        let mut moved = 0;
        for (place, start) in places.iter_mut().zip(starts) {
            // SAFETY: the caller's promise.
            let next = unsafe { step::<T, NAN, EQUAL>(nodes, *place, values, start) };
            moved |= next ^ *place;
            *place = next;
        }
        if moved == 0 {
            return places;
        }
    }
}

/// # Safety
/// `place` is a node, and the row at `start` has the feature that it asks for.
#[inline(always)]
unsafe fn step<T: Number, const NAN: bool, const EQUAL: bool>(
    nodes: &[Node<T>],
    place: u32,
    values: &[T],
    start: usize,
) -> u32 {
    // SAFETY: the caller's promise.
    let node = unsafe { nodes.get_unchecked(place as usize) };
    // SAFETY: the caller's promise.
    let value = unsafe { *values.get_unchecked(start + (node.feature & FEATURE) as usize) };
    let mut holds = value <= node.threshold;
    if EQUAL {
        let is_equal = value == node.threshold;
        holds = if node.feature & EQUALS != 0 { is_equal } else { holds };
    }
    if NAN {
        #[allow(clippy::eq_op)]
        let is_nan = value != value;
        holds |= is_nan & (node.feature & NAN_IS_TRUE != 0);
    }
    let [otherwise, then] = node.next;
    if holds { then } else { otherwise }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    /// A full tree of random tests, its leaves with one weight for each of two targets.
    fn random_forest(trees: usize, depth: u32, seed: &mut u32) -> Forest<f32> {
        let mut random = |limit: u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) % limit
        };
        let (mut nodes, mut roots, mut spans, mut weights) = (vec![], vec![], vec![], vec![]);
        for _ in 0..trees {
            let base = nodes.len() as u32;
            roots.push(base);
            let inner = (1 << depth) - 1;
            for index in 0..2 * inner + 1 {
                let own = base + index;
                let is_leaf = index >= inner;
                let next = if is_leaf { [own; 2] } else { [base + 2 * index + 1, base + 2 * index + 2] };
                let bits = if is_leaf { 0 } else { random(4) << 30 };
                nodes.push(Node { feature: bits | random(5), threshold: random(8) as f32, next });
                let start = weights.len() as u32;
                if is_leaf {
                    weights.push(Weight { target: random(2), value: random(100) as f32 });
                }
                spans.push([start, weights.len() as u32]);
            }
        }
        Forest::new(nodes, roots, spans, weights, 2).unwrap()
    }

    fn run_plainly(forest: &Forest<f32>, row: &[f32]) -> [f32; 2] {
        let mut scores = [0.0; 2];
        for &root in &forest.roots {
            let mut place = root as usize;
            loop {
                let node = forest.nodes[place];
                let value = row[(node.feature & FEATURE) as usize];
                let holds = if value.is_nan() {
                    node.feature & NAN_IS_TRUE != 0
                } else if node.feature & EQUALS != 0 {
                    value == node.threshold
                } else {
                    value <= node.threshold
                };
                let next = node.next[usize::from(holds)] as usize;
                if next == place {
                    break;
                }
                place = next;
            }
            let [start, end] = forest.spans[place];
            for weight in &forest.weights[start as usize..end as usize] {
                scores[weight.target as usize] += weight.value;
            }
        }
        scores
    }

    #[test]
    fn rows_arrive_where_a_plain_walk_leads() {
        let mut seed = 7;
        for (rows, depth) in [(0, 2), (1, 0), (3, 1), (8, 3), (9, 5), (127, 4), (300, 6)] {
            let forest = random_forest(11, depth, &mut seed);
            let values: Vec<f32> = (0..rows * 5)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if seed >> 28 == 0 { f32::NAN } else { ((seed >> 8) % 8) as f32 }
                })
                .collect();
            let (mut scores, mut scored) = (vec![0.0; rows * 2], vec![false; rows * 2]);
            assert!(forest.run(&values, 5, Aggregate::Sum, &mut scores, &mut scored));
            for (row, scores) in values.chunks(5).zip(scores.chunks(2)) {
                assert_eq!(run_plainly(&forest, row), scores);
            }
        }
    }

    #[test]
    fn indices_outside_are_refused() {
        let node = Node { feature: 0, threshold: 0f32, next: [0, 1] };
        assert!(Forest::new(vec![node], vec![0], vec![], vec![], 1).is_none());
        let leaf = Node { next: [0, 0], ..node };
        let forest = Forest::new(vec![leaf], vec![0], vec![], vec![], 1).unwrap();
        assert!(!forest.run(&[], 0, Aggregate::Sum, &mut [0.0], &mut [false]));
        assert!(Forest::new(vec![leaf], vec![0], vec![[0, 1]], vec![], 2).is_none());
    }
}
