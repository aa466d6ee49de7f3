//! Gateways with TLS; copies, browsers and keys of routes.

use super::depth::part;

#[test]
fn a_gateway_tells_servers_apart_by_the_name_in_the_hello() {
    let text = part(
        "
apiVersion: v1
kind: Secret
metadata: {name: shop, namespace: istio-system}
stringData: {tls.crt: chain, tls.key: key, ca.crt: roots}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 443, name: https-shop, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: shop}
    hosts: [shop.example, '*.shop.example']
  - port: {number: 443, name: https-partners, protocol: HTTPS}
    tls: {mode: MUTUAL, credentialName: shop}
    hosts: [bookinfo/partners.example]
  - port: {number: 443, name: tls-bank, protocol: TLS}
    tls: {mode: PASSTHROUGH}
    hosts: ['*.bank.example']
  - port: {number: 443, name: https-again, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: shop}
    hosts: [shop.example]
  - port: {number: 443, name: https-lost, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: nobody}
    hosts: [lost.example]
  - port: {number: 443, name: http-mixed, protocol: HTTP}
    hosts: ['*']
  - port: {number: 9000, name: tcp, protocol: TCP}
    hosts: ['*']
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: bookinfo}
spec:
  hosts: [shop.example, partners.example]
  gateways: [istio-system/edge]
  http: [{route: [{destination: {host: reviews}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bank, namespace: bookinfo}
spec:
  hosts: ['*.bank.example']
  gateways: [istio-system/edge]
  tls:
  - match: [{port: 443, sniHosts: [login.bank.example, other.example]}]
    route: [{destination: {host: ratings}}]
  tcp: [{match: [{port: 9000}], route: [{destination: {host: details}}]}]
",
        "istio-ingressgateway-0",
        &[
            "listener gateway|443",
            "listener gateway|9000",
            "routes https",
            "shop.",
            "partners.",
            "cluster",
        ],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn routes_carry_copies_rules_for_browsers_and_keys() {
    let rule = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: bookinfo}
spec:
  host: reviews
  trafficPolicy:
    loadBalancer: {consistentHash: {httpCookie: {name: user, path: /, ttl: 0s}, minimumRingSize: 2048}}
  subsets:
  - name: v2
    labels: {version: v2}
    trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: X-User, maglev: {tableSize: 65537}}}}
  - name: v3
    labels: {version: v3}
    trafficPolicy: {loadBalancer: {simple: RANDOM}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: bookinfo}
spec:
  hosts: [reviews]
  http:
  - match: [{uri: {prefix: /a}}]
    route:
    - {destination: {host: reviews, subset: v2}, weight: 50}
    - {destination: {host: reviews, subset: v3}, weight: 50}
    mirror: {host: ratings}
    mirrorPercentage: {value: 12.5}
    mirrors:
    - {destination: {host: reviews, subset: v3}}
    - {destination: {host: details}, percentage: {value: 0}}
  - route: [{destination: {host: reviews}}]
    corsPolicy:
      allowOrigins: [{exact: 'https://shop.example'}, {regex: 'https://[a-z]+'}, {regex: '['}]
      allowMethods: [GET, PUT]
      allowHeaders: [x-user]
      maxAge: 24h
      allowCredentials: true
      unmatchedPreflights: IGNORE
";
    insta::assert_snapshot!(part(
        rule,
        "productpage-v1-0",
        &[
            "reviews.bookinfo",
            "cluster outbound|9080||reviews",
            "cluster outbound|9080|v"
        ]
    ));
}

#[test]
fn a_patch_of_envoys_config_that_limits_requests_is_understood_and_others_are_told() {
    let filter = "
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: bookinfo}
spec:
  workloadSelector: {labels: {app: reviews}}
  configPatches:
  - applyTo: HTTP_FILTER
    match: {context: SIDECAR_INBOUND}
    patch:
      operation: INSERT_BEFORE
      value:
        name: envoy.filters.http.local_ratelimit
        typed_config:
          '@type': type.googleapis.com/udpa.type.v1.TypedStruct
          type_url: type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
          value:
            stat_prefix: http_local_rate_limiter
            token_bucket: {max_tokens: 4, tokens_per_fill: 2, fill_interval: 60s}
            filter_enabled: {runtime_key: a, default_value: {numerator: 100, denominator: HUNDRED}}
            filter_enforced: {runtime_key: b, default_value: {numerator: 50, denominator: HUNDRED}}
            response_headers_to_add: [{append: false, header: {key: X-Limited, value: 'true'}}]
  - applyTo: CLUSTER
    patch: {operation: MERGE, value: {}}
";
    insta::assert_snapshot!(part(filter, "reviews-v1-0", &["listener"]), @r"
    listener inbound|9080 127.64.5.1:9080 # Service bookinfo/reviews spec.ports[0] (bookinfo.yaml:90:5)
      tls (default, ROOTCA) -> own routes inbound|9080||
        at most 4 requests, 2 more each 60s, else 429 for 50 % # EnvoyFilter bookinfo/limit spec.configPatches[0].patch.value.typed_config.value (test.yaml:18:13)
      plaintext -> own routes inbound|9080||
        at most 4 requests, 2 more each 60s, else 429 for 50 % # EnvoyFilter bookinfo/limit spec.configPatches[0].patch.value.typed_config.value (test.yaml:18:13)
    listener outbound|80 127.64.5.3:80
      plaintext -> routes 80
    listener outbound|9080 127.64.5.3:9080
      plaintext -> routes 9080
    ! spec.configPatches[1] test.yaml:23:5: only patches that add a local rate limit are applied; this one has no effect
    ");
    insta::assert_snapshot!(part(filter, "ratings-v1-0", &["listener inbound"]), @r"
    listener inbound|9080 127.64.4.1:9080 # Service bookinfo/ratings spec.ports[0] (bookinfo.yaml:159:5)
      tls (default, ROOTCA) -> own routes inbound|9080||
      plaintext -> own routes inbound|9080||
    ");
}
