"""Dataflow up to the cloud's door: the job that its runner writes down, and what a Flex Template is made of.

Beam's own runner does the work against the storage emulator. Replaced are only the credentials and the
address of the storage (`tests.buckets.gs`). No worker starts and no service sees the job.
"""

import base64
import bz2
import json
import re
import runpy
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_runner_api_pb2

from headcount.beam_pipeline.commands.generate import METADATA, template
from headcount.beam_pipeline.commands.main import main, parse
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.models.detectors import WEIGHTS
from headcount.models.shipped import SHIPPED
from headcount.runners.dataflow.launch import arguments, switches
from headcount.runners.engines import ENGINES
from headcount.transforms.collection.storage import list_objects, read_bytes
from tests.buckets import BUCKET

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "runners" / "dataflow"
IMAGE = "example/headcount:1"


def beam_options(place):
    return {
        "runner": "DataflowRunner",
        "project": "some-project",
        "region": "europe-west4",
        "temp_location": f"{place}/temp",
        "sdk_container_image": IMAGE,
        "template_location": f"{place}/job",
    }


def flags(options):
    return [f"--{name}={value}" for name, value in options.items()]


@pytest.fixture(scope="module")
def launched(gs, album):
    """One launch over an album in a bucket: what `run` gave, the settings and what is in the bucket then."""
    place = f"{gs.url}/dataflow"
    settings = Settings(input=(gs.upload(album, "dataflow/in"),), output=f"{place}/out")
    manifest = run(settings, flags(beam_options(place)))
    written = {
        found.path.removeprefix(f"{place}/"): read_bytes(found.path)
        for found in list_objects(f"{place}/")
        if not found.path.startswith(f"{place}/in/")
    }
    staged = {name.split("/")[-1]: content for name, content in written.items() if name.startswith("temp/")}
    return SimpleNamespace(
        place=place,
        settings=settings,
        manifest=manifest,
        written=written,
        staged=staged,
        job=json.loads(written["job"]),
        graph=beam_runner_api_pb2.Pipeline.FromString(staged["pipeline.pb"]),
    )


def transforms(graph):
    return {each.unique_name: each for each in graph.components.transforms.values()}


def test_a_launch_waits_for_nothing_and_keeps_the_output(launched):
    assert launched.manifest is None
    (lock,) = (name for name in launched.written if name.startswith("out/"))
    assert re.fullmatch(r"out/\.lock/\d{8}T\d{12}-[0-9a-f]{4}", lock)


