//! The client against a real stream of the server's side, and against a server that does things wrong.

use std::time::Duration;

use envoy_types::pb::google::protobuf::Any;
use prost::Message;

use vigla_dataplane::{ROOTS_SECRET, WORKLOAD_SECRET};

use super::*;
use crate::{
    EncodeOptions, Resources, encode, encode_secret, sample,
    server::{Event, Push, Request, Stream},
};

fn resources(plan: &Plan) -> Arc<Resources> {
    let mut resources = encode(plan, EncodeOptions::default());
    let certificate = Secret::Certificate {
        chain_pem: "chain".to_owned(),
        key_pem: "key".to_owned().into(),
    };
    let roots = Secret::Roots {
        pem: "roots".to_owned(),
    };
    let secrets = resources.of_mut(ResourceKind::Secret);
    secrets.insert(encode_secret(WORKLOAD_SECRET, &certificate));
    secrets.insert(encode_secret(ROOTS_SECRET, &roots));
    Arc::new(resources)
}

fn request(message: &DiscoveryRequest) -> Request {
    Request {
        kind: ResourceKind::find_type_url(&message.type_url).unwrap(),
        version: message.version_info.as_str().into(),
        nonce: message.response_nonce.as_str().into(),
        names: message
            .resource_names
            .iter()
            .map(|name| name.as_str().into())
            .collect(),
        error: message
            .error_detail
            .as_ref()
            .map(|error| error.message.as_str().into()),
    }
}

fn response(push: &Push) -> DiscoveryResponse {
    DiscoveryResponse {
        version_info: push.version.to_string(),
        type_url: push.kind.type_url().to_owned(),
        nonce: push.nonce.to_string(),
        resources: push
            .resources
            .iter()
            .map(|part| Any::decode(part.any()).unwrap())
            .collect(),
        ..DiscoveryResponse::default()
    }
}

/// Lets both ends talk until both are silent; gives the kinds that were pushed.
fn talk(client: &mut Client, stream: &mut Stream, mut requests: Vec<DiscoveryRequest>) -> Vec<ResourceKind> {
    let mut pushed = Vec::new();
    loop {
        for message in requests.drain(..) {
            let event = stream.receive(request(&message), Duration::ZERO);
            assert!(!matches!(event, Event::Refused { .. }), "{event:?}");
        }
        let Some(push) = stream.poll(Duration::ZERO) else {
            return pushed;
        };
        pushed.push(push.kind);
        requests = client.receive(response(&push)).requests;
    }
}

fn connected(plan: &Plan) -> (Client, Stream) {
    let mut client = Client::new("reviews-v1-0", "vigla-proxy/0.1.0");
    let mut stream = Stream::new(resources(plan), Duration::ZERO);
    let hello = client.connect();
    assert!(hello[0].node.is_some() && !client.is_ready());
    talk(&mut client, &mut stream, hello);
    (client, stream)
}

#[test]
fn a_client_ends_with_the_servers_plan() {
    let plan = sample::plan(9080);
    let (client, stream) = connected(&plan);
    assert!(client.is_ready() && stream.is_in_sync());
    assert_eq!(*client.plan(), plan);
    assert!(matches!(client.secrets()[ROOTS_SECRET], Secret::Roots { .. }));
}

#[test]
fn changes_arrive_and_removed_parts_go() {
    let mut plan = sample::plan(9080);
    let (mut client, mut stream) = connected(&plan);
    let gone: Arc<str> = format!("outbound|9080|v2|{}", sample::REVIEWS).into();
    plan.clusters.remove(&gone);
    plan.endpoints.remove(&gone);
    plan.listeners.remove("gateway|80");
    plan.route_tables.remove("http.80");
    stream.set_target(resources(&plan), Duration::ZERO);
    talk(&mut client, &mut stream, Vec::new());
    assert_eq!(*client.plan(), plan);
    assert!(stream.is_in_sync());
}

