//! Printing news: for people with times and lines that give way to the next on
//! a terminal, plain in a pipe; as JSON for programs. Everything for people
//! passes [`clean`] here, whoever wrote it.

use std::cell::Cell;
use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use collateral::told::{Listen, Told};

use super::people::{self, Detail, Row};
use super::{News, json};
use crate::text::{clean, cut};

/// Width of the text before the time: with the time it fits 80 columns.
const TEXT_WIDTH: usize = 72;

/// Why stdout did not take what was asked for, when it did not.
static LOST: Mutex<Option<std::io::Error>> = Mutex::new(None);

/// Prints what was asked for, as it is, on stdout.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout();
    note(writeln!(stdout, "{text}").and_then(|()| stdout.flush()));
}

/// The job goes on, whoever reads. What could not be written is said at the end, but
/// for a reader who went: they do not want more.
fn note(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        *LOST.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }
}

/// Why something that was asked for is not on stdout.
pub(crate) fn lost() -> Option<std::io::Error> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A line for people beside what was asked for, on stderr: it mixes with nothing.
pub(crate) fn aside(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", clean(text));
}

/// Where people's lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Out,
    Error,
}

/// Tells what happens.
pub(crate) struct Teller {
    began: Instant,
    json: bool,
    people: Stream,
    detail: Detail,
    terminal: bool,
    color: bool,
    /// Whether the last line gives way to the next.
    passing: Cell<bool>,
}

impl Teller {
    /// `stdout_taken` says that something else is printed there: a result, a
    /// manifest, or JSON.
    pub(crate) fn new(json: bool, stdout_taken: bool, detail: Detail) -> Self {
        let people = if json || stdout_taken {
            Stream::Error
        } else {
            Stream::Out
        };
        let terminal = match people {
            Stream::Out => std::io::stdout().is_terminal(),
            Stream::Error => std::io::stderr().is_terminal(),
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            began: Instant::now(),
            json,
            people,
            detail,
            terminal,
            color: terminal && !no_color,
            passing: Cell::new(false),
        }
    }

    /// Whether programs read what is told.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Tells one piece of news.
    pub(crate) fn tell(&self, news: &News) {
        if self.json {
            let at = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
            for mut object in json::objects(news) {
                if let Some(fields) = object.as_object_mut() {
                    fields.insert("at".to_owned(), at.into());
                }
                print(&object.to_string());
            }
        }
        // Why it did not end well is an error, wherever the story goes.
        let people = match news {
            News::Stopped(_) => Stream::Error,
            _ => self.people,
        };
        for row in people::rows(news, self.detail) {
            self.row(people, &row);
        }
    }

    /// A line for people as it is, such as a heading.
    pub(crate) fn line(&self, text: &str) {
        self.row(self.people, &Row::Plain(text.to_owned()));
    }

    fn row(&self, people: Stream, row: &Row) {
        let (text, passing) = match row {
            Row::Timed(text) => (self.timed(&clean(text)), false),
            Row::Plain(text) => (clean(text), false),
            // A line that wraps could not be replaced.
            Row::Passing(text) => (cut(&clean(text), TEXT_WIDTH + 7), true),
        };
        let text = if self.color { paint(&text) } else { text };
        let passing = passing && self.terminal;
        let before = match (self.passing.replace(passing), passing) {
            (true, true) => "\r\u{1b}[K",
            (true, false) => "\n",
            (false, _) => "",
        };
        let after = if passing { "" } else { "\n" };
        // The line on the terminal ends where it began.
        if people != self.people && !before.is_empty() {
            self.people.write("\n");
        }
        let before = if people == self.people { before } else { "" };
        people.write(&format!("{before}{text}{after}"));
    }

    fn timed(&self, text: &str) -> String {
        if !self.terminal {
            return text.to_owned();
        }
        let seconds = self.began.elapsed().as_secs_f64();
        format!("{text:<TEXT_WIDTH$} {seconds:>5.1} s")
    }
}

impl Listen for Teller {
    fn hear(&self, told: Told) {
        self.tell(&match told {
            Told::Asking { item, server, url } => News::Asking { item, server, url },
            Told::Waiting {
                server,
                seconds,
                why,
            } => News::Waiting {
                server,
                seconds,
                why,
            },
            Told::Used(used) => News::Collateral(used),
            Told::Missing(missing) => News::Missing(missing),
            Told::NotKept(why) => News::Warning {
                text: format!("it is not kept for the next time: {why}"),
            },
        });
    }
}

impl Drop for Teller {
    fn drop(&mut self) {
        if self.passing.get() {
            self.people.write("\n");
        }
    }
}

impl Stream {
    fn write(self, text: &str) {
        match self {
            Self::Out => note(write_all(&mut std::io::stdout(), text)),
            // There is nowhere else to say that nobody listens.
            Self::Error => drop(write_all(&mut std::io::stderr(), text)),
        }
    }
}

fn write_all(out: &mut impl std::io::Write, text: &str) -> std::io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Green for what passed, red for what did not, yellow for what is simulated.
fn paint(text: &str) -> String {
    text.replacen('✓', "\u{1b}[32m✓\u{1b}[0m", 1)
        .replacen('✗', "\u{1b}[31m✗\u{1b}[0m", 1)
        .replacen("simulated", "\u{1b}[33msimulated\u{1b}[0m", 1)
        .replace("SIMULATED", "\u{1b}[33mSIMULATED\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::paint;

    #[test]
    fn paint_adds_color_and_changes_no_word() {
        let painted = paint("  ✓ simulated · signed by a SIMULATED vendor");
        let mut plain = painted.clone();
        for code in ["\u{1b}[32m", "\u{1b}[33m", "\u{1b}[0m"] {
            assert!(painted.contains(code));
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, "  ✓ simulated · signed by a SIMULATED vendor");
    }
}
