//! The helper's side: opens what the configuration names, and nothing else.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tracing::{error, warn};

use super::protocol::{self, Answer, Request};
use crate::config::model::Input;
use crate::config::{self, Accounts, Config, SystemAccounts};
use crate::confine::{self, Bounds};
use crate::ingest::{
    AfXdpIngest, ErrorKind, Handover, IngestError, InterfaceRequest, Mode, Obstacle, OwnWalk,
    Refusal, StampingCard, Tier,
};
use crate::service::{self, log};

/// Refused requests are told of no more often than this.
const TELL: Duration = Duration::from_secs(1);

/// The helper's whole life: reads the configuration at `path`, confines itself, and answers until the service ends.
pub(crate) fn main(path: &Path) -> ExitCode {
    // It ends with the service, whatever the terminal or the service manager sends to both.
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::TERM,
        Signal::USR1,
        Signal::PIPE,
    ] {
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(signal.as_raw(), libc::SIG_IGN) };
    }
    let names = Names::default();
    let Ok(config) = config::load_with(path, &names) else {
        // The service has read it a moment ago, and says what is wrong when it reads it again.
        return ExitCode::FAILURE;
    };
    // Where the kernel does not take that, it finds out for itself, a moment later.
    let _ = outlive_service(false);
    log::start(config.gateway.log);
    confine::enter(&Bounds::of_helper(path)).tell("helper");
    let mut server = Server::new(&config, names, path, outlive_service);
    match server.serve(io::stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!(%cause, "the helper ended: interfaces that come back are not opened again; restart the gateway");
            ExitCode::FAILURE
        }
    }
}

/// Whether the helper outlives a service that is killed, for as long as it takes to set cards back. While it opens an interface it
/// does not look whether the service is still there; so, but for that, the kernel ends it.
fn outlive_service(outlives: bool) -> io::Result<()> {
    let signal = (!outlives).then_some(Signal::KILL);
    Ok(rustix::process::set_parent_process_death_signal(signal)?)
}

/// What may be opened, and what is being opened.
#[derive(Debug)]
struct Server {
    path: PathBuf,
    /// By interface, as it was configured at the start: only groups change afterwards.
    interfaces: HashMap<String, Allowed>,
    /// Users and groups of the file as it was last read without mistakes, and of what was read with some since.
    names: HashSet<Named>,
    /// Interfaces on their way down the ladder: what is attached stays for the next tier.
    walks: HashMap<String, OwnWalk>,
    /// Cards that stamp every packet, by interface; set back when they go, with the service at the latest.
    cards: HashMap<String, StampingCard>,
    /// Has it outlive the service, or not: [`outlive_service`].
    outlive: fn(bool) -> io::Result<()>,
    told: Option<Instant>,
}

/// What may be opened of one interface.
#[derive(Debug)]
struct Allowed {
    /// With the streams of the start.
    request: InterfaceRequest,
    /// With those of the file as it was read last.
    later: InterfaceRequest,
}

impl Allowed {
    fn allows_tier(&self, tier: Tier) -> bool {
        let request = &self.request;
        let floor = request
            .require
            .unwrap_or(Tier::Socket)
            .max(request.lowest_tier);
        match request.mode {
            Mode::Auto => tier >= floor,
            Mode::Exactly(only) => tier == only,
        }
    }

    fn allows_streams(&self, streams: &[crate::ingest::Stream]) -> bool {
        let known =
            |stream| self.request.streams.contains(stream) || self.later.streams.contains(stream);
        streams.iter().all(known)
    }
}

impl Server {
    fn new(
        config: &Config,
        names: Names,
        path: &Path,
        outlive: fn(bool) -> io::Result<()>,
    ) -> Self {
        let interfaces = requests(config)
            .map(|request| {
                let later = request.clone();
                (request.name.clone(), Allowed { request, later })
            })
            .collect();
        Self {
            path: path.to_owned(),
            interfaces,
            names: names.into_names(),
            walks: HashMap::new(),
            cards: HashMap::new(),
            outlive,
            told: None,
        }
    }

