//! A real browser with its WebDriver.

use std::path::PathBuf;

use anyhow::Context;

use super::install_packages;
use crate::workspace::find_program;

/// Chromium and the driver of the same version.
pub(crate) struct Browser {
    pub(crate) chromium: PathBuf,
    pub(crate) driver: PathBuf,
}

/// Debian's Chromium, installed if it is not there.
pub(crate) fn ensure_browser() -> anyhow::Result<Browser> {
    if let Some(browser) = find_browser() {
        return Ok(browser);
    }
    install_packages(&["chromium", "chromium-driver"])?;
    find_browser().context("Chromium is installed, but chromium and chromedriver are not on PATH")
}

fn find_browser() -> Option<Browser> {
    Some(Browser {
        chromium: find_program("chromium")?,
        driver: find_program("chromedriver")?,
    })
}
