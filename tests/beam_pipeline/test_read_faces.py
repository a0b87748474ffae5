import json
import shutil

import apache_beam as beam
import pandas as pd
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.combiners import CountCombineFn
from apache_beam.transforms.window import FixedWindows
from apache_beam.typehints.schemas import named_fields_from_element_type

from headcount.beam_pipeline.read_faces import ReadFaces
from headcount.runners.engines import IN_PROCESS
from headcount.schemas.errors import UsageError
from tests.embedded import embed, tables


def local() -> beam.Pipeline:
    return beam.Pipeline(options=PipelineOptions([f"--runner={IN_PROCESS}"]))


def uris(lines: list[str]) -> list[str]:
    return [json.loads(line)["uri"] for line in lines]


def test_the_rows_are_those_of_a_run(album, finished, tmp_path):
    rows, expected = embed([album], tmp_path), tables(finished[0])
    assert rows["photos"] == expected["photos"]
    assert rows["failures"] == expected["failures"]
    # A run has the faces of the copy that counts alone.
    copies = pd.read_parquet(finished[0] / "photos").dropna(subset="duplicate_of").uri
    assert [face for face in rows["faces"] if json.loads(face)["uri"] not in set(copies)] == expected["faces"]
    assert set(copies) < set(uris(rows["faces"]))


def test_a_file_comes_once_whatever_places_hold_it(album, tmp_path):
    rows = embed([album, str(album / "2019" / "*.jpg"), album / "2019" / "turned.jpg"], tmp_path)
    assert len(rows["photos"]) == len(set(uris(rows["photos"]))) == 4


def test_options_are_those_of_a_run(album, tmp_path):
    (face, *_) = embed([album], tmp_path, attributes="age", min_face=0.1)["faces"]
    assert json.loads(face)["age"] > 0
    assert json.loads(face)["p_female"] is None


@pytest.mark.parametrize("store", ["s3", "gs"])
def test_places_may_be_buckets(store, request, album, tmp_path):
    place = request.getfixturevalue(store).upload(album, tmp_path.name)
    rows = embed([place], tmp_path)
    assert (len(rows["photos"]), len(rows["failures"])) == (4, 2)
    assert all(uri.startswith(place) for uri in uris(rows["photos"]))


def test_beam_reads_the_columns(album):
    with local() as pipeline:
        rows = pipeline | beam.Create([album / "2019"]) | ReadFaces(processes=1)
        fields = {
            name: dict(named_fields_from_element_type(of.element_type)) for name, of in rows._asdict().items()
        }
        groups = rows.faces | beam.GroupBy("age_group").aggregate_field("face_id", CountCombineFn(), "faces")
        assert_that(groups | beam.Map(lambda group: group.faces), equal_to([2]))
    assert fields["faces"]["age_group"] == str | None
    assert fields["photos"]["faces"].__name__ == "int64"
    assert fields["failures"]["code"] is str


def test_without_a_place_nothing_comes():
    with local() as pipeline:
        rows = pipeline | beam.Create([]) | ReadFaces(processes=1)
        assert_that(rows.photos, equal_to([]))


def test_places_in_windows_of_their_own_are_read_together(album, tmp_path):
    shutil.copytree(album / "2019", tmp_path / "again")
    with local() as pipeline:
        places = pipeline | beam.Create([(album / "2019", 1), (tmp_path / "again", 10_000)])
        windowed = places | beam.MapTuple(beam.window.TimestampedValue) | beam.WindowInto(FixedWindows(60))
        rows = windowed | ReadFaces(processes=1)
        assert_that(rows.photos | beam.combiners.Count.Globally(), equal_to([4]))


def test_every_step_of_ours_says_what_it_does():
    pipeline = beam.Pipeline()
    pipeline | beam.Create(["photos"]) | ReadFaces()

    def labels(step):
        yield step.full_label
        for part in step.parts:
            yield from labels(part)

    found = [label for label in labels(pipeline.transforms_stack[0]) if label.startswith("ReadFaces/")]
    names = "InOneWindow AllPlaces Inputs MatchPhotos SeePhotos AllFailures PhotoRows FaceRows FailureRows"
    assert [label for label in found if label.count("/") == 1] == [
        f"ReadFaces/{name}" for name in names.split()
    ]
    for label in ("MatchPhotos/List", "SeePhotos/ReadPhotos/Read", "SeePhotos/DescribeFaces/Split"):
        assert f"ReadFaces/{label}" in found


def test_what_cannot_work_is_one_line_before_any_work():
    with pytest.raises(UsageError, match="did you mean detector"):
        ReadFaces(detectr="haar")
    pipeline = beam.Pipeline()
    endless = pipeline | beam.Create(["photos"])
    endless.is_bounded = False
    with pytest.raises(UsageError, match="bounded"):
        endless | ReadFaces()
