"""Our own abstract paintings, made by code: what the bundled model learns from.

A seed says what is painted: which family, with which palette, and every stroke of it. The same seed and size give the
same picture.
"""
