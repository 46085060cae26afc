//! What the kernel says of one interface, asked once by netlink and ioctl.

use std::io;

use super::functions::{self, VirtualFunction};
use crate::ethtool;
use crate::ingest::netdev::{self, LinkFacts, Napi, XdpFeatures};
use crate::ingest::{Facts, InterfaceRequest};

/// An answer of the kernel, or why there is none.
pub(super) type Answer<T> = Result<T, Refusal>;

/// Why the kernel does not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error number.
    pub errno: Option<i32>,
    /// The error in words.
    pub text: String,
}

impl Refusal {
    /// Whether the driver does not have what was asked for, rather than something being wrong.
    #[must_use]
    pub fn unsupported(&self) -> bool {
        matches!(
            self.errno,
            Some(libc::EOPNOTSUPP | libc::EINVAL | libc::ENOENT)
        )
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self {
            errno: error.raw_os_error(),
            text: error.to_string(),
        }
    }
}

/// One interface.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its index.
    pub index: u32,
    /// What decides the tier.
    pub facts: Facts,
    /// What the driver reports of XDP; `None` where the kernel has no such report.
    pub xdp: Option<XdpFeatures>,
    /// The name of the XDP program on it, where it may be told.
    pub program: Option<String>,
    /// `ethtool -i`.
    pub info: Answer<ethtool::DriverInfo>,
    /// `ethtool -k`.
    pub offloads: Answer<ethtool::Features>,
    /// `ethtool -l`.
    pub channels: Answer<ethtool::Channels>,
    /// `ethtool -g`.
    pub rings: Answer<ethtool::Rings>,
    /// `ethtool -c`.
    pub coalescing: Answer<ethtool::Coalescing>,
    /// `ethtool -a`.
    pub pause: Answer<ethtool::Pause>,
    /// `ethtool --show-eee`.
    pub energy_efficiency: Answer<ethtool::EnergyEfficiency>,
    /// `ethtool -T`.
    pub time_stamping: Answer<ethtool::TimeStamping>,
    /// `ethtool -n`: how many rules.
    pub steering_rules: Answer<u32>,
    /// `ethtool -x`: the queue of each entry.
    pub hash_table: Answer<Vec<u32>>,
    /// By receive queue: what takes packets off it; `None` where the driver names nothing.
    pub napis: Answer<Vec<Option<Napi>>>,
    /// The virtual functions that it has made.
    pub functions: Answer<Vec<VirtualFunction>>,
    /// Name and driver of the bond, bridge or failover device that it belongs to.
    pub master: Option<(String, String)>,
    /// Whether `/sys` shows this device under its name, and not another network namespace's.
    pub in_sysfs: bool,
}

impl Device {
    /// Asks the kernel about an interface, as `request` would use it.
    ///
    /// # Errors
    ///
    /// What was asked, and the kernel's answer: `ENODEV` where there is no such interface.
    pub fn gather(request: &InterfaceRequest) -> Result<Self, (&'static str, io::Error)> {
        let name = &request.name;
        let index = netdev::index(name)
            .ok_or_else(|| ("find", io::Error::from_raw_os_error(libc::ENODEV)))?;
        let facts = Facts::gather(request, index)?;
        let shown = std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex"));
        let napis = (0..facts.rx_queues)
            .map(|queue| {
                let id = netdev::queue_napi(index, queue)?;
                id.map(netdev::napi).transpose()
            })
            .collect::<io::Result<Vec<_>>>();
        Ok(Self {
            name: name.clone(),
            index,
            xdp: netdev::xdp_features(index).ok().flatten(),
            program: functions::program_name(index),
            info: ethtool::driver_info(name).map_err(Refusal::from),
            offloads: ethtool::features(index).map_err(Refusal::from),
            channels: ethtool::channels(index).map_err(Refusal::from),
            rings: ethtool::rings(index).map_err(Refusal::from),
            coalescing: ethtool::coalescing(index).map_err(Refusal::from),
            pause: ethtool::pause(index).map_err(Refusal::from),
            energy_efficiency: ethtool::energy_efficiency(index).map_err(Refusal::from),
            time_stamping: ethtool::time_stamping(index).map_err(Refusal::from),
            steering_rules: ethtool::steering_rules(name).map_err(Refusal::from),
            hash_table: ethtool::hash_table(name).map_err(Refusal::from),
            napis: napis.map_err(Refusal::from),
            functions: functions::of(index).map_err(Refusal::from),
            master: master(index),
            in_sysfs: shown.is_ok_and(|text| text.trim().parse() == Ok(index)),
            facts,
        })
    }

    /// A file of the interface in `/sys`.
    #[must_use]
    pub fn sys(&self, file: &str) -> String {
        format!("/sys/class/net/{}/{file}", self.name)
    }
}

fn master(index: u32) -> Option<(String, String)> {
    let master = LinkFacts::of_index(index)?.master?;
    let name = netdev::name(master)?;
    let driver = netdev::driver(&name).unwrap_or_default();
    Some((name, driver))
}
