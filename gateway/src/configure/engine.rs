//! Doing, comparing and undoing what the stages want, one setting at a time.
//!
//! A change is remembered before it is made and completed after it: a record without [`Record::became`] may or may not
//! have been made. Undoing looks at the machine, not at what should have happened, so it is right after an interruption at
//! any point, and can itself be interrupted and done again.

use super::journal::{Journal, JournalError, Record};
use super::machine::{Machine, Refusal};
use super::plan::{Plan, STAGES, Stage};
use super::profile::Profile;
use super::report::{Line, Outcome, Summary};
use super::setting::{Setting, Want, Wish};
use crate::config::Config;

/// Sets a machine up, compares it, or puts it back.
pub struct Engine<'a> {
    /// The machine.
    pub machine: &'a mut dyn Machine,
    /// What was changed.
    pub journal: &'a mut Journal,
    /// Where each line goes as soon as its setting is done.
    pub tell: &'a mut dyn FnMut(&Line),
    /// Print only.
    pub dry_run: bool,
    summary: Summary,
    /// What the settings were at the start, until that is remembered.
    found: Vec<Record>,
}

/// What is wanted of a machine.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The gateway's configuration.
    pub config: &'a Config,
    /// The profile.
    pub profile: &'a Profile,
    /// Stages, by name; all where there is none.
    pub stages: &'a [String],
}

impl Target<'_> {
    fn stages(&self) -> impl Iterator<Item = &'static Stage> {
        let chosen = self.stages;
        STAGES
            .iter()
            .filter(move |stage| chosen.is_empty() || chosen.iter().any(|c| c == stage.name))
    }

    fn wanted(&self, stage: &Stage, machine: &dyn Machine) -> super::plan::Wanted {
        (stage.wanted)(&Plan {
            config: self.config,
            profile: self.profile,
            machine,
        })
    }
}

impl<'a> Engine<'a> {
    /// An engine for this machine.
    pub fn new(
        machine: &'a mut dyn Machine,
        journal: &'a mut Journal,
        tell: &'a mut dyn FnMut(&Line),
    ) -> Self {
        Self {
            machine,
            journal,
            tell,
            dry_run: false,
            summary: Summary::default(),
            found: Vec::new(),
        }
    }

    fn say(&mut self, line: Line) {
        self.summary.count(&line);
        (self.tell)(&line);
    }

    /// Sets the machine up. What another profile or configuration had changed and this one does not want is put back.
    ///
    /// # Errors
    /// What was changed cannot be remembered: nothing more is done then.
    pub fn init(mut self, target: Target<'_>) -> Result<Summary, JournalError> {
        let wished = self.look(target);
        if target.stages.is_empty() {
            let is_left = |r: &&Record| !wished.contains(&r.setting);
            let left: Vec<Record> = self
                .journal
                .records()
                .iter()
                .filter(is_left)
                .cloned()
                .collect();
            if !left.is_empty() {
                self.remember_found()?;
                self.undo(left, false)?;
            }
        }
        for stage in target.stages() {
            let wanted = target.wanted(stage, self.machine);
            for note in wanted.notes {
                self.say(Line::note(stage.name, note));
            }
            for wish in wanted.wishes {
                let line = self.fulfil(stage.name, &wish)?;
                self.say(line);
            }
        }
        if !self.dry_run {
            self.settle()?;
        }
        Ok(self.summary)
    }

    /// Takes note of what all wanted settings are now, and returns them: a change may bring others with it (fewer queues,
    /// another table of them).
    fn look(&mut self, target: Target<'_>) -> Vec<Setting> {
        let mut wished = Vec::new();
        for stage in target.stages() {
            for wish in target.wanted(stage, self.machine).wishes {
                let setting = wish.setting;
                if self.journal.find(&setting).is_none()
                    && let Ok(now) = self.machine.read(&setting)
                {
                    self.found.push(Record {
                        stage: stage.name.to_owned(),
                        setting: setting.clone(),
                        before: now.clone(),
                        wanted: now.clone(),
                        became: Some(now),
                    });
                }
                wished.push(setting);
            }
        }
        wished
    }

