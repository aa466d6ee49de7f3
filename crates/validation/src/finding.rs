//! What a rule has found, and where.

use std::{borrow::Cow, fmt, str::FromStr};

use vigla_config::{Node, Object};
use vigla_model::{Location, ObjectRef};

use crate::{Fix, Rule};

/// Number of a condition, such as `VG1004`. It never changes its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VG{:04}", self.0)
    }
}

impl FromStr for Code {
    type Err = ();

    /// Reads `VG1004`, in any case.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (prefix, digits) = text.split_at_checked(2).ok_or(())?;
        let well_formed = prefix.eq_ignore_ascii_case("VG")
            && digits.len() == 4
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        well_formed
            .then(|| digits.parse().map(Self))
            .ok_or(())?
            .map_err(drop)
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may not do what its author meant.
    Warning,
    /// It is refused, or traffic fails.
    Error,
}

impl Severity {
    /// The word: `error`, `warning` or `info`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// It follows from what is written.
    Proved,
    /// What is not written could make it right.
    Likely,
}

impl Confidence {
    /// The word: `proved` or `likely`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Likely => "likely",
        }
    }
}

/// A place in an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// File, line and column; `None` for an object that has no text.
    pub location: Option<Location>,
    /// The field, such as `spec.http[0].route[1].destination.subset`; empty for the object as a whole.
    pub path: String,
    /// Characters from there that an excerpt underlines; at least 1.
    pub length: u32,
}

impl Place {
    /// Where a value stands.
    pub fn of(node: Node<'_>) -> Self {
        Self {
            location: Some(node.location()),
            path: node.path().to_string(),
            length: first_line_length(node.source()),
        }
    }

    /// Where a value's key stands; the value itself when it has none.
    pub fn of_key(node: Node<'_>) -> Self {
        let mut place = Self::of(node);
        if let (Some(location), Some(span)) = (&mut place.location, node.key_span()) {
            (location.line, location.column) = (span.line, span.column);
            place.length = first_line_length(&node.file_text()[span.start as usize..span.end as usize]);
        }
        place
    }
}

fn first_line_length(text: &str) -> u32 {
    let line = text.lines().next().unwrap_or_default().trim_end();
    u32::try_from(line.chars().count()).unwrap_or(u32::MAX).max(1)
}

/// Another place that has to do with a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// The object.
    pub object: ObjectRef,
    /// The place in it.
    pub place: Place,
    /// What it has to do with it.
    pub message: String,
}

/// One thing that is wrong with the mesh's config.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule that found it: its code, name and explanation.
    pub rule: &'static Rule,
    /// Which of the rule's conditions, where it has several.
    pub reason: Option<&'static str>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// What is wrong, with names and values.
    pub message: String,
    /// What it does to traffic.
    pub consequence: Cow<'static, str>,
    /// The object; `None` for a text that is none.
    pub object: Option<ObjectRef>,
    /// Version of the object's API; empty without object.
    pub version: String,
    /// Where.
    pub place: Place,
    /// What else has to do with it.
    pub related: Vec<Related>,
    /// How to mend it, where that is known.
    pub fix: Option<Fix>,
    /// Codes of Kiali (`KIA…`) and `istioctl analyze` (`IST…`) that report this very condition.
    pub peers: Vec<&'static str>,
}

impl Finding {
    pub(crate) fn new(rule: &'static Rule, object: Option<&Object>, place: Place, message: String) -> Self {
        Self {
            rule,
            reason: None,
            severity: rule.severity,
            confidence: Confidence::Proved,
            message,
            consequence: Cow::Borrowed(rule.consequence),
            object: object.map(|object| object.object_ref().clone()),
            version: object.map_or_else(String::new, |object| {
                let version = object.api_version();
                version.rsplit('/').next().unwrap_or(version).to_owned()
            }),
            place,
            related: Vec::new(),
            fix: None,
            peers: rule.peers.to_vec(),
        }
    }

    pub(crate) fn likely(&mut self) -> &mut Self {
        self.confidence = Confidence::Likely;
        self
    }

    pub(crate) fn severity(&mut self, severity: Severity) -> &mut Self {
        self.severity = severity;
        self
    }

    pub(crate) fn reason(&mut self, reason: &'static str) -> &mut Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn consequence(&mut self, consequence: impl Into<Cow<'static, str>>) -> &mut Self {
        self.consequence = consequence.into();
        self
    }

    pub(crate) fn peers(&mut self, peers: &[&'static str]) -> &mut Self {
        self.peers = peers.to_vec();
        self
    }

    pub(crate) fn related(
        &mut self,
        object: &Object,
        node: Node<'_>,
        message: impl Into<String>,
    ) -> &mut Self {
        // A conflict among hundreds of objects is told by the first of them.
        if self.related.len() < MOST_RELATED {
            self.related.push(Related {
                object: object.object_ref().clone(),
                place: Place::of(node),
                message: message.into(),
            });
        }
        self
    }

    pub(crate) fn fix(&mut self, fix: Option<Fix>) -> &mut Self {
        self.fix = fix.or(self.fix.take());
        self
    }

    /// The code, such as `VG1004`.
    pub fn code(&self) -> Code {
        self.rule.code
    }
}

/// Related places of one finding.
const MOST_RELATED: usize = 20;
