//! Opening an interface: walk the tiers downwards until one works, and say why those above it do not.
//!
//! The order within a tier matters, and is: checks, program loaded and attached, sockets bound with their FILL rings
//! full, sockets into the program's map. Groups are joined last of all, by the caller, when packets have somewhere to
//! go. Attaching comes before binding because drivers make their XDP queues then, and because attaching resets some
//! NICs for seconds: the program stays attached when zero-copy is refused and copying takes its place.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::af_xdp::AfXdpIngest;
use super::allow::{self, Platform};
use super::card_program;
use super::link::AttachMode;
use super::netdev::{self, KernelVersion, XdpFeatures};
use super::plan::{self, Candidate};
use super::program::SteeringProgram;
use super::range;
use super::refusal::Refusal;
use super::socket::{SocketIngest, StreamJoins};
use super::stamping::{self, Stamping};
use super::stamping_card::{self, CardGuard};
use super::xsk::{SetupError, SetupStep};
use super::{
    Facts, Handover, IngestError, InterfaceRequest, Joins, Mode, Obstacle, Provider, Queues, Step,
    Tier,
};
use crate::helper::Helper;

/// An open interface: its providers go to workers, the rest stays with the control plane.
///
/// Dropping it detaches the XDP program, or leaves it attached without sockets where its link is pinned; the providers then
/// receive nothing more.
#[derive(Debug)]
pub struct Opened {
    /// One for each receive queue (AF_XDP), or one for all streams (socket tier).
    pub providers: Vec<Provider>,
    /// The tier in use.
    pub tier: Tier,
    /// The tiers above it that the request allowed, and why they are not used.
    pub steps: Vec<Step>,
    /// The steering program, attached as long as this lives; none in the socket tier.
    pub program: Option<SteeringProgram>,
    /// By what packets are stamped before the gateway sees them.
    pub stamping: Stamping,
    /// What the kernel said of interface and process before.
    pub facts: Facts,
    /// Index of the receiving interface.
    pub interface_index: u32,
    joining: Joining,
    /// In the socket tier: what its sockets have joined.
    stream_joins: Option<StreamJoins>,
    /// What has the card stamp packets, for as long as this lives.
    _card: Option<CardGuard>,
}

#[derive(Debug)]
struct Joining {
    name: String,
    index: u32,
}

impl Opened {
    /// Joins the streams' groups on the joining interface; the last thing to do before packets come. The sockets of the
    /// socket tier have joined already.
    ///
    /// # Errors
    ///
    /// [`IngestError::Join`].
    pub fn join(&self, request: &InterfaceRequest) -> Result<Joins, IngestError> {
        let Joining { name, index } = &self.joining;
        match &self.stream_joins {
            Some(joins) => Ok(Joins::of_receiving(
                name,
                *index,
                &request.streams,
                joins.clone(),
            )),
            None => Joins::make(name, *index, &request.streams),
        }
    }
}

/// Opens an interface at the best tier that works and that the request allows.
///
/// # Errors
///
/// The interface is missing, down or held by somebody else; privilege is missing and no tier below may be used; no tier
/// that the request allows works; a value of the request is out of range.
pub fn open(request: &InterfaceRequest) -> Result<Opened, IngestError> {
    open_by(request, &Opener::Own)
}

/// Who opens the tiers of AF_XDP.
#[derive(Clone, Debug)]
pub(crate) enum Opener {
    /// This process, with the rights that it has.
    Own,
    /// The helper.
    Helper(Arc<Helper>),
}

