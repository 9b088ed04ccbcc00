"""Music to learn from: scores of our own, arranged by MMA, rendered by FluidSynth, with their exact truth."""
