//! Plans by what they were made for, the least recently used dropped first.

use super::{Plan, PlanKey};
use crate::error::Result;
use crate::model::Model;

/// How many plans are kept: each holds its own packed copy of the weights.
const KEPT: usize = 4;

/// Plans of one model.
#[derive(Default)]
pub struct PlanCache {
    /// Most recently used last.
    plans: Vec<(PlanKey, Plan)>,
}

impl PlanCache {
    /// Makes the plan for these inputs the latest used, and says whether there is one.
    pub fn choose(&mut self, key: &PlanKey) -> bool {
        let Some(index) = self.plans.iter().position(|(known, _)| known == key) else { return false };
        let entry = self.plans.remove(index);
        self.plans.push(entry);
        true
    }

    /// The plan that was used or made last.
    pub fn latest(&mut self) -> Option<&mut Plan> {
        self.plans.last_mut().map(|(_, plan)| plan)
    }

    /// Makes and keeps the plan for these inputs.
    pub fn add(&mut self, model: &Model, key: PlanKey) -> Result<()> {
        let plan = Plan::build(model, &key)?;
        if self.plans.len() >= KEPT {
            self.plans.remove(0);
        }
        self.plans.push((key, plan));
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
