//! The status page in a real browser, over a gateway with a feed that loses packets.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use gateway_client::{Client, SubscribeOptions};
use gateway_e2e::Lab;
use gateway_e2e::browser::{self, Browser};
use gateway_test_harness::config::{Input, Queue};
use gateway_test_harness::{Config, wait};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(40);
const ADDRESS: &str = "127.0.0.1:9464";
/// A reader's name is whatever its program says.
const HOSTILE: &str = "<img src=x onerror=alert(1)>\"'&";

/// Waits until `expression` is true in the page.
fn until(browser: &mut Browser, expression: &str) {
    let look = || Ok((browser.evaluate(expression)? == true).then_some(()));
    wait::until(expression, LIMIT, look).unwrap();
}

/// Nothing went wrong in the page, and nobody but the gateway was asked for anything.
fn assert_clean(browser: &mut Browser) {
    let mut requests = 0;
    for (name, event) in browser.events() {
        let is_error = match name.as_str() {
            "Runtime.exceptionThrown" => true,
            "Runtime.consoleAPICalled" => {
                ["error", "warning", "assert"].contains(&event["type"].as_str().unwrap())
            }
            "Log.entryAdded" => event["entry"]["level"] == "error",
            _ => false,
        };
        assert!(!is_error, "{name}: {event:#}");
        if name == "Network.requestWillBeSent" {
            let url = event["request"]["url"].as_str().unwrap();
            let own = url.starts_with(&format!("http://{ADDRESS}/")) || url.starts_with("data:");
            assert!(own, "the page asks {url}");
            requests += 1;
        }
    }
    assert!(requests >= 2, "the page and its events: {requests}");
}

/// Keeps a picture of the page for people to look at.
fn keep(browser: &mut Browser, name: &str) {
    let png = browser.screenshot().unwrap();
    assert!(
        png.starts_with(b"\x89PNG") && png.len() > 20_000,
        "{} bytes",
        png.len()
    );
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, png).unwrap();
    println!("screenshot: {}", path.display());
}

fn show(browser: &mut Browser, scheme: &str) -> Value {
    let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
    browser.ask("Emulation.setEmulatedMedia", media).unwrap();
    browser
        .evaluate("getComputedStyle(document.body).backgroundColor")
        .unwrap()
}

#[test]
fn the_page_shows_a_live_gateway_in_light_and_dark_and_asks_nobody_else() {
    let Some(lab) = Lab::open().unwrap() else {
        return;
    };
    let Some(program) = browser::find() else {
        return;
    };
    let config = Config {
        queues: vec![
            Queue::all("all").with_slots(1 << 12),
            Queue::all("orders").of("full"),
        ],
        hold_timeout_us: 5_000,
        ..Config::new(Input::tier("auto"))
    };
    let mut gateway = lab.gateway(&config).unwrap();
    let client = Client::connect(gateway.socket()).unwrap();
    let options = SubscribeOptions::named(HOSTILE);
    // It never reads.
    let reader = client.subscribe("all", &options).unwrap();
    let flow =
        "generate --messages 10000000 --symbols 40 --pace rate=20000 --loss-a 0.02 --loss-b 0.02";
    let exchange = lab.simulator(&config, flow).unwrap();

    let mut browser = Browser::start(&program, &lab.network.gateway).unwrap();
    let size = json!({"width": 1280, "height": 1500, "deviceScaleFactor": 1, "mobile": false});
    browser
        .ask("Emulation.setDeviceMetricsOverride", size)
        .unwrap();
    let light = show(&mut browser, "light");
    assert!(light.is_string());
    let page = json!({"url": format!("http://{ADDRESS}/")});
    browser.ask("Page.navigate", page).unwrap();
    until(
        &mut browser,
        "typeof points !== 'undefined' && points.length >= 12",
    );
    let text = browser.evaluate("document.body.innerText").unwrap();
    let text = text.as_str().unwrap();
    for words in [
        "ready",
        "nasdaq A",
        "239.77.0.2:26400",
        "ring",
        "orders",
        "worker worker",
        HOSTILE,
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    // What came as text stayed text.
    assert_eq!(browser.evaluate("document.images.length").unwrap(), 0);
    // The feed's packets, and their latency, are on the canvases.
    until(
        &mut browser,
        "sum(points.map((p) => p.messages)) > 10000 && points.some((p) => p.lost > 0)",
    );
    until(
        &mut browser,
        "points.some((p) => p.stages.get(chosen) && p.stages.get(chosen).bands && p.stages.get(chosen).bands.counts.length > 0)",
    );
    // Grid and labels are grey: what is coloured is what came.
    let coloured = "(id) => { const c = byId(id), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
        let n = 0; for (let i = 0; i < d.length; i += 4) { \
        if (d[i + 3] > 128 && Math.max(d[i], d[i + 1], d[i + 2]) - Math.min(d[i], d[i + 1], d[i + 2]) > 60) n += 1; } \
        return n; }";
    for id in ["rate", "loss", "heat"] {
        let drawn = browser.evaluate(&format!("({coloured})('{id}')")).unwrap();
        assert!(drawn.as_u64().unwrap() > 50, "{id}: {drawn}");
        let empty = format!(
            "(() => {{ const kept = points.splice(0); charts(); const n = ({coloured})('{id}'); \
             points.push(...kept); charts(); return n; }})()"
        );
        assert_eq!(browser.evaluate(&empty).unwrap(), 0, "{id} without points");
    }
    let light = show(&mut browser, "light");
    keep(&mut browser, "status-page-light.png");
    let dark = show(&mut browser, "dark");
    assert_ne!(light, dark);
    keep(&mut browser, "status-page-dark.png");
    assert_clean(&mut browser);

    // Whatever might get into the page, the browser asks nobody else.
    let blocked = "new Promise((told) => { addEventListener('securitypolicyviolation', (e) => told(e.effectiveDirective)); \
        new Image().src = 'http://192.0.2.1/x.png'; })";
    assert_eq!(browser.evaluate(blocked).unwrap(), "img-src");

    // The gateway goes, which is told, and comes back, which needs nobody to reload the page.
    drop((reader, client, exchange));
    gateway.process.kill().unwrap();
    until(
        &mut browser,
        "byId('away').textContent.includes('has not answered')",
    );
    keep(&mut browser, "status-page-away.png");
    gateway.start_again().unwrap();
    until(
        &mut browser,
        "byId('away').textContent === '' && byId('about').textContent.includes('began anew')",
    );
}
