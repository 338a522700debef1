"""The report in a real browser: Debian's Chromium, without a window, a server or a network."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hexplane.stages import report
from support.chromium import CHROMIUM, DRIVER, FLAGS
from support.reporting import EMPTY, HEADS, ORACLES, SPEC, fabricate, page_of, runs_of, summary_of

webdriver = pytest.importorskip("selenium.webdriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.usefixtures("small_pictures"),
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="no Chromium; run: apt-get install chromium chromium-driver",
    ),
]

PATIENCE = 60
"""Seconds until something on the page has to have happened: on a busy machine, not a target."""
WIDTHS = (1280, 390)


class Page:
    """The page under test, and what a visitor does to it."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def script(self, text: str, *arguments: object) -> Any:
        return self.driver.execute_script(text, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.find(selector).text)

    def until(self, holds: Callable[[], object]) -> None:
        from selenium.webdriver.support.wait import WebDriverWait

        WebDriverWait(self.driver, PATIENCE, 0.05).until(lambda _: holds())

    def canvas(self, name: str) -> str:
        """What a canvas shows, as a data URI."""
        return str(self.script("return document.getElementById(arguments[0]).toDataURL()", name))

    def painted(self, name: str) -> int:
        """Pixels of a canvas that are not see-through."""
        return int(
            self.script(
                "const c = document.getElementById(arguments[0]);"
                "const { data } = c.getContext('2d').getImageData(0, 0, c.width, c.height);"
                "let n = 0; for (let i = 3; i < data.length; i += 4) n += data[i] > 0; return n",
                name,
            )
        )

    def pictures(self, column: str) -> list[str]:
        pictures = self.driver.find_elements("css selector", f"img[data-column={column}]")
        return [picture.get_attribute("src") for picture in pictures]

    def choose(self, group: str, value: str) -> None:
        self.script(f"document.querySelector('#demo input[name={group}][value={value}]').click()")

    def scroll_to(self, selector: str) -> None:
        where = "{ block: 'center', behavior: 'instant' }"
        self.script(f"arguments[0].scrollIntoView({where})", self.find(selector))

    def press(self, *keys: str) -> None:
        """Press keys, held together, with the focus on the page itself."""
        actions = webdriver.ActionChains(self.driver, duration=10)
        for key in keys:
            actions.key_down(key)
        for key in reversed(keys):
            actions.key_up(key)
        actions.perform()

    def log(self, kind: str) -> list[dict[str, Any]]:
        return list(self.driver.get_log(kind))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, small_pictures: None) -> str:
    folder: Path = tmp_path_factory.mktemp("run") / "results"
    fabricate(folder)
    report.run(folder, page_of(folder), summary_of(folder), runs_of(folder), SPEC)
    return page_of(folder).as_uri()


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in (*FLAGS, "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield found
    found.quit()


@pytest.fixture
def page(driver: Any, address: str) -> Page:
    """The page as just opened, 1280 pixels wide, drawn."""
    resize(driver, WIDTHS[0])
    driver.get(address)
    page = Page(driver)
    page.until(lambda: page.painted("original") and page.painted("made"))
    return page


def resize(driver: Any, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def test_it_loads_from_a_file_and_asks_nothing_of_the_network(driver, address) -> None:
    page = Page(driver)
    page.log("browser"), page.log("performance")  # those of other pages
    driver.get(address)
    for section in ("#demo", "#training", "#latents", "#runs", "#again"):
        page.scroll_to(f"{section} h2")
    page.until(lambda: page.script("return document.querySelector('.main-svg')"))
    messages = [json.loads(entry["message"])["message"] for entry in page.log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    assert address in asked
    entries = page.script("return performance.getEntries().map((entry) => entry.name)")
    urls = [url for url in (*asked, *entries) if re.match(r"[a-z]+:", url)]
    assert {url.split(":")[0] for url in urls} <= {"file", "data", "blob"}
    assert [entry for entry in page.log("browser") if entry["level"] == "SEVERE"] == []


def test_it_starts_with_the_best_arm_on_the_first_held_out_head(page: Page) -> None:
    assert page.text("#original-name") == "dora"
    assert page.text("#made-name") == "ae-surface"
    assert page.painted("original") > 1000
    assert page.text("#made-says").startswith("F at 0.01")


def test_the_toggle_changes_the_pictures(page: Page) -> None:
    seen = {}
    for kind in ("binary", "depth", "normal"):
        page.choose("kind", kind)
        columns = [page.pictures(column) for column in ("input", "decoded", "difference")]
        assert all(len(set(column)) > 1 for column in columns[:2])
        assert all(uri.startswith("data:image/png") for column in columns for uri in column)
        seen[kind] = columns
        alt = page.find("img[data-column=decoded][data-view=front]").get_attribute("alt")
        assert alt == f"front view, {kind}, decoded of ae-surface"
        assert page.find(f"#scale-{'overlap' if kind == 'binary' else kind}").is_displayed()
    for column in range(3):
        assert seen["binary"][column] != seen["depth"][column] != seen["normal"][column]


def test_dragging_either_mesh_turns_both(page: Page) -> None:
    for dragged in ("original", "made"):
        before = {name: page.canvas(name) for name in ("original", "made")}
        page.scroll_to(f"#{dragged}")
        actions = webdriver.ActionChains(page.driver, duration=20)
        actions.move_to_element(page.find(f"#{dragged}")).click_and_hold()
        for _ in range(4):
            actions.move_by_offset(12, 5)
        actions.release().perform()
        page.until(lambda: all(page.canvas(name) != old for name, old in before.items()))  # noqa: B023
        assert page.text("#original-name") == "dora"  # a drag is no click


def test_shift_and_arrows_turn_both(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    before = {name: page.canvas(name) for name in ("original", "made")}
    page.scroll_to("#original")
    page.press(Keys.SHIFT, Keys.ARROW_LEFT)
    page.until(lambda: all(page.canvas(name) != old for name, old in before.items()))
    assert page.text("#original-name") == "dora"


def test_click_buttons_and_keys_go_through_the_heads(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    order = ["dora", "cleo", "ada", "bea"]
    assert sorted(order) == sorted(HEADS)
    page.scroll_to("#original")
    ways = (
        lambda: page.find("#original").click(),
        lambda: page.press(Keys.ARROW_RIGHT),
        lambda: page.find("#next-head").click(),
    )
    for name, go in zip(order[1:], ways, strict=True):
        before = page.canvas("original"), page.canvas("made"), page.pictures("input")
        go()
        page.until(lambda: page.text("#original-name") == name)  # noqa: B023
        page.until(lambda: page.canvas("original") != before[0])  # noqa: B023
        page.until(lambda: page.canvas("made") != before[1])  # noqa: B023
        assert page.pictures("input") != before[2]
    page.press(Keys.ARROW_LEFT)
    page.until(lambda: page.text("#original-name") == "ada")


def test_an_arm_changes_views_and_mesh_and_an_empty_mesh_has_its_sentence(page: Page) -> None:
    arm, head = EMPTY
    before = page.pictures("decoded")
    page.choose("arm", arm)
    assert page.text("#original-name") == head
    assert page.text("#made-name") == arm
    assert page.pictures("decoded") != before
    # What is on show is what this arm is given.
    assert page.find("#kinds input:checked").get_attribute("value") == "binary"
    sentence = page.text("#made-nothing")
    assert sentence.startswith("The mesh is empty: the decoded field runs from 0.012 to 0.31")
    assert not page.find("#made").is_displayed()
    page.choose("kind", "depth")
    assert page.text("#views-says").startswith("This arm decodes no depth.")
    page.scroll_to("#next-head")
    page.find("#next-head").click()
    page.until(lambda: page.painted("made"))
    assert page.find("#made").is_displayed()
    assert not page.find("#made-nothing").is_displayed()


def test_arms_are_chosen_by_arrow_keys_too(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.script("document.querySelector('#arms input:checked').focus()")
    page.press(Keys.ARROW_LEFT)
    page.until(lambda: page.text("#made-name") == list(ORACLES)[0])
    assert page.text("#original-name") == "dora"


def test_the_slider_goes_from_head_to_head(page: Page) -> None:
    from selenium.webdriver.common.keys import Keys

    page.scroll_to("#blend-step")
    page.until(lambda: page.painted("blend"))
    before = page.canvas("blend")
    page.script("document.getElementById('blend-step').focus()")
    page.press(Keys.END)
    page.until(lambda: page.canvas("blend") != before)
    assert page.text("#blend-says").startswith("t = 1.00")
    assert page.text("#original-name") == "dora"  # the slider's keys are its own
    page.script(
        "const arm = document.getElementById('blend-arm'); arm.value = '0';"
        "document.getElementById('blend-step').value = 3;"
        "arm.dispatchEvent(new Event('change'))"
    )
    page.until(lambda: page.find("#blend-nothing").is_displayed())
    assert "runs from 0 to 0.25" in page.text("#blend-nothing")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_works_at_both_widths_and_in_both_themes(page: Page, width: int, theme: str) -> None:
    resize(page.driver, width)
    feature = {"name": "prefers-color-scheme", "value": theme}
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    assert page.script("return innerWidth") == width
    assert page.script("return document.documentElement.scrollWidth") <= width
    page.until(lambda: page.painted("original") and page.painted("made"))
    for name in ("original", "made"):
        box = page.find(f"#{name}").rect
        assert box["width"] > 0.25 * min(width, 1000)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    colour = page.script("return getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", colour)[0])
    assert (red < 128) == (theme == "dark")


def test_charts_are_drawn_when_they_come_near(page: Page) -> None:
    drawn = "return document.querySelectorAll('#chart-curve-loss .main-svg').length"
    page.scroll_to("#chart-curve-loss")
    page.until(lambda: page.script(drawn) > 0)
    page.script("window.dispatchEvent(new Event('beforeprint'))")  # paper shows all of them
    charts = page.script("return document.querySelectorAll('.chart').length")
    drawn = "return document.querySelectorAll('.chart.js-plotly-plot').length"
    assert page.script(drawn) == charts
    assert page.find("details[data-print] img").is_displayed()
