//! When a route applies.

use std::sync::Arc;

/// When a route applies: all parts must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RouteMatch {
    /// The path without its query.
    pub path: PathMatch,
    /// Whether upper and lower case of the path are the same. Does not touch regular expressions.
    pub ignore_path_case: bool,
    /// Headers by lower-case name; `:method`, `:authority` and `:scheme` are headers too.
    pub headers: Vec<HeaderMatch>,
    /// Query parameters.
    pub query: Vec<QueryMatch>,
}

impl RouteMatch {
    /// The paths that it takes, as one name such as `/reviews*`; `None` when it takes every path.
    pub fn path_name(&self) -> Option<Arc<str>> {
        match &self.path {
            PathMatch::Any => None,
            PathMatch::Exact(path) => Some(path.clone()),
            PathMatch::Prefix(path) | PathMatch::SegmentPrefix(path) if &**path == "/" => None,
            PathMatch::Prefix(path) | PathMatch::SegmentPrefix(path) => Some(format!("{path}*").into()),
            PathMatch::Regex(pattern) => Some(pattern.as_str().into()),
        }
    }
}

/// How a path is matched.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// The whole path.
    Exact(Arc<str>),
    /// The start of the path, character by character.
    Prefix(Arc<str>),
    /// The start of the path, at a slash.
    SegmentPrefix(Arc<str>),
    /// The whole path by regular expression.
    Regex(Pattern),
}

/// How a value is matched.
#[derive(Debug, Clone, PartialEq)]
pub enum StringMatch {
    /// The whole value.
    Exact(Arc<str>),
    /// Its start.
    Prefix(Arc<str>),
    /// The whole value by regular expression.
    Regex(Pattern),
    /// Any value, even the empty one.
    Present,
}

/// A header must, or must not, have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct HeaderMatch {
    /// Lower-case name.
    pub name: Arc<str>,
    /// The value.
    pub value: StringMatch,
    /// True for `withoutHeaders`: the route applies when this does not match; an absent header does not match.
    pub invert: bool,
}

/// A query parameter must have a value.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryMatch {
    /// Name, case sensitive.
    pub name: Arc<str>,
    /// The value.
    pub value: StringMatch,
}

/// A regular expression in the syntax that RE2 and Rust share; matches the whole text.
#[derive(Debug, Clone)]
pub struct Pattern {
    source: Arc<str>,
    whole: regex::Regex,
    part: regex::Regex,
}

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// When it is no expression, or its compiled form is larger than 64 KiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let build = |text: &str| regex::RegexBuilder::new(text).size_limit(64 << 10).build();
        Ok(Self {
            source: source.into(),
            whole: build(&format!("^(?:{source})$"))?,
            part: build(source)?,
        })
    }

    /// The expression as written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.whole.is_match(text)
    }

    /// Replaces every match; groups in the substitution are written `\1`.
    pub fn replace_all(&self, text: &str, substitution: &str) -> String {
        let mut template = String::with_capacity(substitution.len() + 8);
        let mut chars = substitution.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(digit)) if digit.is_ascii_digit() => {
                    template.push_str("${");
                    template.push(*digit);
                    template.push('}');
                    chars.next();
                }
                ('\\', Some('\\')) => {
                    template.push('\\');
                    chars.next();
                }
                ('$', _) => template.push_str("$$"),
                _ => template.push(c),
            }
        }
        self.part.replace_all(text, template.as_str()).into_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
