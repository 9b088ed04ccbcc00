"""The parameters that a show's models and its mapping file bring: choirs, bends, directions."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from avserver.control.param_makers import bool_param, choice_param, float_param, int_param, trigger_param
from avserver.control.params import Param
from avserver.frame_spec import MAX_SEED
from avserver.transforms import TRANSFORMS

# Farthest along a direction, in standard deviations of w: past three, pictures are rare; past five, broken.
MOST_SIGMA = 5.0


def direction_params(
    name: str, *, kind: str, number: int, layers: tuple[float, float] = (0.0, 1.0), amount: float = 0.0
) -> list[Param]:
    """Return the parameters of a direction of w: how far to go along it, and on which layers."""
    at, what = f"/direction/{name}", f"{kind} direction {number}"
    return [
        float_param(f"{at}/amount", amount, -MOST_SIGMA, MOST_SIGMA, f"how far along {what}, 0 is not at all", "sigma"),
        float_param(f"{at}/first", layers[0], 0.0, 1.0, f"{what} moves the layers from this share of them on"),
        float_param(f"{at}/stop", layers[1], 0.0, 1.0, f"{what} moves the layers below this share of them"),
    ]


def model_params(models: Sequence[str]) -> list[Param]:
    """Return the parameters of a show's models, given their names."""
    select = choice_param("/model/select", models[0], models, "the model that plays")
    return [replace(select, survives_panic=True)]


def choir_params(name: str, *, seeds: Iterable[int], layers: tuple[float, float], glide_s: float) -> list[Param]:
    """Return the parameters of a choir: its seeds, which layers it plays, how long it glides."""
    at = f"/choir/{name}"
    return [
        float_param(f"{at}/glide_s", glide_s, 0.0, 30.0, f"how long {name} takes from one seed to the next", "s", 0.0),
        float_param(f"{at}/first", layers[0], 0.0, 1.0, f"{name} plays the layers from this share of them on"),
        float_param(f"{at}/stop", layers[1], 0.0, 1.0, f"{name} plays the layers below this share of them"),
        trigger_param(f"{at}/next", f"{name} goes to its next seed"),
        trigger_param(f"{at}/reseed", f"other seeds for {name}, see /reseed/from"),
        *(
            # A projected picture stands among the seeds as a number beyond them.
            int_param(f"{at}/seed/{number}", seed, 0, max(seed, MAX_SEED), f"seed {number} of {name}")
            for number, seed in enumerate(seeds, start=1)
        ),
    ]


def bend_params(name: str, *, layer: str, transform: str) -> list[Param]:
    """Return the parameters of a bend: its switch, the values of its transform, and how fast its phase moves."""
    at = f"/bend/{name}"
    params = [
        bool_param(f"{at}/enable", True, f"{transform} of {layer} on or off"),
        *(
            float_param(f"{at}/{v.name}", v.neutral, v.minimum, v.maximum, f"{layer}: {v.description}", v.unit, 0.0)
            for v in TRANSFORMS[transform]
        ),
    ]
    if any(value.name == "phase" for value in TRANSFORMS[transform]):
        params.append(float_param(f"{at}/speed", 1.0, -16.0, 16.0, f"{layer}: how fast the phase moves", "rad/s", 0.0))
    return params
