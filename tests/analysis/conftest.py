"""What several tests of the analysis use."""

import pytest

from avserver.analysis.analyser import Analyser
from avserver.audio.catalogue import open_source
from avserver.audio.demo_score import truth


@pytest.fixture(scope="session")
def demo():
    """The Signals of each frame of the demo track, sixty a second."""
    with open_source("demo") as source:
        analyser = Analyser(source)
        return [analyser.until(frame / 60) for frame in range(1, int(truth().duration_s * 60))]
