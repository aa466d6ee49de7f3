//! Which codes somebody wants to see: ours, or the peers'.

use thiserror::Error;

use crate::{Finding, rules};

/// A choice of codes. Empty lists choose everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    only: Vec<String>,
    ignore: Vec<String>,
}

/// A text that is no code.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is no code: write one as VG1004, IST0101 or KIA1107; `vigla explain-code` lists them")]
pub struct UnknownCode(pub String);

impl Selection {
    /// Chooses by codes of ours or of the peers.
    ///
    /// # Errors
    /// When one of them names no rule.
    pub fn new(only: &[String], ignore: &[String]) -> Result<Self, UnknownCode> {
        let read = |codes: &[String]| -> Result<Vec<String>, UnknownCode> {
            codes
                .iter()
                .map(|code| {
                    let code = code.trim().to_ascii_uppercase();
                    let known = rules()
                        .iter()
                        .any(|rule| rule.code.to_string() == code || rule.peers.contains(&code.as_str()));
                    if known { Ok(code) } else { Err(UnknownCode(code)) }
                })
                .collect()
        };
        Ok(Self {
            only: read(only)?,
            ignore: read(ignore)?,
        })
    }

    /// Whether a finding is wanted.
    pub fn takes(&self, finding: &Finding) -> bool {
        let named = |codes: &[String]| codes.iter().any(|code| is_named(finding, code));
        (self.only.is_empty() || named(&self.only)) && !named(&self.ignore)
    }
}

/// Whether a code, ours or a peer's, means a finding.
pub(crate) fn is_named(finding: &Finding, code: &str) -> bool {
    finding.code().to_string() == code || finding.peers.contains(&code)
}
