//! The laptop mesh: services, traffic generator, scenarios.
