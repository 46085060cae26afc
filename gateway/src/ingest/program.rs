//! The XDP program in the kernel: loading it, filling its maps, attaching it to one interface.
//!
//! [`SteeringProgram`] owns all of it. Dropping it, or the death of the process in whatever way, detaches the
//! program and frees the maps; one whose link is pinned stays attached, and without sockets passes all to the kernel. The order of use: [`load`](SteeringProgram::load),
//! [`attach`](SteeringProgram::attach), sockets bound and put into the map
//! ([`insert_socket`](SteeringProgram::insert_socket)), groups joined; [`super::ladder`] says why. A frame that comes
//! before its queue has a socket goes to the kernel and counts as `no_socket`.

use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use aya::maps::{HashMap, Map, MapData, PerCpuArray, XskMap};
use aya::programs::Xdp;
use aya::{Ebpf, EbpfLoader};
use gateway_wire::shared::{
    MAP_SOCKETS, MAP_SOURCES, MAP_STREAMS, MAP_VERDICTS, PROGRAM, SOURCE_FILTERED, SourceKey,
    StreamKey, StreamValue,
};
use tracing::warn;

use super::card_program;
use super::handover::HandedProgram;
use super::link::{self, AttachMode, Attachment};
use super::object::xdp_object;
use super::pin::{Pin, PinError};
use super::verdicts::{VerdictCounts, VerdictReader};
use super::{IngestError, Obstacle, Stream};

/// The steering program of one interface.
#[derive(Debug)]
pub struct SteeringProgram {
    /// Of the interface it is for, for messages.
    interface: String,
    /// There while attached. Dropped before the program, so that nothing is attached without its maps.
    link: Option<Attachment>,
    /// Where its link is pinned, or was.
    pin: Option<Pin>,
    verdicts: VerdictReader,
    /// The map of the counters once more.
    counters: OwnedFd,
    /// Program and maps; nothing where another process has loaded them.
    bpf: Option<Ebpf>,
    /// The same program for one device, with the card's stamps.
    of_card: Option<OwnedFd>,
    /// Why the attached one does not read the card's stamps; `None` where it does.
    no_card_stamps: Option<Obstacle>,
}

