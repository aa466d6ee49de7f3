//! Bounds, ejection, outside hosts, TLS origination, TCP rules, authorization, tracing.

use super::*;

/// The lines of a sidecar's plan that start with one of these words, with what belongs to them, and the problems.
pub(super) fn part(yaml: &str, instance: &str, starts: &[&str]) -> String {
    part_with(yaml, instance, starts, &Settings::default())
}

fn part_with(yaml: &str, instance: &str, starts: &[&str], settings: &Settings) -> String {
    let mesh = Mesh::bookinfo().with_yaml(yaml).snapshot();
    let namespace = if instance.contains("gateway") {
        "istio-system"
    } else {
        "bookinfo"
    };
    let compiled = compile_with(
        &mesh,
        &proxy(namespace, instance),
        settings,
        &mut Parts::default(),
    )
    .unwrap();
    let mut kept = Vec::new();
    let mut keeps = false;
    for line in outline(&compiled.plan).lines() {
        if !line.starts_with(' ') {
            keeps = starts.iter().any(|start| line.starts_with(start));
        }
        if keeps {
            kept.push(line.to_owned());
        }
    }
    kept.extend(compiled.problems.iter().map(|problem| {
        let place = problem.origin.location.as_ref().unwrap();
        format!("! {} {place}: {}", problem.origin.path, problem.message)
    }));
    kept.join("\n")
}

#[test]
fn pools_and_outliers_come_from_the_narrowest_policy_as_a_whole() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 100, connectTimeout: 3s, tcpKeepalive: {time: 60s}}
      http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRetries: 3, maxRequestsPerConnection: 4}
    outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, interval: 1s, maxEjectionPercent: 100}
  subsets:
  - name: v1
    labels: {version: v1}
    trafficPolicy:
      connectionPool: {http: {h2UpgradePolicy: UPGRADE}}
  - name: v2
    labels: {version: v2}
    trafficPolicy:
      portLevelSettings:
      - port: {number: 9080}
        outlierDetection: {}
";
    insta::assert_snapshot!(part(
        rule,
        "productpage-v1-0",
        &[
            "cluster outbound|9080||reviews",
            "cluster outbound|9080|v1|reviews",
            "cluster outbound|9080|v2|reviews"
        ]
    ));
}

#[test]
fn calls_to_unknown_hosts_pass_unless_the_sidecar_says_otherwise() {
    let last = |yaml: &str| {
        let text = part(
            yaml,
            "productpage-v1-0",
            &["allow_any", "block_all", "cluster Pass"],
        );
        text.lines().take(3).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(last(""), @r"
    allow_any
      for *
      * -> 100 PassthroughCluster, no retry
    ");
    insta::assert_snapshot!(last("
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: bookinfo}
spec:
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
"), @r#"
    block_all
      for *
      * -> respond 502 "" # Sidecar bookinfo/default spec.outboundTrafficPolicy.mode (test.yaml:6:33)
    "#);
}

#[test]
fn an_outside_host_is_called_by_the_tls_that_its_rule_asks_for() {
    let yaml = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: books, namespace: bookinfo}
spec:
  hosts: [books.example]
  addresses: [192.0.2.1]
  location: MESH_EXTERNAL
  resolution: DNS
  ports:
  - {number: 80, name: http, protocol: HTTP, targetPort: 443}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: books, namespace: bookinfo}
spec:
  host: books.example
  trafficPolicy:
    portLevelSettings:
    - port: {number: 80}
      tls: {mode: MUTUAL, caCertificates: /certs/ca.pem, clientCertificate: /certs/me.pem, privateKey: /certs/me.key}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: fixed, namespace: bookinfo}
spec:
  hosts: [fixed.example, '*.wild.example']
  resolution: STATIC
  ports: [{number: 7070, name: tcp, protocol: TCP}]
  workloadSelector: {labels: {app: fixed}}
  endpoints: [{address: 127.0.0.9}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: more, namespace: bookinfo}
spec: {address: 127.0.0.10, labels: {app: fixed}, ports: {tcp: 7071}, serviceAccount: fixed}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wild, namespace: bookinfo}
spec:
  hosts: ['*.none.example']
  ports: [{number: 80, name: http, protocol: HTTP}]
";
    insta::assert_snapshot!(part(
        yaml,
        "productpage-v1-0",
        &[
            "cluster outbound|80||books",
            "cluster outbound|7070||fixed",
            "books.example",
            "listener outbound|7070"
        ]
    ));
}

#[test]
fn an_egress_gateway_takes_calls_of_an_outside_host_and_starts_tls() {
    let yaml = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: books, namespace: bookinfo}
spec:
  hosts: [books.example]
  resolution: DNS
  ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: https-for-egress, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 8081, name: http, protocol: HTTP}, hosts: [books.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: books, namespace: bookinfo}
spec:
  hosts: [books.example]
  gateways: [mesh, egress]
  http:
  - match: [{gateways: [mesh], port: 80}]
    route: [{destination: {host: istio-ingressgateway.istio-system.svc.cluster.local, port: {number: 80}}}]
  - match: [{gateways: [egress], port: 8081}]
    route: [{destination: {host: books.example, port: {number: 443}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: books, namespace: bookinfo}
spec:
  host: books.example
  trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: SIMPLE, credentialName: books}}]}