def test_a_second_launch_stops_with_one_line(launched, capsys):
    source, output = launched.settings.input[0], launched.settings.output
    assert main(["run", "--input", source, "--output", output, *flags(beam_options(launched.place))]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(
        r"another run \(.*\) is writing to gs://.*; wait for it, or remove gs://.*/\.lock/", line
    )
    assert len(list(list_objects(f"{output}/"))) == 1


def test_what_is_staged_is_the_graph_and_no_weights(launched):
    assert set(launched.staged) == {
        "pipeline.pb",
        "pickled_main_session",
        "submission_environment_dependencies.txt",
    }
    assert len(launched.staged["pipeline.pb"]) < 200_000


def test_the_job_asks_for_the_image_and_workers_that_hold_the_children(launched):
    environment = launched.job["environment"]
    (pool,) = environment["workerPools"]
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert (pool["machineType"], pool["diskSizeGb"]) == ("n2-standard-4", 30)
    assert "no_use_multiple_sdk_containers" in environment["experiments"]
    assert launched.job["type"] == "JOB_TYPE_BATCH"
    options = environment["sdkPipelineOptions"]["options"]
    assert options["pipelineUrl"].startswith(f"{launched.place}/temp/")
    assert options["sdk_container_image"] == IMAGE


def test_only_paths_and_names_of_parts_are_shuffled(launched):
    every = transforms(launched.graph)
    shuffles = {name for name, each in every.items() if each.spec.urn == "beam:transform:group_by_key:v1"}
    assert shuffles == {
        "SeePhotos/Reshuffle/ReshufflePerKey/GroupByKey",
        "FinishRun/AllParts/AllParts/CombinePerKey/GroupByKey",
    }
    steps = {name.split("/")[0] for name in every if not name.startswith(("Write ", "ref_"))}
    assert steps == {
        "Create",
        "MatchPhotos",
        "SkipKnown",
        "SeePhotos",
        "Parts",
        "FinishRun",
    }


def test_workers_look_for_the_weights_where_they_have_them(launched):
    each = transforms(launched.graph)["SeePhotos/DescribeFaces/RunInference/BeamML_RunInference"]
    payload = beam_runner_api_pb2.ParDoPayload.FromString(each.spec.payload)
    pickled = bz2.decompress(base64.b64decode(payload.do_fn.payload))
    assert b"FaceModelHandler" in pickled
    assert b"attributes.tflite" not in pickled


@pytest.fixture
def package(monkeypatch):
    """What `setup.py` gives to setuptools."""
    given = {}
    monkeypatch.setattr("setuptools.setup", given.update)
    runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_the_package_holds_the_weights(package):
    files = [WEIGHTS, *map(Path, SHIPPED.values())]
    files += [Path(weights).with_suffix(".json") for weights in SHIPPED.values()]
    for file in files:
        name = str(file.relative_to(ROOT / "models"))
        assert any(fnmatch(name, pattern) for pattern in package["package_data"]["headcount.models"]), name


@pytest.mark.parametrize("name", ENGINES["dataflow"].must)
def test_what_dataflow_lacks_is_one_line(name, gs, capsys):
    given = {**beam_options(gs.url), name: ""}
    assert main(["run", "--input", f"{gs.url}/in", "--output", f"{gs.url}/out", *flags(given)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"--runner=DataflowRunner also needs --{name}" in line


@pytest.mark.parametrize("name", ["input", "output", "temp_location"])
def test_a_place_that_workers_cannot_see_is_one_line(name, gs, album, capsys):
    given = {"input": f"{gs.url}/in", "output": f"{gs.url}/out", **beam_options(gs.url), name: str(album)}
    assert main(["run", *flags(given)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f"{album} is on this machine, where the workers of DataflowRunner cannot see it; use gs://"
    )


def test_a_bucket_for_temporary_files_that_is_not_there_is_one_line(gs, capsys):
    given = {**beam_options(gs.url), "temp_location": "gs://no-such-bucket/temp"}
    assert main(["run", "--input", f"{gs.url}/in", "--output", f"{gs.url}/out", *flags(given)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "gs://no-such-bucket/temp cannot be reached" in line
    assert [bucket.name for bucket in gs.client.list_buckets()] == [BUCKET]


def parameters():
    return {each["name"]: each for each in json.loads((TEMPLATE / "metadata.json").read_text())["parameters"]}


def test_the_parameters_of_the_template_are_flags_of_run():
    given = {name for name in parameters() if name != "sdk_container_image"}
    parsed = parse(arguments([f"--{name}={'true' if f'--{name}' in switches() else 1}" for name in given]))
    assert not parsed.others
    assert set(vars(parsed)) == {*given, "command", "no_wait", "others"}


def test_the_parameters_of_the_template_are_made_from_the_options():
    text = (ROOT / METADATA).read_text()
    assert text == template(), "python -m headcount.beam_pipeline.commands.generate writes it again"


def test_the_template_asks_for_what_has_no_default_and_takes_the_defaults():
    needed = {name for name, each in parameters().items() if not each.get("isOptional")}
    assert needed == {"input", "output", "sdk_container_image"}
    settings = Settings(input=("gs://photos",), output="gs://b/out")
    values = {name: getattr(settings, name, None) for name in parameters()}
    values |= {"input": "gs://photos/2024-*/*.jpg", "attributes": ",".join(settings.attributes)}
    for name, value in values.items():
        for regex in parameters()[name].get("regexes", []):
            assert value in (None, ()) or re.fullmatch(regex, str(value)), name
    assert not re.fullmatch(parameters()["output"]["regexes"][0], "out")
    assert all(re.fullmatch(parameters()["attribute_model"]["regexes"][0], name) for name in SHIPPED)


def test_a_switch_of_the_template_is_given_or_left_out():
    assert arguments(["--input=gs://a", "--rehash=true", "--keep_deleted=false"]) == [
        "run",
        "--input=gs://a",
        "--rehash",
        "--no_wait",
    ]


def test_what_the_launcher_gives_is_understood(launched, capsys):
    launcher = {
        **beam_options(launched.place),
        "job_name": "nightly",
        "staging_location": f"{launched.place}/staging",
        "labels": '{"goog-dataflow-template": "headcount"}',
        "machine_type": "n2-highmem-4",
        "max_num_workers": 5,
        "service_account_email": "worker@some-project.example",
        "input": launched.settings.input[0],
        "output": launched.settings.output,
        "attributes": "age,gender",
        "keep_deleted": "true",
    }
    assert main(arguments(flags(launcher))) == 2
    assert "another run" in capsys.readouterr().err


def test_all_that_the_image_copies_is_there_and_of_one_version(package):
    lines = (TEMPLATE / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    sources = {source for sources in copies for source in sources}
    assert all((ROOT / source).exists() for source in sources)
    assert set(package["package_dir"].values()) <= sources
    variable = "ENV FLEX_TEMPLATE_PYTHON_PY_FILE="
    (program,) = (line.removeprefix(variable) for line in lines if line.startswith(variable))
    assert (ROOT / program.removeprefix("/opt/headcount/")).is_file()
    assert f"--from=apache/beam_python3.11_sdk:{beam.__version__} " in "\n".join(lines)
