"""Network bending: what is done to a layer's activations while it plays (Broad et al. 2021, doi:10.3390/e24010028).

A bend of block bR acts on what the block hands on: its activations after conv1, leaky ReLU included. Bends that move
things about (affine and coordinate ones, on all channels) move the picture so far too: what has been drawn up to R px
goes as one, and the finer blocks draw anew on what has moved; bending the last block moves the whole picture. All
other bends of a block are for its activations alone, which in the last block nobody looks at any more: there, bend its
conv1.
"""

from avserver.generator.bending.bends import NO_BENDS, Bending, Place, Probe, Step
from avserver.generator.bending.plan import BendPlan

__all__ = ["NO_BENDS", "BendPlan", "Bending", "Place", "Probe", "Step"]
