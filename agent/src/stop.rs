//! Why the agent stops, and what the customer is told about it.

use job::AgentExit;

/// The end of the story.
#[derive(Debug)]
pub(crate) struct Stop {
    /// What Kubernetes sees.
    pub(crate) exit: AgentExit,
    /// What the customer is told, sealed.
    pub(crate) text: String,
}

impl Stop {
    pub(crate) fn new(exit: AgentExit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
        }
    }
}
