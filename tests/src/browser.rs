//! A real browser: Debian's Chromium, driven through its WebDriver.

use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction},
    elements::Element,
    key::Key,
};
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{Given, given, output, processes_that_mention, until, until_some};

/// The first session on a busy machine took 5 s; ten times that is a browser that does not come.
const SESSION_DEADLINE: Duration = Duration::from_secs(60);

/// How long a test waits for an element of a page.
const ELEMENT_DEADLINE: Duration = Duration::from_secs(20);

/// Chromium without what phones home and without a graphics card.
const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with one window. Dropping it ends browser and driver.
pub struct Browser {
    driver: Child,
    client: Client,
    profile: TempDir,
}

/// Something that axe-core objects to.
#[derive(Debug, Clone, Deserialize)]
pub struct Violation {
    /// The rule, such as `color-contrast`.
    pub id: String,
    /// What the rule asks for.
    pub help: String,
    /// The elements, as selectors.
    pub targets: Vec<String>,
}

impl Browser {
    /// Opens a window of this size; `None` when no browser is given.
    pub async fn open(width: u32, height: u32) -> Option<Self> {
        let program = given(Given::Chromedriver)?;
        let port = free_port();
        let driver = Command::new(program)
            .arg(format!("--port={port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut driver = Ended(Some(driver));
        let profile = tempfile::tempdir().expect("there is a temporary folder");
        let capabilities = capabilities(&profile, width, height);
        let client = until_some("browser", SESSION_DEADLINE, async || {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities.clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
                .map_err(|error| error.to_string())
        })
        .await;
        Some(Self {
            driver: driver.0.take().expect("set above"),
            client,
            profile,
        })
    }

    /// Opens an address.
    pub async fn goto(&self, address: &str) {
        self.client
            .goto(address)
            .await
            .unwrap_or_else(|error| panic!("cannot open {address}: {error}"));
    }

    /// Waits for an element.
    pub async fn element(&self, selector: &str) -> Element {
        let wait = self
            .client
            .wait()
            .at_most(ELEMENT_DEADLINE)
            .for_element(Locator::Css(selector))
            .await;
        match wait {
            Ok(element) => element,
            Err(error) => {
                let picture = self.picture("missing-element").await;
                panic!(
                    "no element `{selector}` at {}: {error}; picture: {picture}",
                    self.address().await
                )
            }
        }
    }

    /// Clicks on an element as soon as it is there.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        element
            .click()
            .await
            .unwrap_or_else(|error| panic!("cannot click `{selector}`: {error}"));
    }

    /// Clicks on the first element of this kind whose text has all of these words.
    pub async fn click_named(&self, selector: &str, first: &str, second: &str) {
        let found = until_some(
            &format!("`{selector}` with {first} {second}"),
            ELEMENT_DEADLINE,
            async || {
                let elements = self
                    .client
                    .find_all(Locator::Css(selector))
                    .await
                    .map_err(|error| error.to_string())?;
                for element in elements {
                    // Text for screen readers only is a part of the name too.
                    let text = element
                        .prop("textContent")
                        .await
                        .ok()
                        .flatten()
                        .unwrap_or_default();
                    if text.contains(first) && text.contains(second) {
                        return Ok(element);
                    }
                }
                Err("none".to_owned())
            },
        )
        .await;
        found
            .click()
            .await
            .unwrap_or_else(|error| panic!("cannot click {first} {second}: {error}"));
    }

    /// Clicks with a real pointer at a place of the window, in CSS pixels.
    pub async fn click_at(&self, x: i64, y: i64) {
        let actions = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveTo {
                duration: None,
                x: x as f64,
                y: y as f64,
            })
            .then(PointerAction::Down {
                button: MOUSE_BUTTON_LEFT,
            })
            .then(PointerAction::Up {
                button: MOUSE_BUTTON_LEFT,
            });
        self.client
            .perform_actions(actions)
            .await
            .unwrap_or_else(|error| panic!("cannot click at {x}, {y}: {error}"));
    }

    /// Presses a key where the focus is: a character, or `Escape`.
    pub async fn key(&self, name: &str) {
        let value = match name {
            "Escape" => Key::Escape.into(),
            name => name.chars().next().expect("a key has a name"),
        };
        let actions = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client
            .perform_actions(actions)
            .await
            .unwrap_or_else(|error| panic!("cannot press {name}: {error}"));
    }

