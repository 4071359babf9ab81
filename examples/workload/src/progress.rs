//! Tells the agent how far the work is: one JSON object per line over a Unix stream socket. Questions and
//! answers, which use the same socket, are left to programs that ask something.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The least time between two reports: often enough for a bar to move, far below what the agent passes on.
const PACE: Duration = Duration::from_millis(200);

/// How long a report may block. Progress is a courtesy: an agent that does not read must not stop the work.
const PATIENCE: Duration = Duration::from_millis(500);

/// The line to the agent, or nothing when there is none: the work is the same either way.
#[derive(Debug)]
pub struct Progress {
    agent: Option<UnixStream>,
    last: Option<Instant>,
}

impl Progress {
    /// Opens the line. A socket that is not there, as on a laptop, means to carry on without.
    pub fn open(socket: impl AsRef<Path>) -> Self {
        let agent = UnixStream::connect(socket).ok();
        let agent = agent.filter(|stream| stream.set_write_timeout(Some(PATIENCE)).is_ok());
        Self { agent, last: None }
    }

    /// Says that `done` of `of` things are done. Reports that follow one another too fast are dropped, but
    /// never the one that says all is done.
    pub fn report(&mut self, done: usize, of: usize, what: &str) {
        let Some(agent) = &mut self.agent else { return };
        let now = Instant::now();
        let early = self
            .last
            .is_some_and(|last| now.duration_since(last) < PACE);
        if early && done < of {
            return;
        }
        self.last = Some(now);
        // After a failed or half written line the stream is of no use any more.
        if agent.write_all(line(done, of, what).as_bytes()).is_err() {
            self.agent = None;
        }
    }
}

fn line(done: usize, of: usize, what: &str) -> String {
    let mut text = format!(r#"{{"progress":{{"done":{done},"of":{of},"what":""#);
    for character in what.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control < ' ' => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push_str("\"}}\n");
    text
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixStream;

    use super::{Progress, line};

    #[test]
    fn a_report_is_one_line_of_json() {
        assert_eq!(
            line(12, 31, "columns"),
            "{\"progress\":{\"done\":12,\"of\":31,\"what\":\"columns\"}}\n"
        );
        assert_eq!(
            line(0, 1, "a\"\\\n"),
            "{\"progress\":{\"done\":0,\"of\":1,\"what\":\"a\\\"\\\\\\u000a\"}}\n"
        );
    }

    #[test]
    fn without_an_agent_the_work_goes_on() {
        Progress::open("/no/such/socket").report(1, 2, "columns");
    }

    #[test]
    fn fast_reports_are_dropped_but_the_last_is_not() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut progress = Progress {
            agent: Some(ours),
            last: None,
        };
        for done in 0..=1000 {
            progress.report(done, 1000, "rows");
        }
        drop(progress);
        let lines: Vec<String> = BufReader::new(theirs).lines().map(Result::unwrap).collect();
        assert!(lines.len() < 1000, "{} lines", lines.len());
        assert_eq!(
            lines.first().map(String::as_str),
            Some(line(0, 1000, "rows").trim_end())
        );
        assert_eq!(
            lines.last().map(String::as_str),
            Some(line(1000, 1000, "rows").trim_end())
        );
    }

    #[test]
    fn an_agent_that_went_away_does_no_harm() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let mut progress = Progress {
            agent: Some(ours),
            last: None,
        };
        progress.report(1, 1, "rows");
        assert!(progress.agent.is_none());
    }
}