/// As [`open`], with the tiers of AF_XDP opened by `opener`.
pub(crate) fn open_by(request: &InterfaceRequest, opener: &Opener) -> Result<Opened, IngestError> {
    range::check(request)?;
    let index_of = |name: &str| {
        netdev::index(name).ok_or_else(|| IngestError::InterfaceMissing {
            name: name.to_owned(),
        })
    };
    let interface_index = index_of(&request.name)?;
    let joining_name = request.joining_interface();
    let joining = Joining {
        name: joining_name.to_owned(),
        index: index_of(joining_name)?,
    };

    let facts = Facts::gather(request, interface_index)
        .map_err(|(action, cause)| of_device(request, action, cause))?;
    if !facts.up {
        return Err(IngestError::InterfaceDown {
            name: request.name.clone(),
        });
    }
    let kernel = facts.kernel_version();
    let platform = Platform {
        driver: &facts.driver,
        kernel,
        features: facts.features.map(XdpFeatures::from),
    };
    let candidates = plan::candidates(
        request.mode,
        request.lowest_tier,
        request.require,
        request.force,
        platform,
    );

    let mut walk = match opener {
        Opener::Own => Walk::Own(Box::new(OwnWalk::new(
            request.clone(),
            interface_index,
            kernel,
            false,
        ))),
        Opener::Helper(helper) => Walk::Asked(Box::new(AskedWalk {
            helper,
            request,
            asked: false,
            program: None,
        })),
    };
    let mut steps = Vec::new();
    let mut refused_privilege = None;
    let mut stamped = None;
    let mut card = None;
    let helper = match opener {
        Opener::Own => None,
        Opener::Helper(helper) => Some(helper),
    };
    for Candidate {
        tier,
        ruled_out,
        forced,
    } in candidates
    {
        if request.require.is_some_and(|required| tier < required) {
            steps.push(Step::new(
                tier,
                Obstacle::new(
                    format!("`mode` allows no more than {tier}"),
                    "set `mode = \"auto\"`",
                ),
            ));
            continue;
        }
        if let Some(step) = request.avoid.iter().find(|step| step.tier == tier) {
            warn!(interface = request.name, %tier, reason = step.reason, "tier not used");
            steps.push(step.clone());
            continue;
        }
        if let Some(obstacle) = forced {
            warn!(
                interface = request.name, %tier, reason = obstacle.reason, "tried because of `force`, against what is known; watch for lost packets"
            );
        }
        let outcome = match ruled_out {
            Some(obstacle) => Err(Refusal::Step(obstacle)),
            // Without the rights for one AF_XDP tier there are none for the others.
            None if tier != Tier::Socket && refused_privilege.is_some() => Err(Refusal::Step(
                Obstacle::new("needs the same privilege", allow::PRIVILEGE_REMEDY),
            )),
            None if tier == Tier::Socket => {
                walk.detach();
                // Before the sockets join.
                let card = card
                    .take()
                    .unwrap_or_else(|| stamping_card::start(request, helper));
                let (sockets, own, card) = socket_tier(request, &joining, card, interface_index)?;
                stamped = Some((own, card));
                Ok(sockets)
            }
            None => {
                // Before the sockets are bound, and where the program may read what the card stamps.
                let wanted = request.hardware_timestamps && tier != Tier::Skb;
                if wanted && card_program::is_lent(interface_index).is_ok() {
                    card.get_or_insert_with(|| stamping_card::start(request, helper));
                }
                walk.open(tier)
            }
        };
        let obstacle = match outcome {
            Ok(mut providers) => {
                // Only now: a start that fails leaves nothing that was not there.
                let program = walk.keep()?;
                let huge_pages =
                    !providers.is_empty() && providers.iter().all(Provider::huge_pages);
                let card_stamps = program
                    .as_ref()
                    .is_some_and(|program| program.no_card_stamps().is_none());
                info!(
                    interface = request.name, %tier, driver = facts.driver, providers = providers.len(), huge_pages, card_stamps, "interface open"
                );
                if tier != Tier::Socket && request.huge_pages && !huge_pages {
                    warn!(
                        interface = request.name,
                        "no huge pages for the packet memory, ordinary ones serve; `sysctl -w vm.nr_hugepages={}` before \
                         the start reserves enough",
                        facts.packet_memory_bytes.div_ceil(2 << 20)
                    );
                }
                let stream_joins = providers.iter().find_map(|provider| match provider {
                    Provider::Socket(sockets) => Some(sockets.joins(&request.streams)),
                    _ => None,
                });
                let (stamping, card) = stamped.unwrap_or_else(|| {
                    let refused = program.as_ref().and_then(SteeringProgram::no_card_stamps);
                    stamping::of_program(request, interface_index, refused, card.take())
                });
                for provider in &mut providers {
                    provider.set_card(stamping.clock.clone());
                }
                return Ok(Opened {
                    providers,
                    tier,
                    stamping,
                    _card: card,
                    steps,
                    program,
                    facts,
                    interface_index,
                    joining,
                    stream_joins,
                });
            }
            Err(Refusal::Step(obstacle)) => obstacle,
            Err(Refusal::Privilege(error)) => {
                let reason = match &error {
                    IngestError::Privilege { action, cause, .. } => {
                        format!("no permission to {action} ({cause})")
                    }
                    other => other.to_string(),
                };
                let obstacle = Obstacle::new(reason, allow::PRIVILEGE_REMEDY);
                refused_privilege = Some(error);
                obstacle
            }
            Err(Refusal::Fatal(error)) => return Err(error),
        };
        warn!(interface = request.name, %tier, reason = obstacle.reason, "tier not used");
        steps.push(Step::new(tier, obstacle));
    }
    Err(refused_privilege.unwrap_or_else(|| no_tier(request, steps)))
}