impl SteeringProgram {
    /// Loads the program for `interface` with `streams`, whose positions are their numbers, and room for the sockets
    /// of the receive queues below `queues`. Attaches nothing yet.
    ///
    /// Of two streams with the same group and port the first counts, as in [`super::StreamTable`].
    ///
    /// # Errors
    ///
    /// [`IngestError::Privilege`] without `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_PERFMON`;
    /// [`IngestError::KernelFeature`] if the kernel's verifier refuses the program.
    pub fn load(interface: &str, streams: &[Stream], queues: u32) -> Result<Self, IngestError> {
        let fail = |action, error: &(dyn Error + 'static)| failure(interface, action, error);
        let sources: usize = streams.iter().map(|stream| stream.sources.len()).sum();
        let mut bpf = EbpfLoader::new()
            .map_max_entries(MAP_STREAMS, entries(streams.len()))
            .map_max_entries(MAP_SOURCES, entries(sources))
            .map_max_entries(MAP_SOCKETS, queues.max(1))
            .load(xdp_object())
            .map_err(|error| fail("load the XDP program", &error))?;

        let counters = bpf
            .take_map(MAP_VERDICTS)
            .ok_or_else(|| broken_object(interface, MAP_VERDICTS))?;
        let of_counters =
            |error: &(dyn Error + 'static)| fail("open the XDP program's counters", error);
        let descriptor = match &counters {
            Map::PerCpuArray(data) => data.fd().as_fd().try_clone_to_owned(),
            _ => return Err(broken_object(interface, MAP_VERDICTS)),
        };
        let descriptor = descriptor.map_err(|error| of_counters(&error))?;
        let counters = PerCpuArray::try_from(counters).map_err(|error| of_counters(&error))?;
        let mut program = Self {
            interface: interface.to_owned(),
            link: None,
            pin: None,
            verdicts: VerdictReader::new(counters),
            counters: descriptor,
            bpf: Some(bpf),
            of_card: None,
            no_card_stamps: Some(Obstacle::not_asked_for_stamps()),
        };
        program.fill(streams)?;
        program
            .xdp_mut()?
            .load()
            .map_err(|error| fail("load the XDP program", &error))?;
        Ok(program)
    }

    /// Loads it once more, for the device with this index only, so that it reads the card's stamps wherever it is attached to that
    /// device's driver. Where that fails [`no_card_stamps`](Self::no_card_stamps) says why, and the ordinary one is attached.
    pub fn load_for_card(&mut self, interface_index: u32) {
        match self.card_program(interface_index) {
            Ok(program) => self.of_card = Some(program),
            Err(obstacle) => self.no_card_stamps = Some(obstacle),
        }
    }

    /// Takes note that it is for skb mode, in which it reads no stamps of the card.
    pub(super) fn forgo_card(&mut self) {
        self.no_card_stamps = Some(none_in_skb_mode());
    }

    fn card_program(&self, interface_index: u32) -> Result<OwnedFd, Obstacle> {
        let maps = self.bpf.iter().flat_map(Ebpf::maps);
        let mut maps: Vec<(&str, BorrowedFd<'_>)> = maps
            .filter_map(|(name, map)| match map {
                Map::HashMap(data) | Map::XskMap(data) => Some((name, data.fd().as_fd())),
                _ => None,
            })
            .collect();
        maps.push((MAP_VERDICTS, self.counters.as_fd()));
        card_program::load(&maps, interface_index)
    }

    /// Why the attached program does not read the card's stamps; `None` where it does.
    #[must_use]
    pub const fn no_card_stamps(&self) -> Option<&Obstacle> {
        self.no_card_stamps.as_ref()
    }

    /// What another process needs to hold it attached and to read its counters. Its maps take no sockets any more.
    pub(super) fn hand_over(mut self) -> Result<HandedProgram, IngestError> {
        let fail = |cause: io::Error| IngestError::System {
            name: self.interface.clone(),
            action: "hand over the XDP program",
            cause: cause.to_string(),
        };
        let counters = self.counters.try_clone().map_err(fail)?;
        let link = self.link.take().map(Attachment::hand_over);
        let Some(link) = link else {
            return Err(fail(io::ErrorKind::NotConnected.into()));
        };
        let (link, pinned) = link.map_err(fail)?;
        Ok(HandedProgram {
            counters,
            link,
            pinned,
            lock: self.pin.take().and_then(Pin::hand_over),
            no_card_stamps: self.no_card_stamps,
        })
    }

    /// The program that another process has attached to `interface`.
    pub(super) fn adopt(interface: &str, handed: HandedProgram) -> Result<Self, IngestError> {
        let fail = |error: &(dyn Error + 'static)| {
            failure(interface, "open the XDP program's counters", error)
        };
        let HandedProgram {
            counters,
            link,
            pinned,
            lock,
            no_card_stamps,
        } = handed;
        let map = counters.try_clone().map_err(|error| fail(&error))?;
        let map = MapData::from_fd(map).map_err(|error| fail(&error))?;
        let map = PerCpuArray::try_from(Map::PerCpuArray(map)).map_err(|error| fail(&error))?;
        Ok(Self {
            interface: interface.to_owned(),
            link: Some(Attachment::adopt(link, pinned)),
            pin: lock.map(|lock| Pin::adopt(interface, lock)),
            verdicts: VerdictReader::new(map),
            counters,
            bpf: None,
            of_card: None,
            no_card_stamps,
        })
    }

    /// Tells the program which streams are ours.
    fn fill(&mut self, streams: &[Stream]) -> Result<(), IngestError> {
        let interface = self.interface.clone();
        let fail = |error: &(dyn Error + 'static)| {
            failure(&interface, "fill the XDP program's maps", error)
        };
        let mut seen = HashSet::new();
        for (number, stream) in (0..).zip(streams) {
            let key = StreamKey::new(stream.group.octets(), stream.port);
            if !seen.insert(key) {
                continue;
            }
            // Sources first: a stream must not be open to all for a moment.
            let mut map = self.map::<HashMap<_, [u8; 8], u8>>(MAP_SOURCES)?;
            for source in &stream.sources {
                let key = SourceKey {
                    stream: number,
                    source: source.octets(),
                };
                map.insert(key.to_bytes(), 1, 0)
                    .map_err(|error| fail(&error))?;
            }
            let flags = if stream.sources.is_empty() {
                0
            } else {
                SOURCE_FILTERED
            };
            let value = StreamValue {
                stream: number,
                flags,
            };
            self.map::<HashMap<_, [u8; 8], [u8; 8]>>(MAP_STREAMS)?
                .insert(key.to_bytes(), value.to_bytes(), 0)
                .map_err(|error| fail(&error))?;
        }
        Ok(())
    }

    /// Sends our packets of receive queue `queue` to `socket`, an AF_XDP socket that is bound to that queue of the
    /// interface. The map entry goes when the socket is closed.
    ///
    /// # Errors
    ///
    /// [`IngestError::System`] if the socket has no memory or rings yet, or `queue` is not below the number of
    /// queues that the program was loaded for.
    pub fn insert_socket(&mut self, queue: u32, socket: impl AsFd) -> Result<(), IngestError> {
        let interface = self.interface.clone();
        self.map::<XskMap<_>>(MAP_SOCKETS)?
            .set(queue, socket.as_fd().as_raw_fd(), 0)
            .map_err(|error| failure(&interface, "give the XDP program its socket", &error))
    }

    /// Lets the packets of receive queue `queue` go to the kernel again, counted as `no_socket`.
    ///
    /// # Errors
    ///
    /// [`IngestError::System`] if the queue has no socket.
    pub fn remove_socket(&mut self, queue: u32) -> Result<(), IngestError> {
        let interface = self.interface.clone();
        self.map::<XskMap<_>>(MAP_SOCKETS)?
            .unset(queue)
            .map_err(|error| failure(&interface, "take the socket from the XDP program", &error))
    }

    /// Attaches the program to the interface with this index, in exactly this mode, by a BPF link: the one that reads the card's
    /// stamps where it was loaded and the kernel takes it here, else the ordinary one.
    ///
    /// # Errors
    ///
    /// [`IngestError::ProgramAttached`] if the interface has an XDP program, ours included;
    /// [`IngestError::TierUnavailable`] with the reason if driver or kernel refuse this mode;
    /// [`IngestError::Privilege`], [`IngestError::InterfaceMissing`].
    pub fn attach(&mut self, interface_index: u32, mode: AttachMode) -> Result<(), IngestError> {
        if let Some(of_card) = &self.of_card {
            let refused = match mode {
                AttachMode::Skb => none_in_skb_mode(),
                AttachMode::Native => match self.link_of(of_card.as_fd(), interface_index, mode) {
                    Ok(link) => {
                        self.link = Some(link);
                        self.no_card_stamps = None;
                        return Ok(());
                    }
                    Err(IngestError::TierUnavailable { reason, remedy, .. }) => Obstacle::new(
                        format!("the program that reads them cannot be attached: {reason}"),
                        remedy,
                    ),
                    Err(other) => return Err(other),
                },
            };
            self.no_card_stamps = Some(refused);
        }
        self.link = Some(self.link_of(self.program()?, interface_index, mode)?);
        Ok(())
    }

    /// Attaches `program`, by the link that is pinned for it where there is one.
    fn link_of(
        &self,
        program: BorrowedFd<'_>,
        interface_index: u32,
        mode: AttachMode,
    ) -> Result<Attachment, IngestError> {
        let adopted = match &self.pin {
            Some(pin) => link::adopt(program, &self.interface, interface_index, mode, pin)?,
            None => None,
        };
        match adopted {
            Some(link) => Ok(link),
            None => link::attach(program, &self.interface, interface_index, mode),
        }
    }

    /// Detaches the program, pinned or not; its counters stay.
    pub fn detach(&mut self) {
        let Some(mut link) = self.link.take() else {
            return;
        };
        if let Some(pin) = &self.pin
            && let Err(cause) = link.unpin(pin)
        {
            let path = pin.path();
            warn!(interface = self.interface, %cause, path = %path.display(), "the XDP link stays pinned");
        }
    }

    /// Before it is attached: has a link adopted that is pinned for the interface, and makes room for one if `keep`.
    ///
    /// # Errors
    ///
    /// [`IngestError::ProgramAttached`] while another gateway uses that link; [`IngestError::System`] where there is no BPF
    /// file system.
    pub(super) fn find_pinned(&mut self, keep: bool) -> Result<(), IngestError> {
        if self.pin.is_some() {
            return Ok(());
        }
        let claimed = if keep {
            Pin::claim(&self.interface)
        } else if Pin::exists(&self.interface) {
            Pin::open(&self.interface)
        } else {
            return Ok(());
        };
        self.pin = Some(claimed.map_err(|error| error.into_ingest(&self.interface))?);
        Ok(())
    }

    /// Has the program stay attached beyond this process' end, or not.
    ///
    /// # Errors
    ///
    /// [`IngestError::System`] where the kernel refuses.
    pub(super) fn keep(&mut self, keep: bool) -> Result<(), IngestError> {
        let (Some(link), Some(pin)) = (&mut self.link, &self.pin) else {
            return Ok(());
        };
        let done = if keep { link.pin(pin) } else { link.unpin(pin) };
        done.map_err(|cause| PinError::System(cause).into_ingest(&self.interface))
    }

    /// A reader of the program's counters, for another thread.
    #[must_use]
    pub fn verdict_reader(&self) -> VerdictReader {
        self.verdicts.clone()
    }

    /// The program's counters now.
    ///
    /// # Errors
    ///
    /// [`IngestError::System`], for which the kernel has no reason.
    pub fn verdicts(&self) -> Result<VerdictCounts, IngestError> {
        self.verdicts
            .read()
            .map_err(|error| failure(&self.interface, "read the XDP program's counters", &error))
    }

    /// The loaded program's descriptor.
    ///
    /// # Errors
    ///
    /// [`IngestError::System`] if the embedded object is not ours.
    pub fn program(&self) -> Result<BorrowedFd<'_>, IngestError> {
        let program = self
            .bpf
            .as_ref()
            .and_then(|bpf| bpf.program(PROGRAM))
            .ok_or_else(|| broken_object(&self.interface, PROGRAM))?;
        let fd = program
            .fd()
            .map_err(|error| failure(&self.interface, "use the XDP program", &error))?;
        Ok(fd.as_fd())
    }

    fn xdp_mut(&mut self) -> Result<&mut Xdp, IngestError> {
        let interface = &self.interface;
        let program = self
            .bpf
            .as_mut()
            .and_then(|bpf| bpf.program_mut(PROGRAM))
            .ok_or_else(|| broken_object(interface, PROGRAM))?;
        program
            .try_into()
            .map_err(|error: aya::programs::ProgramError| {
                failure(interface, "use the XDP program", &error)
            })
    }

    fn map<'a, M>(&'a mut self, name: &'static str) -> Result<M, IngestError>
    where
        M: TryFrom<&'a mut aya::maps::Map, Error = aya::maps::MapError>,
    {
        let interface = &self.interface;
        let map = self
            .bpf
            .as_mut()
            .and_then(|bpf| bpf.map_mut(name))
            .ok_or_else(|| broken_object(interface, name))?;
        M::try_from(map).map_err(|error| failure(interface, "open the XDP program's maps", &error))
    }
}

fn none_in_skb_mode() -> Obstacle {
    Obstacle::new(
        "no program that is bound to a device runs in skb mode, behind its driver",
        "a tier above skb, or `mode = \"socket\"`",
    )
}

/// A map's size: the kernel takes no empty ones.
fn entries(wanted: usize) -> u32 {
    u32::try_from(wanted).unwrap_or(u32::MAX).max(1)
}

fn broken_object(interface: &str, part: &str) -> IngestError {
    IngestError::System {
        name: interface.to_owned(),
        action: "load the XDP program",
        cause: format!(
            "the embedded object has no `{part}`; build the gateway again with `cargo xtask ebpf`"
        ),
    }
}

/// What the kernel's refusal of something means, by the errno at the end of `error`'s causes.
fn failure(interface: &str, action: &'static str, error: &(dyn Error + 'static)) -> IngestError {
    let name = interface.to_owned();
    let mut text = error.to_string();
    let mut errno = None;
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            errno = io.raw_os_error();
        }
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    // Without CAP_PERFMON the verifier forbids arithmetic on packet pointers, and says so in its log only.
    if text.contains("prohibited") {
        let cause =
            "the BPF verifier wants CAP_PERFMON for the program's packet pointers".to_owned();
        return IngestError::Privilege {
            name,
            action,
            cause,
        };
    }
    match errno {
        Some(libc::EPERM) => IngestError::Privilege {
            name,
            action,
            cause: first_line(&text),
        },
        Some(libc::EACCES | libc::EINVAL | libc::E2BIG | libc::ENOSYS) => {
            IngestError::KernelFeature {
                feature: "what the XDP program needs",
                cause: text,
                remedy: "Linux 5.11 or newer runs it; on an older one set `mode = \"socket\"`",
            }
        }
        _ => IngestError::System {
            name,
            action,
            cause: text,
        },
    }
}

/// Without the verifier's log, which is empty or off the point where the privilege is missing.
fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(" Verifier output: ")
        .to_owned()
}
