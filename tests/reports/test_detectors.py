import json
from pathlib import Path

import numpy as np
import pytest

from headcount.models.datasets.boxes import BoxedPicture
from headcount.models.detectors.search import Detector
from headcount.models.evaluation.detectors import Picture, compare, figures
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import PhotoError

pytest.importorskip("matplotlib")

from headcount.reports.detectors import write_detector_report
from tests.reports.test_attributes import Page

FOUND, MISSED, FALSE = Box(10, 10, 30, 30), Box(60, 60, 80, 80), Box(10, 60, 30, 80)
STRANGE = "</figcaption><script>\ud800.jpg"


def read(path):
    """Blue, with a green face that is missed and a red place without one."""
    if path.name == "bad":
        raise PhotoError("not_an_image", "<script>")
    pixels = np.full((100, 100, 3), (0, 0, 255), np.uint8)
    pixels[50:90, 50:90], pixels[50:90, :40] = (0, 200, 0), (200, 0, 0)
    return Picture(pixels, 100, 100, 1.0)


def write(tmp_path, detectors, pictures, left_out=None):
    comparison = compare(pictures, detectors, read, 100)
    metrics = figures(comparison) | {"side": 100, "left_out": left_out or {}}
    json.dumps(metrics)
    write_detector_report(metrics, comparison, read, tmp_path / "index.html", "made")
    return Page((tmp_path / "index.html").read_text(encoding="utf-8"))


def detector(*found):
    return Detector("made", 0.5, Framing(), lambda pixels: [(box, score, None) for box, score in found])


def test_a_page_has_all_detectors_side_by_side_and_what_was_missed(tmp_path):
    detectors = {"one": detector((FOUND, 0.9), (MISSED, 0.4), (FALSE, 0.8)), "two": detector((FOUND, 0.9))}
    pictures = [BoxedPicture(name, Path(name), (FOUND, MISSED)) for name in (STRANGE, "bad")]
    page = write(tmp_path, detectors, pictures, {"three": "cannot & will not"})
    assert page.open == []
    assert list(page.sections)[1:] == [
        "Overall",
        "By size in the picture",
        "By size as searched",
        "Recall and precision",
        "Missed: one",
        "False: one",
        "Missed: two",
        "Left out",
    ]
    assert "script" not in {tag for tag, _ in page.tags}
    assert all(attrs["src"].startswith("data:image/") and attrs["alt"] for _, attrs in page.images)
    overall = " ".join(page.sections["Overall"].split())
    assert "faces found 50.0 % 50.0 % recall" in overall
    assert "precision 50.0 % 100.0 % precision" in overall
    assert "20-40 % 2 50.0 % 50.0 %" in " ".join(page.sections["By size in the picture"].split())
    assert "found with 0.40" in page.sections["Missed: one"]
    assert "found with" not in page.sections["Missed: two"]
    assert "score 0.80" in page.sections["False: one"]
    assert page.picture("Missed: one") == pytest.approx((0, 200, 0), abs=4)
    assert page.picture("False: one")[0] == pytest.approx(200, abs=4)
    left_out = " ".join(page.sections["Left out"].split())
    assert "three : cannot & will not" in left_out
    assert "bad : not_an_image: <script>" in left_out


def test_pictures_without_faces_have_a_page(tmp_path):
    page = write(tmp_path, {"one": detector((FALSE, 0.8))}, [BoxedPicture("a", Path("a"), ())])
    assert list(page.sections)[1:] == ["Overall", "False: one"]
    overall = " ".join(page.sections["Overall"].split())
    assert "detections per picture without faces 1.000" in overall
    assert "faces found" not in overall