#[test]
fn a_reconnect_transfers_nothing_that_is_known() {
    let plan = sample::plan(9080);
    let (mut client, _) = connected(&plan);
    let mut stream = Stream::new(resources(&plan), Duration::ZERO);
    let hello = client.connect();
    assert!(client.is_ready(), "what was in force stays in force");
    assert_eq!(talk(&mut client, &mut stream, hello), []);
    assert!(stream.is_in_sync());
}

#[test]
fn a_listener_waits_for_its_routes_and_secrets() {
    let plan = sample::plan(9080);
    let all = resources(&plan);
    let mut client = Client::new("x", "test");
    client.connect();
    let push = |kind: ResourceKind| {
        response(&Push {
            kind,
            version: "1".into(),
            nonce: "1".into(),
            resources: all.of(kind).iter().cloned().collect(),
        })
    };
    let step = client.receive(push(ResourceKind::Listener));
    let asked: Vec<_> = step.requests.iter().map(|message| &*message.type_url).collect();
    let kinds = [
        ResourceKind::Listener,
        ResourceKind::RouteTable,
        ResourceKind::Secret,
    ];
    assert_eq!(asked, kinds.map(ResourceKind::type_url));
    let names = |client: &Client| -> Vec<Arc<str>> { client.plan().listeners.keys().cloned().collect() };
    assert_eq!(names(&client), ["outbound|27017"].map(Arc::from));
    client.receive(push(ResourceKind::RouteTable));
    assert_eq!(
        names(&client),
        ["gateway|80", "outbound|27017", "outbound|9080"].map(Arc::from)
    );
    client.receive(push(ResourceKind::Secret));
    assert_eq!(client.plan().listeners, plan.listeners);
    assert!(!client.is_ready(), "clusters have not come");
    client.receive(push(ResourceKind::Cluster));
    assert!(!client.is_ready(), "endpoints have not come");
    client.receive(push(ResourceKind::Endpoints));
    assert!(client.is_ready());
}

#[test]
fn what_cannot_be_used_is_refused_as_a_whole_and_changes_nothing() {
    let plan = sample::plan(9080);
    let (mut client, mut stream) = connected(&plan);
    let before = client.version(ResourceKind::RouteTable).unwrap().to_owned();
    let mut other = plan.clone();
    let table = Arc::make_mut(other.route_tables.get_mut("9080").unwrap());
    table.virtual_hosts[0].name = "other".into();
    stream.set_target(resources(&other), Duration::ZERO);
    let mut answer = response(&stream.poll(Duration::ZERO).unwrap());
    answer.resources[0]
        .value
        .extend_from_slice(&[0xFA, 0x3F, 0x01, b'x']);
    let step = client.receive(answer.clone());
    assert!(!step.changed);
    let [refusal] = step.requests.as_slice() else {
        panic!("{:?}", step.requests)
    };
    assert_eq!(refusal.version_info, before);
    assert_eq!(refusal.response_nonce, answer.nonce);
    let text = &refusal.error_detail.as_ref().unwrap().message;
    assert!(text.contains("does not know"), "{text}");
    assert_eq!(client.refusal(ResourceKind::RouteTable), Some(text.as_str()));
    assert_eq!(*client.plan(), plan);
    let event = stream.receive(request(refusal), Duration::ZERO);
    assert!(matches!(event, Event::Refused { .. }), "{event:?}");
}

#[test]
fn a_resource_under_the_wrong_type_is_refused() {
    let plan = sample::plan(9080);
    let (mut client, _) = connected(&plan);
    let all = resources(&plan);
    let mut answer = response(&Push {
        kind: ResourceKind::Cluster,
        version: "x".into(),
        nonce: "x".into(),
        resources: all.of(ResourceKind::Listener).iter().cloned().collect(),
    });
    let step = client.receive(answer.clone());
    assert!(step.requests[0].error_detail.is_some());
    answer.type_url = "type.googleapis.com/unknown".to_owned();
    assert!(client.receive(answer).requests.is_empty());
    assert_eq!(*client.plan(), plan);
}
