//! A runtime class's configuration: one TOML file and the drop-ins beside it,
//! put together as Kata's Go runtime does (`decodeConfig`, `decodeDropIns` and
//! `updateFromDropIn` of `src/runtime/pkg/katautils/config.go`): the last file
//! that has a key says its value, arrays whole. Pure.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::exit::Problem;

/// Tables that hold tables, one per kind: `[hypervisor.qemu]`.
const NESTED: [&str; 2] = ["hypervisor", "agent"];

/// A value and the file it is from.
#[derive(Clone, Debug, PartialEq)]
struct Setting {
    value: Value,
    file: String,
}

/// All settings, by table (`hypervisor.qemu`) and key.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    values: BTreeMap<(String, String), Setting>,
    tables: Vec<String>,
}

/// What was found, and where, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) struct Found<T> {
    pub(in crate::measure) value: T,
    /// `enable_debug of config.d/20-debug.toml`.
    pub(in crate::measure) origin: String,
}

impl Settings {
    /// Takes in one more file.
    ///
    /// # Errors
    /// When it is no configuration, or one that Kata and this program may read
    /// in different ways.
    pub(super) fn add(&mut self, file: &str, text: &str) -> Result<(), Problem> {
        let wrong = |what: String| {
            Problem::usage(
                format!("{file}: {what}"),
                "take the configuration as it was released, and your drop-ins as Kata reads them",
            )
        };
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
        for (name, value) in table {
            let Value::Table(table) = value else {
                // Kata has no settings outside of tables.
                continue;
            };
            plain(&name).map_err(&wrong)?;
            if NESTED.contains(&name.as_str()) {
                for (kind, value) in table {
                    let Value::Table(table) = value else {
                        return Err(wrong(format!("[{name}] holds {kind:?}, which is no table")));
                    };
                    self.add_table(file, &format!("{name}.{kind}"), table)
                        .map_err(&wrong)?;
                }
            } else {
                self.add_table(file, &name, table).map_err(&wrong)?;
            }
        }
        Ok(())
    }

    fn add_table(&mut self, file: &str, name: &str, table: Table) -> Result<(), String> {
        if !self.tables.iter().any(|known| known == name) {
            self.tables.push(name.to_owned());
        }
        for (key, value) in table {
            plain(&key)?;
            let file = file.to_owned();
            self.values
                .insert((name.to_owned(), key), Setting { value, file });
        }
        Ok(())
    }

    /// Kinds of a nested table: `qemu` of `[hypervisor.qemu]`.
    pub(super) fn kinds<'s>(&'s self, nested: &'s str) -> impl Iterator<Item = &'s str> {
        let tables = self.tables.iter();
        tables.filter_map(move |name| name.strip_prefix(nested)?.strip_prefix('.'))
    }

    /// Text; without it, an empty one.
    pub(super) fn text(&self, table: &str, key: &str) -> Result<Found<String>, Problem> {
        let text = self.of_type(table, key, "text", |value| {
            value.as_str().map(str::to_owned)
        })?;
        Ok(text.unwrap_or_else(|| unset(key, String::new())))
    }

    /// Yes or no; without it, no.
    pub(super) fn flag(&self, table: &str, key: &str) -> Result<Found<bool>, Problem> {
        let flag = self.of_type(table, key, "true or false", Value::as_bool)?;
        Ok(flag.unwrap_or_else(|| unset(key, false)))
    }

    /// A flag's origin, if it is on.
    pub(super) fn on(&self, table: &str, key: &str) -> Result<Option<String>, Problem> {
        let flag = self.flag(table, key)?;
        Ok(flag.value.then_some(flag.origin))
    }

    /// A number of 32 bits; without it, zero.
    pub(super) fn number(&self, table: &str, key: &str) -> Result<Found<u32>, Problem> {
        let number = self.of_type(table, key, "a number of 32 bits", |value| {
            u32::try_from(value.as_integer()?).ok()
        })?;
        Ok(number.unwrap_or_else(|| unset(key, 0)))
    }

    /// Tables in an array; without it, none.
    pub(super) fn list(&self, table: &str, key: &str) -> Result<Vec<Table>, Problem> {
        let list = self.of_type(table, key, "an array of tables", |value| {
            let values = value.as_array()?.iter();
            values.map(|value| value.as_table().cloned()).collect()
        })?;
        Ok(list.map_or_else(Vec::new, |found| found.value))
    }

    /// How many elements an array has; without it, none.
    pub(super) fn length(&self, table: &str, key: &str) -> Result<usize, Problem> {
        let length = self.of_type(table, key, "an array", |value| {
            value.as_array().map(Vec::len)
        })?;
        Ok(length.map_or(0, |found| found.value))
    }

    /// As `default_vcpus` is written: whole or with a fraction.
    pub(super) fn is_one(&self, table: &str, key: &str) -> Result<bool, Problem> {
        let one = self.of_type(table, key, "a number", |value| {
            // Kata's own default is one, for zero too.
            let whole = value.as_integer().map(|number| matches!(number, 0 | 1));
            let near = |number: f64, whole: f64| (number - whole).abs() < f64::EPSILON;
            whole.or(value
                .as_float()
                .map(|number| near(number, 0.0) || near(number, 1.0)))
        })?;
        Ok(one.is_none_or(|found| found.value))
    }

    fn of_type<T>(
        &self,
        table: &str,
        key: &str,
        kind: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<Found<T>>, Problem> {
        let setting = self.values.get(&(table.to_owned(), key.to_owned()));
        let Some(Setting { value, file }) = setting else {
            return Ok(None);
        };
        let Some(value) = read(value) else {
            return Err(Problem::usage(
                format!("{file}: {key} in [{table}] is not {kind}: Kata starts no guest with it"),
                "correct it",
            ));
        };
        let origin = format!("{key} of {file}");
        Ok(Some(Found { value, origin }))
    }
}

fn unset<T>(key: &str, value: T) -> Found<T> {
    let origin = format!("{key}, which no file sets");
    Found { value, origin }
}

/// Kata's TOML reader takes `Kernel_Params` for `kernel_params`; this one does
/// not, and so takes neither.
fn plain(name: &str) -> Result<(), String> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!(
            "{name:?} has capital letters, which Kata ignores and nobody expects"
        ));
    }
    Ok(())
}
