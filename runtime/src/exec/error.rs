//! A step that failed: what was tried, what the kernel said, and who asked.

use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::plan::Origin;

/// A failed step. It crosses from init to the runtime as bytes, hence its plain fields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepError {
    /// What was tried, on what: `mount proc on /proc`.
    pub action: String,
    /// The kernel's answer; 0 where the kernel had no part in it.
    pub errno: i32,
    /// Which entry of config.json asked; empty where the runtime itself did.
    pub origin: Origin,
}

impl StepError {
    /// A step that the kernel refused.
    pub fn new(action: impl Into<String>, errno: Errno, origin: &Origin) -> Self {
        Self {
            action: action.into(),
            errno: errno as i32,
            origin: origin.clone(),
        }
    }

    /// A step that this runtime refused.
    pub fn refused(why: impl Into<String>, origin: &Origin) -> Self {
        Self {
            action: why.into(),
            errno: 0,
            origin: origin.clone(),
        }
    }

    /// The bytes that cross the socket.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.errno.to_le_bytes().to_vec();
        bytes.extend_from_slice(self.origin.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.action.as_bytes());
        bytes
    }

    /// Reads [`Self::to_bytes`] back.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (errno, rest) = bytes.split_first_chunk()?;
        let end = rest.iter().position(|&byte| byte == 0)?;
        Some(Self {
            errno: i32::from_le_bytes(*errno),
            origin: Origin::from(String::from_utf8_lossy(&rest[..end]).into_owned()),
            action: String::from_utf8_lossy(&rest[end + 1..]).into_owned(),
        })
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.action)?;
        if self.errno != 0 {
            let errno = Errno::from_raw(self.errno);
            write!(f, ": {errno}")?;
        }
        if !self.origin.as_str().is_empty() {
            write!(f, " ({})", self.origin)?;
        }
        Ok(())
    }
}

impl std::error::Error for StepError {}

/// Adds what was tried to the kernel's answer.
pub trait Context<T> {
    /// Turns the kernel's answer into a [`StepError`]; the text is made only on failure.
    fn step<S: Into<String>>(
        self,
        origin: &Origin,
        action: impl FnOnce() -> S,
    ) -> Result<T, StepError>;
}

impl<T> Context<T> for nix::Result<T> {
    fn step<S: Into<String>>(
        self,
        origin: &Origin,
        action: impl FnOnce() -> S,
    ) -> Result<T, StepError> {
        self.map_err(|errno| StepError::new(action(), errno, origin))
    }
}

impl<T> Context<T> for io::Result<T> {
    fn step<S: Into<String>>(
        self,
        origin: &Origin,
        action: impl FnOnce() -> S,
    ) -> Result<T, StepError> {
        self.map_err(|error| match error.raw_os_error() {
            Some(errno) => StepError::new(action(), Errno::from_raw(errno), origin),
            None => StepError::refused(format!("{}: {error}", action().into()), origin),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_survives_the_socket_and_names_everything() {
        let error = StepError::new(
            "mount proc on /proc",
            Errno::EPERM,
            &Origin::at("/mounts/0"),
        );
        assert_eq!(
            StepError::from_bytes(&error.to_bytes()),
            Some(error.clone())
        );
        assert_eq!(
            error.to_string(),
            "mount proc on /proc: EPERM: Operation not permitted (config.json /mounts/0)"
        );
    }
}
