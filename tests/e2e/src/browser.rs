//! A headless Chromium that a test looks through, by its DevTools protocol over two pipes.

use std::collections::VecDeque;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use gateway_test_harness::Namespace;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longest time for an answer: a browser that starts on a busy machine takes seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// Where a browser is; says `skipped: …` and returns `None` where there is none.
pub fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-headless-shell", "google-chrome"];
    let found = env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: no chromium (package chromium)");
    }
    found
}

/// A browser with one page. Killed when dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// What came while an answer was waited for.
    events: VecDeque<Value>,
    session: Option<String>,
    last_id: u64,
    _profile: TempDir,
}

impl Browser {
    /// Starts `program` in `namespace`, with an empty page.
    pub fn start(program: &std::path::Path, namespace: &Namespace) -> Result<Self> {
        let profile = tempfile::tempdir().context("no temporary folder")?;
        // The protocol wants descriptors 3 and 4.
        let mut command = namespace.command("sh");
        command
            .args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"])
            .arg(program)
            .args([
                "--headless",
                "--remote-debugging-pipe",
                // Tests run as root, which its sandbox refuses; it is shown the gateway's own page only.
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().context("cannot start the browser")?;
        let (Some(commands), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("the browser has no pipes");
        };
        let mut browser = Self {
            child,
            commands,
            messages: follow(output),
            events: VecDeque::new(),
            session: None,
            last_id: 0,
            _profile: profile,
        };
        let target = browser.ask("Target.createTarget", json!({"url": "about:blank"}))?;
        let attached = browser.ask(
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        )?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// Sends a command and waits for its result.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Result<Value> {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .context("the browser has ended")?;
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => bail!("no answer to {method}"),
                Err(RecvTimeoutError::Disconnected) => bail!("the browser ended at {method}"),
            };
            if message["id"] == self.last_id {
                ensure!(message["error"].is_null(), "{method}: {}", message["error"]);
                return Ok(message["result"].take());
            }
            self.events.push_back(message);
        }
    }

    /// The value of an expression in the page; a promise's, once it has one.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let mut answer = self.ask("Runtime.evaluate", parameters)?;
        let thrown = &answer["exceptionDetails"];
        ensure!(thrown.is_null(), "{expression}: {thrown}");
        Ok(answer["result"]["value"].take())
    }

    /// The page as a PNG.
    pub fn screenshot(&mut self) -> Result<Vec<u8>> {
        let answer = self.ask(
            "Page.captureScreenshot",
            json!({"format": "png", "captureBeyondViewport": true}),
        )?;
        from_base64(answer["data"].as_str().context("no picture")?)
    }

    /// What has happened since the last call, by the events' names.
    pub fn events(&mut self) -> Vec<(String, Value)> {
        self.events.extend(self.messages.try_iter());
        let named = |mut event: Value| {
            let name = event["method"].as_str().unwrap_or_default().to_owned();
            (name, event["params"].take())
        };
        self.events.drain(..).map(named).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Messages end with a zero.
fn follow(output: ChildStdout) -> Receiver<Value> {
    let (messages, received) = channel();
    thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let Ok(message) = message else { return };
            let value = serde_json::from_slice(&message).unwrap_or(Value::Null);
            if messages.send(value).is_err() {
                return;
            }
        }
    });
    received
}

fn from_base64(text: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            other => bail!("{other} in base 64"),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::from_base64;

    #[test]
    fn base_64_is_read_with_and_without_padding() {
        assert_eq!(from_base64("TWFu").unwrap(), b"Man");
        assert_eq!(from_base64("TWE=").unwrap(), b"Ma");
        assert_eq!(from_base64("TQ").unwrap(), b"M");
        assert_eq!(from_base64("+/+/").unwrap(), [0xfb, 0xff, 0xbf]);
        assert!(from_base64("a b").is_err());
    }
}
