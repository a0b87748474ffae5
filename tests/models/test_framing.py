import numpy as np
import pytest

from headcount.models.framing import CROP_CONTEXT, Box, Framing, crop_face


def test_a_framing_shifts_and_scales_about_the_centre():
    box = Framing(shift_x=0.1, shift_y=-0.2, scale_x=2, scale_y=0.5).canonical(Box(0, 0, 10, 20))
    assert box == Box(-4, -4 + 5, 16, 6 + 5)


def test_no_framing_changes_nothing():
    assert Framing().canonical(Box(1, 2, 3, 4)) == Box(1, 2, 3, 4)


def test_a_crop_is_a_square_around_the_box_with_context():
    picture = np.zeros((200, 200, 3), np.uint8)
    side = round(40 * CROP_CONTEXT)
    start = 100 - side // 2
    picture[start : start + side, start : start + side] = 255
    crop = crop_face(picture, Box(85, 80, 115, 120), size=32)
    assert crop.shape == (32, 32, 3)
    assert (crop == 255).all()
    picture[start - 1, :] = picture[:, start - 1] = 0
    assert (crop_face(picture, Box(85, 80, 115, 120), size=32, context=1.5) == 0).any()


def test_outside_of_the_picture_its_edge_is_repeated():
    picture = np.zeros((50, 50, 3), np.uint8)
    picture[0] = 200
    crop = crop_face(picture, Box(10, -20, 40, 10), size=39)
    assert (crop[:20] == 200).all()
    assert (crop[30:] == 0).all()


@pytest.mark.parametrize(
    "box", [Box(5, 5, 5, 9), Box(9, 5, 5, 9), Box(100, 100, 120, 120), Box(-90, 0, -70, 20)]
)
def test_a_box_without_pixels_is_an_error(box):
    with pytest.raises(ValueError, match="box"):
        crop_face(np.zeros((50, 50, 3), np.uint8), box)


def test_overlap_is_of_what_both_cover():
    box = Box(0, 0, 10, 10)
    assert box.overlap(box) == 1
    assert box.overlap(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert box.overlap(Box(20, 20, 30, 30)) == 0
