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
    read(MeshQuery::Requests, text, usize::MAX).map(Table::finish)
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
    let table = read(MeshQuery::Requests, &text, usize::MAX).unwrap();
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
async fn a_window_takes_eight_queries_however_many_ask() {
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
