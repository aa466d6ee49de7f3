//! An API server that speaks lists and watches as recordings of a real one show them, and misbehaves on demand.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{Request, Response, body::Frame, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::JoinSet,
};

use crate::kinds::{KINDS, Kind};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// How it takes watches that begin with everything.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Streaming {
    Works,
    /// As API servers before 1.27.
    Refused,
    /// As a new API server over an old etcd.
    ErrorEvent,
}

/// How it says that a version is too old.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Expiry {
    Status,
    Event,
}

#[derive(Clone)]
pub(super) struct Fake {
    state: Arc<Mutex<State>>,
    pub(super) url: String,
}

pub(super) struct State {
    pub(super) streaming: Streaming,
    pub(super) expiry: Expiry,
    /// Kinds that it does not know.
    pub(super) absent: BTreeSet<&'static str>,
    /// Kinds that it does not show.
    pub(super) forbidden: BTreeSet<&'static str>,
    /// Answers everything with this status and text.
    pub(super) broken: Option<(u16, &'static str)>,
    /// How many more pages expire.
    pub(super) expiring_pages: usize,
    /// Paths with queries, in order.
    pub(super) asked: Vec<String>,
    /// Watches begin at this version or later.
    oldest: u64,
    version: u64,
    objects: BTreeMap<(&'static str, String), Value>,
    /// Version, plural, line.
    log: Vec<(u64, &'static str, String)>,
    watches: Vec<(&'static str, UnboundedSender<Bytes>)>,
}

/// Objects in a page.
const PAGE: usize = 2;

fn plural(kind: &str) -> &'static str {
    // Gateways of Istio and of the Gateway API share the word; tests use the first.
    KINDS.iter().find(|known| known.kind == kind).unwrap().plural
}

impl Fake {
    pub(super) async fn start(tasks: &mut JoinSet<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let fake = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            state: Arc::new(Mutex::new(State {
                streaming: Streaming::Works,
                expiry: Expiry::Status,
                absent: BTreeSet::new(),
                forbidden: BTreeSet::new(),
                broken: None,
                expiring_pages: 0,
                asked: Vec::new(),
                oldest: 0,
                version: 100,
                objects: BTreeMap::new(),
                log: Vec::new(),
                watches: Vec::new(),
            })),
        };
        let served = fake.clone();
        tasks.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let fake = served.clone();
                tokio::spawn(http1::Builder::new().serve_connection(
                    TokioIo::new(stream),
                    service_fn(move |request| {
                        let response = fake.answer(&request);
                        async move { Ok::<_, Infallible>(response) }
                    }),
                ));
            }
        });
        fake
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Creates or changes an object.
    pub(super) fn put(&self, object: Value) {
        self.lock().change(object, false, true);
    }

    pub(super) fn remove(&self, object: Value) {
        self.lock().change(object, true, true);
    }

    /// Changes an object while nobody is told.
    pub(super) fn put_unseen(&self, object: Value) {
        self.lock().change(object, false, false);
    }

    /// Says something on the watches of a kind. Gives how many heard it.
    pub(super) fn say(&self, kind: &str, line: &str) -> usize {
        let plural = plural(kind);
        let mut heard = 0;
        for (_, watch) in self
            .lock()
            .watches
            .iter()
            .filter(|(watched, _)| *watched == plural)
        {
            heard += usize::from(watch.send(format!("{line}\n").into()).is_ok());
        }
        heard
    }

    /// Ends all watches.
    pub(super) fn close(&self) {
        self.lock().watches.clear();
    }

    /// Ends all watches, and forgets what they could go on from.
    pub(super) fn expire(&self) {
        let mut state = self.lock();
        state.version += 1;
        state.oldest = state.version;
        state.watches.clear();
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Body> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        let mut state = self.lock();
        state.asked.push(request.uri().to_string());
        if let Some((status, text)) = state.broken {
            return response(status, text.to_owned());
        }
        if path == "/apis" {
            return state.groups();
        }
        let known = |kind: &&Kind| {
            kind.versions
                .iter()
                .any(|version| kind.path(version, None) == path)
        };
        if let Some(kind) = KINDS.iter().find(known) {
            return state.objects(kind, query);
        }
        let in_group = |kind: &&Kind| path == format!("/apis/{}/v1", kind.group);
        let resources: Vec<Value> = KINDS
            .iter()
            .filter(in_group)
            .filter(|kind| kind.versions.contains(&"v1") && !state.absent.contains(kind.plural))
            .map(|kind| json!({"name": kind.plural}))
            .collect();
        response(200, json!({"resources": resources}).to_string())
    }
}

fn response(status: u16, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code})
}

fn refuse(code: u16, reason: &str, message: &str) -> Response<Body> {
    response(code, refusal(code, reason, message).to_string())
}

fn event(kind: &str, object: &Value) -> String {
    json!({"type": kind, "object": object}).to_string() + "\n"
}

impl State {
    /// Versions go on from here.
    pub(super) fn version_of_next_is(&mut self, version: u64) {
        self.version = version;
    }

