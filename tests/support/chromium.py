"""Debian's Chromium without a window: where it is, and how it starts."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
PATIENCE = 240
"""Seconds until something has to have happened: on a busy machine, not a target."""
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # containers run as root
    "--disable-dev-shm-usage",
    "--use-angle=swiftshader",  # WebGL without a GPU
    "--enable-unsafe-swiftshader",
)


def start(downloads: Path) -> Any:
    """A browser that saves what it is given in a folder."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, "--window-size=1280,800"):
        options.add_argument(flag)
    preferences = {
        "download.default_directory": str(downloads),
        "download.prompt_for_download": 0,
        # A click counts for five seconds, which are over before a busy machine answers it.
        "profile.default_content_setting_values.automatic_downloads": 1,
    }
    options.add_experimental_option("prefs", preferences)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(100)  # less than what its client waits
    return driver


def until(holds: Callable[[], Any], what: str = "it") -> Any:
    """What is true at last.

    A browser that draws by software on a busy machine may take longer than its driver waits.
    """
    from selenium.common.exceptions import WebDriverException

    end = time.monotonic() + PATIENCE
    while True:
        try:
            found = holds()
        except WebDriverException:
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not happen in {PATIENCE} s"
        time.sleep(0.1)