/// How many providers the interface with this index may have at any tier: one for each receive queue to be polled.
#[must_use]
pub fn providers_max(request: &InterfaceRequest, interface_index: u32) -> usize {
    match &request.queues {
        _ if request.mode == Mode::Exactly(Tier::Socket) => 1,
        Queues::Only(queues) => queues.len(),
        Queues::All => netdev::receive_queues(interface_index).map_or(1, |active| active as usize),
    }
}

/// A walk down the tiers of AF_XDP, by whoever does it.
enum Walk<'a> {
    Own(Box<OwnWalk>),
    Asked(Box<AskedWalk<'a>>),
}

impl Walk<'_> {
    fn open(&mut self, tier: Tier) -> Result<Vec<Provider>, Refusal> {
        match self {
            Self::Own(walk) => {
                let providers = walk.open(tier)?;
                Ok(providers.into_iter().map(Provider::AfXdp).collect())
            }
            Self::Asked(walk) => walk.open(tier),
        }
    }

    /// Takes the program off the interface: no tier of AF_XDP is used.
    fn detach(&mut self) {
        match self {
            Self::Own(walk) => walk.detach_program(),
            Self::Asked(walk) => walk.let_go(true),
        }
    }

    /// The program of the tier that is used, pinned if it shall be.
    fn keep(&mut self) -> Result<Option<SteeringProgram>, IngestError> {
        match self {
            Self::Own(walk) => {
                walk.keep()?;
                Ok(walk.program.take())
            }
            Self::Asked(walk) => Ok(walk.program.take()),
        }
    }
}

/// A walk by the helper.
struct AskedWalk<'a> {
    helper: &'a Helper,
    request: &'a InterfaceRequest,
    /// Whether the helper may have something attached.
    asked: bool,
    program: Option<SteeringProgram>,
}

impl AskedWalk<'_> {
    fn open(&mut self, tier: Tier) -> Result<Vec<Provider>, Refusal> {
        self.asked = true;
        let Handover { program, queues } = self.helper.open(self.request, tier)?;
        self.asked = false;
        let name = &self.request.name;
        let fail = |cause: io::Error| IngestError::System {
            name: name.clone(),
            action: "go on with what the helper has opened",
            cause: cause.to_string(),
        };
        let program = SteeringProgram::adopt(name, program)?;
        let providers = queues
            .into_iter()
            .map(|queue| AfXdpIngest::adopt(self.request, tier, queue).map_err(fail))
            .collect::<Result<Vec<_>, _>>()?;
        self.program = Some(program);
        Ok(providers.into_iter().map(Provider::AfXdp).collect())
    }

    fn let_go(&mut self, detach: bool) {
        if std::mem::take(&mut self.asked) {
            self.helper.let_go(&self.request.name, detach);
        }
    }
}

impl Drop for AskedWalk<'_> {
    /// Where no tier worked nothing stays attached, but for what is pinned.
    fn drop(&mut self) {
        self.let_go(false);
    }
}

/// What lasts from one AF_XDP tier to the next.
#[derive(Debug)]
pub(crate) struct OwnWalk {
    request: InterfaceRequest,
    interface_index: u32,
    kernel: KernelVersion,
    program: Option<SteeringProgram>,
    attached: Option<AttachMode>,
    /// Whether another process shall go on with the sockets.
    shared: bool,
}

