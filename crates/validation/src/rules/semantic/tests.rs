//! One row for each condition: kind, spec, and the reasons that are told, with `~` before a warning.

use vigla_config::MeshSettings;
use vigla_model::Timestamp;

use crate::{Severity, Text, validate};

fn reasons(kind: &str, spec: &str) -> String {
    let group = match kind {
        "AuthorizationPolicy" | "PeerAuthentication" | "RequestAuthentication" => "security.istio.io",
        _ => "networking.istio.io",
    };
    let text =
        format!("apiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\nspec: {spec}\n");
    let texts = [Text {
        file: "-",
        text: &text,
    }];
    let report = validate(&texts, MeshSettings::default(), Timestamp(0));
    let mut found: Vec<String> = report
        .findings
        .iter()
        .filter_map(|finding| {
            let mark = if finding.severity == Severity::Warning {
                "~"
            } else {
                ""
            };
            Some(format!("{mark}{}", finding.reason?))
        })
        .collect();
    found.sort();
    found.dedup();
    found.join(" ")
}

fn check(kind: &str, rows: &[(&str, &str)]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(spec, expected)| (spec, *expected, reasons(kind, spec)))
        .filter(|(_, expected, found)| expected != found)
        .map(|(spec, expected, found)| format!("{spec}\n  expected {expected:?}, found {found:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const R: &str = "route: [{destination: {host: x}}]";

#[test]
fn virtual_services_that_istio_refuses() {
    let rule = |rule: &str| format!("{{hosts: [a.b], http: [{{{rule}}}]}}");
    let whole: [(&str, &str); 16] = [
        ("{hosts: [a.b], http: [{route: [{destination: {host: x}}]}]}", ""),
        (
            "{hosts: ['a..b'], http: [{route: [{destination: {host: x}}]}]}",
            "host",
        ),
        (
            "{hosts: ['*'], http: [{route: [{destination: {host: x}}]}]}",
            "host",
        ),
        (
            "{hosts: ['*'], gateways: [g], http: [{route: [{destination: {host: x}}]}]}",
            "",
        ),
        (
            "{hosts: [a, a.b.svc.cluster.local], http: [{route: [{destination: {host: x}}]}]}",
            "host-twice",
        ),
        ("{hosts: [a.b]}", "no-routes"),
        (
            "{gateways: [g], http: [{route: [{destination: {host: x}}]}]}",
            "delegate",
        ),
        ("{http: [{delegate: {name: d}}]}", "delegate"),
        (
            "{hosts: [a.b], gateways: [x/y/z], http: [{route: [{destination: {host: x}}]}]}",
            "gateway-name",
        ),
        (
            "{hosts: [a.b], exportTo: ['*', b], http: [{route: [{destination: {host: x}}]}]}",
            "export-to",
        ),
        (
            "{hosts: [a.b], tls: [{route: [{destination: {host: x}}]}]}",
            "tls-match",
        ),
        (
            "{hosts: [a.b], tls: [{match: [{sniHosts: [c.b]}], route: [{destination: {host: x}}]}]}",
            "sni-hosts",
        ),
        (
            "{hosts: ['*.b'], tls: [{match: [{sniHosts: [c.b]}], route: [{destination: {host: x}}]}]}",
            "",
        ),
        (
            "{hosts: [1.2.3.4], tls: [{match: [{sniHosts: [1.2.3.4]}], route: [{destination: {host: x}}]}]}",
            "~sni-address",
        ),
        ("{hosts: [a.b], tcp: [{match: [{port: 1}]}]}", "no-route"),
        (
            "{hosts: [a.b], tcp: [{route: [{destination: {host: x}}, {destination: {host: y}}]}]}",
            "weight-sum",
        ),
    ];
    check("VirtualService", &whole);
    let rows: Vec<(String, &str)> = [
        ("timeout: 5s", "no-action"),
        ("redirect: {uri: /}", ""),
        ("redirect: {uri: /}, rewrite: {uri: /}", "action-and-change"),
        ("redirect: {redirectCode: 200}", "redirect-code"),
        ("redirect: {}", "empty-redirect"),
        ("redirect: {uri: /, scheme: ftp}", "redirect-scheme"),
        ("directResponse: {status: 700}", "direct-status"),
        ("route: [{destination: {host: '*'}}]", "destination-host"),
        ("route: [{destination: {host: x, subset: 'a b'}}]", "subset-name"),
        ("route: [{destination: {host: x, port: {number: 70000}}}]", "port"),
        ("route: [{destination: {host: x}, weight: -1}]", "weight"),
    ]
    .into_iter()
    .map(|(text, reason)| (rule(text), reason))
    .chain(
        [
            ("redirect: {uri: /}", "two-actions"),
            ("timeout: 1us", "duration"),
            ("timeout: 0s", ""),
            ("timeout: '5'", "duration"),
            ("mirror: {host: x}, mirrors: [{destination: {host: x}}]", "mirror"),
            ("mirrorPercentage: {value: 101}", "percentage"),
            ("match: [{uri: {prefix: ''}}]", "empty-prefix"),
            ("match: [{uri: {regex: 'a('}}]", "regex"),
            ("match: [{uri: {regex: '(?=a)'}}]", "regex"),
            ("match: [{headers: {'a b': {exact: x}}}]", "header-name"),
            ("match: [{headers: {':path': {exact: x}}}]", ""),
            ("match: [{sourceNamespace: 'a/b'}]", "source-namespace"),
            ("headers: {request: {add: {':authority': x}}}", "header-name"),
            ("headers: {request: {set: {':authority': x}}}", ""),
            ("fault: {}", "empty-fault"),
            (
                "fault: {delay: {percentage: {value: 200}, fixedDelay: 1s}}",
                "percentage",
            ),
            ("fault: {delay: {percentage: {value: 1}}}", "no-delay"),
            ("fault: {abort: {httpStatus: 100}}", "abort-status"),
            ("fault: {abort: {grpcStatus: NOPE}}", "grpc-status"),
            ("fault: {abort: {percentage: {value: 1}}}", "no-abort-status"),
            ("retries: {attempts: -1}", "attempts"),
            ("retries: {attempts: 0, retryOn: 5xx}", "retries-off"),
            ("retries: {attempts: 1, retryOn: '5xx,503,sometimes'}", "retry-on"),
            ("rewrite: {}", "empty-rewrite"),
            (
                "rewrite: {uri: /, uriRegexRewrite: {match: a, rewrite: b}}",
                "rewrite-twice",
            ),
            ("corsPolicy: {allowMethods: [GETT]}", "cors-method"),
            ("corsPolicy: {maxAge: 1500ms}", "cors-age"),
        ]
        .into_iter()
        .map(|(text, reason)| (rule(&format!("{text}, {R}")), reason)),
    )
    .collect();
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(spec, reason)| (spec.as_str(), *reason))
        .collect();
    check("VirtualService", &rows);
}

#[test]
fn destination_rules_that_istio_refuses() {
    let policy = |policy: &str| format!("{{host: a, trafficPolicy: {{{policy}}}}}");
    let rows: Vec<(String, &str)> = [
        ("", "empty-policy"),
        ("connectionPool: {}", "empty-pool"),
        ("connectionPool: {tcp: {maxConnections: -1}}", "negative"),
        ("connectionPool: {tcp: {connectTimeout: 1us}}", "duration"),
        ("connectionPool: {http: {h2UpgradePolicy: UPGRADE, useClientProtocol: true}}", "upgrade-and-client-protocol"),
        ("loadBalancer: {consistentHash: {httpCookie: {ttl: 0s}}}", "cookie-name"),
        ("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 100}}}", "maglev-size"),
        ("loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 101}}}", ""),
        ("loadBalancer: {consistentHash: {useSourceIp: true, minimumRingSize: 10}}", "~ring-size"),
        ("loadBalancer: {localityLbSetting: {distribute: [{from: x, to: {y: 50}}]}}", "distribute-sum"),
        ("loadBalancer: {localityLbSetting: {failover: [{from: x, to: y}]}}", "~failover-without-detection"),
        ("loadBalancer: {localityLbSetting: {failover: [{from: x, to: x}]}}, outlierDetection: {interval: 1s}", "failover-to-itself"),
        ("outlierDetection: {interval: 1us}", "duration"),
        ("outlierDetection: {maxEjectionPercent: 101}", "percentage"),
        ("outlierDetection: {consecutiveLocalOriginFailures: 2}", "local-failures"),
        ("tls: {mode: MUTUAL}", "mutual-files"),
        ("tls: {mode: MUTUAL, credentialName: c}", ""),
        ("tls: {mode: SIMPLE, credentialName: c, caCertificates: f}", "credential-and-files"),
        ("tls: {mode: ISTIO_MUTUAL, privateKey: f}", "istio-mutual-files"),
        ("tls: {mode: SIMPLE, insecureSkipVerify: true, subjectAltNames: [a]}", "skip-and-names"),
        ("tls: {mode: SIMPLE, insecureSkipVerify: true, caCertificates: f}", "skip-and-ca"),
        ("tunnel: {targetHost: a, targetPort: 1, protocol: GET}", "tunnel-protocol"),
        ("portLevelSettings: [{loadBalancer: {simple: RANDOM}}]", "port-needed"),
    ]
    .into_iter()
    .map(|(text, reason)| (policy(text), reason))
    .collect();
    let rows: Vec<(&str, &str)> = rows
        .iter()
        .map(|(spec, reason)| (spec.as_str(), *reason))
        .collect();
    check("DestinationRule", &rows);
    check(
        "DestinationRule",
        &[
            ("{host: 'a_b'}", "host"),
            (
                "{host: a, subsets: [{name: x, labels: {v: a}}, {name: x, labels: {v: b}}]}",
                "subset-twice",
            ),
            (
                "{host: a, subsets: [{name: 'x y', labels: {v: a}}]}",
                "subset-name",
            ),
            (
                "{host: a, exportTo: ['*'], workloadSelector: {matchLabels: {a: b}}}",
                "selector-export",
            ),
        ],
    );
}

#[test]
fn gateways_that_istio_refuses() {
    check(
        "Gateway",
        &[
            ("{}", "no-servers"),
            ("{servers: [{hosts: [a.b]}]}", "no-port"),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}}]}",
                "no-hosts",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTPP}, hosts: [a.b]}]}",
                "protocol",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP, targetPort: 1}, hosts: [a.b]}]}",
                "target-port",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [short]}]}",
                "short-host",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['a.*.b']}]}",
                "host",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: ['ns/*', './a.b']}]}",
                "",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, bind: x, hosts: [a.b]}]}",
                "bind",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.b]}]}",
                "tls-needed",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, tls: {mode: SIMPLE, credentialName: c}, hosts: [a.b]}]}",
                "tls-on-plain",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, tls: {httpsRedirect: true}, hosts: [a.b]}]}",
                "",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: SIMPLE}, hosts: [a.b]}]}",
                "no-certificate",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: SIMPLE, serverCertificate: f}, hosts: [a.b]}]}",
                "no-key",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: MUTUAL, serverCertificate: f, privateKey: f}, hosts: [a.b]}]}",
                "no-ca",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: TLS}, tls: {mode: PASSTHROUGH, credentialName: c}, hosts: [a.b]}]}",
                "~passthrough-certificate",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: ISTIO_MUTUAL, credentialName: c}, hosts: [a.b]}]}",
                "istio-mutual-files",
            ),
            (
                "{servers: [{port: {number: 443, name: a, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: c, minProtocolVersion: TLSV1_0}, hosts: [a.b]}]}",
                "~old-tls",
            ),
            (
                "{servers: [{port: {number: 80, name: a, protocol: HTTP}, hosts: [a.b]}, {port: {number: 81, name: a, protocol: HTTP}, hosts: [a.b]}]}",
                "port-name-twice",
            ),
        ],
    );
}

