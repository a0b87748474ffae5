import os

import pytest

from headcount.transforms.collection.storage import open_file, read_bytes


def test_a_pipe_a_folder_and_a_device_are_errors_and_nothing_to_wait_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.xmp")
    os.symlink("/dev/zero", tmp_path / "endless.xmp")
    for path in (tmp_path, tmp_path / "pipe.xmp", tmp_path / "endless.xmp"):
        with pytest.raises(OSError, match=r"not read|directory"):
            open_file(str(path))


def test_a_file_is_read_as_far_as_asked(tmp_path):
    (tmp_path / "a").write_bytes(b"abcdef")
    assert read_bytes(str(tmp_path / "a"), 3) == b"abc"
    with open_file(str(tmp_path / "a")) as file:
        file.seek(4)
        assert file.read() == b"ef"
