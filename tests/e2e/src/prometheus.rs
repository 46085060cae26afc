//! Debian's Prometheus in a network namespace, with the rules that ship with the gateway.

use std::env;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use gateway_test_harness::{Namespace, Running, http, wait};
use serde_json::Value;
use tempfile::TempDir;

/// Where it listens: the namespace is the test's own.
const ADDRESS: &str = "127.0.0.1:9090";
/// Longest time from start to ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// A running Prometheus; it and its data are gone with this value.
#[derive(Debug)]
pub struct Prometheus {
    /// The process.
    pub process: Running,
    namespace: Namespace,
    address: SocketAddr,
    _folder: TempDir,
}

/// `config/prometheus` of this project.
pub fn rules_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/prometheus")
}

/// Where the program `name` of the search path is; says `skipped: …` and returns `None` where it is missing.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: no {name} (package prometheus)");
    }
    found
}

/// The names of the alerts that ship.
pub fn alerts() -> Result<Vec<String>> {
    let rules = fs::read_to_string(rules_folder().join("gateway-alerts.yml"))?;
    let names = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    Ok(names.map(str::to_owned).collect())
}

/// A rule file with everything that takes minutes or days shortened to seconds, and nothing else changed.
pub fn shortened(rules: &str) -> String {
    let mut text = String::new();
    for line in rules.lines() {
        let words = line.trim_start();
        let indent = &line[..line.len() - words.len()];
        if words.starts_with("for: ") {
            text.push_str(&format!("{indent}for: 1s\n"));
        } else if words.starts_with("interval: ") {
            text.push_str(&format!("{indent}interval: 1s\n"));
        } else {
            let shorter = line
                .replace("[1m]", "[12s]")
                .replace("[5m]", "[12s]")
                .replace("offset 5m", "offset 12s")
                .replace("[1d]", "[20s]");
            text.push_str(&shorter);
            text.push('\n');
        }
    }
    text
}

impl Prometheus {
    /// Starts `program` in `namespace`; it scrapes `target` there once a second, as the job `gateway`, with the shipped
    /// rules, shortened.
    pub fn start(program: &Path, namespace: &Namespace, target: &str) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("prometheus-").tempdir()?;
        let mut names = Vec::new();
        for name in ["gateway-recording.yml", "gateway-alerts.yml"] {
            let rules = fs::read_to_string(rules_folder().join(name)).context(name)?;
            fs::write(folder.path().join(name), shortened(&rules))?;
            names.push(name);
        }
        let file = folder.path().join("prometheus.yml");
        fs::write(
            &file,
            format!(
                "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
                 rule_files: [{}]\n\
                 scrape_configs: [{{ job_name: gateway, static_configs: [{{ targets: [\"{target}\"] }}] }}]\n",
                names.join(", ")
            ),
        )?;
        let mut command = namespace.command(program);
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .args(["--storage.tsdb.retention.time=1h", "--log.level=warn"])
            .arg(format!("--web.listen-address={ADDRESS}"));
        let mut prometheus = Self {
            process: Running::spawn("prometheus", &mut command)?,
            namespace: namespace.clone(),
            address: ADDRESS.parse()?,
            _folder: folder,
        };
        wait::until("Prometheus to be ready", READY_LIMIT, || {
            if let Some(status) = prometheus.process.ended()? {
                bail!("it ended with {status}\n{}", prometheus.process.output());
            }
            let answer = prometheus.get("/-/ready");
            Ok(answer.is_ok_and(|(status, _)| status == 200).then_some(()))
        })?;
        Ok(prometheus)
    }

    /// The series that `expression` has now: labels and value.
    pub fn query(&self, expression: &str) -> Result<Vec<Value>> {
        let path = format!("/api/v1/query?query={}", percent_encoded(expression));
        let (status, body) = self.get(&path)?;
        ensure!(status == 200, "{expression}: {status} {body}");
        let answer: Value = serde_json::from_str(&body)?;
        let result = answer["data"]["result"].as_array();
        Ok(result
            .with_context(|| format!("{expression}: {body}"))?
            .clone())
    }

    /// Sees that every rule was evaluated without an error; how many there are.
    pub fn rules_are_well(&self) -> Result<usize> {
        let (status, body) = self.get("/api/v1/rules")?;
        ensure!(status == 200, "{status} {body}");
        let answer: Value = serde_json::from_str(&body)?;
        let groups = answer["data"]["groups"].as_array().context(body)?;
        let rules: Vec<&Value> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().into_iter().flatten())
            .collect();
        for rule in &rules {
            ensure!(rule["health"] == "ok", "{rule:#}");
        }
        Ok(rules.len())
    }

    /// The sum of all series that `expression` has now; `None` where it has none.
    pub fn sum(&self, expression: &str) -> Result<Option<f64>> {
        let series = self.query(expression)?;
        let values: Option<Vec<f64>> = series
            .iter()
            .map(|one| one["value"][1].as_str()?.parse().ok())
            .collect();
        let values = values.with_context(|| format!("{expression}: {series:?}"))?;
        Ok((!values.is_empty()).then(|| values.iter().sum()))
    }

    /// The names of the alerts that are firing.
    pub fn firing(&self) -> Result<Vec<String>> {
        let series = self.query("ALERTS{alertstate=\"firing\"}")?;
        let name = |one: &Value| one["metric"]["alertname"].as_str().map(str::to_owned);
        let mut names: Vec<String> = series.iter().filter_map(name).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Waits until all of `alerts` are firing at once.
    pub fn wait_until_firing(&self, alerts: &[&str], limit: Duration) -> Result<()> {
        self.wait_for(alerts, true, limit)
    }

    /// Waits until none of `alerts` is firing.
    pub fn wait_until_clear(&self, alerts: &[&str], limit: Duration) -> Result<()> {
        self.wait_for(alerts, false, limit)
    }

    fn wait_for(&self, alerts: &[&str], firing: bool, limit: Duration) -> Result<()> {
        let mut last = Vec::new();
        let what = format!("{alerts:?} to be firing: {firing}");
        let waited = wait::until(&what, limit, || {
            last = self.firing()?;
            let as_wanted = |alert: &&str| last.iter().any(|name| name == alert) == firing;
            Ok(alerts.iter().all(as_wanted).then_some(()))
        });
        waited.with_context(|| format!("firing: {last:?}\n{}", self.process.output()))
    }

    fn get(&self, path: &str) -> Result<(u16, String)> {
        let answer = self.namespace.enter(|| http::get(self.address, path))?;
        Ok((answer.status, answer.body))
    }
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
