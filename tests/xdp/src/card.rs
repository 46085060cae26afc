//! The program that reads the card's stamps, with a driver's answer in place of the call: it runs without a card, and without
//! being bound to a device, which `BPF_PROG_TEST_RUN` does not take.

use std::collections::HashSet;
use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use aya::maps::{HashMap, Map, PerCpuArray, XskMap};
use aya::{Ebpf, EbpfLoader};
use aya_obj::Object;
use aya_obj::generated::bpf_insn;
use gateway::ingest::xdp_object;
use gateway_wire::shared::{
    CARD_STAMP_CALL, COUNTERS, MAP_SOCKETS, MAP_STREAMS, MAP_VERDICTS, Note, PROGRAM_OF_CARD,
    StreamKey, StreamValue,
};

use crate::fixtures::streams;
use crate::kernel::{Outcome, run_program};
use crate::socket::XdpSocket;

/// What a driver answers to the question for the card's stamp.
#[derive(Clone, Copy, Debug)]
pub struct DriverAnswer {
    /// 0, or an error's number below it.
    pub result: i32,
    /// What it writes where the stamp belongs; sign-extended.
    pub stamp: i32,
}

/// The loaded program.
pub struct CardProgram {
    bpf: Ebpf,
    program: OwnedFd,
}

impl CardProgram {
    /// The program with the fixtures' streams, with this answer, and with `socket` at queue 0.
    #[must_use]
    pub fn load(answer: DriverAnswer, socket: &XdpSocket) -> Self {
        let streams = streams();
        let mut bpf = EbpfLoader::new()
            .map_max_entries(MAP_STREAMS, streams.len() as u32)
            .map_max_entries(MAP_SOCKETS, 1)
            .load(xdp_object())
            .unwrap();
        let map = bpf.map_mut(MAP_STREAMS).unwrap();
        let mut known = HashMap::<_, [u8; 8], [u8; 8]>::try_from(map).unwrap();
        for (number, stream) in (0..).zip(&streams) {
            let key = StreamKey::new(stream.group.octets(), stream.port);
            let value = StreamValue {
                stream: number,
                flags: 0,
            };
            known.insert(key.to_bytes(), value.to_bytes(), 0).unwrap();
        }
        let mut sockets = XskMap::try_from(bpf.map_mut(MAP_SOCKETS).unwrap()).unwrap();
        sockets.set(0, socket.as_fd().as_raw_fd(), 0).unwrap();
        let program = load(&bpf, answer);
        Self { bpf, program }
    }

    /// Runs `frame` through it as [`crate::kernel::run`] does.
    #[must_use]
    pub fn run(&self, frame: &[u8]) -> Outcome {
        run_program(self.program.as_fd(), frame, 0)
    }

    /// What it has counted of the card's stamps.
    #[must_use]
    pub fn notes(&self) -> Vec<(&'static str, u64)> {
        let map = self.bpf.map(MAP_VERDICTS).unwrap();
        let counters = PerCpuArray::<_, u64>::try_from(map).unwrap();
        assert_eq!(counters.len() as usize, COUNTERS);
        let count = |note: Note| counters.get(&note.index(), 0).unwrap().iter().sum();
        let all = Note::ALL.map(|note| (note.name(), count(note)));
        all.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

fn descriptor(map: &Map) -> RawFd {
    match map {
        Map::HashMap(data) | Map::XskMap(data) | Map::PerCpuArray(data) => {
            data.fd().as_fd().as_raw_fd()
        }
        other => panic!("{other:?}"),
    }
}

fn load(bpf: &Ebpf, answer: DriverAnswer) -> OwnedFd {
    let mut object = Object::parse(xdp_object()).unwrap();
    let maps = std::mem::take(&mut object.maps);
    let code: HashSet<usize> = object.functions.keys().map(|key| key.0).collect();
    let given = maps.iter().map(|(name, map)| {
        let made = bpf.map(name).unwrap();
        (name.as_str(), descriptor(made), map)
    });
    object.relocate_maps(given, &code).unwrap();
    object.relocate_calls(&code).unwrap();
    let program = &object.programs[PROGRAM_OF_CARD];
    let license: CString = program.license.clone();
    let instructions = answered(
        &object.functions[&program.function_key()].instructions,
        answer,
    );
    // SAFETY: licence and instructions live through the call; no name and no options are taken, and an instruction is 8 bytes of
    // the kernel's own layout in both crates' bindings.
    let program = unsafe {
        libxdp_sys::bpf_prog_load(
            libxdp_sys::bpf_prog_type_BPF_PROG_TYPE_XDP,
            std::ptr::null(),
            license.as_ptr(),
            instructions.as_ptr().cast(),
            instructions.len(),
            std::ptr::null_mut(),
        )
    };
    let refused = std::io::Error::from_raw_os_error(program.wrapping_neg());
    assert!(program >= 0, "{refused}");
    // SAFETY: the call succeeded, so this is a new descriptor that nobody else owns.
    unsafe { OwnedFd::from_raw_fd(program) }
}

/// The instructions with the driver's answer instead of the call: a store and a result, one instruction more.
fn answered(code: &[bpf_insn], answer: DriverAnswer) -> Vec<bpf_insn> {
    const JUMP_CLASSES: [u8; 2] = [0x05, 0x06];
    const CALL: u8 = 0x80;
    const EXIT: u8 = 0x90;
    const FAR_JUMP: u8 = 0x06;
    let is_call = |i: &&bpf_insn| i.code == 0x85 && i.imm.cast_unsigned() == CARD_STAMP_CALL;
    assert_eq!(code.iter().filter(is_call).count(), 1);
    let at = code.iter().position(|i| is_call(&i)).unwrap() as i64;
    let moved = |place: i64| place + i64::from(place > at);
    let mut code = code.to_vec();
    for (from, instruction) in (0_i64..).zip(&mut code) {
        assert_ne!(instruction.code, FAR_JUMP, "a jump of another form");
        let operation = instruction.code & 0xf0;
        if JUMP_CLASSES.contains(&(instruction.code & 7)) && ![CALL, EXIT].contains(&operation) {
            let to = from + 1 + i64::from(instruction.off);
            instruction.off = (moved(to) - moved(from) - 1) as i16;
        }
    }
    let instruction = |code: u8, destination: u8, value: i32| {
        // SAFETY: numbers, for which all-zero is a valid value.
        let mut instruction: bpf_insn = unsafe { std::mem::zeroed() };
        instruction.code = code;
        instruction.set_dst_reg(destination);
        instruction.imm = value;
        instruction
    };
    let at = at as usize;
    // `*(u64 *)(r2 + 0) = stamp`, `r0 = result`
    code[at] = instruction(0x7a, 2, answer.stamp);
    code.insert(at + 1, instruction(0xb7, 0, answer.result));
    code
}
