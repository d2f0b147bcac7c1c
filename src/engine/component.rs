//! Who runs on what, and which of them a change can reach.

use super::ids::{ActivityId, ResourceId};
use super::program::Program;

/// Running activities by resource, and the walk over what they connect.
#[derive(Debug, Default)]
pub(super) struct Usage {
    users: Vec<Vec<ActivityId>>,
    seen_resource: Vec<u32>,
    seen_activity: Vec<u32>,
    stamp: u32,
    /// Resources of the component found last.
    pub(super) resources: Vec<ResourceId>,
    /// Activities of the component found last.
    pub(super) activities: Vec<ActivityId>,
}

impl Usage {
    /// Makes room for this many resources and activities.
    pub(super) fn reserve(&mut self, resources: usize, activities: usize) {
        self.users.resize_with(resources, Vec::new);
        self.seen_resource.resize(resources, 0);
        self.seen_activity.resize(activities, 0);
    }

    /// An activity begins to use its resources.
    pub(super) fn join(&mut self, program: &Program, id: ActivityId) {
        for (resource, _) in program.demands(id) {
            self.users[resource.index()].push(id);
        }
    }

    /// An activity no longer uses its resources.
    pub(super) fn leave(&mut self, program: &Program, id: ActivityId) {
        for (resource, _) in program.demands(id) {
            let users = &mut self.users[resource.index()];
            if let Some(at) = users.iter().position(|user| *user == id) {
                users.swap_remove(at);
            }
        }
    }

    /// Running activities that use a resource.
    pub(super) fn users(&self, resource: ResourceId) -> &[ActivityId] {
        &self.users[resource.index()]
    }

    /// Forgets which components were found: the next search may find any.
    pub(super) fn begin_search(&mut self) {
        self.stamp = self.stamp.wrapping_add(1);
        if self.stamp == 0 {
            self.seen_resource.fill(0);
            self.seen_activity.fill(0);
            self.stamp = 1;
        }
    }

    /// Finds the component around `seed`; false if it was found before in this search.
    pub(super) fn find(&mut self, program: &Program, seed: ResourceId) -> bool {
        self.resources.clear();
        self.activities.clear();
        if !self.mark(seed) {
            return false;
        }
        let mut next = 0;
        while next < self.resources.len() {
            let resource = self.resources[next];
            next += 1;
            for user in 0..self.users[resource.index()].len() {
                let id = self.users[resource.index()][user];
                if self.seen_activity[id.index()] != self.stamp {
                    self.seen_activity[id.index()] = self.stamp;
                    self.activities.push(id);
                    for (other, _) in program.demands(id) {
                        self.mark(*other);
                    }
                }
            }
        }
        true
    }

    /// Adds a resource to the component unless it is in one already.
    fn mark(&mut self, resource: ResourceId) -> bool {
        let new = self.seen_resource[resource.index()] != self.stamp;
        if new {
            self.seen_resource[resource.index()] = self.stamp;
            self.resources.push(resource);
        }
        new
    }
}
