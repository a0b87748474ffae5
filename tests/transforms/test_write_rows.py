import pyarrow.parquet as pq

from headcount.schemas.files import PHOTO, File
from headcount.transforms.write_rows import KEPT, PART_ROWS, _WriteRowsDoFn


def test_a_long_bundle_leaves_parts_before_it_ends(tmp_path):
    fn = _WriteRowsDoFn(KEPT, str(tmp_path))
    fn.start_bundle()
    for number in range(PART_ROWS + 1):
        fn.process(File(uri=f"{number}.jpg", version="1", outcome=PHOTO, file_type="jpeg"))
    (early,) = tmp_path.iterdir()
    assert pq.read_metadata(early).num_rows == PART_ROWS
    parts = [windowed.value for windowed in fn.finish_bundle()]
    assert [part.rows for part in parts] == [PART_ROWS, 1]
    assert [pq.read_metadata(part.path).num_rows for part in parts] == [PART_ROWS, 1]


def test_a_bundle_without_rows_leaves_nothing(tmp_path):
    fn = _WriteRowsDoFn(KEPT, str(tmp_path))
    fn.start_bundle()
    assert not list(fn.finish_bundle())
    assert not list(tmp_path.iterdir())
