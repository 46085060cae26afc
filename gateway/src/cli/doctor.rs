//! `gateway doctor`

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use std::net::SocketAddrV4;

use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::output::{print, print_line, tell};
use crate::config::{self, Config};
use crate::doctor::probe::Probe;
use crate::doctor::{
    ALL, Counters, Device, Examination, Findings, RootFiles, System, Verdict, Wants, jitter, page,
    probe, script,
};
use crate::ingest::IngestError;
use crate::ingest::netdev::{self, LinkFacts};

/// Counters of losses and stolen time are read twice, so long apart.
const SPAN: Duration = Duration::from_millis(200);
/// A group that no feed uses (administratively scoped, RFC 2365).
const PROBE_GROUP: &str = "239.255.77.77:26499";

/// Options of `gateway doctor`.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// The interface; may be repeated [default: those of the configuration, or all that are up]
    #[arg(short, long = "interface", value_name = "NAME")]
    interfaces: Vec<String>,
    /// The configuration, for what it wants: groups, workers' cores, tiers
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The workers' cores, where no configuration tells
    #[arg(long, value_name = "CPU,..", value_delimiter = ',')]
    cores: Vec<usize>,
    /// Look as the host of this physical function: what its virtual functions may do, and how quiet the host is
    #[arg(long, value_name = "PF", conflicts_with_all = ["interfaces", "probe"])]
    host: Option<String>,
    /// Only this check; may be repeated
    #[arg(long, value_name = "ID")]
    only: Vec<String>,
    /// Print one JSON object
    #[arg(long, conflicts_with = "fix")]
    json: bool,
    /// Print a shell script that would mend what was found; nothing is applied
    #[arg(long)]
    fix: bool,
    /// List the checks
    #[arg(long, conflicts_with_all = ["probe", "jitter", "fix", "host"])]
    list: bool,
    /// Join a group and count what a peer sends to it: `gateway-sim probe` on another machine
    #[arg(long)]
    probe: bool,
    /// The probe's group and port
    #[arg(long, value_name = "GROUP:PORT", default_value = PROBE_GROUP, value_parser = group)]
    probe_group: SocketAddrV4,
    /// How long the probe listens by each way in
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    probe_seconds: Duration,
    /// Measure for so long how long each core runs something else, and print that before the checks
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    jitter: Option<Duration>,
}

fn group(text: &str) -> Result<SocketAddrV4, String> {
    let address: SocketAddrV4 = text
        .parse()
        .map_err(|_| "use GROUP:PORT, such as 239.255.77.77:26499")?;
    if !address.ip().is_multicast() || address.port() == 0 {
        return Err("use a multicast group (224.0.0.0/4) and a port".to_owned());
    }
    Ok(address)
}

fn seconds(text: &str) -> Result<Duration, String> {
    /// Longer spans are an experiment, not a check.
    const SECONDS_MAX: f64 = 3600.0;
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= SECONDS_MAX => {
            Ok(Duration::from_secs_f64(seconds))
        }
        _ => Err("use seconds above 0, up to 3600".to_owned()),
    }
}