#[test]
fn service_entries_and_sidecars_that_istio_refuses() {
    check(
        "ServiceEntry",
        &[
            (
                "{hosts: ['*'], ports: [{number: 1, name: a, protocol: HTTP}]}",
                "host",
            ),
            (
                "{hosts: [a.b], addresses: [x], ports: [{number: 1, name: a, protocol: HTTP}]}",
                "address",
            ),
            (
                "{hosts: [a.b], addresses: [10.0.0.0/8], resolution: DNS}",
                "network-address",
            ),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 1, name: a}, {number: 2, name: a}]}",
                "port-name-twice",
            ),
            (
                "{hosts: [a.b], resolution: DNS, ports: [{number: 1, name: a}, {number: 1, name: b}]}",
                "port-twice",
            ),
            (
                "{hosts: [a.b], endpoints: [{address: 1.2.3.4}]}",
                "endpoints-of-none",
            ),
            ("{hosts: [a.b], resolution: STATIC}", "no-endpoints"),
            (
                "{hosts: [a.b], resolution: STATIC, endpoints: [{address: x.y}]}",
                "endpoint-address",
            ),
            (
                "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 1.2.3.4, ports: {x: 1}}]}",
                "endpoint-port",
            ),
            (
                "{hosts: [a.b], resolution: DNS_ROUND_ROBIN, endpoints: [{address: a.b}, {address: b.c}]}",
                "round-robin-endpoints",
            ),
            ("{hosts: [a.b], resolution: DYNAMIC_DNS}", "dynamic-host"),
            ("{hosts: ['*.b'], resolution: DYNAMIC_DNS}", ""),
            ("{hosts: [a.b], exportTo: ['~']}", ""),
            (
                "{hosts: [a.b], resolution: STATIC, endpoints: [{address: 1.2.3.4}], workloadSelector: {labels: {a: b}}}",
                "endpoints-and-selector",
            ),
        ],
    );
    check(
        "Sidecar",
        &[
            ("{workloadSelector: {labels: {a: b}}}", "empty-sidecar"),
            ("{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}", ""),
            ("{egress: [{hosts: [a.b]}]}", "egress-host"),
            ("{egress: [{hosts: []}]}", "egress-hosts"),
            ("{egress: [{hosts: ['./*', './*']}]}", "~egress-twice"),
            ("{egress: [{hosts: ['*/*', './a.b']}]}", "~egress-all"),
            (
                "{egress: [{hosts: ['./*']}, {port: {number: 1, name: a, protocol: TCP}, hosts: ['./*']}]}",
                "catch-all-egress",
            ),
            ("{ingress: [{defaultEndpoint: '127.0.0.1:80'}]}", "ingress-port"),
            (
                "{ingress: [{port: {number: 1, name: a, protocol: TCP}, defaultEndpoint: '1.2.3.4:80'}]}",
                "default-endpoint",
            ),
        ],
    );
}

