import math

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.models.datasets.labelled import folder_labels, read_labelled, utkface_labels, votes_for
from headcount.schemas.errors import UsageError

PNG = cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes()


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PNG)


@pytest.mark.parametrize(
    ("name", "age", "female", "group"),
    [
        ("26_1_2_20170116174525125.jpg.chip.jpg", (26, 27), 1, "Asian"),
        ("1_0_0_20161219140623097.jpg", (1, 2), 0, "White"),
        ("116_1_4_1.png", (116, 117), 1, "Other"),
    ],
)
def test_names_of_utkface(name, age, female, group):
    labels = utkface_labels(name)
    assert (labels["age"], labels["female"], labels["group"]) == (age, female, group)


@pytest.mark.parametrize(
    "name", ["61_1_20170109142408075.jpg", "IMG_1_2_3.jpg", "26_2_2_1.jpg", "26_1_5_1.jpg"]
)
def test_other_names_have_no_labels(name):
    assert utkface_labels(name) == {}


@pytest.mark.parametrize(
    ("folders", "labels"),
    [
        (("female", "30-39"), {"female": 1.0, "age": (30, 40)}),
        (("Men", "7"), {"female": 0.0, "age": (7, 8)}),
        (("(25, 32)",), {"age": (25, 33)}),
        (("70+", "Woman"), {"age": (70, 200), "female": 1.0}),
        (("more than 70",), {"age": (70, 200)}),
        (("young_adult",), {"age": (19, 25)}),
        (("senior",), {"age": (59, 200)}),
        (("train", "happiness"), {"votes": votes_for("happy")}),
        (("holiday",), {}),
    ],
)
def test_folders_named_by_labels(folders, labels):
    assert folder_labels(folders) == labels


def test_a_folder_of_folders_is_read_by_its_names(tmp_path):
    for name in ("female/30-39/a.jpg", "male/5/b.PNG", "unknown/c.jpg", "male/notes.txt"):
        write(tmp_path / name)
    faces = {face.face_id: face for face in read_labelled(tmp_path)}
    assert set(faces) == {"female/30-39/a.jpg", "male/5/b.PNG"}
    assert faces["male/5/b.PNG"].age == (5, 6)
    assert faces["male/5/b.PNG"].picture == PNG


def test_a_folder_of_utkface_names(tmp_path):
    write(tmp_path / "part1" / "30_1_3_2017.jpg")
    (face,) = read_labelled(tmp_path)
    assert (face.age, face.female, face.group) == ((30, 31), 1, "Indian")


def test_the_csv_of_fer2013(tmp_path):
    pixels = " ".join(str(level % 256) for level in range(48 * 48))
    (tmp_path / "fer.csv").write_text(f"emotion,pixels,Usage\n3,{pixels},PrivateTest\n6,{pixels},Training\n")
    happy, neutral = read_labelled(tmp_path / "fer.csv")
    assert (happy.votes, happy.split) == (votes_for("happy"), "PrivateTest")
    assert neutral.votes == votes_for("neutral")
    assert happy.picture.shape == (48, 48, 3)
    assert happy.picture[0, 1].tolist() == [1, 1, 1]


def test_a_fold_of_adience(tmp_path):
    head = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\n"
    rows = "30601258@N03\ta.jpg\t1\t(25, 32)\tf\t0\t0\n30601258@N03\tb.jpg\t3\tNone\tu\t0\t0\n"
    (tmp_path / "fold_0_data.txt").write_text(head + rows)
    write(tmp_path / "faces/30601258@N03/coarse_tilt_aligned_face.1.a.jpg")
    write(tmp_path / "aligned/30601258@N03/landmark_aligned_face.3.b.jpg")
    first, second = read_labelled(tmp_path)
    assert (first.age, first.female) == ((25, 33), 1)
    assert math.isnan(second.age[0])
    assert math.isnan(second.female)


def test_the_shared_parquet_with_some_labels_missing(tmp_path):
    rows = [
        {"face_id": "a", "image": PNG, "age_low": 20.0, "age_high": 30.0, "gender": "male", "group": "x"},
        {"face_id": "b", "image": PNG, "age_low": None, "age_high": None, "gender": None, "group": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "faces.parquet")
    first, second = read_labelled(tmp_path)
    assert (first.age, first.female, first.group) == ((20, 30), 0, "x")
    assert math.isnan(second.age[0])
    assert math.isnan(second.female)
    assert not any(second.votes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none", None, "not there"),
        ("a.xyz", b"", "that can be read"),
        ("a.parquet", b"no", "is not Parquet"),
        ("a.csv", b"a,b\n1,2\n", "lacks emotion, pixels"),
        ("a.csv", b"emotion,pixels\n9,1 2 3 4\n", "face 0"),
        ("a.txt", b"a\tb\n", "lacks"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=message):
        list(read_labelled(tmp_path / name))


def test_pictures_without_labels_are_told(tmp_path):
    write(tmp_path / "holiday" / "a.jpg")
    with pytest.raises(UsageError, match="1 pictures without labels"):
        list(read_labelled(tmp_path))
