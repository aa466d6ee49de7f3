//! Which filter chain takes a connection.

use crate::{ChainMatch, FilterChain};

/// What the first bytes of a connection tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FirstBytes<'a> {
    /// They are a TLS hello.
    pub tls: bool,
    /// The name in the hello.
    pub server_name: Option<&'a str>,
}

/// The chain that takes the connection, with its index; `None`: it is refused. Of several the one that names the server
/// best: exactly, by the longest `*.suffix`, not at all; of equals the first.
pub fn find_chain<'t>(chains: &'t [FilterChain], first: FirstBytes<'_>) -> Option<(usize, &'t FilterChain)> {
    let fitting = chains.iter().enumerate();
    let fitting = fitting.filter_map(|(at, chain)| Some((chain.matches.fit(first)?, at, chain)));
    let best = fitting.min_by_key(|(fit, ..)| std::cmp::Reverse(*fit));
    best.map(|(_, at, chain)| (at, chain))
}

impl ChainMatch {
    /// Whether the choice of a chain needs a look at the bytes.
    pub fn needs_bytes(&self) -> bool {
        self.tls.is_some() || !self.server_names.is_empty()
    }

    /// How well it names the server of a connection; `None`: it does not take it.
    fn fit(&self, first: FirstBytes<'_>) -> Option<usize> {
        if self.tls.is_some_and(|tls| tls != first.tls) {
            return None;
        }
        if self.server_names.is_empty() {
            return Some(0);
        }
        let name = first.server_name?;
        let fits = self.server_names.iter().filter(|wanted| name_fits(wanted, name));
        fits.map(|wanted| {
            if wanted.starts_with('*') {
                wanted.len()
            } else {
                usize::MAX
            }
        })
        .max()
    }
}

fn name_fits(wanted: &str, name: &str) -> bool {
    match wanted.strip_prefix('*') {
        // `*.example.com` covers any number of labels, but not `example.com` itself.
        Some(suffix) => {
            name.len() > suffix.len()
                && name
                    .as_bytes()
                    .get(name.len() - suffix.len()..)
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(suffix.as_bytes()))
        }
        None => wanted.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;

    fn chain(name: &str, tls: Option<bool>, server_names: &[&str]) -> FilterChain {
        FilterChain {
            name: name.into(),
            matches: ChainMatch {
                tls,
                server_names: server_names.iter().map(|name| (*name).into()).collect(),
            },
            tls: None,
            authorization: None,
            rate_limit: None,
            network: Network::tcp("c".into()),
            origin: None,
        }
    }

    #[test]
    fn the_chain_that_names_the_server_best_takes_the_connection() {
        let permissive = [
            chain("tls", Some(true), &[]),
            chain("plaintext", Some(false), &[]),
        ];
        let strict = [chain("tls", Some(true), &[])];
        let gateway = [
            chain("shop", None, &["shop.example"]),
            chain("wild", None, &["*.example"]),
        ];
        let nested = [
            chain("any", None, &[]),
            chain("wide", None, &["*.example"]),
            chain("narrow", None, &["*.shop.example", "books.example"]),
        ];
        for (chains, tls, server_name, want) in [
            (&permissive[..], true, None, Some("tls")),
            (&permissive, false, None, Some("plaintext")),
            (&strict, false, None, None),
            (&gateway, true, Some("shop.example"), Some("shop")),
            (&gateway, true, Some("Books.Example"), Some("wild")),
            (&gateway, true, Some("example"), None),
            (&gateway, true, None, None),
            (&nested, true, Some("a.shop.example"), Some("narrow")),
            (&nested, true, Some("books.example"), Some("narrow")),
            (&nested, true, Some("shop.example"), Some("wide")),
            (&nested, true, Some("other"), Some("any")),
            (&nested, false, None, Some("any")),
        ] {
            let found = find_chain(chains, FirstBytes { tls, server_name });
            assert_eq!(
                found.map(|(_, chain)| &*chain.name),
                want,
                "{tls} {server_name:?}"
            );
        }
    }
}
