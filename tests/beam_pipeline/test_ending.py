"""What a run says at its end."""

import pytest
from PIL import Image

from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.ending import changes, ending, unseen
from headcount.beam_pipeline.show import totals
from headcount.schemas.manifest import Manifest
from headcount.transforms.collection.output import MANIFEST, read_manifest


def manifest(failures=0, **more):
    return Manifest("1", "", "", "", {}, {}, {"failures": failures}, 0, 0, {}, {}, **more)


@pytest.mark.parametrize(
    ("given", "most", "status", "words"),
    [
        (manifest(), None, 0, ""),
        (manifest(failures=2), 2, 0, ""),
        (manifest(failures=2), 1, 1, "2 failures, more than --max_failures 1"),
        (manifest(incomplete={"folders": 1}), None, 3, "incomplete: 1 folder could not be listed; rows"),
        (
            manifest(incomplete={"folders": 2, "timeout": 1, "unreadable": 1200}),
            None,
            3,
            "2 folders could not be listed and 1,201 files could not be read (1 timeout, 1,200 unreadable)",
        ),
    ],
)
def test_the_status_and_the_last_line(given, most, status, words):
    assert ending(given, most)[0] == status
    assert words in ending(given, most)[1]


def test_what_changed_and_what_was_kept_unseen():
    changed = {"unchanged": 71, "new": 29, "gone": 1, "moved": 64, "changed": 3}
    assert changes(manifest(changes=changed)) == "29 new, 3 changed, 64 moved, 1 gone, 71 unchanged"
    assert unseen(manifest()) == ""
    kept = (
        "1,201 kept unseen: 1 that could not be read this time, 1,200 in places that this run was not given"
    )
    assert unseen(manifest(unseen={"not_read": 1, "elsewhere": 1200})) == kept


def test_a_manifest_does_not_steer_the_terminal(finished):
    output, written = finished
    path = output / MANIFEST
    try:
        path.write_text(
            Manifest.from_json(written.to_json())
            .to_json()
            .replace('"csv"', '"\\u001b[2J"')
            .replace('"empty"', '"\\u001b[3J"')
        )
        assert "\x1b" not in totals(str(output))
        assert "\\x1b[2J" in totals(str(output))
    finally:
        path.write_text(written.to_json())


def test_a_disk_that_is_not_mounted_publishes_nothing_and_one_that_is_repairs_it(tmp_path, capsys):
    disk, home, output = tmp_path / "photos" / "disk", tmp_path / "photos" / "home", tmp_path / "out"
    for folder, count in ((disk, 11), (home, 2)):
        folder.mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (32, 32), (number, count, 0)).save(folder / f"{number}.png")
    command = ["run", "--input", str(tmp_path / "photos"), "--output", str(output), "--processes=1"]
    assert main(command) == 0
    assert "13 new" in capsys.readouterr().out
    published = read_manifest(str(output))
    disk.rename(tmp_path / "away")
    disk.mkdir()
    assert main(command) == 1
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == (
        f"headcount run: 11 of 13 photos would leave (11 from {disk}, which is empty now); nothing is"
        " published. --allow_gone publishes without them, --keep_deleted keeps their rows"
    )
    assert read_manifest(str(output)) == published
    assert main([*command, "--keep_deleted"]) == 0
    assert "2 unchanged" in (text := capsys.readouterr().out)
    assert "11 kept unseen: 11 that are no longer there (--keep_deleted)" in text
    disk.rmdir()
    (tmp_path / "away").rename(disk)
    assert main(command) == 0
    assert "13 unchanged" in capsys.readouterr().out
