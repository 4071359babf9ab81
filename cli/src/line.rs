//! The line of one job: connected to the relays of its order, it hears what is
//! sealed to the customer, and carries what the customer says.

pub(crate) mod ending;
pub(crate) mod heard;
pub(crate) mod known;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};
use dvm::{Rumor, open, wrap};
use job::{Event, JobId};
use relay::{Filter, Inbox, Published, Relays};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::clock;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::judge::not_sent;
use crate::news::News;
use crate::state::commitment::Committed;
use crate::state::{Kept, Route, Stage, notes, stage};
use crate::story::By;
use heard::Heard;
use known::Known;

/// A provider that is there answers within seconds; after this long it is said
/// that it does not.
const SILENCE: Duration = Duration::from_secs(15);

/// What relays hold of a job comes at once: this long for the first message,
/// this long of quiet behind the last one, and this long for all of them.
const FIRST_WITHIN: Duration = Duration::from_secs(1);
const QUIET_AFTER: Duration = Duration::from_millis(300);
const ALL_WITHIN: Duration = Duration::from_secs(5);

/// Messages remembered to drop copies: a job has hundreds at most.
const REMEMBERED: usize = 65_536;

/// A job's line.
pub(crate) struct Line {
    /// The job.
    pub(crate) kept: Kept,
    /// What its messages said so far.
    pub(crate) known: Known,
    relays: Relays,
    sealed: Inbox,
    /// What the provider publishes about a public order.
    public: Option<Inbox>,
    seen: BTreeSet<JobId>,
    committed: Option<Committed>,
    noted: Noted,
    /// When waiting ends.
    deadline: Instant,
    /// When it is said that the provider is silent.
    silence: Option<Instant>,
}

/// What was written of the job's end already.
#[derive(Clone, Copy, Debug, Default)]
struct Noted {
    ended: bool,
    arrived: bool,
    destroyed: bool,
}

impl Line {
    /// Connects to the relays of a job's order and listens, for `timeout`
    /// seconds or as long as the order lives.
    pub(crate) async fn open(
        context: &Context<'_>,
        kept: Kept,
        timeout: Option<u64>,
    ) -> Result<Self> {
        context.work_on(&kept.dir);
        let order = &kept.order;
        let relays = Relays::connect(order.relays(), context.settings.plain).await?;
        let sealed = relays.inbox(Filter::sealed_to(order.customer())).await;
        let public = match kept.route {
            Route::Public => Some(relays.inbox(public_feedback(order)).await),
            // A filter that names the order would tell relays about it.
            Route::Private | Route::Kubectl => None,
        };
        Ok(Self {
            known: Known::default(),
            relays,
            sealed,
            public,
            seen: BTreeSet::new(),
            committed: Committed::read(&kept.dir)?,
            noted: Noted::default(),
            deadline: clock::deadline(timeout, order.expiration()),
            silence: None,
            kept,
        })
    }

    /// As [`Line::open`], for a job some of whose messages may be there already:
    /// they are told in the order they were written, whatever the relays do.
    pub(crate) async fn resume(
        context: &Context<'_>,
        kept: Kept,
        timeout: Option<u64>,
    ) -> Result<Self> {
        let mut line = Self::open(context, kept, timeout).await?;
        let mut past = Vec::new();
        let (mut wait, all) = (FIRST_WITHIN, Instant::now() + ALL_WITHIN);
        while let Ok(heard) = timeout_at(all.min(Instant::now() + wait), line.next()).await {
            past.extend(heard?);
            wait = QUIET_AFTER;
        }
        past.sort_by_key(|(written, _)| *written);
        for (_, heard) in past {
            line.take(context, heard);
        }
        Ok(line)
    }

    /// From now on the provider is expected to answer.
    pub(crate) fn expect_answer(&mut self) {
        self.silence = Some(Instant::now() + SILENCE);
    }

    /// Waits until `ready`, telling what happens.
    ///
    /// # Errors
    /// When nothing made it ready in time.
    pub(crate) async fn until(
        &mut self,
        context: &Context<'_>,
        ready: impl Fn(&Known) -> bool,
    ) -> Result<()> {
        if self.hear(context, self.deadline, ready).await? {
            return Ok(());
        }
        Err(self.late().into())
    }

    /// As [`Line::until`], but for `wait` at most; whether it is ready then.
    pub(crate) async fn within(
        &mut self,
        context: &Context<'_>,
        wait: Duration,
        ready: impl Fn(&Known) -> bool,
    ) -> Result<bool> {
        let deadline = self.deadline.min(Instant::now() + wait);
        self.hear(context, deadline, ready).await
    }

    async fn hear(
        &mut self,
        context: &Context<'_>,
        deadline: Instant,
        ready: impl Fn(&Known) -> bool,
    ) -> Result<bool> {
        while !ready(&self.known) {
            let silence = self.silence.unwrap_or(deadline).min(deadline);
            tokio::select! {
                heard = self.next() => {
                    if let Some((_, heard)) = heard? {
                        self.take(context, heard);
                    }
                }
                () = sleep_until(silence) => {
                    if silence >= deadline {
                        return Ok(false);
                    }
                    self.silence = None;
                    let provider = self.kept.order.provider();
                    let seconds = SILENCE.as_secs();
                    context.teller.tell(&News::Silence { provider, seconds });
                }
            }
        }
        Ok(true)
    }

