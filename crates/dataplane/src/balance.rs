//! Which endpoint gets a request.

use std::net::IpAddr;

use crate::{
    Balancer, Dice, Endpoint,
    hash::{hash_bytes, mix},
};

/// An endpoint that may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its index among the cluster's endpoints.
    pub endpoint: usize,
    /// Its share; at least 1.
    pub weight: u32,
    /// Hash of its address.
    key: u64,
}

/// The endpoints that may be picked, made ready for many picks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lot {
    candidates: Vec<Candidate>,
    total_weight: u32,
    weighted: bool,
}

impl Lot {
    /// Takes the healthy ones.
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let healthy = endpoints
            .iter()
            .enumerate()
            .filter(|(_, endpoint)| endpoint.healthy);
        let candidates: Vec<_> = healthy
            .map(|(index, endpoint)| Candidate {
                endpoint: index,
                weight: endpoint.weight.max(1),
                key: key_of(endpoint),
            })
            .collect();
        Self {
            total_weight: candidates
                .iter()
                .fold(0, |sum, candidate| candidate.weight.saturating_add(sum)),
            weighted: candidates.windows(2).any(|pair| pair[0].weight != pair[1].weight),
            candidates,
        }
    }

    /// The endpoints that may be picked.
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Index of the endpoint that gets the next request; `None`: there is no healthy one (`UH`).
    ///
    /// `turn` counts the picks of round robin and moves by one; `in_flight` tells how busy an endpoint is.
    pub fn pick<D: Dice + ?Sized>(
        &self,
        balancer: Balancer,
        turn: &mut u32,
        dice: &mut D,
        in_flight: impl Fn(usize) -> u32,
    ) -> Option<usize> {
        if let [only] = self.candidates.as_slice() {
            return Some(only.endpoint);
        }
        if self.candidates.is_empty() {
            return None;
        }
        let picked = match balancer {
            Balancer::RoundRobin => {
                let at = *turn % self.total_sides();
                *turn = turn.wrapping_add(1);
                self.at(at)
            }
            // Without a hash by chance, as in Envoy.
            Balancer::Random | Balancer::RingHash { .. } | Balancer::Maglev { .. } => {
                self.at(dice.roll(self.total_sides()))
            }
            Balancer::LeastRequest => {
                let first = self.at(dice.roll(self.total_sides()));
                let second = self.at(dice.roll(self.total_sides()));
                if in_flight(second) < in_flight(first) {
                    second
                } else {
                    first
                }
            }
        };
        Some(picked)
    }

    /// Index of the endpoint for a hash, by preference none of `avoid`; `None`: there is no healthy one (`UH`).
    ///
    /// Each endpoint scores for each hash, and the highest score wins (rendezvous hashing): when an endpoint goes, only
    /// what it had moves, and it spreads over all others by their weights.
    pub fn pick_by_hash(&self, hash: u64, avoid: &[usize]) -> Option<usize> {
        let fresh = |candidate: &&Candidate| !avoid.contains(&candidate.endpoint);
        let all = self.candidates.iter();
        highest(hash, all.clone().filter(fresh)).or_else(|| highest(hash, all))
    }

    fn total_sides(&self) -> u32 {
        if self.weighted {
            self.total_weight
        } else {
            u32::try_from(self.candidates.len()).unwrap_or(u32::MAX)
        }
    }

    /// The endpoint at a place from 0 to `total_sides() - 1`.
    fn at(&self, place: u32) -> usize {
        if !self.weighted {
            return self.candidates[place as usize % self.candidates.len()].endpoint;
        }
        let mut rest = place;
        for candidate in &self.candidates {
            match rest.checked_sub(candidate.weight) {
                Some(left) => rest = left,
                None => return candidate.endpoint,
            }
        }
        self.candidates[0].endpoint
    }
}

