import pyarrow as pa
import pytest

from headcount.transforms.cameras import camera_of, with_cameras

FOLDERS = {
    "/cam1": "/cam1",
    "/cam1/2024-05-03": "/cam1",
    "/cam1/2024-05-03/10": "/cam1",
    "/cam1/2024/05/03/10": "/cam1",
    "/cam1/2024/5/3/10": "/cam1",
    "/cam1/2024/5": "/cam1",
    "/cam1/2024-05": "/cam1",
    "/cam1/20240503/10": "/cam1",
    "/cam1/20240503AM": "/cam1",
    "/cam1/2024-05-03_10": "/cam1",
    "/cam1/2024-05-03T10-00-00": "/cam1",
    "/cam1/2024-05-03/10-00": "/cam1",
    "/cam1/2024-05-03/10h/30": "/cam1",
    "/cam1/2024-05-03/hour_10": "/cam1",
    "/cam1/2024-05-03/AM": "/cam1",
    "/cam1/2024-W18": "/cam1",
    "/cam1/03.05.2024": "/cam1",
    "/cam1/2024.05.03": "/cam1",
    # Dahua and Amcrest
    "/cam1/2024-05-03/001/jpg/10/20/13": "/cam1/001/jpg",
    # The day above the camera
    "/2024-05-03/cam1": "/cam1",
    "/2024-05-03/cam1/10": "/cam1",
    "/data/2024/cam1/05/03": "/data/cam1",
    # Numbers that may be a camera's
    "/cams/10/2024-05-03": "/cams/10",
    "/cams/10": "/cams/10",
    "/cams/2024-05-03/1": "/cams/1",
    "/cams/2024/cam/5": "/cams/cam/5",
    "/cams/2024/5/3/1": "/cams/1",
    "/cams/1920x1080/2024-05-03": "/cams/1920x1080",
    "/cams/2024-13-03": "/cams/2024-13-03",
    "/cams/2024-05-03 party": "/cams/2024-05-03 party",
    "/cams/102024-05-03": "/cams/102024-05-03",
    # Nothing else
    "/2024-05-03": "/",
    "/": "/",
    "gs://bucket": "gs://bucket",
    "gs://2024/cam1/2024-05-03": "gs://2024/cam1",
    "s3://bucket/2024/05/03": "s3://bucket",
}


@pytest.mark.parametrize(("folder", "camera"), FOLDERS.items())
def test_the_camera_is_the_folder_without_days_and_hours(folder, camera):
    assert camera_of(folder) == camera


def test_folder_and_camera_follow_the_uri_and_replace_what_was_there():
    uris = ["/cam/2024-05-03/a.jpg", "/x/b.jpg", "/c.jpg", "gs://b/d.jpg", "/cam/2024-05-04/e.jpg"]
    rows = pa.table({"uri": pa.chunked_array([uris[:2], uris[2:]]), "folder": ["old"] * 5})
    placed = with_cameras(rows)
    assert placed.column_names == ["uri", "folder", "camera"]
    assert placed["folder"].to_pylist() == ["/cam/2024-05-03", "/x", "/", "gs://b", "/cam/2024-05-04"]
    assert placed["camera"].to_pylist() == ["/cam", "/x", "/", "gs://b", "/cam"]


def test_no_rows_have_no_camera():
    assert with_cameras(pa.table({"uri": pa.array([], pa.string())}))["camera"].to_pylist() == []
