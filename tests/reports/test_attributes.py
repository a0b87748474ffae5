import base64
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from headcount.models.attributes import Calibration
from headcount.models.evaluation.metrics import evaluate
from headcount.reports.sheets import LEAST_FOR_AVERAGE, MISTAKES
from headcount.schemas.labels import AGES, MOODS
from tests.models.faces import make_faces

pytest.importorskip("matplotlib")

from headcount.reports.attributes import write_report

HAPPY, SAD = [0, 9, 0, 0, 0, 0, 0, 0], [0, 0, 0, 9, 0, 0, 0, 0]


class Page(HTMLParser):
    """The elements of a page: every opened one with its attributes, the images, and the text by section."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.images, self.sections, self.heading = [], [], [], {"": ""}, ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "img":
            self.images.append((self.heading, dict(attrs)))
        if tag not in ("img", "meta", "br", "colgroup"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.heading = data
            self.sections[data] = ""
        else:
            self.sections[self.heading] += data + " "

    def picture(self, heading, number=0):
        """Mean colour of an image of a section, RGB."""
        sources = [attrs["src"] for section, attrs in self.images if section == heading]
        data = base64.b64decode(sources[number].removeprefix("data:image/jpeg;base64,"))
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB).mean((0, 1))


def write(tmp_path, faces, outputs, calibration=None, title="made"):
    calibration = calibration or Calibration()
    metrics = evaluate(outputs, faces, calibration)
    write_report(metrics, faces, outputs, calibration, tmp_path / "index.html", title)
    return Page((tmp_path / "index.html").read_text(encoding="utf-8"))


def certain(years):
    return np.eye(AGES, dtype=np.float32)[np.array(years)]


def moods(*words):
    return np.eye(len(MOODS), dtype=np.float32)[[MOODS.index(word) for word in words]] * 0.9 + 0.1 / len(
        MOODS
    )


def everything():
    """40 faces with every label, in two groups, and outputs of which some are wrong."""
    ages, groups = [(30, 31), (72, 73)] * 20, ["a", "a", "b", "b"] * 10
    faces = make_faces(ages, [1, 0] * 20, [HAPPY, SAD] * 20, group=groups)
    p_female = np.tile([0.9, 0.2, 0.8, 0.7], 10).astype(np.float32)
    return faces, {"age": certain([33, 60] * 20), "gender": p_female, "mood": moods(*["happy"] * 40)}


@pytest.fixture
def full(tmp_path):
    return write(tmp_path, *everything())


def test_a_page_with_everything_is_well_formed_and_needs_nothing_from_outside(full):
    assert full.open == []
    assert list(full.sections)[1:] == [
        "Overall",
        "By age",
        "By gender",
        "By group",
        "How far a probability can be trusted",
        "Which moods are taken for which",
        "Surest mistakes: age",
        "Surest mistakes: gender",
        "Surest mistakes: mood",
        "Average faces",
    ]
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in full.tags}
    assert all(attrs["src"].startswith("data:image/") and attrs["alt"] for _, attrs in full.images)
    assert all("href" not in attrs for _, attrs in full.tags)


def test_plots_are_drawn_in_the_colour_of_the_page(full):
    plots = [attrs for _, attrs in full.images if attrs.get("class") == "plot"]
    assert len(plots) == 5
    for plot in plots:
        svg = base64.b64decode(plot["src"].partition(",")[2]).decode()
        assert "prefers-color-scheme" in svg
        assert "currentColor" in svg
        assert not re.search(r"(href|src)=\"http", svg)


def test_the_same_figures_give_the_same_page(tmp_path, full):
    first = (tmp_path / "index.html").read_bytes()
    write(tmp_path, *everything())
    assert (tmp_path / "index.html").read_bytes() == first


def test_numbers_are_formatted_by_their_kind(tmp_path):
    faces = make_faces([(30, 31)] * 1500, [1, 0, 0] * 500)
    outputs = {"age": certain([32] * 1500), "gender": np.tile([0.8, 0.1, 0.8], 500).astype(np.float32)}
    overall = write(tmp_path, faces, outputs).sections["Overall"].replace("\xa0", " ")
    rows = {"faces": "1,500", "Age: mean error, years": "2.00", "Age: bias, years": "+2.00"}
    rows |= {"Gender: right": "66.7 %", "Gender: AUC": "0.750"}
    for words, number in rows.items():
        assert f" {words} {number} {number} " in overall


def test_the_answered_stand_beside_all(tmp_path):
    faces = make_faces([(0, 0)] * 4, [1, 1, 1, 0])
    outputs = {"gender": np.array([0.9, 0.9, 0.45, 0.1], np.float32)}
    page = write(tmp_path, faces, outputs, Calibration(gender=0.6))
    assert re.search(r"Gender: right\s+75\.0\s%\s+100\.0\s%", page.sections["Overall"])
    assert re.search(r"Gender: answered\s+-\s+75\.0\s%", page.sections["Overall"])
    assert "null in a run" in page.sections["Surest mistakes: gender"]


def test_the_worst_group_is_named_with_its_gap(full):
    words = " ".join(full.sections["By group"].split())
    assert (
        "Gender: right least often for b (50.0 %), most often for a (100.0 %), a gap of 50.0 points." in words
    )


def test_labels_of_strangers_stay_text(tmp_path):
    faces = make_faces([(30, 31)] * 40, [1] * 40, group=["<script>", 'it\'s "b"'] * 20)
    ids = np.array(['" onerror="alert(1)', "</figcaption><b>", "\ud800", "a&amp;b"] * 10, object)
    faces = type(faces)(**vars(faces) | {"face_id": ids})
    outputs = {"age": certain([60] * 40), "gender": np.full(40, 0.1, np.float32)}
    page = write(tmp_path, faces, outputs, title="</title><script>")
    tags = {tag for tag, _ in page.tags}
    assert not {"script", "b"} & tags
    assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
    assert "<script>" in page.sections["By group"]
    assert '" onerror="alert(1)' in page.sections["Surest mistakes: age"]
    assert "\\ud800" in page.sections["Surest mistakes: age"]
    assert "a&amp;b" in page.sections["Surest mistakes: age"]


def test_what_has_no_data_is_left_out(tmp_path):
    faces = make_faces([(0, 0)] * 3, [1, 0, 1])
    page = write(tmp_path, faces, {"gender": np.array([0.9, 0.1, 0.8], np.float32)})
    assert list(page.sections)[1:] == ["Overall", "By gender", "How far a probability can be trusted"]


def test_a_set_without_labels_has_a_page(tmp_path):
    faces = make_faces([(0, 0)] * 2, [np.nan] * 2)
    page = write(tmp_path, faces, {"age": certain([1, 2])})
    assert list(page.sections)[1:] == ["Overall"]


def test_the_surest_mistakes_come_first_and_right_answers_not(tmp_path):
    faces = make_faces([(0, 0)] * 60, [1] * 60)
    p_female = np.linspace(0.99, 0.01, 60).astype(np.float32)
    sheet = write(tmp_path, faces, {"gender": p_female}).sections["Surest mistakes: gender"]
    assert re.findall(r"made-(\d+)", sheet) == [str(number) for number in range(59, 59 - MISTAKES, -1)]
    assert "predicted male 99.0\xa0%" in sheet


def test_an_age_is_a_mistake_by_its_interval(tmp_path):
    even = np.full(AGES, 1 / AGES)
    narrow = np.zeros(AGES)
    narrow[20:30] = 0.1
    wide = np.where(np.arange(AGES) < 50, 0.02, 0)
    # Right, 15.5 years off, 5.5 off, 45.5 off, right, 55.5 off, 6.5 off; the narrow interval has nine years.
    ages = [(90, 91), (40, 41), (30, 40), (70, 101), (20, 30), (80, 81), (9, 19)]
    faces = make_faces(ages, [np.nan] * 7)
    outputs = {"age": np.array([even, narrow, narrow, narrow, narrow, wide, narrow])}
    sheet = write(tmp_path, faces, outputs).sections["Surest mistakes: age"]
    assert re.findall(r"made-(\d)", sheet) == ["3", "1", "5", "6", "2"]
    assert "true 70+" in sheet
    assert "true 30-39" in sheet
    assert "predicted 24 (20-30)" in sheet
    widened = write(tmp_path, faces, outputs, Calibration(age_margins=(11.0,) * 9))
    assert re.findall(r"made-(\d)", widened.sections["Surest mistakes: age"]) == ["3", "5"]


def test_faces_and_averages_are_shown_in_their_colours(tmp_path):
    count = 2 * LEAST_FOR_AVERAGE
    faces = make_faces([(30, 31)] * count + [(72, 73)] * (count - 1), [1] * (2 * count - 1))
    faces.crops[:] = (200, 100, 0)
    faces.crops[1:count:2] = (100, 0, 0)
    faces.crops[count:] = (0, 0, 250)
    few = faces.take(np.r_[:count, count : count + LEAST_FOR_AVERAGE - 1])
    page = write(tmp_path, few, {"gender": np.full(len(few), 0.2, np.float32)})
    assert page.picture("Average faces") == pytest.approx((150, 50, 0), abs=4)
    assert page.picture("Surest mistakes: gender") == pytest.approx((200, 100, 0), abs=4)
    assert [attrs["alt"] for heading, attrs in page.images if heading == "Average faces"] == [
        "Average face: all, 30-39"
    ]
