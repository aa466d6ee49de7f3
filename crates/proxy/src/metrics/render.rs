//! The scrape as Prometheus text.

use std::{collections::BTreeMap, fmt::Write, ops::AddAssign, sync::Arc};

use vigla_model::ISTIO_BOUNDS_MS;

use super::{Scrape, series::BYTE_BOUNDS};

/// Adds up what the workers counted and writes it; series in the order of their labels.
pub(crate) fn render(scrapes: Vec<Scrape>) -> String {
    let (mut requests, mut messages) = (BTreeMap::new(), BTreeMap::new());
    let (mut tcp, mut refused) = (BTreeMap::new(), BTreeMap::new());
    for scrape in scrapes {
        add_up(&mut messages, scrape.messages);
        add_up(&mut requests, scrape.requests);
        add_up(&mut tcp, scrape.tcp);
        add_up(&mut refused, scrape.refused);
    }
    let mut out = Text(String::with_capacity(
        64 + 40_000 * requests.len() + 4_000 * tcp.len(),
    ));
    if !requests.is_empty() {
        out.family("istio_requests_total", "counter");
        for (labels, counts) in &requests {
            out.line(
                "istio_requests_total",
                labels,
                counts.duration_us.counts.iter().sum::<u64>(),
            );
        }
        out.family("istio_request_duration_milliseconds", "histogram");
        for (labels, counts) in &requests {
            let sum = counts.duration_us.sum as f64 / 1000.0;
            let name = "istio_request_duration_milliseconds";
            out.histogram(name, labels, &ISTIO_BOUNDS_MS, &counts.duration_us.counts, sum);
        }
        out.family("istio_request_bytes", "histogram");
        for (labels, counts) in &requests {
            let sizes = &counts.request_bytes;
            out.histogram(
                "istio_request_bytes",
                labels,
                &BYTE_BOUNDS,
                &sizes.counts,
                sizes.sum,
            );
        }
        out.family("istio_response_bytes", "histogram");
        for (labels, counts) in &requests {
            let sizes = &counts.response_bytes;
            out.histogram(
                "istio_response_bytes",
                labels,
                &BYTE_BOUNDS,
                &sizes.counts,
                sizes.sum,
            );
        }
    }
    let sent = messages
        .iter()
        .map(|(labels, counts): (_, &super::series::MessageCounts)| (labels, counts.requests));
    out.counters("istio_request_messages_total", sent);
    let received = messages.iter().map(|(labels, counts)| (labels, counts.responses));
    out.counters("istio_response_messages_total", received);
    type Count = fn(&super::series::TcpCounts) -> u64;
    let families: [(&str, Count); 4] = [
        ("istio_tcp_connections_opened_total", |counts| counts.opened),
        ("istio_tcp_connections_closed_total", |counts| counts.closed),
        ("istio_tcp_sent_bytes_total", |counts| counts.sent),
        ("istio_tcp_received_bytes_total", |counts| counts.received),
    ];
    for (name, count) in families {
        out.counters(name, tcp.iter().map(|(labels, counts)| (labels, count(counts))));
    }
    out.counters(
        "vigla_connections_refused_total",
        refused.iter().map(|(labels, count)| (labels, *count)),
    );
    out.0
}

fn add_up<C: AddAssign>(sum: &mut BTreeMap<Arc<str>, C>, more: Vec<(Arc<str>, C)>) {
    for (labels, counts) in more {
        match sum.entry(labels) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(counts);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => *entry.get_mut() += counts,
        }
    }
}

/// Text in Prometheus's form.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str) {
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
    }

    fn counters<'a>(&mut self, name: &str, series: impl Iterator<Item = (&'a Arc<str>, u64)>) {
        for (at, (labels, count)) in series.enumerate() {
            if at == 0 {
                self.family(name, "counter");
            }
            self.line(name, labels, count);
        }
    }

    fn line(&mut self, name: &str, labels: &str, value: u64) {
        self.0.push_str(name);
        self.0.push('{');
        self.0.push_str(labels);
        self.0.push_str("} ");
        self.0.push_str(itoa::Buffer::new().format(value));
        self.0.push('\n');
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: &str,
        bounds: &[impl std::fmt::Display],
        counts: &[u64],
        sum: impl std::fmt::Display,
    ) {
        let mut below = 0;
        for (at, count) in counts.iter().enumerate() {
            below += count;
            let _ = match bounds.get(at) {
                Some(bound) => writeln!(self.0, "{name}_bucket{{{labels},le=\"{bound}\"}} {below}"),
                None => writeln!(self.0, "{name}_bucket{{{labels},le=\"+Inf\"}} {below}"),
            };
        }
        let _ = writeln!(
            self.0,
            "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {below}"
        );
    }
}
