//! One line of the table, printed and as JSON.

/// What has to hold, in the unit of the row.
enum Goal {
    Max(f64),
    Min(f64),
    None,
}

pub(crate) struct Row {
    name: &'static str,
    value: f64,
    unit: &'static str,
    goal: Goal,
    /// Who else, and its value in the same unit.
    peers: Vec<(&'static str, f64)>,
}

impl Row {
    pub(crate) const fn new(name: &'static str, value: f64, unit: &'static str) -> Self {
        Self {
            name,
            value,
            unit,
            goal: Goal::None,
            peers: Vec::new(),
        }
    }

    pub(crate) fn at_most(self, max: f64) -> Self {
        let goal = Goal::Max(max);
        Self { goal, ..self }
    }

    pub(crate) fn at_least(self, min: f64) -> Self {
        let goal = Goal::Min(min);
        Self { goal, ..self }
    }

    pub(crate) fn beside(mut self, peer: &'static str, value: f64) -> Self {
        self.peers.push((peer, value));
        self
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        let goal = match self.goal {
            Goal::Max(max) => serde_json::json!({ "max": max }),
            Goal::Min(min) => serde_json::json!({ "min": min }),
            Goal::None => serde_json::Value::Null,
        };
        let peers: serde_json::Map<_, _> = self
            .peers
            .iter()
            .map(|&(peer, value)| (peer.to_owned(), value.into()))
            .collect();
        serde_json::json!({
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "peers": peers,
            "goal": goal,
        })
    }

    pub(crate) fn print(&self) {
        let Self {
            name, value, unit, ..
        } = self;
        let (goal, met) = match self.goal {
            Goal::Max(max) => (format!("at most {max}"), *value <= max),
            Goal::Min(min) => (format!("at least {min}"), *value >= min),
            Goal::None => (String::new(), true),
        };
        let missed = if met { "" } else { "  MISSED" };
        print!("{name:<42} {value:>10.3} {unit:<3} {goal:<13}");
        for (peer, value) in &self.peers {
            print!(" {peer}: {value:.3}");
        }
        println!("{missed}");
    }
}
