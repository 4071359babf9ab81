//! One item: as it is kept, and else from the key server, in its turn, a few
//! times, verified. What is good is kept for the next time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use job::{Timestamp, Trust};
use tokio::time::Instant;

use crate::item::Item;
use crate::server::{self, Outage, Pace};
use crate::source::{Effort, Reach, Source};
use crate::throttle::{Throttle, Turn};
use crate::told::{From, Listen, Missing, Told, Used};

/// Who asks, how hard, and when.
pub struct Fetcher<'c, L> {
    /// Who is told what happens.
    pub listener: &'c L,
    /// Where from.
    pub source: &'c Source,
    /// How hard.
    pub effort: Effort,
    /// When.
    pub now: Timestamp,
}

impl<L> Clone for Fetcher<'_, L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Fetcher<'_, L> {}

/// An item that was to be had, verified.
#[derive(Debug)]
pub struct Brought {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// Where they came from.
    pub(crate) from: From,
    /// Of a dated item.
    pub(crate) made_at: Option<Timestamp>,
}

impl<L: Listen> Fetcher<'_, L> {
    /// The item as it is kept, if it is `good`, and else fetched.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(crate) async fn bring(
        self,
        item: &Item,
        trust: &Trust,
        good: impl Fn(&[u8]) -> bool,
    ) -> Result<Brought, Missing> {
        match self.kept(item, trust, &good) {
            Some(kept) => Ok(kept),
            None => self.fetch(item, trust, good).await,
        }
    }

    /// Fetches an item in its turn and verifies it. What is `good` is kept for the
    /// next time, and is taken without asking if it came meanwhile.
    ///
    /// # Errors
    /// Why it is not to be had.
    pub(crate) async fn fetch(
        self,
        item: &Item,
        trust: &Trust,
        good: impl Fn(&[u8]) -> bool,
    ) -> Result<Brought, Missing> {
        let source = self.source;
        if self.effort == Effort::Disk {
            return Err(source.missing(item, "not kept here"));
        }
        let Reach::Servers(servers) = &source.reach else {
            return Err(source.missing(item, "--offline: nothing is fetched"));
        };
        let Some(place) = servers.place(item) else {
            return Err(source.missing(item, "no server is named for it"));
        };
        let name = &place.server;
        let missing = |why: &dyn std::fmt::Display| source.missing(item, &format!("{name}: {why}"));
        let failed = |error: anyhow::Error| missing(&format!("{error:#}"));
        let Some(throttle) = &source.throttle else {
            return Err(missing(
                &"not asked: there is no place to keep its turns, name one with --state",
            ));
        };
        if !source.may_ask(item) {
            return Err(missing(&"not asked again in this run"));
        }
        let pace = source.pace(item);
        let client = server::client(pace).map_err(failed)?;
        let ends = Instant::now() + pace.patience;
        let mut outage = None;
        for tries in 1..=pace.tries {
            let turn = self.turn(throttle, name, pace.between, ends, outage.as_ref());
            turn.await.map_err(|why| missing(&why))?;
            // Another run may have fetched it meanwhile.
            if let Some(kept) = self.kept(item, trust, &good) {
                return Ok(kept);
            }
            self.listener.hear(Told::Asking {
                item: item.clone(),
                server: name.clone(),
                url: place.url.clone(),
            });
            let answer = server::get(&client, &place, item).await;
            // A slow answer moves the next turn: what counts is when they asked last.
            let left = throttle.leave_alone(name, unix_ms(), pace.between);
            left.map_err(failed)?;
            match answer {
                Ok(answer) => {
                    let bytes = item.of_answer(answer);
                    let unfit = |unfit| missing(&format!("it sent what is not one: {unfit}"));
                    let made_at = item.verify(&bytes, trust, self.now).map_err(unfit)?;
                    if good(&bytes)
                        && let Err(error) = source.store.keep(item, made_at, &bytes)
                    {
                        self.listener.hear(Told::NotKept(format!("{error:#}")));
                    }
                    return Ok(Brought {
                        bytes,
                        from: From::Server(place.server),
                        made_at,
                    });
                }
                Err(trouble) if trouble.may_pass() => {
                    let alone = alone(pace, &trouble, tries);
                    let left = throttle.leave_alone(name, unix_ms(), alone);
                    left.map_err(failed)?;
                    outage = Some(trouble);
                }
                Err(trouble) => return Err(missing(&trouble)),
            }
        }
        let why = outage.map_or_else(String::new, |outage| outage.to_string());
        Err(missing(&format!("{why}, {} times", pace.tries)))
    }

    /// Tells of an item that was used.
    pub fn tell(self, item: Item, from: From, made_at: Option<Timestamp>) {
        if self.effort == Effort::Fetch {
            let used = Used::new(item, from, made_at, self.now);
            self.listener.hear(Told::Used(Box::new(used)));
        }
    }

    /// The item as it is kept, if it verifies and is `good`.
    pub(crate) fn kept(
        self,
        item: &Item,
        trust: &Trust,
        good: impl Fn(&[u8]) -> bool,
    ) -> Option<Brought> {
        let bytes = self.source.kept(item, self.now)?;
        let made_at = item.verify(&bytes, trust, self.now).ok()?;
        good(&bytes).then_some(Brought {
            bytes,
            from: From::Disk,
            made_at,
        })
    }

    /// Waits for the next turn at the server; why not, when it comes too late.
    async fn turn(
        self,
        throttle: &Throttle,
        server: &str,
        between: Duration,
        ends: Instant,
        outage: Option<&Outage>,
    ) -> Result<(), String> {
        let left = ends.saturating_duration_since(Instant::now());
        match throttle.take(server, unix_ms(), between, left) {
            Ok(Turn::In(wait)) => {
                self.wait(server, between, wait, outage).await;
                Ok(())
            }
            Ok(Turn::TooLate(wait)) => {
                let not_yet = format!("not to be asked for {} s", wait.as_secs());
                Err(match outage {
                    Some(outage) => format!("{outage}; {not_yet}"),
                    None => not_yet,
                })
            }
            Err(error) => Err(format!("{error:#}")),
        }
    }

    async fn wait(self, server: &str, between: Duration, wait: Duration, outage: Option<&Outage>) {
        if wait.is_zero() {
            return;
        }
        let ends = Instant::now() + wait;
        loop {
            let left = ends.saturating_duration_since(Instant::now());
            let seconds = left.as_millis().div_ceil(1000);
            self.listener.hear(Told::Waiting {
                server: server.to_owned(),
                seconds: seconds.try_into().unwrap_or(u64::MAX),
                why: match outage {
                    Some(outage) => outage.to_string(),
                    None => format!("it takes one request in {} s", between.as_secs()),
                },
            });
            // A line now and then shows that it still goes on.
            let step = left.min(between.min(Duration::from_secs(5)));
            tokio::time::sleep(step).await;
            if step == left {
                return;
            }
        }
    }
}

/// How long a server in trouble is left alone: twice as long each time, and as
/// long as it asks for.
fn alone(pace: Pace, outage: &Outage, tries: u32) -> Duration {
    let ours = pace.between * 2_u32.saturating_pow(tries.saturating_sub(1));
    ours.max(outage.retry_after().unwrap_or_default())
}

fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
