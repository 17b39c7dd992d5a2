//! Which releases of the GNU C Library `src/sys/start.rs` can begin: those whose own beginning was read, and
//! with which the program was tried. Pure, and a part of both the build script and the library's tests.

/// A release whose beginning is known.
#[derive(Debug)]
pub(crate) struct Release {
    /// What the library calls itself.
    pub(crate) version: &'static str,
    /// What its `libc-start.o` refers to, besides [`ALWAYS`]. A beginning that was changed, as by a
    /// distribution, hardly refers to the same.
    besides: &'static [&'static str],
}

/// The known releases. Ubuntu's begins Intel's CET as well, for a program all of whose parts are marked for it;
/// Rust's library is not, so nothing is lost.
pub(crate) const RELEASES: &[Release] = &[
    // Debian 12.
    Release {
        version: "2.36",
        besides: &["__assert_fail"],
    },
    // Ubuntu 24.04.
    Release {
        version: "2.39",
        besides: &[
            "__libc_assert_fail",
            "_dl_cet_setup_features",
            "_dl_get_dl_main_map",
            "_dl_hwcap2",
            "_dl_phdr",
            "_dl_phnum",
            "_dl_process_pt_gnu_property",
            "_dl_tunable_set_x86_ibt",
            "_dl_tunable_set_x86_shstk",
            "_dl_x86_feature_1",
        ],
    },
    // Debian 13.
    Release {
        version: "2.41",
        besides: &[
            "__libc_assert_fail",
            "__tunable_is_initialized",
            "_dl_hwcap2",
            "_dl_runtime_resolve_fxsave",
            "_dl_runtime_resolve_xsave",
            "_dl_runtime_resolve_xsavec",
            "_dl_x86_64_runtime_resolve",
        ],
    },
];

/// What the `libc-start.o` of each known release refers to.
const ALWAYS: &[&str] = &[
    "_GLOBAL_OFFSET_TABLE_",
    "__cxa_atexit",
    "__environ",
    "__fini_array_end",
    "__fini_array_start",
    "__init_array_end",
    "__init_array_start",
    "__libc_check_standard_fds",
    "__libc_early_init",
    "__libc_enable_secure",
    "__libc_fatal",
    "__libc_init_first",
    "__libc_setup_tls",
    "__libc_stack_end",
    "__nptl_deallocate_tsd",
    "__nptl_nthreads",
    "__preinit_array_end",
    "__preinit_array_start",
    "__pthread_initialize_minimal",
    "__rela_iplt_end",
    "__rela_iplt_start",
    "__tunable_get_val",
    "__tunable_set_val",
    "__tunables_init",
    "_dl_aux_init",
    "_dl_debug_initialize",
    "_dl_hwcap",
    "_dl_minsigstacksize",
    "_dl_platform",
    "_dl_random",
    "_dl_relocate_static_pie",
    "_dl_tunable_set_hwcaps",
    "_dl_x86_cpu_features",
    "_fini",
    "_init",
    "_setjmp",
    "exit",
];

/// The version in the library's own words: `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.`
pub(crate) fn version(archive: &[u8]) -> Option<&str> {
    let (name, number) = (b"GNU C Library (".as_slice(), " release version ");
    let start = archive
        .windows(name.len())
        .position(|window| window == name)?;
    let words = archive[start..].split(|byte| matches!(byte, 0 | b'\n'));
    let words = str::from_utf8(words.into_iter().next()?).ok()?;
    let (_, version) = words.split_once(number)?;
    Some(version.trim_end_matches('.'))
}

/// The release of this version, if its `libc-start.o` refers to these names and no others; or why not.
pub(crate) fn known(version: &str, undefined: &[&str]) -> Result<&'static Release, String> {
    let release = RELEASES
        .iter()
        .find(|release| release.version == version)
        .ok_or_else(|| format!("release {version} is not a known one"))?;
    let expected = || ALWAYS.iter().chain(release.besides);
    if let Some(name) = undefined
        .iter()
        .find(|name| !expected().any(|known| known == *name))
    {
        return Err(format!("libc-start.o of this {version} refers to {name}"));
    }
    if let Some(name) = expected().find(|name| !undefined.contains(name)) {
        return Err(format!(
            "libc-start.o of this {version} does not refer to {name}"
        ));
    }
    Ok(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_librarys_own() {
        for (archive, expected) in [
            (
                "\x7fELF\0GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.\nCopyright",
                Some("2.36"),
            ),
            (
                "GNU C Library (GNU libc) development release version 2.43.9000.\n",
                Some("2.43.9000"),
            ),
            (
                "GNU C Library (Debian GLIBC 2.36-9)\nrelease version 2.36.\n",
                None,
            ),
            ("musl libc (x86_64)\nVersion 1.2.5\n", None),
            ("", None),
        ] {
            assert_eq!(version(archive.as_bytes()), expected, "{archive:?}");
        }
    }

    #[test]
    fn a_release_is_known_by_version_and_names() {
        for release in RELEASES {
            let names: Vec<_> = ALWAYS.iter().chain(release.besides).copied().collect();
            let found = known(release.version, &names).expect("the names of the table");
            assert_eq!(found.version, release.version);

            let more = [names.as_slice(), &["_dl_more"]].concat();
            let reason = known(release.version, &more).expect_err("one name more");
            assert!(reason.ends_with("refers to _dl_more"), "{reason}");
            for index in 0..names.len() {
                let mut fewer = names.clone();
                let name = fewer.remove(index);
                let reason = known(release.version, &fewer).expect_err("one name less");
                assert!(
                    reason.ends_with(&format!("not refer to {name}")),
                    "{reason}"
                );
            }
            let reason = known("2.35.9000", &names).expect_err("a version of no release");
            assert_eq!(reason, "release 2.35.9000 is not a known one");
        }
    }

    #[test]
    fn versions_can_be_compared_by_their_first_four_letters() {
        for (index, release) in RELEASES.iter().enumerate() {
            assert!(release.version.is_ascii() && release.version.len() == 4);
            let others = &RELEASES[..index];
            assert!(others.iter().all(|other| other.version != release.version));
        }
    }
}
