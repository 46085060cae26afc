//! Lines of a running gateway that move: other groups, ports or sources, for the same lines of the same channels.
//!
//! Nothing of a worker changes: a stream keeps its place among its input's, and so its route. The interface is opened again
//! with the new streams, as for a better tier. The new groups are joined before anything is done, by sockets of their own:
//! a group that the kernel refuses refuses the reload, and the network has begun to send when the interface is open.

use tokio::time::{Duration, Instant};

use super::super::assembly::{LineIndex, line_streams, shared_streams};
use super::super::ports::Ports;
use super::super::state::State;
use crate::config::Config;
use crate::config::model::{Channel, Input, Line};
use crate::ingest::{Membership, Stream};

/// How long memberships made ahead are kept: longer than an interface takes to be opened.
const KEEP: Duration = Duration::from_secs(5);

/// An interface whose lines move.
#[derive(Debug)]
pub(super) struct Move {
    /// Index among the service's interfaces.
    interface: usize,
    streams: Vec<Stream>,
}

/// Memberships made ahead.
#[derive(Debug, Default)]
pub(super) struct Ahead(Vec<(Membership, Instant)>);

impl Ahead {
    /// Lets go those that have been kept for long enough.
    pub(super) fn tend(&mut self) {
        self.0.retain(|(_, since)| since.elapsed() < KEEP);
    }
}

/// Whether two configurations have the same lines of a channel but for groups, ports and sources, all of interfaces; for
/// the stream, or for answers, in both.
pub(super) fn can_move(old: &Config, new: &Config, channel: &str) -> bool {
    let find = |config: &Config| -> Option<Vec<(String, bool, Vec<String>)>> {
        let channel = config.channels.iter().find(|c| c.name == channel)?;
        channel
            .lines
            .iter()
            .map(|line| place(config, line))
            .collect()
    };
    find(old).is_some_and(|old| Some(old) == find(new))
}

/// A line's name, whether it is for answers, and the interfaces that it arrives on; `None` where one is a capture.
fn place(config: &Config, line: &Line) -> Option<(String, bool, Vec<String>)> {
    let name = |input: &Input| match *input {
        Input::Interface(index) => Some(config.interfaces[index].name.clone()),
        Input::Capture(_) => None,
    };
    let inputs: Option<Vec<String>> = line.inputs.iter().map(name).collect();
    let mut inputs = inputs?;
    inputs.sort();
    Some((line.name.clone(), line.answers, inputs))
}

/// Gives the channels of `running` the lines that `new` has for them, where they can move. Those of answers wait for the next
/// start, with the servers that they belong to.
///
/// # Errors
/// Lines of the gateway as it would run then share a group and port that did not before, or share it no longer: a worker's
/// routes stay what they are.
pub(super) fn move_in(running: &mut Config, new: &Config) -> Result<(), String> {
    let before = sharing(running);
    for channel in 0..running.channels.len() {
        let name = running.channels[channel].name.clone();
        let Some(later) = new.channels.iter().find(|c| c.name == name) else {
            continue;
        };
        if !can_move(running, new, &name) {
            continue;
        }
        let lines = running.channels[channel].lines.iter_mut().zip(&later.lines);
        for (line, later) in lines.filter(|(line, _)| !line.answers) {
            line.group = later.group;
            line.port = later.port;
            line.sources.clone_from(&later.sources);
        }
    }
    let mut all: Vec<(LineIndex, &Channel, &Line)> = Vec::new();
    for (index, channel) in running.channels.iter().enumerate() {
        let lines = (0..).zip(&channel.lines);
        all.extend(lines.map(|(number, line)| ((index, number), channel, line)));
    }
    for (index, (place, channel, line)) in all.iter().enumerate() {
        let taken = all[..index].iter().find(|(other_place, _, other)| {
            let shared =
                |lines: &Vec<LineIndex>| lines.contains(place) && lines.contains(other_place);
            (other.group, other.port) == (line.group, line.port)
                && other.inputs.iter().any(|input| line.inputs.contains(input))
                && !(other.sources == line.sources && before.iter().flatten().any(shared))
        });
        if let Some((_, other, _)) = taken {
            return Err(format!(
                "{}:{} would be a line of channel \"{}\" and of \"{}\" until the next start; restart the gateway instead",
                line.group, line.port, other.name, channel.name
            ));
        }
    }
    if sharing(running) == before {
        Ok(())
    } else {
        Err("lines of several units that share a group and port would go apart; restart the gateway instead".to_owned())
    }
}

/// Which lines are one stream, by input.
fn sharing(config: &Config) -> Vec<Vec<Vec<LineIndex>>> {
    let interfaces = (0..config.interfaces.len()).map(Input::Interface);
    let inputs = interfaces.chain((0..config.captures.len()).map(Input::Capture));
    inputs
        .map(|input| {
            let shared = shared_streams(config, input).into_iter();
            shared.map(|shared| shared.lines).collect()
        })
        .collect()
}

/// The interfaces whose streams differ between two configurations of the running gateway.
pub(super) fn moves(state: &State, before: &Config, after: &Config) -> Vec<Move> {
    let mut all = Vec::new();
    for (index, interface) in after.interfaces.iter().enumerate() {
        let input = Input::Interface(index);
        let streams = line_streams(after, input);
        if streams == line_streams(before, input) {
            continue;
        }
        let of_this_name =
            |state: &crate::service::inputs::InterfaceState| state.name == interface.name;
        if let Some(interface) = state.interfaces.iter().position(of_this_name) {
            all.push(Move { interface, streams });
        }
    }
    all
}

/// Joins the groups that will be needed.
///
/// # Errors
/// The kernel refuses one.
pub(super) fn join_ahead(moves: &[Move], ports: &Ports, ahead: &mut Ahead) -> Result<(), String> {
    let mut joined = Vec::new();
    for a_move in moves {
        // An interface that is not there is opened, and its groups are joined, when it is.
        if let Some((name, index)) = ports.joining(a_move.interface) {
            let membership = Membership::join(&name, index, &a_move.streams);
            joined.push((
                membership.map_err(|error| error.to_string())?,
                Instant::now(),
            ));
        }
    }
    ahead.0.append(&mut joined);
    Ok(())
}

/// Has the interfaces opened again.
pub(super) fn begin(moves: Vec<Move>, ports: &mut Ports) {
    for Move { interface, streams } in moves {
        ports.receive(interface, streams);
    }
}
