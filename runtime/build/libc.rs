//! Looks at the C library that the program will be linked with, and at the linker: may the program begin the library
//! itself, and be put in order?

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use object::read::archive::ArchiveFile;
use object::{Architecture, Object as _, ObjectSymbol};

use super::releases::{self, Release};

/// The release that the linker will take, if `src/sys/start.rs` can begin it; or why not.
pub(crate) fn known() -> Result<&'static Release, String> {
    for (name, wanted) in [
        ("CARGO_CFG_TARGET_ARCH", "x86_64"),
        ("CARGO_CFG_TARGET_POINTER_WIDTH", "64"),
        ("CARGO_CFG_TARGET_ENV", "gnu"),
    ] {
        let value = env::var(name).unwrap_or_default();
        if value != wanted {
            return Err(format!("{name} is {value:?}, not {wanted:?}"));
        }
    }
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    if !features.split(',').any(|feature| feature == "crt-static") {
        return Err("the C library is linked dynamically".to_owned());
    }
    // What chooses another linker or other folders for it may choose another library than is found here.
    flags(|flag| flag.contains("link-arg=-fuse-ld="))?;
    let path = archive()?;
    println!("cargo::rerun-if-changed={}", path.display());
    let failed = |error: &dyn std::fmt::Display| format!("read {}: {error}", path.display());
    let data = std::fs::read(&path).map_err(|error| failed(&error))?;
    let version = releases::version(&data).ok_or_else(|| failed(&"it names no version"))?;
    let names = undefined(&data).map_err(|error| failed(&error))?;
    let names = names.ok_or_else(|| failed(&"it has no libc-start.o for x86_64"))?;
    releases::known(version, &names)
}

/// Whether the linker is GNU ld or LLD, as far as the flags tell; or why not.
pub(crate) fn linker() -> Result<(), String> {
    let os = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if os != "linux" {
        return Err(format!("CARGO_CFG_TARGET_OS is {os:?}"));
    }
    let name = linker_driver();
    let name = name.to_string_lossy();
    if ["mold", "wild", "gold"]
        .iter()
        .any(|other| name.contains(other))
    {
        return Err(format!("the linker is {name}"));
    }
    flags(|flag| {
        ["lld", "bfd"]
            .iter()
            .any(|known| flag.ends_with(&format!("link-arg=-fuse-ld={known}")))
    })
}

/// That no flag says how to link, but for harmless ones.
fn flags(harmless: impl Fn(&str) -> bool) -> Result<(), String> {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chooses = |flag: &&str| flag.starts_with("-L") || flag.contains("link");
    match flags
        .split('\x1f')
        .find(|flag| chooses(flag) && !harmless(flag))
    {
        Some(flag) => Err(format!("the flag {flag} says how to link")),
        None => Ok(()),
    }
}

/// What calls the linker; rustc's default is `cc`.
fn linker_driver() -> OsString {
    env::var_os("RUSTC_LINKER").unwrap_or_else(|| "cc".into())
}

/// The static C library, where the linker looks for it.
fn archive() -> Result<PathBuf, String> {
    let linker = linker_driver();
    let output = Command::new(&linker)
        .arg("-print-file-name=libc.a")
        .output()
        .map_err(|error| format!("run {}: {error}", linker.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let path = PathBuf::from(text.trim());
    // It answers with the bare name where there is none.
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(format!("{} knows no libc.a", linker.display()))
    }
}

/// What the beginning in this archive refers to.
fn undefined(archive: &[u8]) -> object::Result<Option<Vec<&str>>> {
    for member in ArchiveFile::parse(archive)?.members() {
        let member = member?;
        if member.name() != b"libc-start.o" {
            continue;
        }
        let file = object::File::parse(member.data(archive)?)?;
        if file.architecture() != Architecture::X86_64 {
            break;
        }
        let symbols = file.symbols().filter(ObjectSymbol::is_undefined);
        let names = symbols.map(|symbol| symbol.name());
        // The first symbol of each table is none, and has no name.
        let names = names.filter(|name| !matches!(name, Ok("")));
        return names.collect::<object::Result<_>>().map(Some);
    }
    Ok(None)
}
