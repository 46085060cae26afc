//! The maps, under the names of `gateway_wire::shared`. User space sets the sizes when it loads the object.

use aya_ebpf::macros::map;
use aya_ebpf::maps::{HashMap, PerCpuArray, XskMap};
use gateway_wire::shared::{COUNTERS, SourceKey, StreamKey, StreamValue};

/// The streams that are ours.
#[map]
pub(crate) static STREAMS: HashMap<StreamKey, StreamValue> = HashMap::with_max_entries(1, 0);

/// Who may send to a stream that lists its sources; the value means nothing.
#[map]
pub(crate) static SOURCES: HashMap<SourceKey, u8> = HashMap::with_max_entries(1, 0);

/// The socket of each receive queue.
#[map]
pub(crate) static SOCKETS: XskMap = XskMap::with_max_entries(1, 0);

/// What became of the frames.
#[map]
pub(crate) static VERDICTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(COUNTERS as u32, 0);
