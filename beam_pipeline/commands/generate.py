"""What is made from the options, commands and schemas: the Flex Template's metadata, docs/options.md and the
lists of columns in docs/tables.md.

`python -m headcount.beam_pipeline.commands.generate` in a clone writes them again.
A test fails where they differ.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from headcount.beam_pipeline.commands.main import make_parsers
from headcount.beam_pipeline.options import REQUIRED, Option, options_of
from headcount.beam_pipeline.settings import Settings
from headcount.models.shipped import SHIPPED
from headcount.schemas.document import fill_page

ROOT: Final = Path(__file__).parents[2]
METADATA: Final = "runners/dataflow/metadata.json"
TABLE: Final = "docs/options.md"
COLUMNS: Final = "docs/tables.md"

_BUCKET: Final = "^gs://[^/]+(/.*)?$"

_NOT_IN_A_TEMPLATE: Final = ("max_failures",)
"""A launch does not wait for the end of the run."""

_IN_A_TEMPLATE: Final[dict[str, dict[str, Any]]] = {
    "input": {
        "helpText": "A gs:// address and all below it, or a glob such as gs://my-photos/2024-*/*.jpg.",
        "regexes": [_BUCKET],
    },
    "output": {
        "helpText": "A gs:// address for the tables. They are replaced as a whole when the run is complete.",
        "regexes": [_BUCKET],
    },
    "detector": {
        "helpText": "headcount (default), yunet, dlib-hog or haar.",
        "regexes": ["^(headcount|yunet|dlib-hog|haar)$"],
    },
    "detector_model": {
        "helpText": "Path of its file inside the image; yunet needs one.",
        "regexes": ["^/.+$"],
    },
    "attribute_model": {
        "helpText": f"{' or '.join(SHIPPED)}, or the path of your own .tflite file inside the image.",
        "regexes": [f"^({'|'.join(SHIPPED)}|/.+)$"],
    },
    "forget": {"helpText": "The gs:// address of a photo to leave no row of.", "regexes": [_BUCKET]},
}
"""What is otherwise in the cloud, where places are buckets and models lie in the image."""

_IMAGE: Final = {
    "name": "sdk_container_image",
    "label": "Image of the workers",
    "helpText": "The image that this template was built with.",
    "paramType": "TEXT",
    "regexes": [r"^\S+$"],
}
_VERBOSE: Final = {
    "name": "verbose",
    "label": "Log of the launch",
    "helpText": "true: show tracebacks in the launcher's log.",
    "paramType": "BOOLEAN",
    "isOptional": True,
}


def template() -> str:
    """The text of the Flex Template's metadata: the options of a run as parameters."""
    options = [one for one in options_of(Settings) if one.name not in _NOT_IN_A_TEMPLATE]
    parameters = [_parameter(one) for one in options]
    needed = sum(one.default is REQUIRED for one in options)
    document = {
        "name": "Headcount",
        "description": "Who is in a collection of photos: faces, apparent ages, genders, moods and dates as"
        " Parquet tables.",
        "parameters": [*parameters[:needed], _IMAGE, *parameters[needed:], _VERBOSE],
    }
    return json.dumps(document, indent=2) + "\n"


def _parameter(one: Option) -> dict[str, Any]:
    default = one.shown_default()
    about = f"{one.help[0].upper()}{one.help[1:]}." + (f" {default} by default." if default else "")
    parameter: dict[str, Any] = {"name": one.name, "label": one.label}
    if one.kind is bool:
        parameter |= {"helpText": f"true: {one.help}.", "paramType": "BOOLEAN"}
    else:
        parameter |= {"helpText": about, "paramType": "TEXT"}
    if one.default is not REQUIRED:
        parameter["isOptional"] = True
    if one.kind is not bool:
        parameter["regexes"] = [_regex(one)]
    return parameter | _IN_A_TEMPLATE.get(one.name, {})


def _regex(one: Option) -> str:
    if one.choices:
        word = f"({'|'.join(one.choices)})"
        return f"^{word}(,{word})*$" if one.commas else f"^{word}$"
    if one.kind is int:
        return "^[0-9]+$"
    return r"^[0-9]*\.?[0-9]+$" if one.kind is float else "^.+$"


def options_page() -> str:
    """The text of docs/options.md: the flags of each command."""
    _, parsers = make_parsers()
    sections = [
        "# Options",
        "Every command and its flags, as `headcount COMMAND --help` has them; the default is in brackets.\n"
        "`python -m headcount.beam_pipeline.commands.generate` writes this page.",
    ]
    for name, parser in parsers.items():
        sections += [f"## headcount {name}", str(parser.description), _table(parser._actions)]
    return "\n\n".join(sections) + "\n"


def _table(actions: Sequence[argparse.Action]) -> str:
    lines = ["| flag | what it does |", "|---|---|"]
    for action in actions:
        if "--help" not in action.option_strings:
            flag = action.option_strings[0] if action.option_strings else ""
            value = action.metavar if action.nargs != 0 else ""
            words = f"{action.help}; required" if action.required else str(action.help)
            lines.append(f"| `{f'{flag} {value or str()}'.strip()}` | {words.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    (ROOT / METADATA).write_text(template())
    (ROOT / TABLE).write_text(options_page())
    (ROOT / COLUMNS).write_text(fill_page((ROOT / COLUMNS).read_text()))
