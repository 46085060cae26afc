//! The XDP program that reads the card's stamps: loaded for one device, beside the ordinary one and with the same maps.
//!
//! The kernel lends the card's stamp of a packet to XDP programs by its function `bpf_xdp_metadata_rx_timestamp` (Linux 6.3,
//! `Documentation/networking/xdp-rx-metadata.rst`), and that only to programs that were loaded for one device
//! (`BPF_F_XDP_DEV_BOUND_ONLY`), for the call is compiled into one of the driver's own. aya 0.14 loads none of these, and
//! knows no functions of the kernel. So the object's second program calls a helper that does not exist; here its instructions
//! are taken from the object as aya does it, that call is replaced, and the kernel is asked directly.

use std::collections::HashSet;
use std::error::Error;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

use aya_obj::Object;
use aya_obj::btf::{Btf, BtfKind};
use aya_obj::generated::{
    BPF_CALL, BPF_F_XDP_DEV_BOUND_ONLY, BPF_JMP, BPF_PSEUDO_KFUNC_CALL, bpf_insn,
};
use gateway_wire::shared::{CARD_STAMP_CALL, PROGRAM, PROGRAM_OF_CARD};

use super::Obstacle;
use super::netdev::{self, XdpFeatures};
use super::object::xdp_object;

/// The kernel's function that has the driver look up the card's stamp.
const FUNCTION: &str = "bpf_xdp_metadata_rx_timestamp";
/// How much of the verifier's log is kept: its end says why.
const LOG_BYTES: usize = 1 << 20;
/// Characters of the verifier's last line that are told.
const SAID_MAX: usize = 200;

const OTHER_DRIVER: &str = "a card whose driver lends its stamps to XDP programs (such as mlx5_core, mlx4_en, igc, ice, stmmac), or `mode = \"socket\"`, which takes them from the kernel's stack";

