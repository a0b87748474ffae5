import numpy as np
import pytest

from headcount.models.detector_training.scenes import (
    Face,
    Scene,
    Sources,
    _blend,
    compose,
    crowd,
    held_out,
    load_sources,
)
from headcount.models.framing import Box
from headcount.schemas.errors import UsageError

SIDE = 128
RNG = np.random.default_rng(1)
PLAIN = RNG.integers(0, 40, (200, 240, 3)).astype(np.uint8)
FACE = Face(np.full((112, 112, 3), 200, np.uint8), Box(30, 25, 80, 90))
SOURCES = Sources(empty=[PLAIN], peopled=[PLAIN], faces=[FACE], tight=[FACE])


def test_equal_seeds_compose_equal_pictures():
    one, other = (compose(SOURCES, SIDE, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.pixels, other.pixels)
    assert one.faces == other.faces


def test_all_kinds_have_the_size_asked_for():
    rng = np.random.default_rng(0)
    for _ in range(30):
        scene = compose(SOURCES, SIDE, rng)
        assert scene.pixels.shape == (SIDE, SIDE, 3)
        assert scene.pixels.dtype == np.uint8
        assert scene.maybe.shape == (SIDE, SIDE)


def test_a_face_may_be_where_one_was_pasted_and_nowhere_else():
    scene = crowd(SOURCES, SIDE, np.random.default_rng(3))
    bright = scene.pixels.astype(int).sum(2) > 300
    assert bright.any()
    assert not bright[scene.maybe == 0].any()
    assert (scene.maybe == 0).any()
    for x, y, _ in scene.faces:
        if 0 <= x < SIDE and 0 <= y < SIDE:
            assert scene.maybe[int(y), int(x)] > 0


def test_a_layer_lands_where_its_matrix_says():
    scene = Scene(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8), [])
    layer = np.full((10, 10, 4), 255, np.uint8)
    _blend(scene, layer, np.array([[1.0, 0, 20], [0, 1, 5]]))
    assert scene.maybe[5:15, 20:30].min() == 255
    assert (scene.maybe > 0).sum() == 100
    assert (scene.pixels == 255).all(2).sum() == 100


def test_a_layer_outside_of_the_picture_changes_nothing():
    scene = Scene(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8), [])
    _blend(scene, np.full((10, 10, 4), 255, np.uint8), np.array([[1.0, 0, 60], [0, 1, 5]]))
    assert not scene.pixels.any()


def test_a_tenth_is_held_out():
    share = np.mean([held_out(str(i).encode()) for i in range(3000)])
    assert share == pytest.approx(0.1, abs=0.02)


def test_data_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"photos\.parquet"):
        load_sources(tmp_path)
