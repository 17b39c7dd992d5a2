//! Which code a start runs through, so that the linker puts it together. Pure, and a part of both the build script
//! and the library's tests.
//!
//! The kernel maps file pages around each that is touched, 64 KB or a whole folio of the page cache. With the rest
//! in between, a start touches all of them and has all of the code in memory. docs/design/start-up.md has the figures,
//! and says how a name is found that is missing here.

/// What is executed without a rare feature: what engines ask for, what makes a container, what enters one, what every
/// command needs. Modules where most of a module is, else functions or types. `*` stands for what symbols have in between,
/// and `|` ends a name before letters that follow it. A name that matches nothing does no harm, and code that none
/// matches stays where it is.
const CODE: &[&str] = &[
    // What engines ask for besides: limits and a seccomp profile.
    "plimrun::plan::seccomp",
    "plimrun::exec::seccomp",
    "plimrun::spec::ranges",
    "alloc::string*SpecToString",
    "oci_spec::runtime::linux::Arch",
    "oci_spec::runtime::linux::LinuxCpu",
    "oci_spec::runtime::linux::LinuxMemory",
    "oci_spec::runtime::linux::LinuxPids",
    "oci_spec::runtime::linux::LinuxSeccomp",
    "oci_spec::runtime::linux::LinuxSyscall",
    "oci_spec::runtime::linux*LinuxSeccomp",
    "oci_spec::runtime::linux*Arch",
    // What makes one.
    "plimrun::cli::commands::create",
    "plimrun::cli::commands::run",
    "plimrun::exec::cgroup::apply",
    "plimrun::exec::cgroup::attach",
    "plimrun::exec::cgroup::device_list",
    "plimrun::exec::cgroup::make",
    "plimrun::exec::cgroup::processes::directory",
    "plimrun::exec::claims",
    "plimrun::exec::create",
    "plimrun::exec::devices",
    "plimrun::exec::init",
    "plimrun::exec::mounts",
    "plimrun::exec::notify",
    "plimrun::exec::protect_paths",
    "plimrun::exec::root",
    "plimrun::exec::start",
    "plimrun::exec::trees",
    "plimrun::plan::cgroup",
    "plimrun::plan::container",
    "plimrun::plan::devices",
    "plimrun::plan::hooks",
    "plimrun::plan::mounts",
    "plimrun::plan::rootfs",
    "plimrun::plan::sysctl",
    "plimrun::plan::intel_rdt::plan",
    "plimrun::plan::options",
    "core::ptr::drop_in_place*IntelRdt",
    "plimrun::plan::net_devices::plan",
    "plimrun::exec::cgroup::remove",
    "plimrun::spec::config",
    "plimrun::spec::gaps",
    "plimrun::spec::load",
    "plimrun::spec::pointer",
    "plimrun::spec::survey",
    "plimrun::spec::validate",
    "plimrun::teardown::poststop_config",
    "oci_spec::runtime::Spec|E",
    "oci_spec::runtime::capability*CapabilityE",
    "oci_spec::runtime::capability*Display",
    "oci_spec::runtime::linux::LinuxDeviceCgroup",
    "oci_spec::runtime::linux::Linux|E",
    "oci_spec::runtime::linux::LinuxNamespace",
    "oci_spec::runtime::linux::LinuxResources",
    "oci_spec::runtime::linux*LinuxN*Deserialize",
    "oci_spec::runtime::linux*LinuxResourcesN*Deserialize",
    "oci_spec::runtime::miscellaneous::Mount",
    "oci_spec::runtime::miscellaneous::Root|E",
    "oci_spec::runtime::process::LinuxCapabilities",
    "oci_spec::runtime::process::PosixRlimit",
    "oci_spec::runtime::process::Process|E",
    "oci_spec::runtime::process::User|E",
    "oci_spec::runtime::process*Capabilities*Clone",
    "oci_spec::runtime::process*ProcessN*Deserialize",
    "oci_spec::runtime::process*Rlimit",
    // What enters a container.
    "plimrun::cli::attend",
    "plimrun::cli::commands::exec",
    "plimrun::cli::finish",
    "plimrun::cli::launch",
    "plimrun::cli::log",
    "plimrun::exec::become_process",
    "plimrun::exec::channel",
    "plimrun::exec::command",
    "plimrun::exec::credentials",
    "plimrun::exec::enter",
    "plimrun::exec::error*Context",
    "plimrun::exec::grouping",
    "plimrun::exec::namespaces",
    "plimrun::exec::null_streams",
    "plimrun::exec::protect",
    "plimrun::exec::scheduling",
    "plimrun::exec::spawn",
    "plimrun::exec::switch",
    "plimrun::host",
    "plimrun::plan::entry",
    "plimrun::plan::namespaces",
    "plimrun::plan::origin",
    "plimrun::plan::process",
    "plimrun::plan::scheduling",
    "core::iter::adapters::GenericShunt",
    "core::iter::adapters::filter_map::FilterMap",
    "core::iter::adapters::flatten::FlattenCompat",
    "core::iter::adapters::map::Map",
    "caps*Capability",
    "nix::errno",
    "nix::fcntl",
    "nix::mount",
    "nix::sys::stat",
    "nix::sys::utsname",
    "nix::sys::wait",
    "nix::unistd",
    // Every command.
    "*plimrun_",
    "plimrun::sys",
    "plimrun::read",
    "*__rust_alloc",
    "alloc::raw_vec",
    "alloc::fmt::format",
    "alloc::slice*CapabilityN*sort_by_key",
    "alloc::slice*Capability11sort_by_key",
    "alloc::slice*sort_by_key*plimrun4plan",
    "alloc::str*join_generic_copy",
    "alloc::str*to_uppercase",
    "alloc::string*Clone",
    "alloc::string*Display",
    "alloc::string*Write",
    "alloc::string*from_utf8",
    "alloc::ffi::c_str*CString",
    "alloc::collections::btree::map*BTreeMap*insert",
    "alloc::collections::btree::map*BTreeMap*get",
    "alloc::collections::btree::map::BTreeMap*clone",
    "alloc::collections::btree::map*dying_next",
    "alloc::sync*InnerReadDir",
    "alloc::vec*Clone",
    "alloc::vec::spec_from_iter_nested*Split",
    "core::fmt::write",
    "core::fmt*Formatter*pad",
    "core::fmt|ReNtB6_5Debug",
    "core::ptr::drop_in_place*io*ErrorEB",
    "core::ptr::drop_in_place*OwnedFd",
    "core::fmt|e*Debug",
    "core::fmt|R*Display",
    "core::fmt|c*Display",
    "core::fmt::num::imp",
    "core::str::converts::from_utf8",
    "core::str::pattern",
    "core::str::lossy",
    "core::str*trim_matches",
    "core::slice::memchr",
    "core::slice::sort::shared::smallsort::insertion_sort_shift_left",
    "core::hash::sip",
    "core::bstr*Display",
    "hashbrown::map*HashMap",
    "hashbrown::raw*reserve_rehash",
    "std::env::current_dir",
    "std::env*_var",
    "std::fs*OpenOptions",
    "std::fs*DirBuilder",
    "std::fs*DirEntry",
    "std::fs::read",
    "std::fs::write",
    "std::io::default_read_to_end",
    "std::io::error*Error::kind",
    "std::io::stdio*Stdout",
    "std::path",
    "std::sync*once_lock",
    "std::sync::once",
    "std::sys::args",
    "std::sys::env",
    "std::sys::fs",
    "std::sys::io::error",
    "std::sys::pal::unix::time*Timespec",
    "std::sys::path",
    "std::sys::random",
    "std::sys::sync::once",
    "core::ops::function::FnOnce::call_once",
    "plimrun::cli::parse",
    "plimrun::cli::context",
    "plimrun::cli::time",
    "plimrun::cli::commands::state",
    "plimrun::state",
    "core::marker::PhantomData|?E",
    "core::marker::PhantomData*option*Option?E",
    "core::marker::PhantomData*option*OptionT",
    "core::marker::PhantomData*string*StringE",
    "core::marker::PhantomData*path*PathBufE",
    "serde_core::de::impls",
    "serde_core::de::MapAccess",
    "serde_json::de*Access",
    "serde_json::de|I*end_",
    "serde_json::de|I*ignore_",
    "serde_json::de|I*parse_integer",
    "serde_json::de|I*parse_number",
    "serde_json::de*impls",
    "serde_json::read",
    "serde_json::ser",
];

