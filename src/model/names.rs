//! Names: made unique where tract needs it, and suggested where a caller has one wrong.

use std::collections::HashSet;

use tract_onnx::pb::GraphProto;

/// tract refuses a graph with two nodes of one name, which ONNX allows; the first keeps it.
pub(super) fn make_unique(graph: &mut GraphProto) {
    let mut taken: HashSet<String> = HashSet::new();
    rename_nodes(graph, &mut taken);
}

fn rename_nodes(graph: &mut GraphProto, taken: &mut HashSet<String>) {
    for node in &mut graph.node {
        let output = node.output.iter().find(|name| !name.is_empty());
        let base = match (node.name.is_empty(), output) {
            (false, _) => node.name.clone(),
            (true, Some(output)) => output.clone(),
            (true, None) => node.op_type.clone(),
        };
        let mut name = base.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            name = format!("{base}_{number}");
        }
        node.name = name;
        for attribute in &mut node.attribute {
            attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(|graph| rename_nodes(graph, taken));
        }
    }
}

/// The known name that is nearest to `name` by edit distance, where it is near enough to be a slip.
pub fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let (distance, best) =
        known.iter().map(|candidate| (edit_distance(&lower, &candidate.to_lowercase()), candidate)).min()?;
    (distance <= name.chars().count().max(3) / 2 + 1).then_some(best.as_str())
}

/// `: its inputs are "a", "b"; did you mean "a"?`, for the end of an error message.
pub(crate) fn list_known(kind: &str, known: &[String], wrong: &str) -> String {
    if known.is_empty() {
        return format!(": it has no {kind}");
    }
    let listed: Vec<String> = known.iter().take(20).map(|name| format!("\"{name}\"")).collect();
    let more = if known.len() > 20 { format!(" and {} more", known.len() - 20) } else { String::new() };
    let hint = nearest(wrong, known).map_or(String::new(), |name| format!("; did you mean \"{name}\"?"));
    format!(": its {kind} are {}{more}{hint}", listed.join(", "))
}

/// Levenshtein's distance: the single-character edits between `a` and `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let replaced = diagonal + usize::from(from != *to);
            *cell = replaced.min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distance_counts_single_edits() {
        for (a, b, distance) in
            [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("input", "inptu", 2)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }

    #[test]
    fn a_far_name_is_not_suggested() {
        let known = ["image".to_string(), "mask".to_string()];
        assert_eq!(nearest("imgae", &known), Some("image"));
        assert_eq!(nearest("Image", &known), Some("image"));
        assert_eq!(nearest("temperature", &known), None);
    }
}
