//! Bounds of one span. Writers put stack traces and bodies into tags; a page shows neither whole.

use std::sync::Arc;

use super::{Span, Tag, TagValue};

/// How much of a span is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tags of a span; a sidecar writes some 20, an SDK some 40 with those of its process.
    pub tags: usize,
    /// Bytes of names and of tags' keys.
    pub name: usize,
    /// Bytes of a value or of words to a status: holds a URL, not a body.
    pub value: usize,
    /// Events of a span.
    pub events: usize,
    /// Tags of an event.
    pub event_tags: usize,
    /// Links of a span.
    pub links: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tags: 64,
            name: 256,
            value: 1024,
            events: 16,
            event_tags: 8,
            links: 16,
        }
    }
}

impl Limits {
    /// Cuts a span down and counts what it lost.
    pub fn apply(&self, span: &mut Span) {
        let mut dropped = 0;
        shorten(&mut span.name, self.name);
        shorten(&mut span.service, self.name);
        if let Some(message) = &mut span.message {
            shorten(message, self.value);
        }
        self.apply_tags(&mut span.tags, self.tags, &mut dropped);
        truncate(&mut span.events, self.events, &mut dropped);
        for event in &mut span.events {
            shorten(&mut event.name, self.name);
            self.apply_tags(&mut event.tags, self.event_tags, &mut dropped);
        }
        truncate(&mut span.links, self.links, &mut dropped);
        span.dropped = span
            .dropped
            .saturating_add(u32::try_from(dropped).unwrap_or(u32::MAX));
    }

    fn apply_tags(&self, tags: &mut Vec<Tag>, most: usize, dropped: &mut usize) {
        let before = tags.len();
        // A key that is cut would be another key: it goes whole.
        tags.retain(|tag| !tag.key.is_empty() && tag.key.len() <= self.name);
        *dropped += before - tags.len();
        truncate(tags, most, dropped);
        for tag in tags {
            if let TagValue::Text(text) = &mut tag.value {
                shorten(text, self.value);
            }
        }
    }
}

fn truncate<T>(list: &mut Vec<T>, most: usize, dropped: &mut usize) {
    *dropped += list.len().saturating_sub(most);
    list.truncate(most);
}

fn shorten(text: &mut Arc<str>, most: usize) {
    if text.len() > most {
        *text = text[..text.floor_char_boundary(most)].into();
    }
}
