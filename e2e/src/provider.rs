//! A provider: a namespace with the chart installed, a key, relays and a blob
//! server of its own.

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::Bytes;
use crds::{ConfidentialJob, ConfidentialService};
use dvm::Keys;
use job::{Event, Offer};
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::blossom::DevBlossom;
use crate::relay::DevRelay;
use crate::wait::until;
use crate::world::{NODE, World};

/// How long the operator and the bridge may take to start.
const START: Duration = Duration::from_mins(1);

/// A provider that is up.
pub struct Provider {
    /// The world it lives in.
    pub world: World,
    /// Its namespace.
    pub namespace: String,
    /// O.
    pub keys: Keys,
    /// Where customers find it.
    pub servers: Servers,
    /// Those of them that are in this process.
    pub relays: Vec<DevRelay>,
    /// Likewise.
    blobs: Option<DevBlossom>,
    /// Kubernetes, as administrator.
    pub client: Client,
}

/// Where a provider and its customers meet.
#[derive(Clone, Debug)]
pub struct Servers {
    /// URLs of relays.
    pub relays: Vec<String>,
    /// URL of the blob server.
    pub blobs: String,
}

impl Provider {
    /// Relays, blob server, key and namespace, but no operator: what a hostile
    /// provider starts from. Two relays, so that a quorum is two.
    pub async fn bare(name: &str) -> anyhow::Result<Self> {
        let relays = vec![
            DevRelay::start(NODE, 0).await?,
            DevRelay::start(NODE, 0).await?,
        ];
        let blobs = DevBlossom::start(NODE, 0).await?;
        let servers = Servers {
            relays: relays.iter().map(|relay| relay.url().to_owned()).collect(),
            blobs: blobs.url().to_owned(),
        };
        Ok(Self {
            relays,
            blobs: Some(blobs),
            ..Self::at(&format!("t-{name}"), servers).await?
        })
    }

