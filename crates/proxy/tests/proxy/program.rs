//! The program itself: fed by ADS, asked on its admin address, ended by signals and by its parent's end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use vigla_identity::Authority;
use vigla_xds::{ResourceKind, server::Event};

use crate::{
    app::App,
    control_plane::{ControlPlane, TOKEN, no_secrets},
    mesh,
    world::*,
};

/// A running `vigla-proxy`; killed when the test ends.
struct Program {
    child: Child,
    admin: SocketAddr,
    directory: tempfile::TempDir,
}

impl Program {
    fn start(token: &str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("token"), token).unwrap();
        let admin = free_address();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_vigla-proxy"))
            .args(["run", "--ads", &format!("unix:{}", path("ads"))])
            .args(["--token-file", &path("token"), "--node", "productpage-v1-0"])
            .args(["--admin", &admin.to_string(), "--access-log", &path("access.log")])
            .args(more)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            child,
            admin,
            directory,
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("ads")
    }

    async fn ask(&self, path: &str) -> Option<Answer> {
        let stream = tokio::net::TcpStream::connect(self.admin).await.ok()?;
        drop(stream);
        Caller::new(self.admin)
            .await
            .send(get(&self.admin.to_string(), path))
            .await
            .ok()
    }

    async fn wait_until_ready(&self) {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let answer = self.ask("/ready").await;
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                return;
            }
            assert!(Instant::now() < end, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn wait_for_end(&mut self, limit: Duration) -> std::process::ExitStatus {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "still running after {limit:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the control plane has seen something.
async fn wait_for(plane: &ControlPlane, wanted: impl Fn(&Event) -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !plane.events.lock().unwrap().iter().any(&wanted) {
        assert!(Instant::now() < end, "{:?}", plane.events.lock().unwrap());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_plan_comes_by_ads_is_acknowledged_and_outlives_the_control_plane() {
    let app = App::start().await;
    let authority = Authority::create("cluster.local", mesh::now()).unwrap();
    let mut world = World::new();
    world.secrets = mesh::secrets(&authority, "productpage", "productpage-v1");
    let callee = {
        let mut callee = World::new();
        callee.secrets = mesh::secrets(&authority, "reviews", "reviews-v1");
        mesh::inbound(&mut callee, app.address, mesh::Mode::Strict);
        callee.apply().await;
        callee
    };
    let address = callee.plan.listeners["inbound|9080"].address;
    let entry = mesh::outbound_to(&mut world, address, "reviews");

    let mut program = Program::start(TOKEN, &[]);
    let early = program.socket();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let plane = ControlPlane::start(&early, &world.plan, &world.secrets);
    program.wait_until_ready().await;
    for kind in ResourceKind::ALL {
        wait_for(
            &plane,
            |event| matches!(event, Event::Acknowledged { kind: have, .. } if *have == kind),
        )
        .await;
    }
    let mut caller = Caller::new(entry).await;
    assert_eq!(caller.get("/").await.status, 200);

    let metrics = program.ask("/stats/prometheus").await.unwrap().body;
    for part in [
        "istio_requests_total{",
        "process_cpu_seconds_total ",
        "process_resident_memory_bytes ",
        "vigla_proxy_build_info{",
    ] {
        assert!(metrics.contains(part), "{part} in {metrics}");
    }
    let dump = program.ask("/config_dump").await.unwrap().body;
    assert!(
        dump.contains("outbound|9080") && !dump.contains("PRIVATE KEY"),
        "{dump}"
    );
    assert!(program.ask("/clusters").await.unwrap().body.contains("v1::"));
    assert!(
        program
            .ask("/server_info")
            .await
            .unwrap()
            .body
            .contains("\"LIVE\"")
    );
    let mut admin = Caller::new(program.admin).await;
    let mut post = get("localhost", "/ready");
    *post.method_mut() = hyper::Method::POST;
    assert_eq!(admin.send(post).await.unwrap().status, 405);
    assert_eq!(
        admin.send(get("evil.example", "/ready")).await.unwrap().status,
        421
    );

    // The control plane goes and comes back with another word: meanwhile the last one holds.
    drop(plane);
    assert_eq!(caller.get("/").await.status, 200);
    let gone = route(vigla_dataplane::RouteAction::Respond {
        status: 410,
        body: "gone".into(),
    });
    world.routes(vec![gone]);
    let _plane = ControlPlane::start(&early, &world.plan, &world.secrets);
    let end = Instant::now() + Duration::from_secs(10);
    while caller.get("/").await.status != 410 {
        assert!(Instant::now() < end, "the new route never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    rustix::process::kill_process(
        rustix::process::Pid::from_child(&program.child),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    assert!(program.wait_for_end(Duration::from_secs(5)).await.success());
    let log = std::fs::read_to_string(program.directory.path().join("access.log")).unwrap();
    assert!(log.lines().count() >= 3, "{log}");
}

#[tokio::test]
async fn a_change_is_acknowledged_when_it_is_in_force() {
    let app = App::start().await;
    let mut world = World::new();
    let entry = world.listen(outbound());
    world.routes(vec![to_v1()]);
    world.cluster(cluster("v1"), vec![endpoint(app.address)]);
    let program = Program::start(TOKEN, &[]);
    let plane = ControlPlane::start(&program.socket(), &world.plan, &no_secrets());
    program.wait_until_ready().await;
    let mut caller = Caller::new(entry).await;
    assert_eq!(caller.get("/").await.status, 200);
    for status in [410, 411, 412] {
        plane.events.lock().unwrap().clear();
        world.routes(vec![route(vigla_dataplane::RouteAction::Respond {
            status,
            body: "".into(),
        })]);
        plane.push(&world.plan, &no_secrets());
        wait_for(&plane, |event| {
            matches!(
                event,
                Event::Acknowledged {
                    kind: ResourceKind::RouteTable,
                    ..
                }
            )
        })
        .await;
        assert_eq!(caller.get("/").await.status, status);
    }
}

#[tokio::test]
async fn a_wrong_token_never_becomes_ready() {
    let world = World::new();
    let program = Program::start("another token", &[]);
    let _plane = ControlPlane::start(&program.socket(), &world.plan, &no_secrets());
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = program.ask("/ready").await.unwrap();
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (503, "waiting for the control plane\n")
    );
}

#[tokio::test]
async fn it_ends_when_its_parent_lets_go() {
    let mut program = Program::start(TOKEN, &["--exit-with-parent"]);
    while program.ask("/ready").await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(program.child.stdin.take());
    assert!(program.wait_for_end(Duration::from_secs(2)).await.success());
}

#[tokio::test]
async fn supervise_becomes_the_program() {
    let output = Command::new(env!("CARGO_BIN_EXE_vigla-proxy"))
        .args([
            "supervise",
            "--",
            "sh",
            "-c",
            "echo \"$1\"; exit 7",
            "sh",
            "--flag",
        ])
        .output()
        .unwrap();
    assert_eq!(
        (output.status.code(), &*output.stdout),
        (Some(7), &b"--flag\n"[..])
    );
}
