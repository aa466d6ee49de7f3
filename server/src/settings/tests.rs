use super::*;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse("vigla.yaml", text, Path::new("/etc/vigla")).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_is_all_defaults() {
    for text in ["", "# nothing yet\n", "server:\nmetrics:\n"] {
        let settings = parse(text).unwrap();
        assert_eq!(
            (settings.server.port, settings.prometheus.is_none()),
            (None, true),
            "{text}"
        );
    }
}

#[test]
fn every_section_is_read() {
    let settings = parse(
        "server: {port: 8080, base_path: /vigla/, namespaces: [a, b]}\n\
         mesh: {name: shop, cluster: west, trust_domain: example.org}\n\
         metrics:\n  prometheus:\n    url: https://prometheus.example:9090/under\n    allow: [10.0.0.0/8]\n\
         \x20   bearer_token_file: token\n    scope: {cluster: west}\n    refresh: 30s\n    deadline: 5s\n\
         traces:\n  jaeger: {url: \"http://localhost:16686\", basic: {user: me, password_file: /secret}}\n\
         kubernetes: {in_pod: true}\n",
    )
    .unwrap();
    assert_eq!(settings.server.base_path.to_string(), "/vigla/");
    assert_eq!(settings.mesh.cluster.as_str(), "west");
    let prometheus = settings.prometheus.unwrap();
    assert_eq!(prometheus.refresh.0.as_secs(), 30);
    assert_eq!(
        prometheus.outbound.url.as_str(),
        "https://prometheus.example:9090/under"
    );
    assert!(format!("{:?}", prometheus.outbound.auth).contains("/etc/vigla/token"));
    assert_eq!(settings.traces.jaeger.unwrap().url.port(), Some(16686));
    assert_eq!(settings.kubernetes, Some(KubeSettings::default()));
}

#[test]
fn what_is_wrong_is_told_with_file_line_and_key_all_at_once() {
    let cases = [
        (
            "server:\n  prot: 1\n",
            "vigla.yaml:2:3: there is no setting `server.prot`: did you mean `port`?",
        ),
        (
            "metric: {}\n",
            "vigla.yaml:1:1: there is no setting `metric`: did you mean `metrics`?",
        ),
        (
            "zzzzzzzzzzzz: 1\n",
            "there are server, mesh, metrics, traces, config, kubernetes",
        ),
        (
            "server:\n  port: many\n",
            "vigla.yaml:2:9: `server.port` takes a port from 0 to 65535, not `many`",
        ),
        ("server:\n  port: 70000\n", "not `70000`"),
        ("server: 7\n", "`server` takes keys with values, not `7`"),
        ("- a\n", "the file takes keys with values, not a list"),
        (
            "server: {namespaces: a}\n",
            "`server.namespaces` takes a list of namespaces, not `a`",
        ),
        (
            "server: {base_path: ../x}\n",
            "`server.base_path` takes a path such as /vigla, not `../x`",
        ),
        ("metrics: {prometheus: {refresh: 1s}}\n", "needs a `url`"),
        (
            "metrics: {prometheus: {url: \"http://169.254.169.254/\"}}\n",
            "169.254.169.254 is not among the allowed",
        ),
        (
            "metrics: {prometheus: {url: \"http://u:p@h/\"}}\n",
            "name a file with it instead",
        ),
        (
            "metrics: {prometheus: {url: \"http://h/\", deadline: 5}}\n",
            "`metrics.prometheus.deadline` takes a duration",
        ),
        (
            "metrics: {prometheus: {url: \"http://h/\", scope: {\"a-b\": c}}}\n",
            "takes labels and their values",
        ),
        (
            "metrics: {prometheus: {url: \"http://h/\", ca_file: /nowhere}}\n",
            "authorities in \"/nowhere\"",
        ),
        (
            "config: {folder: nowhere}\n",
            "vigla.yaml:1:18: `config.folder` names `/etc/vigla/nowhere`, which is no folder",
        ),
        (
            "kubernetes: {kubeconfig: nowhere}\n",
            "vigla.yaml:1:26: `kubernetes.kubeconfig` names `/etc/vigla/nowhere`, which is no file",
        ),
        (
            "kubernetes: {}\n",
            "`kubernetes` needs a `kubeconfig`, or `in_pod: true`",
        ),
        (
            "kubernetes: {in_pod: true, context: a}\n",
            "`kubernetes.context` is one of a `kubeconfig`",
        ),
        (
            "kubernetes: {in_pod: true}\nconfig: {folder: /}\n",
            "`kubernetes` and `config` exclude each other",
        ),
        (
            "server: {port: 1}\nserver: {port: 2}\n",
            "`server` stands there twice",
        ),
        ("server: [\n", "vigla.yaml:"),
    ];
    for (text, expect) in cases {
        let error = parse(text).unwrap_err();
        assert!(error.contains(expect), "{text}\n{error}\nnot {expect}");
    }
    let error = parse("server: {port: x, bas_path: /a}\nmesh: 1\n").unwrap_err();
    assert_eq!(error.lines().count(), 3, "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Settings::load(Path::new("/nowhere/vigla.yaml")).unwrap_err();
    assert!(
        format!("{error:#}").contains("/nowhere/vigla.yaml cannot be read: No such file"),
        "{error:#}"
    );
}
