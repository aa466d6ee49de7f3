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

/// The first chain that takes the connection, with its index; `None`: it is refused.
pub fn find_chain<'t>(chains: &'t [FilterChain], first: FirstBytes<'_>) -> Option<(usize, &'t FilterChain)> {
    chains
        .iter()
        .enumerate()
        .find(|(_, chain)| chain.matches.fits(first))
}

impl ChainMatch {
    /// Whether the choice of a chain needs a look at the bytes.
    pub fn needs_bytes(&self) -> bool {
        self.tls.is_some() || !self.server_names.is_empty()
    }

    fn fits(&self, first: FirstBytes<'_>) -> bool {
        self.tls.is_none_or(|tls| tls == first.tls)
            && (self.server_names.is_empty()
                || first
                    .server_name
                    .is_some_and(|name| self.server_names.iter().any(|wanted| name_fits(wanted, name))))
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
            network: Network::tcp("c".into()),
            origin: None,
        }
    }

    #[test]
    fn the_first_chain_that_fits_takes_the_connection() {
        let permissive = [
            chain("tls", Some(true), &[]),
            chain("plaintext", Some(false), &[]),
        ];
        let strict = [chain("tls", Some(true), &[])];
        let gateway = [
            chain("shop", None, &["shop.example"]),
            chain("wild", None, &["*.example"]),
        ];
        for (chains, tls, server_name, want) in [
            (&permissive[..], true, None, Some("tls")),
            (&permissive, false, None, Some("plaintext")),
            (&strict, false, None, None),
            (&gateway, true, Some("shop.example"), Some("shop")),
            (&gateway, true, Some("Books.Example"), Some("wild")),
            (&gateway, true, Some("example"), None),
            (&gateway, true, None, None),
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
