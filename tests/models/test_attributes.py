import json
import shutil
import tarfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from headcount.models.attributes import (
    DEFAULT_MODEL,
    SHIPPED,
    Calibration,
    load_attribute_model,
    load_calibration,
    model_hash,
)
from headcount.models.framing import CROP_SIZE
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS

CROPS = np.random.default_rng(1).integers(0, 256, (5, CROP_SIZE, CROP_SIZE, 3), np.uint8)


def saved_model(folder, outputs, dtype="uint8", value=1.0):
    """A SavedModel with outputs of the given lengths: the mean brightness, or shares that sum to `value`."""
    import tensorflow as tf

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 48, 48, 3], dtype, name="crops")])
        def serve(self, crops):
            mean = tf.reduce_mean(tf.cast(crops, tf.float32) / 255, [1, 2, 3])
            shares = {name: tf.fill([n], value / n) for name, n in outputs.items()}
            return {
                name: share * tf.ones_like(mean)[:, None] if outputs[name] > 1 else mean
                for name, share in shares.items()
            }

    module = Module()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return str(folder)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
class TestSavedModel:
    def test_a_model_of_the_users_own_is_loaded_through_the_hub(self, tmp_path):
        model = load_attribute_model(saved_model(tmp_path / "own", {"age": AGES, "gender": 1}))
        assert model.side == 48
        outputs = model.describe(CROPS[:, :48, :48])
        assert {name: values.shape for name, values in outputs.items()} == {"age": (5, AGES), "gender": (5,)}
        assert outputs["gender"] == pytest.approx(CROPS[:, :48, :48].mean(axis=(1, 2, 3)) / 255, rel=1e-3)

    def test_outputs_of_another_shape_are_refused_before_any_work(self, tmp_path):
        with pytest.raises(UsageError, match=r"age \['n', 101\]"):
            load_attribute_model(saved_model(tmp_path / "own", {"age": 10}))

    def test_ages_that_do_not_sum_to_one_are_refused(self, tmp_path):
        with pytest.raises(UsageError, match=r"its probabilities of mood sum to 3 and not to 1"):
            load_attribute_model(saved_model(tmp_path / "own", {"mood": len(MOODS)}, value=3.0))

    def test_the_hash_of_a_handle_is_that_of_its_files(self, tmp_path, monkeypatch):
        folder = saved_model(tmp_path / "own", {"gender": 1})
        with tarfile.open(tmp_path / "own.tar.gz", "w:gz") as packed:
            packed.add(folder, ".")
        monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "cache"))

        class Quiet(SimpleHTTPRequestHandler):
            def log_message(self, *args):
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            handle = f"http://127.0.0.1:{server.server_port}/own.tar.gz"
            assert model_hash(handle) == model_hash(folder)
            assert load_attribute_model(handle).side == 48
            server.shutdown()

    def test_a_handle_that_cannot_be_downloaded_is_one_line(self, tmp_path, monkeypatch):
        monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path))
        for use in (load_attribute_model, model_hash):
            with pytest.raises(UsageError, match="cannot be loaded") as error:
                use("http://127.0.0.1:9/none.tar.gz")
            assert len(str(error.value).splitlines()) == 1

    def test_a_model_without_a_known_output_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match="needs one of"):
            load_attribute_model(saved_model(tmp_path / "own", {"hat": 2}))

    def test_crops_must_be_bytes(self, tmp_path):
        with pytest.raises(UsageError, match="uint8 `crops`"):
            load_attribute_model(saved_model(tmp_path / "own", {"gender": 1}, dtype="float32"))

    def test_a_folder_that_is_no_model_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match="cannot be loaded"):
            load_attribute_model(str(tmp_path))


def test_the_networks_outputs_are_probabilities_whatever_the_batch():
    model = load_attribute_model()
    together = model.describe(CROPS)
    assert {name: values.shape for name, values in together.items()} == {
        "age": (5, AGES),
        "gender": (5,),
        "mood": (5, len(MOODS)),
    }
    assert together["age"].sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert together["mood"].sum(axis=1) == pytest.approx(1, abs=1e-3)
    assert ((together["gender"] >= 0) & (together["gender"] <= 1)).all()
    for index in range(5):
        alone = model.describe(CROPS[index : index + 1])
        for name, values in alone.items():
            assert values[0] == pytest.approx(together[name][index], abs=1e-4)


