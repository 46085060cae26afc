//! The broker over real sockets: what clients get, what hostile ones do, what nobody can do to a queue.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gateway::broker::{Broker, BrokerError, BrokerOptions, Registry};
use gateway_client::protocol::{ErrorCode, Reply, Request};
use gateway_client::{Client, ClientError, Closed, Event, Record, Start, SubscribeOptions};
use gateway_queue::{Ending, Publisher, PublisherOptions, QueueHandle};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

struct Running {
    path: PathBuf,
    registry: Arc<Registry>,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

fn queue(name: &str) -> (Publisher, QueueHandle) {
    let options = PublisherOptions {
        name: name.into(),
        slots: 256,
        lock_memory: false,
        ..Default::default()
    };
    Publisher::create(&options).unwrap()
}

fn start(queues: Vec<QueueHandle>, clients_max: usize) -> Running {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run/broker.sock");
    let broker = Broker::bind_with(BrokerOptions {
        clients_max,
        ..BrokerOptions::at(&path)
    })
    .unwrap();
    run(broker, queues, path, directory)
}

fn run(
    broker: Broker,
    queues: Vec<QueueHandle>,
    path: PathBuf,
    directory: tempfile::TempDir,
) -> Running {
    let registry = broker.registry();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let status = || format!("{{\"filler\":\"{}\"}}", "x".repeat(40_000));
        runtime
            .block_on(broker.run(queues, status, async { drop(stopped.await) }))
            .unwrap();
    });
    Running {
        path,
        registry,
        stop,
        thread,
        _directory: directory,
    }
}

impl Running {
    fn stop(self) -> tempfile::TempDir {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap();
        self._directory
    }
}

/// A record of seven words that a client sees as one of the exchange's own, carrying `id`.
fn record(id: u64) -> [u64; 7] {
    [14 | 0xF1 << 8 | 40 << 16, id, id, id, id, id, id]
}

fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !happened() {
        assert!(
            Instant::now() < deadline,
            "{what} did not happen within 5 s"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn raw(path: &Path) -> OwnedFd {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    let timeout = Some(Duration::from_secs(5));
    rustix::net::sockopt::set_socket_timeout(&socket, rustix::net::sockopt::Timeout::Recv, timeout)
        .unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

fn send(socket: &OwnedFd, message: &[u8]) -> io::Result<usize> {
    rustix::net::send(socket, message, SendFlags::NOSIGNAL).map_err(Into::into)
}

fn receive(socket: &OwnedFd) -> Option<Reply> {
    let mut buffer = [0_u8; 20_000];
    let (len, _) = rustix::net::recv(socket, &mut buffer, RecvFlags::empty()).unwrap_or((0, 0));
    (len > 0).then(|| Reply::decode(&buffer[..len]).unwrap().1)
}

#[test]
fn a_client_lists_subscribes_reads_and_is_seen() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle, queue("other").1], 8);
    let client = Client::connect(&gateway.path).unwrap();
    assert_eq!(client.gateway_pid(), std::process::id());
    let names: Vec<_> = client
        .queues()
        .unwrap()
        .into_iter()
        .map(|queue| queue.name)
        .collect();
    assert_eq!(names, ["all", "other"]);
    assert_eq!(client.status().unwrap().len(), 40_000 + 13);

    for id in 0..10 {
        publisher.publish(&record(id));
    }
    let options = SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("strategy\u{1b}[2J")
    };
    let mut subscription = client.subscribe("all", &options).unwrap();
    for id in 0..10_u64 {
        let Event::Record(Record::Native { bytes, .. }) = subscription.poll() else {
            panic!("no record {id}")
        };
        assert_eq!(
            bytes,
            record(id)[2..]
                .iter()
                .flat_map(|word| word.to_le_bytes())
                .collect::<Vec<_>>()
        );
    }
    assert!(matches!(subscription.poll(), Event::Empty));
    publisher.publish(&record(10));
    publisher.publish(&record(11));
    eventually("the reader's position", || {
        subscription.wait(Duration::from_millis(5));
        gateway
            .registry
            .readers()
            .first()
            .is_some_and(|reader| reader.position == 12 && reader.lag == 0)
    });
    let reader = gateway.registry.readers().remove(0);
    assert_eq!(
        (reader.name.as_str(), reader.queue.as_str()),
        ("strategy?[2J", "all")
    );
    assert_eq!((reader.pid, reader.lost), (std::process::id(), 0));
    assert!(reader.last_poll_age().unwrap() < Duration::from_secs(5));

    drop(subscription);
    eventually("the reader's end", || gateway.registry.readers().is_empty());
    gateway.stop();
}