impl Doctor {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.list {
            return self.list();
        }
        for id in &self.only {
            if !ALL.iter().any(|check| check.id == id) {
                let near = ALL.iter().map(|check| check.id).max_by(|a, b| {
                    strsim::jaro_winkler(a, id).total_cmp(&strsim::jaro_winkler(b, id))
                });
                return Err(Failure::new(
                    Exit::Usage,
                    format!(
                        "there is no check `{id}`; did you mean `{}`? `gateway doctor --list` has all",
                        near.unwrap_or_default()
                    ),
                ));
            }
        }
        let config = self.config.as_deref().map(config::load).transpose()?;
        let devices = self.devices(config.as_ref())?;
        let interrupt = Interrupt::watch()?;
        let mut system = System::gather();
        if let Some(span) = self.jitter {
            system.jitter = Some(self.measure(config.as_ref(), span, &interrupt)?);
        }
        if self.probe {
            system.probe = Some(self.receive(&devices, &interrupt)?);
        }
        let mut wants = config
            .as_ref()
            .map_or_else(|| Wants::defaults(""), Wants::machine);
        wants.cores.extend(&self.cores);
        let files = RootFiles::machine();
        let names = || devices.iter().map(|(device, _)| device.name.as_str());
        let before = Counters::take(&files, names());
        std::thread::sleep(SPAN);
        let after = Counters::take(&files, names());
        let examination = Examination {
            files: &files,
            system,
            wants,
            devices,
            counters: Some((before, after)),
            host: self.host.is_some(),
        };
        let findings = examination.run(&self.only);
        self.tell(&findings, &examination.system)?;
        let exit = match findings.worst() {
            Verdict::Fail => Exit::CheckFailed,
            Verdict::Warn => Exit::CheckWarned,
            Verdict::Ok | Verdict::Skipped => return Ok(()),
        };
        // The findings are the message.
        Err(Failure::new(exit, ""))
    }

    fn list(&self) -> Result<(), Failure> {
        if self.json {
            let all: Vec<_> = ALL
                .iter()
                .map(|check| {
                    serde_json::json!({
                        "number": check.number, "check": check.id, "title": check.title,
                        "reads": check.reads, "good": check.good, "cost": check.cost,
                    })
                })
                .collect();
            return print_line(serde_json::Value::from(all));
        }
        let lines = ALL
            .iter()
            .map(|check| format!("{:>2} {:<22} {}\n", check.number, check.id, check.title));
        print(lines.collect::<String>())
    }

    fn tell(&self, findings: &Findings, system: &System) -> Result<(), Failure> {
        if self.fix {
            return print(script(findings));
        }
        if self.json {
            let object = serde_json::json!({
                "worst": findings.worst(),
                "checks": findings.checks,
                "jitter": system.jitter,
                "probe": system.probe,
            });
            return print_line(object);
        }
        let jitter = system
            .jitter
            .as_ref()
            .map_or_else(String::new, |report| report.page() + "\n");
        print(jitter + &page(findings))
    }

    /// The interfaces to look at, each with what is wanted of it.
    fn devices(&self, config: Option<&Config>) -> Result<Vec<(Device, Wants)>, Failure> {
        let names: Vec<String> = match (&self.host, config) {
            (Some(function), _) => vec![function.clone()],
            (None, _) if !self.interfaces.is_empty() => self.interfaces.clone(),
            (None, Some(config)) => config.interfaces.iter().map(|i| i.name.clone()).collect(),
            (None, None) => {
                let up = |name: &String| LinkFacts::of(name).is_some_and(|link| link.up);
                netdev::names().into_iter().filter(up).collect()
            }
        };
        names.iter().map(|name| self.device(name, config)).collect()
    }

    fn device(&self, name: &str, config: Option<&Config>) -> Result<(Device, Wants), Failure> {
        let mut wants =
            config.map_or_else(|| Wants::defaults(name), |config| Wants::of(config, name));
        wants.request.name = name.to_owned();
        wants.cores.extend(&self.cores);
        let device = Device::gather(&wants.request).map_err(|(action, cause)| {
            let error = match cause.raw_os_error() {
                Some(libc::ENODEV) => IngestError::InterfaceMissing {
                    name: name.to_owned(),
                },
                _ => IngestError::System {
                    name: name.to_owned(),
                    action,
                    cause: cause.to_string(),
                },
            };
            Failure::new(Exit::Interface, error)
        })?;
        Ok((device, wants))
    }

    fn measure(
        &self,
        config: Option<&Config>,
        span: Duration,
        interrupt: &Interrupt,
    ) -> Result<jitter::Report, Failure> {
        let mut cores = self.cores.clone();
        if cores.is_empty() {
            cores.extend(
                config
                    .iter()
                    .flat_map(|config| &config.workers)
                    .filter_map(|w| w.core),
            );
        }
        if cores.is_empty() {
            let usable = rustix::thread::sched_getaffinity(None).map_err(|error| {
                Failure::new(
                    Exit::Internal,
                    format!("cannot ask which cores there are: {error}"),
                )
            })?;
            cores.extend((0..rustix::thread::CpuSet::MAX_CPU).filter(|&cpu| usable.is_set(cpu)));
        }
        cores.sort_unstable();
        cores.dedup();
        tell(format_args!(
            "measuring {} cores for {:.1} s",
            cores.len(),
            span.as_secs_f64()
        ));
        let stop = AtomicBool::new(false);
        let result = std::thread::scope(|scope| {
            let measuring = scope.spawn(|| jitter::measure(&cores, span, &stop));
            while !measuring.is_finished() {
                if interrupt.is_noted() {
                    // Pairs with nothing: the flag alone is the message.
                    stop.store(true, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            measuring.join()
        });
        match result {
            Ok(report) => report.map_err(|message| Failure::new(Exit::Usage, message)),
            Err(_) => Err(Failure::new(Exit::Internal, "the measurement ended early")),
        }
    }

    fn receive(
        &self,
        devices: &[(Device, Wants)],
        interrupt: &Interrupt,
    ) -> Result<probe::Report, Failure> {
        let [(_, wants)] = devices else {
            return Err(Failure::new(
                Exit::Usage,
                "the probe listens on one interface: name it with `--interface`",
            ));
        };
        tell(format_args!(
            "listening for {} on {}, {:.0} s by each way in; the peer: `gateway-sim probe {} --interface NAME`",
            self.probe_group,
            wants.request.name,
            self.probe_seconds.as_secs_f64(),
            self.probe_group
        ));
        let probe = Probe {
            request: wants.request.clone(),
            group: self.probe_group,
            span: self.probe_seconds,
        };
        probe
            .run(&|| interrupt.is_noted())
            .map_err(|message| Failure::new(Exit::Interface, message))
    }
}
