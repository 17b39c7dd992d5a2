//! Which class of service of resctrl the container's process belongs to.
//! config-linux.md#intelrdt

use oci_spec::runtime::{LinuxIntelRdt, Spec};

use super::Origin;

/// Where the object stands.
pub const ORIGIN: Origin = Origin::at("/linux/intelRdt");

/// What is done in resctrl.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IntelRdt {
    /// The class.
    pub class: Class,
    /// Lines for its `schemata`, in the order in which they are written, each with who asked.
    pub schemata: Vec<(String, Origin)>,
    /// The name of a monitoring group for the container alone.
    pub monitor: Option<String>,
}

/// A class of service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Class {
    /// The default one: the root of the file system.
    Root,
    /// One that others may use too, by its `closID`. It stays when the container is deleted.
    Named(String),
    /// The container's own, by its id. It goes with the container.
    Own(String),
}

/// Plans what is done in resctrl; `None` where it must not be touched.
pub fn plan(spec: &Spec, id: &str) -> Option<IntelRdt> {
    let rdt = spec.linux().as_ref()?.intel_rdt().as_ref()?;
    let class = match rdt.clos_id().as_deref() {
        None => Class::Own(id.to_owned()),
        Some("/") => Class::Root,
        Some(name) => Class::Named(name.to_owned()),
    };
    Some(IntelRdt {
        class,
        schemata: schemata(rdt),
        monitor: rdt
            .enable_monitoring()
            .unwrap_or(false)
            .then(|| id.to_owned()),
    })
}

fn schemata(rdt: &LinuxIntelRdt) -> Vec<(String, Origin)> {
    let cache = rdt
        .l3_cache_schema()
        .iter()
        .map(|line| (line, "l3CacheSchema".to_owned()));
    let bandwidth = rdt
        .mem_bw_schema()
        .iter()
        .map(|line| (line, "memBwSchema".to_owned()));
    let rest = rdt.schemata().iter().flatten().enumerate();
    let rest = rest.map(|(at, line)| (line, format!("schemata/{at}")));
    cache
        .chain(bandwidth)
        .chain(rest)
        .map(|(line, key)| (line.clone(), ORIGIN.child(key)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(linux: &str) -> Option<IntelRdt> {
        let json = format!(r#"{{"ociVersion":"1.3.0","root":{{"path":"r"}},"linux":{linux}}}"#);
        let spec: Spec = serde_json::from_str(&json).expect("the test's config is valid JSON");
        plan(&spec, "c1")
    }

    #[test]
    fn the_class_is_the_container_s_own_unless_it_is_named() {
        assert_eq!(of("{}"), None);
        let class = |json: &str| of(json).expect("asked").class;
        assert_eq!(class(r#"{"intelRdt":{}}"#), Class::Own("c1".into()));
        assert_eq!(class(r#"{"intelRdt":{"closID":"/"}}"#), Class::Root);
        assert_eq!(
            class(r#"{"intelRdt":{"closID":"gold"}}"#),
            Class::Named("gold".into())
        );
    }

    #[test]
    fn lines_are_written_in_the_order_that_the_specification_gives() {
        let rdt = of(
            r#"{"intelRdt":{"schemata":["L2:0=f","MB:0=10"],"memBwSchema":"MB:0=20","l3CacheSchema":"L3:0=7f0","enableMonitoring":true}}"#,
        )
        .expect("asked");
        let lines: Vec<_> = rdt
            .schemata
            .iter()
            .map(|(line, origin)| (line.as_str(), origin.as_str()))
            .collect();
        assert_eq!(
            lines,
            [
                ("L3:0=7f0", "/linux/intelRdt/l3CacheSchema"),
                ("MB:0=20", "/linux/intelRdt/memBwSchema"),
                ("L2:0=f", "/linux/intelRdt/schemata/0"),
                ("MB:0=10", "/linux/intelRdt/schemata/1"),
            ]
        );
        assert_eq!(rdt.monitor.as_deref(), Some("c1"));
    }
}
