//! The flags that `checkpoint` and `restore` share, as what CRIU is asked for.

use std::path::{Path, PathBuf};

use nix::libc::CLONE_NEWNET;

use super::{CommandError, Matches, UsageError};
use crate::exec::criu::{CgroupMode, Options, PageServer, SWITCHES};
use crate::plan::Plan;

/// Where images go and come from if nothing else is said; runc's.
const IMAGES: &str = "checkpoint";

/// The annotation that names a configuration file for CRIU; runc's and podman's.
const CONFIG: &str = "org.criu.config";

/// Reads the flags.
pub(super) fn options(matches: &Matches, plan: &Plan) -> Result<Options, CommandError> {
    let named = |flag| matches.value(flag).filter(|value| !value.is_empty());
    let images = absolute("image-path", named("image-path").unwrap_or(IMAGES))?;
    let work = named("work-path").map(|work| absolute("work-path", work));
    let parent = named("parent-path").map(parent_images).transpose()?;
    Ok(Options {
        work: work.transpose()?,
        parent,
        images,
        switches: SWITCHES
            .iter()
            .filter(|(flag, _)| matches.switch(flag))
            .map(|(_, switch)| *switch)
            .collect(),
        pre_dump: matches.switch("pre-dump"),
        status_fd: matches.number::<u16>("status-fd")?.map(i32::from),
        page_server: named("page-server").map(page_server).transpose()?,
        cgroups: named("manage-cgroups-mode")
            .map(cgroup_mode)
            .transpose()?
            .unwrap_or_default(),
        empty_namespaces: empty_namespaces(matches)?,
        lsm_profile: named("lsm-profile").map(str::to_owned),
        lsm_mount_context: named("lsm-mount-context").map(str::to_owned),
        config_file: plan.state.annotations.get(CONFIG).cloned(),
    })
}

fn absolute(flag: &str, path: &str) -> Result<PathBuf, CommandError> {
    std::path::absolute(path).map_err(CommandError::io(format!("resolve --{flag} {path}")))
}

fn invalid(flag: &str, value: &str, expected: &'static str) -> UsageError {
    UsageError::InvalidValue {
        flag: flag.to_owned(),
        value: value.to_owned(),
        expected,
    }
}

/// CRIU looks for them from the folder of the new images.
fn parent_images(path: &str) -> Result<String, UsageError> {
    if Path::new(path).is_absolute() {
        let expected = "a path relative to the folder of the images is expected";
        return Err(invalid("parent-path", path, expected));
    }
    Ok(path.to_owned())
}

/// `ADDRESS:PORT`, where an address of IPv6 may stand in brackets.
fn page_server(text: &str) -> Result<PageServer, UsageError> {
    let parsed = text.rsplit_once(':').and_then(|(address, port)| {
        let address = address.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok()?;
        (!address.is_empty()).then(|| PageServer {
            address: address.to_owned(),
            port,
        })
    });
    parsed.ok_or_else(|| invalid("page-server", text, "ADDRESS:PORT is expected"))
}

fn cgroup_mode(word: &str) -> Result<CgroupMode, UsageError> {
    let expected = "soft, full, strict or ignore is expected";
    CgroupMode::named(word).ok_or_else(|| invalid("manage-cgroups-mode", word, expected))
}

/// CRIU leaves only network namespaces empty, as runc says too.
fn empty_namespaces(matches: &Matches) -> Result<u64, UsageError> {
    for name in matches.values("empty-ns") {
        if name != "network" {
            return Err(invalid("empty-ns", name, "network is expected"));
        }
    }
    let any = matches.values("empty-ns").next().is_some();
    Ok(if any { CLONE_NEWNET as u64 } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_server_has_an_address_and_a_port() {
        let server = |address: &str| {
            Ok(PageServer {
                address: address.to_owned(),
                port: 27,
            })
        };
        assert_eq!(page_server("10.0.0.1:27"), server("10.0.0.1"));
        assert_eq!(page_server("[::1]:27"), server("::1"));
        for bad in ["", "10.0.0.1", ":27", "h:", "h:x", "h:70000"] {
            assert!(page_server(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_parent_lies_relative_to_the_images() {
        assert_eq!(parent_images("../one"), Ok("../one".to_owned()));
        assert!(parent_images("/one").is_err());
    }
}