";
    let sidecar = part(yaml, "productpage-v1-0", &["books.example"]);
    let gateway = part(
        yaml,
        "istio-ingressgateway-0",
        &["books.example", "cluster outbound|443||books"],
    );
    insta::assert_snapshot!(format!("{sidecar}\n-- gateway --\n{gateway}"));
}

#[test]
fn connections_are_dealt_out_by_weight_and_an_address_each_tells_services_apart() {
    let yaml = "
apiVersion: v1
kind: Service
metadata: {name: mongo, namespace: bookinfo}
spec: {selector: {app: ratings}, ports: [{port: 27017, name: tcp}]}
---
apiVersion: v1
kind: Service
metadata: {name: queue, namespace: bookinfo}
spec: {selector: {app: details}, ports: [{port: 27017, name: tcp}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: mongo, namespace: bookinfo}
spec:
  hosts: [mongo]
  tcp:
  - match: [{sourceLabels: {app: nobody}}]
    route: [{destination: {host: queue}}]
  - route:
    - {destination: {host: mongo}, weight: 80}
    - {destination: {host: queue}, weight: 20}
";
    let mesh = Mesh::bookinfo().with_yaml(yaml).snapshot();
    let mut instances = mesh.instances().to_vec();
    for instance in &mut instances {
        if let Some(capture) = &mut instance.sidecar
            && !capture.app.is_empty()
        {
            for (host, last) in [("mongo", 50), ("queue", 51)] {
                let host = vigla_model::Fqdn::of_service(host, "bookinfo", "cluster.local");
                capture
                    .services
                    .insert((host, 27017), ([127, 64, 9, last], 27017).into());
            }
        }
    }
    let mesh = Snapshot::build(mesh.objects().to_vec(), instances, mesh.settings().clone());
    let compiled = compile_with(
        &mesh,
        &proxy("bookinfo", "productpage-v1-0"),
        &Settings::default(),
        &mut Parts::default(),
    )
    .unwrap();
    let text = outline(&compiled.plan);
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("listener outbound|27017|"));
    let shown: Vec<&str> = lines.take(4).collect();
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(compiled.problems, []);
}

const POLICIES: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: reviews, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: reviews}}
  rules:
  - from:
    - source: {principals: [cluster.local/ns/bookinfo/sa/bookinfo-productpage], notNamespaces: [batch]}
    - source: {ipBlocks: [10.0.0.0/8]}
    to:
    - operation: {methods: [GET], paths: [/reviews/*], notPorts: ['80']}
    when:
    - {key: 'request.headers[X-Team]', values: [blue, 're*'], notValues: [red]}
    - {key: connection.sni, values: ['*.example']}
  - from: [{source: {requestPrincipals: ['*']}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: istio-system}
spec:
  action: DENY
  rules:
  - to: [{operation: {paths: [/admin], ports: ['9080', '81']}}]
  - from: [{source: {requestPrincipals: [evil/*], serviceAccounts: [legacy/old]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: bookinfo}
spec:
  selector: {matchLabels: {app: details}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: log, namespace: bookinfo}
spec: {action: AUDIT, rules: [{}]}
";

#[test]
fn policies_become_rules_of_inbound_chains_and_fail_closed() {
    let reviews = part(POLICIES, "reviews-v1-0", &["listener inbound"]);
    let details = part(POLICIES, "details-v1-0", &["listener inbound"]);
    insta::assert_snapshot!(format!("{reviews}\n\n{details}"));
}

#[test]
fn where_only_bytes_are_seen_allow_never_matches_requests_and_deny_ignores_them() {
    let tcp = "
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: bookinfo}
spec: {selector: {app: reviews}, ports: [{port: 9080, name: tcp}]}
";
    let text = part(&format!("{POLICIES}{tcp}"), "reviews-v1-0", &["listener inbound"]);
    let rules: Vec<&str> = text.lines().filter(|line| line.starts_with("    ")).collect();
    insta::assert_snapshot!(rules[..rules.len() / 2].join("\n"));
}

#[test]
fn spans_are_made_where_settings_say_and_as_often_as_telemetry_says() {
    let yaml = "
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: mesh, namespace: istio-system}
spec: {tracing: [{randomSamplingPercentage: 12.5}]}
";
    let settings = Settings {
        tracing: Some(TracingSettings {
            collector: ([127, 0, 0, 1], 4317).into(),
            sampling: 1_000_000,
        }),
    };
    let starts = ["listener inbound", "cluster otlp"];
    let text = part_with(yaml, "reviews-v1-0", &starts, &settings);
    insta::assert_snapshot!(text);
    let all = part_with("", "reviews-v1-0", &starts, &settings);
    assert!(
        all.contains("spans of reviews.bookinfo for 100 % to 127.0.0.1:4317"),
        "{all}"
    );
    assert!(!part("", "reviews-v1-0", &starts).contains("spans"));
}