/// Loads the program for the device with this index, with the ordinary program's maps, named as in the object.
///
/// # Errors
/// Why there is no such program: kernel or driver have no such stamps, or this process may not.
pub(super) fn load(
    maps: &[(&str, BorrowedFd<'_>)],
    interface_index: u32,
) -> Result<OwnedFd, Obstacle> {
    is_lent(interface_index)?;
    let function = function_number()?;
    let (license, instructions) = instructions(maps, function).map_err(|cause| {
        Obstacle::new(
            format!("the embedded object has no `{PROGRAM_OF_CARD}` that can be loaded: {cause}"),
            "build the gateway again with `cargo xtask ebpf`",
        )
    })?;
    load_for(interface_index, &license, &instructions).map_err(|(cause, log)| refused(&cause, &log))
}

/// What the kernel says, before anything is loaded or set, of whether the driver of this device lends stamps to XDP programs. One
/// that does not would have the program run, and refuse the stamp of each packet.
pub(super) fn is_lent(interface_index: u32) -> Result<(), Obstacle> {
    // Where it cannot be asked loading says why.
    netdev::xdp_features(interface_index).map_or(Ok(()), lent)
}

fn lent(features: Option<XdpFeatures>) -> Result<(), Obstacle> {
    match features.map(XdpFeatures::lends_stamps) {
        None => Err(Obstacle::new(
            "this kernel lends no stamps to XDP programs",
            "Linux 6.3 or newer, or `mode = \"socket\"`, which takes them from the kernel's stack",
        )),
        Some(Some(false)) => Err(Obstacle::new(
            "the driver lends no stamps to XDP programs",
            OTHER_DRIVER,
        )),
        Some(Some(true) | None) => Ok(()),
    }
}

/// The function's number in this kernel's description of itself, looked up once: it is read whole, megabytes of it.
fn function_number() -> Result<i32, Obstacle> {
    static NUMBER: OnceLock<Result<i32, Obstacle>> = OnceLock::new();
    NUMBER.get_or_init(look_up_function).clone()
}

fn look_up_function() -> Result<i32, Obstacle> {
    let btf = Btf::from_sys_fs().map_err(|error| {
        Obstacle::new(
            format!(
                "the kernel's description of its functions cannot be read (/sys/kernel/btf/vmlinux: {})",
                causes(&error)
            ),
            "a kernel that was built with CONFIG_DEBUG_INFO_BTF; where the file is there, please report it",
        )
    })?;
    let number = btf.id_by_type_name_kind(FUNCTION, BtfKind::Func);
    number
        .ok()
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| {
            Obstacle::new(
                format!("this kernel has no function `{FUNCTION}`"),
                "Linux 6.3 or newer",
            )
        })
}

/// The program's licence and instructions, with these maps, and with `function` called for the card's stamp.
fn instructions(
    maps: &[(&str, BorrowedFd<'_>)],
    function: i32,
) -> Result<(CString, Vec<bpf_insn>), String> {
    let mut object = Object::parse(xdp_object()).map_err(|error| causes(&error))?;
    let named = std::mem::take(&mut object.maps);
    let given = named.iter().map(|(name, map)| {
        let found = maps.iter().find(|(other, _)| other == name);
        let (_, fd) = found.ok_or_else(|| format!("nobody made its map `{name}`"))?;
        Ok((name.as_str(), fd.as_raw_fd(), map))
    });
    let given = given.collect::<Result<Vec<_>, String>>()?;
    let code: HashSet<usize> = object
        .functions
        .keys()
        .map(|(section, _)| *section)
        .collect();
    object
        .relocate_maps(given.into_iter(), &code)
        .and_then(|()| object.relocate_calls(&code))
        .map_err(|error| causes(&error))?;
    let program = object
        .programs
        .get(PROGRAM_OF_CARD)
        .ok_or("it is not there")?;
    let mut instructions = object
        .functions
        .get(&program.function_key())
        .ok_or("it has no instructions")?
        .instructions
        .clone();
    match call_for_stamp(&mut instructions, function) {
        0 => Err("it does not ask for the card's stamp".to_owned()),
        _ => Ok((program.license.clone(), instructions)),
    }
}

/// Has the program call the kernel's `function` wherever it wants the card's stamp; returns how many times it does.
fn call_for_stamp(instructions: &mut [bpf_insn], function: i32) -> usize {
    let mut calls = 0;
    let mut second_half = false;
    for instruction in instructions {
        // A constant of 64 bits takes two places, of which the second may hold anything.
        if std::mem::replace(&mut second_half, instruction.code == WIDE_CONSTANT) {
            second_half = false;
            continue;
        }
        let is_call = u32::from(instruction.code) == BPF_JMP | BPF_CALL;
        if is_call
            && instruction.src_reg() == 0
            && instruction.imm.cast_unsigned() == CARD_STAMP_CALL
        {
            instruction.set_src_reg(BPF_PSEUDO_KFUNC_CALL as u8);
            instruction.imm = function;
            // Of a function of the kernel itself, and not of a module.
            instruction.off = 0;
            calls += 1;
        }
    }
    calls
}

/// `BPF_LD | BPF_IMM | BPF_DW` (linux/bpf.h).
const WIDE_CONSTANT: u8 = 0x18;

/// Loads it; where the kernel refuses, what its verifier says.
fn load_for(
    interface_index: u32,
    license: &CStr,
    instructions: &[bpf_insn],
) -> Result<OwnedFd, (io::Error, String)> {
    let mut log = vec![0_u8; LOG_BYTES];
    // Its name is the other program's: it is the same to whoever looks for the gateway's own.
    let name = CString::new(PROGRAM).map_err(|error| (error.into(), String::new()))?;
    // SAFETY: all-zero is a valid value of these C options: numbers, and pointers that may be null.
    let mut options: libxdp_sys::bpf_prog_load_opts = unsafe { std::mem::zeroed() };
    options.sz = size_of_val(&options);
    options.expected_attach_type = libxdp_sys::bpf_attach_type_BPF_XDP;
    options.prog_flags = BPF_F_XDP_DEV_BOUND_ONLY;
    options.prog_ifindex = interface_index;
    options.log_buf = log.as_mut_ptr().cast();
    options.log_size = LOG_BYTES as u32;
    // SAFETY: name and licence end with a zero byte, and live through the call as instructions and log do, whose lengths are
    // given. An instruction is 8 bytes of the kernel's own layout in both crates' bindings.
    let program = unsafe {
        libxdp_sys::bpf_prog_load(
            libxdp_sys::bpf_prog_type_BPF_PROG_TYPE_XDP,
            name.as_ptr(),
            license.as_ptr(),
            instructions.as_ptr().cast(),
            instructions.len(),
            &raw mut options,
        )
    };
    if program < 0 {
        let cause = io::Error::from_raw_os_error(program.wrapping_neg());
        return Err((cause, said(&log)));
    }
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(program) })
}

const _: () = assert!(size_of::<bpf_insn>() == size_of::<libxdp_sys::bpf_insn>());

/// What the verifier says last, but for its statistics; empty where it was not asked.
fn said(log: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(log).map_or_else(
        |_| String::from_utf8_lossy(log).into_owned(),
        |text| text.to_string_lossy().into_owned(),
    );
    let mut lines = text.lines().rev();
    let last = lines.find(|line| !line.is_empty() && !line.starts_with("processed "));
    // It goes into a message, and into an answer of the helper.
    last.unwrap_or_default().chars().take(SAID_MAX).collect()
}

fn refused(cause: &io::Error, log: &str) -> Obstacle {
    let why = if log.is_empty() {
        cause.to_string()
    } else {
        format!("{cause}: {log}")
    };
    // The verifier's own refusals are EACCES, too; without CAP_PERFMON it speaks of what is prohibited.
    let no_right = match cause.raw_os_error() {
        Some(libc::EPERM) => true,
        Some(libc::EACCES) => log.is_empty() || log.contains("prohibited"),
        _ => false,
    };
    match cause.raw_os_error() {
        _ if no_right => Obstacle::new(
            format!("no permission to load an XDP program for the device ({why})"),
            "run as root, or give the binary CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON",
        ),
        Some(libc::EOPNOTSUPP) => Obstacle::new(
            format!("the driver has no native XDP, to which alone stamps are lent ({why})"),
            OTHER_DRIVER,
        ),
        _ => Obstacle::new(
            format!("the kernel refuses an XDP program for this device only ({why})"),
            OTHER_DRIVER,
        ),
    }
}

/// An error with its causes, in one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::File;
    use std::os::fd::AsFd;

    use aya_obj::generated::BPF_PSEUDO_CALL;
    use gateway_wire::shared::{MAP_SOCKETS, MAP_SOURCES, MAP_STREAMS, MAP_VERDICTS};

    use super::*;

    const MAPS: [&str; 4] = [MAP_STREAMS, MAP_SOURCES, MAP_SOCKETS, MAP_VERDICTS];

    fn instruction(code: u32, source: u8, value: u32) -> bpf_insn {
        // SAFETY: numbers, for which all-zero is a valid value.
        let mut instruction: bpf_insn = unsafe { std::mem::zeroed() };
        instruction.code = code as u8;
        instruction.set_src_reg(source);
        instruction.off = 3;
        instruction.imm = value.cast_signed();
        instruction
    }

    #[test]
    fn only_a_call_of_the_missing_helper_becomes_one_of_the_kernel_s_function() {
        let call = BPF_JMP | BPF_CALL;
        let mut all = [
            instruction(call, 0, 5),
            instruction(call, 1, CARD_STAMP_CALL),
            instruction(u32::from(WIDE_CONSTANT), 0, CARD_STAMP_CALL),
            // The constant's other half, which looks like a call.
            instruction(call, 0, CARD_STAMP_CALL),
            instruction(call, 0, CARD_STAMP_CALL),
        ];
        assert_eq!(call_for_stamp(&mut all, 77), 1);
        let now = all.map(|i| (i.src_reg(), i.imm.cast_unsigned(), i.off));
        let as_it_was = |source, value| (source, value, 3);
        assert_eq!(
            now,
            [
                as_it_was(0, 5),
                as_it_was(1, CARD_STAMP_CALL),
                as_it_was(0, CARD_STAMP_CALL),
                as_it_was(0, CARD_STAMP_CALL),
                (BPF_PSEUDO_KFUNC_CALL as u8, 77, 0),
            ]
        );
        assert_eq!(
            call_for_stamp(&mut all, 77),
            0,
            "nothing is left to replace"
        );
    }

    #[test]
    fn the_embedded_object_has_the_program_and_wants_no_map_that_is_not_made() {
        // Any descriptor: nothing is loaded.
        let file = File::open("/dev/null").unwrap();
        let maps = MAPS.map(|name| (name, file.as_fd()));
        let (license, all) = instructions(&maps, 77).unwrap();
        assert_eq!(license.as_c_str(), c"Dual MIT/GPL");
        let calls = all
            .iter()
            .filter(|i| u32::from(i.code) == BPF_JMP | BPF_CALL);
        let of = |kind| {
            let calls = calls
                .clone()
                .filter(move |i| u32::from(i.src_reg()) == kind);
            calls.map(|i| i.imm).collect::<Vec<_>>()
        };
        assert_eq!(of(BPF_PSEUDO_KFUNC_CALL), [77]);
        // Device-bound programs call no others.
        assert_eq!(of(BPF_PSEUDO_CALL), [0; 0]);
        let missing = instructions(&maps[..3], 77).unwrap_err();
        assert!(missing.contains(MAP_VERDICTS), "{missing}");
    }

    #[test]
    fn a_driver_is_asked_where_the_kernel_says_that_it_lends_stamps_or_does_not_tell() {
        let why = |features| lent(features).map_or_else(|no| no.reason, |()| String::new());
        assert!(why(None).contains("this kernel"));
        let of = |lends| Some(XdpFeatures::of(true, true, true, lends));
        assert_eq!(why(of(true)), "");
        assert!(why(of(false)).contains("the driver lends no stamps"));
        // Linux 6.3 to 6.6.
        assert_eq!(why(Some(XdpFeatures::default())), "");
    }

    #[test]
    fn a_refusal_says_what_the_verifier_says_and_what_to_do() {
        let mut log =
            b"0: (85) call 12\ncalling kernel function is not allowed\nprocessed 1 insns\n\0"
                .to_vec();
        assert_eq!(said(&log), "calling kernel function is not allowed");
        log.truncate(15);
        assert_eq!(said(&log), "0: (85) call 12", "a log that is cut");
        assert_eq!(said(&[0; 4]), "");
        assert_eq!(said(&[0xff, 0]), "\u{fffd}");
        let of = |code, log| refused(&io::Error::from_raw_os_error(code), log);
        assert!(of(libc::EOPNOTSUPP, "").reason.contains("no native XDP"));
        for (code, log) in [
            (libc::EPERM, ""),
            (libc::EPERM, "why"),
            (libc::EACCES, ""),
            (libc::EACCES, "R1 pointer arithmetic prohibited"),
        ] {
            assert!(of(code, log).remedy.contains("CAP_BPF"), "{code} {log}");
        }
        let verifier = of(libc::EACCES, "calling kernel function is not allowed");
        assert!(verifier.reason.contains("is not allowed"));
        assert!(!verifier.remedy.contains("CAP_BPF"), "{verifier:?}");
        let other = of(libc::EINVAL, "why");
        assert!(other.reason.contains("for this device only") && other.reason.contains("why"));
    }
}
