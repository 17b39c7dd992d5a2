//! The scope that systemd is asked for with `--systemd-cgroup`.
//! org.freedesktop.systemd1(5), systemd.resource-control(5)

use std::path::PathBuf;

use super::request::Request;
use crate::host::CgroupLayout;
use crate::plan::{Origin, PlanError};

/// A D-Bus value of a unit's property.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `s`
    Text(String),
    /// `b`
    Bool(bool),
    /// `y`
    Byte(u8),
    /// `n`
    Int16(i16),
    /// `q`
    Uint16(u16),
    /// `i`
    Int32(i32),
    /// `u`
    Uint32(u32),
    /// `x`
    Int64(i64),
    /// `t`
    Uint64(u64),
    /// `d`
    Double(f64),
    /// `ay`
    Bytes(Vec<u8>),
    /// `au`
    Numbers(Vec<u32>),
    /// `as`
    Texts(Vec<String>),
}

impl Eq for Value {}

/// A property of the unit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Property {
    /// Its name, such as `MemoryMax`.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Property {
    pub(super) fn new(name: &str, value: Value) -> Self {
        Self {
            name: name.to_owned(),
            value,
        }
    }
}

/// A transient scope.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scope {
    /// The unit's name.
    pub unit: String,
    /// The slice it lies in.
    pub slice: String,
    /// Asks the caller's user manager instead of the system's.
    pub user: bool,
    /// The unit's properties, but for `PIDs`.
    pub properties: Vec<Property>,
}

impl Scope {
    /// The cgroup's path below the manager's.
    pub fn path(&self) -> PathBuf {
        let mut path = slice_path(&self.slice);
        path.push(&self.unit);
        path
    }
}

/// `a-b.slice` lies in `a.slice`; `-.slice` is the root (systemd.slice(5)).
fn slice_path(slice: &str) -> PathBuf {
    let name = slice.strip_suffix(".slice").unwrap_or(slice);
    let ends = name
        .match_indices('-')
        .map(|(at, _)| at)
        .chain([name.len()]);
    ends.filter(|end| *end > 0 && name != "-")
        .map(|end| format!("{}.slice", &name[..end]))
        .collect()
}

pub(super) fn scope(
    request: &Request,
    layout: &CgroupLayout,
    id: &str,
) -> Result<Scope, PlanError> {
    let origin = Origin::at("/linux/cgroupsPath");
    if !layout.systemd {
        let why = "systemd is not running (no /run/systemd/system)";
        return Err(PlanError::unsupported(
            Origin::at("--systemd-cgroup"),
            "the systemd driver",
            why,
        ));
    }
    let user = !layout.root;
    let default_slice = if user { "user.slice" } else { "system.slice" };
    let path = request.path.filter(|path| !path.is_empty());
    let (slice, prefix, name) = match path {
        None => (default_slice, "plimrun", id),
        Some(path) => {
            let mut parts = path.split(':');
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(slice), Some(prefix), Some(name), None) if !name.is_empty() => (
                    if slice.is_empty() {
                        default_slice
                    } else {
                        slice
                    },
                    prefix,
                    name,
                ),
                _ => {
                    let what = format!("cgroupsPath {path:?}");
                    let why = "the systemd driver needs the form slice:prefix:name";
                    return Err(PlanError::invalid(origin, what, why));
                }
            }
        }
    };
    check_slice(slice, &origin)?;
    if prefix.contains('/') || name.contains('/') {
        let what = format!("unit name {prefix:?} with {name:?}");
        return Err(PlanError::invalid(
            origin,
            what,
            "it cannot be the name of a scope",
        ));
    }
    if let Some(path) = path.filter(|_| name.strip_suffix(".slice").is_some()) {
        let what = format!("cgroupsPath {path:?}");
        let why =
            "a name that ends in .slice stands for a slice, and processes cannot be put into one";
        return Err(PlanError::invalid(origin, what, why));
    }
    let unit = if prefix.is_empty() {
        format!("{name}.scope")
    } else {
        format!("{prefix}-{name}.scope")
    };
    let mut properties = vec![
        Property::new(
            "Description",
            Value::Text(format!("plimrun container {id}")),
        ),
        Property::new("Slice", Value::Text(slice.to_owned())),
    ];
    let io = if layout.v1.is_empty() {
        "IOAccounting"
    } else {
        "BlockIOAccounting"
    };
    properties.extend(
        [
            "Delegate",
            "MemoryAccounting",
            "CPUAccounting",
            "TasksAccounting",
            io,
        ]
        .map(|name| Property::new(name, Value::Bool(true))),
    );
    // systemd would stop the scope before shutdown's own order, and make it wait for others.
    properties.push(Property::new("DefaultDependencies", Value::Bool(false)));
    for (key, text) in &request.annotations {
        if let Some(name) = key.strip_prefix("org.systemd.property.") {
            properties.push(annotation(name, text, &Origin::item("/annotations", key))?);
        }
    }
    Ok(Scope {
        unit,
        slice: slice.to_owned(),
        user,
        properties,
    })
}