impl OwnWalk {
    fn new(
        request: InterfaceRequest,
        interface_index: u32,
        kernel: KernelVersion,
        shared: bool,
    ) -> Self {
        Self {
            request,
            interface_index,
            kernel,
            program: None,
            attached: None,
            shared,
        }
    }

    /// One whose sockets another process shall go on with.
    ///
    /// # Errors
    ///
    /// The request is out of range, or the interface is missing.
    pub(crate) fn shared(request: InterfaceRequest) -> Result<Self, IngestError> {
        range::check(&request)?;
        let Some(index) = netdev::index(&request.name) else {
            return Err(IngestError::InterfaceMissing { name: request.name });
        };
        let kernel = KernelVersion::running().unwrap_or(KernelVersion::new(0, 0));
        Ok(Self::new(request, index, kernel, true))
    }

    /// Whether it goes on for this request: the same streams, on the same device.
    pub(crate) fn is_for(&self, request: &InterfaceRequest) -> bool {
        self.request.streams == request.streams
            && netdev::index(&request.name) == Some(self.interface_index)
    }

    /// Takes the program off the interface, pinned or not.
    pub(crate) fn detach(mut self) {
        self.detach_program();
    }

    fn detach_program(&mut self) {
        if let Some(mut program) = self.program.take() {
            program.detach();
        }
    }

    /// Pins the program's link if it shall be pinned: only now, so that a start that fails leaves nothing that was not there.
    pub(crate) fn keep(&mut self) -> Result<(), IngestError> {
        match &mut self.program {
            Some(program) => program.keep(self.request.pin_link),
            None => Ok(()),
        }
    }

    /// What another process needs to go on.
    pub(crate) fn hand_over(
        mut self,
        providers: Vec<AfXdpIngest>,
    ) -> Result<Handover, IngestError> {
        let fail = |cause: String| IngestError::System {
            name: self.request.name.clone(),
            action: "hand over the interface",
            cause,
        };
        let program = self.program.take();
        let program = program.ok_or_else(|| fail("it has no program".to_owned()))?;
        let queues = providers.iter().map(AfXdpIngest::hand_over);
        Ok(Handover {
            queues: queues
                .collect::<io::Result<_>>()
                .map_err(|cause| fail(cause.to_string()))?,
            program: program.hand_over()?,
        })
    }

    /// Opens a tier. What is attached stays where it does not work.
    pub(crate) fn open(&mut self, tier: Tier) -> Result<Vec<AfXdpIngest>, Refusal> {
        let active = netdev::receive_queues(self.interface_index).map_err(|cause| {
            Refusal::Fatal(of_device(&self.request, "count receive queues", cause))
        })?;
        let queues = queues(&self.request, active)?;
        let mode = if tier == Tier::Skb {
            AttachMode::Skb
        } else {
            AttachMode::Native
        };

        self.attach(mode, active)?;
        let request = &self.request;
        let mut providers = Vec::with_capacity(queues.len());
        for queue in queues {
            match open_queue(request, queue, tier, self.shared) {
                Ok(provider) => providers.push(provider),
                Err(error) => {
                    return Err(Refusal::of_socket(
                        &request.name,
                        queue,
                        tier,
                        request.rx_ring,
                        error,
                    ));
                }
            }
        }
        if request.busy_poll {
            self.busy_poll(tier, &mut providers);
        }
        if let Some(program) = &mut self.program {
            for provider in &providers {
                program.insert_socket(provider.queue(), provider)?;
            }
        }
        Ok(providers)
    }

    /// Has the program loaded and attached in this mode; leaves it alone where it is so already.
    fn attach(&mut self, mode: AttachMode, active_queues: u32) -> Result<(), IngestError> {
        if self.attached == Some(mode) {
            return Ok(());
        }
        let program = match &mut self.program {
            Some(program) => program,
            none => none.insert(SteeringProgram::load(
                &self.request.name,
                &self.request.streams,
                active_queues,
            )?),
        };
        if self.request.hardware_timestamps {
            match mode {
                AttachMode::Native => program.load_for_card(self.interface_index),
                AttachMode::Skb => program.forgo_card(),
            }
        }
        program.find_pinned(self.request.pin_link)?;
        program.detach();
        self.attached = None;
        program.attach(self.interface_index, mode)?;
        self.attached = Some(mode);
        Ok(())
    }

