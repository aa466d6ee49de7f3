//! Server-sent events from a stream of bytes. Read by us and not by the browser's `EventSource`, because only so can
//! the waits between tries, the id to resume from and the server's problems be our own.

/// Longest event that is taken: a snapshot of a mesh of 20 000 edges is below it.
const LONGEST: usize = 64 << 20;

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Name; `message` when the server gives none.
    pub(crate) name: String,
    /// Lines of data, joined.
    pub(crate) data: String,
    /// Id to resume from.
    pub(crate) id: Option<String>,
}

/// An event that is longer than any that the server sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Cuts bytes into events.
#[derive(Debug, Default)]
pub(crate) struct EventParser {
    line: Vec<u8>,
    event: Event,
    has_data: bool,
    after_return: bool,
}

impl EventParser {
    /// Takes the next bytes and gives the events that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_return = std::mem::replace(&mut self.after_return, byte == b'\r');
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        if self.line.len() + self.event.data.len() > LONGEST {
            return Err(TooLong);
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let complete = std::mem::take(&mut self.event);
            return std::mem::take(&mut self.has_data).then_some(complete);
        }
        let line = String::from_utf8_lossy(&line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.event.name = value.to_owned(),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if self.has_data {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
                self.has_data = true;
            }
            // Comments keep the line open; `retry` is not followed, the waits are ours.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = ": hello\n\nevent: snapshot\nid: 7f:1\ndata: {\"a\":\ndata: 1}\n\nretry: 3\r\ndata:x\r\n\r\nevent: left\n";

    #[test]
    fn events_are_cut_at_empty_lines() {
        let events = EventParser::default().feed(TEXT.as_bytes()).unwrap();
        assert_eq!(events.len(), 2);
        assert_eq!(
            events[0],
            Event {
                name: "snapshot".into(),
                data: "{\"a\":\n1}".into(),
                id: Some("7f:1".into())
            }
        );
        assert_eq!((events[1].data.as_str(), events[1].id.as_deref()), ("x", None));
    }

    proptest! {
        #[test]
        fn the_size_of_pieces_does_not_matter(cuts in prop::collection::vec(1usize..9, 1..80)) {
            let whole = EventParser::default().feed(TEXT.as_bytes()).unwrap();
            let (mut parser, mut pieces, mut rest) = (EventParser::default(), Vec::new(), TEXT.as_bytes());
            for cut in cuts {
                let (now, later) = rest.split_at(cut.min(rest.len()));
                pieces.extend(parser.feed(now).unwrap());
                rest = later;
            }
            pieces.extend(parser.feed(rest).unwrap());
            prop_assert_eq!(pieces, whole);
        }
    }
}
