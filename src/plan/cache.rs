//! Plans by the dims they were made for, the least recently used dropped first.

use super::Plan;
use crate::error::Result;
use crate::model::Model;

/// How many plans are kept: each holds its own packed copy of the weights.
const KEPT: usize = 4;

/// Plans of one model.
#[derive(Default)]
pub struct PlanCache {
    /// Most recently used last.
    plans: Vec<(Vec<Vec<usize>>, Plan)>,
}

impl PlanCache {
    /// The plan for inputs of the dims given, if it is there; it becomes the most recently used.
    pub fn find(&mut self, dims: &[Vec<usize>]) -> Option<&mut Plan> {
        let index = self.plans.iter().position(|(key, _)| key == dims)?;
        let entry = self.plans.remove(index);
        self.plans.push(entry);
        self.plans.last_mut().map(|(_, plan)| plan)
    }

    /// Makes and keeps the plan for inputs of the dims given.
    pub fn add(&mut self, model: &Model, dims: Vec<Vec<usize>>) -> Result<()> {
        let plan = Plan::build(model, &dims)?;
        if self.plans.len() >= KEPT {
            self.plans.remove(0);
        }
        self.plans.push((dims, plan));
        Ok(())
    }

    /// How many plans are kept.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// Whether no plan is kept.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// The bytes of the constants that the plans hold.
    pub fn bytes(&self) -> usize {
        self.plans.iter().map(|(_, plan)| plan.bytes()).sum()
    }
}
