//! A grant in words, and as its file has it.

use core::fmt::Write as _;

use job::{OutputFrom, PublicKey, Timestamp};

use super::{Customers, Grant, Limit, Limits, Params, Program};

/// Who could get this key, by what.
pub fn explain(grant: &Grant) -> String {
    let Grant {
        id,
        resource,
        secret,
        agents,
        policies,
        workload,
        params,
        input_max_bytes,
        output_from,
        output_max_bytes,
        customers,
        not_before,
        not_after,
        limits,
    } = grant;
    let mut out = format!("{id}: {resource} goes to\n");
    let mut line = |text: String| {
        // Writing to a text does not fail.
        let _ = writeln!(out, "  {text}");
    };
    line(format!(
        "a machine with genuine evidence by this broker's trust file, whose terms ask for the secret {secret:?} there"
    ));
    match workload {
        Program::Whole(workload) => {
            line(format!(
                "that runs {} as {:?}",
                workload.image, workload.argv
            ));
            line(match workload.env.as_slice() {
                [] => "with an empty environment".to_owned(),
                env => format!("with the environment {env:?}"),
            });
        }
        Program::Digest(digest) => line(format!(
            "that runs the workload with the SHA-256 {digest}, command line and environment included"
        )),
    }
    line(match params {
        Params::Any => "with ANY parameters its terms offer".to_owned(),
        Params::Exactly(params) if params.is_empty() => "without parameters".to_owned(),
        Params::Exactly(params) => {
            let names: Vec<&str> = params.iter().map(|param| &*param.name).collect();
            format!("with the parameters {}", names.join(", "))
        }
    });
    line(format!("under the agent {}", super::join(agents)));
    line(format!("and the policy {}", super::join(policies)));
    line(format!(
        "without network, with at most {input_max_bytes} bytes of input, and a result of at most {output_max_bytes} from {}",
        output(*output_from)
    ));
    line(match customers {
        Customers::Any => "ordered by ANYBODY".to_owned(),
        Customers::These(keys) => format!("ordered by {}", npubs(keys).join(" or ")),
    });
    line(match not_after {
        None => format!("from {}, for ever", date(*not_before)),
        Some(end) => format!("from {} to {}", date(*not_before), date(*end)),
    });
    let Limits {
        runs,
        runs_per_customer,
        runs_per_day,
    } = limits;
    line(format!(
        "runs: {runs} in all, {runs_per_customer} for each customer, {runs_per_day} a day"
    ));
    out
}

/// As the file has it: one `[[grant]]`.
pub fn render(grant: &Grant, name: &str) -> String {
    let Grant {
        id: _,
        resource,
        secret,
        agents,
        policies,
        workload,
        params,
        input_max_bytes,
        output_from,
        output_max_bytes,
        customers,
        not_before,
        not_after,
        limits:
            Limits {
                runs,
                runs_per_customer,
                runs_per_day,
            },
    } = grant;
    let list = |all: Vec<String>| {
        let all: Vec<String> = all.iter().map(|text| quote(text)).collect();
        format!("[{}]", all.join(", "))
    };
    let strings = |all: &[String]| list(all.to_vec());
    let agents = list(agents.iter().map(ToString::to_string).collect());
    let policies = list(policies.iter().map(ToString::to_string).collect());
    let params = match params {
        Params::Any => "\"any\"".to_owned(),
        Params::Exactly(params) => {
            let all = params.iter().map(|param| {
                let (name, values) = (quote(&param.name), strings(&param.values));
                format!(
                    "{{ name = {name}, required = {}, values = {values} }}",
                    param.required
                )
            });
            format!("[{}]", all.collect::<Vec<_>>().join(", "))
        }
    };
    let customers = match customers {
        Customers::Any => "\"any\"".to_owned(),
        Customers::These(keys) => list(npubs(keys)),
    };
    let not_after = not_after.map_or("\"never\"".to_owned(), date);
    let limit = |limit: &Limit| match limit {
        Limit::AtMost(most) => most.to_string(),
        Limit::Unlimited => "\"unlimited\"".to_owned(),
    };
    let mut out = format!(
        "[[grant]]\nname = {}\nresource = {}\nsecret = {}\nagents = {agents}\npolicies = {policies}\n\
         params = {params}\ninput_max_bytes = {input_max_bytes}\noutput_from = \"{}\"\n\
         output_max_bytes = {output_max_bytes}\ncustomers = {customers}\nnot_before = {}\n\
         not_after = {not_after}\nruns = {}\nruns_per_customer = {}\nruns_per_day = {}\n",
        quote(name),
        quote(resource.as_str()),
        quote(secret),
        output(*output_from),
        date(*not_before),
        limit(runs),
        limit(runs_per_customer),
        limit(runs_per_day),
    );
    let tail = match workload {
        Program::Digest(digest) => format!("workload_digest = \"{digest}\"\n"),
        Program::Whole(workload) => {
            let env = workload.env.iter().map(|var| {
                format!(
                    "{{ name = {}, value = {} }}",
                    quote(&var.name),
                    quote(&var.value)
                )
            });
            format!(
                "[grant.workload]\nimage = {}\nimageEnv = {}\nargv = {}\nenv = [{}]\n",
                quote(&workload.image.to_string()),
                strings(&workload.image_env),
                strings(&workload.argv),
                env.collect::<Vec<_>>().join(", "),
            )
        }
    };
    out.push_str(&tail);
    out
}

fn npubs(keys: &[PublicKey]) -> Vec<String> {
    keys.iter().map(|&key| dvm::keys::npub(key)).collect()
}

fn date(time: Timestamp) -> String {
    time.to_string()
}

fn output(from: OutputFrom) -> &'static str {
    match from {
        OutputFrom::Stdout => "stdout",
        OutputFrom::File => "file",
    }
}

/// A TOML basic string: JSON's escapes are TOML's, but for DEL.
fn quote(text: &str) -> String {
    serde_json::Value::from(text)
        .to_string()
        .replace('\u{7f}', "\\u007f")
}
