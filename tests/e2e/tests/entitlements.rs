//! Rights that are taken back by SIGHUP while the gateway runs.
#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use gateway_client::Client;
use gateway_e2e::Lab;
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::process::Signal;
use gateway_test_harness::{Config, Gateway, Running, wait};

const LIMIT: Duration = Duration::from_secs(30);
/// Two users that no machine knows.
const LOSES: u32 = 54_001;
const KEEPS: u32 = 54_002;

fn entitlement(users: &[u32], of: &str) -> String {
    format!("[[entitlement]]\nname = \"desk\"\nusers = {users:?}\nqueues = [\"{of}\"]\n")
}

/// Has the gateway read its file again, with something else in it.
fn reload(gateway: &mut Gateway, from: &str, to: &str) {
    let file = gateway.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replace(from, to)).unwrap();
    gateway.process.signal(Signal::HUP).unwrap();
}

/// `gateway book` of a copy of the program where everybody may go, run by a user, who needs no network.
fn watch(gateway: &Gateway, user: u32, symbol: &str) -> Running {
    let mut command = Command::new(gateway.folder().join("program"));
    command.uid(user).gid(user).current_dir("/");
    command.arg("book").arg("--socket").arg(gateway.socket());
    command.args(["books", symbol, "--watch", "--json"]);
    Running::spawn("gateway book", &mut command).unwrap()
}

#[test]
fn whoever_loses_the_right_to_a_book_reads_no_further_and_the_others_do() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let (both, one) = (
        entitlement(&[LOSES, KEEPS], "books"),
        entitlement(&[KEEPS], "books"),
    );
    let book = "[[book]]\nname = \"books\"\nqueue = \"all\"\norders_max = 100000\n";
    let config = Config {
        queues: vec![Queue::all("all").of("full").with_slots(1 << 18)],
        extra: format!("{book}{both}"),
        ..Config::new(Input::tier("copy"))
    };
    let mut gateway = lab.gateway(&config).unwrap();
    std::fs::set_permissions(gateway.folder(), Permissions::from_mode(0o755)).unwrap();
    std::fs::copy(
        lab.binaries.path("gateway"),
        gateway.folder().join("program"),
    )
    .unwrap();
    let flow = "generate --symbols 4 --messages 20000 --pace rate=4000 --heartbeat-ms 100 --end-of-session";
    let simulator = lab.simulator(&config, flow).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let mut table = client.books("books", "test").unwrap();
    let symbol = wait::until("a symbol", LIMIT, || {
        let known: Vec<_> = table.instruments().collect();
        let mut symbols = known
            .into_iter()
            .filter_map(|id| Some(table.read(id).ok()?.symbol));
        let symbol = symbols.find(|symbol| !symbol.as_str().is_empty());
        Ok(symbol.map(|symbol| symbol.as_str().to_owned()))
    });
    let symbol = symbol.unwrap();
    let mut loses = watch(&gateway, LOSES, &symbol);
    let mut keeps = watch(&gateway, KEEPS, &symbol);
    let shows = |line: &str| line.contains("\"levels\"");
    loses.wait_for_line("a book", LIMIT, shows).unwrap();
    keeps.wait_for_line("a book", LIMIT, shows).unwrap();

    reload(&mut gateway, &both, &one);
    let ended = loses.wait(LIMIT).unwrap();
    assert!(!ended.success(), "{}", loses.output());
    assert!(loses.stderr().contains("entitle"), "{}", loses.output());
    let mut again = watch(&gateway, LOSES, &symbol);
    assert!(!again.wait(LIMIT).unwrap().success(), "{}", again.output());
    assert_eq!(again.stdout(), "");
    // What the first one mapped is written no more: the table went on elsewhere.
    wait::until("the rotation", LIMIT, || {
        let status = gateway.status()?;
        Ok((status["books"][0]["rotations"] == 1).then_some(()))
    })
    .unwrap();
    // The queue was not touched.
    assert_eq!(gateway.status().unwrap()["queues"][0]["rotations"], 0);

    simulator.finish(LIMIT).unwrap();
    let head = client.queues().unwrap()[0].head;
    wait::until("the builder to arrive", LIMIT, || {
        Ok((client.book_list()?[0].applied >= head).then_some(()))
    })
    .unwrap();
    let instrument = table.find(&symbol).unwrap();
    let last = table.read(instrument).unwrap();
    assert!(last.state.is_valid());
    let shown = format!("\"position\":{},", last.position);
    keeps
        .wait_for_line("the last book", LIMIT, |line| line.contains(&shown))
        .unwrap();
    let status = gateway.status().unwrap();
    assert_eq!(status["broker"]["revoked"], 1, "{}", status["broker"]);
}

#[test]
fn a_worker_that_takes_no_commands_for_a_while_takes_all_of_them_in_the_end() {
    const QUEUES: usize = 40;
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let [first, second, third] =
        [&[LOSES, KEEPS][..], &[KEEPS], &[KEEPS + 1]].map(|users| entitlement(users, "*"));
    let queues = (0..QUEUES).map(|number| Queue::all(&format!("q{number}")).with_slots(1_024));
    let config = Config {
        queues: queues.collect(),
        extra: first.clone(),
        ..Config::new(Input::tier("copy"))
    };
    let mut gateway = lab.gateway(&config).unwrap();
    // The commands of two reloads are more than may wait.
    let frozen = gateway.process.freeze("worker").unwrap();
    let reloads = |gateway: &Gateway, count| {
        wait::until("the reload", LIMIT, || {
            let status = gateway.status()?;
            Ok((status["reloads"]["applied"] == count).then_some(()))
        })
        .unwrap();
    };
    reload(&mut gateway, &first, &second);
    reloads(&gateway, 1);
    reload(&mut gateway, &second, &third);
    reloads(&gateway, 2);
    let full = "the worker does not read its commands";
    gateway
        .process
        .wait_for_line("the refusal", LIMIT, |line| line.contains(full))
        .unwrap();
    drop(frozen);
    let rotated = wait::until("all rotations", LIMIT, || {
        let status = gateway.status()?;
        let queues = status["queues"].as_array().cloned().unwrap_or_default();
        let done = queues.iter().all(|queue| queue["rotations"] == 2);
        Ok(done.then_some(queues.len()))
    });
    assert_eq!(rotated.unwrap(), QUEUES, "{}", gateway.process.output());
    let (ended, _) = gateway.process.terminate(LIMIT).unwrap();
    assert!(ended.success(), "{}", gateway.process.output());
}