def test_what_learned_from_fairface_alone_tells_no_moods():
    outputs = load_attribute_model("fairface").describe(CROPS)
    assert set(outputs) == {"age", "gender"}
    assert load_calibration("fairface").gender > 0.5


def test_a_file_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.tflite").write_text("no model")
    with pytest.raises(UsageError, match="not a usable"):
        load_attribute_model(str(tmp_path / "a.tflite"))


def test_calibration_are_read_from_beside_the_model(tmp_path):
    assert load_calibration(str(tmp_path / "own.tflite")) == Calibration()
    (tmp_path / "own.tflite").touch()
    (tmp_path / "own.json").write_text(json.dumps({"calibration": {"gender": 0.7}}))
    assert load_calibration(str(tmp_path / "own.tflite")) == Calibration(gender=0.7)


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("{", "cannot be read as JSON"),
        ("[1]", "is no JSON object"),
        ('{"calibratoin": {}}', "has calibratoin; did you mean calibration?"),
        ('{"calibration": 3}', "calibration is 3; give an object"),
        ('{"calibration": {"gendr": 0.7}}', "calibration has no gendr; it may have gender"),
        ('{"calibration": {"gender": 7}}', "gender is 7; give a probability, 0 to 1"),
        ('{"calibration": {"gender": NaN}}', "gender is nan"),
        ('{"calibration": {"mood": "much"}}', "cannot be used"),
        ('{"calibration": {"gender_from_age": -1}}', "give a number, at least 0"),
        ('{"calibration": {"age_margins": [1, 2]}}', "give 9 numbers, or none"),
        ('{"calibration": {"age_margins": 5}}', "cannot be used"),
    ],
)
def test_a_calibration_that_cannot_be_is_one_line(tmp_path, about, words):
    (tmp_path / "own.tflite").touch()
    (tmp_path / "own.json").write_text(about)
    with pytest.raises(UsageError) as error:
        load_calibration(str(tmp_path / "own.tflite"))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_a_foreign_file_beside_a_model_is_left_alone(tmp_path):
    (tmp_path / "own.tflite").touch()
    (tmp_path / "own.json").write_text('{"author": "someone"}')
    assert load_calibration(str(tmp_path / "own.tflite")) == Calibration()


def test_a_model_that_is_not_the_one_its_json_speaks_of_is_refused(tmp_path):
    shutil.copy(SHIPPED[DEFAULT_MODEL], tmp_path / "own.tflite")
    (tmp_path / "own.json").write_text(json.dumps({"sha256": model_hash(DEFAULT_MODEL)}))
    load_attribute_model(str(tmp_path / "own.tflite"))
    (tmp_path / "own.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(UsageError, match="not the one its"):
        load_attribute_model(str(tmp_path / "own.tflite"))


def test_the_hash_changes_with_the_bytes(tmp_path):
    copy = tmp_path / "copy.tflite"
    shutil.copy(SHIPPED[DEFAULT_MODEL], copy)
    assert model_hash(str(copy)) == model_hash(DEFAULT_MODEL)
    copy.write_bytes(copy.read_bytes() + b"x")
    assert model_hash(str(copy)) != model_hash(DEFAULT_MODEL)


def test_the_hash_of_a_folder_is_of_names_and_bytes(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    before = model_hash(str(tmp_path / "a"))
    (tmp_path / "a" / "b").rename(tmp_path / "a" / "c")
    assert model_hash(str(tmp_path / "a")) != before


def test_threads_that_share_a_model_get_their_own_answers():
    model = load_attribute_model()
    rng = np.random.default_rng(1)
    faces = [rng.integers(0, 256, (1, model.side, model.side, 3), np.uint8) for _ in range(8)]
    alone = [model.describe(face)["gender"].item() for face in faces]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(20):
            together = pool.map(lambda face: model.describe(face)["gender"].item(), faces)
            assert list(together) == alone
