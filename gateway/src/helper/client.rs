//! The service's side: starts the helper and asks it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, socketpair};
use tracing::warn;

use super::protocol::{self, Answer, Request};
use crate::config::Accounts;
use crate::ingest::{
    HandedProgram, HandedQueue, Handover, IngestError, InterfaceRequest, Obstacle, Refusal, Tier,
};

/// Longest time that a question may take: the slowest cards need seconds for each of their queues.
const PATIENCE: Duration = Duration::from_secs(120);

/// The helper of this process. Dropped, it ends.
#[derive(Debug)]
pub(crate) struct Helper {
    /// One question at a time.
    socket: Mutex<OwnedFd>,
    /// Never waited for: it ends when the socket is closed, and the kernel clears it away with this process.
    _child: Child,
}

impl Helper {
    /// Starts it, for the configuration at `path`.
    ///
    /// # Errors
    /// There is no other process to be had.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        let mut command = Command::new("/proc/self/exe");
        // Not the environment, in which there may be passwords.
        command.env_clear();
        // The linker's: where this program found its libraries, the helper finds them.
        for name in ["RUST_LOG", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        sockopt::set_socket_timeout(&ours, Timeout::Recv, Some(PATIENCE))?;
        let child = command
            .arg(super::ARGUMENT)
            .arg(path)
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self {
            socket: Mutex::new(ours),
            _child: child,
        })
    }

    fn ask(&self, request: &Request) -> io::Result<(Answer, Vec<OwnedFd>)> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        // A request that is not sent, as a whole, spoils nothing: the next one may be.
        protocol::send_request(&*socket, request)?;
        let answer = protocol::receive_answer(&*socket);
        if answer.is_err() {
            // An answer that still comes would be taken for that to another question.
            let _ = rustix::net::shutdown(&*socket, Shutdown::Both);
        }
        answer
    }

    /// Whether it is still there.
    pub(crate) fn lives(&self) -> bool {
        // Whoever asks something waits for it: it lives.
        let Ok(socket) = self.socket.try_lock() else {
            return true;
        };
        let mut found = [PollFd::new(&*socket, PollFlags::empty())];
        let now = Timespec::default();
        let polled = rustix::event::poll(&mut found, Some(&now));
        polled.is_err() || !found[0].revents().contains(PollFlags::HUP)
    }

    /// Opens an interface at an AF_XDP tier.
    pub(crate) fn open(&self, request: &InterfaceRequest, tier: Tier) -> Result<Handover, Refusal> {
        let name = || request.name.clone();
        let silent = |cause: io::Error| {
            Refusal::Fatal(IngestError::System {
                name: name(),
                action: "have the helper open the interface",
                cause: match cause.kind() {
                    io::ErrorKind::InvalidInput => cause.to_string(),
                    _ => format!("{cause}; if the helper has ended, restart the gateway"),
                },
            })
        };
        let (answer, descriptors) = self
            .ask(&Request::Open {
                interface: name(),
                tier,
                streams: request.streams.clone(),
            })
            .map_err(silent)?;
        match answer {
            Answer::Opened {
                pinned,
                locked,
                queues,
                no_card_stamps,
            } => handover(pinned, locked, queues, no_card_stamps, descriptors)
                .ok_or_else(|| silent(io::ErrorKind::InvalidData.into())),
            Answer::Obstacle { reason, remedy } => Err(Refusal::Step(Obstacle { reason, remedy })),
            Answer::Privilege { action, cause } => {
                Err(Refusal::Privilege(IngestError::Privilege {
                    name: name(),
                    action: known(&action),
                    cause,
                }))
            }
            Answer::Failed { kind, message } => {
                Err(Refusal::Fatal(IngestError::Helper { kind, message }))
            }
            Answer::Refused(reason) => Err(silent(io::Error::other(reason))),
            Answer::Account(_) | Answer::Done => Err(silent(io::ErrorKind::InvalidData.into())),
        }
    }

    /// Has it let go of what it attached for tiers that did not work; with `detach`, also of what is pinned.
    pub(crate) fn let_go(&self, interface: &str, detach: bool) {
        let interface = interface.to_owned();
        let request = if detach {
            Request::Detach { interface }
        } else {
            Request::Forget { interface }
        };
        // A helper that has ended has let go of everything.
        let _ = self.ask(&request);
    }

    /// Has an interface's card stamp every packet it receives.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn start_stamping(&self, interface: &str) -> Result<(), Obstacle> {
        let interface = interface.to_owned();
        let silent = |cause: String| {
            Obstacle::new(
                format!("the helper does not have the card stamp packets ({cause})"),
                "restart the gateway, if the helper has ended",
            )
        };
        match self.ask(&Request::Stamp { interface }) {
            Ok((Answer::Done, _)) => Ok(()),
            Ok((Answer::Obstacle { reason, remedy }, _)) => Err(Obstacle { reason, remedy }),
            Ok((Answer::Refused(reason), _)) => Err(silent(reason)),
            Ok(_) => Err(silent("it answers something else".to_owned())),
            Err(cause) => Err(silent(cause.to_string())),
        }
    }

    /// Has the card stamp what it stamped before.
    pub(crate) fn stop_stamping(&self, interface: &str) {
        let interface = interface.to_owned();
        let request = Request::Unstamp { interface };
        if let Err(cause) = self.ask(&request) {
            warn!(
                interface = request.name(),
                %cause,
                "the card's stamping could not be set back; `hwstamp_ctl` of linuxptp does it"
            );
        }
    }

    fn account(&self, request: &Request) -> Result<Option<u32>, String> {
        match self.ask(request) {
            Ok((Answer::Account(number), _)) => Ok(number),
            Ok((Answer::Refused(reason), _)) => Err(reason),
            Ok((answer, _)) => Err(format!("the helper answers {answer:?}")),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidInput => Err(cause.to_string()),
            Err(cause) => Err(format!("the helper does not answer ({cause})")),
        }
    }
}

