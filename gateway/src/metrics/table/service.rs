//! What concerns the whole process.

use super::{Family, define};

define! {
    since "0.1.0";

    SCRAPE_DURATION_SECONDS: gauge("scrape_duration_seconds", "seconds", [], None,
        "Time that drawing this page took.");

    BUILD_INFO: gauge("build_info", "1", ["version", "name", "kernel"], Some("the-service-is-down"),
        "The build, and the kernel that it runs on; always 1.");

    UP: gauge("up", "0 or 1", [], Some("the-service-is-down"),
        "1 while the gateway answers.");

    READY: gauge("ready", "0 or 1", [], Some("not-ready"),
        "1 while every worker runs, no input has failed, all groups are joined, and broker and metrics answer.");

    RELOADS_TOTAL: counter("reloads_total", "configurations", ["result"], Some("a-reload"),
        "Configurations read anew: applied, or refused because of mistakes.");

    RELOAD_WAITING: gauge("reload_waiting", "parts", [], Some("a-reload"),
        "Parts of the configuration that wait for the next start.");

    DOCTOR_CHECK: gauge("doctor_check", "0, 1, 2", ["check", "interface"], Some("the-machine-is-not-as-it-should-be"),
        "What a check of the doctor found: 0 ok, 1 warn, 2 fail; absent where it was skipped.");

    CONFINED: gauge("confined", "0 or 1", ["mechanism"], Some("not-confined"),
        "1 while the mechanism confines the service; 0 where the kernel lacks it, or `confine` is off.");

    HELPER_UP: gauge("helper_up", "0 or 1", [], Some("the-helper"),
        "1 while the process that opens interfaces for the confined service is there; absent where there is none.");

    WORKER_SHOWN_AGE_SECONDS: gauge("worker_shown_age_seconds", "seconds", ["worker"], Some("a-worker-is-stuck"),
        "Time since the worker last showed its counters; a stuck worker looks stuck.");

    LOG_MESSAGES_TOTAL: counter("log_messages_total", "lines", ["level"], Some("the-first-minute"),
        "Log lines written: error, warn, and info with all that is below it.");
}
