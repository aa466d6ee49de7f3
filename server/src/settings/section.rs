//! One mapping of the settings, read key by key. Keys that nobody asked for are wrong.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use vigla_config::Node;
use vigla_model::Window;

/// A mapping that is being read. What is wrong with it is collected; reading goes on with defaults.
pub(super) struct Section<'a, 'p> {
    node: Option<Node<'a>>,
    folder: &'a Path,
    asked: Vec<&'static str>,
    problems: &'p mut Vec<String>,
}

impl<'a, 'p> Section<'a, 'p> {
    /// The whole file.
    pub(super) fn root(node: Node<'a>, folder: &'a Path, problems: &'p mut Vec<String>) -> Self {
        let mut root = Self {
            node: None,
            folder,
            asked: Vec::new(),
            problems,
        };
        root.node = root.mapping(node);
        root
    }

    fn mapping(&mut self, node: Node<'a>) -> Option<Node<'a>> {
        if !node.is_mapping() && !node.is_null() {
            self.wrong(node, "takes keys with values");
        }
        node.is_mapping().then_some(node)
    }

    /// Tells what a value should have been.
    pub(super) fn wrong(&mut self, node: Node<'_>, takes: &str) {
        let path = node.path().to_string();
        let key = if path.is_empty() {
            "the file".to_owned()
        } else {
            format!("`{path}`")
        };
        let have = match node.raw() {
            Some((text, _)) => format!("`{}`", text.chars().take(60).collect::<String>()),
            None if node.is_sequence() => "a list".to_owned(),
            None => "keys with values".to_owned(),
        };
        self.problems
            .push(format!("{}: {key} {takes}, not {have}", node.location()));
    }

    /// The value under a key; nothing where it is absent or empty.
    fn get(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.asked.push(key);
        self.node?.get(key).filter(|node| !node.is_null())
    }

    /// Reads a section below this one, if it is there.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'a, '_>)) {
        let Some(node) = self.get(key) else { return };
        let Some(node) = self.mapping(node) else { return };
        let mut section = Section {
            node: Some(node),
            folder: self.folder,
            asked: Vec::new(),
            problems: self.problems,
        };
        read(&mut section);
        section.finish();
    }

    /// Reads a value with `parse`; `takes` says what it takes.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        takes: &str,
        parse: impl FnOnce(Node<'a>) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let value = parse(node);
        if value.is_none() {
            self.wrong(node, takes);
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str, takes: &str) -> Option<&'a str> {
        self.value(key, takes, |node| node.text().filter(|text| !text.is_empty()))
    }

    pub(super) fn texts(&mut self, key: &'static str, takes: &str) -> Option<Vec<&'a str>> {
        self.value(key, takes, |node| {
            if !node.is_sequence() {
                return None;
            }
            node.items()
                .map(|item| item.text().filter(|text| !text.is_empty()))
                .collect()
        })
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key, "takes the path of a file or folder")?;
        Some(self.folder.join(text))
    }

    /// Paths, relative to the folder of the file.
    pub(super) fn paths(&mut self, key: &'static str) -> Vec<PathBuf> {
        let texts = self.texts(key, "takes a list of paths").unwrap_or_default();
        texts.into_iter().map(|text| self.folder.join(text)).collect()
    }

    /// A duration such as `10s`, within bounds.
    pub(super) fn duration(&mut self, key: &'static str, from: Duration, to: Duration) -> Option<Duration> {
        let takes = format!("takes a duration from {from:?} to {to:?}, such as 15s");
        self.value(key, &takes, |node| {
            let duration = node.text()?.parse::<Window>().ok()?.duration();
            (from..=to).contains(&duration).then_some(duration)
        })
    }

    /// Tells a problem with the section as a whole, at the place of one of its keys.
    pub(super) fn refuse(&mut self, key: &'static str, what: &str) {
        let Some(section) = self.node else { return };
        let node = section.get(key).unwrap_or(section);
        self.problems
            .push(format!("{}: `{}` {what}", node.location(), node.path()));
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.node.is_some_and(|node| node.get(key).is_some())
    }

    /// Ends reading: keys that nobody asked for are told, with the nearest that exists.
    pub(super) fn finish(self) {
        for (key, node) in self.node.into_iter().flat_map(Node::entries) {
            if self.asked.contains(&key) {
                continue;
            }
            let nearest = self
                .asked
                .iter()
                .map(|known| (distance(known, key), *known))
                .min()
                .filter(|(distance, known)| *distance <= known.len().max(key.len()) / 2);
            let advice = match nearest {
                Some((_, known)) => format!("did you mean `{known}`?"),
                None => format!("there are {}", self.asked.join(", ")),
            };
            let mut place = node.location();
            if let Some(span) = node.key_span() {
                (place.line, place.column) = (span.line, span.column);
            }
            self.problems.push(format!(
                "{place}: there is no setting `{}`: {advice}",
                node.path()
            ));
        }
    }
}

/// Single changes that make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let change = before + usize::from(a != *b);
            before = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(before + 1);
        }
    }
    row[other.len()]
}
