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
