//! Prints a queue's records as they come: `tail SOCKET QUEUE [oldest]`.

use std::time::Duration;

use gateway_client::{Client, Event, Record, Start, SubscribeOptions, WaitStrategy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [socket, queue, rest @ ..] = arguments.as_slice() else {
        return Err("usage: tail SOCKET QUEUE [oldest]".into());
    };
    let options = SubscribeOptions {
        start: if rest.is_empty() {
            Start::Head
        } else {
            Start::Oldest
        },
        wait: WaitStrategy::Sleep(Duration::from_micros(100)),
        ..SubscribeOptions::named("tail")
    };
    let client = Client::connect(socket)?;
    let mut subscription = client.subscribe(queue, &options)?;
    loop {
        match subscription.wait(Duration::from_secs(1)) {
            Event::Record(Record::Mbo(order)) => println!("{order:?}"),
            Event::Record(Record::Control(control)) => println!("{control:?}"),
            Event::Record(Record::Native { header, bytes }) => println!("{header:?} {bytes:02x?}"),
            Event::Record(other) => println!("{other:?}"),
            Event::Lost(slots) => eprintln!("overtaken: {slots} slots lost"),
            Event::Empty => {}
            Event::Closed(reason) => {
                eprintln!("{reason}");
                return Ok(());
            }
        }
    }
}
