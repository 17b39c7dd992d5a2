//! Writing a file so that a reader sees the old or the new one, never half.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes to a sibling and renames it. Not synced: the store lives on a tmpfs, which no power cut
/// survives, and a killed process loses nothing that was written.
pub(super) fn atomically(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = Path::new(&name);
    let written = File::create(temporary)
        .and_then(|mut file| file.write_all(contents))
        .and_then(|()| fs::rename(temporary, path));
    if written.is_err() {
        // The first error is the one to report; a file left behind is overwritten by the next write.
        let _ = fs::remove_file(temporary);
    }
    written
}