fn check_slice(slice: &str, origin: &Origin) -> Result<(), PlanError> {
    let name = slice.strip_suffix(".slice").unwrap_or_default();
    let plain = !name.starts_with('-') && !name.ends_with('-') && !name.contains("--");
    if name == "-" || (!name.is_empty() && plain && !name.contains('/')) {
        return Ok(());
    }
    let what = format!("slice {slice:?}");
    Err(PlanError::invalid(
        origin.clone(),
        what,
        "not the name of a slice",
    ))
}

/// An annotation's value is GVariant text: `'text'`, `true`, `uint64 5`, `['a', 'b']`.
fn annotation(name: &str, text: &str, origin: &Origin) -> Result<Property, PlanError> {
    let value = parse_value(text.trim()).ok_or_else(|| {
        let what = format!("systemd property {name} with value {text:?}");
        PlanError::invalid(origin.clone(), what, "not a value in GVariant text form")
    })?;
    // D-Bus has the properties of time in microseconds only.
    let Some(stem) = name.strip_suffix("Sec").filter(|stem| !stem.ends_with('U')) else {
        return Ok(Property {
            name: name.to_owned(),
            value,
        });
    };
    let seconds = match value {
        Value::Uint64(n) => n as f64,
        Value::Int64(n) => n as f64,
        Value::Uint32(n) => f64::from(n),
        Value::Int32(n) => f64::from(n),
        Value::Double(n) => n,
        value => {
            return Ok(Property {
                name: name.to_owned(),
                value,
            });
        }
    };
    let value = Value::Uint64((seconds * 1e6) as u64);
    Ok(Property {
        name: format!("{stem}USec"),
        value,
    })
}

fn parse_value(text: &str) -> Option<Value> {
    if let Some(text) = quoted(text) {
        return Some(Value::Text(text));
    }
    if let Some(list) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let items = list
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        return items.map(quoted).collect::<Option<_>>().map(Value::Texts);
    }
    Some(match text.split_once(' ').unwrap_or(("", text)) {
        ("", "true") => Value::Bool(true),
        ("", "false") => Value::Bool(false),
        ("boolean", flag) => Value::Bool(flag.parse().ok()?),
        ("byte", number) => Value::Byte(number.parse().ok()?),
        ("int16", number) => Value::Int16(number.parse().ok()?),
        ("uint16", number) => Value::Uint16(number.parse().ok()?),
        ("" | "int32", number) if !number.contains('.') => Value::Int32(number.parse().ok()?),
        ("uint32", number) => Value::Uint32(number.parse().ok()?),
        ("int64", number) => Value::Int64(number.parse().ok()?),
        ("uint64", number) => Value::Uint64(number.parse().ok()?),
        ("" | "double", number) => Value::Double(number.parse().ok()?),
        ("string", text) => Value::Text(quoted(text)?),
        _ => return None,
    })
}

fn quoted(text: &str) -> Option<String> {
    let inner = ['\'', '"']
        .iter()
        .find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q))?;
    (text.len() >= 2).then(|| {
        inner
            .replace("\\'", "'")
            .replace("\\\"", "\"")
            .replace("\\\\", "\\")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_nest_by_their_dashes() {
        assert_eq!(
            slice_path("machine-a-b.slice"),
            PathBuf::from("machine.slice/machine-a.slice/machine-a-b.slice")
        );
        assert_eq!(slice_path("-.slice"), PathBuf::new());
        assert_eq!(slice_path("system.slice"), PathBuf::from("system.slice"));
    }

    #[test]
    fn annotations_are_gvariant_text() {
        let parse = |name, text| {
            annotation(name, text, &Origin::at("/annotations")).map(|p| (p.name, p.value))
        };
        assert_eq!(
            parse("CollectMode", "'inactive-or-failed'").unwrap().1,
            Value::Text("inactive-or-failed".into())
        );
        assert_eq!(
            parse("TimeoutStopUSec", "uint64 7").unwrap(),
            ("TimeoutStopUSec".into(), Value::Uint64(7))
        );
        assert_eq!(
            parse("TimeoutStopSec", "1.5").unwrap(),
            ("TimeoutStopUSec".into(), Value::Uint64(1_500_000))
        );
        assert_eq!(
            parse("Before", "['a.service', 'b.service']").unwrap().1,
            Value::Texts(vec!["a.service".into(), "b.service".into()])
        );
        assert_eq!(parse("X", "true").unwrap().1, Value::Bool(true));
        for bad in ["", "'", "uint64 -1", "[1, 2]", "maybe"] {
            assert!(parse("X", bad).is_err(), "{bad:?}");
        }
    }
}