    /// Remembers what was found, before the first change.
    fn remember_found(&mut self) -> Result<(), JournalError> {
        if self.dry_run || self.found.is_empty() {
            return Ok(());
        }
        let mut all = self.journal.records().to_vec();
        all.append(&mut self.found);
        self.journal.keep(all)
    }

    /// Forgets what is as it was, and takes note of what changed by itself with something else.
    fn settle(&mut self) -> Result<(), JournalError> {
        let mut all = self.journal.records().to_vec();
        all.retain_mut(|record| {
            if record.became.as_ref() != Some(&record.before) {
                return true;
            }
            match self.machine.read(&record.setting) {
                Ok(now) if now != record.before => record.became = Some(now),
                Ok(_) => return false,
                // It may come back as it was or not: fini will see.
                Err(_) => {}
            }
            true
        });
        if all == self.journal.records() {
            return Ok(());
        }
        self.journal.keep(all)
    }

    fn fulfil(&mut self, stage: &'static str, wish: &Wish) -> Result<Line, JournalError> {
        let Wish { setting, want } = wish;
        let refused = |refusal: &Refusal| Line {
            command: Some(setting.command(&want.value())),
            wanted: Some(want.value()),
            ..Line::refused(stage, setting, refusal)
        };
        let now = match self.machine.read(setting) {
            Ok(now) => now,
            Err(refusal) => return Ok(refused(&refusal)),
        };
        let known = self.journal.find(setting).cloned();
        if is_right(want, &now, known.as_ref()) {
            // An earlier run was interrupted behind this change.
            if let Some(record) = known.filter(|r| r.became.is_none() && !self.dry_run) {
                self.journal.put(Record {
                    became: Some(now.clone()),
                    ..record
                })?;
            }
            return Ok(Line {
                was: Some(now),
                wanted: Some(want.value()),
                ..Line::new(stage, Outcome::Already, setting)
            });
        }
        let value = want.value();
        let line = Line {
            command: Some(setting.command(&value)),
            was: Some(now.clone()),
            wanted: Some(value.clone()),
            ..Line::new(stage, Outcome::Would, setting)
        };
        if self.dry_run {
            return Ok(line);
        }
        self.remember_found()?;
        let known = self.journal.find(setting).cloned();
        let first = known.as_ref().map(|record| record.before.clone());
        let record = Record {
            stage: stage.to_owned(),
            setting: setting.clone(),
            before: first.unwrap_or_else(|| now.clone()),
            wanted: value.clone(),
            became: None,
        };
        self.journal.put(record.clone())?;
        let written = self.machine.write(setting, &value);
        let became = self.machine.read(setting).unwrap_or_else(|_| now.clone());
        if became == now {
            // Nothing was changed: nothing is to be undone that was not before.
            match known {
                Some(record) => self.journal.put(record)?,
                None => self.journal.forget(setting)?,
            }
            let silently = Refusal::Refused("the driver took it and changed nothing".to_owned());
            return Ok(refused(written.as_ref().err().unwrap_or(&silently)));
        }
        self.journal.put(Record {
            became: Some(became.clone()),
            ..record
        })?;
        Ok(Line {
            outcome: if want.is_met_by(&became) {
                Outcome::Changed
            } else {
                Outcome::Rounded
            },
            now: Some(became),
            cause: written.err().map(|refusal| refusal.to_string()),
            ..line
        })
    }

    /// Compares the machine with what is wanted.
    #[must_use]
    pub fn check(mut self, target: Target<'_>) -> Summary {
        for stage in target.stages() {
            let wanted = target.wanted(stage, self.machine);
            for note in wanted.notes {
                self.say(Line::note(stage.name, note));
            }
            for wish in wanted.wishes {
                let known = self.journal.find(&wish.setting);
                let line = match self.machine.read(&wish.setting) {
                    Err(refusal) => Line::refused(stage.name, &wish.setting, &refusal),
                    Ok(now) => {
                        let right = is_right(&wish.want, &now, known);
                        let outcome = if right {
                            Outcome::Already
                        } else {
                            Outcome::Differs
                        };
                        let command = (!right).then(|| wish.setting.command(&wish.want.value()));
                        Line {
                            command,
                            was: Some(now),
                            wanted: Some(wish.want.value()),
                            ..Line::new(stage.name, outcome, &wish.setting)
                        }
                    }
                };
                self.say(line);
            }
        }
        self.summary
    }

