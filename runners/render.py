"""`--render_output`: the graph of a run as a picture, by Beam's own renderer and Graphviz."""

from __future__ import annotations

import shutil

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.render import RenderOptions, RenderRunner

from headcount.schemas.errors import UsageError


def check_render(options: PipelineOptions) -> None:
    """Raises UsageError for a picture that cannot be drawn on this machine."""
    for path in options.view_as(RenderOptions).render_output or ():
        if not path.endswith(".dot") and shutil.which("dot") is None:
            raise UsageError(
                f"--render_output {path} needs Graphviz, whose program dot is not here; install it, or give a"
                " .dot file"
            )


def render(pipeline: beam.Pipeline, options: PipelineOptions) -> None:
    """Draws the graph into the files that `--render_output` names; raises UsageError where it cannot."""
    if not options.view_as(RenderOptions).render_output:
        return
    try:
        # It only draws; the engine of `options` runs the pipeline.
        RenderRunner().run_pipeline(pipeline, options)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--render_output cannot be drawn: {error}") from error