    /// Waits until the page shows more than its waiting face, and no longer moves.
    pub async fn settle(&self) {
        let quiet = "return !document.querySelector('[aria-busy=true]')
            && document.getAnimations().every(animation => animation.playState !== 'running')";
        until(
            &format!("quiet page at {}", self.address().await),
            ELEMENT_DEADLINE,
            async || self.run(quiet, Vec::new()).await == json!(true),
        )
        .await;
    }

    /// Waits until the text that a person can read in an element meets a condition.
    pub async fn text_when(&self, selector: &str, deadline: Duration, good: impl Fn(&str) -> bool) -> String {
        until_some(&format!("fitting text in `{selector}`"), deadline, async || {
            let script = "const e = document.querySelector(arguments[0]); return e ? e.innerText : null";
            let text = self.run(script, vec![json!(selector)]).await;
            let text = text.as_str().ok_or("no such element")?.to_owned();
            if good(&text) { Ok(text) } else { Err(text) }
        })
        .await
    }

    /// Runs a script in the page and returns what it returns.
    pub async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client
            .execute(script, arguments)
            .await
            .unwrap_or_else(|error| panic!("script failed: {error}: {script}"))
    }

    /// The address that the page has now.
    pub async fn address(&self) -> String {
        self.client
            .current_url()
            .await
            .map_or_else(|error| error.to_string(), |url| url.to_string())
    }

    /// Everything else that a WebDriver can do.
    pub fn driver(&self) -> &Client {
        &self.client
    }

    /// Takes a picture into `target/e2e`; returns its path.
    pub async fn picture(&self, name: &str) -> String {
        let path = output(&format!("{name}.png"));
        match self.client.screenshot().await {
            Ok(picture) => fs::write(&path, picture).expect("a picture can be written"),
            Err(error) => return format!("none: {error}"),
        }
        path.display().to_string()
    }

    /// What axe-core finds on the page as it is now; `None` when axe-core is not given.
    pub async fn judge(&self) -> Option<Vec<Violation>> {
        let script = fs::read_to_string(given(Given::Axe)?).expect("the script of axe-core is text");
        self.run(&script, Vec::new()).await;
        let judge = "const done = arguments[0];
            axe.run(document).then(result => done(result.violations.map(violation => ({
                id: violation.id, help: violation.help,
                targets: violation.nodes.map(node => node.target.join(' ')),
            }))))";
        let found = self
            .client
            .execute_async(judge, Vec::new())
            .await
            .expect("axe-core runs under our CSP");
        Some(serde_json::from_value(found).expect("the shape that is asked for above"))
    }

    /// Errors and warnings of the console so far, Content Security Policy and failed loads among them.
    pub async fn console_errors(&self) -> Vec<String> {
        let log = self
            .client
            .issue_cmd(LogOfConsole)
            .await
            .expect("Chromium keeps a log of the console");
        let lines = log.as_array().cloned().unwrap_or_default();
        let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
        lines
            .iter()
            .filter(|line| matches!(line["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|line| format!("{}: {}", text(line, "level"), text(line, "message")))
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver does not end its browser when it is ended itself.
        self.driver.kill().ok();
        self.driver.wait().ok();
        for process in processes_that_mention(&self.profile.path().display().to_string()) {
            let id = i32::try_from(process.id).ok().and_then(Pid::from_raw);
            id.map(|id| rustix::process::kill_process(id, Signal::KILL).ok());
        }
        // Chromium writes into its profile until it is gone; what is left of it is not worth a failure.
        fs::remove_dir_all(self.profile.path()).ok();
    }
}

/// Ends a driver whose session never came.
struct Ended(Option<Child>);

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Chromium's own command for the log of the console; reading it empties it.
#[derive(Debug)]
struct LogOfConsole;

impl fantoccini::wd::WebDriverCompatibleCommand for LogOfConsole {
    fn endpoint(&self, base_url: &url::Url, session_id: Option<&str>) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/se/log", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _request_url: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

fn capabilities(profile: &TempDir, width: u32, height: u32) -> Map<String, Value> {
    let mut flags: Vec<String> = FLAGS.map(str::to_owned).into();
    flags.push(format!("--window-size={width},{height}"));
    flags.push(format!("--user-data-dir={}", profile.path().display()));
    let mut options = json!({ "args": flags });
    if let Some(chromium) = std::env::var_os("VIGLA_CHROMIUM") {
        options["binary"] = json!(chromium.to_string_lossy());
    }
    let capabilities = json!({
        "goog:chromeOptions": options,
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    capabilities.as_object().expect("written as an object").clone()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}
