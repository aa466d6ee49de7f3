//! Every word that an expression may use: the one list for reading, help and completion.

use Subject::{Flag, Number, Text};

/// What a word, or a whole expression, is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// Nodes.
    Nodes,
    /// Edges.
    Edges,
    /// Both.
    Both,
}

/// The unit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A plain number.
    None,
    /// Percent; written with or without `%`.
    Percent,
    /// Milliseconds; `s` is possible.
    Milliseconds,
    /// Per second; written with or without `/s`.
    PerSecond,
    /// Bytes a second; `kB/s` and `MB/s` are possible.
    BytesPerSecond,
}

/// What comes after a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// Nothing: it is true or false.
    Flag,
    /// An operator and a text.
    Text,
    /// An operator and a number in this unit.
    Number(Unit),
}

/// One word of the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FindWord {
    /// The word.
    pub name: &'static str,
    /// Other ways to write it.
    pub also: &'static [&'static str],
    /// What it is about.
    pub about: About,
    /// What it means, in one line.
    pub help: &'static str,
    pub(super) subject: Subject,
}

impl FindWord {
    /// Whether an operator and a value follow.
    pub fn takes_value(&self) -> bool {
        self.subject != Flag
    }

    pub(super) fn find(name: &str) -> Option<&'static Self> {
        let is = |word: &str| word.eq_ignore_ascii_case(name);
        FIND_WORDS
            .iter()
            .find(|word| is(word.name) || word.also.iter().any(|also| is(also)))
    }

    /// The word that a mistyped one was probably meant to be.
    pub(super) fn nearest(name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let words = FIND_WORDS
            .iter()
            .flat_map(|word| std::iter::once(&word.name).chain(word.also));
        words
            .map(|word| (distance(&name, word), *word))
            .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
            .min()
            .map(|(_, word)| word)
    }
}

/// Edits between two short words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

macro_rules! words {
    ($($about:ident { $($name:literal $([$($also:literal)*])? = $subject:expr, $help:literal;)* })*) => {
        /// All words, in the order of the help.
        pub const FIND_WORDS: &[FindWord] = &[$($(FindWord {
            name: $name,
            also: &[$($($also,)*)?],
            about: About::$about,
            help: $help,
            subject: $subject,
        },)*)*];
    };
}

words! {
    Nodes {
        "name" = Text, "name that the map shows";
        "namespace" ["ns"] = Text, "namespace";
        "app" = Text, "app";
        "version" = Text, "version";
        "workload" ["wl"] = Text, "workload";
        "service" ["svc"] = Text, "service, by name or host";
        "cluster" = Text, "cluster";
        "node" = Text, "kind: workload, app, service, gateway, external, passthrough or unknown";
        "label:app" = Text, "label `app`";
        "label:version" = Text, "label `version`";
        "in" = Number(Unit::PerSecond), "requests that come in, all protocols";
        "out" = Number(Unit::PerSecond), "requests that go out, all protocols";
        "httpin" = Number(Unit::PerSecond), "HTTP requests that come in";
        "httpout" = Number(Unit::PerSecond), "HTTP requests that go out";
        "grpcin" = Number(Unit::PerSecond), "gRPC requests that come in";
        "grpcout" = Number(Unit::PerSecond), "gRPC requests that go out";
        "tcpin" = Number(Unit::BytesPerSecond), "TCP bytes that come in";
        "tcpout" = Number(Unit::BytesPerSecond), "TCP bytes that go out";
        "rank" = Number(Unit::None), "1 for the node with the most edges, then 2, up to 100";
        "healthy" = Flag, "no threshold is reached";
        "idle" = Flag, "no traffic in the window";
        "dead" = Flag, "no instance is ready";
        "sidecar" ["sc"] = Flag, "a proxy counts its traffic; `!sidecar` is out of the mesh";
        "outside" ["outsider"] = Flag, "in none of the namespaces that were asked for";
        "inaccessible" = Flag, "in a namespace that you may not read";
        "trafficsource" ["root"] = Flag, "nobody calls it";
        "serviceentry" ["se"] = Flag, "a host outside of the mesh that a ServiceEntry names";
        "virtualservice" ["vs"] = Flag, "a VirtualService is in effect on it";
        "requestrouting" ["rr"] = Flag, "requests are routed by match rules";
        "trafficshifting" ["ts"] = Flag, "requests are split by weights";
        "tcptrafficshifting" ["tcpts"] = Flag, "TCP connections are split by weights";
        "mirroring" = Flag, "requests are mirrored";
        "faultinjection" ["fi"] = Flag, "faults are injected";
        "requesttimeout" ["rto"] = Flag, "a timeout is set";
        "retry" = Flag, "retries are set";
        "circuitbreaker" ["cb"] = Flag, "a circuit breaker is set";
        "authorization" ["authz"] = Flag, "an AuthorizationPolicy applies";
    }
    Edges {
        "rate" = Number(Unit::PerSecond), "requests, all protocols";
        "http" = Number(Unit::PerSecond), "HTTP requests";
        "grpc" = Number(Unit::PerSecond), "gRPC requests";
        "tcp" = Number(Unit::BytesPerSecond), "TCP bytes sent and received";
        "error" ["err"] = Number(Unit::Percent), "share of requests that failed";
        "%httperr" ["%httperror"] = Number(Unit::Percent), "share of HTTP requests that failed";
        "%grpcerr" ["%grpcerror"] = Number(Unit::Percent), "share of gRPC requests that failed";
        "%httptraffic" = Number(Unit::Percent), "share of the caller's HTTP requests";
        "%grpctraffic" = Number(Unit::Percent), "share of the caller's gRPC requests";
        "responsetime" ["rt" "p95"] = Number(Unit::Milliseconds), "95 % are answered within this time";
        "p50" = Number(Unit::Milliseconds), "half are answered within this time";
        "p90" = Number(Unit::Milliseconds), "90 % are answered within this time";
        "p99" = Number(Unit::Milliseconds), "99 % are answered within this time";
        "throughput" = Number(Unit::BytesPerSecond), "bytes sent and received";
        "refused" = Number(Unit::PerSecond), "connections that the callee refused";
        "code" = Number(Unit::None), "a response code that is seen; 0 is no response";
        "flag" = Text, "a response flag that is seen, such as UH";
        "protocol" = Text, "http, grpc or tcp";
        "sourceprincipal" = Text, "identity of the caller";
        "destprincipal" = Text, "identity of the callee";
        "traffic" = Flag, "there is traffic";
        "mtls" = Flag, "all of it is with mutual TLS";
        "plain" = Flag, "some of it is known to be plain text";
    }
    Both {
        "failing" = Flag, "its health is failing";
        "degraded" = Flag, "its health is degraded";
    }
}
