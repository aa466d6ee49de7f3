mod depth;
mod features;

use vigla_testing::Mesh;

use super::*;

fn proxy(namespace: &str, instance: &str) -> ProxyIdentity {
    ProxyIdentity {
        namespace: namespace.into(),
        instance: instance.into(),
    }
}

fn plan(mesh: &Mesh, namespace: &str, instance: &str) -> Plan {
    compile(&mesh.snapshot(), &proxy(namespace, instance)).unwrap()
}

/// What productpage's sidecar does with calls of `reviews` under these rules (`spec.http`), and what could not be
/// compiled.
fn reviews(http: &str) -> String {
    reviews_for("productpage-v1-0", http)
}

fn reviews_for(instance: &str, http: &str) -> String {
    let yaml = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews, namespace: bookinfo}}\n\
         spec:\n  hosts: [reviews]\n  http:\n{http}"
    );
    let mesh = Mesh::bookinfo().with_yaml(&yaml).snapshot();
    let compiled = compile_with(
        &mesh,
        &proxy("bookinfo", instance),
        &Settings::default(),
        &mut Parts::default(),
    )
    .unwrap();
    let table = outline_table(&compiled.plan.route_tables["9080"]);
    let (_, host) = table
        .split_once("reviews.bookinfo.svc.cluster.local:9080\n")
        .unwrap();
    let routes = host
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with(' '))
        .map(|line| line.strip_prefix("  ").unwrap_or(line).to_owned());
    let mut lines: Vec<String> = routes.collect();
    lines.extend(compiled.problems.iter().map(|problem| {
        format!(
            "! {} {}: {}",
            problem.origin.path,
            problem.origin.location.as_ref().unwrap(),
            problem.message
        )
    }));
    lines.join("\n")
}

#[test]
fn a_sidecar_gets_listeners_routes_and_clusters() {
    let plan = plan(&Mesh::bookinfo(), "bookinfo", "productpage-v1-0");
    insta::assert_snapshot!(outline(&plan));
}

#[test]
fn a_gateway_gets_what_its_routes_name() {
    let plan = plan(&Mesh::bookinfo(), "istio-system", "istio-ingressgateway-0");
    insta::assert_snapshot!(outline(&plan));
}

#[test]
fn route_weights_become_weighted_clusters() {
    insta::assert_snapshot!(reviews("
  - name: canary
    route:
    - destination: {host: reviews, subset: v1}
      weight: 90
    - destination: {host: reviews.bookinfo.svc.cluster.local, subset: v2, port: {number: 9080}}
      weight: 10
    - destination: {host: reviews, subset: v3}
      weight: 0
"), @r"
    * -> 90 outbound|9080|v1|reviews.bookinfo.svc.cluster.local
         10 outbound|9080|v2|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    ");
}

#[test]
fn an_unknown_subset_keeps_its_share_and_points_at_its_line() {
    let http = "
  - route:
    - destination: {host: reviews, subset: v1}
      weight: 50
    - destination:
        host: reviews
        subset: v9
      weight: 50
";
    insta::assert_snapshot!(reviews(http), @r"
    * -> 50 outbound|9080|v1|reviews.bookinfo.svc.cluster.local
         50 outbound|9080|v9|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    ");
    let yaml = format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: reviews, namespace: bookinfo}}\n\
         spec:\n  hosts: [reviews]\n  http:\n{http}"
    );
    let plan = plan(&Mesh::bookinfo().with_yaml(&yaml), "bookinfo", "productpage-v1-0");
    let hosts = &plan.route_tables["9080"].virtual_hosts;
    let route = &hosts
        .iter()
        .find(|host| host.name.starts_with("reviews"))
        .unwrap()
        .routes[0];
    let vigla_dataplane::RouteAction::Forward(forward) = &route.action else {
        panic!("{route:?}")
    };
    let origin = forward.clusters[1].origin.as_ref().unwrap();
    assert_eq!(&*origin.path, "spec.http[0].route[1].destination.subset");
    assert_eq!(origin.location.as_ref().unwrap().to_string(), "test.yaml:13:17");
    assert!(!plan.clusters.contains_key(&forward.clusters[1].cluster));
}

