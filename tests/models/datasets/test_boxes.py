import pytest

from headcount.models.datasets.boxes import holds_boxes, read_boxes
from headcount.models.framing import Box
from headcount.schemas.errors import UsageError

HEADER = "path,left,top,right,bottom\n"


def write(tmp_path, text, name="boxes.csv"):
    (tmp_path / name).write_text(text)
    return tmp_path / name


def test_rows_are_gathered_by_picture_and_a_path_alone_is_a_picture_without_faces(tmp_path):
    file = write(
        tmp_path, "score,path,left,top,right,bottom\n1,b/b.jpg,1,2,3,4\n,a.jpg,,,,\n1,b/b.jpg,5,6,7,8.5\n"
    )
    first, second = read_boxes(file)
    assert (first.name, first.path) == ("b/b.jpg", tmp_path / "b" / "b.jpg")
    assert first.boxes == (Box(1, 2, 3, 4), Box(5, 6, 7, 8.5))
    assert (second.name, second.boxes) == ("a.jpg", ())
    assert read_boxes(tmp_path) == read_boxes(file)


def test_a_short_row_names_a_picture_without_faces(tmp_path):
    (only,) = read_boxes(write(tmp_path, HEADER + "a.jpg\n"))
    assert only.boxes == ()


def test_what_holds_boxes_is_told_from_other_sets(tmp_path):
    boxes, fer = write(tmp_path, HEADER, "any.csv"), write(tmp_path, "emotion,pixels,Usage\n", "fer2013.csv")
    assert holds_boxes(boxes)
    assert not any(holds_boxes(place) for place in (fer, tmp_path, tmp_path / "none.csv"))
    write(tmp_path, HEADER)
    assert holds_boxes(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,left,top\na.jpg,1,2\n", "lacks bottom, right; boxes are path,left,top,right,bottom"),
        (HEADER, "names no picture"),
        (HEADER + "a.jpg,1,2,3,4\na.jpg,1,2,x,4\n", "line 3: 1,2,x,4 is no box"),
        (HEADER + "a.jpg,1,2,3\n", "line 2: 1,2,3, is no box"),
        (HEADER + "a.jpg,1,2,nan,4\n", "line 2: 1,2,nan,4 is no box"),
        (HEADER + ",1,2,3,4\n", "line 2: no path"),
    ],
)
def test_a_file_that_is_none_says_where(tmp_path, text, words):
    with pytest.raises(UsageError, match=words):
        read_boxes(write(tmp_path, text))
