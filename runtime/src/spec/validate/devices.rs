//! config-linux.md#devices

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
        // Set-uid, set-gid and sticky mean nothing on a device: config-schema.json, FileMode.
        require(
            device.file_mode().is_none_or(|mode| mode <= 0o777),
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
