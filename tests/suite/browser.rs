//! Headless Chromium, driven over WebDriver (<https://www.w3.org/TR/webdriver2/>): as much of it as the tests of the page need.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// Debian's packages `chromium` and `chromium-driver`.
const BROWSER: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// How long a page may take to come to a state that is waited for.
const LONG: Duration = Duration::from_secs(60);

/// A browser with one window and a profile of its own, which is ended when this is dropped.
pub(crate) struct Browser {
    driver: Child,
    agent: ureq::Agent,
    /// The address of the session.
    session: String,
    profile: tempfile::TempDir,
}

/// So often a driver is started that ends before it says its port.
const STARTS: usize = 5;

/// A browser; `None` where there is none and that has been said.
pub(crate) fn browser() -> Option<Browser> {
    for program in [BROWSER, DRIVER] {
        if !Path::new(program).exists() {
            crate::not_tested(&format!("the page: {program} is not there: apt-get install chromium chromium-driver"));
            return None;
        }
    }
    Some(Browser::start())
}

impl Browser {
    fn start() -> Self {
        // The driver picks a port for IPv4, and ends where that of IPv6 is somebody's.
        (0..STARTS).find_map(|_| Self::try_start()).expect("the driver says its port")
    }

    fn try_start() -> Option<Self> {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines().map(Result::unwrap);
        let port = said.find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let Some(port) = port else {
            driver.wait().unwrap();
            return None;
        };
        // The rest is read on, so that the driver never waits for us.
        std::thread::spawn(move || said.for_each(drop));
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(LONG)).build().into();
        let mut browser = Self { driver, agent, session: String::new(), profile };
        browser.open_session(&format!("http://127.0.0.1:{port}"));
        Some(browser)
    }

    fn open_session(&mut self, address: &str) {
        let folder = self.profile.path().display();
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1280,900",
            format!("--user-data-dir={folder}"),
        ]);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": BROWSER, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let opened = self.request("POST", &format!("{address}/session"), Some(&wanted));
        let id = opened["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {opened}"));
        self.session = format!("{address}/session/{id}");
    }

    fn request(&self, method: &str, url: &str, body: Option<&Value>) -> Value {
        let answer = match (method, body) {
            ("POST", Some(body)) => self.agent.post(url).send_json(body),
            ("DELETE", _) => self.agent.delete(url).call(),
            _ => self.agent.get(url).call(),
        };
        let mut answer: Value = answer.unwrap().body_mut().with_config().limit(64 << 20).read_json().unwrap();
        assert!(answer["value"].get("error").is_none(), "{method} {url}: {}", answer["value"]);
        answer["value"].take()
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        self.request("POST", &format!("{}/{name}", self.session), Some(body))
    }

    /// Opens an address, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.command("url", &json!({ "url": url }));
    }

    pub(crate) fn reload(&self) {
        self.command("refresh", &json!({}));
    }

    pub(crate) fn back(&self) {
        self.command("back", &json!({}));
    }

    /// What stands behind `#`.
    pub(crate) fn fragment(&self) -> String {
        self.run("return location.hash").as_str().unwrap().trim_start_matches('#').to_owned()
    }

    /// Runs a script in the page, and gives what it returns. A promise is awaited.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// A command of the browser's own protocol.
    pub(crate) fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("goog/cdp/execute", &json!({ "cmd": name, "params": parameters }))
    }

    /// The id of the element that is shown; waits for it.
    fn find(&self, selector: &str) -> String {
        let begun = Instant::now();
        loop {
            let found = self.command("elements", &json!({ "using": "css selector", "value": selector }));
            if let Some(element) = found.as_array().and_then(|found| found.first()) {
                return element.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
            }
            assert!(begun.elapsed() < LONG, "`{selector}` does not appear");
            std::thread::yield_now();
        }
    }

    /// Clicks as a hand does: on what is to be seen.
    pub(crate) fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.command(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into an element.
    pub(crate) fn keys(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.command(&format!("element/{element}/value"), &json!({ "text": text }));
    }

    /// The text of the first such element, as it is shown.
    pub(crate) fn text(&self, selector: &str) -> String {
        let element = self.find(selector);
        let url = format!("{}/element/{element}/text", self.session);
        self.request("GET", &url, None).as_str().unwrap().to_owned()
    }

    /// The size of what is shown.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": true });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What the browser complained about since it was asked last.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        log.as_array().unwrap().iter().map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends the browsers that it started, when their session is closed or it is told to end.
        if !self.session.is_empty() {
            drop(self.agent.delete(&self.session).call());
        }
        if kill(Pid::from_raw(i32::try_from(self.driver.id()).unwrap()), Signal::SIGTERM).is_ok() {
            drop(self.driver.wait());
        }
    }
}