#[test]
fn an_unknown_queue_is_refused_with_the_names_of_those_there_are() {
    let gateway = start(vec![queue("all").1], 8);
    let client = Client::connect(&gateway.path).unwrap();
    let error = client
        .subscribe("al", &SubscribeOptions::default())
        .unwrap_err();
    assert!(matches!(
        error,
        ClientError::Refused {
            code: ErrorCode::UnknownQueue,
            ..
        }
    ));
    assert!(error.to_string().contains("there are: all"), "{error}");
    gateway.stop();
}

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

#[test]
fn nobody_can_write_to_a_queue() {
    use rustix::fs::{FallocateFlags, Mode, OFlags};
    use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let socket = raw(&gateway.path);
    send(
        &socket,
        &Request::Subscribe {
            queue: "all".into(),
            reader: "evil".into(),
        }
        .encode(1),
    )
    .unwrap();
    let [ring, page] = <[OwnedFd; 2]>::try_from(receive_descriptors(&socket)).unwrap();
    let len = rustix::fs::fstat(&ring).unwrap().st_size as usize;

    // SAFETY: new mappings at addresses of the kernel's choice, unmapped with the process.
    let map = |protection, fd: &OwnedFd| unsafe {
        rustix::mm::mmap(
            std::ptr::null_mut(),
            len,
            protection,
            MapFlags::SHARED,
            fd,
            0,
        )
    };
    assert!(
        map(ProtFlags::READ | ProtFlags::WRITE, &ring).is_err(),
        "mapped writable"
    );
    let mapped = map(ProtFlags::READ, &ring).unwrap();
    // SAFETY: the range was just mapped and nobody refers to it.
    let upgraded =
        unsafe { rustix::mm::mprotect(mapped, len, MprotectFlags::READ | MprotectFlags::WRITE) };
    assert!(upgraded.is_err(), "made writable");
    assert!(rustix::io::write(&ring, b"x").is_err(), "written");
    assert!(rustix::fs::ftruncate(&ring, 0).is_err(), "truncated");
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    assert!(
        rustix::fs::fallocate(&ring, punch, 0, 4096).is_err(),
        "punched"
    );
    assert!(
        rustix::fs::fcntl_add_seals(&ring, rustix::fs::SealFlags::WRITE).is_err(),
        "sealed further"
    );
    // As root the file itself opens for writing; the seals then refuse every use of it.
    let path = format!("/proc/self/fd/{}", ring.as_raw_fd());
    if let Ok(reopened) = rustix::fs::open(path, OFlags::RDWR, Mode::empty()) {
        assert!(
            map(ProtFlags::READ | ProtFlags::WRITE, &reopened).is_err(),
            "reopened and mapped writable"
        );
        assert!(
            rustix::io::write(&reopened, b"x").is_err(),
            "reopened and written"
        );
        assert!(
            rustix::fs::ftruncate(&reopened, 0).is_err(),
            "reopened and truncated"
        );
        assert!(
            rustix::fs::fallocate(&reopened, punch, 0, 4096).is_err(),
            "reopened and punched"
        );
    }

    // Its own page it may spoil, and the gateway only shows nonsense for it.
    assert!(
        rustix::fs::ftruncate(&page, 0).is_err(),
        "the page was taken from under the gateway"
    );
    rustix::io::write(&page, &[0xFF; 4096]).unwrap();
    let reader = gateway.registry.readers().remove(0);
    assert_eq!((reader.position, reader.lag), (u64::MAX, 0));
    rustix::fs::fallocate(&page, punch, 0, 4096).unwrap();
    assert_eq!(gateway.registry.readers().remove(0).position, 0);

    publisher.publish(&record(1));
    let mut honest = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &oldest())
        .unwrap();
    assert!(matches!(honest.poll(), Event::Record(_)));
    gateway.stop();
}