    /// Answers until the service ends.
    fn serve(&mut self, socket: impl AsFd) -> io::Result<()> {
        // A service that ends with an answer unread resets the connection.
        let over = |cause: &io::Error| {
            matches!(
                cause.kind(),
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
            )
        };
        loop {
            let request = match protocol::receive_request(&socket) {
                Ok(None) => return Ok(()),
                Err(cause) if over(&cause) => return Ok(()),
                received => received?,
            };
            let (answer, handover) = match request {
                Some(Ok(request)) => self.answer(request),
                Some(Err(what)) => (self.refuse(format!("no request: {what}")), None),
                None => return Ok(()),
            };
            let mut descriptors = Vec::new();
            if let Some(Handover { program, queues }) = &handover {
                descriptors.extend([program.counters.as_fd(), program.link.as_fd()]);
                descriptors.extend(program.lock.as_ref().map(AsFd::as_fd));
                for queue in queues {
                    descriptors.extend([queue.socket.as_fd(), queue.memory.as_fd()]);
                }
            }
            match protocol::send_answer(&socket, &answer, &descriptors) {
                Err(cause) if over(&cause) => return Ok(()),
                other => other?,
            }
        }
    }

    fn answer(&mut self, request: Request) -> (Answer, Option<Handover>) {
        let answer = match request {
            Request::Open {
                interface,
                tier,
                streams,
            } => return self.open(&interface, tier, streams),
            Request::Detach { interface } => {
                if let Some(walk) = self.walks.remove(&interface) {
                    walk.detach();
                }
                Answer::Done
            }
            Request::Forget { interface } => {
                self.walks.remove(&interface);
                Answer::Done
            }
            Request::User { name } => {
                self.account(&name, Named::user, |name| SystemAccounts.user(name))
            }
            Request::Group { name } => {
                self.account(&name, Named::group, |name| SystemAccounts.group(name))
            }
            Request::Stamp { interface } => self.stamp(&interface),
            Request::Unstamp { interface } => {
                self.cards.remove(&interface);
                self.outlive_if_needed();
                Answer::Done
            }
        };
        (answer, None)
    }

    fn open(
        &mut self,
        interface: &str,
        tier: Tier,
        streams: Vec<crate::ingest::Stream>,
    ) -> (Answer, Option<Handover>) {
        let request = match self.checked(interface, tier, streams) {
            Ok(request) => request,
            Err(refused) => return (self.refuse(refused), None),
        };
        let walk = match self.walks.remove(interface) {
            Some(walk) if walk.is_for(&request) => Ok(walk),
            // Another device or other groups: what was attached goes first.
            before => {
                drop(before);
                OwnWalk::shared(request)
            }
        };
        let opened = walk.map_err(Refusal::Fatal).and_then(|mut walk| {
            match walk
                .open(tier)
                .and_then(|providers| within_one_message(interface, providers))
                .and_then(|providers| Ok((providers, walk.keep()?)))
            {
                Ok((providers, ())) => Ok(walk.hand_over(providers)?),
                Err(refusal) => {
                    if matches!(refusal, Refusal::Step(_)) {
                        self.walks.insert(interface.to_owned(), walk);
                    }
                    Err(refusal)
                }
            }
        });
        match opened {
            Ok(handover) => {
                let answer = Answer::Opened {
                    pinned: handover.program.pinned,
                    locked: handover.program.lock.is_some(),
                    queues: handover
                        .queues
                        .iter()
                        .map(|queue| queue.about.clone())
                        .collect(),
                    no_card_stamps: handover.program.no_card_stamps.clone(),
                };
                (answer, Some(handover))
            }
            Err(refusal) => (refused(refusal), None),
        }
    }

    /// Has an interface's card stamp packets where the configuration of the start says so.
    fn stamp(&mut self, interface: &str) -> Answer {
        let allowed = self.interfaces.get(interface);
        if !allowed.is_some_and(|allowed| allowed.request.hardware_timestamps) {
            return self.refuse(format!(
                "the configuration does not have `{interface}` stamp packets"
            ));
        }
        if self
            .cards
            .get(interface)
            .is_some_and(StampingCard::is_there)
        {
            return Answer::Done;
        }
        // Of another device, or set by somebody else since.
        self.cards.remove(interface);
        // Before the card is set: a service that is killed this moment must not take with it who sets it back.
        if let Err(cause) = (self.outlive)(true) {
            return refused(Refusal::Step(Obstacle::new(
                format!(
                    "the helper would end with a service that is killed, and could not set the card back ({cause})"
                ),
                "a kernel that has prctl(PR_SET_PDEATHSIG)",
            )));
        }
        let answer = match StampingCard::start(interface) {
            Ok(card) => {
                self.cards.insert(interface.to_owned(), card);
                Answer::Done
            }
            Err(obstacle) => refused(Refusal::Step(obstacle)),
        };
        self.outlive_if_needed();
        answer
    }

