//! The helper's side: opens what the configuration names, and nothing else.

use std::collections::HashMap;
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
use crate::ingest::{Handover, IngestError, InterfaceRequest, Mode, OwnWalk, Refusal, Tier};
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
    // While it opens an interface it does not look whether the service is still there.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let Ok(config) = config::load(path) else {
        // The service has read it a moment ago, and says what is wrong when it reads it again.
        return ExitCode::FAILURE;
    };
    log::start(config.gateway.log);
    confine::enter(&Bounds::of_helper(path)).tell("helper");
    let mut server = Server::new(&config, path);
    match server.serve(io::stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            error!(%cause, "the helper ended: interfaces that come back are not opened again; restart the gateway");
            ExitCode::FAILURE
        }
    }
}

/// What may be opened, and what is being opened.
#[derive(Debug)]
struct Server {
    path: PathBuf,
    /// By interface, as it was configured at the start: only groups change afterwards.
    interfaces: HashMap<String, Allowed>,
    /// Interfaces on their way down the ladder: what is attached stays for the next tier.
    walks: HashMap<String, OwnWalk>,
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
    fn new(config: &Config, path: &Path) -> Self {
        let interfaces = requests(config)
            .map(|request| {
                let later = request.clone();
                (request.name.clone(), Allowed { request, later })
            })
            .collect();
        Self {
            path: path.to_owned(),
            interfaces,
            walks: HashMap::new(),
            told: None,
        }
    }

    /// Answers until the service ends.
    fn serve(&mut self, socket: impl AsFd) -> io::Result<()> {
        while let Some(request) = protocol::receive_request(&socket)? {
            let (answer, handover) = match request {
                Ok(request) => self.answer(request),
                Err(what) => (self.refuse(format!("no request: {what}")), None),
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
                // The service has ended meanwhile.
                Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                other => other?,
            }
        }
        Ok(())
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
            Request::User { name } => account(SystemAccounts.user(&name)),
            Request::Group { name } => account(SystemAccounts.group(&name)),
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
                };
                (answer, Some(handover))
            }
            Err(refusal) => (refused(refusal), None),
        }
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

    /// Takes the groups of the interfaces that there were at the start from the file as it is now.
    fn read_again(&mut self) {
        let Ok(config) = config::load(&self.path) else {
            return;
        };
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

fn account(found: Result<Option<u32>, String>) -> Answer {
    match found {
        Ok(number) => Answer::Account(number),
        Err(cause) => Answer::Refused(cause),
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
        (Server::new(&config::load(&path).unwrap(), &path), folder)
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
        let (mut server, _folder) = server("");
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
        let root = Request::User {
            name: "root".to_owned(),
        };
        assert!(matches!(
            answer(&root.encode().unwrap()),
            Answer::Account(Some(0))
        ));
        drop(service);
        assert!(thread.join().unwrap());
    }
}
