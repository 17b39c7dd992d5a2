//! D-Bus messages as bytes, as far as systemd's manager needs them.
//! D-Bus specification, "Message Protocol" and "Marshaling"

use crate::plan::cgroup::{Property, Value};

/// The kinds of messages that are told apart; the others are replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Call = 1,
    Error = 3,
    Signal = 4,
}

/// Header fields.
mod field {
    pub(super) const PATH: u8 = 1;
    pub(super) const INTERFACE: u8 = 2;
    pub(super) const MEMBER: u8 = 3;
    pub(super) const ERROR_NAME: u8 = 4;
    pub(super) const REPLY_SERIAL: u8 = 5;
    pub(super) const DESTINATION: u8 = 6;
    pub(super) const SIGNATURE: u8 = 8;
}

/// Bytes that grow by aligned values, in little-endian order.
#[derive(Debug, Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// Bytes of a fixed-width value, at a multiple of their own length.
    fn fixed<const N: usize>(&mut self, bytes: [u8; N]) {
        self.align(N);
        self.0.extend_from_slice(&bytes);
    }

    fn word(&mut self, value: usize) {
        // Messages are bounded to 128 MB by the protocol, and ours to kilobytes by what they hold.
        self.fixed((value as u32).to_le_bytes());
    }

    /// `s` or `o`
    pub(super) fn text(&mut self, text: &str) {
        self.word(text.len());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
    }

    /// `b`
    pub(super) fn flag(&mut self, flag: bool) {
        self.word(usize::from(flag));
    }

    /// `g`
    fn signature(&mut self, signature: &str) {
        self.0.push(signature.len() as u8);
        self.0.extend_from_slice(signature.as_bytes());
        self.0.push(0);
    }

    /// An array: its length in bytes, then its items, whose first is aligned outside the length.
    fn array(&mut self, alignment: usize, items: impl FnOnce(&mut Self)) {
        self.word(0);
        let length_at = self.0.len() - 4;
        self.align(alignment);
        let start = self.0.len();
        items(self);
        let length = (self.0.len() - start) as u32;
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// `a(sv)`
    pub(super) fn properties(&mut self, properties: &[Property]) {
        self.array(8, |out| {
            for Property { name, value } in properties {
                out.align(8);
                out.text(name);
                out.variant(value);
            }
        });
    }

    /// `a(sa(sv))` without items: further units to start along, of which there are none.
    pub(super) fn no_units(&mut self) {
        self.array(8, |_| {});
    }

    /// `v`
    fn variant(&mut self, value: &Value) {
        let signature = match value {
            Value::Text(_) => "s",
            Value::Bool(_) => "b",
            Value::Byte(_) => "y",
            Value::Int16(_) => "n",
            Value::Uint16(_) => "q",
            Value::Int32(_) => "i",
            Value::Uint32(_) => "u",
            Value::Int64(_) => "x",
            Value::Uint64(_) => "t",
            Value::Double(_) => "d",
            Value::Bytes(_) => "ay",
            Value::Numbers(_) => "au",
            Value::Texts(_) => "as",
        };
        self.signature(signature);
        match value {
            Value::Text(text) => self.text(text),
            Value::Bool(flag) => self.flag(*flag),
            Value::Byte(byte) => self.0.push(*byte),
            Value::Int16(number) => self.fixed(number.to_le_bytes()),
            Value::Uint16(number) => self.fixed(number.to_le_bytes()),
            Value::Int32(number) => self.fixed(number.to_le_bytes()),
            Value::Uint32(number) => self.fixed(number.to_le_bytes()),
            Value::Int64(number) => self.fixed(number.to_le_bytes()),
            Value::Uint64(number) => self.fixed(number.to_le_bytes()),
            Value::Double(number) => self.fixed(number.to_le_bytes()),
            Value::Bytes(bytes) => self.array(1, |out| out.0.extend_from_slice(bytes)),
            Value::Numbers(numbers) => self.array(4, |out| {
                for number in numbers {
                    out.fixed(number.to_le_bytes());
                }
            }),
            Value::Texts(texts) => self.array(4, |out| {
                for text in texts {
                    out.text(text);
                }
            }),
        }
    }
}

/// A method to call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Method<'a> {
    pub(super) destination: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
    pub(super) member: &'a str,
    pub(super) signature: &'a str,
}

/// A method call as bytes.
pub(super) fn call(method: &Method, serial: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Writer(vec![b'l', Kind::Call as u8, 0, 1]);
    out.word(body.len());
    out.fixed(serial.to_le_bytes());
    out.array(8, |out| {
        let texts = [
            (field::PATH, "o", method.path),
            (field::DESTINATION, "s", method.destination),
            (field::INTERFACE, "s", method.interface),
            (field::MEMBER, "s", method.member),
        ];
        for (code, signature, text) in texts.into_iter().filter(|(_, _, text)| !text.is_empty()) {
            out.align(8);
            out.0.push(code);
            out.signature(signature);
            out.text(text);
        }
        if !method.signature.is_empty() {
            out.align(8);
            out.0.push(field::SIGNATURE);
            out.signature("g");
            out.signature(method.signature);
        }
    });
    out.align(8);
    out.0.extend_from_slice(body);
    out.0
}

