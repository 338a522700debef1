"""The paper says what results say, leaves out what they lack, and fits its columns."""

import copy
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hexplane.paper.collected import FORMAT, collected
from hexplane.paper.document import LEFT_OUT, SAID, Document
from hexplane.paper.figures import figures
from hexplane.plumbing.errors import UserError
from hexplane.plumbing.files import write_json
from hexplane.settings.paper import STUDIES
from hexplane.stages import paper
from support.papers import SNAPSHOTS, Value, studies

PPI = 72
MILLIMETRES = 25.4
ROOT = Path(__file__).parents[2]


def commit(folder: Path, known: dict[str, Value], tables: tuple[str, ...] = ()) -> Path:
    """A folder of committed figures."""
    write_json(folder / "studies.json", {"format": FORMAT, "studies": known})
    for name in tables:
        (folder / f"{name}.csv").write_text(SNAPSHOTS)
    return folder


def document(folder: Path, known: dict[str, Value], tables: tuple[str, ...] = ()) -> Document:
    """The paper of committed figures alone."""
    found = collected(STUDIES, folder / "results", commit(folder / "data", known, tables))
    views = [{"name": own, "toward": [0, 1, 0], "right": [1, 0, 0], "up": [0, 0, -1]}
             for own in ("top", "bottom", "front", "back", "left", "right")]  # fmt: skip
    drawn = figures(found)
    return Document({"studies": found, "views": views, "figures": list(drawn)}, drawn)


def words(content: Any) -> str:
    """What is said in a piece of Typst's content, as it queries it."""
    if isinstance(content, dict):
        own = content.get("text", "")
        parts = [own] if isinstance(own, str) else []
        parts += [" "] if content.get("func") in ("space", "parbreak") else []
        keys = ("body", "child", "children", "base")
        return "".join([*parts, *(words(content[key]) for key in keys if key in content)])
    return "".join(map(words, content)) if isinstance(content, list) else ""


def said(made: Document) -> dict[str, str]:
    return {own["about"]: " ".join(words(own["text"]).split()) for own in made.marks(SAID)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return document(tmp_path_factory.mktemp("whole"), studies(), ("replay", "reported"))


def test_with_all_results_nothing_is_left_out(whole: Document) -> None:
    assert whole.marks(LEFT_OUT) == []
    found = said(whole)
    assert "reaches 0.88 of what its views allow" in found["the default run, in short"]
    assert "is contradicted" in found["the outcome of H-input"]
    assert "0.98 thousandths and Draco at 0.98" in found["layered beside Draco at 1,024 bytes"]
    assert "Of 200 heads drawn by" in found["draws of layered"]


def test_the_replay_is_read_off_its_snapshots(whole: Document) -> None:
    found = said(whole)
    told = found["what the KL did in the replay"].replace("\u200b", "")
    assert "rises to over ten times the first in vae-occupancy-sse." in told
    assert "falls below 1 % of the first in vae-depth-normal." in told
    assert "stays between the two in vae-occupancy." in told
    assert "by 5 to 5 times" in found["how the charged KL went in the replay"]
    assert found["means beside samples in the replay"].startswith("In 1 of 3 runs the mean")
    assert "from step 20 on for the deterministic" in found["when there are meshes in the replay"]
    assert "not what the source" in found["what the replay says of the explanations"]


def test_a_missing_number_takes_its_sentences_and_no_others(
    tmp_path: Path, whole: Document
) -> None:
    known = studies()
    del known["ablation"]["runs"]["vae-occupancy-sigma"]
    del known["codec"]["draws"]
    made = document(tmp_path, known, ("replay", "reported"))
    missing = {(own["study"], own["about"]) for own in made.marks(LEFT_OUT)}
    arms = ("layered", "registered")
    assert missing == {
        ("ablation", "learned sigma"),
        *(("codec", f"draws of {arm}") for arm in arms),
        *(("codec", f"how near draws of {arm} are to training heads") for arm in arms),
    }
    before, after = said(whole), said(made)
    assert set(before) - set(after) == {about for _, about in missing}
    assert after.items() <= before.items()


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("supported", "explanation stands"),
        ("contradicted", "is contradicted"),
        ("undecided", "On some seeds every arm on silhouettes fails, on others not."),
    ],
)
def test_a_changed_verdict_changes_its_sentence(
    tmp_path: Path, outcome: str, sentence: str
) -> None:
    known = {"ablation": studies()["ablation"]}
    known["ablation"]["verdicts"]["H-input"]["outcome"] = outcome
    found = said(document(tmp_path, known))["the outcome of H-input"]
    assert sentence in found


