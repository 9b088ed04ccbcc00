"""Listening to a song as fast as it can be: what was heard, how right it was, and a picture of it."""
