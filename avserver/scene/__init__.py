"""Deciding what to draw, in numpy: seeds and their weights, noise, bends and grade, one FrameSpec a frame."""
