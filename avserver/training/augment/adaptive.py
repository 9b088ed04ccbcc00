"""How often pictures are augmented: as often as the discriminator knows training pictures by heart."""

from dataclasses import dataclass

from avserver.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Adaptive:
    """How p follows the discriminator's memory: up while it is surer than `target` of training pictures, else down.

    How sure it is, is the paper's r_t: the mean sign of the discriminator's output on training pictures, 0 when it
    can't tell them from generated ones, 1 when it knows each.

    Args:
        target: the mean sign at which p stays.
        ramp_pictures: training pictures seen while p goes from 0 to 1.
        maximum: p stays below; above 0.8 the paper saw augmentations leak into what is generated.
    """

    target: float = 0.6
    ramp_pictures: int = 500_000
    maximum: float = 0.8

    def __post_init__(self) -> None:
        if not -1 < self.target < 1:
            raise ConfigError(f"the target of augmentation is a mean sign in (-1, 1), got {self.target}")
        if self.ramp_pictures < 1:
            raise ConfigError(f"augmentation's ramp takes 1 picture or more, got {self.ramp_pictures}")
        if not 0 <= self.maximum <= 1:
            raise ConfigError(f"augmentation's highest probability is in [0, 1], got {self.maximum}")

    def moved(self, p: float, sign: float, pictures: int) -> float:
        """Return p after `pictures` more, on which the discriminator's mean sign was `sign`; in [0, maximum]."""
        way = (sign > self.target) - (sign < self.target)
        return min(max(p + way * pictures / self.ramp_pictures, 0.0), self.maximum)
