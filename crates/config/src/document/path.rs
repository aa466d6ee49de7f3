//! Paths of fields, such as `spec.http[0].route[1].destination.subset`.

use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// One step from a value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// To the field of a mapping.
    Key(Arc<str>),
    /// To an item of a sequence, from 0.
    Index(usize),
}

/// The way from an object to one of its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<Step>);

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not a path such as spec.http[0].route[1]")]
pub struct BadPath(String);

impl FieldPath {
    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The path one field further.
    #[must_use]
    pub fn field(mut self, key: &str) -> Self {
        self.0.push(Step::Key(key.into()));
        self
    }

    /// The path one item further.
    #[must_use]
    pub fn item(mut self, index: usize) -> Self {
        self.0.push(Step::Index(index));
        self
    }
}

impl From<Vec<Step>> for FieldPath {
    fn from(steps: Vec<Step>) -> Self {
        Self(steps)
    }
}

/// Whether a key can stand in a path without brackets and be read back.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && !key.contains(['.', '[', ']'])
}

impl fmt::Display for FieldPath {
    /// Keys with dots stand in brackets, as Kubernetes writes them: `metadata.labels[app.kubernetes.io/name]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if is_plain(key) && position == 0 => f.write_str(key)?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl FromStr for FieldPath {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let bad = || BadPath(text.to_owned());
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix('[') {
                let (step, tail) = inner.split_once(']').ok_or_else(bad)?;
                steps.push(match step.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Key(step.into()),
                });
                rest = tail;
            } else {
                let key = if steps.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(bad)?
                };
                let end = key.find(['.', '[']).unwrap_or(key.len());
                if end == 0 {
                    return Err(bad());
                }
                steps.push(Step::Key(key[..end].into()));
                rest = &key[end..];
            }
        }
        Ok(Self(steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_back_as_it_was_written() {
        for text in [
            "",
            "spec",
            "spec.http[0].route[1].destination.subset",
            "metadata.labels[app.kubernetes.io/name]",
            "[0].kind",
        ] {
            assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
        }
        for bad in ["spec.", ".spec", "spec[0", "a..b", "a[0]b"] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }
}