def test_it_builds_from_one_study_alone(tmp_path: Path) -> None:
    made = document(tmp_path, {"default": studies()["default"]})
    assert made.pdf().startswith(b"%PDF")
    assert {own["study"] for own in made.marks(LEFT_OUT)} == set(STUDIES) - {"default"}


def test_nothing_stands_beside_its_column(whole: Document, tmp_path: Path) -> None:
    long = studies()
    name = "vae-occupancy-with-a-name-of-many-words-that-no-column-holds"
    long["default"]["arms"][name] = {}
    for group in long["default"]["scores"].values():
        group["methods"] = group["methods"] | {name: group["methods"]["vae-occupancy"]}
    long["default"]["source"] = f"results/{name}/{name}"
    committed = json.loads((ROOT / "docs/data/studies.json").read_text())["studies"]
    tables = ("replay", "reported")
    for made in (whole, document(tmp_path / "long", long, tables),
                 document(tmp_path / "committed", committed, tables)):  # fmt: skip
        pages = made.pages(PPI)
        assert len(pages) > 2
        for number, page in enumerate(pages):
            ink = np.asarray(Image.open(io.BytesIO(page)).convert("L")) < 200
            height, width = ink.shape
            assert width == pytest.approx(210 / MILLIMETRES * PPI, abs=1)
            place = np.arange(width) / PPI * MILLIMETRES
            assert not ink[:, (place < 17) | (place > 193)].any(), number
            # Between the columns there is nothing, below the title on the first page.
            below = int(height * 0.3) if number == 0 else 0
            rows = ink[below : int(height * 0.92)]
            assert not rows[:, (place > 102.5) & (place < 107.5)].any(), number


def test_equal_results_give_equal_files(tmp_path: Path) -> None:
    committed = commit(tmp_path / "data", studies(), ("replay",))
    for name in ("one", "two"):
        paper.run(tmp_path / name / "paper.pdf", results=tmp_path, committed=committed)
    files = {name: sorted(p.name for p in (tmp_path / name).iterdir()) for name in ("one", "two")}
    assert files["one"] == files["two"] == ["data.json", "paper.json", "paper.pdf"]
    for name in ("paper.pdf", "data.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    # What a paper was made of can be committed, and gives the same paper.
    again = commit(
        tmp_path / "again", json.loads((tmp_path / "one/data.json").read_text())["studies"]
    )
    kept = json.loads((committed / "studies.json").read_text())["studies"]
    found = collected(STUDIES, tmp_path, again)
    assert found["replay"]["patterns"]["vae-occupancy"]["neither"] == 1
    assert {key: found[key]["heads"] for key in kept} == {key: kept[key]["heads"] for key in kept}


def _bad_json(data: Path) -> None:
    (data / "studies.json").write_text("{")


def _other(data: Path) -> None:
    (data / "studies.json").write_text('{"format": "other", "studies": {}}')


def _no_table(data: Path) -> None:
    (data / "replay.csv").write_text("a,b\n1,2\n")


def _no_numbers(data: Path) -> None:
    (data / "replay.csv").write_text(SNAPSHOTS.replace("300", "many"))


def _word(data: Path) -> None:
    known = copy.deepcopy(studies())
    known["ablation"]["runs"]["vae-occupancy-w0"]["held_out"]["kl"] = "much"
    commit(data, known)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_bad_json, "studies.json: not readable as JSON"),
        (_other, "studies.json: not the data of a paper"),
        (_no_table, "replay.csv: no rows with arm, seed and step"),
        (_no_numbers, "replay.csv: not a table of numbers"),
        (_word, "the paper cannot be set with these results"),
    ],
)
def test_what_is_damaged_is_one_line_and_writes_nothing(
    tmp_path: Path, damage: Any, told: str
) -> None:
    data = commit(tmp_path / "data", studies(), ("replay",))
    damage(data)
    with pytest.raises(UserError) as caught:
        paper.run(tmp_path / "out/paper.pdf", results=tmp_path, committed=data)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_nothing_known_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished study in it"):
        paper.run(tmp_path / "paper.pdf", results=tmp_path, committed=tmp_path)
