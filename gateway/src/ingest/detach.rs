//! Taking XDP programs off an interface: those that a gateway left there on purpose, and others only on demand.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use gateway_wire::shared::PROGRAM;
use serde::Serialize;

use super::link;
use super::netdev;
use super::pin::{self, Pin, PinError};

pub use super::pin::PIN_FOLDER;

/// What was found of an interface, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Detached {
    /// The interface.
    pub interface: String,
    /// What there was, each in words.
    pub found: Vec<String>,
    /// What of it was removed.
    pub removed: Vec<String>,
    /// Why the rest was not, and what to do.
    pub left: Option<String>,
    /// Whether the rest is in use or somebody else's.
    pub busy: bool,
}

/// Interfaces with a pinned link, by name.
#[must_use]
pub fn pinned() -> Vec<String> {
    pin::all()
}

/// Removes the link that is pinned for an interface, with its program; with `force` also one that a running gateway uses,
/// and every other XDP program on the interface.
///
/// # Errors
///
/// The kernel's.
pub fn detach(interface: &str, force: bool) -> io::Result<Detached> {
    let mut all = Detached {
        interface: interface.to_owned(),
        found: Vec::new(),
        removed: Vec::new(),
        left: None,
        busy: false,
    };
    if pin::all().iter().any(|name| name == interface) {
        detach_pinned(&mut all, force)?;
    }
    let index = netdev::index(interface).and_then(|index| i32::try_from(index).ok());
    let rest = index.and_then(link::programs);
    let rest: Vec<(&str, u32)> = rest.into_iter().flat_map(link::Programs::all).collect();
    if rest.is_empty() || all.left.is_some() {
        return Ok(all);
    }
    let ours = |id| program_name(id).is_some_and(|name| name == PROGRAM);
    let words: Vec<String> = rest.iter().map(|(mode, id)| describe(mode, *id)).collect();
    all.found.extend(words.iter().cloned());
    if !force {
        all.busy = true;
        all.left = Some(if rest.iter().all(|(_, id)| ours(*id)) {
            format!(
                "{}: a running gateway's, which goes when that stops; --force takes it away now",
                words.join(", ")
            )
        } else {
            format!(
                "{}: not the gateway's; stop its owner (`bpftool net` shows more), or take it away with --force",
                words.join(", ")
            )
        });
        return Ok(all);
    }
    if let Some(index) = index {
        detach_all(index, &rest)?;
    }
    all.removed.extend(words);
    Ok(all)
}

fn detach_pinned(all: &mut Detached, force: bool) -> io::Result<()> {
    let place = match Pin::open(&all.interface) {
        Ok(place) => place,
        Err(PinError::System(error)) => return Err(error),
        Err(PinError::InUse) => {
            let what = format!("a link pinned in {PIN_FOLDER}/{}, in use", all.interface);
            all.found.push(what);
            if !force {
                all.busy = true;
                all.left = Some(
                    "a running gateway uses the pinned link; stop it first, or take it away with --force".to_owned(),
                );
                return Ok(());
            }
            Pin::open_used(&all.interface)?
        }
    };
    let path = place.path();
    if let Some(link) = place.link()? {
        let facts = link::info(link.as_fd())?;
        let what = match facts {
            Some(facts) if facts.interface != 0 => format!(
                "{}, pinned at {}",
                describe("XDP", facts.program),
                path.display()
            ),
            Some(_) => format!(
                "a link of an interface that is gone, pinned at {}",
                path.display()
            ),
            None => format!("something that is no XDP link, at {}", path.display()),
        };
        all.found.push(what.clone());
        if facts.is_none() && !force {
            all.busy = true;
            all.left = Some(format!("{what}; --force removes it"));
            return Ok(());
        }
        // Unpinned first: an interruption leaves a program that goes with its last descriptor, not one without a name.
        place.clear()?;
        if facts.is_some_and(|facts| facts.interface != 0) {
            link::detach(link.as_fd())?;
        }
        all.removed.push(what);
    }
    place.remove()
}

/// Takes all programs off: by their links, and those that netlink attached by netlink.
fn detach_all(index: i32, programs: &[(&str, u32)]) -> io::Result<()> {
    let mut id = 0;
    // SAFETY: `id` lives through the call.
    while unsafe { libxdp_sys::bpf_link_get_next_id(id, &raw mut id) } == 0 {
        // SAFETY: takes a number.
        let fd = unsafe { libxdp_sys::bpf_link_get_fd_by_id(id) };
        if fd < 0 {
            // It is gone by now.
            continue;
        }
        // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
        let link = unsafe { OwnedFd::from_raw_fd(fd) };
        if let Ok(Some(facts)) = link::info(link.as_fd())
            && i32::try_from(facts.interface) == Ok(index)
            && programs.iter().any(|(_, id)| *id == facts.program)
        {
            link::detach(link.as_fd())?;
        }
    }
    let rest = link::programs(index);
    for (mode, _) in rest.into_iter().flat_map(link::Programs::all) {
        /// `XDP_FLAGS_*_MODE` of linux/if_link.h.
        const fn flags(mode: &str) -> u32 {
            match mode.as_bytes() {
                b"skb" => 1 << 1,
                b"native" => 1 << 2,
                _ => 1 << 3,
            }
        }
        // SAFETY: takes numbers; without options whatever program is there goes.
        match unsafe { libxdp_sys::bpf_xdp_detach(index, flags(mode), std::ptr::null()) } {
            0 => {}
            error => return Err(io::Error::from_raw_os_error(error.wrapping_neg())),
        }
    }
    Ok(())
}

fn describe(mode: &str, id: u32) -> String {
    match program_name(id) {
        Some(name) => format!("{mode} program {name} (id {id})"),
        None => format!("{mode} program, id {id}"),
    }
}

/// A program's name, as it was loaded with.
fn program_name(id: u32) -> Option<String> {
    // SAFETY: takes a number.
    let fd = unsafe { libxdp_sys::bpf_prog_get_fd_by_id(id) };
    if fd < 0 {
        return None;
    }
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    let program = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: a C struct of numbers, for which all-zero bytes are a valid value.
    let mut info: libxdp_sys::bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as u32;
    // SAFETY: the descriptor is open, and `info` has the room that `length` says.
    let result = unsafe {
        libxdp_sys::bpf_prog_get_info_by_fd(program.as_raw_fd(), &raw mut info, &raw mut length)
    };
    if result != 0 {
        return None;
    }
    let bytes = info.name.map(|byte| byte.cast_unsigned());
    let name = CStr::from_bytes_until_nul(&bytes).ok()?;
    Some(name.to_string_lossy().into_owned()).filter(|name| !name.is_empty())
}
