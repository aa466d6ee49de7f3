mod labels;

use std::time::Duration;

use vigla_graph::{Graph, TrafficRow, Unidentified};
use vigla_model::Reporter;

use super::*;
use crate::{
    fakes::{Behaviour, FakeServer},
    outbound::{MAX_IN_FLIGHT, OutboundSettings},
};

const LABELS: &str = r#""connection_security_policy":"mutual_tls","destination_service":"reviews.bookinfo.svc.cluster.local","destination_workload":"reviews-v1","destination_workload_namespace":"bookinfo","reporter":"destination","request_protocol":"http","response_code":"200","source_workload":"productpage-v1","source_workload_namespace":"bookinfo""#;

fn series(labels: &str, value: &str) -> String {
    format!(r#"{{"metric":{{{labels}}},"value":[1700000000.123,"{value}"]}}"#)
}

fn vector(series: &[String]) -> String {
    format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{}]}}}}"#,
        series.join(",")
    )
}

/// Reads an answer in pieces of this many bytes.
fn read(query: MeshQuery, text: &str, piece: usize) -> Result<Table, String> {
    let mut table = Table::default();
    let mut answer = Answer::new(query);
    for piece in text.as_bytes().chunks(piece) {
        answer.take(piece, &mut table)?;
    }
    answer.end().map(|_| table)
}

fn requests(text: &str) -> Result<Vec<TrafficRow>, String> {
    read(MeshQuery::Requests, text, usize::MAX).map(|mut table| table.finish())
}

