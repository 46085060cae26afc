//! Latencies for people.

use std::collections::{HashMap, HashSet};

use super::super::latency::MeasuredReaders;
use crate::metrics::histogram::Snapshot;
use crate::metrics::latency::{
    Measured, ReaderChannelSeries, ReaderSeries, Stage, StageSeries, TICK_TO_STRATEGY, merged,
};
use crate::service::status::StageStatus;

/// Each stage of all channels together first, then of each of several, then readers.
pub(super) fn stage_rows(
    stages: &[Measured<StageSeries>],
    of_readers: &MeasuredReaders,
) -> Vec<StageStatus> {
    let mut rows = Vec::new();
    for stage in [
        Stage::RingToPublish,
        Stage::XdpToRing,
        Stage::KernelToRing,
        Stage::NicToKernel,
    ] {
        let of_stage: Vec<_> = stages.iter().filter(|m| m.series.stage == stage).collect();
        // Of the whole gateway there is always something to tell, of a stage that nothing stamps never.
        if stage != Stage::RingToPublish && of_stage.is_empty() {
            continue;
        }
        let mut all = Snapshot::default();
        for measured in &of_stage {
            all.merge(&measured.whole);
        }
        rows.push(StageStatus::new(stage.name(), "", &all));
        if let [_, _, ..] = of_stage.as_slice() {
            let of_channel = |m: &&Measured<StageSeries>| {
                StageStatus::new(stage.name(), &m.series.channel, &m.whole)
            };
            rows.extend(of_stage.iter().map(of_channel));
        }
    }
    // Of each reader, all channels as one.
    let of_all_channels = |measured: &[Measured<ReaderChannelSeries>]| {
        merged(measured.iter().map(|measured| {
            let series = &measured.series.reader;
            (series.clone(), measured.whole.clone())
        }))
    };
    let published = of_all_channels(&of_readers.published);
    let readers = of_all_channels(&of_readers.readers);
    let of_stages = readers.iter().map(|(series, _)| series);
    // A reader may have rows of one stage only.
    let all: HashSet<&ReaderSeries> = published
        .iter()
        .map(|(series, _)| series)
        .chain(of_stages)
        .collect();
    let names = Names::of(&all);
    rows.extend(published.iter().map(|(series, whole)| {
        StageStatus::new(Stage::PublishToRead.name(), &names.called(series), whole)
    }));
    rows.extend(
        readers.iter().map(|(series, whole)| {
            StageStatus::new(TICK_TO_STRATEGY, &names.called(series), whole)
        }),
    );
    rows
}

/// What readers are called, no two the same: of namesakes the user is told, too.
struct Names(HashMap<String, u32>);

impl Names {
    fn of(readers: &HashSet<&ReaderSeries>) -> Self {
        let mut namesakes: HashMap<String, u32> = HashMap::new();
        for series in readers {
            *namesakes.entry(reader_name(series)).or_default() += 1;
        }
        Self(namesakes)
    }

    fn called(&self, series: &ReaderSeries) -> String {
        let mut of = reader_name(series);
        if self.0.get(&of).is_some_and(|number| *number > 1) {
            of = format!("{of} uid {}", series.uid);
        }
        of
    }
}

/// What a reader is called, its user left out.
fn reader_name(series: &ReaderSeries) -> String {
    let number = match series.reader.as_str() {
        "0" => String::new(),
        number => format!(" #{number}"),
    };
    format!("{}{number} {}", series.consumer, series.queue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(uid: &str, instance: u64) -> ReaderSeries {
        ReaderSeries {
            consumer: "strategy".to_owned(),
            uid: uid.to_owned(),
            queue: "all".to_owned(),
            reader: "0".to_owned(),
            instance,
        }
    }

    fn measured(reader: ReaderSeries, channel: &str) -> Measured<ReaderChannelSeries> {
        Measured {
            series: ReaderChannelSeries {
                reader,
                channel: channel.to_owned(),
            },
            whole: Snapshot::default(),
            window: None,
        }
    }

    fn rows(of_readers: &MeasuredReaders) -> Vec<(String, String)> {
        let rows = stage_rows(&[], of_readers).into_iter().skip(1);
        rows.map(|row| (row.stage, row.of)).collect()
    }

    #[test]
    fn namesakes_of_two_users_are_told_apart_in_the_rows_of_every_stage() {
        let row = |stage: &str, of: &str| (stage.to_owned(), of.to_owned());
        let (alice, bob) = (reader("1000", 1), reader("1001", 2));
        // Where packets come from a file there is nothing from the worker's stamp on.
        let mut all = MeasuredReaders {
            published: vec![
                measured(alice.clone(), "itch"),
                measured(alice.clone(), "other"),
                measured(bob.clone(), "itch"),
            ],
            ..MeasuredReaders::default()
        };
        let of_published = [
            row("pub_app", "strategy all uid 1000"),
            row("pub_app", "strategy all uid 1001"),
        ];
        assert_eq!(rows(&all), of_published);
        // One that has read no stamped record yet.
        all.published.pop();
        all.readers = vec![
            measured(alice.clone(), "itch"),
            measured(alice, "other"),
            measured(bob, "itch"),
        ];
        let of_both = [
            row("pub_app", "strategy all uid 1000"),
            row("tick_to_strategy", "strategy all uid 1000"),
            row("tick_to_strategy", "strategy all uid 1001"),
        ];
        assert_eq!(rows(&all), of_both);
        // A reader of both stages is no namesake of its own.
        all.readers.pop();
        let of_one = [
            row("pub_app", "strategy all"),
            row("tick_to_strategy", "strategy all"),
        ];
        assert_eq!(rows(&all), of_one);
    }
}