fn oldest() -> SubscribeOptions {
    SubscribeOptions {
        start: Start::Oldest,
        ..SubscribeOptions::named("test")
    }
}

fn receive_descriptors(socket: &OwnedFd) -> Vec<OwnedFd> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut buffer = [0; 1024];
    let mut slices = [io::IoSliceMut::new(&mut buffer)];
    rustix::net::recvmsg(socket, &mut slices, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(rights) => Some(rights.collect::<Vec<_>>()),
        _ => None,
    });
    rights.flatten().collect()
}

#[test]
fn malformed_messages_are_answered_counted_and_end_the_connection() {
    let gateway = start(vec![queue("all").1], 8);
    let hello = Request::Hello.encode(5);
    let mut wrong_version = hello.clone();
    wrong_version[4] = 9;
    let mut unknown = hello.clone();
    unknown[6] = 99;
    let mut wrong_length = hello.clone();
    wrong_length[12] = 1;
    let mut bad_text = Request::Subscribe {
        queue: "all".into(),
        reader: "r".into(),
    }
    .encode(1);
    bad_text[16] = 0xFF;
    let cases: [(&[u8], ErrorCode); 7] = [
        (&hello[..7], ErrorCode::Malformed),
        (&[0; 16], ErrorCode::Malformed),
        (&[b'x'; 100_000], ErrorCode::Malformed),
        (&unknown, ErrorCode::Malformed),
        (&wrong_length, ErrorCode::Malformed),
        (&bad_text, ErrorCode::Malformed),
        (&wrong_version, ErrorCode::Version),
    ];
    for (message, expected) in cases {
        let socket = raw(&gateway.path);
        send(&socket, message).unwrap();
        let Some(Reply::Error { code, text }) = receive(&socket) else {
            panic!("no answer")
        };
        assert_eq!(code, expected, "{text}");
        assert!(text.contains("speaks version 1"), "{text}");
        assert_eq!(receive(&socket), None, "the connection lives on");
    }
    let counters = gateway.registry.counters();
    assert_eq!((counters.malformed, counters.wrong_version), (6, 1));
    eventually("the end of all clients", || {
        gateway.registry.counters().clients == 0
    });
    Client::connect(&gateway.path).unwrap();
    gateway.stop();
}

#[test]
fn descriptors_that_a_client_sends_are_not_kept() {
    let gateway = start(vec![], 8);
    let socket = raw(&gateway.path);
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    let before = open();
    let gift = fs::File::open("/dev/null").unwrap();
    for number in 0..20 {
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
        let gifts = [std::os::fd::AsFd::as_fd(&gift)];
        control.push(rustix::net::SendAncillaryMessage::ScmRights(&gifts));
        let hello = Request::Hello.encode(number);
        rustix::net::sendmsg(
            &socket,
            &[IoSlice::new(&hello)],
            &mut control,
            SendFlags::NOSIGNAL,
        )
        .unwrap();
        assert!(matches!(receive(&socket), Some(Reply::Welcome { .. })));
    }
    // Other tests of this process open files meanwhile, but not one for each message.
    assert!(
        open() < before + 15,
        "{before} descriptors became {}",
        open()
    );
    gateway.stop();
}

#[test]
fn clients_beyond_the_limit_are_refused_and_admitted_again_later() {
    let gateway = start(vec![queue("all").1], 3);
    let clients: Vec<_> = (0..3)
        .map(|_| Client::connect(&gateway.path).unwrap())
        .collect();
    let error = Client::connect(&gateway.path).unwrap_err();
    assert!(
        matches!(
            error,
            ClientError::Refused {
                code: ErrorCode::Busy,
                ..
            }
        ),
        "{error}"
    );
    assert!(clients[0].queues().is_ok());
    drop(clients);
    eventually("room", || Client::connect(&gateway.path).is_ok());
    assert!(gateway.registry.counters().refused_busy >= 1);
    gateway.stop();
}

