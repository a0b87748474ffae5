import sys

import pytest

from headcount.transforms.photo.child_processes import child_context


@pytest.mark.skipif(sys.platform != "linux", reason="children are forks on Linux only")
def test_a_child_has_what_it_needs_when_it_starts():
    with child_context().Pool(1) as pool:
        assert pool.apply(eval, ["'headcount.transforms.photo.reader' in __import__('sys').modules"])
