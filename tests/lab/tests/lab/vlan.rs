//! Lines inside a VLAN: membership on the sub-interface, XDP on its parent.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use gateway_lab::topology::VIRTUAL;

use crate::config::Config;
use crate::guest::Guest;
use crate::options::Set::Whole;
use crate::{Case, Kernels};

const VLAN: u16 = 100;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new(
        "lines_in_a_vlan_are_joined_on_the_sub_interface_and_received_on_its_parent",
        Whole,
        Kernels::Any,
        sub_interface,
    )]
}

fn sub_interface(guest: &mut Guest) -> Result<()> {
    guest.virtual_function()?;
    guest.shell(&format!(
        "ip link add link vf0 name vf0.{VLAN} type vlan id {VLAN}; ip link set vf0.{VLAN} up"
    ))?;
    let config = Config::new(
        "vf0",
        &format!("mode = \"auto\"\nlowest_tier = \"copy\"\nmembership_interface = \"vf0.{VLAN}\""),
    );
    let gateway = guest.gateway(&config)?;
    let joined = guest.shell(&format!("/guest/bin/ip maddress show dev vf0.{VLAN}"))?;
    ensure!(
        joined.contains(&config.lines[0].group.to_string()),
        "{joined}"
    );
    let observer = guest.observe()?;

    // Not every host has VLANs: the frames are written, tagged and sent as they are.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("lines.pcap");
    let file_name = file.to_string_lossy().into_owned();
    let flow = format!(
        "generate --symbols 20 --messages 3000 --messages-per-packet 6 --end-of-session --output-pcap {file_name}"
    );
    let report = guest.exchange_to_file(&config, &flow)?;
    let frames = tag(&file, VLAN)?;
    guest.replay_frames(&VIRTUAL, &file_name)?;

    let seen = guest.until("the end of the session", |guest| {
        let seen = guest.seen(observer)?;
        Ok(seen.session_end.then_some(seen))
    })?;
    ensure!(
        seen.messages == report.messages && seen.gaps.is_empty(),
        "sent {}, delivered {seen:?}",
        report.messages
    );
    let metrics = guest.until("the counters on show to catch up", |guest| {
        let metrics = guest.metrics()?;
        let received = metrics.sum("gateway_rx_packets_total", &[]);
        Ok((received >= Some(frames as f64)).then_some(metrics))
    })?;
    let tagged = metrics.sum("gateway_xdp_verdicts_total", &[("verdict", "redirect")]);
    ensure!(
        tagged == Some(frames as f64),
        "{tagged:?} of {frames} frames redirected"
    );
    guest.stop(gateway)
}

/// Gives every frame of a classic capture a tag of VLAN `id`; how many there are.
fn tag(file: &Path, id: u16) -> Result<u64> {
    const FILE_HEADER: usize = 24;
    const RECORD_HEADER: usize = 16;
    /// Behind both Ethernet addresses.
    const ADDRESSES: usize = 12;
    let bytes = fs::read(file).context("no capture")?;
    let mut tagged = bytes.get(..FILE_HEADER).context("no capture")?.to_vec();
    let mut rest = &bytes[FILE_HEADER..];
    let mut frames = 0;
    while let Some((header, after)) = rest.split_at_checked(RECORD_HEADER) {
        let word = |at: usize| header[at..at + 4].try_into().map(u32::from_le_bytes);
        let (captured, length) = (word(8)?, word(12)?);
        let (frame, next) = after
            .split_at_checked(captured as usize)
            .context("a frame is cut")?;
        tagged.extend(&header[..8]);
        tagged.extend((captured + 4).to_le_bytes());
        tagged.extend((length + 4).to_le_bytes());
        tagged.extend(&frame[..ADDRESSES]);
        tagged.extend([0x81, 0x00]);
        tagged.extend(id.to_be_bytes());
        tagged.extend(&frame[ADDRESSES..]);
        rest = next;
        frames += 1;
    }
    fs::write(file, tagged).context("cannot write the capture")?;
    Ok(frames)
}
