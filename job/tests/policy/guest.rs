//! A guest as the policy sees it: the engine as Kata's agent sets it up, and the
//! requests that were recorded in one.

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::Manifest;
use regorus::{Engine, PolicyLengthConfig, Value as Rego};
use serde_json::{Value, json};

/// A request of the recorded job.
pub(crate) struct Request {
    pub(crate) kind: &'static str,
    /// The role of a container to be created, else the kind.
    pub(crate) name: &'static str,
    pub(crate) body: Value,
}

/// Every request of the recorded job's life, in its order.
pub(crate) static RECORDED: LazyLock<Vec<Request>> = LazyLock::new(|| {
    let lines = include_str!("requests.jsonl").lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let kind: &'static str = line["kind"].as_str().unwrap().to_owned().leak();
            let body = line["request"].clone();
            let name = match (kind, body["OCI"]["Process"]["Args"][0].as_str()) {
                ("CreateContainerRequest", Some("/pause")) => "sandbox",
                ("CreateContainerRequest", Some("/cdvm-agent")) => "init",
                ("CreateContainerRequest", _) => "main",
                _ => kind,
            };
            Request { kind, name, body }
        })
        .collect()
});

/// The first recorded request of this name.
pub(crate) fn request(name: &str) -> Value {
    let mut all = RECORDED.iter();
    all.find(|request| request.name == name)
        .unwrap()
        .body
        .clone()
}

/// The manifest of the recorded job, in base64, as its workload's container has it.
pub(crate) fn manifest() -> String {
    let main = request("main");
    let env = main["OCI"]["Process"]["Env"].as_array().unwrap();
    let mut texts = env.iter().map(|entry| entry.as_str().unwrap());
    let own = texts.find_map(|entry| entry.strip_prefix("CDVM_MANIFEST="));
    own.unwrap().to_owned()
}

/// A field of that manifest.
pub(crate) fn of_manifest(pointer: &str) -> String {
    let bytes = BASE64.decode(manifest()).unwrap();
    let manifest: Value = serde_json::from_slice(&bytes).unwrap();
    manifest
        .pointer(pointer)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

/// The engine as Kata's agent sets it up, with the policy of the recorded job.
#[derive(Clone)]
pub(crate) struct Guest(Engine);

impl Guest {
    pub(crate) fn new() -> Self {
        static NEW: LazyLock<Guest> = LazyLock::new(Guest::boot);
        NEW.clone()
    }

    fn boot() -> Self {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(false);
        engine.set_gather_prints(true);
        engine.set_policy_length_config(PolicyLengthConfig {
            max_col: (64 * 1024).try_into().unwrap(),
            max_file_bytes: (16 * 1024 * 1024).try_into().unwrap(),
            max_lines: 200_000.try_into().unwrap(),
        });
        let state = Rego::from_json_str("{\"pstate\": {}}").unwrap();
        engine.add_data(state).unwrap();
        let bytes = BASE64.decode(manifest()).unwrap();
        let text = job::policy_text(&Manifest::parse(&bytes, |_| true).unwrap());
        engine.add_policy("agent_policy".to_owned(), text).unwrap();
        Self(engine)
    }

    /// Whether a request is allowed; what the policy printed.
    pub(crate) fn ask(&mut self, kind: &str, request: &Value) -> (bool, String) {
        self.0.set_input_json(&request.to_string()).unwrap();
        let query = format!("data.agent_policy.{kind}");
        let results = self.0.eval_query(query, false).unwrap();
        let prints = self.0.take_prints().unwrap().join(" ");
        let answer = results
            .result
            .first()
            .map(|r| r.expressions[0].value.clone());
        let Some(answer) = answer else {
            return (false, prints);
        };
        let answer: Value = serde_json::from_str(&answer.to_string()).unwrap();
        match answer {
            Value::Bool(allowed) => (allowed, prints),
            answer => {
                let op = &answer["ops"][0];
                assert_eq!(op["op"], "add");
                let path = op["path"].as_str().unwrap();
                let role = path.strip_prefix("/pstate/").unwrap();
                let mut data: Value = serde_json::from_str(&self.0.get_data().to_string()).unwrap();
                data["pstate"][role] = op["value"].clone();
                self.0.clear_data();
                let data = Rego::from_json_str(&data.to_string()).unwrap();
                self.0.add_data(data).unwrap();
                (answer["allowed"] == json!(true), prints)
            }
        }
    }

    pub(crate) fn create(&mut self, request: &Value) -> (bool, String) {
        self.ask("CreateContainerRequest", request)
    }

    /// A guest in which the containers before `role` were created.
    pub(crate) fn before(role: &str) -> Self {
        let mut guest = Self::new();
        for earlier in ["sandbox", "init", "main"] {
            if earlier == role {
                return guest;
            }
            assert!(guest.create(&request(earlier)).0, "{earlier}");
        }
        guest
    }
}
