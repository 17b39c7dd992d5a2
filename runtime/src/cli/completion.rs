//! Completion scripts, from the table.

use std::fmt::{self, Write};

use super::table::{COMMANDS, Command, Flag, GLOBALS};

/// The shells that there is a script for.
pub(super) const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The script for a shell; `None` for one that is not among [`SHELLS`].
pub(super) fn script(shell: &str) -> Option<String> {
    let mut text = String::new();
    let written = match shell {
        "bash" => bash(&mut text),
        "zsh" => zsh(&mut text),
        "fish" => fish(&mut text),
        _ => return None,
    };
    written.expect("a string takes what is written to it");
    Some(text)
}

fn visible() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(|command| !command.hidden)
}

fn takes_id(command: &Command) -> bool {
    // A new container's id cannot be completed.
    command.args.starts_with("ID") && !matches!(command.name, "create" | "run" | "restore")
}

/// Whether a flag's value, as help calls it, is a file's name.
fn is_file(value: &str) -> bool {
    matches!(value, "FILE" | "DIR" | "PATH")
}

fn long_names(flags: &[Flag]) -> String {
    flags
        .iter()
        .map(|flag| format!("--{}", flag.name))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Patterns of a shell's `case` for the flags that take a value.
fn valued(flags: &[Flag]) -> String {
    let spellings = flags
        .iter()
        .filter(|flag| flag.value.is_some())
        .flat_map(|flag| {
            let short = flag.short.map(|short| format!("-{short}"));
            [Some(format!("--{}", flag.name)), short]
                .into_iter()
                .flatten()
        });
    spellings.collect::<Vec<_>>().join("|")
}

fn bash(out: &mut String) -> fmt::Result {
    let names: Vec<_> = visible().map(|command| command.name).collect();
    writeln!(
        out,
        "# bash completion for plimrun\n\
         _plimrun() {{\n\
         \x20   local cur=${{COMP_WORDS[COMP_CWORD]}} command='' root=() i word\n\
         \x20   for ((i = 1; i < COMP_CWORD; i++)); do\n\
         \x20       word=${{COMP_WORDS[i]}}\n\
         \x20       case $word in\n\
         \x20           --root) root=(--root \"${{COMP_WORDS[i + 1]}}\"); ((i++)) ;;\n\
         \x20           {}) ((i++)) ;;\n\
         \x20           -*) ;;\n\
         \x20           *) command=$word; break ;;\n\
         \x20       esac\n\
         \x20   done\n\
         \x20   local flags ids=''\n\
         \x20   case $command in\n\
         \x20       '') flags='{} {}' ;;",
        valued(
            &GLOBALS
                .iter()
                .copied()
                .filter(|flag| flag.name != "root")
                .collect::<Vec<_>>()
        ),
        long_names(GLOBALS),
        names.join(" "),
    )?;
    for command in visible() {
        let ids = if takes_id(command) { " ids=1" } else { "" };
        writeln!(
            out,
            "        {}) flags='{}'{ids} ;;",
            command.name,
            long_names(command.flags)
        )?;
    }
    out.write_str(
        "    esac\n\
         \x20   [[ -n $ids && $cur != -* ]] && flags=$(plimrun \"${root[@]}\" list --quiet 2>/dev/null)\n\
         \x20   COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n\
         }\n\
         complete -o default -F _plimrun plimrun\n",
    )
}

/// `[`, `]` and `:` structure an argument of zsh's `_arguments`.
fn zsh_quote(text: &str) -> String {
    text.replace('\'', "'\\''")
        .replace(':', "\\:")
        .replace('[', "\\[")
        .replace(']', "\\]")
}

fn zsh_flags(out: &mut String, indent: &str, flags: &[Flag]) -> fmt::Result {
    for flag in flags {
        let value = flag.value.map_or_else(String::new, |value| {
            let files = if is_file(value) { "_files" } else { " " };
            format!(":{}:{files}", zsh_quote(value))
        });
        let help = zsh_quote(flag.help);
        let names = [
            Some(format!("--{}", flag.name)),
            flag.short.map(|short| format!("-{short}")),
        ];
        for name in names.into_iter().flatten() {
            writeln!(out, "{indent}'*{name}[{help}]{value}' \\")?;
        }
    }
    Ok(())
}

fn zsh(out: &mut String) -> fmt::Result {
    out.write_str(
        "#compdef plimrun\n\
         _plimrun_ids() {\n\
         \x20   local -a ids=(${(f)\"$(plimrun $root list --quiet 2>/dev/null)\"})\n\
         \x20   compadd -a ids\n\
         }\n\
         _plimrun() {\n\
         \x20   local context state line\n\
         \x20   typeset -A opt_args\n\
         \x20   _arguments -C \\\n",
    )?;
    zsh_flags(out, "        ", GLOBALS)?;
    out.write_str(
        "        '1:command:->command' '*::argument:->argument'\n\
         \x20   # for _plimrun_ids: the next _arguments forgets it\n\
         \x20   local -a root=(${opt_args[--root]:+--root} ${(Q)opt_args[--root]})\n\
         \x20   case $state in\n\
         \x20   command)\n\
         \x20       local -a commands=(\n",
    )?;
    for command in visible() {
        writeln!(
            out,
            "            '{}:{}'",
            command.name,
            zsh_quote(command.help)
        )?;
    }
    out.write_str(
        "        )\n\
         \x20       _describe command commands ;;\n\
         \x20   argument)\n\
         \x20       case $words[1] in\n",
    )?;
    for command in visible() {
        writeln!(out, "        {})\n            _arguments \\", command.name)?;
        zsh_flags(out, "                ", command.flags)?;
        let rest = if takes_id(command) {
            "1:id:_plimrun_ids"
        } else {
            "*: : "
        };
        writeln!(out, "                '{rest}' ;;")?;
    }
    out.write_str("        esac ;;\n    esac\n}\n\
         # sourced, or found in a folder of $fpath\n\
         if [[ $funcstack[1] == _plimrun ]]; then _plimrun \"$@\"; else compdef _plimrun plimrun; fi\n")
}

fn fish_flag(out: &mut String, condition: &str, flag: &Flag) -> fmt::Result {
    write!(out, "complete -c plimrun -n '{condition}' -l {}", flag.name)?;
    if let Some(short) = flag.short {
        write!(out, " -s {short}")?;
    }
    match flag.value {
        Some(value) if is_file(value) => out.write_str(" -rF")?,
        Some(_) => out.write_str(" -r")?,
        None => {}
    }
    writeln!(out, " -d '{}'", flag.help.replace('\'', "\\'"))
}

fn fish(out: &mut String) -> fmt::Result {
    out.write_str(
        "# fish completion for plimrun\n\
         function __plimrun_ids\n\
         \x20   set -l words (commandline -opc)\n\
         \x20   set -l root\n\
         \x20   if set -l at (contains -i -- --root $words)\n\
         \x20       set root --root $words[(math $at + 1)]\n\
         \x20   end\n\
         \x20   plimrun $root list --quiet 2>/dev/null\n\
         end\n\
         complete -c plimrun -f\n",
    )?;
    let names: Vec<_> = visible().map(|command| command.name).collect();
    let none = format!("not __fish_seen_subcommand_from {}", names.join(" "));
    for flag in GLOBALS {
        fish_flag(out, &none, flag)?;
    }
    for command in visible() {
        let help = command.help.replace('\'', "\\'");
        writeln!(
            out,
            "complete -c plimrun -n '{none}' -a {} -d '{help}'",
            command.name
        )?;
        let condition = format!("__fish_seen_subcommand_from {}", command.name);
        for flag in command.flags {
            fish_flag(out, &condition, flag)?;
        }
        if takes_id(command) {
            writeln!(
                out,
                "complete -c plimrun -n '{condition}' -a '(__plimrun_ids)'"
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    #[test]
    fn every_visible_command_and_flag_is_completed() {
        for shell in SHELLS {
            let text = script(shell).expect("a known shell");
            for command in visible() {
                assert!(text.contains(command.name), "{shell} {}", command.name);
                assert!(
                    command.flags.iter().all(|flag| text.contains(flag.name)),
                    "{shell}"
                );
            }
            assert!(
                !text.contains("completion)"),
                "{shell}: hidden commands stay hidden"
            );
        }
        assert_eq!(script("csh"), None);
    }

    #[test]
    fn the_shells_that_are_installed_can_parse_their_scripts() {
        for shell in SHELLS {
            let spawned = Command::new(shell)
                .arg("-n")
                .stdin(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn();
            let Ok(mut child) = spawned else {
                println!("skipped: {shell} is not installed");
                continue;
            };
            let script = script(shell).expect("a known shell");
            child
                .stdin
                .take()
                .expect("piped")
                .write_all(script.as_bytes())
                .expect("written");
            let output = child.wait_with_output().expect("waited for");
            assert!(
                output.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }

    #[test]
    fn bash_completes_commands_and_flags() {
        let probe = script("bash").expect("a known shell")
            + "\nCOMP_WORDS=(plimrun --log x de); COMP_CWORD=3; _plimrun; echo ${COMPREPLY[@]}\
               \nCOMP_WORDS=(plimrun delete --f); COMP_CWORD=2; _plimrun; echo ${COMPREPLY[@]}\n";
        let Ok(output) = Command::new("bash").args(["-c", &probe]).output() else {
            println!("skipped: bash is not installed");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&output.stdout), "delete\n--force\n");
    }
}