    /// It ends with the service unless it has a card to set back.
    fn outlive_if_needed(&self) {
        let needed = self.cards.values().any(StampingCard::is_to_be_set_back);
        // Where the kernel does not take that, it finds out for itself, a moment later.
        let _ = (self.outlive)(needed);
    }

    /// The request that the configuration allows, with these streams, or why there is none.
    fn checked(
        &mut self,
        interface: &str,
        tier: Tier,
        streams: Vec<crate::ingest::Stream>,
    ) -> Result<InterfaceRequest, String> {
        let known = |allowed: &Option<&Allowed>| {
            allowed.is_some_and(|allowed| allowed.allows_streams(&streams))
        };
        if !known(&self.interfaces.get(interface)) {
            self.read_again();
        }
        let allowed = self.interfaces.get(interface);
        let Some(allowed) = allowed else {
            return Err(format!(
                "`{interface}` is no interface of the configuration"
            ));
        };
        if !allowed.allows_tier(tier) {
            return Err(format!(
                "the configuration does not allow {tier} on `{interface}`"
            ));
        }
        if !allowed.allows_streams(&streams) {
            return Err(format!(
                "a group is none of those that the configuration has on `{interface}`"
            ));
        }
        Ok(InterfaceRequest {
            streams,
            ..allowed.request.clone()
        })
    }

    /// Looks up a name that the configuration's file has; any other is none of the service's business, and a name service is
    /// much code.
    fn account(
        &mut self,
        name: &str,
        kind: fn(&str) -> Named,
        look_up: impl Fn(&str) -> Result<Option<u32>, String>,
    ) -> Answer {
        let wanted = kind(name);
        if !self.names.contains(&wanted) {
            self.read_again();
        }
        if !self.names.contains(&wanted) {
            return self.refuse(format!("`{name}` is no name of the configuration"));
        }
        match look_up(name) {
            Ok(number) => Answer::Account(number),
            Err(cause) => Answer::Refused(cause),
        }
    }

    /// Takes names, and the groups of the interfaces that there were at the start, from the file as it is now.
    fn read_again(&mut self) {
        let names = Names::default();
        let config = config::load_with(&self.path, &names);
        let names = names.into_names();
        let Ok(config) = config else {
            // The service asks for the names of a file before it knows of its mistakes, too; and goes on with those before.
            self.names.extend(names);
            return;
        };
        self.names = names;
        for request in requests(&config) {
            if let Some(allowed) = self.interfaces.get_mut(&request.name) {
                allowed.later = request;
            }
        }
    }

    fn refuse(&mut self, reason: String) -> Answer {
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.told = Some(Instant::now());
            warn!(
                reason,
                "the helper refused what the service asked for: after a reload the file may have changed again; if not, the \
                 service does what no gateway does"
            );
        }
        Answer::Refused(reason)
    }
}

/// What a configuration wants of each interface.
fn requests(config: &Config) -> impl Iterator<Item = InterfaceRequest> {
    (0..config.interfaces.len()).map(|index| {
        let streams = service::line_streams(config, Input::Interface(index));
        service::interface_request(&config.interfaces[index], streams)
    })
}

/// Refuses what has more descriptors than a message takes.
fn within_one_message(
    interface: &str,
    providers: Vec<AfXdpIngest>,
) -> Result<Vec<AfXdpIngest>, Refusal> {
    // Counters, link and lock besides.
    const QUEUES_MAX: usize = (protocol::DESCRIPTORS_MAX - 3) / 2;
    if providers.len() <= QUEUES_MAX {
        return Ok(providers);
    }
    Err(Refusal::Fatal(IngestError::Helper {
        kind: ErrorKind::InterfaceUnusable,
        message: format!(
            "`{interface}` has {} receive queues, and the helper can pass on {QUEUES_MAX}: name those that are used \
             (`queues`), have the card use fewer (`ethtool -L {interface} combined {QUEUES_MAX}`), or set \
             `confine = \"off\"`",
            providers.len()
        ),
    }))
}

/// A name of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Named {
    User(String),
    Group(String),
}

impl Named {
    fn user(name: &str) -> Self {
        Self::User(name.to_owned())
    }

    fn group(name: &str) -> Self {
        Self::Group(name.to_owned())
    }
}

/// Notes what names a configuration has, and knows nobody: so no name is looked up before the service asks for it.
#[derive(Debug, Default)]
struct Names(RefCell<HashMap<Named, u32>>);

impl Names {
    /// A number for each name, so that no two are taken for the same.
    fn note(&self, name: Named) -> Option<u32> {
        let mut names = self.0.borrow_mut();
        let next = u32::try_from(names.len()).unwrap_or(u32::MAX);
        Some(*names.entry(name).or_insert(next.saturating_add(1 << 30)))
    }

