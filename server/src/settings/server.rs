//! `server`: the console itself.

use std::fmt;

use super::Section;

/// The console itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Port on 127.0.0.1.
    pub port: Option<u16>,
    /// Path below which it is reached, when something in front of it gives it one.
    pub base_path: BasePath,
    /// Namespaces that are shown; all when empty.
    pub namespaces: Vec<String>,
}

/// A path without slash at its end; empty for the whole origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// Reads `/`, `/vigla`, `/tools/vigla/`; `None` when a part is not plain.
    pub fn parse(text: &str) -> Option<Self> {
        let inner = text.strip_prefix('/')?.trim_end_matches('/');
        let plain = |part: &str| {
            let mut bytes = part.bytes();
            !part.is_empty()
                && !part.bytes().all(|byte| byte == b'.')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte))
        };
        if inner.is_empty() {
            return Some(Self::default());
        }
        inner.split('/').all(plain).then(|| Self(format!("/{inner}")))
    }

    /// The path, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BasePath {
    /// With a slash at its end, as links want it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

impl ServerSettings {
    pub(super) fn read(section: &mut Section<'_, '_>) -> Self {
        let port = section.value("port", "takes a port from 0 to 65535", |node| {
            node.as_i64().and_then(|port| u16::try_from(port).ok())
        });
        let base_path = section.value("base_path", "takes a path such as /vigla", |node| {
            BasePath::parse(node.text()?)
        });
        let namespaces = section.texts("namespaces", "takes a list of namespaces");
        Self {
            port,
            base_path: base_path.unwrap_or_default(),
            namespaces: namespaces
                .unwrap_or_default()
                .into_iter()
                .map(str::to_owned)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_plain() {
        for (text, expect) in [("/", ""), ("/vigla", "/vigla"), ("/a/b.c/", "/a/b.c")] {
            assert_eq!(BasePath::parse(text).unwrap().as_str(), expect);
        }
        for bad in [
            "",
            "vigla",
            "/a//b",
            "/a/../b",
            "/a b",
            "/\"><script>",
            "/{x}",
            "/é",
        ] {
            assert_eq!(BasePath::parse(bad), None, "{bad}");
        }
    }
}
