//! How packets reach the gateway.

use super::{Family, define};

define! {
    since "0.1.0";

    GROUP_JOINED: gauge("group_joined", "0 or 1", ["group", "interface", "source"], Some("groups-not-joined"),
        "1 while the gateway is a member of the group.");

    INTERFACE_INFO: gauge("interface_info", "1", ["interface", "driver"], Some("an-interface-is-gone-or-down"),
        "The interface's driver; always 1.");

    LINK_STATE: gauge("link_state", "0 or 1", ["interface", "state"], Some("an-interface-is-gone-or-down"),
        "1 for the state that the interface is in, 0 for the others: absent, down, attaching, live, degraded.");

    LINK_REOPENED_TOTAL: counter("link_reopened_total", "openings", ["interface"], Some("an-interface-is-gone-or-down"),
        "How many times the interface was opened again: the device was made anew, its sockets failed, or a better tier was tried.");

    GROUP_REJOINS_TOTAL: counter("group_rejoins_total", "joins", ["interface"], Some("groups-not-joined"),
        "How many times the interface's groups were joined again after the kernel had dropped the memberships.");

    MULTICAST_GROUPS: gauge("multicast_groups", "addresses", ["interface"], Some("the-multicast-filter-is-too-small"),
        "Addresses in the interface's multicast filter: those of the joined groups, of which 32 share one, and the kernel's own.");

    MULTICAST_GROUPS_MAX: gauge("multicast_groups_max", "addresses", ["interface"], Some("the-multicast-filter-is-too-small"),
        "How many addresses the interface's multicast filter holds; absent where no limit is known.");

    XDP_LOST_IN_REDIRECT_TOTAL: counter("xdp_lost_in_redirect_total", "frames", ["interface"], Some("messages-lost"),
        "Frames that the XDP program redirected and that neither arrived nor were counted as dropped by their socket; at least so many.");

    XDP_VERDICTS_TOTAL: counter("xdp_verdicts_total", "frames", ["interface", "verdict", "reason"], Some("a-line-is-silent"),
        "Frames by verdict of the XDP program, each under exactly one reason.");

    XDP_MODE: gauge("xdp_mode", "0 or 1", ["interface", "queue", "mode"], Some("below-the-wanted-tier"),
        "1 for the tier by which the queue's packets arrive, 0 for the others.");

    BUSY_POLL: gauge("busy_poll", "0 or 1", ["interface", "queue"], Some("busy-polling-does-not-poll"),
        "1 while the worker drives the receive queue itself; 0 where interrupts do, or before it is known.");

    STAMPING: gauge("stamping", "0 or 1", ["interface", "by"], Some("latency"),
        "1 for what stamps the interface's packets first: hardware, the card; software, the kernel (socket tier); xdp, the XDP program; none. Why it is not the card is in `stage_available` and in the status.");

    XDP_CARD_STAMPS_TOTAL: counter("xdp_card_stamps_total", "frames", ["interface", "result"], Some("latency"),
        "Frames for which the XDP program asked the driver for the card's stamp, as it does where `hardware_timestamps` is set, by what the driver said: stamped, unstamped (none of this frame), unsupported (it lends none to programs) or failed. Tiers copy and zero-copy only; absent where there was none.");

    RX_STAMPED_TOTAL: counter("rx_stamped_total", "packets", ["interface", "queue", "by"], Some("latency"),
        "Datagrams handed to the worker, by what stamped them first: hardware, software (the kernel, and not the card) or none. Socket tier only; absent where there was none.");

    RX_PACKETS_TOTAL: counter("rx_packets_total", "packets", ["interface", "queue"], None,
        "Datagrams handed to the worker.");

    RX_BYTES_TOTAL: counter("rx_bytes_total", "bytes", ["interface", "queue"], None,
        "UDP payload bytes handed to the worker.");

    RX_CHECKSUM_WRONG_TOTAL: counter("rx_checksum_wrong_total", "packets", ["interface", "queue"], Some("lost-between-card-and-gateway"),
        "Wrong UDP checksums seen.");

    XSK_WAKEUPS_TOTAL: counter("xsk_wakeups_total", "system calls", ["interface", "queue", "direction"], None,
        "System calls that asked for packets.");

    RX_REFUSED_TOTAL: counter("rx_refused_total", "packets", ["interface", "queue", "reason"], Some("messages-lost"),
        "Packets that reached the gateway and were not handed to the worker.");

    XSK_RX_DROPPED_TOTAL: counter("xsk_rx_dropped_total", "packets", ["interface", "queue", "reason"], Some("messages-lost"),
        "Packets that the kernel dropped before they reached the gateway.");

    NIC_DROPPED_TOTAL: counter("nic_dropped_total", "frames", ["interface", "counter"], Some("lost-between-card-and-gateway"),
        "What card, driver and kernel dropped or found damaged on the interface, by the kernel's own names (rx_missed_errors: no room in the card). Begins anew with the device.");

    BURST_PACKETS: histogram("burst_packets", "packets", ["interface", "queue"], None,
        "How many packets a poll brought, of polls that brought any: 64 is a full batch, and more waited.");
}
