//! Attaching an XDP program by a BPF link, and never in another way.
//!
//! A link ends with the last descriptor of it, so a killed gateway leaves nothing attached, unless the link is pinned on
//! purpose ([`super::pin`]). aya falls back to an attachment by netlink where the kernel refuses a link; such a program
//! would stay after a crash, and could replace somebody else's. Hence the few calls to libbpf here.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libxdp_sys::{bpf_link_create, bpf_link_create_opts, bpf_xdp_query, bpf_xdp_query_opts};
use tracing::{info, warn};

use super::pin::Pin;
use super::{IngestError, Obstacle, Tier, mtu, netdev};

/// Where in the kernel the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachMode {
    /// In the driver, before the kernel builds a socket buffer.
    Native,
    /// In the kernel's generic hook, behind any driver.
    Skb,
}

impl AttachMode {
    /// `XDP_FLAGS_DRV_MODE` or `XDP_FLAGS_SKB_MODE` (`linux/if_link.h`).
    const fn flags(self) -> u32 {
        match self {
            Self::Native => 1 << 2,
            Self::Skb => 1 << 1,
        }
    }

    /// The best tier that this mode allows without a promise of zero-copy.
    const fn tier(self) -> Tier {
        match self {
            Self::Native => Tier::Copy,
            Self::Skb => Tier::Skb,
        }
    }
}

/// An attachment; dropping it detaches the program, unless its link is pinned.
#[derive(Debug)]
pub(super) struct Attachment {
    link: OwnedFd,
    pinned: bool,
}

impl Attachment {
    /// Has the program stay attached beyond this process' end.
    pub(super) fn pin(&mut self, pin: &Pin) -> io::Result<()> {
        if !self.pinned {
            pin.place(self.link.as_fd())?;
            self.pinned = true;
        }
        Ok(())
    }

    /// Its link, and whether that is pinned, to be held by another process.
    pub(super) fn hand_over(mut self) -> io::Result<(OwnedFd, bool)> {
        let (link, pinned) = (self.link.try_clone()?, self.pinned);
        // The program stays attached when this is dropped.
        self.pinned = true;
        Ok((link, pinned))
    }

    /// The attachment of a link that another process made and handed over.
    pub(super) const fn adopt(link: OwnedFd, pinned: bool) -> Self {
        Self { link, pinned }
    }

    /// Has the program go with this.
    pub(super) fn unpin(&mut self, pin: &Pin) -> io::Result<()> {
        pin.clear()?;
        self.pinned = false;
        Ok(())
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if !self.pinned {
            // Closing would do, but only once a child that is being forked this moment has closed its copy too.
            // An error leaves the closing, which follows.
            let _ = detach(self.link.as_fd());
        }
    }
}

/// Takes a link's program off its interface, whoever has the link.
pub(super) fn detach(link: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    match unsafe { libxdp_sys::bpf_link_detach(link.as_raw_fd()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error.wrapping_neg())),
    }
}

/// What the kernel says of an XDP link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkInfo {
    /// Its program's number.
    pub(super) program: u32,
    /// Its interface; 0 once that is gone.
    pub(super) interface: u32,
}

/// What the kernel says of a link; `None` where it is of another kind.
pub(super) fn info(link: BorrowedFd<'_>) -> io::Result<Option<LinkInfo>> {
    // SAFETY: a C struct of numbers, for which all-zero bytes are a valid value.
    let mut info: libxdp_sys::bpf_link_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as u32;
    // SAFETY: the descriptor is open, and `info` has the room that `length` says.
    let result = unsafe {
        libxdp_sys::bpf_link_get_info_by_fd(link.as_raw_fd(), &raw mut info, &raw mut length)
    };
    if result != 0 {
        return Err(io::Error::from_raw_os_error(result.wrapping_neg()));
    }
    if info.type_ != libxdp_sys::bpf_link_type_BPF_LINK_TYPE_XDP {
        return Ok(None);
    }
    Ok(Some(LinkInfo {
        program: info.prog_id,
        // SAFETY: the kernel fills in this variant for a link of this type; all are numbers.
        interface: unsafe { info.__bindgen_anon_1.xdp.ifindex },
    }))
}

