"""An option is a field of a dataclass. Its flag, its checks, its template parameter and its documentation are
made from that one definition.

A value may come as the text of a flag or from Python: a number, a path, a list of them.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import inspect
import math
import os
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from headcount.schemas.errors import UsageError

Function = TypeVar("Function", bound=Callable[..., Any])

REQUIRED: Final = dataclasses.MISSING
"""The default of an option that has none."""


@dataclass(frozen=True, slots=True)
class Range:
    """Which numbers an option takes, and `what` they are."""

    what: str
    least: float = 0.0
    most: float = math.inf
    over: bool = False
    """Whether the number must be over `least`."""

    def holds(self, value: float) -> bool:
        """Whether `value` is one of them; nan never is."""
        return (value > self.least if self.over else value >= self.least) and value <= self.most

    def __str__(self) -> str:
        limit = f"{'over' if self.over else 'at least'} {self.least:g}"
        return f"{self.what}, {limit}" + ("" if self.most == math.inf else f", at most {self.most:g}")


@dataclass(frozen=True, slots=True)
class Option:
    """One option: what is said of it, and which values it takes."""

    name: str
    kind: type
    """str, int, float or bool."""
    several: bool
    default: Any
    """REQUIRED if there is none."""
    help: str
    """For the help, without the default, and for "--name is missing; give ..."."""
    label: str
    """A few words, as the title of a form's field."""
    metavar: str | None = None
    range: Range | None = None
    choices: tuple[str, ...] = ()
    is_place: bool = False
    """Whether it names files, so that `~` is the home folder."""
    commas: bool = False
    """Whether its values are given as one text with commas."""

    def read(self, value: Any) -> Any:
        """`value` as the field holds it; None is the default. Raises UsageError."""
        if value is None and self.default is not REQUIRED:
            return self.default
        if not self.several:
            return self._one(value)
        if isinstance(value, str | bytes | os.PathLike):
            value = [value]
        if not isinstance(value, Iterable):
            raise self._wrong(value, f"one {self.metavar} or a list of them")
        texts = [text for one in value for text in (str(one).split(",") if self.commas else [one])]
        if self.commas:
            texts = [text.strip() for text in texts if text.strip()]
        if not texts and (self.default is REQUIRED or self.choices):
            raise self._wrong("", f"at least one {self.metavar}")
        return tuple(self._one(text) for text in texts)

    def shown_default(self) -> str:
        """The default for people; empty where there is none to speak of."""
        if self.default is REQUIRED or self.default in (None, False, ()):
            return ""
        if isinstance(self.default, tuple):
            return ",".join(self.default)
        return f"{self.default:.10g}" if self.kind is float else str(self.default)

    def _one(self, value: Any) -> Any:
        if self.kind is bool:
            if not isinstance(value, bool):
                raise self._wrong(value, "True or False")
            return value
        if self.kind is str:
            return self._text(value)
        try:
            number = self.kind(value)
            right = not isinstance(value, bool) and number == float(value) and math.isfinite(number)
        except (TypeError, ValueError, OverflowError):
            right = False
        if not right or (self.range and not self.range.holds(number)):
            raise self._wrong(value, str(self.range))
        return number

    def _text(self, value: Any) -> str:
        if not isinstance(value, str | bytes | os.PathLike):
            raise self._wrong(value, "a text" + (" or a path" if self.is_place else ""))
        text = os.fsdecode(value)
        if self.choices and text not in self.choices:
            near = nearest(text, self.choices)
            hint = f"did you mean {near}? " if near else ""
            raise UsageError(f"--{self.name} {text}: {hint}choose from {', '.join(self.choices)}")
        return os.path.expanduser(text) if self.is_place else text

    def _wrong(self, value: Any, what: str) -> UsageError:
        return UsageError(f"--{self.name} {value}: give {what}")


def option(help: str, *, label: str, default: Any = REQUIRED, **more: Any) -> Any:
    """A field of a class of options; the arguments are those of Option."""
    return dataclasses.field(default=default, metadata={"option": {"help": help, "label": label, **more}})


def options_of(owner: type) -> list[Option]:
    """The options among the fields of `owner`: those without a default, then the others, in their order."""
    hints = typing.get_type_hints(owner)
    found = []
    for field in dataclasses.fields(owner):
        if given := field.metadata.get("option"):
            several = typing.get_origin(hints[field.name]) is tuple
            kinds = typing.get_args(hints[field.name]) or (hints[field.name],)
            found.append(Option(field.name, kinds[0], several, field.default, **given))
    return sorted(found, key=lambda one: one.default is not REQUIRED)


def read_options(owner: type, given: Mapping[str, Any], *, partly: bool = False) -> dict[str, Any]:
    """The values `given` by name, as the fields of `owner` hold them.

    Raises UsageError for a value that cannot be used, for a name that is no option, and, unless `partly`,
    for a missing one that has no default.
    """
    options = {one.name: one for one in options_of(owner)}
    for name in given:
        if name not in options:
            raise UsageError(unknown(name, options))
    for one in options.values():
        if one.default is REQUIRED and given.get(one.name) in (None, "", [], ()) and not partly:
            raise UsageError(f"--{one.name} is missing; give {one.help}")
    return {name: options[name].read(value) for name, value in given.items()}


def with_options(owner: type) -> Callable[[Function], Function]:
    """Shows the options of `owner`, with their defaults, in the signature that help() and a notebook show."""

    def add(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        options = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
            for one in options_of(owner)
            if one.default is not REQUIRED
        ]
        function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return function

    return add


def add_flags(parser: argparse.ArgumentParser, owner: type, names: Collection[str] | None = None) -> None:
    """Adds the flags of the options of `owner`, or of those that are named. Their values stay as typed."""
    for one in options_of(owner):
        if names is not None and one.name not in names:
            continue
        default = one.shown_default()
        text = f"{one.help} ({default})" if default else one.help
        if one.kind is bool:
            parser.add_argument(f"--{one.name}", action="store_true", help=text)
        else:
            action = "append" if one.several and not one.commas else "store"
            parser.add_argument(
                f"--{one.name}",
                action=action,
                required=one.default is REQUIRED,
                metavar=one.metavar,
                help=text,
            )


def nearest(name: str, known: Collection[str]) -> str | None:
    """The one of the `known` that `name` may be a misspelling of."""
    near = difflib.get_close_matches(name, known, n=1)
    return near[0] if near else None


def unknown(name: str, known: Collection[str], see: str = "--help") -> str:
    """What to say of the option `name` that is none of the `known`."""
    near = nearest(name, known)
    return f"unknown option {name}; {f'did you mean {near}?' if near else f'see {see}'}"
