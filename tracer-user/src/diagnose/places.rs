//! How to get into the network namespaces that commands must run in.

use std::collections::HashMap;

/// Ways into network namespaces, by inode number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The tracer's own: nothing need be entered.
    pub own: u32,
    /// Of others: the beginning of a command that runs there (`ip netns exec NAME `).
    pub ways: HashMap<u32, String>,
}

impl Places {
    /// What stands before a command that must run in a network namespace. `None` where no way is
    /// known.
    #[must_use]
    pub fn way(&self, netns: u32) -> Option<&str> {
        if netns == self.own || netns == 0 {
            return Some("");
        }
        self.ways.get(&netns).map(String::as_str)
    }
}
