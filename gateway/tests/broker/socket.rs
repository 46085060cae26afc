//! The socket: nobody's is stolen, a dead one is replaced.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use gateway::broker::{Broker, BrokerError};
use gateway_client::Client;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use crate::rig::{run, start};

#[test]
fn a_second_gateway_is_refused_and_a_dead_one_replaced() {
    let gateway = start(vec![], 8);
    let mode = fs::metadata(&gateway.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    let Err(BrokerError::AlreadyRunning { pid, .. }) = Broker::bind(&gateway.path) else {
        panic!("two gateways")
    };
    assert_eq!(pid, Some(std::process::id()));
    let path = gateway.path.clone();
    let directory = gateway.stop();
    assert!(!path.exists(), "the socket stayed");

    // A socket whose listener is gone, as SIGKILL leaves it.
    let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    drop(socket);
    assert!(path.exists());
    let broker = Broker::bind(&path).unwrap();
    let gateway = run(broker, vec![], path, directory);
    Client::connect(&gateway.path).unwrap();
    gateway.stop();
}

#[test]
fn whoever_holds_the_directorys_lock_keeps_no_gateway_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let bystander = fs::File::open(directory.path()).unwrap();
    rustix::fs::flock(&bystander, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let path = directory.path().join("broker.sock");
    let broker = Broker::bind(&path).unwrap();
    let gateway = run(broker, vec![], path, directory);
    Client::connect(&gateway.path).unwrap();
    gateway.stop();
}

#[test]
fn what_is_not_a_gateways_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "precious").unwrap();
    assert!(matches!(
        Broker::bind(&file),
        Err(BrokerError::Occupied {
            what: "not a socket",
            ..
        })
    ));
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    let stream = directory.path().join("stream");
    let _listener = std::os::unix::net::UnixListener::bind(&stream).unwrap();
    assert!(matches!(
        Broker::bind(&stream),
        Err(BrokerError::Occupied {
            what: "another program's socket",
            ..
        })
    ));
    let long = directory.path().join("x".repeat(120));
    assert!(
        Broker::bind(&long)
            .unwrap_err()
            .to_string()
            .contains("107 bytes")
    );
}

#[test]
fn a_listener_that_does_not_answer_is_not_robbed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stuck");
    let stuck = Broker::bind(&path).unwrap();
    assert!(matches!(
        Broker::bind(&path),
        Err(BrokerError::AlreadyRunning { pid: None, .. })
    ));
    drop(stuck);
    assert!(!path.exists());
}
