//! The console in a real browser, as a person uses it.

use std::{collections::BTreeSet, time::Duration};

use serde::Deserialize;
use serde_json::json;
use vigla_tests::{Browser, Demo, GraphExt, complete_graph, until_some};

/// From a change to the open page: the map's own bar, with the browser's part on top.
const SOON: Duration = Duration::from_secs(12);

/// A row of the table that has everything that the map draws.
#[derive(Debug, Deserialize)]
struct Row {
    /// 0 a namespace, 1 a node, 2 a call of the node above.
    level: u8,
    name: String,
    cells: Vec<String>,
}

/// Reads the table twin, which is in the document whether it is seen or not.
async fn rows(browser: &Browser) -> Vec<Row> {
    let script = "return [...document.querySelectorAll('.twin tbody tr')].map(row => ({
        level: Number([...row.classList].find(name => name.startsWith('level-')).slice(6)),
        name: (row.querySelector('button, .strong') || row).textContent.trim(),
        cells: [...row.querySelectorAll('td')].map(cell => cell.textContent.trim()),
    }))";
    serde_json::from_value(browser.run(script, vec![]).await).expect("the shape that is asked for above")
}

/// The calls that the page has, as `CALLER -> CALLEE`.
async fn calls(browser: &Browser) -> BTreeSet<String> {
    let mut caller = String::new();
    let mut calls = BTreeSet::new();
    for row in rows(browser).await {
        match row.level {
            1 => caller = row.name,
            2 => {
                calls.insert(format!("{caller} -> {}", row.name));
            }
            _ => {}
        }
    }
    calls
}

#[tokio::test]
async fn a_person_sees_the_mesh_selects_a_call_and_follows_a_scenario() {
    let Some(browser) = Browser::open(1440, 900).await else {
        return;
    };
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    browser.goto(&format!("{}/map", demo.address())).await;

    // What the generator makes is there, by name.
    let wanted = [
        ("productpage", "details"),
        ("productpage", "reviews-v1"),
        ("productpage", "reviews-v2"),
        ("productpage", "reviews-v3"),
        ("reviews-v2", "ratings"),
        ("reviews-v3", "ratings"),
    ];
    until_some("calls of the mesh", SOON, async || {
        let calls = calls(&browser).await;
        let is_there = |(from, to): &&(&str, &str)| {
            calls.iter().any(|call| {
                call.split_once(" -> ")
                    .is_some_and(|(a, b)| a.contains(from) && b.contains(to))
            })
        };
        let missing: Vec<_> = wanted.iter().filter(|pair| !is_there(pair)).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("without {missing:?}: {calls:?}"))
        }
    })
    .await;
    assert_painted(&browser, &demo).await;
    browser.picture("map").await;

    // A click on the drawing selects what is under it.
    select_by_click(&browser).await;
    assert!(
        browser.address().await.contains("sel="),
        "the selection is in the address"
    );

    // The scenario is started by its button; the next problem is one key away, with its reason.
    browser.click("header button[title^='Scenarios']").await;
    browser.click_named("button", "Start", "broken-subset").await;
    until_some("failing call on the map", SOON, async || {
        let failing = rows(&browser)
            .await
            .into_iter()
            .find(|row| row.level == 2 && fails(row));
        failing
            .map(|_| ())
            .ok_or_else(|| "no row has failures".to_owned())
    })
    .await;
    browser.key("Escape").await;
    browser.key("p").await;
    let why = browser
        .text_when("aside.map-panel .causes", SOON, |text| {
            text.contains("v4") && text.contains("reviews")
        })
        .await;
    assert!(why.contains("subset"), "{why}");
    browser.picture("map-broken-subset").await;

    // Undone, the map is well again without a reload.
    browser.click("header button[title^='Scenarios']").await;
    browser.click_named("button", "Undo", "broken-subset").await;
    until_some("map without failures", Duration::from_secs(90), async || {
        let failing = rows(&browser)
            .await
            .into_iter()
            .find(|row| row.level == 2 && fails(row));
        failing.map_or(Ok(()), |row| Err(format!("{row:?}")))
    })
    .await;

    assert_eq!(
        browser.console_errors().await,
        Vec::<String>::new(),
        "nothing is blocked and nothing fails"
    );
}

/// The column of failures has a share above zero.
fn fails(row: &Row) -> bool {
    row.cells
        .get(1)
        .is_some_and(|cell| cell.chars().any(|c| ('1'..='9').contains(&c)))
}

/// The canvas has several colours, and says as many nodes and calls as the API.
async fn assert_painted(browser: &Browser, demo: &Demo) {
    until_some("painted map", SOON, async || {
        let colours = browser
            .run(
                "const canvas = document.querySelector('.map-canvas canvas');
                if (!canvas || !canvas.width) return 0;
                // Read from a copy: a canvas that is read from often is drawn more slowly, and Chromium says so.
                const copy = new OffscreenCanvas(canvas.width, canvas.height)
                    .getContext('2d', { willReadFrequently: true });
                copy.drawImage(canvas, 0, 0);
                const data = copy.getImageData(0, 0, canvas.width, canvas.height).data;
                const seen = new Set();
                for (let i = 0; i < data.length; i += 4 * 7) seen.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
                return seen.size",
                vec![],
            )
            .await;
        if colours.as_u64() > Some(5) { Ok(()) } else { Err(format!("{colours} colours")) }
    })
    .await;
    until_some("the same picture as the API's", SOON, async || {
        let graph = demo.graph("view=workload&window=1m").await?;
        let wanted = format!("{} nodes, {} calls", graph.nodes.len(), graph.edges.len());
        let said = browser
            .run(
                "return document.querySelector('.map-canvas').getAttribute('aria-label')",
                vec![],
            )
            .await;
        let said = said.as_str().unwrap_or_default().to_owned();
        if said.contains(&wanted) {
            Ok(())
        } else {
            Err(format!("{said}, not {wanted}"))
        }
    })
    .await;
}

