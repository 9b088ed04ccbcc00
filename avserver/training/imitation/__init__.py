"""Imitation: a generator learns from a painter that says for every z what it is to be the picture of."""
