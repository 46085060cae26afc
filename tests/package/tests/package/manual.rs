//! Manual pages and completions.

use std::fs;
use std::path::Path;
use std::process::Command;

use gateway_test_package::{Dist, output, output_of};

use crate::{skip_without, skip_without_packaging};

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
}

/// The subcommands of a program, as its help lists them.
fn subcommands(program: &Path) -> Vec<String> {
    let help = output_of(Command::new(program).arg("--help")).unwrap();
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn every_command_has_a_page_that_can_be_set() {
    skip_without_packaging!();
    let place = Dist::of_this_build().unwrap().unpacked().unwrap();
    let pages = place.path().join("usr/share/man/man1");
    for name in ["gateway", "gateway-sim"] {
        let commands = subcommands(&place.path().join("usr/bin").join(name));
        assert!(commands.len() > 2, "{name}: {commands:?}");
        for command in commands {
            let page = pages.join(format!("{name}-{command}.1.gz"));
            assert!(page.is_file(), "no {}", page.display());
        }
    }
    skip_without!("man");
    for page in files(&pages) {
        let mut command = Command::new("man");
        command.args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"]);
        let ended = output(command.arg(&page)).unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        let fine = ended.status.success() && said.is_empty();
        assert!(fine, "{}: {said}", page.display());
    }
}

#[test]
fn completions_are_programs_that_their_shells_can_read() {
    skip_without_packaging!();
    skip_without!("bash");
    let place = Dist::of_this_build().unwrap().unpacked().unwrap();
    for name in ["gateway", "gateway-sim"] {
        let share = place.path().join("usr/share");
        let file = share.join("bash-completion/completions").join(name);
        // What the shell offers behind the program's name.
        let script = format!(
            ". '{}' && words=($(complete -p {name})) && COMP_WORDS=({name} '') COMP_CWORD=1 \
             && for i in \"${{!words[@]}}\"; do [ \"${{words[i]}}\" = -F ] && function=\"${{words[i+1]}}\"; done; \
             \"$function\" {name} '' {name} && printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            file.display()
        );
        let offered = output_of(Command::new("bash").args(["-c", &script])).unwrap();
        for command in subcommands(&place.path().join("usr/bin").join(name)) {
            let is_there = offered.lines().any(|line| line == command);
            assert!(is_there, "{name} {command} is not offered: {offered}");
        }
    }
}
