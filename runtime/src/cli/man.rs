//! The man page, from the table.

use std::fmt::{self, Write};

use super::table::{COMMANDS, Command, Flag, GLOBALS};
use super::{EXEC_FAILURE, FAILURE, UNKNOWN_COMMAND};

/// When the page's own words last changed; mandoc(1) misses a date.
const DATE: &str = "2026-11-28";

/// The page plimrun(8) in the language of man(7).
pub(super) fn page() -> String {
    let mut text = String::new();
    write_page(&mut text).expect("a string takes what is written to it");
    text
}

fn write_page(out: &mut String) -> fmt::Result {
    writeln!(
        out,
        ".TH PLIMRUN 8 {DATE} \"plimrun {}\" \"System administration\"\n\
         .SH NAME\nplimrun \\- run containers from OCI bundles\n\
         .SH SYNOPSIS\n.B plimrun\n[\\fIGLOBAL FLAG\\fR]... \\fICOMMAND\\fR [\\fIFLAG\\fR]... [\\fIARG\\fR]...\n\
         .SH DESCRIPTION\n\
         plimrun creates, starts, inspects and deletes containers as the OCI runtime specification \
         says, with the command line of runc.\n\
         A long flag may begin with one dash or two; its value is the next argument or follows \
         an equals sign.\n\
         .SH GLOBAL FLAGS",
        env!("CARGO_PKG_VERSION")
    )?;
    flags(out, GLOBALS)?;
    out.write_str(".SH COMMANDS\n")?;
    for command in COMMANDS.iter().filter(|command| !command.hidden) {
        section(out, command)?;
    }
    writeln!(
        out,
        ".SH EXIT STATUS\n\
         0 on success; {FAILURE} on failure; {UNKNOWN_COMMAND} for an unknown command; \
         {EXEC_FAILURE} where\n.B exec\ncould not execute the process.\n.B run\nand\n.B exec\n\
         pass the exit status of the process on, 128 and the signal's number where a signal ended it.\n\
         .SH FILES\n.TP\n.I /run/plimrun\nThe containers' state, unless\n.B \\-\\-root\nsays otherwise.\n\
         .TP\n.I $XDG_RUNTIME_DIR/plimrun\nThe same without root."
    )
}

fn section(out: &mut String, command: &Command) -> fmt::Result {
    let args = escape(command.args);
    writeln!(
        out,
        ".SS \"{} [FLAG]... {args}\"\n{}.",
        command.name,
        escape(command.help)
    )?;
    flags(out, command.flags)
}

fn flags(out: &mut String, flags: &[Flag]) -> fmt::Result {
    for flag in flags {
        out.write_str(".TP\n")?;
        if let Some(short) = flag.short {
            write!(out, "\\fB\\-{short}\\fR, ")?;
        }
        write!(out, "\\fB\\-\\-{}\\fR", escape(flag.name))?;
        if let Some(value) = flag.value {
            write!(out, " \\fI{}\\fR", escape(value))?;
        }
        writeln!(out, "\n{}.", escape(flag.help))?;
    }
    Ok(())
}

/// A plain dash would become a hyphen.
fn escape(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_visible_command_and_flag_has_its_place() {
        let page = page();
        for command in COMMANDS.iter().filter(|command| !command.hidden) {
            assert!(
                page.contains(&format!(".SS \"{} ", command.name)),
                "{}",
                command.name
            );
            for flag in command.flags {
                assert!(page.contains(&escape(flag.help)), "{}", flag.name);
            }
        }
        let requests = ["TH", "SH", "SS", "TP", "B", "I"];
        for line in page.lines().filter_map(|line| line.strip_prefix('.')) {
            let request = line.split(' ').next().unwrap_or_default();
            assert!(requests.contains(&request), "a stray request: .{line}");
        }
    }
}
