//! `FI` and `DI`: a rule injects faults.

use vigla_graph::Why;
use vigla_model::{Ratio, ResponseFlag};

use crate::case::{Case, proved};

pub(crate) fn explain(case: &Case<'_>, flag: ResponseFlag) -> Vec<Why> {
    let services = case.services();
    let share = |millionths: u32| match Ratio::of(f64::from(millionths), 1e6) {
        Some(share) => share.to_string(),
        None => String::new(),
    };
    let faults = case.forwards().filter_map(|(_, forward)| {
        let fault = forward.fault.as_ref()?;
        let origin = fault.origin.as_ref()?;
        let object = &origin.object;
        let (what, key) = match flag {
            ResponseFlag::FaultAbort => {
                let (millionths, status) = fault.abort?;
                (
                    format!(
                        "answers {} of the requests to {services} with {status} (FI)",
                        share(millionths)
                    ),
                    "abort",
                )
            }
            _ => {
                let (millionths, delay) = fault.delay?;
                (
                    format!(
                        "holds {} of the requests to {services} back for {delay:?} (DI)",
                        share(millionths)
                    ),
                    "delay",
                )
            }
        };
        let message = format!("{object} injects a fault: it {what}.");
        Some(proved(message, &case.narrow(origin, &[key])))
    });
    faults.collect()
}
