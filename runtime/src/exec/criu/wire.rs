//! As much of the encoding of protocol buffers as CRIU's requests and answers need.
//! <https://protobuf.dev/programming-guides/encoding/>

/// Wire types: a number of variable length, and bytes with their length before them.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;

/// A message that is being written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// A number; a negative one is sent as 64 bits, as the encoding has it.
    pub(super) fn number(&mut self, field: u64, value: i64) -> &mut Self {
        varint(&mut self.0, field << 3 | VARINT);
        varint(&mut self.0, value as u64);
        self
    }

    /// A truth, where it is one: all of CRIU's are false where they are absent.
    pub(super) fn flag(&mut self, field: u64, value: bool) -> &mut Self {
        if value {
            self.number(field, 1);
        }
        self
    }

    /// A text.
    pub(super) fn text(&mut self, field: u64, value: &str) -> &mut Self {
        self.bytes(field, value.as_bytes())
    }

    /// A message within this one.
    pub(super) fn message(&mut self, field: u64, value: &Self) -> &mut Self {
        self.bytes(field, &value.0)
    }

    /// What is sent.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        varint(&mut self.0, field << 3 | LENGTH);
        varint(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// The value of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Value<'a> {
    /// A number.
    Number(u64),
    /// A text, or a message.
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// As a number, as far as it is one.
    pub(super) fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Bytes(_) => None,
        }
    }
}

/// The fields of a message, in order. `None` where the bytes are no message.
pub(super) fn read(mut bytes: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take(&mut bytes)?;
        let value = match key & 7 {
            VARINT => Value::Number(take(&mut bytes)?),
            LENGTH => {
                let length = usize::try_from(take(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(value)
            }
            // No field of CRIU's answers is of fixed width.
            _ => return None,
        };
        fields.push((key >> 3, value));
    }
    Some(fields)
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_protocol_buffers() {
        // The examples of the encoding's own documentation.
        let mut message = Message::default();
        message.number(1, 150);
        assert_eq!(message.as_bytes(), [0x08, 0x96, 0x01]);
        let mut outer = Message::default();
        outer.text(2, "testing").message(3, &message);
        assert_eq!(outer.as_bytes()[..9], *b"\x12\x07testing");
        assert_eq!(outer.as_bytes()[9..], [0x1a, 0x03, 0x08, 0x96, 0x01]);
        let mut negative = Message::default();
        negative.number(1, -2);
        assert_eq!(negative.as_bytes().len(), 11);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut message = Message::default();
        message.number(68, i64::from(i32::MAX)).flag(3, true);
        message.flag(4, false).text(10, "dump.log").number(1, -1);
        assert_eq!(
            read(message.as_bytes()),
            Some(vec![
                (68, Value::Number(i32::MAX as u64)),
                (3, Value::Number(1)),
                (10, Value::Bytes(b"dump.log")),
                (1, Value::Number(u64::MAX)),
            ])
        );
    }

    #[test]
    fn what_is_cut_short_is_no_message() {
        for bytes in [
            &b"\x08"[..],
            b"\x12\x07test",
            b"\x08\x80",
            b"\x0d\0\0\0\0",
            &[0xff; 11],
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }
}
