//! What a program answered, and what its lines mean.

use anyhow::{Context, Result, bail, ensure};

/// What a command brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The lines in front of the last.
    pub lines: Vec<String>,
    /// `ok`, or `error NAME`.
    pub end: String,
}

/// A line of an event, of a queue's number where there are several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The queue's number; 0 where there is one only.
    pub queue: usize,
    /// The first word.
    pub name: String,
    /// The words behind it: of a record, its position first.
    pub fields: Vec<String>,
}

impl Answer {
    /// The lines, if the command did not fail.
    ///
    /// # Errors
    /// Where it did.
    pub fn fine(self) -> Result<Vec<String>> {
        ensure!(
            self.end == "ok",
            "{}, after {} lines",
            self.end,
            self.lines.len()
        );
        Ok(self.lines)
    }

    /// The only line, if the command did not fail.
    ///
    /// # Errors
    /// Where it did, or said anything else.
    pub fn line(self) -> Result<String> {
        match <[String; 1]>::try_from(self.fine()?) {
            Ok([line]) => Ok(line),
            Err(lines) => bail!("{lines:?} instead of one line"),
        }
    }

    /// The events, if the command did not fail.
    ///
    /// # Errors
    /// Where it did.
    pub fn events(self) -> Result<Vec<Event>> {
        self.fine()?.iter().map(|line| Event::parse(line)).collect()
    }

    /// Sees that it is the answer of another program.
    pub(super) fn compare(
        &self,
        name: &str,
        expected: &Self,
        expected_name: &str,
        command: &str,
    ) -> Result<()> {
        for (index, (expected, found)) in expected.lines.iter().zip(&self.lines).enumerate() {
            ensure!(
                expected == found,
                "{command}, line {}: {expected_name} has `{expected}`, {name} has `{found}`",
                index + 1
            );
        }
        ensure!(
            (self.lines.len(), &self.end) == (expected.lines.len(), &expected.end),
            "{command}: {expected_name} has {} lines and {}, {name} has {} and {}",
            expected.lines.len(),
            expected.end,
            self.lines.len(),
            self.end
        );
        Ok(())
    }
}

impl Event {
    fn parse(line: &str) -> Result<Self> {
        let (queue, rest) = match line.split_once(' ') {
            Some((first, rest)) if first.bytes().all(|byte| byte.is_ascii_digit()) => {
                (first.parse()?, rest)
            }
            _ => (0, line),
        };
        let mut words = rest.split(' ').map(str::to_owned);
        Ok(Self {
            queue,
            name: words.next().context("an empty line")?,
            fields: words.collect(),
        })
    }

    /// A field as a number.
    ///
    /// # Errors
    /// Where there is none.
    pub fn number(&self, field: usize) -> Result<u64> {
        let text = self.fields.get(field);
        text.and_then(|text| text.parse().ok())
            .with_context(|| format!("no number {field} in {self:?}"))
    }

    /// A record's position; `None` of what is no record.
    ///
    /// # Errors
    /// Where a record has none.
    pub fn position(&self) -> Result<Option<u64>> {
        match self.name.as_str() {
            "lost" | "closed" | "empty" => Ok(None),
            _ => self.number(0).map(Some),
        }
    }

    /// What a record is, wherever it lies.
    #[must_use]
    pub fn contents(&self) -> (&str, &[String]) {
        (&self.name, self.fields.get(1..).unwrap_or_default())
    }
}