fn highest<'c>(hash: u64, candidates: impl Iterator<Item = &'c Candidate>) -> Option<usize> {
    let scored = candidates.map(|candidate| {
        // From 0 to 1, both ends out: 53 bits are what a float holds.
        let place = ((mix(hash ^ candidate.key) >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
        (f64::from(candidate.weight) / -place.ln(), candidate.endpoint)
    });
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, endpoint)| endpoint)
}

fn key_of(endpoint: &Endpoint) -> u64 {
    let port = endpoint.address.port().to_be_bytes();
    match endpoint.address.ip() {
        IpAddr::V4(address) => hash_bytes(&[&address.octets()[..], &port].concat()),
        IpAddr::V6(address) => hash_bytes(&[&address.octets()[..], &port].concat()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lot(endpoints: &[(u32, bool)]) -> Lot {
        let endpoint = |(weight, healthy): &(u32, bool)| Endpoint {
            address: "127.0.0.1:1".parse().unwrap(),
            identity: vigla_model::PeerIdentity::default(),
            mesh_tls: false,
            weight: *weight,
            healthy: *healthy,
        };
        Lot::new(&endpoints.iter().map(endpoint).collect::<Vec<_>>())
    }

    #[test]
    fn round_robin_takes_turns_among_the_healthy() {
        let mut turn = 0;
        for (endpoints, want) in [
            (&[(1, true), (1, false), (1, true)][..], &[0, 2, 0, 2][..]),
            (&[(2, true), (1, true)], &[0, 0, 1, 0]),
        ] {
            turn = 0;
            let lot = lot(endpoints);
            let mut pick = || {
                lot.pick(Balancer::RoundRobin, &mut turn, &mut |_: u32| 0, |_| 0)
                    .unwrap()
            };
            let picks: Vec<_> = want.iter().map(|_| pick()).collect();
            assert_eq!(picks, want);
        }
        assert_eq!(turn, 4);
    }

    #[test]
    fn the_less_busy_of_two_gets_the_request() {
        let lot = lot(&[(1, true), (1, true), (1, true)]);
        let busy = [5, 2, 9];
        for (first, second, want) in [(0, 1, 1), (1, 2, 1), (2, 2, 2), (0, 2, 0)] {
            let mut rolls = [first, second].into_iter();
            let mut dice = |_: u32| rolls.next().unwrap();
            let pick = lot.pick(Balancer::LeastRequest, &mut 0, &mut dice, |endpoint| {
                busy[endpoint]
            });
            assert_eq!(pick, Some(want), "{first} {second}");
        }
    }

    #[test]
    fn a_hash_keeps_its_endpoint_until_that_goes() {
        let endpoint = |(port, weight): (u16, u32)| Endpoint {
            address: ([127, 0, 0, 1], port).into(),
            identity: vigla_model::PeerIdentity::default(),
            mesh_tls: false,
            weight,
            healthy: true,
        };
        let four = [(1, 1), (2, 1), (3, 1), (4, 3)].map(endpoint);
        let all = Lot::new(&four);
        // The third has gone.
        let fewer = Lot::new(&[four[0].clone(), four[1].clone(), four[3].clone()]);
        let mut counts = [0; 4];
        for hash in (0..6000u64).map(|number| hash_bytes(&number.to_be_bytes())) {
            let picked = all.pick_by_hash(hash, &[]).unwrap();
            counts[picked] += 1;
            let after = [0, 1, 3][fewer.pick_by_hash(hash, &[]).unwrap()];
            assert!(picked == after || picked == 2, "{picked} {after}");
            let other = all.pick_by_hash(hash, &[picked]).unwrap();
            assert_ne!(other, picked);
        }
        for (count, want) in counts.into_iter().zip([1000, 1000, 1000, 3000]) {
            assert!((want - 150..want + 150).contains(&count), "{counts:?}");
        }
        assert_eq!(Lot::default().pick_by_hash(1, &[]), None);
    }

    #[test]
    fn no_healthy_endpoint_gives_none() {
        let lot = lot(&[(1, false)]);
        assert_eq!(lot.pick(Balancer::Random, &mut 0, &mut |_: u32| 0, |_| 0), None);
    }
}
