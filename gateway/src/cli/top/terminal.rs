//! The terminal: taken when `gateway top` begins, and given back however it ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute};
use ratatui::{Terminal, backend::CrosstermBackend};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

use super::draw::draw;
use super::model::{Model, Next};
use super::source::Looks;
use crate::cli::exit::{Exit, Failure};

/// How soon a look is shown after it came, and a signal obeyed.
const TURN: Duration = Duration::from_millis(50);
/// How often all is drawn where nothing happens: times that are told grow.
const REDRAW: Duration = Duration::from_secs(1);

/// Shows looks until the user, or a signal, ends it.
pub(super) fn run(looks: Looks) -> Result<(), Failure> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        flag::register(signal, Arc::clone(&told)).map_err(|error| {
            Failure::new(Exit::Internal, format!("cannot watch for signals: {error}"))
        })?;
    }
    restore_on_panic();
    let taken = Taken::take().map_err(|error| of_terminal(&error))?;
    let ended = show(&looks, &told);
    drop(taken);
    ended
}

/// From now on a panic of this thread gives the terminal back before its words are written, so that they can be read.
fn restore_on_panic() {
    let before = std::panic::take_hook();
    let owner = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == owner {
            give_back();
        }
        before(panic);
    }));
}

fn of_terminal(error: &io::Error) -> Failure {
    Failure::new(Exit::Output, format!("the terminal does not work: {error}"))
}

/// The terminal in raw mode, on its other screen.
struct Taken;

impl Taken {
    fn take() -> io::Result<Self> {
        enable_raw_mode()?;
        let taken = Self;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Twice does no harm. A terminal that is gone needs nothing.
fn give_back() {
    let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

fn show(looks: &Looks, told: &AtomicBool) -> Result<(), Failure> {
    let mut terminal =
        Terminal::new(CrosstermBackend::new(io::stdout())).map_err(|error| of_terminal(&error))?;
    let mut model = Model::new();
    let mut drawn: Option<Instant> = None;
    loop {
        // Pairs with nothing: the flag alone is the message.
        if told.load(Ordering::Relaxed) {
            return Err(Failure::new(Exit::Interrupted, ""));
        }
        let mut changed = drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW);
        while let Some(look) = looks.next() {
            model.take(look, Instant::now());
            changed = true;
        }
        if changed {
            let draw = |frame: &mut ratatui::Frame<'_>| draw(frame, &model, Instant::now());
            terminal.draw(draw).map_err(|error| of_terminal(&error))?;
            drawn = Some(Instant::now());
        }
        match next_event() {
            Ok(None) => {}
            Ok(Some(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                if model.press(key) == Next::Quit {
                    return Ok(());
                }
                drawn = None;
            }
            Ok(Some(_)) => drawn = None,
            Err(error) => return Err(of_terminal(&error)),
        }
    }
}

fn next_event() -> io::Result<Option<Event>> {
    match event::poll(TURN) {
        Ok(true) => event::read().map(Some),
        Ok(false) => Ok(None),
        // A signal came: the flag says which turn it takes.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::tcgetattr;

    use super::*;

    const INSIDE: &str = "GATEWAY_TEST_PANICS_IN_A_TERMINAL";
    const NAME: &str = "cli::top::terminal::tests::a_panic_gives_the_terminal_back";

    /// The test runs itself once more, in a terminal, where it panics.
    #[test]
    fn a_panic_gives_the_terminal_back() {
        if std::env::var_os(INSIDE).is_some() {
            restore_on_panic();
            let _taken = Taken::take().unwrap();
            panic!("as it may happen");
        }
        let ours: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let mut options = File::options();
        let theirs = options
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let before = tcgetattr(&theirs).unwrap().local_modes;
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME, "--nocapture", "--test-threads=1"])
            .env(INSIDE, "1")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        assert!(!child.wait().unwrap().success());
        assert_eq!(tcgetattr(&theirs).unwrap().local_modes, before);
        drop(theirs);
        let mut bytes = Vec::new();
        // The end of a terminal is an error, EIO.
        let _ = File::from(ours).read_to_end(&mut bytes);
        let shown = String::from_utf8_lossy(&bytes);
        let left = shown.find("\x1b[?1049l").unwrap();
        let words = shown.find("as it may happen").unwrap();
        assert!(left < words, "told on the screen that stays: {shown:?}");
        assert!(shown.contains("\x1b[?25h"), "{shown:?}");
    }
}
