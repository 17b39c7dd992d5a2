//! Views of the log, one file a format. A new format is a new file and a row of [`FORMATS`].

mod html;
mod human;
mod json;
mod jsonl;
mod junit;
mod markdown;
mod matrix;
mod progress;
mod repeat;
mod tap;

use std::io;

use crate::event::Interruption;
use crate::log::Log;

pub use jsonl::Stream;
pub use progress::Progress;
pub use repeat::Repeat;

/// Writes a whole log.
type Write = fn(&Log, &Context, &mut dyn io::Write) -> io::Result<()>;

/// A format by its name on the command line, with what it is for and the view that writes it.
#[derive(Debug)]
pub struct Format {
    /// The name on the command line.
    pub name: &'static str,
    /// One line of help.
    pub about: &'static str,
    /// Writes a whole log in this format.
    write: Write,
    /// Whether it knows of saboteurs; for the others they are tests like cases.
    sabotage: bool,
    /// Whether it can say that it has only what was judged before a signal came. Whoever reads the others would take
    /// a part of the cases for all of them.
    pub partial: bool,
}

impl Format {
    /// Writes a whole log.
    pub fn write(&self, log: &Log, context: &Context, out: &mut dyn io::Write) -> io::Result<()> {
        if self.sabotage || log.sabotage.is_empty() {
            (self.write)(log, context, out)
        } else {
            (self.write)(&log.with_saboteurs_as_cases(), context, out)
        }
    }
}

/// What a view knows beside the log.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// How a failure is repeated by hand; without it the views name no commands.
    pub repeat: Repeat,
    /// Whether the output is a terminal that shows colours.
    pub colour: bool,
    /// Whether SHOULD decides too.
    pub strict: bool,
    /// How the run ended, where a signal ended it: the log is what it came to before.
    pub interruption: Option<Interruption>,
}

/// The formats.
pub const FORMATS: [Format; 7] = [
    Format {
        name: "human",
        about: "failures with their evidence, then the counts",
        write: human::write,
        sabotage: true,
        partial: true,
    },
    Format {
        name: "jsonl",
        about: "the event log itself",
        write: jsonl::write,
        sabotage: true,
        partial: true,
    },
    Format {
        name: "json",
        about: "the log as one JSON document",
        write: json::write,
        sabotage: true,
        partial: false,
    },
    Format {
        name: "junit",
        about: "JUnit XML, one suite a runtime",
        write: junit::write,
        sabotage: false,
        partial: false,
    },
    Format {
        name: "tap",
        about: "the Test Anything Protocol, version 14",
        write: tap::write,
        sabotage: false,
        partial: false,
    },
    Format {
        name: "html",
        about: "one self-contained page",
        write: html::write,
        sabotage: false,
        partial: false,
    },
    Format {
        name: "markdown",
        about: "a summary for a pull request or a README",
        write: markdown::write,
        sabotage: false,
        partial: false,
    },
];

/// The format of that name.
pub fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

/// A value as a reader wants to see it: text bare, the rest as JSON.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_else(|_| other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a format makes of the shared sample.
    pub(super) fn render(write: Write) -> String {
        let mut out = Vec::new();
        write(&crate::log::tests::sample(), &Context::default(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_format_writes_something_and_names_the_failed_case() {
        for format in &FORMATS {
            let text = render(format.write);
            assert!(
                text.contains("config/hostname/seen_inside"),
                "{}: {text}",
                format.name
            );
        }
    }

    #[test]
    fn formats_are_found_by_their_names() {
        assert_eq!(format("tap").unwrap().name, "tap");
        assert!(format("xml").is_none());
    }
}
