//! The agent policy, evaluated as Kata's agent does it (agent policy crate,
//! Kata 4.1.0): the same engine, limits, query, state and messages.

use core::num::{NonZeroU32, NonZeroUsize};

use anyhow::{Context as _, Result, anyhow};
use regorus::{Engine, PolicyLengthConfig, Value};
use serde_json::json;

/// The agent's limits: 64 KiB a line, 16 MiB, 200,000 lines.
const MAX_COLUMNS: u32 = 64 * 1024;
const MAX_BYTES: usize = 16 * 1024 * 1024;
const MAX_LINES: usize = 200_000;

/// What a guest image allows when the init data bring no policy: everything.
const ALLOW_ALL: &str = include_str!("allow-all.rego");

/// A policy with its state.
pub(crate) struct Policy {
    engine: Engine,
    allow_failures: bool,
}

impl Policy {
    /// Loads a policy, or the guest image's own.
    pub(crate) fn load(text: Option<String>) -> Result<Self> {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(false);
        engine.set_gather_prints(true);
        engine.set_policy_length_config(PolicyLengthConfig {
            max_col: NonZeroU32::new(MAX_COLUMNS).unwrap_or(NonZeroU32::MAX),
            max_file_bytes: NonZeroUsize::new(MAX_BYTES).unwrap_or(NonZeroUsize::MAX),
            max_lines: NonZeroUsize::new(MAX_LINES).unwrap_or(NonZeroUsize::MAX),
        });
        let data = Value::from_json_str(&json!({"pstate": {}}).to_string());
        data.and_then(|data| engine.add_data(data))
            .map_err(|error| anyhow!("failed to prepare the policy's state: {error}"))?;
        let text = text.unwrap_or_else(|| ALLOW_ALL.to_owned());
        engine
            .add_policy("agent_policy".to_owned(), text)
            .map_err(|error| anyhow!("failed to load the agent policy: {error}"))?;
        let mut policy = Self {
            engine,
            allow_failures: false,
        };
        policy.allow_failures = policy
            .evaluate("AllowRequestsFailingPolicy", "{}")
            .is_ok_and(|(allowed, _)| allowed);
        Ok(policy)
    }

    /// Asks whether a request is allowed; an error is the agent's refusal.
    pub(crate) fn require(&mut self, request: &str, input: &serde_json::Value) -> Result<()> {
        let (allowed, prints) = self
            .evaluate(request, &input.to_string())
            .with_context(|| format!("{request} is blocked by policy"))?;
        if allowed || self.allow_failures {
            return Ok(());
        }
        Err(anyhow!("{request} is blocked by policy: {prints}"))
    }

    fn evaluate(&mut self, request: &str, input: &str) -> Result<(bool, String)> {
        self.engine
            .set_input_json(input)
            .map_err(|error| anyhow!("{error}"))?;
        let results = self
            .engine
            .eval_query(format!("data.agent_policy.{request}"), false)
            .map_err(|error| anyhow!("{error}"))?;
        let prints = self.engine.take_prints().unwrap_or_default().join(" ");
        let values: Vec<&Value> = results
            .result
            .iter()
            .flat_map(|result| result.expressions.iter().map(|found| &found.value))
            .collect();
        match values.as_slice() {
            [Value::Bool(allowed)] => Ok((*allowed, prints)),
            [object @ Value::Object(_)] => {
                let answer: Answer = serde_json::from_str(&object.to_string())?;
                if let (true, Some(ops)) = (answer.allowed, answer.ops) {
                    self.patch(&ops)?;
                }
                Ok((answer.allowed, prints))
            }
            [] if self.allow_failures => Ok((true, prints)),
            _ => Err(anyhow!("the policy has no answer to {request}")),
        }
    }

    fn patch(&mut self, ops: &json_patch::Patch) -> Result<()> {
        let mut state: serde_json::Value =
            serde_json::from_str(&self.engine.get_data().to_string())?;
        json_patch::patch(&mut state, ops)?;
        self.engine.clear_data();
        Value::from_json_str(&state.to_string())
            .and_then(|data| self.engine.add_data(data))
            .map_err(|error| anyhow!("failed to keep the policy's state: {error}"))
    }
}

#[derive(serde::Deserialize)]
struct Answer {
    allowed: bool,
    ops: Option<json_patch::Patch>,
}
