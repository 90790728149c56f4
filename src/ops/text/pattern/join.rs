//! Steps put together.

use super::Step;

/// The most steps of a pattern.
const LONGEST: usize = 100_000;

/// Steps that stand `offset` steps further on.
fn shift(steps: &[Step], offset: usize) -> impl Iterator<Item = Step> + '_ {
    steps.iter().map(move |step| match step {
        Step::Fork(first, second) => Step::Fork(first + offset, second + offset),
        other => other.clone(),
    })
}

/// Puts steps behind others.
pub fn append(steps: &mut Vec<Step>, more: &[Step]) -> Result<(), String> {
    if steps.len() + more.len() > LONGEST {
        return Err("too long".to_string());
    }
    let offset = steps.len();
    steps.extend(shift(more, offset));
    Ok(())
}

/// One or the other.
pub fn join_choices(first: Vec<Step>, second: &[Step]) -> Result<Vec<Step>, String> {
    let mut steps = vec![Step::Fork(1, first.len() + 2)];
    append(&mut steps, &first)?;
    let end = steps.len() + 1 + second.len();
    steps.push(Step::Fork(end, end));
    append(&mut steps, second)?;
    Ok(steps)
}

/// Steps `least` to `most` times; any number of times where there is no most.
pub fn repeat(part: &[Step], least: usize, most: Option<usize>) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for _ in 0..least {
        append(&mut steps, part)?;
    }
    let Some(most) = most else {
        let start = steps.len();
        steps.push(Step::Fork(start + 1, start + part.len() + 2));
        append(&mut steps, part)?;
        steps.push(Step::Fork(start, start));
        return Ok(steps);
    };
    let end = steps.len() + (most - least) * (part.len() + 1);
    for _ in least..most {
        let start = steps.len();
        steps.push(Step::Fork(start + 1, end));
        append(&mut steps, part)?;
    }
    Ok(steps)
}
