"""The studio in a real browser: Debian's Chromium. It makes the pictures of docs/studio.md, too."""

import io
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from hexplane.geometry.heads import generate_head
from hexplane.studio import desk, person
from hexplane.studio.command import Studio
from hexplane.studio.edits import read_edit
from hexplane.studio.library import Library
from hexplane.studio.person import Person
from support.chromium import CHROMIUM, DRIVER, start, until
from support.project import ROOT
from support.studies import write_study

PICTURES = os.environ.get("HEXPLANE_STUDIO_PICTURES")
"""A folder that the pictures of docs/studio.md are written to, at their full size."""
pytest.importorskip("selenium.webdriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="no Chromium; run: apt-get install chromium chromium-driver",
    ),
]
HEADS = 7 if PICTURES else 4
HEIGHT = 800 if PICTURES else 500
VOXELS = 128 if PICTURES else 64
MOST_PICTURE = 200_000
WHICH = {"low": "min", "high": "max"}
MODEL = {"layered": {"kind": "layered", "components": 12}}
SLOW = """
const own = window.requestAnimationFrame.bind(window);
const waiting = new Map();
let count = 0, planned = false;
const draw = (time) => {
  const now = [...waiting.values()];
  planned = false;
  waiting.clear();
  for (const call of now) call(time);
};
window.requestAnimationFrame = (call) => {
  waiting.set(++count, call);
  if (!planned) setTimeout(() => own(draw), window.pictured ? 0 : 2000);
  planned = true;
  return count;
};
window.cancelAnimationFrame = (number) => waiting.delete(number);
"""
"""A frame each two seconds, unless a picture is taken: viser draws all the time, which by software
leaves none for anything else."""
FRAMES = """
const done = arguments[0];
window.pictured = true;
requestAnimationFrame(() => requestAnimationFrame(done));
"""


