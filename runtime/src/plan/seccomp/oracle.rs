//! libseccomp as an oracle: a small C program compiles the same profile, where it can be built.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use oci_spec::runtime::{Arch, LinuxSeccomp, LinuxSeccompArg};

use super::Instruction;
use super::bpf::code;
use super::mux::Through;

/// The helper, or why there is none.
static HELPER: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Builds the helper once a test run; prints why where it cannot be built.
pub(super) fn available() -> bool {
    let helper = HELPER.get_or_init(build);
    if let Err(why) = helper {
        println!("skipped: no libseccomp to compare with: {why}");
    }
    helper.is_ok()
}

fn build() -> Result<PathBuf, String> {
    // Beside the test's own binary, so that it goes with `cargo clean`.
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let helper = own.with_file_name(format!("seccomp-oracle-{}", std::process::id()));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/plan/seccomp/oracle.c");
    let built = Command::new("cc")
        .args(["-O1", "-o"])
        .arg(&helper)
        .args([source, "-lseccomp"])
        .output()
        .map_err(|error| format!("cc: {error}"))?;
    if built.status.success() {
        let kept = own.with_file_name("seccomp-oracle");
        std::fs::rename(&helper, &kept).map_err(|error| error.to_string())?;
        Ok(kept)
    } else {
        let text = String::from_utf8_lossy(&built.stderr);
        Err(text.lines().next().unwrap_or("cc failed").to_owned())
    }
}

/// What libseccomp makes of the profile for one architecture, handed over in the way of runc; `None`
/// where it refuses, or is known to be wrong.
///
/// One architecture at a time: with several, libseccomp 2.5.4 can share a test of the number between
/// them that is reached with the architecture still in the accumulator.
pub(super) fn compile(profile: &LinuxSeccomp, arch: Arch) -> Option<Vec<Instruction>> {
    let Some(Ok(helper)) = HELPER.get() else {
        return None;
    };
    let mut child = Command::new(helper)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the helper starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(as_lines(profile, arch).as_bytes())
        .expect("the helper reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the helper ends");
    if !output.status.success() {
        return None;
    }
    let words = output.stdout.chunks_exact(8);
    Some(
        words
            .map(|bytes| Instruction {
                code: u16::from_ne_bytes([bytes[0], bytes[1]]),
                jt: bytes[2],
                jf: bytes[3],
                k: u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
            })
            .collect(),
    )
    .filter(|program: &Vec<Instruction>| loads_number(program))
}

/// Whether the program reads the number before it compares it.
///
/// libseccomp 2.5.4 forgets that where the first call of its list does not exist, or exists only
/// through another one, as x86's `semop` does: the numbers are then compared with the architecture.
fn loads_number(program: &[Instruction]) -> bool {
    let compares =
        |instruction: &Instruction| [code::JEQ, code::JGT, code::JGE].contains(&instruction.code);
    // 0 loads the architecture and 1 compares it.
    !program.get(2).is_some_and(compares)
}

/// Whether the architecture has the call, be it through another one; see [`loads_number`].
fn exists(name: &str, arch: Arch) -> bool {
    let arch = super::arch::by_name(arch).expect("a tested architecture");
    let entry = super::syscalls::find(name);
    Through::of(name).is_some() || entry.is_some_and(|entry| entry.number(arch).is_some())
}

fn as_lines(profile: &LinuxSeccomp, arch: Arch) -> String {
    let default = profile.default_action().as_u32(profile.default_errno_ret());
    let mut text = format!("default {default}\n");
    let name = arch.to_string().to_lowercase();
    let name = name.trim_start_matches("scmp_arch_");
    writeln!(text, "only {name}").expect("a string takes everything");
    for entry in profile.syscalls().iter().flatten() {
        let action = entry.action().as_u32(entry.errno_ret());
        if action == default {
            continue;
        }
        let args: Vec<String> = entry
            .args()
            .iter()
            .flatten()
            .map(|arg| {
                let (a, b) = (arg.value(), arg.value_two().unwrap_or(0));
                format!("{} {} {a} {b}", arg.index(), arg.op() as u32)
            })
            .collect();
        let mut indices: Vec<usize> = entry
            .args()
            .iter()
            .flatten()
            .map(LinuxSeccompArg::index)
            .collect();
        indices.sort_unstable();
        let apart = indices.windows(2).any(|pair| pair[0] == pair[1]);
        for name in entry.names().iter().filter(|name| exists(name, arch)) {
            if apart {
                for arg in &args {
                    writeln!(text, "rule {action} {name} 1 {arg}").expect("as above");
                }
            } else {
                let (count, args) = (args.len(), args.join(" "));
                writeln!(text, "rule {action} {name} {count} {args}").expect("as above");
            }
        }
    }
    text
}
