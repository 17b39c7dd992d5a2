//! `--format NAME[=FILE]`: where reports go.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::exit::CliError;
use crate::index::{did_you_mean, near};
use crate::log::Log;
use crate::report::{Context, FORMATS, Format, Stream, format};

/// One format and where it goes.
#[derive(Debug, Clone)]
pub(super) struct FormatArg {
    format: &'static Format,
    /// Standard output where there is none.
    file: Option<PathBuf>,
}

impl FormatArg {
    /// Reads `NAME[=FILE]`; `-` is standard output.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (
                name,
                Some(PathBuf::from(file)).filter(|file| file != Path::new("-")),
            ),
            None => (text, None),
        };
        let Some(format) = format(name) else {
            let names = FORMATS.iter().map(|format| format.name);
            return Err(format!(
                "no format is called {name:?}{}",
                did_you_mean(&near(name, names))
            ));
        };
        Ok(Self { format, file })
    }

    /// Whether this is the format of that name.
    pub(super) fn is(&self, name: &str) -> bool {
        self.format.name == name
    }

    /// Whether it goes to standard output.
    pub(super) fn on_stdout(&self) -> bool {
        self.file.is_none()
    }

    /// Opens the file, or standard output.
    pub(super) fn open(&self) -> Result<Box<dyn Write + Send>, CliError> {
        match &self.file {
            None => Ok(Box::new(io::stdout())),
            Some(path) => match File::create(path) {
                Ok(file) => Ok(Box::new(io::BufWriter::new(file))),
                Err(source) => Err(CliError::Output {
                    path: path.clone(),
                    source,
                }),
            },
        }
    }

    /// An I/O error with the place where it happened.
    pub(super) fn error(&self, source: io::Error) -> CliError {
        match &self.file {
            None => CliError::Stdout(source),
            Some(path) => CliError::Output {
                path: path.clone(),
                source,
            },
        }
    }
}

/// The outputs of a run, opened before it starts so that a bad path costs no time.
pub(super) struct Outputs {
    outputs: Vec<(FormatArg, Box<dyn Write + Send>)>,
    streams: Vec<(FormatArg, Stream)>,
}

impl Outputs {
    /// Opens the outputs. Where no format goes to standard output, `default` does.
    pub(super) fn open(formats: &[FormatArg], default: &str) -> Result<Self, CliError> {
        let mut formats = formats.to_vec();
        if formats.iter().all(|arg| !arg.on_stdout()) {
            formats.extend(format(default).map(|format| FormatArg { format, file: None }));
        }
        Self::only(&formats)
    }

    /// Opens these outputs and no other.
    pub(super) fn only(formats: &[FormatArg]) -> Result<Self, CliError> {
        let mut to_stdout = formats.iter().filter(|format| format.on_stdout());
        if let (Some(first), Some(second)) = (to_stdout.next(), to_stdout.next()) {
            return Err(CliError::TwoOutputs {
                first: first.format.name,
                second: second.format.name,
            });
        }
        let (mut outputs, mut streams) = (Vec::new(), Vec::new());
        for format in formats.iter().cloned() {
            let out = format.open()?;
            if format.is("jsonl") {
                streams.push((format, Stream::new(out)));
            } else {
                outputs.push((format, out));
            }
        }
        Ok(Self { outputs, streams })
    }

    /// No output at all.
    pub(super) fn none() -> Self {
        Self {
            outputs: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// Takes out the outputs of one format.
    pub(super) fn take(&mut self, name: &str) -> Vec<(FormatArg, Box<dyn Write + Send>)> {
        let (taken, kept) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|(f, _)| f.is(name));
        self.outputs = kept;
        taken
    }

    /// Hands an event to the formats that are written as it comes.
    pub(super) fn event(&mut self, event: &crate::event::Event) -> Result<(), CliError> {
        self.streams.iter_mut().try_for_each(|(format, stream)| {
            stream.event(event).map_err(|error| format.error(error))
        })
    }

    /// Takes out the outputs of formats that cannot say that a log is not whole, and names these.
    pub(super) fn only_partial(&mut self) -> Vec<&'static str> {
        let (kept, lost): (Vec<_>, Vec<_>) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|(f, _)| f.format.partial);
        self.outputs = kept;
        lost.iter().map(|(f, _)| f.format.name).collect()
    }

    /// Writes the formats that need the whole log.
    pub(super) fn finish(self, log: &Log, context: &Context) -> Result<(), CliError> {
        for (format, mut out) in self.outputs {
            let colour = format.on_stdout() && io::stdout().is_terminal();
            let context = Context {
                colour,
                ..context.clone()
            };
            format
                .format
                .write(log, &context, &mut out)
                .and_then(|()| out.flush())
                .map_err(|error| format.error(error))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> FormatArg {
        FormatArg::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_format_may_name_its_file() {
        assert!(parse("tap").on_stdout() && parse("tap=-").on_stdout());
        assert_eq!(parse("html=a=b.html").file, Some(PathBuf::from("a=b.html")));
        let error = FormatArg::parse("junt").err().unwrap();
        assert_eq!(error, "no format is called \"junt\": did you mean junit?");
    }

    #[test]
    fn standard_output_takes_one_format() {
        let error = Outputs::open(&[parse("tap"), parse("json")], "human")
            .err()
            .unwrap();
        assert!(matches!(
            error,
            CliError::TwoOutputs {
                first: "tap",
                second: "json"
            }
        ));
    }

    #[test]
    fn a_run_that_writes_only_files_still_talks_to_its_user() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let outputs =
            Outputs::open(&[parse(&format!("tap={}", file.path().display()))], "human").unwrap();
        assert_eq!(outputs.outputs.len(), 2);
        let outputs = Outputs::open(&[parse("jsonl")], "human").unwrap();
        assert_eq!((outputs.outputs.len(), outputs.streams.len()), (0, 1));
    }

    #[test]
    fn a_path_that_cannot_be_written_is_found_before_the_run() {
        let error = Outputs::open(&[parse("tap=/nonexistent/x")], "human")
            .err()
            .unwrap();
        assert_eq!(error.status(), super::super::exit::BROKEN);
        assert!(
            error.to_string().starts_with("write /nonexistent/x: "),
            "{error}"
        );
    }
}