impl Accounts for Helper {
    fn user(&self, name: &str) -> Result<Option<u32>, String> {
        let name = name.to_owned();
        self.account(&Request::User { name })
    }

    fn group(&self, name: &str) -> Result<Option<u32>, String> {
        let name = name.to_owned();
        self.account(&Request::Group { name })
    }

    fn own_user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }
}

/// Gives each descriptor its place; `None` where there are more or fewer.
fn handover(
    pinned: bool,
    locked: bool,
    queues: Vec<crate::ingest::AboutQueue>,
    no_card_stamps: Option<Obstacle>,
    descriptors: Vec<OwnedFd>,
) -> Option<Handover> {
    let mut descriptors = descriptors.into_iter();
    let program = HandedProgram {
        counters: descriptors.next()?,
        link: descriptors.next()?,
        pinned,
        lock: if locked {
            Some(descriptors.next()?)
        } else {
            None
        },
        no_card_stamps,
    };
    let mut all = Vec::new();
    for about in queues {
        all.push(HandedQueue {
            about,
            socket: descriptors.next()?,
            memory: descriptors.next()?,
        });
    }
    descriptors.next().is_none().then_some(Handover {
        program,
        queues: all,
    })
}

/// What the helper was not permitted to do, in the words that messages are made of.
fn known(action: &str) -> &'static str {
    const ACTIONS: [&str; 5] = [
        "load the XDP program",
        "attach the XDP program",
        "open an AF_XDP socket",
        "fill the XDP program's maps",
        "give the XDP program its socket",
    ];
    let found = ACTIONS.into_iter().find(|known| *known == action);
    found.unwrap_or("open an AF_XDP interface")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::Ipv4Addr;

    use super::*;
    use crate::ingest::Stream;

    /// A helper that knows one user, and what it was asked for.
    fn helper() -> (Helper, std::thread::JoinHandle<Vec<Request>>) {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let thread = std::thread::spawn(move || {
            let mut asked = Vec::new();
            while let Some(request) = protocol::receive_request(&theirs).unwrap() {
                asked.push(request.unwrap());
                protocol::send_answer(&theirs, &Answer::Account(Some(7)), &[]).unwrap();
            }
            asked
        });
        let helper = Helper {
            socket: Mutex::new(ours),
            _child: Command::new("true").spawn().unwrap(),
        };
        (helper, thread)
    }

    #[test]
    fn what_cannot_be_asked_is_said_and_the_helper_is_there_for_the_next_question() {
        let (helper, thread) = helper();
        let long = "a".repeat(65);
        let refused = helper.group(&long).unwrap_err();
        assert!(refused.contains("65 bytes"), "{refused}");
        assert!(helper.user("").unwrap_err().contains("0 bytes"));
        let stream = Stream {
            group: Ipv4Addr::new(239, 1, 1, 1),
            port: 1,
            sources: Vec::new(),
        };
        let too_many = Request::Open {
            interface: "absent0".to_owned(),
            tier: Tier::Copy,
            streams: vec![stream; 5_000],
        };
        let refused = helper.ask(&too_many).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        assert!(refused.to_string().contains("5000"), "{refused}");
        assert!(helper.lives());
        assert_eq!(helper.user("alice"), Ok(Some(7)));
        drop(helper);
        let name = "alice".to_owned();
        assert_eq!(thread.join().unwrap(), [Request::User { name }]);
    }

    #[test]
    fn after_an_answer_that_makes_no_sense_no_other_is_waited_for() {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let helper = Helper {
            socket: Mutex::new(ours),
            _child: Command::new("true").spawn().unwrap(),
        };
        let send = rustix::net::SendFlags::NOSIGNAL;
        rustix::net::send(&theirs, b"nonsense", send).unwrap();
        assert!(helper.user("alice").is_err());
        protocol::send_answer(&theirs, &Answer::Account(Some(7)), &[]).unwrap_err();
        assert!(helper.user("bob").is_err());
    }
}