/// Clicks over the canvas in a grid until something is under the pointer.
async fn select_by_click(browser: &Browser) {
    for y in 2..9 {
        for x in 1..14 {
            let hit = browser
                .run(
                    "const canvas = document.querySelector('.map-canvas');
                    const place = canvas.getBoundingClientRect();
                    return [place.x + place.width * arguments[0] / 15, place.y + place.height * arguments[1] / 11]",
                    vec![json!(x), json!(y)],
                )
                .await;
            let (x, y) = (hit[0].as_f64().unwrap_or(0.0), hit[1].as_f64().unwrap_or(0.0));
            browser.click_at(x as i64, y as i64).await;
            let open = browser
                .run("return !!document.querySelector('aside.map-panel')", vec![])
                .await;
            if open == json!(true) {
                return;
            }
        }
    }
    let picture = browser.picture("map-nothing-to-click").await;
    panic!("nothing on the map can be clicked: {picture}");
}

#[tokio::test]
async fn numbers_on_an_open_page_move_by_themselves() {
    let Some(browser) = Browser::open(1280, 800).await else {
        return;
    };
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    browser.goto(&format!("{}/map?as=table", demo.address())).await;
    let numbers = async || {
        rows(&browser)
            .await
            .into_iter()
            .flat_map(|row| row.cells)
            .collect::<Vec<_>>()
    };
    browser.element(".twin tbody tr").await;
    let first = numbers().await;
    until_some("other numbers", SOON, async || {
        let now = numbers().await;
        if now == first {
            Err(format!("still {now:?}"))
        } else {
            Ok(())
        }
    })
    .await;
}

#[tokio::test]
async fn a_copied_address_shows_the_same_view() {
    let Some(browser) = Browser::open(1280, 800).await else {
        return;
    };
    let Some(demo) = Demo::with(&[]).await else { return };
    let graph = complete_graph(&demo).await;
    let edge = graph.edges_between("bookinfo/productpage-v1", "bookinfo/details-v1")[0]
        .id
        .clone();
    browser
        .goto(&format!(
            "{}/map?as=table&theme=light&sel=edge:{edge}",
            demo.address()
        ))
        .await;
    browser
        .text_when("aside.map-panel", SOON, |text| text.contains("details"))
        .await;
    let theme = browser
        .run("return document.documentElement.dataset.theme", vec![])
        .await;
    assert_eq!(theme, json!("light"));
    let selected = browser
        .run("return document.querySelector('.twin tr.sel').innerText", vec![])
        .await;
    assert!(
        selected.as_str().is_some_and(|row| row.contains("details")),
        "{selected}"
    );
}

/// Each page in each theme, wide and narrow: axe-core finds nothing, the console has no word.
#[tokio::test]
async fn every_page_is_accessible_in_every_theme() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    let trace = format!("traces/{}", recorded_trace(&demo).await);
    let mut found = BTreeSet::new();
    for (width, height) in [(1440, 900), (420, 900)] {
        let Some(browser) = Browser::open(width, height).await else {
            return;
        };
        for page in [
            "map",
            "map?find=error%20%3E%201&hide=ns%20%3D%20istio-system",
            "map?as=table",
            "services",
            "workloads",
            "workloads/bookinfo/reviews-v1",
            "traces",
            &trace,
            "config",
            "config/VirtualService.networking.istio.io/bookinfo/reviews",
            "sources",
            "no-such-page",
        ] {
            for theme in ["dark", "light", "contrast"] {
                let sign = if page.contains('?') { '&' } else { '?' };
                browser
                    .goto(&format!("{}/{page}{sign}theme={theme}", demo.address()))
                    .await;
                browser.element("main h1").await;
                browser.settle().await;
                let Some(violations) = browser.judge().await else {
                    return;
                };
                for violation in violations {
                    found.insert(format!(
                        "{page} {theme} {width}: {} {:?}",
                        violation.id, violation.targets
                    ));
                }
            }
        }
        for line in browser.console_errors().await {
            found.insert(format!("console at {width}: {line}"));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// Id of a trace that the demo's sidecars recorded.
async fn recorded_trace(demo: &Demo) -> String {
    until_some("a recorded trace", Duration::from_secs(20), async || {
        let list: serde_json::Value = demo.get("/api/v1/traces?window=5m").await;
        let id = list["items"][0]["id"].as_str().map(str::to_owned);
        id.ok_or_else(|| list.to_string())
    })
    .await
}

#[tokio::test]
async fn what_is_looked_for_on_the_map_is_found_and_what_is_hidden_is_gone() {
    let Some(demo) = Demo::with(&[]).await else { return };
    complete_graph(&demo).await;
    let Some(browser) = Browser::open(1440, 900).await else {
        return;
    };
    let says = async |selector: &str, words: &str| {
        browser
            .text_when(selector, Duration::from_secs(10), |text| text.contains(words))
            .await
    };
    let find = "rate%20%3E%200%20and%20target.name%20%3D%20details-v1";
    browser.goto(&format!("{}/map?find={find}", demo.address())).await;
    says(".find-bar", "2 calls found").await;
    browser
        .goto(&format!("{}/map?hide=name%20%3D%20details-v1", demo.address()))
        .await;
    says(".find-bar", "3 hidden").await;
    let field = browser.element("[data-find=find]").await;
    field.send_keys("nmae = x").await.expect("the field takes keys");
    says("#find-error", "did you mean `name`?").await;
}
