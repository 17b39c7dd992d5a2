//! Which network devices move into the container.
//! config-linux.md#network-devices

use oci_spec::runtime::{LinuxNamespaceType, Spec};

use super::namespaces::Namespaces;
use super::{Origin, PlanError};

/// A device to move.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NetDevice {
    /// Its name in the runtime's network namespace.
    pub outside: String,
    /// Its name in the container's; with `%d` in it the kernel numbers the device.
    pub inside: String,
    /// Who asked.
    pub origin: Origin,
}

impl NetDevice {
    /// Whether the kernel completes the name.
    pub fn is_template(&self) -> bool {
        self.inside.contains("%d")
    }
}

/// Plans the devices, in the order of their names.
pub fn plan(spec: &Spec, namespaces: &Namespaces) -> Result<Vec<NetDevice>, PlanError> {
    let linux = spec.linux().as_ref();
    let configured = linux.and_then(|linux| linux.net_devices().as_ref());
    let mut devices: Vec<NetDevice> = configured
        .into_iter()
        .flatten()
        .map(|(outside, device)| {
            let name = device.name().as_deref().filter(|name| !name.is_empty());
            let key = outside.replace('~', "~0").replace('/', "~1");
            NetDevice {
                outside: outside.clone(),
                inside: name.unwrap_or(outside).to_owned(),
                origin: Origin::item("/linux/netDevices", key),
            }
        })
        .collect();
    devices.sort_by(|a, b| a.outside.cmp(&b.outside));
    match devices.first() {
        Some(device) if !namespaces.has(LinuxNamespaceType::Network) => Err(PlanError::invalid(
            device.origin.clone(),
            format!("network device {}", device.outside),
            "it needs a network namespace to move to",
        )),
        _ => Ok(devices),
    }
}

#[cfg(test)]
mod tests {
    use super::super::namespaces;
    use super::*;

    fn of(linux: &str) -> Result<Vec<NetDevice>, PlanError> {
        let json = format!(r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{linux}}}"#);
        let spec: Spec = serde_json::from_str(&json).expect("the test's config is valid JSON");
        plan(&spec, &namespaces::plan(&spec).expect("valid"))
    }

    #[test]
    fn a_device_keeps_its_name_unless_it_gets_another() {
        let devices =
            of(r#"{"namespaces":[{"type":"network"}],"netDevices":{"b":{"name":"eth%d"},"a":{}}}"#)
                .expect("valid");
        let names: Vec<_> = devices
            .iter()
            .map(|device| (device.outside.as_str(), device.inside.as_str()))
            .collect();
        assert_eq!(names, [("a", "a"), ("b", "eth%d")]);
        assert!(devices[1].is_template() && !devices[0].is_template());
        assert_eq!(devices[1].origin.as_str(), "/linux/netDevices/b");
    }

    #[test]
    fn a_device_does_not_move_to_where_it_is() {
        let error = of(r#"{"namespaces":[{"type":"mount"}],"netDevices":{"a":{}}}"#)
            .expect_err("no namespace");
        assert!(error.to_string().contains("/linux/netDevices/a"));
        assert_eq!(of("{}"), Ok(vec![]));
    }
}
