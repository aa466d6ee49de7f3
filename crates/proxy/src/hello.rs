//! A look at the first bytes of a connection, which stay where they are.

use std::time::Duration;

use rustls::server::Acceptor;
use tokio::net::TcpStream;

/// Callers that wait for the server to speak first send nothing; after this they count as plain text.
const LIMIT: Duration = Duration::from_secs(5);
/// First byte of a TLS record that holds a handshake.
const TLS_HANDSHAKE: u8 = 0x16;
/// Largest hello that is looked into: one TLS record.
const MAX_HELLO: usize = 16 << 10;

/// What the first bytes tell.
#[derive(Debug, Default)]
pub(crate) struct Hello {
    /// They are a TLS hello.
    pub(crate) tls: bool,
    /// The name in it, when it was asked for and is there.
    pub(crate) server_name: Option<String>,
}

/// Waits for the first bytes; `None` when the caller left without any.
pub(crate) async fn look(stream: &TcpStream, needs_name: bool) -> Option<Hello> {
    let mut first = [0];
    let tls = match tokio::time::timeout(LIMIT, stream.peek(&mut first)).await {
        Ok(Ok(0) | Err(_)) => return None,
        Ok(Ok(_)) => first[0] == TLS_HANDSHAKE,
        Err(_) => false,
    };
    let server_name = if tls && needs_name {
        let named = tokio::time::timeout(LIMIT, server_name(stream)).await;
        named.unwrap_or(None)
    } else {
        None
    };
    Some(Hello { tls, server_name })
}

async fn server_name(stream: &TcpStream) -> Option<String> {
    let mut bytes = vec![0; MAX_HELLO];
    let mut seen = 0;
    loop {
        let length = stream.peek(&mut bytes).await.ok()?;
        if length == seen {
            // Peeking does not wait for more than there is.
            tokio::time::sleep(Duration::from_millis(2)).await;
            continue;
        }
        seen = length;
        let mut acceptor = Acceptor::default();
        acceptor.read_tls(&mut &bytes[..length]).ok()?;
        match acceptor.accept() {
            Ok(Some(accepted)) => return accepted.client_hello().server_name().map(str::to_owned),
            Ok(None) if length < MAX_HELLO => (),
            Ok(None) | Err(_) => return None,
        }
    }
}
