"""A take: a performance kept as what was decided, not as pixels, to be replayed, and drawn again larger or finer."""
