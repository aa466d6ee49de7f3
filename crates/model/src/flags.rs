//! Envoy's response flags: why a proxy, not the application, decided the answer.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

macro_rules! flags {
    ($($variant:ident $short:literal $words:literal,)*) => {
        /// One response flag by Envoy's short name. The doc of each is what it tells a reader.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ResponseFlag {
            $(#[doc = $words] $variant,)*
        }

        impl ResponseFlag {
            /// All flags, in the order of their bits.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Envoy's short name, such as `NC`.
            pub fn short(self) -> &'static str {
                match self { $(Self::$variant => $short,)* }
            }

            /// What it means, in words.
            pub fn words(self) -> &'static str {
                match self { $(Self::$variant => $words,)* }
            }
        }
    };
}

flags! {
    NoRoute "NR" "no route or filter chain matched",
    NoCluster "NC" "the route names a cluster that does not exist",
    NoHealthyUpstream "UH" "no healthy endpoint",
    UpstreamFailure "UF" "the connection to the endpoint failed",
    UpstreamOverflow "UO" "a circuit breaker was open",
    UpstreamClosed "UC" "the endpoint closed the connection before it answered",
    UpstreamReset "UR" "the endpoint reset the stream",
    LocalReset "LR" "the proxy reset the stream",
    RetriesExceeded "URX" "all retries were used",
    UpstreamTimeout "UT" "the route's timeout passed",
    DurationTimeout "DT" "the connection lived longer than allowed",
    MaxStreamDuration "UMSDR" "the stream lived longer than allowed",
    Overload "OM" "the proxy shed load",
    FaultAbort "FI" "a fault rule aborted the request",
    FaultDelay "DI" "a fault rule delayed the request",
    RateLimited "RL" "a rate limit was reached",
    RateLimitError "RLSE" "the rate limit service failed",
    AuthorizationService "UAEX" "the external authorization service denied",
    DownstreamClosed "DC" "the caller closed the connection",
    DownstreamReset "DR" "the caller reset the stream",
    DownstreamProtocol "DPE" "the caller broke the protocol",
    UpstreamProtocol "UPE" "the endpoint broke the protocol",
    InvalidHeader "IH" "a header failed its check",
    StreamIdle "SI" "the stream was idle for too long",
    DnsFailure "DF" "the host could not be resolved",
    LocalHealth "LH" "the local health check failed",
}

/// A set of response flags; empty is written `-`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ResponseFlags(u32);

/// A short name that no flag has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown response flag `{0}`")]
pub struct UnknownFlag(pub String);

impl ResponseFlags {
    /// No flag: the answer is the application's.
    pub const NONE: Self = Self(0);

    /// The set with this flag too.
    #[must_use]
    pub fn with(self, flag: ResponseFlag) -> Self {
        Self(self.0 | 1 << flag as u8)
    }

    /// Whether the flag is in the set.
    pub fn contains(self, flag: ResponseFlag) -> bool {
        self.0 & (1 << flag as u8) != 0
    }

    /// Whether no flag is set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The flags of the set.
    pub fn iter(self) -> impl Iterator<Item = ResponseFlag> {
        ResponseFlag::ALL
            .iter()
            .copied()
            .filter(move |flag| self.contains(*flag))
    }
}

impl fmt::Display for ResponseFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("-");
        }
        for (i, flag) in self.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            f.write_str(flag.short())?;
        }
        Ok(())
    }
}

impl FromStr for ResponseFlags {
    type Err = UnknownFlag;
    /// Reads `-`, the empty text, or short names joined by commas.
    fn from_str(text: &str) -> Result<Self, UnknownFlag> {
        if text.is_empty() || text == "-" {
            return Ok(Self::NONE);
        }
        text.split(',').try_fold(Self::NONE, |set, name| {
            let flag = ResponseFlag::ALL.iter().find(|flag| flag.short() == name);
            flag.map(|flag| set.with(*flag))
                .ok_or_else(|| UnknownFlag(name.to_owned()))
        })
    }
}

impl TryFrom<String> for ResponseFlags {
    type Error = UnknownFlag;
    fn try_from(text: String) -> Result<Self, UnknownFlag> {
        text.parse()
    }
}

impl From<ResponseFlags> for String {
    fn from(flags: ResponseFlags) -> Self {
        flags.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_back_as_they_are_written() {
        for text in ["-", "NC", "UF,URX", "NR"] {
            assert_eq!(text.parse::<ResponseFlags>().unwrap().to_string(), text);
        }
        assert_eq!("XX".parse::<ResponseFlags>(), Err(UnknownFlag("XX".into())));
    }
}