/// The same of the C library: its object files.
const LIBC: &[&str] = &[
    // Its beginning.
    "ctype-info",
    "dl-debug",
    "dl-early_allocate",
    "dl-o[br]*",
    "dl-reloc*",
    "dl-tls*",
    "dl-tun*",
    "dl-load",
    "dl-lookup*",
    "dl-find_object",
    "dl-support",
    "dl-setup_hash",
    "elision-conf",
    "init-*",
    "libc-tls",
    "libc_early_init",
    "pthread_mutex_conf",
    "version",
    // Memory and strings; variants for newer processors have sections of other names.
    "mem*",
    "rawmem*",
    "stpcpy",
    "str[!eft]*[!2ds]",
    "strcmp-sse2",
    "strlen-sse2",
    "strncmp-sse2",
    "strrchr-sse2",
    "wcs*len",
    "wmem*",
    "malloc",
    // The kernel's calls.
    "*_nocancel",
    "*brk",
    "*dir",
    "dirfd",
    "*msg",
    "*mutex_*lock",
    "*sig*",
    "access",
    "bind",
    "canonicalize",
    "clock_gettime",
    "close",
    "dup*",
    "errno-loc",
    "faccessat",
    "fcntl*",
    "flock",
    "*stat*64",
    "get[cepr]*",
    "getdents64",
    "listen",
    "mkdirat",
    "mknodat",
    "mount",
    "mprotect",
    "open*64",
    "poll",
    "prctl",
    "read",
    "readdir64",
    "readlink*",
    "rename*",
    "set[hns]*",
    "socket*",
    "symlinkat",
    "syscall",
    "umask",
    "umount2",
    "uname",
    "unlink*",
    "unshare",
    "wait*",
    "write",
];