    fn take(&mut self, context: &Context<'_>, heard: Heard) {
        self.silence = None;
        if let Some(news) = self.known.take(heard) {
            context.teller.tell(&news);
        }
        if let Err(error) = self.note() {
            let text = format!("it is not noted for cdvm jobs: {error:#}");
            context.teller.tell(&News::Warning { text });
        }
    }

    /// Keeps what was heard of the job's end; what was kept first stays.
    fn note(&mut self) -> Result<()> {
        let (dir, now) = (&self.kept.dir, clock::now());
        let Known {
            outcome,
            machine_ended,
            provider_ended,
            destroyed,
            ..
        } = &self.known;
        let by_machine = machine_ended.as_deref().map(|text| (By::Machine, text));
        let by_provider = provider_ended.as_deref().map(|text| (By::Provider, text));
        if let (Some((by, text)), false) = (by_machine.or(by_provider), self.noted.ended) {
            self.noted.ended = true;
            notes::ended(dir, by, text, now)?;
        }
        if outcome.is_some() && !self.noted.arrived {
            self.noted.arrived = true;
            notes::arrived(dir, now)?;
        }
        if let (Some(text), false) = (destroyed, self.noted.destroyed) {
            self.noted.destroyed = true;
            notes::destroyed(dir, text, now)?;
        }
        Ok(())
    }

    /// The next message and when it says it was written; nothing for noise.
    async fn next(&mut self) -> Result<Option<(u64, Heard)>> {
        const CLOSED: &str = "failed to listen: the connections to all relays are closed";
        tokio::select! {
            event = self.sealed.next() => self.sealed(&event.context(CLOSED)?),
            event = next(&mut self.public) => Ok(self.public(&event.context(CLOSED)?)),
        }
    }

    /// Opens what was sealed to the customer. What cannot be opened, or means
    /// nothing here, is somebody's noise.
    fn sealed(&mut self, event: &Event) -> Result<Option<(u64, Heard)>> {
        let Ok(rumor) = open(event, &self.kept.keys) else {
            return Ok(None);
        };
        // Another run of this program may have committed meanwhile.
        if self.committed.is_none() {
            self.committed = Committed::read(&self.kept.dir)?;
        }
        let machine = self.committed.map(Committed::key);
        let heard = heard::sort(&rumor, &self.kept.order, machine);
        // What means nothing now may mean something after a commitment.
        let heard = heard.filter(|_| self.is_new(rumor.id));
        Ok(heard.map(|heard| (rumor.created_at, heard)))
    }

    fn public(&mut self, event: &Event) -> Option<(u64, Heard)> {
        let heard = heard::sort_public(event, &self.kept.order)?;
        self.is_new(event.id).then_some((event.created_at, heard))
    }

    /// The same message comes in several wraps and from several relays.
    fn is_new(&mut self, id: JobId) -> bool {
        // Whoever floods us may be told twice, and is never a reason to go deaf.
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        self.seen.insert(id)
    }

    /// Publishes an event to the relays of the order.
    pub(crate) async fn publish(&self, event: &Event) -> Result<Published> {
        let published = self.relays.publish(event).await;
        published.context("failed to publish to the relays of the order")
    }

    /// Seals a message to the provider.
    pub(crate) async fn to_provider(&self, rumor: &Rumor) -> Result<Published> {
        let provider = self.kept.order.provider();
        let sealed = wrap(rumor, &self.kept.keys, provider, clock::now());
        let sealed = sealed.context("failed to seal a message to the provider")?;
        self.publish(&sealed).await
    }

    /// Seals a message to the machine the job is committed to.
    pub(crate) async fn to_machine(&self, machine: Committed, rumor: &Rumor) -> Result<Published> {
        let sealed = machine.seal(rumor, &self.kept.keys, clock::now())?;
        self.publish(&sealed).await
    }

    /// Who claims to be the machine, one by one. The latest first: when several
    /// wait, earlier attempts are over.
    pub(crate) fn next_claim(&mut self) -> Option<job::Attestation> {
        self.known.claims.pop_back()
    }

    /// Why nothing more is to be expected: the machine's word, or the provider's.
    pub(crate) fn why_over(&self) -> Problem {
        // For a provider that said no more than that the machine is gone.
        const GONE: &str = "the machine was destroyed before its work was done";
        if let Some(text) = &self.known.machine_ended {
            return ending::by_machine(text);
        }
        let text = self.known.provider_ended.as_deref().unwrap_or(GONE);
        ending::by_provider(text, stage(&self.kept.dir))
    }

    fn late(&self) -> Problem {
        let stage = stage(&self.kept.dir);
        if self.known.another {
            return ending::another_machine(not_sent(stage));
        }
        let what = match (stage, self.known.provider_spoke) {
            (Stage::Ordered, false) => "the provider said nothing in time",
            (Stage::Ordered | Stage::Committed, _) => "no machine answered in time",
            (Stage::Started, _) => "no result came in time",
            (Stage::Saved, _) => "nothing more came in time",
        };
        let (meaning, next) = ending::where_it_stands(stage, self.kept.order.id());
        Problem::new(Exit::Late, what, meaning, next)
    }
}

async fn next(inbox: &mut Option<Inbox>) -> Option<Event> {
    match inbox {
        Some(inbox) => inbox.next().await,
        None => std::future::pending().await,
    }
}

fn public_feedback(order: &job::Order) -> Filter {
    Filter {
        kinds: vec![dvm::kind::FEEDBACK],
        authors: vec![order.provider()],
        events: vec![order.id()],
        ..Filter::default()
    }
}
