use super::*;

const START: i64 = 1_800_000_000_000;

fn store(settings: StoreSettings) -> MetricStore {
    let store = MetricStore::new(settings);
    let target = |name: &str| Target {
        name: name.into(),
        address: ([127, 0, 0, 1], 1).into(),
    };
    store.set_targets(&[target("a"), target("b")], Timestamp(START));
    store
}

fn at(seconds: i64) -> Timestamp {
    Timestamp(START + seconds * 1000)
}

fn requests(reporter: &str, code: u16, count: f64) -> String {
    format!(
        "istio_requests_total{{reporter=\"{reporter}\",source_workload=\"a\",source_workload_namespace=\"x\",\
         destination_workload=\"b\",destination_workload_namespace=\"x\",response_code=\"{code}\"}} {count}\n"
    )
}

fn window(text: &str) -> Window {
    text.parse().unwrap()
}

/// Scrapes of target `a` every 2 s from 0, with these numbers of requests.
fn scraped(counts: &[f64]) -> MetricStore {
    let store = store(StoreSettings::default());
    for (i, count) in counts.iter().enumerate() {
        let text = requests("source", 200, *count);
        store.take("a", at(2 * i as i64), Duration::from_millis(3), text.as_bytes());
    }
    store
}

fn rate(store: &MetricStore, text: &str) -> Result<Option<f64>, String> {
    match store.traffic_in(window(text), None) {
        Ok(window) => Ok(window.rows.first().map(|row| row.traffic.requests)),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn rates_are_counted_over_the_window() {
    let store = scraped(&(0..60).map(|i| 1000.0 + f64::from(i) * 20.0).collect::<Vec<_>>());
    assert_eq!(rate(&store, "1m"), Ok(Some(10.0)));
    let window = store.traffic_in(window("10s"), Some(at(50))).unwrap();
    assert_eq!((window.at, window.rows[0].traffic.requests), (at(50), 10.0));
    assert_eq!(window.rows[0].totals.requests, 1500.0);
}

#[test]
fn a_counter_that_starts_again_is_no_negative_rate() {
    let store = scraped(&[1000.0, 1020.0, 1040.0, 10.0, 30.0, 50.0]);
    // 50 - 1020 + 1040 within the 8 s from the first sample in the window, stretched by 2 s to its start.
    assert_eq!(rate(&store, "10s"), Ok(Some(8.75)));
}

#[test]
fn windows_that_cannot_be_answered_say_why() {
    assert_eq!(
        rate(&scraped(&[1.0, 2.0]), "3s"),
        Err("embedded metrics cannot answer for this window: 3s is shorter than two scrapes, which are 2 s apart: \
             take 4 s or more"
            .into())
    );
    assert_eq!(
        rate(&scraped(&[1.0]), "1m"),
        Err("embedded metrics has nothing to tell yet: there was one scrape yet; a rate needs two".into())
    );
    assert_eq!(
        rate(&scraped(&[]), "1m"),
        Err("embedded metrics has nothing to tell yet: no sidecar was scraped yet".into())
    );
    let store = scraped(&[1.0, 2.0]);
    assert!(store.traffic_in(window("1m"), Some(at(-100))).is_err());
    store.fail("a", at(4), Duration::from_secs(1), "no answer within 1 s".into());
    let late = store.traffic_in(window("1m"), Some(at(500))).unwrap_err();
    assert_eq!(
        late.to_string(),
        "embedded metrics does not answer: no sidecar answered (a: no answer within 1 s)"
    );
}

#[test]
fn a_target_that_hangs_is_down_and_its_numbers_end() {
    let store = scraped(&(0..10).map(|i| f64::from(i) * 20.0).collect::<Vec<_>>());
    for i in 0..60 {
        store.take(
            "b",
            at(2 * i),
            Duration::ZERO,
            requests("destination", 200, 20.0 * i as f64).as_bytes(),
        );
        if i >= 10 {
            store.fail(
                "a",
                at(2 * i),
                Duration::from_secs(1),
                "no answer within 1 s".into(),
            );
        }
    }
    let status = store.status();
    let degraded: Vec<_> = status.degraded().collect();
    let sentence = "the sidecar of a cannot be read (no answer within 1 s): its numbers end there";
    assert_eq!(degraded, [(at(20), sentence.to_owned())]);
    assert_eq!((status.up(), status.newest), (1, Some(at(118))));
    let rows = store.traffic_in(Window::MINUTE, None).unwrap().rows;
    assert_eq!(
        rows.len(),
        1,
        "after a minute nothing of it is left in the window"
    );
    let earlier = store.traffic_in(Window::MINUTE, Some(at(30))).unwrap().rows;
    assert_eq!(earlier.len(), 2);
}

#[test]
fn a_series_that_a_target_no_longer_has_ends() {
    let store = store(StoreSettings::default());
    let mut text = requests("source", 200, 5.0) + &requests("source", 503, 5.0);
    for i in 0..30 {
        if i == 10 {
            text = requests("source", 200, 6.0);
        }
        store.take("a", at(2 * i), Duration::ZERO, text.as_bytes());
    }
    assert_eq!(store.traffic_in(window("30s"), None).unwrap().rows.len(), 1);
    assert_eq!(store.traffic_in(window("1m"), None).unwrap().rows.len(), 2);
}

#[test]
fn buckets_are_taken_apart_and_added_over_targets() {
    let store = store(StoreSettings::default());
    for (i, target) in (0..10).flat_map(|i| [(i, "a"), (i, "b")]) {
        let count = f64::from(i) * 2.0 + 100.0;
        let bucket = |le: &str, share: f64| {
            format!(
                "istio_request_duration_milliseconds_bucket{{reporter=\"source\",le=\"{le}\"}} {}\n",
                count * share
            )
        };
        let text = bucket("5", 0.5)
            + &bucket("10", 0.5)
            + &bucket("25", 1.0)
            + &bucket("+Inf", 1.0)
            + &format!(
                "istio_request_duration_milliseconds_sum{{reporter=\"source\"}} {}\n",
                count * 7.0
            );
        store.take(target, at(2 * i64::from(i)), Duration::ZERO, text.as_bytes());
    }
    let rows = store.traffic_in(window("10s"), None).unwrap().rows;
    assert_eq!(rows.len(), 1);
    let latency = &rows[0].traffic.latency;
    assert_eq!(latency.buckets, [(5.0, 1.0), (25.0, 1.0)]);
    assert_eq!(latency.sum_ms, 14.0);
}

#[test]
fn what_is_over_a_bound_is_said_and_what_was_there_stays() {
    let store = store(StoreSettings {
        series: 2,
        ..StoreSettings::default()
    });
    for i in 0..5 {
        let text: String = [200, 404, 500].map(|code| requests("source", code, 1.0)).concat();
        store.take("a", at(2 * i), Duration::ZERO, text.as_bytes());
    }
    let status = store.status();
    assert_eq!((status.series, status.refused_series), (2, 5));
    assert!(status.warnings[0].contains("bound: 2"), "{:?}", status.warnings);
}

#[test]
fn samples_go_when_they_are_old_or_too_many() {
    let text = |i: i64| -> String {
        (0..25)
            .map(|code| requests("source", 100 + code, (i * i) as f64))
            .collect()
    };
    let run = |bytes: usize| {
        let store = store(StoreSettings {
            bytes,
            retention: Duration::from_secs(3600),
            ..StoreSettings::default()
        });
        for i in 0..3600 {
            store.take("a", at(2 * i), Duration::ZERO, text(i).as_bytes());
        }
        store.status()
    };
    let wide = run(48 << 20);
    let kept = wide.newest.unwrap().since(wide.oldest.unwrap());
    assert!((3600..3700).contains(&kept.as_secs()), "{kept:?}");
    let narrow = run(60 << 10);
    assert!(narrow.bytes < 80 << 10, "{}", narrow.bytes);
    let kept = narrow.newest.unwrap().since(narrow.oldest.unwrap());
    assert!((300..3000).contains(&kept.as_secs()), "{kept:?}");
}

#[test]
fn a_target_that_is_no_longer_listed_stays_for_looks_back() {
    let store = scraped(&[10.0, 20.0, 30.0]);
    store.set_targets(&[], at(6));
    assert_eq!(store.status().targets, []);
    assert!(rate(&store, "10s").unwrap().is_some());
}