#[test]
fn policies_that_istio_refuses() {
    check(
        "AuthorizationPolicy",
        &[
            ("{rules: [{}]}", ""),
            ("{action: DENY}", "deny-rules"),
            ("{action: CUSTOM, rules: [{}]}", "provider"),
            ("{provider: {name: x}, rules: [{}]}", "provider"),
            (
                "{action: CUSTOM, provider: {name: x}, rules: [{from: [{source: {principals: [a]}}]}]}",
                "custom-identity",
            ),
            ("{rules: [{from: []}]}", "empty-list"),
            ("{rules: [{from: [{source: {}}]}]}", "empty-part"),
            ("{rules: [{to: [{operation: {methods: ['']}}]}]}", "empty-value"),
            ("{rules: [{to: [{operation: {ports: ['x']}}]}]}", "port"),
            ("{rules: [{from: [{source: {ipBlocks: [x]}}]}]}", "ip-block"),
            (
                "{rules: [{when: [{key: source.ipp, values: [1.2.3.4]}]}]}",
                "when-key",
            ),
            ("{rules: [{when: [{key: source.ip}]}]}", "when-values"),
            (
                "{rules: [{when: [{key: destination.port, values: [x]}]}]}",
                "when-value",
            ),
            (
                "{rules: [{when: [{key: 'request.headers[x]', values: [x]}]}]}",
                "",
            ),
            (
                "{action: DENY, rules: [{to: [{operation: {methods: [GET]}}]}]}",
                "~deny-tcp",
            ),
            (
                "{selector: {matchLabels: {a: 'x*'}}, rules: [{}]}",
                "selector-wildcard",
            ),
            (
                "{selector: {matchLabels: {a: x}}, targetRefs: [{kind: Service, name: x}], rules: [{}]}",
                "two-targets",
            ),
        ],
    );
    check(
        "PeerAuthentication",
        &[
            ("{portLevelMtls: {80: {mode: STRICT}}}", "port-mtls-selector"),
            (
                "{selector: {matchLabels: {a: b}}, portLevelMtls: {80: {mode: STRICT}}}",
                "",
            ),
            (
                "{selector: {matchLabels: {a: b}}, portLevelMtls: {0: {mode: STRICT}}}",
                "port",
            ),
        ],
    );
    check(
        "RequestAuthentication",
        &[
            ("{jwtRules: [{jwksUri: login}]}", "jwks-uri"),
            (
                "{jwtRules: [{issuer: a, jwksUri: 'https://a.b', jwks: '{\"keys\": []}'}]}",
                "two-key-sets",
            ),
            ("{jwtRules: [{issuer: a, jwks: 'no'}]}", "jwks"),
            (
                "{jwtRules: [{issuer: a, jwks: '{\"keys\": [{\"d\": \"x\"}]}'}]}",
                "~private-key",
            ),
            ("{jwtRules: [{audiences: [x]}]}", "issuer"),
        ],
    );
}