    fn into_names(self) -> HashSet<Named> {
        self.0.into_inner().into_keys().collect()
    }
}

impl Accounts for Names {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        Ok(self.note(Named::user(name)))
    }

    fn group(&self, name: &str) -> Result<Option<u32>, String> {
        Ok(self.note(Named::group(name)))
    }

    fn own_user(&self) -> u32 {
        SystemAccounts.own_user()
    }
}

fn refused(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Step(obstacle) => Answer::Obstacle {
            reason: obstacle.reason,
            remedy: obstacle.remedy,
        },
        Refusal::Privilege(IngestError::Privilege { action, cause, .. }) => Answer::Privilege {
            action: action.to_owned(),
            cause,
        },
        Refusal::Privilege(error) | Refusal::Fatal(error) => Answer::Failed {
            kind: error.kind(),
            message: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::fd::OwnedFd;

    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::ingest::Stream;

    /// A configuration with one interface, which is not on this machine.
    fn file(group: &str, keys: &str) -> String {
        format!(
            "[[interface]]\nname = \"absent0\"\n{keys}\n[[worker]]\nname = \"w\"\ninputs = [\"absent0\"]\n\
             [[channel]]\nname = \"c\"\nfeed = \"nasdaq-itch50\"\nworker = \"w\"\n\
             lines = [{{ name = \"A\", group = \"{group}\", port = 5000 }}]\n\
             [[queue]]\nname = \"q\"\nchannels = [\"c\"]\n"
        )
    }

    /// A helper for that file, with the file's folder.
    fn server(keys: &str) -> (Server, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gateway.toml");
        std::fs::write(&path, file("239.1.1.1", keys)).unwrap();
        let names = Names::default();
        let config = config::load_with(&path, &names).unwrap();
        (Server::new(&config, names, &path, |_| Ok(())), folder)
    }

    fn stream(group: [u8; 4], port: u16) -> Stream {
        Stream {
            group: group.into(),
            port,
            sources: Vec::new(),
        }
    }

    #[test]
    fn only_interfaces_tiers_and_groups_of_the_configuration_may_be_opened() {
        let (mut server, _folder) = server("lowest_tier = \"copy\"");
        let ours = || vec![stream([239, 1, 1, 1], 5000)];
        assert!(server.checked("absent0", Tier::Copy, ours()).is_ok());
        for (interface, tier, streams, why) in [
            ("lo", Tier::Copy, ours(), "no interface"),
            ("absent0\n", Tier::Copy, ours(), "no interface"),
            ("absent0", Tier::Skb, ours(), "does not allow skb"),
            (
                "absent0",
                Tier::Copy,
                vec![stream([239, 1, 1, 2], 5000)],
                "none of those",
            ),
            (
                "absent0",
                Tier::Copy,
                vec![stream([239, 1, 1, 1], 5001)],
                "none of those",
            ),
            (
                "absent0",
                Tier::Copy,
                vec![Stream {
                    sources: vec![[10, 0, 0, 1].into()],
                    ..stream([239, 1, 1, 1], 5000)
                }],
                "none of those",
            ),
        ] {
            let refused = server.checked(interface, tier, streams).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn only_cards_of_interfaces_that_are_configured_so_are_made_to_stamp() {
        let stamp = |server: &mut Server, interface: &str| {
            let interface = interface.to_owned();
            server.answer(Request::Stamp { interface }).0
        };
        let (mut server, _folder) = server("hardware_timestamps = true");
        // It may, and there is no such interface.
        let absent = stamp(&mut server, "absent0");
        assert!(
            matches!(&absent, Answer::Obstacle { reason, .. } if reason.contains("absent0")),
            "{absent:?}"
        );
        assert!(matches!(stamp(&mut server, "lo"), Answer::Refused(_)));
        let (mut server, _folder) = self::server("");
        assert!(matches!(stamp(&mut server, "absent0"), Answer::Refused(_)));
        let interface = "absent0".to_owned();
        let unstamped = server.answer(Request::Unstamp { interface }).0;
        assert!(matches!(unstamped, Answer::Done));
    }

    #[test]
    fn the_helper_is_ended_with_a_service_that_is_killed_but_for_a_card_to_set_back() {
        // Of a thread that nobody waits for: the signal is one thread's own affair.
        let seen = std::thread::spawn(|| {
            let signal = || rustix::process::parent_process_death_signal().unwrap();
            outlive_service(false).unwrap();
            let ends = signal();
            outlive_service(true).unwrap();
            (ends, signal())
        });
        assert_eq!(seen.join().unwrap(), (Some(Signal::KILL), None));

        let (mut server, _folder) = server("hardware_timestamps = true");
        server.outlive = |outlives| match outlives {
            true => Err(io::ErrorKind::Unsupported.into()),
            false => Ok(()),
        };
        let interface = "absent0".to_owned();
        let answer = server.answer(Request::Stamp { interface }).0;
        assert!(
            matches!(&answer, Answer::Obstacle { reason, .. } if reason.contains("set the card back")),
            "{answer:?}"
        );
    }

    #[test]
    fn groups_of_a_file_that_was_changed_may_be_opened_and_those_of_the_start_still() {
        let (mut server, folder) = server("");
        let path = folder.path().join("gateway.toml");
        let later = vec![stream([239, 9, 9, 9], 5000)];
        assert!(
            server
                .checked("absent0", Tier::Copy, later.clone())
                .is_err()
        );
        std::fs::write(&path, file("239.9.9.9", "mode = \"socket\"")).unwrap();
        let both = [later.clone(), vec![stream([239, 1, 1, 1], 5000)]].concat();
        assert!(server.checked("absent0", Tier::Copy, both).is_ok());
        // Only groups change: the mode is still that of the start, with which the service runs.
        assert!(server.checked("absent0", Tier::Copy, later.clone()).is_ok());
        // A file with mistakes changes nothing.
        std::fs::write(&path, "nonsense").unwrap();
        assert!(server.checked("absent0", Tier::Copy, later).is_ok());
        assert!(
            server
                .checked("absent0", Tier::Copy, vec![stream([1; 4], 1)])
                .is_err()
        );
    }

    #[test]
    fn a_service_that_sends_nonsense_is_refused_and_the_helper_goes_on() {
        let (mut server, folder) = server("");
        let path = folder.path().join("gateway.toml");
        let (service, helper): (OwnedFd, OwnedFd) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .unwrap();
        let thread = std::thread::spawn(move || server.serve(helper).is_ok());
        let answer = |bytes: &[u8]| {
            rustix::net::send(&service, bytes, SendFlags::NOSIGNAL).unwrap();
            protocol::receive_answer(&service).unwrap().0
        };
        for nonsense in [&b"x"[..], &[0; 68], &[0xff; 68], &[1; 4000], &[4; 68]] {
            assert!(matches!(answer(nonsense), Answer::Refused(_)));
        }
        let absent = Request::Open {
            interface: "absent0".to_owned(),
            tier: Tier::Copy,
            streams: vec![stream([239, 1, 1, 1], 5000)],
        };
        let answer_to_open = answer(&absent.encode().unwrap());
        assert!(
            matches!(&answer_to_open, Answer::Failed { message, .. } if message.contains("absent0")),
            "{answer_to_open:?}"
        );
        // Names of the file, as it is now, and no others.
        let root = Request::User {
            name: "root".to_owned(),
        };
        let root = root.encode().unwrap();
        assert!(matches!(answer(&root), Answer::Refused(_)));
        let named = "[[entitlement]]\nname = \"e\"\nusers = [\"root\"]\nqueues = [\"q\"]\n";
        std::fs::write(&path, file("239.1.1.1", "") + named).unwrap();
        assert!(matches!(answer(&root), Answer::Account(Some(0))));
        // A file with mistakes takes none of them away; the service asks for its own, too.
        let daemon = Request::User {
            name: "daemon".to_owned(),
        };
        let daemon = daemon.encode().unwrap();
        std::fs::write(&path, "nonsense").unwrap();
        assert!(matches!(answer(&daemon), Answer::Refused(_)));
        assert!(matches!(answer(&root), Answer::Account(Some(0))));
        let other = named
            .replace("root", "daemon")
            .replace("\"q\"", "\"unknown\"");
        std::fs::write(&path, file("239.1.1.1", "") + &other).unwrap();
        assert!(matches!(answer(&daemon), Answer::Account(_)));
        assert!(matches!(answer(&root), Answer::Account(Some(0))));
        // One without gives way to nothing else.
        std::fs::write(&path, file("239.1.1.1", "")).unwrap();
        let group = Request::Group {
            name: "root".to_owned(),
        };
        assert!(matches!(
            answer(&group.encode().unwrap()),
            Answer::Refused(_)
        ));
        assert!(matches!(answer(&root), Answer::Refused(_)));
        drop(service);
        assert!(thread.join().unwrap());
    }
}
