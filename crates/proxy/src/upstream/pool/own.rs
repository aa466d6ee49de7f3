//! HTTP/1.1 connections, each for one request at a time.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Instant,
};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::sync::Notify;

use super::{Connection, Sender};
use crate::{
    config::ClusterConfig,
    upstream::{
        breaker::{Bound, Permit},
        connect::{ConnectError, Opened},
    },
};

/// Idle connections that are kept for one endpoint. More than these come from a burst and are closed.
const MAX_IDLE: usize = 128;

#[derive(Default)]
pub(in crate::upstream) struct OwnPool {
    idle: RefCell<Vec<Connection>>,
    /// Tells of connections that became idle or ended, to requests that may open none.
    freed: Rc<Freed>,
}

#[derive(Default)]
struct Freed {
    open: Cell<u32>,
    notify: Notify,
}

impl OwnPool {
    pub(super) async fn connection(
        &self,
        cluster: &ClusterConfig,
        open: impl Future<Output = Result<Opened, ConnectError>>,
    ) -> Result<Connection, ConnectError> {
        if let Some(connection) = self.idle().await {
            return Ok(connection);
        }
        let _pending = cluster.acquire(Bound::Pending).ok_or(ConnectError::Overflow)?;
        let permit = loop {
            match cluster.may_open(|| self.freed.open.get() == 0) {
                Some(permit) => break permit,
                None => self.freed.notify.notified().await,
            }
            if let Some(connection) = self.idle().await {
                return Ok(connection);
            }
        };
        let counted = Counted::new(&self.freed, permit);
        let (stream, local_address) = open.await?;
        let (sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| ConnectError::Failed(error.to_string()))?;
        tokio::task::spawn_local(async move {
            // An error here shows at the request that it hits; without one nobody needs to know.
            let _ = connection.await;
            drop(counted);
        });
        Ok(Connection {
            sender: Sender::Http1(sender),
            local_address,
            idle_since: Instant::now(),
            reused: false,
            left: cluster.requests_of_connection().map(|most| most - 1),
        })
    }

    async fn idle(&self) -> Option<Connection> {
        loop {
            // Its own statement, so that the borrow does not last over the wait.
            let popped = self.idle.borrow_mut().pop();
            let mut connection = popped?;
            let Sender::Http1(sender) = &mut connection.sender else {
                continue;
            };
            if sender.is_closed() {
                continue;
            }
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }

    pub(super) fn give_back(&self, mut connection: Connection) {
        let Sender::Http1(sender) = &connection.sender else {
            return;
        };
        let mut idle = self.idle.borrow_mut();
        if !sender.is_closed() && idle.len() < MAX_IDLE && connection.left != Some(0) {
            connection.left = connection.left.map(|left| left - 1);
            connection.idle_since = Instant::now();
            connection.reused = true;
            idle.push(connection);
            self.freed.notify.notify_one();
        }
    }

    pub(super) fn close_idle(&self, is_old: impl Fn(Instant) -> bool) {
        self.idle.borrow_mut().retain(|connection| {
            matches!(&connection.sender, Sender::Http1(sender) if !sender.is_closed())
                && !is_old(connection.idle_since)
        });
    }
}

/// One connection more to an endpoint, until it is dropped.
struct Counted {
    freed: Rc<Freed>,
    _permit: Permit,
}

impl Counted {
    fn new(freed: &Rc<Freed>, permit: Permit) -> Self {
        freed.open.set(freed.open.get() + 1);
        Self {
            freed: Rc::clone(freed),
            _permit: permit,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.freed.open.set(self.freed.open.get() - 1);
        self.freed.notify.notify_one();
    }
}