#[test]
fn a_flood_of_requests_waits_and_nobody_else_does() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 32);
    let path = gateway.path.clone();
    let flood = std::thread::spawn(move || {
        let socket = raw(&path);
        rustix::net::sockopt::set_socket_timeout(
            &socket,
            rustix::net::sockopt::Timeout::Send,
            Some(Duration::from_millis(500)),
        )
        .unwrap();
        // Never reads an answer: its own socket fills, and it is let go.
        (0..10_000)
            .take_while(|&number| send(&socket, &Request::Status.encode(number)).is_ok())
            .count()
    });
    let mut subscription = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &SubscribeOptions::named("calm"))
        .unwrap();
    for id in 0..1_000 {
        publisher.publish(&record(id));
        assert!(matches!(subscription.poll(), Event::Record(_)));
    }
    let asked = Instant::now();
    Client::connect(&gateway.path).unwrap().queues().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    assert!(flood.join().unwrap() < 10_000);
    eventually("the flood's end", || {
        let counters = gateway.registry.counters();
        counters.stuck == 1 || counters.clients <= 1
    });
    gateway.stop();
}

#[test]
fn a_reader_that_reattaches_to_the_same_queue_goes_on_where_it_was() {
    let (mut publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    for id in 0..5 {
        publisher.publish(&record(id));
    }
    let client = Client::connect(&gateway.path).unwrap();
    let mut subscription = client.subscribe("all", &oldest()).unwrap();
    for _ in 0..3 {
        assert!(matches!(subscription.poll(), Event::Record(_)));
    }
    subscription.reattach().unwrap();
    assert_eq!(subscription.position(), 3);
    assert!(matches!(subscription.poll(), Event::Record(_)));
    assert_eq!(subscription.current().position, 3);
    gateway.stop();
}

#[test]
fn readers_learn_why_the_queue_ended() {
    // Stopped in order.
    let (publisher, handle) = queue("all");
    let gateway = start(vec![handle], 8);
    let mut subscription = Client::connect(&gateway.path)
        .unwrap()
        .subscribe("all", &oldest())
        .unwrap();
    publisher.close(Ending::Closed);
    let path = gateway.path.clone();
    let directory = gateway.stop();
    assert_eq!(closed(&mut subscription), Closed::Stopped);
    assert_eq!(closed(&mut subscription), Closed::Stopped);
    assert!(matches!(
        subscription.reattach(),
        Err(ClientError::Connect { .. })
    ));

    // Restarted: there is a successor by the time the reader looks.
    let (mut publisher, handle) = queue("all");
    let epoch = handle.epoch();
    publisher.publish(&record(77));
    let gateway = run(Broker::bind(&path).unwrap(), vec![handle], path, directory);
    subscription.reattach().unwrap();
    assert!(matches!(subscription.poll(), Event::Record(_)));
    assert_eq!(subscription.header().epoch, epoch);

    // Hung up: the socket is gone, the queue says nothing, its heart has stopped.
    let path = gateway.path.clone();
    let directory = gateway.stop();
    let asked = Instant::now();
    assert_eq!(closed(&mut subscription), Closed::HungUp);
    assert!(
        asked.elapsed() < Duration::from_millis(500),
        "{:?}",
        asked.elapsed()
    );

    let (publisher, handle) = queue("all");
    let gateway = run(Broker::bind(&path).unwrap(), vec![handle], path, directory);
    subscription.reattach().unwrap();
    publisher.close(Ending::Superseded { successor_epoch: 5 });
    assert_eq!(closed(&mut subscription), Closed::Restarted { epoch: 5 });
    gateway.stop();
}

fn closed(subscription: &mut gateway_client::Subscription) -> Closed {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        if let Event::Closed(reason) = subscription.wait(Duration::from_millis(10)) {
            return reason;
        }
        assert!(Instant::now() < deadline, "the end was not told");
    }
}
