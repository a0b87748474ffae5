"""What an engine counted, as plain numbers."""

from __future__ import annotations

from typing import Any

from apache_beam.runners.runner import PipelineResult


def metrics_of(result: PipelineResult) -> dict[str, Any]:
    """Counters as numbers and distributions as `{"count", "sum", "min", "max"}`, by `step.name` as in
    `ReadPhotos.photos`; what several steps count under one name is added up. Empty where the engine keeps
    none.
    """
    try:
        found = result.metrics().query()
    except (NotImplementedError, AttributeError):
        return {}
    counted: dict[str, Any] = {}
    for one in found["counters"]:
        name = f"{one.key.metric.namespace}.{one.key.metric.name}"
        counted[name] = counted.get(name, 0) + (one.result or 0)  # Prism has None for 0.
    for one in (one for one in found["distributions"] if one.result and one.result.count):
        name, new = f"{one.key.metric.namespace}.{one.key.metric.name}", one.result
        old = counted.get(name, {"count": 0, "sum": 0, "min": new.min, "max": new.max})
        counted[name] = {
            "count": old["count"] + new.count,
            "sum": old["sum"] + new.sum,
            "min": min(old["min"], new.min),
            "max": max(old["max"], new.max),
        }
    return dict(sorted(counted.items()))
