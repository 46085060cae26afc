//! One packet through the program in the kernel.

use std::os::fd::{AsRawFd, BorrowedFd};

use gateway::ingest::{ErrorKind, SteeringProgram, VerdictCounts};
use gateway_wire::shared::{COUNTERS, METADATA_LEN, Metadata, Note, Verdict};
use libxdp_sys::{
    bpf_prog_get_info_by_fd, bpf_prog_info, bpf_prog_test_run_opts, bpf_test_run_opts,
};

use crate::fixtures::streams;

/// `XDP_PASS` of `linux/bpf.h`.
pub const XDP_PASS: u32 = 2;
/// `XDP_REDIRECT` of `linux/bpf.h`.
pub const XDP_REDIRECT: u32 = 4;

/// `struct xdp_md` of `linux/bpf.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct XdpMd {
    data: u32,
    data_end: u32,
    data_meta: u32,
    ingress_ifindex: u32,
    rx_queue_index: u32,
    egress_ifindex: u32,
}

/// What the program did with a packet.
#[derive(Debug)]
pub struct Outcome {
    /// What it returned.
    pub action: u32,
    /// What lies in front of the packet now.
    pub front: Vec<u8>,
    /// The packet now.
    pub packet: Vec<u8>,
    /// What it counted.
    pub counted: Vec<&'static str>,
}

impl Outcome {
    /// The metadata in front of the packet, if there is any.
    #[must_use]
    pub fn metadata(&self) -> Option<Metadata> {
        Metadata::decode(self.front.last_chunk::<METADATA_LEN>()?)
    }
}

/// The loaded program with the fixtures' streams; nothing, and a line that says why, without the privilege.
#[must_use]
pub fn load() -> Option<SteeringProgram> {
    match SteeringProgram::load("feed1", &streams(), 2) {
        Ok(program) => Some(program),
        Err(error) if error.kind() == ErrorKind::Privilege => {
            println!("skipped: needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON ({error})");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Runs `frame` through the program as if it came in at queue 0 of the loopback device, with `front` bytes already
/// in front of it.
#[must_use]
pub fn run(program: &SteeringProgram, frame: &[u8], front: usize) -> Outcome {
    let before = program.verdicts().unwrap();
    let mut outcome = run_program(program.program().unwrap(), frame, front);
    outcome.counted = difference(&before, &program.verdicts().unwrap());
    outcome
}

/// The same for any program, whose counters are its own affair.
#[must_use]
pub fn run_program(program: BorrowedFd<'_>, frame: &[u8], front: usize) -> Outcome {
    let input = [vec![0; front], frame.to_vec()].concat();
    let mut output = vec![0; input.len() + 256];
    let context = XdpMd {
        data: front as u32,
        data_end: input.len() as u32,
        ..XdpMd::default()
    };
    let mut context_out = XdpMd::default();
    // SAFETY: all-zero is a valid value of these C options.
    let mut options: bpf_test_run_opts = unsafe { std::mem::zeroed() };
    options.sz = size_of::<bpf_test_run_opts>();
    options.data_in = input.as_ptr().cast();
    options.data_size_in = input.len() as u32;
    options.data_out = output.as_mut_ptr().cast();
    options.data_size_out = output.len() as u32;
    options.ctx_in = (&raw const context).cast();
    options.ctx_size_in = size_of::<XdpMd>() as u32;
    options.ctx_out = (&raw mut context_out).cast();
    options.ctx_size_out = size_of::<XdpMd>() as u32;
    options.repeat = 1;
    // SAFETY: the buffers that `options` names live through the call and have the sizes that it states.
    let result = unsafe { bpf_prog_test_run_opts(program.as_raw_fd(), &raw mut options) };
    assert_eq!(
        result,
        0,
        "BPF_PROG_TEST_RUN: {}",
        std::io::Error::from_raw_os_error(-result)
    );
    output.truncate(options.data_size_out as usize);
    let packet = output.split_off(context_out.data as usize);
    Outcome {
        action: options.retval,
        front: output,
        packet,
        counted: Vec::new(),
    }
}

/// The names of the counters that moved, once for each step.
#[must_use]
pub fn difference(before: &VerdictCounts, after: &VerdictCounts) -> Vec<&'static str> {
    let verdicts = Verdict::ALL
        .iter()
        .map(|v| (v.name(), after.get(*v) - before.get(*v)));
    let notes = Note::ALL
        .iter()
        .map(|n| (n.name(), after.note(*n) - before.note(*n)));
    let mut moved = Vec::with_capacity(COUNTERS);
    for (name, steps) in verdicts.chain(notes) {
        moved.extend(std::iter::repeat_n(name, steps as usize));
    }
    moved
}

/// What the kernel knows about the loaded program.
#[must_use]
pub fn info(program: &SteeringProgram) -> bpf_prog_info {
    // SAFETY: all-zero is a valid value of this C struct.
    let mut info: bpf_prog_info = unsafe { std::mem::zeroed() };
    let mut length = size_of_val(&info) as u32;
    // SAFETY: both pointers live through the call, and `length` is the struct's.
    let result = unsafe {
        bpf_prog_get_info_by_fd(
            program.program().unwrap().as_raw_fd(),
            &raw mut info,
            &raw mut length,
        )
    };
    assert_eq!(
        result,
        0,
        "BPF_OBJ_GET_INFO_BY_FD: {}",
        std::io::Error::from_raw_os_error(-result)
    );
    info
}
