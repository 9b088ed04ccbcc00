"""The bench of Link's phase."""

from pathlib import Path

import pytest

from avserver.bench.link_phase import link_phase

pytest.importorskip("link")


@pytest.mark.slow
def test_the_frames_of_a_real_server_are_compared_with_another_peer(tiny_model: Path, tmp_path: Path) -> None:
    figures = link_phase(tmp_path, model=str(tiny_model), duration_s=3.0)
    assert figures["frames"] > 10
    # Phases that had nothing to do with each other would be a quarter of a beat apart, 119 ms.
    assert figures["its magnitude, median (ms)"] < 60
