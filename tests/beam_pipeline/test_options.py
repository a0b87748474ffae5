import math
from pathlib import Path

import numpy as np
import pytest

from headcount.beam_pipeline.settings import Seeing, Settings, make_settings
from headcount.schemas.errors import UsageError


def test_a_value_may_be_typed_or_come_from_python():
    typed = make_settings(
        input=["a", "~/b"], output="out", attributes="age, gender", min_face="0.1", processes="2"
    )
    given = make_settings(
        input=(Path("a"), Path.home() / "b"),
        output=Path("out"),
        attributes=["age", "gender"],
        min_face=np.float32(0.1).item(),
        processes=np.int64(2),
    )
    assert (typed.input, typed.output, typed.attributes, typed.processes) == (
        ("a", str(Path.home() / "b")),
        "out",
        ("age", "gender"),
        2,
    )
    assert given.input == typed.input
    assert given.min_face == pytest.approx(typed.min_face)
    assert type(given.processes) is int


def test_one_place_is_a_list_of_one():
    assert make_settings(input="photos", output="out").input == ("photos",)
    assert Settings(input=Path("photos"), output="out", forget="a.jpg").forget == ("a.jpg",)


def test_none_is_the_default():
    assert make_settings(input="a", output="b", attributes=None) == make_settings(input="a", output="b")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"output": "b"}, "--input is missing; give a folder"),
        ({"input": [], "output": "b"}, "--input is missing"),
        ({"input": "a", "output": "b", "detectr": "haar"}, "unknown option detectr; did you mean detector?"),
        ({"input": 3, "output": "b"}, "--input 3: give one PLACE or a list of them"),
        ({"input": [3], "output": "b"}, "--input 3: give a text or a path"),
        ({"input": "a", "output": ["b"]}, "give a text or a path"),
    ],
)
def test_what_makes_no_settings_is_one_line(given, words):
    with pytest.raises(UsageError, match=r"^[^\n]*$") as error:
        make_settings(**given)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("min_face", 0, "a share of the longer side of the photo, over 0, at most 1"),
        ("min_face", math.nan, "--min_face nan"),
        ("photo_timeout", math.inf, "seconds, over 0"),
        ("max_pixels", 1.5, "--max_pixels 1.5: give a number of pixels, at least 1"),
        ("max_pixels", True, "--max_pixels True"),
        ("max_pixels", "", "--max_pixels : give"),
        ("use_mtime", "yes", "--use_mtime yes: give True or False"),
        ("attributes", "agee", "--attributes agee: did you mean age? choose from age, gender, mood"),
        ("attributes", "", "--attributes : give at least one LIST"),
        ("detector", "har", "--detector har: did you mean haar?"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_line(name, value, words):
    with pytest.raises(UsageError) as error:
        Seeing(**{name: value})
    assert words in str(error.value)