#[test]
fn an_answer_is_the_same_wherever_its_pieces_end() {
    let escaped = LABELS.replace("reviews-v1", r#"re\"vi\\e\u0077s]}-v1"#);
    let text = vector(&[series(LABELS, "1.5"), series(&escaped, "2e0")]).replace(
        r#""result""#,
        r#""stats":{"seriesFetched":[1,"]"]},"odd":[[]],"result""#,
    );
    let whole = requests(&text).unwrap();
    assert_eq!(whole.len(), 2);
    assert_eq!(whole[0].key.reporter, Reporter::Destination);
    assert_eq!(whole[1].key.destination.workload, Some("re\"vi\\ews]}-v1".into()));
    assert_eq!(whole[1].traffic.requests, 2.0);
    for piece in 1..text.len() {
        let rows = read(MeshQuery::Requests, &text, piece).unwrap().finish();
        assert_eq!(rows, whole, "pieces of {piece} bytes");
    }
}

#[test]
fn no_beginning_of_an_answer_passes_for_the_whole() {
    let text = vector(&[series(LABELS, "1"), series("", "2")]);
    for end in 0..text.len() {
        assert!(requests(&text[..end]).is_err(), "{}", &text[..end]);
    }
}

#[test]
fn what_is_no_vector_is_refused_with_a_reason() {
    let cases = [
        ("<html><body>Sign in</body></html>", "no JSON"),
        (
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            "(timeout): query timed out",
        ),
        (
            r#"{"status":"success","data":{"resultType":"scalar","result":[1.7,"2"]}}"#,
            "does not begin",
        ),
        (
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
            "no vector",
        ),
        (r#"{"status":"success"}"#, "no vector"),
        (
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
            "no value",
        ),
        (
            r#"{"status":"success","data":{"resultType":"vector","result":[]}} {"#,
            "no whole answer",
        ),
        ("[]", "no whole answer"),
        ("", "no whole answer"),
    ];
    for (text, expect) in cases {
        let error = requests(text).unwrap_err();
        assert!(error.contains(expect), "{text}: {error}");
    }
}

#[test]
fn warnings_stand_before_or_behind_the_series_and_are_told() {
    let frames = [
        r#"{"status":"success","warnings":["half of it"],"infos":["x"],"data":{"resultType":"vector","result":[]}}"#,
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["half of it"],"infos":["x"]}"#,
    ];
    for frame in frames {
        let text = frame.replace(
            r#""result":[]"#,
            &format!(r#""result":[{}]"#, series(LABELS, "1")),
        );
        let mut table = Table::default();
        let mut answer = Answer::new(MeshQuery::Requests);
        answer.take(text.as_bytes(), &mut table).unwrap();
        assert_eq!(answer.end().unwrap(), ["half of it"]);
        assert_eq!(table.finish().len(), 1);
    }
}

#[test]
fn numbers_that_tell_nothing_and_series_that_come_twice_do_not_count() {
    let other = |code: &str| LABELS.replace("\"200\"", &format!("\"{code}\""));
    let text = vector(&[
        series(LABELS, "1"),
        series(LABELS, "1"),
        series(&other("201"), "NaN"),
        series(&other("202"), "+Inf"),
        series(&other("203"), "-1"),
        series(&other("204"), "many"),
        series(&LABELS.replace("\"destination\"", "\"nobody\""), "7"),
    ]);
    let mut table = read(MeshQuery::Requests, &text, usize::MAX).unwrap();
    assert_eq!(
        table.notes(),
        [
            "4 series without a usable number (NaN, ±Inf, negative) were passed over",
            "1 series came twice and count once",
        ]
    );
    assert_eq!(table.strangers(), 1);
    let sum: f64 = table.finish().iter().map(|row| row.traffic.requests).sum();
    assert_eq!(sum, 1.0);
}

#[test]
fn words_that_mean_the_same_meet_in_one_row() {
    let text = vector(&[
        series(&(LABELS.to_owned() + r#","source_app":"unknown""#), "1"),
        series(
            &(LABELS.to_owned() + r#","source_app":"-","response_flags":"-""#),
            "2",
        ),
    ]);
    let rows = requests(&text).unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].traffic.requests, 3.0);
}

#[test]
fn a_bucket_meets_its_edge_wherever_its_bound_is_written() {
    let edge = LABELS.replace(r#","response_code":"200""#, "");
    let with = |bound: &str, place: &str| edge.replacen(place, &format!("{bound}{place}"), 1);
    let text = vector(&[
        series(&format!(r#""le":"5",{edge}"#), "1"),
        series(&with(r#""le":"10","#, r#""reporter""#), "3"),
        series(&format!(r#"{edge},"le":"25""#), "4"),
        // As no Prometheus writes it: spaces, escapes, a label that only looks like a bound.
        series(
            &format!(r#" "le" : "50" , {}"#, edge.replace("\",\"", "\" , \"")),
            "6",
        ),
        series(&with(r#""le":"+\u0049nf","#, r#""reporter""#), "7"),
        // Twice, without a bound, without a number.
        series(&format!(r#""le":"5",{edge}"#), "1"),
        series(&edge, "9"),
        series(&format!(r#"{edge},"le":"many""#), "9"),
    ]);
    for piece in [7, 100, usize::MAX] {
        let mut table = read(MeshQuery::Buckets, &text, piece).unwrap();
        assert_eq!((table.series(), table.strangers()), (6, 1));
        assert_eq!(table.notes(), ["2 series came twice and count once"]);
        let rows = table.finish();
        assert_eq!(rows.len(), 1);
        let expect = [
            (5.0, 1.0),
            (10.0, 2.0),
            (25.0, 1.0),
            (50.0, 2.0),
            (f64::INFINITY, 1.0),
        ];
        assert_eq!(rows[0].traffic.latency.buckets, expect);
    }
}

#[test]
fn a_table_knows_the_labels_of_the_window_before_and_nothing_else_of_it() {
    let other = LABELS.replace("reviews-v1", "reviews-v2");
    let mut table = Table::default();
    let mut read = |series: &[String]| {
        let mut answer = Answer::new(MeshQuery::Requests);
        answer.take(vector(series).as_bytes(), &mut table).unwrap();
        answer.end().unwrap();
        assert_eq!(table.notes(), <[String; 0]>::default());
        table.finish()
    };
    let first = read(&[series(LABELS, "1"), series(&other, "2")]);
    let second = read(&[series(&other, "5")]);
    assert_eq!(second.len(), 1);
    assert_eq!(second[0].traffic.requests, 5.0);
    assert!(Arc::ptr_eq(&second[0].key, &first[1].key));
    assert_eq!(read(&[]), []);
    let fourth = read(&[series(LABELS, "7"), series(&other, "8")]);
    let rates: Vec<f64> = fourth.iter().map(|row| row.traffic.requests).collect();
    assert_eq!(rates, [7.0, 8.0]);
}

#[test]
fn a_table_forgets_labels_that_come_no_more() {
    let mut table = Table::default();
    let mut window = |from: usize, count: usize| {
        let one = |i: usize| series(&LABELS.replace("productpage-v1", &format!("w{i}")), "1");
        let text = vector(&(from..from + count).map(one).collect::<Vec<_>>());
        let mut answer = Answer::new(MeshQuery::Requests);
        answer.take(text.as_bytes(), &mut table).unwrap();
        answer.end().unwrap();
        assert_eq!(table.finish().len(), count);
        table.remembered()
    };
    assert_eq!(window(0, 100), 100);
    // Pods come and go: other names in each window.
    let most = (1..50).map(|round| window(round * 100, 100)).max();
    assert!(most <= Some(200), "{most:?} texts of labels");
    assert_eq!(window(0, 1), 0);
}

const DURATIONS: &str = r#""vigla_family":"istio_request_duration_milliseconds""#;

fn histogram(labels: &str, family: &str, sum: &str, buckets: &str) -> String {
    format!(
        r#"{{"metric":{{{labels},{family}}},"histogram":[1700000000.123,{{"count":"0","sum":"{sum}","buckets":[{buckets}]}}]}}"#
    )
}

#[test]
fn native_histograms_of_every_scheme_are_durations_and_bytes_of_their_edge() {
    let other = LABELS.replace("reviews-v1", "reviews-v2");
    let bytes = |name: &str| format!(r#""vigla_family":"istio_{name}_bytes""#);
    // Exponential buckets on one edge, on the other those of a classic histogram that Prometheus took as its own.
    let text = vector(&[
        histogram(
            LABELS,
            DURATIONS,
            "30",
            r#"[3,"-0.001","0.001","1"],[0,"4","4.76","2"],[0,"8","9.5","1"]"#,
        ),
        histogram(
            &other,
            DURATIONS,
            "80",
            r#"[0,"-Inf","5","3"],[0,"25","50","1"],[0,"3600000","+Inf","0.5"]"#,
        ),
        histogram(LABELS, &bytes("request"), "1200", r#"[0,"100","200","4"]"#),
        histogram(LABELS, &bytes("response"), "8000.5", ""),
        histogram(&other, &bytes("response"), "NaN", ""),
        series(&format!("{other},{DURATIONS}"), "1"),
    ]);
    for piece in [1, 64, usize::MAX] {
        let mut table = read(MeshQuery::Native, &text, piece).unwrap();
        assert_eq!(
            table.notes(),
            [
                "1 series without a usable number (NaN, ±Inf, negative) were passed over",
                "1 series came twice and count once",
            ]
        );
        let rows = table.finish();
        let (one, two) = (&rows[0].traffic, &rows[1].traffic);
        assert_eq!(one.latency.buckets, [(0.001, 1.0), (4.76, 2.0), (9.5, 1.0)]);
        assert_eq!(
            (one.latency.sum_ms, one.bytes_sent, one.bytes_received),
            (30.0, 1200.0, 8000.5)
        );
        assert_eq!(
            two.latency.buckets,
            [(5.0, 3.0), (50.0, 1.0), (f64::INFINITY, 0.5)]
        );
        assert_eq!((two.latency.sum_ms, two.bytes_received), (80.0, 0.0));
    }
}

#[test]
fn requests_that_both_kinds_of_histogram_count_are_counted_once() {
    let edge = LABELS.replace(r#","response_code":"200""#, "");
    let latency = |classic: f64, native: f64| {
        let mut table = Table::default();
        let answers = [
            (
                MeshQuery::Buckets,
                series(&format!(r#""le":"10",{edge}"#), &classic.to_string()),
            ),
            (
                MeshQuery::DurationSum,
                series(&edge, &(classic * 7.0).to_string()),
            ),
            (
                MeshQuery::Native,
                histogram(
                    &edge,
                    DURATIONS,
                    &(native * 6.0).to_string(),
                    &format!(r#"[0,"5","8","{native}"]"#),
                ),
            ),
        ];
        for (query, series) in answers {
            let mut answer = Answer::new(query);
            answer.take(vector(&[series]).as_bytes(), &mut table).unwrap();
            answer.end().unwrap();
        }
        let mut rows = table.finish();
        assert_eq!(rows.len(), 1);
        rows.remove(0).traffic.latency
    };
    let fine = latency(4.0, 4.5);
    assert_eq!((fine.buckets, fine.sum_ms), (vec![(8.0, 4.5)], 27.0));
    // Prometheus has just been told to keep native ones: they hold less of the window yet.
    let coarse = latency(4.0, 1.0);
    assert_eq!((coarse.buckets, coarse.sum_ms), (vec![(10.0, 4.0)], 28.0));
}

#[test]
fn series_that_are_no_edges_are_bounded_too() {
    let mut answer = Answer::new(MeshQuery::Requests);
    let mut table = Table::default();
    let head = r#"{"status":"success","data":{"resultType":"vector","result":["#;
    answer.take(head.as_bytes(), &mut table).unwrap();
    let refused = (0..800).find_map(|number| {
        let separator = if number == 0 { "" } else { "," };
        let one = |i| series(&format!(r#""job":"{number}-{i}""#), "1");
        let piece = separator.to_owned() + &(0..1000).map(one).collect::<Vec<_>>().join(",");
        answer.take(piece.as_bytes(), &mut table).err()
    });
    assert!(refused.is_some_and(|error| error.contains("narrow it by `scope`")));
}

#[test]
fn more_rows_than_are_kept_is_an_error_with_advice() {
    let mut answer = Answer::new(MeshQuery::Requests);
    let mut table = Table::default();
    let head = r#"{"status":"success","data":{"resultType":"vector","result":["#;
    answer.take(head.as_bytes(), &mut table).unwrap();
    let refused = (0..300).find_map(|number| {
        let one = |i| series(&LABELS.replace("productpage-v1", &format!("w{number}-{i}")), "1");
        let separator = if number == 0 { "" } else { "," };
        let piece = separator.to_owned() + &(0..1000).map(one).collect::<Vec<_>>().join(",");
        answer.take(piece.as_bytes(), &mut table).err()
    });
    assert!(refused.is_some_and(|error| error.contains("narrow it by `scope`")));
}

/// Answers every query with one edge of this many requests a second.
fn mesh(rate: f64) -> Behaviour {
    Behaviour::Answer(Arc::new(move |request| body(request, rate)))
}

fn body(request: &str, rate: f64) -> String {
    if request.contains("buildinfo") {
        return r#"{"status":"success","data":{"version":"2.42.0"}}"#.to_owned();
    }
    if request.contains("istio_requests_total") {
        return vector(&[series(LABELS, &rate.to_string())]);
    }
    vector(&[])
}

fn source(server: &FakeServer) -> PrometheusSource {
    let settings = OutboundSettings {
        deadline: Duration::from_millis(500),
        ..OutboundSettings::new("Prometheus", server.url().parse().unwrap())
    };
    PrometheusSource::new(Outbound::new(settings).unwrap(), BTreeMap::new())
}

async fn rate(source: &PrometheusSource) -> Result<f64, String> {
    let window = source.traffic(Window::MINUTE, None).await;
    window
        .map(|window| window.rows.iter().map(|row| row.traffic.requests).sum())
        .map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_window_takes_ten_queries_however_many_ask() {
    let server = FakeServer::start(mesh(2.0)).await;
    let source = source(&server);
    let at = Some(Timestamp(1_700_000_000_000));
    let asks = (0..50).map(|_| source.traffic(Window::MINUTE, at));
    let answers = futures_util::future::join_all(asks).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.as_ref().unwrap().rows.len() == 1)
    );
    assert_eq!(
        server.requests(),
        MeshQuery::ALL.len() + 1,
        "one more for the version"
    );
    assert!(server.most_at_once() <= MAX_IN_FLIGHT);
    assert_eq!(source.about().version.as_deref(), Some("Prometheus 2.42.0"));
    let view = Graph::build(&[answers[0].clone().unwrap()], &Unidentified).view();
    assert_eq!((view.nodes.len(), view.edges.len()), (2, 1));
}

#[tokio::test]
async fn each_trouble_is_named_soon_and_over_with_the_next_refresh() {
    let huge = Behaviour::Stream(Arc::new(|number| match number {
        0 => Some(r#"{"status":"success","data":{"resultType":"vector","result":["#.to_owned()),
        1..=1_000 => Some(
            (0..1000)
                .map(|i| {
                    let separator = if (number, i) == (1, 0) { "" } else { "," };
                    let code = LABELS.replace("productpage-v1", &format!("w{number}-{i}"));
                    format!("{separator}{}", series(&code, "1"))
                })
                .collect(),
        ),
        _ => None,
    }));
    let json = |words: &str| format!(r#"{{"status":"error","errorType":"x","error":"{words}"}}"#);
    let text = |text: &'static str| Behaviour::Answer(Arc::new(move |_| text.to_owned()));
    let troubles: Vec<(&str, Behaviour, &str)> = vec![
        ("black hole", Behaviour::BlackHole, "no whole answer within 0.5 s"),
        (
            "slow",
            Behaviour::Drip(Arc::new(|request| body(request, 1.0))),
            "no whole answer within 0.5 s",
        ),
        (
            "html",
            text("<html>hello</html>"),
            "does the address lead to Prometheus?",
        ),
        (
            "truncated",
            Behaviour::Truncate(Arc::new(|request| body(request, 1.0))),
            "no whole answer in JSON",
        ),
        (
            "error in 200",
            Behaviour::Answer(Arc::new({
                let body = json("too many samples");
                move |_| body.clone()
            })),
            "too many samples",
        ),
        // By its rows or by its time, whichever bound this machine meets first.
        ("huge", huge, ""),
        ("401", Behaviour::Fail(401, String::new()), "check the token"),
        ("403", Behaviour::Fail(403, String::new()), "has no right"),
        (
            "422",
            Behaviour::Fail(422, json("limit")),
            "it answers 422: limit (it cannot run the query",
        ),
        ("429", Behaviour::Fail(429, String::new()), "it limits us"),
        (
            "503",
            Behaviour::Fail(503, json("starting up")),
            "it answers 503: starting up",
        ),
    ];
    for (name, trouble, expect) in troubles {
        let server = FakeServer::start(mesh(2.0)).await;
        let source = source(&server);
        assert_eq!(rate(&source).await, Ok(2.0), "{name}: before");
        server.set(trouble);
        let error = rate(&source).await.unwrap_err();
        assert!(
            error.starts_with("Prometheus does not answer: ") && error.contains(expect),
            "{name}: {error}"
        );
        for _ in 0..3 {
            rate(&source).await.unwrap_err();
        }
        server.set(mesh(3.0));
        assert!(server.most_at_once() <= MAX_IN_FLIGHT, "{name}");
        // A refresh is 5 s; the longest rest that so few failures bring is 4 s.
        let back = tokio::time::Instant::now();
        while rate(&source).await != Ok(3.0) {
            assert!(back.elapsed() < Duration::from_secs(5), "{name}: not back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn a_closed_port_is_named_and_an_open_one_found_again() {
    let server = FakeServer::start(mesh(2.0)).await;
    let source = source(&server);
    assert_eq!(rate(&source).await, Ok(2.0));
    server.close();
    let error = rate(&source).await.unwrap_err();
    assert!(error.contains("no connection"), "{error}");
    server.open().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rate(&source).await, Ok(2.0));
}

#[tokio::test]
async fn a_store_without_the_mesh_is_blind_not_quiet() {
    let empty = Behaviour::Answer(Arc::new(|_| vector(&[])));
    let server = FakeServer::start(empty).await;
    let error = rate(&source(&server)).await.unwrap_err();
    assert!(error.contains("does it scrape the mesh's proxies?"), "{error}");
    let one_scrape = Behaviour::Answer(Arc::new(|request| {
        if request.contains("last_over_time") {
            body(request, 5.0)
        } else {
            vector(&[])
        }
    }));
    server.set(one_scrape);
    let error = rate(&source(&server)).await.unwrap_err();
    assert!(error.contains("1m holds one scrape only"), "{error}");
}
