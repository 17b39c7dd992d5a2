//! The event log itself, written line by line as the events come.

use std::io::{self, Write};

use super::Context;
use crate::event::Event;
use crate::log::{Log, write_event};

/// Writes events as they come, each line at once, so that a run that is killed leaves what it had
/// found; its missing footer then says that it did not end.
pub struct Stream {
    out: Box<dyn Write + Send>,
}

impl Stream {
    /// A stream into `out`.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out }
    }

    /// Writes one event.
    pub fn event(&mut self, event: &Event) -> io::Result<()> {
        write_event(event, &mut self.out)?;
        self.out.flush()
    }
}

pub(super) fn write(log: &Log, _: &Context, out: &mut dyn Write) -> io::Result<()> {
    log.events().try_for_each(|event| write_event(&event, out))
}

#[cfg(test)]
mod tests {
    use super::super::tests::render;
    use super::*;

    #[test]
    fn a_written_log_is_read_back_as_it_was() {
        let text = render(write);
        let again = Log::read(std::path::Path::new("x"), text.as_bytes()).unwrap();
        assert_eq!(again, crate::log::tests::sample());
    }
}
