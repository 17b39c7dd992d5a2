//! Device files and the links of /dev.
//! config-linux.md#devices, runtime-linux.md#dev-symbolic-links

use std::path::{Path, PathBuf};

use nix::libc;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, LinuxNamespaceType, Spec};

use super::mounts::{Mount, Source, relative};
use super::namespaces::Namespaces;
use super::{Origin, PlanError};
use crate::host::Facts;

/// One device file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// Relative to the root of the container.
    pub path: PathBuf,
    /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`, with the permissions.
    pub mode: u32,
    /// Major and minor number, 0 for a pipe.
    pub number: (u32, u32),
    /// The owner, in the container's ids.
    pub uid: u32,
    /// The group, in the container's ids.
    pub gid: u32,
    /// Who asked.
    pub origin: Origin,
}

/// The device files and links of a container.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Devices {
    /// In order: the default ones, then the configured ones.
    pub files: Vec<Device>,
    /// Bind the runtime's own device files, since mknod(2) is refused in this user namespace.
    pub bind: bool,
    /// Path relative to the root, and target.
    pub links: Vec<(&'static str, &'static str)>,
}

/// config-linux.md#default-devices
const DEFAULTS: [(&str, u32, u32); 6] = [
    ("dev/null", 1, 3),
    ("dev/zero", 1, 5),
    ("dev/full", 1, 7),
    ("dev/random", 1, 8),
    ("dev/urandom", 1, 9),
    ("dev/tty", 5, 0),
];

/// runtime-linux.md#dev-symbolic-links, and the ptmx of config-linux.md#default-devices.
const LINKS: [(&str, &str); 5] = [
    ("dev/fd", "/proc/self/fd"),
    ("dev/stdin", "/proc/self/fd/0"),
    ("dev/stdout", "/proc/self/fd/1"),
    ("dev/stderr", "/proc/self/fd/2"),
    ("dev/ptmx", "pts/ptmx"),
];

/// Plans the devices.
pub fn plan(
    spec: &Spec,
    facts: &Facts,
    namespaces: &Namespaces,
    mounts: &[Mount],
) -> Result<Devices, PlanError> {
    let mut devices = Devices {
        bind: namespaces.has(LinuxNamespaceType::User) || !facts.initial_userns,
        ..Devices::default()
    };
    // A /dev bound from outside has its devices, and is not this container's to fill.
    let foreign_dev = mounts.iter().any(|mount| {
        mount.target == Path::new("dev") && matches!(mount.source, Source::Bind { .. })
    });
    if !foreign_dev {
        devices.files.extend(DEFAULTS.map(default));
        devices.links.extend(LINKS);
    }
    let configured = spec
        .linux()
        .as_ref()
        .and_then(|linux| linux.devices().as_deref())
        .unwrap_or_default();
    for (index, entry) in configured.iter().enumerate() {
        let device = configure(entry, Origin::item("/linux/devices", index))?;
        devices.files.retain(|other| other.path != device.path);
        devices.files.push(device);
    }
    Ok(devices)
}

fn default((path, major, minor): (&str, u32, u32)) -> Device {
    Device {
        path: path.into(),
        mode: libc::S_IFCHR | 0o666,
        number: (major, minor),
        uid: 0,
        gid: 0,
        origin: Origin::default(),
    }
}

fn configure(entry: &LinuxDevice, origin: Origin) -> Result<Device, PlanError> {
    let kind = match entry.typ() {
        LinuxDeviceType::C | LinuxDeviceType::U => libc::S_IFCHR,
        LinuxDeviceType::B => libc::S_IFBLK,
        LinuxDeviceType::P => libc::S_IFIFO,
        LinuxDeviceType::A => {
            return Err(PlanError::invalid(
                origin.child("type"),
                "device type \"a\"",
                "a device file is of type c, b, u or p",
            ));
        }
    };
    let path = relative(entry.path());
    if path.as_os_str().is_empty() {
        return Err(PlanError::invalid(
            origin.child("path"),
            format!("device path {}", entry.path().display()),
            "it names no file",
        ));
    }
    let number = |value: i64, key: &str| {
        u32::try_from(value).map_err(|_| {
            PlanError::invalid(
                origin.child(key),
                format!("device number {value}"),
                "it lies outside of 0 to 4294967295",
            )
        })
    };
    let number = if kind == libc::S_IFIFO {
        (0, 0)
    } else {
        (
            number(entry.major(), "major")?,
            number(entry.minor(), "minor")?,
        )
    };
    Ok(Device {
        path,
        mode: kind | (entry.file_mode().unwrap_or(0o666) & 0o7777),
        number,
        uid: entry.uid().unwrap_or(0),
        gid: entry.gid().unwrap_or(0),
        origin,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(linux: &str) -> Result<Devices, PlanError> {
        let spec: Spec = serde_json::from_str(&format!(
            r#"{{"ociVersion":"1.3.0","root":{{"path":"rootfs"}},"linux":{linux}}}"#
        ))
        .expect("the test's config is valid JSON");
        plan(&spec, &Facts::privileged(), &Namespaces::default(), &[])
    }

    #[test]
    fn the_default_devices_are_always_there() {
        let devices = devices("{}").expect("valid");
        assert_eq!(devices.files.len(), DEFAULTS.len());
        assert_eq!(devices.links.len(), LINKS.len());
    }

    #[test]
    fn a_configured_device_takes_the_place_of_a_default_one() {
        let devices = devices(
            r#"{"devices":[{"path":"/dev/null","type":"c","major":1,"minor":3,"fileMode":384}]}"#,
        )
        .expect("valid");
        assert_eq!(devices.files.len(), DEFAULTS.len());
        let null = devices.files.last().expect("not empty");
        assert_eq!(null.mode, libc::S_IFCHR | 0o600);
        assert_eq!(null.origin.as_str(), "/linux/devices/0");
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        let error = devices(r#"{"devices":[{"path":"/dev/x","type":"c","major":-1,"minor":3}]}"#)
            .expect_err("a negative major");
        assert!(error.to_string().contains("/linux/devices/0/major"));
    }
}
