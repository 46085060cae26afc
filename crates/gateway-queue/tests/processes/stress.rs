//! One publisher, readers of every kind in processes of their own, and readers that are killed meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gateway_queue::{Bells, LOOK_INTERVAL, Publisher, PublisherOptions, QueueHandle};

use crate::child::{Message, pause, receive, scatter};
use crate::reader::{self, Way};
use crate::record::{WORDS_MAX, fill};

/// Slots: few, so that readers are overtaken.
const SLOTS: u64 = 4_096;
const SEED: u64 = 0x57AE_55ED;

pub(crate) fn queue() -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: "stress".into(),
        slots: SLOTS,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

/// Publishes until told to stop: flat out, in bursts, and a record at a time, by turns.
fn publish(mut publisher: Publisher, stop: &AtomicBool) -> (u64, u64) {
    let mut buffer = [0; WORDS_MAX];
    let mut id = 0;
    // A flag: what was published before is nobody's business here.
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..64 {
            assert!(publisher.publish(fill(SEED, id, &mut buffer)));
            id += 1;
            if id >> 16 & 3 == 2 {
                std::thread::yield_now();
            }
        }
        match id >> 16 & 3 {
            0 => {}
            1 => std::thread::yield_now(),
            2 => pause(Duration::from_micros(scatter(id) % 50)),
            // Readers that sleep fall asleep.
            _ => std::thread::sleep(Duration::from_micros(scatter(id) % 200)),
        }
    }
    (id, publisher.head())
}

#[test]
fn readers_get_every_record_whole_or_count_it_lost_while_others_are_killed() {
    let (publisher, handle) = queue();
    let bells = Bells::new();
    let stop = AtomicBool::new(false);
    let readers: Vec<_> = Way::ALL
        .into_iter()
        .map(|way| {
            let (process, page) = reader::start(way, SEED, &handle);
            (way, process, bells.watch(&handle, &page))
        })
        .collect();
    std::thread::scope(|scope| {
        scope.spawn(|| bells.run(LOOK_INTERVAL));
        let publishing = scope.spawn(|| publish(publisher, &stop));

        let (start, mut killed) = (Instant::now(), 0);
        while start.elapsed() < crate::duration() || killed < crate::kills() {
            // From before it has its descriptors to when it reads, or sleeps, or joins: a process takes 30 ms to begin.
            let (mut victim, page) = reader::start(Way::from_number(killed), SEED, &handle);
            let watch = bells.watch(&handle, &page);
            std::thread::sleep(Duration::from_micros(scatter(killed) % 60_000));
            victim.kill();
            // What it said last stays readable, and its sleep wakes nobody.
            assert!(page.read().position <= handle.head());
            drop(watch);
            killed += 1;
        }
        stop.store(true, Ordering::Relaxed);
        let (records, head) = publishing.join().unwrap();
        println!("{records} records in {head} slots, {killed} readers killed");
        for (way, process, watch) in readers {
            let Message::Numbers(numbers, _) = receive(process.socket()) else {
                panic!("reader {way:?} failed");
            };
            println!(
                "{way:?}: {} records received, {} slots lost",
                numbers[0], numbers[1]
            );
            assert_eq!(numbers[2], head);
            process.join();
            drop(watch);
        }
        bells.stop();
    });
}