    /// Busy polling is an optimisation: without it packets come all the same.
    fn busy_poll(&self, tier: Tier, providers: &mut [AfXdpIngest]) {
        let interface = &self.request.name;
        if let Some(reason) = allow::busy_poll_broken(tier, self.kernel) {
            warn!(interface, reason, "no busy polling");
            for provider in providers {
                provider.refuse_busy_poll(reason.clone());
            }
            return;
        }
        for provider in providers {
            let queue = provider.queue();
            if let Err(cause) = provider.prefer_busy_poll() {
                warn!(interface, queue, %cause, "no busy polling");
                provider.refuse_busy_poll(format!("the kernel refused its options ({cause})"));
            }
        }
    }
}

/// Makes a queue's socket. The kernel gives a queue back some time after its last socket was closed, so that a gateway
/// that is restarted may find it busy for a moment.
fn open_queue(
    request: &InterfaceRequest,
    queue: u32,
    tier: Tier,
    shared: bool,
) -> Result<AfXdpIngest, SetupError> {
    const ATTEMPTS: u32 = 50;
    const PAUSE: Duration = Duration::from_millis(10);
    let mut attempt = 1;
    loop {
        match AfXdpIngest::open(request, queue, tier, shared) {
            Err(SetupError {
                step: SetupStep::Bind,
                cause,
            }) if cause.raw_os_error() == Some(libc::EBUSY) && attempt < ATTEMPTS => {
                attempt += 1;
                std::thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Opens the sockets; with them what stamps their packets, and what keeps the card doing so.
fn socket_tier(
    request: &InterfaceRequest,
    joining: &Joining,
    card: Result<CardGuard, Obstacle>,
    interface_index: u32,
) -> Result<(Vec<Provider>, Stamping, Option<CardGuard>), IngestError> {
    let provider = SocketIngest::open(request, joining.index)?;
    let refused = provider.stamp(card.is_ok()).err();
    let stamping = stamping::of_sockets(request, interface_index, &card, refused.as_ref());
    if provider.buffer_bytes() < request.socket_buffer_bytes {
        warn!(
            interface = request.name,
            granted_bytes = provider.buffer_bytes(),
            wanted_bytes = request.socket_buffer_bytes,
            "small receive buffers; `sysctl -w net.core.rmem_max={}` allows larger ones",
            request.socket_buffer_bytes
        );
    }
    Ok((vec![Provider::Socket(provider)], stamping, card.ok()))
}

/// The receive queues to open.
fn queues(request: &InterfaceRequest, active: u32) -> Result<Vec<u32>, Refusal> {
    match &request.queues {
        Queues::All => Ok((0..active).collect()),
        Queues::Only(queues) => match queues.iter().find(|&&queue| queue >= active) {
            None => Ok(queues.clone()),
            Some(&queue) => Err(Refusal::Fatal(IngestError::QueueMissing {
                name: request.name.clone(),
                queue,
                active,
            })),
        },
    }
}

fn no_tier(request: &InterfaceRequest, steps: Vec<Step>) -> IngestError {
    let name = request.name.clone();
    if let Some(required) = request.require {
        return IngestError::BelowRequired {
            name,
            required,
            steps,
        };
    }
    match request.mode {
        Mode::Auto => IngestError::NoTier {
            name,
            lowest: request.lowest_tier,
            steps,
        },
        Mode::Exactly(tier) => {
            let all = |part: fn(&Step) -> &str| {
                let parts: Vec<_> = steps.iter().map(part).collect();
                parts.join("; ")
            };
            IngestError::TierUnavailable {
                reason: all(|step| &step.reason),
                remedy: all(|step| &step.remedy),
                name,
                tier,
            }
        }
    }
}

/// What it means that the kernel does not answer about an interface that was there a moment ago.
fn of_device(request: &InterfaceRequest, action: &'static str, cause: io::Error) -> IngestError {
    let name = request.name.clone();
    match cause.raw_os_error() {
        Some(libc::ENODEV | libc::ENXIO) => IngestError::InterfaceGone { name, cause },
        _ => IngestError::System {
            name,
            action,
            cause: cause.to_string(),
        },
    }
}