class Page:
    """A page of the studio, and the person that the studio knows it as."""

    def __init__(self, studio: Studio, driver: Any, downloads: Path) -> None:
        self.studio, self.driver, self.downloads = studio, driver, downloads
        before = set(studio.people)
        driver.get(studio.address)
        (number,) = until(lambda: set(studio.people) - before, "a visit")
        self.person: Person = studio.people[number]
        self.settled()
        # That WebGL has no GPU is true here, and no part of the page.
        close = "document.querySelectorAll('.mantine-Notification-closeButton')"
        driver.execute_script(f"{close}.forEach((own) => own.click())")

    def settled(self) -> None:
        time.sleep(0.5)  # what was clicked is on its way
        until(lambda: self.person.worker.wait(1), "the end of the work")

    def status(self) -> str:
        found = self.driver.find_element("css selector", "[data-status]")
        return str(found.get_attribute("textContent"))

    def tab(self, name: str) -> None:
        until(lambda: self._press("[role=tab]", name), name)
        time.sleep(0.5)

    def press(self, name: str) -> None:
        until(lambda: self._press("button, label", name), name)
        self.settled()

    def _press(self, kind: str, name: str) -> bool:
        for found in self.driver.find_elements("css selector", kind):
            if found.get_attribute("textContent").strip() == name:
                found.click()  # of the pointer: a tab takes no other
                return True
        return False

    def slider(self, label: str, end: str) -> None:
        """Move a slider to one of its ends, in one step."""
        from selenium.webdriver.common.keys import Keys

        thumb = until(lambda: self._beside(label, "[role=slider]"), label)
        thumb.send_keys(Keys.END if end == "high" else Keys.HOME)
        until(lambda: any(own.value == getattr(own, WHICH[end]) for own in self._known(label)), end)
        self.settled()

    def choose(self, label: str, value: str) -> None:
        """Of a list."""
        option = f"//*[@role='option'][normalize-space()='{value}']"
        looks = itertools.count()

        def offered() -> list[Any]:  # closed lists have their options, too
            if next(looks) % 50 == 0:  # again: the page may be laid out anew under a click
                self._click(self._beside(label, "input"))
            return [own for own in self.driver.find_elements("xpath", option) if own.is_displayed()]

        self.driver.execute_script("arguments[0].click()", until(offered, value)[0])
        self.driver.execute_script("document.activeElement.blur()")
        until(lambda: any(own.value == value for own in self._known(label)), value)
        self.settled()

    def _click(self, field: Any) -> None:
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", field)
        field.click()

    def _known(self, label: str) -> list[Any]:
        """The controls of that name, as the studio knows them."""
        controls = self.person.client.gui._gui_input_handle_from_uuid.values()
        return [own for own in controls if own.label == label]

    def _beside(self, label: str, selector: str) -> Any:
        """The control in the row of a label."""
        return self.driver.execute_script(
            """
            const [label, selector] = arguments;
            const named = [...document.querySelectorAll("label, div, span, p")].filter(
              (own) => own.textContent.trim() === label && own.offsetParent !== null);
            for (const own of named)
              for (let row = own; row; row = row.parentElement) {
                const found = row.querySelector(selector);
                if (found) return found;
              }
            return null;
            """,
            label,
            selector,
        )

    def seen(self) -> np.ndarray:
        """The picture of the heads, left of the controls."""
        picture = Image.open(io.BytesIO(self.picture())).convert("RGB")
        return np.asarray(picture, dtype=np.int16)[:, :800]

    def picture(self) -> bytes:
        """The page, with its heads."""
        until(lambda: self.driver.execute_async_script(FRAMES) or True, "a frame")
        found: bytes = until(self.driver.get_screenshot_as_png, "a picture")
        self.driver.execute_script("window.pictured = false")
        return found

    def downloaded(self, suffix: str) -> Path:
        def whole() -> list[Path]:
            return [file for file in self.downloads.iterdir() if file.suffix == suffix]

        (file,) = until(whole, f"a file {suffix}")
        return file

    def send(self, path: Path) -> None:
        """Choose a file to load."""

        def there() -> Any:
            return self.driver.find_element("css selector", "input[type=file]")

        until(there, "the button").send_keys(str(path))
        time.sleep(1)
        self.settled()

    def drop(self, name: str, text: str) -> None:
        """Let a file fall on the page."""
        self.driver.execute_script(
            """
            const [name, text] = arguments, dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([text], name));
            document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
            """,
            name,
            text,
        )

    def save(self, name: str) -> None:
        """A picture for the documentation, if it is wanted."""
        if not PICTURES:
            return
        colours = Image.open(io.BytesIO(self.picture())).convert("RGB").quantize(128)
        stream = io.BytesIO()
        colours.save(stream, "PNG", optimize=True)
        assert len(stream.getvalue()) < MOST_PICTURE
        Path(PICTURES, name).write_bytes(stream.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real heads, and a model of them."""
    folder = tmp_path_factory.mktemp("heads")
    heads = {f"head-{seed:03}": generate_head(seed) for seed in range(HEADS)}
    write_study(folder / "results/heads", heads, MODEL, 128)
    return folder


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Studio]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (desk, person):
            patch.setattr(module, "FINE", VOXELS)
        studio = Studio(Library(folder / "results/heads/models/layered"))
        yield studio
        studio.stop()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    downloads = tmp_path_factory.mktemp("downloads")
    driver = opened(downloads)
    driver.downloads = downloads
    yield driver
    driver.quit()


def opened(downloads: Path) -> Any:
    """A browser whose pages draw slowly."""
    driver = start(downloads)
    driver.set_script_timeout(60)  # less than what its client waits
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SLOW})
    return driver


@pytest.fixture
def page(studio: Studio, driver: Any, caplog: pytest.LogCaptureFixture) -> Iterator[Page]:
    resize(driver, 1280)
    yield Page(studio, driver, driver.downloads)
    assert not [record for record in caplog.records if record.exc_info]


def resize(driver: Any, width: int) -> None:
    size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def differ(one: np.ndarray, other: np.ndarray) -> int:
    """Pixels that are clearly not the same."""
    return int((np.abs(one - other).max(axis=2) > 12).sum())


def test_a_head_is_there_at_once_and_a_slider_changes_the_picture(page: Page):
    page.choose("Study's head", "head-001")
    until(lambda: page.status().startswith("head-001: "), "head-001")
    until(lambda: (page.seen().min(axis=2) < 235).sum() > 10_000, "the heads' picture")
    first = page.seen()
    page.save("studio-head.png")
    page.tab("Shape")
    page.slider("Direction 1", "high")
    until(lambda: page.person.session.edit.directions == (2.0,))
    until(lambda: differ(first, page.seen()) > 2_000)
    page.save("studio-shape.png")
    page.press("Undo")
    until(lambda: page.person.session.edit.directions == ())
    until(lambda: differ(first, page.seen()) < 500)
    page.press("Redo")
    until(lambda: page.person.session.edit.directions == (2.0,))
    page.press("Reset")
    until(lambda: page.person.session.edit.directions == ())


def test_a_part_of_another_head_is_taken(page: Page):
    first = page.seen()
    page.tab("Parts")
    page.choose("From", "head-001")
    page.press("Swap")
    until(lambda: page.person.session.edit.swaps)
    (swap,) = page.person.session.edit.swaps
    assert swap.head.name == "head-001" and swap.view == "front"
    until(lambda: differ(first, page.seen()) > 500)
    page.press("Take swaps back")
    until(lambda: page.person.session.edit.swaps == ())


def test_a_new_head_is_drawn_beside_the_nearest_one(page: Page):
    page.tab("Sample")
    page.press("Draw a head")
    until(lambda: page.person.session.edit.head.name == "sample 0 at 0.8")
    until(lambda: "the nearest training head, head-00" in page.person.panel.nearest.content)
    first = page.seen()
    page.press("Draw the next one")
    until(lambda: page.person.session.edit.head.name == "sample 1 at 0.8")
    until(lambda: differ(first, page.seen()) > 2_000)


def test_a_smaller_file_is_made(page: Page):
    page.tab("Export")
    whole = len(page.person.session.replay.file(page.person.session.edit))
    page.slider("Rate", "low")
    most = until(lambda: page.person.session.edit.most_bytes)
    assert most < whole
    assert len(page.person.session.replay.file(page.person.session.edit)) <= most


def test_what_is_exported_reads_back_and_is_replayed_without_a_page(
    page: Page, folder: Path, tmp_path: Path
):
    for file in page.downloads.iterdir():
        file.unlink()
    page.tab("Shape")
    page.slider("Symmetry", "high")
    page.tab("Export")
    for name in ("Mesh", "Latent file", "Edit as YAML", "Picture"):
        page.press(name)
    mesh = trimesh.load_mesh(page.downloaded(".ply"), process=False)
    assert mesh.is_watertight and len(mesh.faces) > 10_000
    own = page.person.session.replay.file(page.person.session.edit)
    assert page.downloaded(".hxl").read_bytes() == own
    picture = np.asarray(Image.open(page.downloaded(".png")).convert("RGB"))
    assert picture.shape == (960, 1280, 3) and picture.std() > 5
    edit = page.downloaded(".yaml")
    assert read_edit(edit).symmetry == 1
    command = [sys.executable, "-m", "hexplane", "edit", str(edit), str(tmp_path / "again.ply")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    subprocess.run(command, cwd=folder, env=environment, check=True)
    again = trimesh.load_mesh(tmp_path / "again.ply", process=False)
    np.testing.assert_array_equal(again.faces, mesh.faces)
    np.testing.assert_allclose(again.vertices, mesh.vertices, atol=1e-6)


def test_files_are_loaded_and_bad_ones_are_refused_in_a_sentence(page: Page, tmp_path: Path):
    own = generate_head(20)
    own.apply_scale(3)
    own.export(tmp_path / "mine.obj")
    page.send(tmp_path / "mine.obj")
    until(lambda: page.person.session.edit.head.name == "mine")
    made = page.person.session.replay.output(page.person.session.edit)
    np.testing.assert_allclose(made.bounds, own.bounds, atol=0.05 * own.extents.max())
    (tmp_path / "bad.ply").write_bytes(b"ply\nformat ascii 1.0\nelement vertex 9\n")
    page.send(tmp_path / "bad.ply")
    until(lambda: page.status().startswith("bad.ply: not a readable PLY"))
    assert page.person.session.edit.head.name == "mine"  # nothing is lost
    page.drop("again.obj", (tmp_path / "mine.obj").read_text())
    until(lambda: page.person.session.edit.head.name == "again")


def test_two_people_do_not_see_each_other_s_edits(page: Page, studio: Studio, tmp_path: Path):
    other = opened(tmp_path)
    try:
        theirs = Page(studio, other, tmp_path)
        assert theirs.person is not page.person
        before = theirs.seen()
        page.tab("Shape")
        page.slider("Direction 2", "high")
        assert page.person.session.edit.directions == (0.0, 2.0)
        assert theirs.person.session.edit.directions == ()
        assert differ(before, theirs.seen()) < 500
    finally:
        other.quit()
    until(lambda: theirs.person not in studio.people.values(), "their going")


def test_it_fits_a_telephone(page: Page, studio: Studio):
    resize(page.driver, 390)
    page = Page(studio, page.driver, page.downloads)
    wide = page.driver.execute_script("return document.documentElement.scrollWidth")
    assert wide <= 390
    page.tab("Shape")
    page.slider("Direction 1", "high")
    until(lambda: page.person.session.edit.directions == (2.0,))