    fn groups(&self) -> Response<Body> {
        let groups: BTreeSet<&str> = KINDS
            .iter()
            .filter(|kind| !kind.group.is_empty() && !self.absent.contains(kind.plural))
            .map(|kind| kind.group)
            .collect();
        let groups: Vec<Value> = groups
            .into_iter()
            .map(|name| json!({"name": name, "versions": [{"groupVersion": format!("{name}/v1"), "version": "v1"}]}))
            .collect();
        response(200, json!({"kind": "APIGroupList", "groups": groups}).to_string())
    }

    fn change(&mut self, mut object: Value, gone: bool, told: bool) {
        self.version += 1;
        let kind = object["kind"].as_str().unwrap().to_owned();
        let plural = plural(&kind);
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        object["metadata"]["managedFields"] =
            json!([{"manager": "x".repeat(100), "fieldsV1": {"f:spec": {}}}]);
        let name = format!(
            "{}/{}",
            object["metadata"]["namespace"], object["metadata"]["name"]
        );
        let line = if gone {
            self.objects.remove(&(plural, name));
            event("DELETED", &object)
        } else {
            let kind = if self.objects.insert((plural, name), object.clone()).is_none() {
                "ADDED"
            } else {
                "MODIFIED"
            };
            event(kind, &object)
        };
        self.log.push((self.version, plural, line.clone()));
        if told {
            for (_, watch) in self.watches.iter().filter(|(watched, _)| *watched == plural) {
                let _ = watch.send(line.clone().into());
            }
        }
    }

    fn objects(&mut self, kind: &'static Kind, query: &str) -> Response<Body> {
        if self.absent.contains(kind.plural) {
            return response(404, "404 page not found\n".to_owned());
        }
        if self.forbidden.contains(kind.plural) {
            let message = format!(
                "{} is forbidden: User \"viewer\" cannot list resource",
                kind.resource()
            );
            return refuse(403, "Forbidden", &message);
        }
        let asked: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        if asked.contains_key("watch") {
            self.watch(kind, &asked)
        } else {
            self.list(kind, &asked)
        }
    }

    fn list(&mut self, kind: &Kind, asked: &BTreeMap<&str, &str>) -> Response<Body> {
        let from: usize = asked.get("continue").map_or(0, |from| from.parse().unwrap());
        if from > 0 && self.expiring_pages > 0 {
            self.expiring_pages -= 1;
            return refuse(410, "Expired", "The provided continue parameter is too old");
        }
        let size = if asked.contains_key("limit") {
            PAGE
        } else {
            usize::MAX
        };
        let mut all = self
            .objects
            .iter()
            .filter(|((plural, _), _)| *plural == kind.plural)
            .skip(from);
        let items: Vec<Value> = all
            .by_ref()
            .take(size)
            .map(|(_, object)| {
                // As in lists of built-in kinds.
                let mut item = object.clone();
                let fields = item.as_object_mut().unwrap();
                fields.remove("kind");
                fields.remove("apiVersion");
                item
            })
            .collect();
        let more = if all.next().is_some() {
            (from + PAGE).to_string()
        } else {
            String::new()
        };
        let list = json!({"kind": format!("{}List", kind.kind), "metadata": {"resourceVersion": self.version.to_string(), "continue": more}, "items": items});
        response(200, list.to_string())
    }

    fn watch(&mut self, kind: &'static Kind, asked: &BTreeMap<&str, &str>) -> Response<Body> {
        let (sender, receiver) = unbounded_channel::<Bytes>();
        if asked.contains_key("sendInitialEvents") {
            match self.streaming {
                Streaming::Works => (),
                Streaming::Refused => {
                    let message = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch";
                    return refuse(422, "Invalid", message);
                }
                Streaming::ErrorEvent => {
                    let status = refusal(
                        500,
                        "",
                        "the required storage feature RequestWatchProgress is disabled",
                    );
                    return response(200, event("ERROR", &status));
                }
            }
            for (_, object) in self
                .objects
                .iter()
                .filter(|((plural, _), _)| *plural == kind.plural)
            {
                sender.send(event("ADDED", object).into()).unwrap();
            }
            let mark = json!({"kind": kind.kind, "metadata": {"resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}}});
            sender.send(event("BOOKMARK", &mark).into()).unwrap();
        } else {
            let from: u64 = asked["resourceVersion"].parse().unwrap();
            if from < self.oldest {
                let message = format!("too old resource version: {from} ({})", self.oldest);
                return match self.expiry {
                    Expiry::Status => refuse(410, "Expired", &message),
                    Expiry::Event => response(200, event("ERROR", &refusal(410, "Expired", &message))),
                };
            }
            let since = self
                .log
                .iter()
                .filter(|(version, plural, _)| *version > from && *plural == kind.plural);
            for (_, _, line) in since {
                sender.send(line.clone().into()).unwrap();
            }
        }
        self.watches.push((kind.plural, sender));
        let frames = stream::unfold(receiver, |mut receiver| async move {
            let bytes = receiver.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), receiver))
        });
        Response::new(StreamBody::new(frames).boxed_unsync())
    }
}
