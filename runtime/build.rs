//! Finds the commit that `plimrun --version` prints: what `PLIMRUN_COMMIT` says, else git's HEAD, else
//! `unknown`, as in an archive of the sources. Names the program's entry point and `main` to the linker, and the
//! order of its code, and finds out whether the program can begin the C library itself.

#[path = "build/libc.rs"]
mod libc;
#[path = "build/order.rs"]
mod order;
#[path = "build/releases.rs"]
mod releases;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-env-changed=PLIMRUN_COMMIT");
    let named = env::var("PLIMRUN_COMMIT")
        .ok()
        .filter(|name| !name.is_empty());
    let commit = named.or_else(head).unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=PLIMRUN_COMMIT={commit}");
    // Before it is a name for `main`, the linker must have looked for it in the library.
    println!(
        "cargo::rustc-link-arg-bin=plimrun=-Wl,--undefined=plimrun_main,--defsym=main=plimrun_main"
    );
    // Without optimisation the code of `src/sys/entry.rs` calls small functions of the core library by addresses
    // that are not there yet. Then the program begins with the C library, and protects itself later.
    let level = env::var("OPT_LEVEL").unwrap_or_default();
    let named = matches!(level.as_str(), "2" | "3" | "s");
    if named {
        println!("cargo::rustc-link-arg-bin=plimrun=-Wl,--entry=plimrun_entry");
    }
    begin(named);
    put_in_order(named);
}

/// Enables `src/sys/start.rs` where the program has its own entry point and the C library is known. What is
/// printed besides, cargo keeps beside the build, and shows with `-vv`.
fn begin(named: bool) {
    let versions: Vec<_> = releases::RELEASES
        .iter()
        .map(|release| format!("{:?}", release.version))
        .collect();
    let versions = versions.join(", ");
    println!("cargo::rustc-check-cfg=cfg(known_libc, values(none(), {versions}))");
    let known = if named {
        libc::known()
    } else {
        Err("the program has no entry point of its own without optimisation".to_owned())
    };
    match known {
        Ok(release) => {
            let version = release.version;
            println!("cargo::rustc-cfg=known_libc");
            println!("cargo::rustc-cfg=known_libc=\"{version}\"");
            println!("cargo::rustc-env=PLIMRUN_LIBC={version}");
            // Since 2.36 the library takes the addresses that it writes at the start from bit maps as well
            // (DT_RELR), which are 1 KB instead of 108. An older GNU ld or LLD overlooks the option.
            if libc::linker().is_ok() {
                println!("cargo::rustc-link-arg-bin=plimrun=-Wl,-z,pack-relative-relocs");
            }
            println!("plimrun begins glibc {version} itself");
        }
        Err(reason) => println!("plimrun begins by the C library's _start: {reason}"),
    }
}

/// Gives the linker the order of `build/order.rs`, if it is one that takes it.
fn put_in_order(optimised: bool) {
    let refused = if optimised {
        libc::linker().err()
    } else {
        Some("without optimisation".to_owned())
    };
    if let Some(reason) = refused {
        println!("plimrun's code is not put in order: {reason}");
        return;
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let path = folder.join("order.ld");
    if let Err(error) = std::fs::write(&path, order::script()) {
        println!(
            "plimrun's code is not put in order: write {}: {error}",
            path.display()
        );
        return;
    }
    println!("cargo::rustc-link-arg-bin=plimrun=-T{}", path.display());
    println!("plimrun's code is put in order");
}

/// HEAD of the repository whose work tree is this workspace; not of one that merely surrounds an archive.
fn head() -> Option<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let top = PathBuf::from(git(&["rev-parse", "--show-toplevel"])?);
    if top.canonicalize().ok()? != workspace.canonicalize().ok()? {
        return None;
    }
    // HEAD changes with a checkout, its log with each commit as well. A file that is not there would make
    // cargo run this again each time.
    for name in ["HEAD", "logs/HEAD"] {
        let path = workspace
            .join("runtime")
            .join(git(&["rev-parse", "--git-path", name])?);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    git(&["rev-parse", "HEAD"])
}

fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
