//! Reading Prometheus' text format.

use std::collections::BTreeMap;

/// One sample of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name, for histograms with its `_bucket`, `_sum` or `_count`.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All samples of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

impl Metrics {
    /// Parses the text of a scrape; lines that are no sample are passed over.
    pub fn parse(text: &str) -> Self {
        let samples = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(sample)
            .collect();
        Self { samples }
    }

    /// The samples of `name` that carry all of `labels`.
    pub fn select<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            let has = |(key, value): &(&str, &str)| {
                sample.labels.get(*key).is_some_and(|found| found == value)
            };
            sample.name == name && labels.iter().all(has)
        })
    }

    /// The sum of the samples of `name` that carry all of `labels`; `None` where there is none.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let mut values = self
            .select(name, labels)
            .map(|sample| sample.value)
            .peekable();
        values.peek()?;
        Some(values.sum())
    }
}

fn sample(line: &str) -> Option<Sample> {
    let (head, value) = line.trim().rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = head.split_once('{') else {
        return Some(Sample {
            name: head.to_owned(),
            labels: BTreeMap::new(),
            value,
        });
    };
    let mut found = BTreeMap::new();
    let mut rest = labels.strip_suffix('}')?;
    while let Some((key, after)) = rest.split_once("=\"") {
        let (text, length) = quoted(after)?;
        found.insert(key.trim_start_matches(',').to_owned(), text);
        rest = &after[length..];
    }
    Some(Sample {
        name: name.to_owned(),
        labels: found,
        value,
    })
}

/// A label's value up to its closing quote, and the length of both.
fn quoted(text: &str) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, at + 1)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_found_by_name_and_labels() {
        let metrics = Metrics::parse(
            "# HELP packets_total x\npackets_total{interface=\"md0\",queue=\"0\"} 7\n\
             packets_total{interface=\"md\\\"1\",queue=\"0\"} 5\nup 1\nodd line\n",
        );
        assert_eq!(metrics.sum("packets_total", &[]), Some(12.0));
        assert_eq!(
            metrics.sum("packets_total", &[("interface", "md\"1")]),
            Some(5.0)
        );
        assert_eq!(metrics.sum("up", &[]), Some(1.0));
        assert_eq!(metrics.sum("packets_total", &[("interface", "none")]), None);
    }
}