/// Puts `program` into the link that is pinned for this interface, if that is attached to it in this mode. One that is of
/// no use is taken away; one of another interface is left alone, and an error.
pub(super) fn adopt(
    program: BorrowedFd<'_>,
    name: &str,
    index: u32,
    mode: AttachMode,
    pin: &Pin,
) -> Result<Option<Attachment>, IngestError> {
    let fail = |cause: io::Error| IngestError::System {
        name: name.to_owned(),
        action: "adopt the pinned XDP link",
        cause: format!("{cause}; `gateway detach {name}` removes it"),
    };
    let Some(link) = pin.link().map_err(fail)? else {
        return Ok(None);
    };
    let Some(found) = info(link.as_fd()).map_err(fail)? else {
        let cause = io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} is no XDP link", pin.path().display()),
        );
        return Err(fail(cause));
    };
    let here = i32::try_from(index).ok().and_then(programs);
    let is_here = found.interface == index
        && here.is_some_and(|here| here.all().any(|(_, id)| id == found.program));
    if !is_here && found.interface != 0 {
        let cause = io::Error::new(
            io::ErrorKind::AddrInUse,
            format!(
                "{} is the link of another interface (index {} of its network namespace)",
                pin.path().display(),
                found.interface
            ),
        );
        return Err(fail(cause));
    }
    if here.is_some_and(|here| here.of(mode) == found.program) && is_here {
        // SAFETY: both descriptors are open for the call; without options the link's program is replaced whatever it is.
        let result = unsafe {
            libxdp_sys::bpf_link_update(link.as_raw_fd(), program.as_raw_fd(), std::ptr::null())
        };
        if result == 0 {
            info!(
                interface = name,
                "the pinned XDP link goes on with this gateway's program"
            );
            return Ok(Some(Attachment { link, pinned: true }));
        }
        let cause = io::Error::from_raw_os_error(result.wrapping_neg());
        warn!(interface = name, %cause, "the pinned XDP link takes no other program; it is replaced");
    }
    // Of an interface that is gone, or in the other mode.
    pin.clear().map_err(fail)?;
    drop(Attachment {
        link,
        pinned: false,
    });
    Ok(None)
}

/// Attaches `program` to the interface with this index; it stays as long as the result lives.
pub(super) fn attach(
    program: BorrowedFd<'_>,
    name: &str,
    index: u32,
    mode: AttachMode,
) -> Result<Attachment, IngestError> {
    let missing = || IngestError::InterfaceMissing {
        name: name.to_owned(),
    };
    let index = i32::try_from(index).map_err(|_| missing())?;
    // The kernel refuses a second program in the same mode with EBUSY, but says little about whose the first is.
    if let Some(detail) = attached(index) {
        return Err(IngestError::ProgramAttached {
            name: name.to_owned(),
            detail,
        });
    }
    // SAFETY: all-zero is a valid value of these C options: no cookie, no iterator.
    let mut options: bpf_link_create_opts = unsafe { std::mem::zeroed() };
    options.sz = size_of::<bpf_link_create_opts>();
    options.flags = mode.flags();
    // SAFETY: `program` is open for the call, and `options` lives through it with its size set.
    let link = unsafe {
        bpf_link_create(
            program.as_raw_fd(),
            index,
            libxdp_sys::bpf_attach_type_BPF_XDP,
            &raw const options,
        )
    };
    if link >= 0 {
        // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
        let link = unsafe { OwnedFd::from_raw_fd(link) };
        return Ok(Attachment {
            link,
            pinned: false,
        });
    }
    let cause = io::Error::from_raw_os_error(-link);
    Err(match cause.raw_os_error() {
        Some(libc::EBUSY | libc::EEXIST) => IngestError::ProgramAttached {
            name: name.to_owned(),
            detail: attached(index).unwrap_or_else(|| cause.to_string()),
        },
        Some(libc::EPERM | libc::EACCES) => IngestError::Privilege {
            name: name.to_owned(),
            action: "attach the XDP program",
            cause: cause.to_string(),
        },
        // The kernel answers EINVAL for an index that no interface has.
        _ if !netdev::exists(index.unsigned_abs()) => missing(),
        code => {
            let driver = netdev::driver(name).unwrap_or_default();
            let link = netdev::mtu(index.unsigned_abs()).ok();
            let too_long = link.and_then(|bytes| mtu::too_long(name, &driver, bytes));
            let Obstacle { reason, remedy } = refusal(name, code, &cause, mode, too_long);
            IngestError::TierUnavailable {
                name: name.to_owned(),
                tier: mode.tier(),
                reason,
                remedy,
            }
        }
    })
}