#[test]
fn conditions_become_matches_and_a_rule_for_all_ends_the_list() {
    insta::assert_snapshot!(reviews(r#"
  - match:
    - uri: {exact: /reviews/1}
      ignoreUriCase: true
      method: {exact: GET}
    - uri: {regex: "/reviews/[0-9]+"}
      headers: {End-User: {prefix: ja}, x-any: {}, x-all: {regex: "*"}}
      withoutHeaders: {x-debug: {}}
      queryParams: {page: {exact: "1"}, sort: {regex: "[a-z]+"}}
    - authority: {exact: "reviews:9080"}
      scheme: {exact: http}
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{uri: {prefix: /}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - route: [{destination: {host: reviews, subset: v3}}]
"#), @r"
    =/reviews/1 (any case) :method=GET -> 100 outbound|9080|v2|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    ~/reviews/[0-9]+ end-user=ja… x-any x-all without x-debug ?page=1 ?sort~[a-z]+ -> 100 outbound|9080|v2|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    * :authority=reviews:9080 :scheme=http -> 100 outbound|9080|v2|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    /… -> 100 outbound|9080|v1|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[1] (test.yaml:19:5)
    ");
}

#[test]
fn conditions_on_callers_are_decided_for_each_proxy() {
    let http = "
  - match: [{sourceLabels: {app: productpage}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{sourceNamespace: elsewhere}, {gateways: [bookinfo-gateway]}, {port: 80}]
    route: [{destination: {host: reviews, subset: v2}}]
  - match: [{sourceNamespace: bookinfo, gateways: [mesh], port: 9080, uri: {prefix: /r}}]
    route: [{destination: {host: reviews, subset: v3}}]
";
    insta::assert_snapshot!(reviews_for("productpage-v1-0", http), @r"* -> 100 outbound|9080|v1|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)");
    insta::assert_snapshot!(reviews_for("details-v1-0", http), @r"/r… -> 100 outbound|9080|v3|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[2] (test.yaml:12:5)");
}

#[test]
fn timeouts_retries_and_faults_are_as_written_or_istios_own() {
    insta::assert_snapshot!(reviews("
  - match: [{uri: {exact: /a}}]
    timeout: 1.5s
    retries: {attempts: 3, perTryTimeout: 500ms, retryOn: '5xx,503, gateway-error'}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {exact: /b}}]
    timeout: 0s
    retries: {attempts: 0}
    fault:
      delay: {percentage: {value: 0.1}, fixedDelay: 7s}
      abort: {percentage: {value: 25}, httpStatus: 418}
    route: [{destination: {host: reviews}}]
  - route: [{destination: {host: reviews}}]
"), @r"
    =/a -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local, timeout 1.5s, retry 3 on 5xx,gateway-error,retriable-status-codes [503] each 500ms # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    =/b -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local, no retry, delay 7s for 0.1 %, abort 418 for 25 % # VirtualService bookinfo/reviews spec.http[1] (test.yaml:12:5)
    * -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[2] (test.yaml:19:5)
    ");
}

#[test]
fn paths_hosts_and_headers_are_changed() {
    insta::assert_snapshot!(reviews(r#"
  - match: [{uri: {prefix: /old}}]
    rewrite: {uri: /new, authority: reviews.example}
    route: [{destination: {host: reviews}}]
  - match: [{uri: {prefix: /x}}]
    rewrite: {uriRegexRewrite: {match: "^/x/(.*)$", rewrite: "/y/\\1"}}
    route:
    - destination: {host: reviews, subset: v1}
      headers: {request: {set: {X-To: v1, Host: own.example}}}
  - rewrite: {uri: /all/}
    headers:
      request: {set: {X-A: "1", ":path": /no}, add: {x-b: "2"}, remove: [X-C]}
      response: {set: {server: vigla}}
    route: [{destination: {host: reviews}}]
"#), @r"
    /old… -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local, path /new…, authority reviews.example # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    /x… -> 100 outbound|9080|v1|reviews.bookinfo.svc.cluster.local, request x-to=v1, path /^/x/(.*)$//y/\1/, authority own.example # VirtualService bookinfo/reviews spec.http[1] (test.yaml:11:5)
    /… -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local, path /all/…, request -x-c x-a=1 x-b+=2, response server=vigla # VirtualService bookinfo/reviews spec.http[2] (test.yaml:16:5)
    ");
}

#[test]
fn redirects_and_own_answers_need_no_cluster() {
    insta::assert_snapshot!(reviews("
  - match: [{uri: {exact: /a}}]
    redirect: {uri: /b, authority: books.example, scheme: https, redirectCode: 308}
  - match: [{uri: {exact: /c}}]
    redirect: {port: 8443}
  - match: [{uri: {exact: /d}}]
    redirect: {derivePort: FROM_REQUEST_PORT}
  - directResponse: {status: 503, body: {string: 'closed for today'}}
"), @r#"
    =/a -> redirect 308 https:// books.example /b # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    =/c -> redirect 301 :8443 # VirtualService bookinfo/reviews spec.http[1] (test.yaml:10:5)
    =/d -> redirect 301 :9080 # VirtualService bookinfo/reviews spec.http[2] (test.yaml:12:5)
    * -> respond 503 "closed for today" # VirtualService bookinfo/reviews spec.http[3] (test.yaml:14:5)
    "#);
}

#[test]
fn what_cannot_be_compiled_is_told_and_the_rest_stands() {
    insta::assert_snapshot!(reviews("
  - match: [{uri: {regex: '('}}, {uri: {exact: /ok}}]
    route: [{destination: {host: reviews, subset: v1}}]
  - match: [{uri: {exact: /delegate}}]
    delegate: {name: other}
  - match: [{uri: {exact: /nobody}}]
    route:
    - destination: {host: reviews}
      weight: 0
    - destination: {subset: v1}
      weight: 1
  - route: [{destination: {host: ratings, subset: v1}}]
"), @r"
    =/ok -> 100 outbound|9080|v1|reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[0] (test.yaml:8:5)
    * -> 100 outbound|9080|v1|ratings.bookinfo.svc.cluster.local # VirtualService bookinfo/reviews spec.http[3] (test.yaml:18:5)
    ! spec.http[0].match[0] test.yaml:8:13: the expression cannot be used (`(`: unclosed group); this condition never holds
    ! spec.http[1] test.yaml:10:5: `delegate` is not supported; the rule is left out
    ! spec.http[2].route[1] test.yaml:16:7: the destination has no host; it is left out
    ! spec.http[2] test.yaml:12:5: the rule has no destination with a weight; it is left out
    ");
}

fn inbound(yaml: &str, instance: &str) -> String {
    let plan = plan(&Mesh::bookinfo().with_yaml(yaml), "bookinfo", instance);
    let text = outline(&plan);
    let lines = text
        .lines()
        .skip_while(|line| !line.starts_with("listener inbound"));
    let listener: Vec<&str> = lines
        .take_while(|line| !line.starts_with("listener outbound"))
        .collect();
    listener.join("\n")
}

#[test]
fn who_may_call_in_plain_text_is_a_matter_of_filter_chains() {
    let policy = |mode: &str| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
             metadata: {{name: default, namespace: bookinfo}}\nspec: {{mtls: {{mode: {mode}}}}}\n"
        )
    };
    insta::assert_snapshot!(inbound(&policy("STRICT"), "ratings-v1-0"), @r"
    listener inbound|9080 127.64.4.1:9080 # Service bookinfo/ratings spec.ports[0] (bookinfo.yaml:159:5)
      tls (default, ROOTCA) -> own routes inbound|9080|| # PeerAuthentication bookinfo/default spec.mtls.mode (test.yaml:4:21)
    ");
    insta::assert_snapshot!(inbound(&policy("PERMISSIVE"), "ratings-v1-0"), @r"
    listener inbound|9080 127.64.4.1:9080 # Service bookinfo/ratings spec.ports[0] (bookinfo.yaml:159:5)
      tls (default, ROOTCA) -> own routes inbound|9080|| # PeerAuthentication bookinfo/default spec.mtls.mode (test.yaml:4:21)
      plaintext -> own routes inbound|9080|| # PeerAuthentication bookinfo/default spec.mtls.mode (test.yaml:4:21)
    ");
    insta::assert_snapshot!(inbound(&policy("DISABLE"), "ratings-v1-0"), @r"
    listener inbound|9080 127.64.4.1:9080 # Service bookinfo/ratings spec.ports[0] (bookinfo.yaml:159:5)
      plaintext -> own routes inbound|9080|| # PeerAuthentication bookinfo/default spec.mtls.mode (test.yaml:4:21)
    ");
    // Callers know it too: an endpoint that takes plain text only gets no TLS.
    let mesh = Mesh::bookinfo().with_yaml(&policy("DISABLE"));
    let plan = plan(&mesh, "bookinfo", "productpage-v1-0");
    assert!(!plan.endpoints["outbound|9080||ratings.bookinfo.svc.cluster.local"].endpoints[0].mesh_tls);
}

#[test]
fn a_destination_rule_decides_balancing_and_tls() {
    let clusters = |policy: &str| {
        let yaml = format!(
            "apiVersion: networking.istio.io/v1beta1\nkind: DestinationRule\n\
             metadata: {{name: ratings, namespace: bookinfo}}\nspec: {{host: ratings, trafficPolicy: {policy}}}\n"
        );
        let plan = plan(&Mesh::bookinfo().with_yaml(&yaml), "bookinfo", "reviews-v2-0");
        let cluster = &plan.clusters["outbound|9080||ratings.bookinfo.svc.cluster.local"];
        format!(
            "{:?} {:?} {:?}",
            cluster.balancer, cluster.connect_timeout, cluster.tls
        )
    };
    insta::assert_snapshot!(clusters("{}"), @r#"LeastRequest 10s Mesh { auto: true, sni: "outbound_.9080_._.ratings.bookinfo.svc.cluster.local", principals: [Principal { trust_domain: "cluster.local", namespace: "bookinfo", service_account: "bookinfo-ratings" }] }"#);
    insta::assert_snapshot!(clusters(
        "{loadBalancer: {simple: RANDOM}, connectionPool: {tcp: {connectTimeout: 30ms}}, tls: {mode: DISABLE}}"
    ), @r"Random 30ms None");
    insta::assert_snapshot!(clusters(
        "{loadBalancer: {simple: RANDOM}, portLevelSettings: [{port: {number: 9080}, tls: {mode: ISTIO_MUTUAL}}]}"
    ), @r#"LeastRequest 10s Mesh { auto: false, sni: "outbound_.9080_._.ratings.bookinfo.svc.cluster.local", principals: [Principal { trust_domain: "cluster.local", namespace: "bookinfo", service_account: "bookinfo-ratings" }] }"#);
}

#[test]
fn bytes_go_to_the_only_service_of_a_port() {
    let yaml = "
apiVersion: v1
kind: Service
metadata: {name: db, namespace: bookinfo}
spec: {selector: {app: db}, ports: [{name: tcp-db, port: 5432}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: bookinfo}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, ports: [{containerPort: 5432}]}]}
";
    let mesh = Mesh::bookinfo().with_yaml(yaml);
    let text = outline(&plan(&mesh, "bookinfo", "ratings-v1-0"));
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("5432")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    listener outbound|5432 127.64.5.3:5432 # Service bookinfo/db spec.ports[0] (test.yaml:5:37)
      plaintext -> outbound|5432||db.bookinfo.svc.cluster.local
    cluster outbound|5432||db.bookinfo.svc.cluster.local LeastRequest, auto mTLS, tcp # Service bookinfo/db spec.ports[0] (test.yaml:5:37)
      127.64.2.1:5432 db mTLS
    ");
    insta::assert_snapshot!(inbound(yaml, "db-0"), @r"
    listener inbound|5432 127.64.2.1:5432 # Service bookinfo/db spec.ports[0] (test.yaml:5:37)
      tls (default, ROOTCA) -> inbound|5432||
      plaintext -> inbound|5432||
    ");
}

#[test]
fn a_gateway_joins_rules_of_one_host_and_leaves_out_other_hosts() {
    let yaml = "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: bookinfo-gateway, namespace: bookinfo}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: ['*.books.example', './ratings.example']
  - port: {number: 443, name: https, protocol: HTTPS}
    tls: {mode: SIMPLE, credentialName: books}
    hosts: ['*']
  - port: {number: 8081, name: http-old, protocol: HTTP}
    tls: {httpsRedirect: true}
    hosts: [old.example]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: bookinfo}
spec:
  hosts: [shop.books.example, other.example]
  gateways: [bookinfo-gateway]
  http: [{match: [{uri: {prefix: /reviews}}], route: [{destination: {host: reviews}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: b, namespace: batch}
spec:
  hosts: [shop.books.example, ratings.example]
  gateways: [bookinfo/bookinfo-gateway]
  http: [{route: [{destination: {host: ratings.bookinfo.svc.cluster.local}}]}]
";
    let mesh = Mesh::bookinfo().with_yaml(yaml).snapshot();
    let identity = proxy("istio-system", "istio-ingressgateway-0");
    let compiled = compile_with(&mesh, &identity, &Settings::default(), &mut Parts::default()).unwrap();
    let problems: Vec<String> = compiled
        .problems
        .iter()
        .map(|problem| format!("! {}: {}", problem.origin.path, problem.message))
        .collect();
    insta::assert_snapshot!(outline(&compiled.plan) + &problems.join("\n"), @r"
    listener gateway|80 127.64.8.1:8080 # Gateway bookinfo/bookinfo-gateway spec.servers[0] (test.yaml:8:5)
      plaintext -> routes http.80 # Gateway bookinfo/bookinfo-gateway spec.servers[0] (test.yaml:8:5)
    listener gateway|8081 127.64.8.1:8081 # Gateway bookinfo/bookinfo-gateway spec.servers[2] (test.yaml:13:5)
      plaintext -> routes http.8081 # Gateway bookinfo/bookinfo-gateway spec.servers[2] (test.yaml:13:5)

    routes http.80
    shop.books.example:80
      for shop.books.example shop.books.example:80 shop.books.example:8080
      /reviews… -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/a spec.http[0] (test.yaml:23:10)
      * -> 100 outbound|9080||ratings.bookinfo.svc.cluster.local # VirtualService batch/b spec.http[0] (test.yaml:31:10)
    *.books.example:80
      for *.books.example *.books.example:80 *.books.example:8080
      =/productpage -> 100 outbound|9080||productpage.bookinfo.svc.cluster.local # VirtualService bookinfo/bookinfo spec.http[0] (bookinfo.yaml:260:5)
      /static… -> 100 outbound|9080||productpage.bookinfo.svc.cluster.local # VirtualService bookinfo/bookinfo spec.http[0] (bookinfo.yaml:260:5)
    ratings.example:80
      for ratings.example ratings.example:80 ratings.example:8080
      =/productpage -> 100 outbound|9080||productpage.bookinfo.svc.cluster.local # VirtualService bookinfo/bookinfo spec.http[0] (bookinfo.yaml:260:5)
      /static… -> 100 outbound|9080||productpage.bookinfo.svc.cluster.local # VirtualService bookinfo/bookinfo spec.http[0] (bookinfo.yaml:260:5)

    routes http.8081
    old.example:8081
      for old.example old.example:8081
      * -> redirect 301 https:// # Gateway bookinfo/bookinfo-gateway spec.servers[2].tls (test.yaml:14:10)

    cluster outbound|9080||productpage.bookinfo.svc.cluster.local LeastRequest, auto mTLS, http # Service bookinfo/productpage spec.ports[0] (bookinfo.yaml:28:5)
      127.64.3.1:9080 productpage-v1 mTLS
    cluster outbound|9080||ratings.bookinfo.svc.cluster.local LeastRequest, auto mTLS, http # Service bookinfo/ratings spec.ports[0] (bookinfo.yaml:159:5)
      127.64.4.1:9080 ratings-v1 mTLS
    cluster outbound|9080||reviews.bookinfo.svc.cluster.local LeastRequest, auto mTLS, http # Service bookinfo/reviews spec.ports[0] (bookinfo.yaml:90:5)
      127.64.5.1:9080 reviews-v1 mTLS
      127.64.6.1:9080 reviews-v2 mTLS
      127.64.7.1:9080 reviews-v3 mTLS
    ! spec.servers[1].tls.credentialName: there is no Secret `books` with `tls.crt` and `tls.key` in namespace `istio-system`; the server is left out
    ");
}

#[test]
fn hosts_outside_the_mesh_are_routed_on_port_80() {
    let yaml = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: books, namespace: bookinfo}
spec:
  hosts: [books.example, '*.old.example']
  http: [{route: [{destination: {host: reviews, port: {number: 9080}}}]}]
";
    let plan = plan(&Mesh::bookinfo().with_yaml(yaml), "bookinfo", "productpage-v1-0");
    let table = outline_table(&plan.route_tables["80"]);
    let (_, added) = table.split_once("books.example:80\n").unwrap();
    insta::assert_snapshot!(added, @r"
      for books.example books.example:80
      * -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/books spec.http[0] (test.yaml:7:10)
    *.old.example:80
      for *.old.example *.old.example:80
      * -> 100 outbound|9080||reviews.bookinfo.svc.cluster.local # VirtualService bookinfo/books spec.http[0] (test.yaml:7:10)
    allow_any
      for *
      * -> 100 PassthroughCluster, no retry
    ");
}

#[test]
fn equal_parts_of_two_plans_are_shared_also_over_revisions() {
    let mesh = Mesh::bookinfo();
    let mut parts = Parts::default();
    let mut compile = |instance| {
        compile_with(
            &mesh.snapshot(),
            &proxy("bookinfo", instance),
            &Settings::default(),
            &mut parts,
        )
        .unwrap()
        .plan
    };
    let (a, b, again) = (
        compile("ratings-v1-0"),
        compile("details-v1-0"),
        compile("ratings-v1-0"),
    );
    assert!(Arc::ptr_eq(&a.route_tables["9080"], &b.route_tables["9080"]));
    let name = "outbound|9080||reviews.bookinfo.svc.cluster.local";
    assert!(Arc::ptr_eq(&a.clusters[name], &b.clusters[name]));
    assert!(Arc::ptr_eq(
        &a.listeners["inbound|9080"],
        &again.listeners["inbound|9080"]
    ));
    drop((a, b, again));
    parts.forget_unused();
    assert_eq!(format!("{parts:?}").matches("Cluster {").count(), 0);
}

#[test]
fn a_proxy_that_is_not_there_has_no_plan() {
    let mesh = Mesh::bookinfo().snapshot();
    for (namespace, instance) in [("bookinfo", "reviews-v9-0"), ("batch", "batch-report-0")] {
        let error = compile(&mesh, &proxy(namespace, instance)).unwrap_err();
        assert!(error.to_string().contains(instance), "{error}");
    }
}

/// Clusters that routes of any proxy name and that do not exist, for the demo's mesh under a scenario.
fn missing_clusters(scenario: Option<&str>) -> Vec<String> {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/demo");
    let folders = std::iter::once(format!("{assets}/mesh"))
        .chain(scenario.map(|name| format!("{assets}/scenarios/{name}/step-1")));
    let mut mesh = Mesh::empty();
    for folder in folders {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            mesh = mesh.with_file(name, &std::fs::read_to_string(&path).unwrap());
        }
    }
    let snapshot = mesh.snapshot();
    let mut missing = std::collections::BTreeSet::new();
    let proxies = snapshot
        .instances()
        .iter()
        .filter(|instance| instance.sidecar.is_some());
    for instance in proxies {
        let identity = proxy(instance.namespace.as_str(), &instance.name);
        let compiled =
            compile_with(&snapshot, &identity, &Settings::default(), &mut Parts::default()).unwrap();
        assert_eq!(compiled.problems, []);
        assert!(
            !compiled.plan.listeners.is_empty() && !compiled.plan.clusters.is_empty(),
            "{identity:?}"
        );
        let routes = compiled
            .plan
            .route_tables
            .values()
            .flat_map(|table| &table.virtual_hosts);
        for route in routes.flat_map(|host| &host.routes) {
            let vigla_dataplane::RouteAction::Forward(forward) = &route.action else {
                continue;
            };
            let unknown = forward
                .clusters
                .iter()
                .filter(|to| !compiled.plan.clusters.contains_key(&to.cluster));
            missing.extend(unknown.map(|to| to.cluster.to_string()));
        }
    }
    missing.into_iter().collect()
}

#[test]
fn the_demos_mesh_is_whole_but_for_the_broken_subset() {
    assert_eq!(missing_clusters(None), [""; 0]);
    assert_eq!(missing_clusters(Some("mtls-strict")), [""; 0]);
    let missing = missing_clusters(Some("broken-subset"));
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(
        missing[0].ends_with("|reviews.bookinfo.svc.cluster.local"),
        "{missing:?}"
    );
}
