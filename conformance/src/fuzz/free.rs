//! What the specification leaves to a runtime, so that two may show it differently and both be
//! right: it is set aside by name, each with its reason, and everything else is a difference.

use serde_json::{Value, json};

use super::judge::Difference;

/// A free choice.
pub struct Free {
    /// What is left to the runtime, and why that is so.
    pub reason: &'static str,
    /// Whether a difference of a config's is this choice alone.
    is: fn(&Difference, &Value) -> bool,
}

/// All that is set aside.
pub const FREE: &[Free] = &[
    Free {
        reason: "how a path is masked or made read-only: only that it is, which `path/…` shows",
        is: |one, config| listed(one, config, "mount", &["maskedPaths", "readonlyPaths"]),
    },
    Free {
        reason: "whether a masked path is writable: there is nothing in it to be changed",
        is: |one, config| {
            one.what.ends_with("/writable") && listed(one, config, "path", &["maskedPaths"])
        },
    },
    Free {
        reason: "whether the option `ro` is the mount's alone or its file system's too: nobody can write either way",
        is: |one, _| {
            let same =
                |value: &Option<Value>| without(value.as_ref(), |word| matches!(word, "ro" | "rw"));
            one.what.ends_with("/super") && same(&one.first) == same(&one.second)
        },
    },
    Free {
        reason: "HOME, which a runtime may add as a login does where the config has none",
        is: |one, _| {
            let same =
                |value: &Option<Value>| without(value.as_ref(), |word| word.starts_with("HOME="));
            one.what == "report/env" && same(&one.first) == same(&one.second)
        },
    },
    Free {
        reason: "the signals 32 and 33, which C libraries keep to themselves, as the caller left them",
        is: |one, _| {
            let others = |value: &Option<Value>| {
                value
                    .as_ref()
                    .and_then(Value::as_u64)
                    .map(|set| set & !KEPT)
            };
            one.what == "report/signals/ignored" && others(&one.first) == others(&one.second)
        },
    },
];

/// The bits of the signals that nptl(7) keeps.
const KEPT: u64 = 0b11 << 31;

/// The reason why a difference is none that counts.
pub fn free(one: &Difference, config: &Value) -> Option<&'static str> {
    FREE.iter()
        .find(|free| (free.is)(one, config))
        .map(|free| free.reason)
}

/// The difference is of a path that the config has in one of these lists, or of one below it.
fn listed(one: &Difference, config: &Value, kind: &str, lists: &[&str]) -> bool {
    let Some((path, _)) = one
        .what
        .strip_prefix(kind)
        .and_then(|rest| rest.rsplit_once('/'))
    else {
        return false;
    };
    // `mount/` is followed by a whole path, `path` by one without more.
    let path = path
        .strip_prefix("//")
        .map_or(path.to_owned(), |rest| format!("/{rest}"));
    lists.iter().any(|list| {
        let names = config["linux"][list].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).any(|name| path == name)
    })
}

/// A list of words without some of them.
fn without(value: Option<&Value>, drop: fn(&str) -> bool) -> Value {
    let words = value.and_then(Value::as_array).into_iter().flatten();
    let kept = words.filter(|word| !word.as_str().is_some_and(drop));
    json!(kept.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(what: &str, first: Value, second: Value) -> Difference {
        Difference {
            what: what.into(),
            first: Some(first),
            second: Some(second),
        }
    }

    #[test]
    fn only_the_choice_itself_is_free() {
        let config =
            json!({"linux": {"maskedPaths": ["/proc/bus"], "readonlyPaths": ["/proc/irq"]}});
        for (is_free, what, first, second) in [
            (
                true,
                "mount//proc/bus/kind",
                json!("tmpfs"),
                json!("devtmpfs"),
            ),
            (
                true,
                "mount//proc/irq/options",
                json!(["ro"]),
                json!(["nosuid", "ro"]),
            ),
            (
                false,
                "mount//proc/options",
                json!(["ro"]),
                json!(["nosuid", "ro"]),
            ),
            (true, "path/proc/bus/writable", json!(true), json!(false)),
            (false, "path/proc/irq/writable", json!(true), json!(false)),
            (
                false,
                "path/proc/bus/content",
                json!("content"),
                json!("nothing"),
            ),
            (
                true,
                "mount//x/super",
                json!(["ro", "size=4k"]),
                json!(["rw", "size=4k"]),
            ),
            (
                false,
                "mount//x/super",
                json!(["ro", "size=4k"]),
                json!(["rw", "size=8k"]),
            ),
            (false, "mount//x/options", json!(["ro"]), json!(["rw"])),
            (true, "report/env", json!(["A=1", "HOME=/"]), json!(["A=1"])),
            (
                false,
                "report/env",
                json!(["A=1", "HOME=/"]),
                json!(["A=2"]),
            ),
            (true, "report/signals/ignored", json!(0), json!(3_u64 << 31)),
            (false, "report/signals/ignored", json!(0), json!(1 << 12)),
        ] {
            let seen = free(&one(what, first, second), &config);
            assert_eq!(seen.is_some(), is_free, "{what}: {seen:?}");
        }
    }
}