/// What an errno of the attachment means, in words. A link says nothing but its errno, so an MTU that the driver is known
/// not to take (`too_long`) is named where the errno fits.
fn refusal(
    name: &str,
    code: Option<i32>,
    cause: &io::Error,
    mode: AttachMode,
    too_long: Option<Obstacle>,
) -> Obstacle {
    let refused = matches!(code, Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ERANGE));
    if let (AttachMode::Native, true, Some(Obstacle { reason, remedy })) = (mode, refused, too_long)
    {
        return Obstacle::new(
            format!("the driver refuses XDP ({cause}): {reason}"),
            remedy,
        );
    }
    let merging_off = format!(
        "switch LRO and hardware GRO off (`ethtool -K {name} lro off rx-gro-hw off`); `dmesg` may say what else it minds"
    );
    match (code, mode) {
        (Some(libc::EOPNOTSUPP), AttachMode::Native) => Obstacle::new(
            format!("the driver has no native XDP in its present settings ({cause})"),
            merging_off,
        ),
        (Some(libc::EINVAL | libc::ERANGE), AttachMode::Native) => Obstacle::new(
            format!(
                "the driver refuses XDP ({cause}): the MTU may be too large for it, LRO or hardware GRO may be on, or the \
                 kernel is older than 5.9 and knows no XDP links"
            ),
            format!("set the MTU to 1500 (`ip link set dev {name} mtu 1500`); {merging_off}"),
        ),
        (Some(libc::ENOMEM | libc::ENOSPC), AttachMode::Native) => Obstacle::new(
            format!("the driver has no queues or memory left for XDP ({cause})"),
            format!(
                "use fewer channels: `ethtool -L {name} combined N`, at most half of what `ethtool -l {name}` shows"
            ),
        ),
        (Some(libc::EINVAL), AttachMode::Skb) => Obstacle::new(
            format!("the kernel refuses an XDP link ({cause}): it may be older than 5.9"),
            "boot Linux 5.15 or newer",
        ),
        _ => Obstacle::new(
            format!("the kernel refuses to attach the XDP program ({cause})"),
            "`dmesg` may say why",
        ),
    }
}

/// The programs of an interface, by their numbers; 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Programs {
    native: u32,
    skb: u32,
    offloaded: u32,
}

impl Programs {
    /// Those that there are, with their modes' names.
    pub(super) fn all(self) -> impl Iterator<Item = (&'static str, u32)> {
        [
            ("native", self.native),
            ("skb", self.skb),
            ("offloaded", self.offloaded),
        ]
        .into_iter()
        .filter(|(_, id)| *id != 0)
    }

    const fn of(self, mode: AttachMode) -> u32 {
        match mode {
            AttachMode::Native => self.native,
            AttachMode::Skb => self.skb,
        }
    }
}

/// The XDP programs of an interface; nothing if the kernel does not tell.
pub(super) fn programs(index: i32) -> Option<Programs> {
    let options = query(index)?;
    Some(Programs {
        native: options.drv_prog_id,
        skb: options.skb_prog_id,
        offloaded: options.hw_prog_id,
    })
}

/// Which XDP program the interface runs, in words; nothing if it runs none or the kernel does not tell.
pub(super) fn attached(index: i32) -> Option<String> {
    let found: Vec<String> = programs(index)?
        .all()
        .map(|(mode, id)| format!("{mode} mode, program id {id}"))
        .collect();
    (!found.is_empty()).then(|| found.join(", "))
}

/// The number of the XDP program that the interface runs; `None` where it runs none or the kernel does not tell.
#[must_use]
pub fn attached_program(index: u32) -> Option<u32> {
    let options = query(i32::try_from(index).ok()?)?;
    let ids = [options.drv_prog_id, options.skb_prog_id, options.hw_prog_id];
    ids.into_iter().find(|&id| id != 0)
}

fn query(index: i32) -> Option<bpf_xdp_query_opts> {
    let mut options = bpf_xdp_query_opts {
        // Up to the feature flags: those would be asked for by a second netlink family.
        sz: std::mem::offset_of!(bpf_xdp_query_opts, feature_flags),
        prog_id: 0,
        drv_prog_id: 0,
        hw_prog_id: 0,
        skb_prog_id: 0,
        attach_mode: 0,
        feature_flags: 0,
        xdp_zc_max_segs: 0,
    };
    // SAFETY: `options` lives through the call and says its size.
    let result = unsafe { bpf_xdp_query(index, 0, &raw mut options) };
    (result == 0).then_some(options)
}
