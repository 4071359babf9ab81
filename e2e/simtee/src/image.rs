//! Which images the guest pulls: the image security policy of `cdh.toml`
//! (containers-policy.json), looked up as the guest components do.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

/// The image security policy of a guest.
pub(crate) struct ImagePolicy(Option<Value>);

#[derive(Deserialize)]
struct Cdh {
    image: Option<Image>,
}

#[derive(Deserialize)]
struct Image {
    image_security_policy: Option<String>,
}

impl ImagePolicy {
    /// Reads `cdh.toml`; without a policy in it every image is accepted.
    pub(crate) fn parse(cdh: Option<&str>) -> Result<Self> {
        let Some(cdh) = cdh else {
            return Ok(Self(None));
        };
        let cdh: Cdh = toml::from_str(cdh).context("failed to read cdh.toml")?;
        let text = cdh.image.and_then(|image| image.image_security_policy);
        let policy = text.map(|text| serde_json::from_str(&text)).transpose();
        policy
            .map(Self)
            .context("failed to read the image security policy")
    }

    /// Whether the guest pulls `reference`.
    pub(crate) fn require(&self, reference: &str) -> Result<()> {
        let Some(policy) = &self.0 else {
            return Ok(());
        };
        let docker = policy.pointer("/transports/docker");
        let rules = scopes(reference)
            .find_map(|scope| docker?.get(scope))
            .or_else(|| policy.get("default"))
            .and_then(Value::as_array)
            .context("the image security policy has no default")?;
        let accepted = !rules.is_empty()
            && rules.iter().all(|rule| {
                rule.get("type").and_then(Value::as_str) == Some("insecureAcceptAnything")
            });
        if !accepted {
            bail!("image policy: {reference} is rejected");
        }
        Ok(())
    }
}

/// The whole reference, then its repository and each parent, then everything.
fn scopes(reference: &str) -> impl Iterator<Item = &str> {
    let repository = reference.split('@').next().unwrap_or(reference);
    let parents = core::iter::successors(Some(repository), |scope| {
        scope.rsplit_once('/').map(|(parent, _)| parent)
    });
    core::iter::once(reference).chain(parents).chain([""])
}

#[cfg(test)]
mod tests {
    use super::ImagePolicy;

    #[test]
    fn only_the_named_images_are_pulled() {
        let policy = r#"{"default":[{"type":"reject"}],"transports":{"docker":{"r.example/a@sha256:1":[{"type":"insecureAcceptAnything"}]}}}"#;
        let cdh = format!("[image]\nimage_security_policy = '{policy}'\n");
        let policy = ImagePolicy::parse(Some(&cdh)).unwrap();
        assert!(policy.require("r.example/a@sha256:1").is_ok());
        assert!(policy.require("r.example/a@sha256:2").is_err());
        assert!(policy.require("r.example/b@sha256:1").is_err());
        assert!(
            ImagePolicy::parse(None)
                .unwrap()
                .require("anything")
                .is_ok()
        );
    }
}