    /// Key and namespace, with servers that run elsewhere.
    pub async fn at(namespace: &str, servers: Servers) -> anyhow::Result<Self> {
        ::relay::install_crypto_provider();
        let world = World::from_env()?;
        let client = client(&world).await?;
        let provider = Self {
            namespace: namespace.to_owned(),
            keys: Keys::generate(),
            servers,
            relays: Vec::new(),
            blobs: None,
            client,
            world,
        };
        let namespaces: Api<Namespace> = Api::all(provider.client.clone());
        let metadata = ObjectMeta {
            name: Some(provider.namespace.clone()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        let created = namespaces.create(&PostParams::default(), &namespace).await;
        created.context("failed to create the namespace")?;
        Ok(provider)
    }

    /// A provider with the chart installed and both example services offered.
    pub async fn start(name: &str) -> anyhow::Result<Self> {
        Self::start_with(name, json!({})).await
    }

    /// The same, with these values of the chart besides.
    pub async fn start_with(name: &str, values: Value) -> anyhow::Result<Self> {
        let provider = Self::bare(name).await?;
        provider.install_with(values).await?;
        for service in ["analyse", "redact"] {
            provider.apply_service(service).await?;
        }
        Ok(provider)
    }

    /// Installs the chart, with development settings.
    pub async fn install(&self) -> anyhow::Result<()> {
        self.install_with(json!({})).await
    }

    /// The same, with these values besides.
    pub async fn install_with(&self, more: Value) -> anyhow::Result<()> {
        let nsec = self.keys.expose_nsec();
        self.secret("nostr-key", "nsec", &nsec).await?;
        let mut values = json!({
            "provider": {"existingSecret": "nostr-key"},
            "relays": self.servers.relays,
            "images": {
                "operator": self.world.image("operator")?,
                "bridge": self.world.image("bridge")?,
                "agent": self.world.image("agent")?,
            },
            "simulated": {"accept": true},
            "allowPlainRelays": true,
            "log": "info,operator=debug",
            "trust": std::fs::read_to_string(self.world.trust())?,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            values[name] = value.clone();
        }
        let chart = self.world.root.join("charts/confidential-dvm");
        let output = self.world.try_tool(
            "helm",
            &[
                "install",
                "cdvm",
                chart.to_str().context("the checkout's path is not UTF-8")?,
                "--namespace",
                &self.namespace,
                "--values",
                "-",
            ],
            &values.to_string(),
        )?;
        anyhow::ensure!(
            output.status.success(),
            "failed to install the chart: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// Puts a Kubernetes Secret with one key there.
    pub async fn secret(&self, name: &str, key: &str, value: &str) -> anyhow::Result<()> {
        let secret = Secret {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            string_data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
            ..Secret::default()
        };
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        secrets.create(&PostParams::default(), &secret).await?;
        Ok(())
    }

    /// `helm uninstall`, whatever comes of it.
    pub fn uninstall(&self) -> anyhow::Result<Output> {
        let arguments = ["uninstall", "cdvm", "--namespace", &self.namespace];
        self.world.try_tool("helm", &arguments, "")
    }

    /// Deletes its namespace, and waits until that is gone.
    pub async fn delete_namespace(&self, limit: Duration) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await?;
        let look = || async { Ok(namespaces.get_opt(&self.namespace).await?) };
        until("the end of the namespace", limit, look, Option::is_none).await?;
        Ok(())
    }

    /// Applies an example with our blob server, and waits until it is offered.
    pub async fn apply_service(&self, name: &str) -> anyhow::Result<ConfidentialService> {
        self.apply(&self.example(name)?).await
    }

    /// Applies a service, and waits until it is offered.
    pub async fn apply(
        &self,
        service: &ConfidentialService,
    ) -> anyhow::Result<ConfidentialService> {
        let name = service.metadata.name.clone().unwrap_or_default();
        let api = self.services();
        let created = api.create(&PostParams::default(), service).await;
        created.context("failed to apply the service")?;
        let offered = |service: &ConfidentialService| {
            let status = service.status.clone().unwrap_or_default();
            let mut conditions = status.conditions.iter();
            conditions.any(|c| c.type_ == "Offered" && c.status == "True")
        };
        let look = || async { Ok(api.get(&name).await?) };
        until("the offer", START, look, offered).await
    }

    /// An example's `service.yaml` with real digests and our blob server.
    pub fn example(&self, name: &str) -> anyhow::Result<ConfidentialService> {
        let path = self
            .world
            .root
            .join(format!("target/examples/{name}/service.yaml"));
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}: run `make images`", path.display()))?;
        let mut service: ConfidentialService =
            serde_saphyr::from_str(&text).context("failed to read the example")?;
        service.spec.terms.blob_servers = vec![self.servers.blobs.clone()];
        Ok(service)
    }

    /// A service whose workload is the probe, with these arguments.
    pub fn probe(&self, name: &str, arguments: &[&str]) -> anyhow::Result<ConfidentialService> {
        let mut service = self.example("redact")?;
        service.metadata.name = Some(name.to_owned());
        let terms = &mut service.spec.terms;
        terms.params.clear();
        terms.workload.image = self.world.image("probe")?.into();
        let argv = ["/probe"].iter().chain(arguments);
        terms.workload.argv = argv.map(ToString::to_string).collect();
        Ok(service)
    }

    /// Everything its relays hold, each event once.
    pub async fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for relay in &self.relays {
            for event in relay.events().await {
                if !events.iter().any(|seen| seen.id == event.id) {
                    events.push(event);
                }
            }
        }
        events
    }

    /// Every blob its server holds.
    pub fn held_blobs(&self) -> Vec<Bytes> {
        self.blobs.iter().flat_map(DevBlossom::blobs).collect()
    }

    /// The current offer of one of its services, as customers find it.
    pub async fn offered(&self, service: &str) -> anyhow::Result<Offer> {
        let events = self.events().await;
        let offers = events
            .iter()
            .filter_map(|event| Some((event.created_at, dvm::offer::parse_offer(event).ok()?)));
        let newest = offers
            .filter(|(_, offer)| offer.service == service)
            .max_by_key(|(at, _)| *at);
        let (_, offer) = newest.with_context(|| format!("{service} is not offered"))?;
        Ok(offer)
    }

    /// `kubectl apply` of a text, whatever comes of it.
    pub fn apply_text(&self, text: &str) -> anyhow::Result<Output> {
        let arguments = ["--namespace", &self.namespace, "apply", "--filename", "-"];
        self.world.try_tool("kubectl", &arguments, text)
    }

    /// Names of the pods that were ever created for a job, by the API server's audit
    /// log: a name twice is a pod created twice.
    pub fn pods_created(&self, job: &str) -> anyhow::Result<Vec<String>> {
        self.audited(|entry| {
            let pod = entry["verb"] == "create" && entry["objectRef"]["resource"] == "pods";
            pod && entry["responseStatus"]["code"] == 201
        })
        .map(|names| names.into_iter().filter(|name| name.starts_with(job)))
        .map(Iterator::collect)
    }

    /// Names of the pods that were asked for and refused, for a job.
    pub fn pods_refused(&self, job: &str) -> anyhow::Result<Vec<String>> {
        self.audited(|entry| {
            let pod = entry["verb"] == "create" && entry["objectRef"]["resource"] == "pods";
            pod && entry["responseStatus"]["code"] != 201
        })
        .map(|names| names.into_iter().filter(|name| name.starts_with(job)))
        .map(Iterator::collect)
    }

    /// How often a job's status was written.
    pub fn status_writes(&self, job: &str) -> anyhow::Result<usize> {
        let written = self.audited(|entry| {
            let of_jobs = entry["objectRef"]["resource"] == "confidentialjobs"
                && entry["objectRef"]["subresource"] == "status";
            of_jobs && entry["verb"] != "get" && entry["responseStatus"]["code"] == 200
        })?;
        Ok(written.iter().filter(|name| *name == job).count())
    }

    /// Names of the objects of the requests in its namespace that `of` takes, by the
    /// API server's audit log.
    fn audited(&self, of: impl Fn(&Value) -> bool) -> anyhow::Result<Vec<String>> {
        let path = self.world.state.join("log/audit.log");
        let log = std::fs::read_to_string(&path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let entries = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let taken = entries.filter(|entry| {
            entry["objectRef"]["namespace"] == self.namespace.as_str() && of(entry)
        });
        let names = taken.filter_map(|entry| Some(entry["objectRef"]["name"].as_str()?.to_owned()));
        Ok(names.collect())
    }

    /// Kills one of its programs at once, as a crash does; its Deployment starts it
    /// again.
    pub async fn kill(&self, program: &str) -> anyhow::Result<()> {
        let list = ListParams::default().labels(&format!("app.kubernetes.io/name={program}"));
        let now = DeleteParams::default().grace_period(0);
        self.pods()
            .delete_collection(&now, &list)
            .await
            .with_context(|| format!("failed to kill the {program}"))?;
        Ok(())
    }

    /// UIDs of the pods of one of its programs.
    pub async fn pods_of(&self, program: &str) -> anyhow::Result<Vec<String>> {
        let list = ListParams::default().labels(&format!("app.kubernetes.io/name={program}"));
        let pods = self.pods().list(&list).await?.items;
        Ok(pods.iter().filter_map(kube::ResourceExt::uid).collect())
    }

    /// `kubectl` in its namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.world.kubectl(&self.namespace, arguments)
    }

    /// Its services.
    pub fn services(&self) -> Api<ConfidentialService> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Its jobs.
    pub fn jobs(&self) -> Api<ConfidentialJob> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Its pods.
    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Pods of jobs.
    pub async fn job_pods(&self) -> anyhow::Result<Vec<Pod>> {
        let list = ListParams::default().labels("cdvm.dev/job");
        Ok(self.pods().list(&list).await?.items)
    }

    /// A job, once it ended.
    pub async fn ended(&self, name: &str, limit: Duration) -> anyhow::Result<ConfidentialJob> {
        let jobs = self.jobs();
        let look = || async { Ok(jobs.get(name).await?) };
        until("the end of the job", limit, look, |job| {
            job.status
                .as_ref()
                .is_some_and(|status| status.ending.is_some())
        })
        .await
    }

    /// A job, once it was seen destroyed.
    pub async fn destroyed(&self, name: &str, limit: Duration) -> anyhow::Result<ConfidentialJob> {
        let jobs = self.jobs();
        let look = || async { Ok(jobs.get(name).await?) };
        until("the destruction of the job", limit, look, |job| {
            job.status
                .as_ref()
                .is_some_and(|status| status.destroyed_at.is_some())
        })
        .await
    }
}

async fn client(world: &World) -> anyhow::Result<Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(world.kubeconfig())
        .context("failed to read the world's kubeconfig")?;
    let options = kube::config::KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    Client::try_from(config).context("failed to use the world's kubeconfig")
}
