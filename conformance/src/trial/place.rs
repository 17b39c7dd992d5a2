//! Names for what a case cannot know beforehand: the strings of a config may hold `{dir}` (the
//! trial's directory on the host), `{bundle}`, `{rootfs}`, `{probe}` (the probe on the host) and
//! `{id}` (the container's id).

use std::path::Path;

use serde_json::Value;

/// Where a trial lives.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    names: [(&'static str, String); 5],
}

impl Place {
    /// The place of a trial, by its directory and id.
    pub(crate) fn new(dir: &Path, id: &str) -> Self {
        let text = |path: &Path| path.display().to_string();
        let bundle = dir.join("bundle");
        let probe = dir.parent().unwrap_or(dir).join("probe");
        Self {
            names: [
                ("{rootfs}", text(&bundle.join("rootfs"))),
                ("{bundle}", text(&bundle)),
                ("{probe}", text(&probe)),
                ("{dir}", text(dir)),
                ("{id}", id.to_owned()),
            ],
        }
    }

    /// The place of the trial that a bundle belongs to; its id stays a name.
    pub(crate) fn of_bundle(bundle: &Path) -> Self {
        Self::new(bundle.parent().unwrap_or(bundle), "{id}")
    }

    /// A text with the names replaced.
    pub(crate) fn fill(&self, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        self.names
            .iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(name, value)
            })
    }

    /// All strings of a document with the names replaced.
    pub(crate) fn fill_all(&self, json: &mut Value) {
        match json {
            Value::String(text) if text.contains('{') => *text = self.fill(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_all(item)),
            Value::Object(map) => map.values_mut().for_each(|value| self.fill_all(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_replaced_in_all_strings() {
        let mut json = json!({"a": ["{dir}/log", {"b": "{id}"}], "c": "{other}", "d": "{probe}"});
        Place::new(Path::new("/t/3"), "x-3").fill_all(&mut json);
        assert_eq!(
            json,
            json!({"a": ["/t/3/log", {"b": "x-3"}], "c": "{other}", "d": "/t/probe"})
        );
    }
}
