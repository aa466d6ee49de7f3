use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;

/// A server that answers each connection with this text after `pause`, and closes it.
async fn server(answer: String, pause: Duration) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let most = Arc::new(AtomicUsize::new(0));
    let count = most.clone();
    tokio::spawn(async move {
        let now = Arc::new(AtomicUsize::new(0));
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (answer, now, most) = (answer.clone(), now.clone(), count.clone());
            tokio::spawn(async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                tokio::time::sleep(pause).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                now.fetch_sub(1, SeqCst);
            });
        }
    });
    (url, most)
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn client(url: Url) -> Outbound {
    Outbound::new(OutboundSettings {
        deadline: Duration::from_millis(300),
        body: 1000,
        ..OutboundSettings::new("test", url)
    })
    .unwrap()
}

async fn ask(answer: String) -> Result<Bytes, OutboundError> {
    let (url, _) = server(answer, Duration::ZERO).await;
    client(url).fetch(Call::get("x")).await
}

#[tokio::test]
async fn an_answer_comes_whole() {
    assert_eq!(ask(http("200 OK", "hello")).await, Ok(Bytes::from("hello")));
}

#[tokio::test]
async fn what_is_no_answer_says_why() {
    let large = "x".repeat(1001);
    let cases = [
        (http("200 OK", &large), "larger than"),
        (
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{large}"),
            "larger than",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned(),
            "broke off",
        ),
        (http("403 Forbidden", "<html>"), "it answers 403: Forbidden"),
        (http("503 Service Unavailable", "busy"), "it answers 503: busy"),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "169.254",
        ),
        ("rubbish\r\n\r\n".to_owned(), "no connection"),
    ];
    for (answer, expect) in cases {
        let error = ask(answer).await.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}, not {expect}");
    }
}

#[tokio::test]
async fn a_source_that_hangs_ends_at_the_deadline_and_is_then_left_alone() {
    let (url, _) = server(String::new(), Duration::from_secs(60)).await;
    let client = client(url);
    for _ in 0..3 {
        let error = client.fetch(Call::get("x")).await.unwrap_err();
        assert_eq!(error, OutboundError::TimedOut(Duration::from_millis(300)));
    }
    let error = client.fetch(Call::get("x")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Resting { .. }), "{error}");
    assert_eq!(client.in_flight(), 0);
}

#[tokio::test]
async fn a_group_of_questions_goes_on_together_when_the_source_is_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let client = client(format!("http://{address}/").parse().unwrap());
    for _ in 0..3 {
        let error = client.fetch(Call::get("x")).await.unwrap_err();
        assert!(matches!(error, OutboundError::Connect(_)), "{error}");
    }
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(http("200 OK", "x").as_bytes()).await;
        }
    });
    tokio::time::sleep(Duration::from_millis(550)).await;
    let calls = (0..8).map(|_| client.fetch(Call::get("x")));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn no_more_than_twenty_requests_are_under_way() {
    let (url, most) = server(http("200 OK", "x"), Duration::from_millis(20)).await;
    let client = Outbound::new(OutboundSettings {
        in_flight: 1000,
        ..OutboundSettings::new("test", url)
    })
    .unwrap();
    let calls = (0..60).map(|_| client.fetch(Call::get("x")));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(Result::is_ok));
    assert!((2..=MAX_IN_FLIGHT).contains(&most.load(SeqCst)), "{most:?}");
}

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_refused_unless_allowed() {
    let (url, _) = server(http("200 OK", "x"), Duration::ZERO).await;
    let named: Url = format!("http://localhost:{}/", url.port().unwrap())
        .parse()
        .unwrap();
    let with = |allow| {
        Outbound::new(OutboundSettings {
            allow,
            ..OutboundSettings::new("test", named.clone())
        })
        .unwrap()
    };
    let private = AllowRule::parse(["private"]).unwrap();
    let error = with(private).fetch(Call::get("x")).await.unwrap_err().to_string();
    assert!(
        error.contains("not among the allowed addresses (private)"),
        "{error}"
    );
    assert!(with(AllowRule::loopback()).fetch(Call::get("x")).await.is_ok());
    let literal = OutboundSettings {
        allow: AllowRule::parse(["public"]).unwrap(),
        ..OutboundSettings::new("test", url)
    };
    assert!(matches!(Outbound::new(literal), Err(SettingsError::Address(_))));
}

#[test]
fn addresses_that_cannot_be_used_are_refused_at_the_start() {
    for (url, expect) in [
        ("ftp://h/", "http://HOST"),
        ("http://me:secret@h/", "name a file"),
        ("http://169.254.169.254/", "169.254.169.254 is not among"),
    ] {
        let error = Outbound::new(OutboundSettings::new("test", url.parse().unwrap())).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
}
