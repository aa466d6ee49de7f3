//! Which endpoint gets a request.

use crate::{Balancer, Dice, Endpoint};

/// An endpoint that may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its index among the cluster's endpoints.
    pub endpoint: usize,
    /// Its share; at least 1.
    pub weight: u32,
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
            Balancer::Random => self.at(dice.roll(self.total_sides())),
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
    fn no_healthy_endpoint_gives_none() {
        let lot = lot(&[(1, false)]);
        assert_eq!(lot.pick(Balancer::Random, &mut 0, &mut |_: u32| 0, |_| 0), None);
    }
}