/// A message that came in.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) reply_to: u32,
    pub(super) member: String,
    pub(super) error: String,
    body: Vec<u8>,
}

/// The length of the part that tells how long a message is.
pub(super) const PREFIX: usize = 16;

/// The length of the whole message, whose first bytes these are. None for what is no message.
pub(super) fn length(prefix: &[u8; PREFIX]) -> Option<usize> {
    let word = |at: usize| prefix[at..at + 4].try_into().map(u32::from_le_bytes).ok();
    let (body, fields) = (word(4)? as usize, word(12)? as usize);
    // The protocol's bounds: 128 MB for a message, 64 MB for an array.
    let valid = prefix[0] == b'l' && body <= 1 << 27 && fields <= 1 << 26;
    valid.then(|| (PREFIX + fields).next_multiple_of(8) + body)
}

impl Message {
    /// Reads a whole message.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader { bytes, at: 4 };
        let body_length = reader.word()? as usize;
        let mut message = Self {
            kind: bytes[1],
            reply_to: 0,
            member: String::new(),
            error: String::new(),
            body: bytes.get(bytes.len().checked_sub(body_length)?..)?.to_vec(),
        };
        reader.word()?;
        let end = reader.word()? as usize + reader.at;
        while reader.at < end {
            reader.align(8);
            let code = reader.byte()?;
            let signature = reader.signature()?;
            match (code, signature.as_str()) {
                (field::MEMBER, "s") => message.member = reader.text()?,
                (field::ERROR_NAME, "s") => message.error = reader.text()?,
                (field::REPLY_SERIAL, "u") => message.reply_to = reader.word()?,
                (_, "s" | "o") => drop(reader.text()?),
                (_, "g") => drop(reader.signature()?),
                (_, "u") => drop(reader.word()?),
                _ => return None,
            }
        }
        Some(message)
    }

    /// The body, to be read in order.
    pub(super) fn body(&self) -> Reader<'_> {
        Reader {
            bytes: &self.body,
            at: 0,
        }
    }
}

/// Reads aligned values.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn align(&mut self, to: usize) {
        self.at = self.at.next_multiple_of(to);
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(length)?;
        let bytes = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    /// `u`
    pub(super) fn word(&mut self) -> Option<u32> {
        self.align(4);
        self.take(4)?.try_into().map(u32::from_le_bytes).ok()
    }

    /// `s` or `o`
    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.word()? as usize;
        let text = self.take(length)?.to_vec();
        self.take(1)?;
        String::from_utf8(text).ok()
    }

    /// `g`
    pub(super) fn signature(&mut self) -> Option<String> {
        let length = usize::from(self.byte()?);
        let text = self.take(length)?.to_vec();
        self.take(1)?;
        String::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_the_wire() {
        let mut body = Writer::default();
        body.text("unit");
        body.properties(&[
            Property {
                name: "A".into(),
                value: Value::Bytes(vec![1, 2, 3]),
            },
            Property {
                name: "Bc".into(),
                value: Value::Uint64(7),
            },
            Property {
                name: "PIDs".into(),
                value: Value::Numbers(vec![42]),
            },
        ]);
        body.no_units();
        let method = Method {
            destination: "d.e",
            path: "/p",
            interface: "i.f",
            member: "M",
            signature: "sa(sv)a(sa(sv))",
        };
        let bytes = call(&method, 5, &body.0);
        let prefix = bytes[..PREFIX].try_into().expect("long enough");
        assert_eq!(length(prefix), Some(bytes.len()));
        let message = Message::parse(&bytes).expect("a message");
        assert_eq!(
            (message.kind, message.member.as_str()),
            (Kind::Call as u8, "M")
        );
        assert_eq!(message.body().text().as_deref(), Some("unit"));
        for end in 0..bytes.len() {
            // A torn message is refused without a panic.
            if end >= PREFIX {
                let _ = Message::parse(&bytes[..end]);
            }
        }
    }

    #[test]
    fn values_are_laid_out_as_the_specification_says() {
        let mut out = Writer::default();
        out.properties(&[Property {
            name: "T".into(),
            value: Value::Uint64(1),
        }]);
        // The array's length without the gap that aligns its first item; the name; the value's
        // signature; the value at a multiple of eight.
        let expected = b"\x18\0\0\0\0\0\0\0\x01\0\0\0T\0\x01t\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0";
        assert_eq!(out.0, expected);
    }
}
