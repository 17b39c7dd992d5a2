//! config-linux.md#devices

use nix::sys::stat::SFlag;
use oci_spec::runtime::{LinuxDevice, LinuxDeviceType};

use super::Checked;
use super::rules::{absolute, require};
use crate::spec::pointer::child;

/// `absent` are pointers of numbers that are not given.
pub(super) fn check(devices: &[LinuxDevice], absent: &[String]) -> Checked {
    for (index, device) in devices.iter().enumerate() {
        let here = child("/linux/devices", index);
        absolute(device.path(), &child(&here, "path"))?;
        require(
            device.typ() != LinuxDeviceType::A,
            child(&here, "type"),
            "must be c, b, u or p: a is only for cgroup rules",
        )?;
        if device.typ() != LinuxDeviceType::P {
            for (key, number) in [("major", device.major()), ("minor", device.minor())] {
                let pointer = child(&here, key);
                let given = !absent.contains(&pointer);
                require(given, pointer.as_str(), "required property is missing")?;
                // 12 bits of major and 20 of minor: linux/kdev_t.h.
                let most = if key == "major" { 0xfff } else { 0xf_ffff };
                let message = format!("must be from 0 to {most}");
                require((0..=most).contains(&number), pointer, message)?;
            }
        }
        require(
            device
                .file_mode()
                .is_none_or(|mode| is_mode(mode, device.typ())),
            child(&here, "fileMode"),
            "must be from 0 to 511",
        )?;
        let differs = |other: &LinuxDevice| {
            other.path() == device.path()
                && (other.typ(), other.major(), other.minor())
                    != (device.typ(), device.major(), device.minor())
        };
        require(
            !devices[..index].iter().any(differs),
            child(&here, "path"),
            "an earlier entry wants another device at this path",
        )?;
    }
    Ok(())
}

/// Permissions. Set-uid, set-gid and sticky mean nothing on a device (config-schema.json, FileMode);
/// podman adds the bits of the file's type, which are taken where they repeat what `type` says.
fn is_mode(mode: u32, kind: LinuxDeviceType) -> bool {
    let bits = match kind {
        LinuxDeviceType::B => SFlag::S_IFBLK,
        LinuxDeviceType::P => SFlag::S_IFIFO,
        _ => SFlag::S_IFCHR,
    };
    let kind = mode & SFlag::S_IFMT.bits();
    (kind == 0 || kind == bits.bits()) && mode & !SFlag::S_IFMT.bits() <= 0o777
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_permissions_and_may_repeat_the_type() {
        for (mode, kind, right) in [
            (0o666, LinuxDeviceType::C, true),
            (0o20666, LinuxDeviceType::C, true),
            (0o20666, LinuxDeviceType::U, true),
            (0o60600, LinuxDeviceType::B, true),
            (0o10600, LinuxDeviceType::P, true),
            (0o60666, LinuxDeviceType::C, false),
            (0o100_644, LinuxDeviceType::C, false),
            (0o4755, LinuxDeviceType::C, false),
            (0o1000, LinuxDeviceType::C, false),
        ] {
            assert_eq!(is_mode(mode, kind), right, "{mode:o} {kind:?}");
        }
    }
}