/// The same of its mathematics: functions whose variants the start chooses between.
const LIBM: &[&str] = &["e_log2", "e_pow", "s_ceil"];

/// What is hardly ever executed, though a name in [`CODE`] takes it in.
const RARE: &[&str] = &[
    "*10regex_lite",
    "alloc::collections::btree::remove",
    "core::fmt::Debug::fmt",
    "core::slice::sort::stable",
    "core::slice::sort::unstable*plimrun5state",
    "oci_spec::runtime::linux::LinuxNetwork",
    "oci_spec::runtime::linux::LinuxRdma",
    "oci_spec::runtime::linux::LinuxTimeOffset",
    "plimrun::exec::criu",
    "plimrun::plan::cgroup::properties",
    "plimrun::spec::load::process_from_str",
    "plimrun::spec::refused",
    "plimrun::spec::upgrade",
    "serde_json::value",
];

/// A linker script that puts the code above behind all other, in its order: next to it lies what the linker writes
/// itself. To both GNU ld and LLD it is an addition to what they do without it.
pub(crate) fn script() -> String {
    let mut text = "SECTIONS {\n.text.rare : {\n".to_owned();
    text.extend(RARE.iter().map(|path| section(path)));
    text.push_str("}\n.text.start : {\n");
    text.extend(CODE.iter().map(|path| section(path)));
    for (library, names) in [("libm*.a", LIBM), ("libc.a", LIBC)] {
        let files = names.iter();
        text.extend(files.map(|name| format!("*{library}:{name}.o(.text .text.sse2)\n")));
    }
    text.push_str("*crt*.o(.text)\n}\n} INSERT AFTER .text;\n");
    text
}

/// The sections of what is below a path. They are named for symbols, in which each part follows its length.
fn section(path: &str) -> String {
    let parts = path.split("::").map(|part| {
        // Behind a `*` nobody knows what belongs to a name.
        let length = part.find(['*', '|']).unwrap_or(part.len());
        let part = part.replace('|', "");
        if length == 0 {
            part
        } else {
            format!("{length}{part}")
        }
    });
    let parts: String = parts.collect();
    format!("*(.text*{}*)\n", parts.trim_start_matches('*'))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_path_is_written_as_in_symbols() {
        for (path, expected) in [
            ("core::fmt::write", "*(.text*4core3fmt5write*)\n"),
            ("alloc::vec*Clone", "*(.text*5alloc3vec*Clone*)\n"),
            ("core::fmt|e*Debug", "*(.text*4core3fmte*Debug*)\n"),
            ("*plimrun_", "*(.text*plimrun_*)\n"),
        ] {
            assert_eq!(section(path), expected, "{path}");
        }
    }

    /// The linker takes each section for the first name that matches.
    #[test]
    fn rare_code_is_named_before_the_rest() {
        let script = script();
        let place = |text: &str| script.find(text).expect(text);
        assert!(place("*7plimrun4exec4criu*") < place(".text.start : {"));
        assert!(place("*8oci_spec7runtime4SpecE*") > place(".text.start : {"));
        assert!(place("*libc.a:malloc.o(.text .text.sse2)") > place("*plimrun_*"));
        assert!(script.ends_with("} INSERT AFTER .text;\n"));
        assert_eq!(script.matches('{').count(), script.matches('}').count());
    }

    #[test]
    fn each_name_stands_once() {
        for (index, name) in CODE.iter().enumerate() {
            assert!(!CODE[..index].contains(name), "{name}");
        }
    }

    /// What is left of a module's name once the module has moved would keep nothing together.
    #[test]
    fn modules_of_this_crate_are_there() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut modules = 0;
        for path in CODE.iter().chain(RARE) {
            let Some(path) = path.strip_prefix("plimrun::") else {
                continue;
            };
            let place = source.join(path.split('*').next().unwrap_or(path).replace("::", "/"));
            let is_module = |place: &Path| place.is_dir() || place.with_extension("rs").is_file();
            // Or a function of one.
            let found = is_module(&place) || place.parent().is_some_and(is_module);
            assert!(found, "{path}");
            modules += 1;
        }
        assert!(modules > 50, "{modules}");
    }
}
