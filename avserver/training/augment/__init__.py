"""Adaptive discriminator augmentation: few pictures go a long way if the discriminator sees each in many guises.

Karras et al., "Training Generative Adversarial Networks with Limited Data" (arXiv:2006.06676). Every picture that the
discriminator sees, painted or generated, is moved, turned, stretched and recoloured at random, each with probability
p; and p follows how surely the discriminator knows the training pictures by heart.

`draw` makes a batch's random choices in numpy, `augment` carries them out on the device, `Adaptive` moves p.

What differs from the paper: there, a wavelet's filter (sym6) doubles pictures before the warp and halves them after
it. Here, pictures are doubled by interpolation that keeps the pixels they have, softened only as far as they are about
to shrink, and sampled where the output's pixels are. So p = 0 changes no bit, flips and quarter turns are exact, and a
quarter of the samples is taken. The paper's filters and corruptions (band-wise gains, noise, cutout), which it found
to help no further, are left out.
"""

from avserver.training.augment.adaptive import Adaptive
from avserver.training.augment.changes import augment
from avserver.training.augment.choices import KINDS, draw

__all__ = ["KINDS", "Adaptive", "augment", "draw"]
