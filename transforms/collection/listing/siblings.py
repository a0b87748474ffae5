"""What the other names in a folder say of the files in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from headcount.transforms.collection.listing.sidecars import SidecarIndex, find_sidecars, index_sidecars
from headcount.transforms.dates.spellings import needs_order, shown_order


class Siblings(NamedTuple):
    """Made once for a folder, from all names in it."""

    sidecars: SidecarIndex
    order: str
    """How days and months are ordered in the names, as far as those show it that have one order only."""

    @classmethod
    def of(cls, names: Iterable[str]) -> Siblings:
        """The siblings of these names among each other."""
        names = list(names)
        return cls(index_sidecars(names), shown_order(names))

    def sidecars_of(self, name: str) -> tuple[str, ...]:
        """The names of the sidecars of a file, the best first."""
        return find_sidecars(name, self.sidecars)

    def order_of(self, name: str) -> str:
        """The order that the date in a name is to be read in, empty where there is none that needs one."""
        return self.order if self.order and needs_order(name) else ""