    /// Puts back what was changed, last change first. What somebody else has changed since is left alone unless `force`.
    ///
    /// # Errors
    /// What is left to be undone cannot be remembered.
    pub fn fini(mut self, force: bool) -> Result<Summary, JournalError> {
        let all = self.journal.records().to_vec();
        self.undo(all, force)?;
        Ok(self.summary)
    }

    fn undo(&mut self, records: Vec<Record>, force: bool) -> Result<(), JournalError> {
        // All are looked at first: putting one back may change another.
        let foreign: Vec<bool> = records
            .iter()
            .map(|record| {
                let now = self.machine.read(&record.setting);
                let ours = record.became.as_ref();
                !force
                    && now.is_ok_and(|now| now != record.before && ours.is_some_and(|o| *o != now))
            })
            .collect();
        let mut lines: Vec<Line> = Vec::new();
        for (record, foreign) in records.iter().zip(&foreign).rev() {
            lines.push(self.put_back(record, *foreign));
        }
        lines.reverse();
        if self.dry_run {
            for line in lines.into_iter().rev() {
                self.say(line);
            }
            return Ok(());
        }
        // What was put back first may have been changed by what was put back later.
        for (record, line) in records.iter().zip(&mut lines) {
            if line.outcome == Outcome::Restored || line.outcome == Outcome::Already {
                let again = self.put_back(record, false);
                if again.outcome != Outcome::Already {
                    *line = again;
                }
            }
        }
        let is_done = |line: &Line| {
            matches!(
                line.outcome,
                Outcome::Restored | Outcome::Already | Outcome::Gone
            )
        };
        let done: Vec<&Setting> = records
            .iter()
            .zip(&lines)
            .filter(|(_, line)| is_done(line))
            .map(|(record, _)| &record.setting)
            .collect();
        let left = self.journal.records().iter();
        let left = left.filter(|r| !done.contains(&&r.setting)).cloned();
        let left = left.collect();
        self.journal.keep(left)?;
        for line in lines.into_iter().rev() {
            self.say(line);
        }
        Ok(())
    }

    fn put_back(&mut self, record: &Record, foreign: bool) -> Line {
        let Record {
            stage,
            setting,
            before,
            ..
        } = record;
        let line = |outcome, now: String| Line {
            command: Some(setting.command(before)),
            was: Some(now),
            wanted: Some(before.clone()),
            ..Line::new(stage, outcome, setting)
        };
        let now = match self.machine.read(setting) {
            Ok(now) => now,
            Err(Refusal::Missing(cause)) => {
                return Line {
                    cause: Some(cause),
                    ..Line::new(stage, Outcome::Gone, setting)
                };
            }
            Err(refusal) => return Line::refused(stage, setting, &refusal),
        };
        if now == *before {
            return Line {
                command: None,
                ..line(Outcome::Already, now)
            };
        }
        if foreign {
            return line(Outcome::Foreign, now);
        }
        if self.dry_run {
            return line(Outcome::Would, now);
        }
        let written = self.machine.write(setting, before);
        match (self.machine.read(setting), written) {
            (Ok(became), _) if became == *before => Line {
                now: Some(became),
                ..line(Outcome::Restored, now)
            },
            (_, Err(refusal)) | (Err(refusal), Ok(())) => Line {
                cause: Some(refusal.to_string()),
                denied: matches!(refusal, Refusal::Denied(_)),
                ..line(Outcome::Refused, now)
            },
            (Ok(became), Ok(())) => Line {
                cause: Some(format!("it became {became}")),
                ..line(Outcome::Refused, now)
            },
        }
    }
}

/// Whether a setting is as wanted: a driver that made something else of the same wish would do so again.
fn is_right(want: &Want, now: &str, known: Option<&Record>) -> bool {
    want.is_met_by(now)
        || known.is_some_and(|r| r.wanted == want.value() && r.became.as_deref() == Some(now))
}

#[cfg(test)]
mod tests;
