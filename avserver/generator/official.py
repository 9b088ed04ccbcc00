"""The constructor arguments of NVIDIA's generators, as pickles and `.npz` files tell them, in our words.

Names and defaults: `Generator` and what it passes its arguments on to, in stylegan2-ada-pytorch and stylegan3.
"""

from collections.abc import Mapping
from typing import Any

from avserver.errors import ModelError
from avserver.generator.architecture import NetworkConfig, from_plain

# Ours by theirs; others have the same name. `num_layers` means the mapping's or StyleGAN3's, told apart by where it is.
_RENAMED = {"img_resolution": "resolution", "architecture": "block_architecture"}
_SIZES: dict[str, Any] = {"c_dim": 0, "channel_base": 32768, "channel_max": 512}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "stylegan2": _SIZES | {"architecture": "skip", "conv_clamp": 256.0},
    "stylegan3": _SIZES
    | {
        "num_layers": 14,
        "num_critical": 2,
        "first_cutoff": 2.0,
        "first_stopband": 2**2.1,
        "last_stopband_rel": 2**0.3,
        "margin_size": 10,
        "output_scale": 0.25,
        "conv_kernel": 3,
        "use_radial_filters": False,
        "filter_size": 6,
        "lrelu_upsampling": 2,
        "conv_clamp": 256.0,
    },
}
_REQUIRED = ("z_dim", "w_dim", "img_resolution")
_MAPPING_LAYERS = {"stylegan2": 8, "stylegan3": 2}
# What doesn't change the picture, or is seen in the tensors.
_WITHOUT_EFFECT = frozenset(
    {
        "num_fp16_res",
        "use_fp16",
        "fp16_channels_last",
        "channels_last",
        "fused_modconv_default",
        "magnitude_ema_beta",
        "w_avg_beta",
        "resample_filter",
        "embed_features",
        "layer_features",
    }
)
# What we draw in one way only.
_FIXED = {"img_channels": 3, "activation": "lrelu", "kernel_size": 3, "use_noise": True, "lr_multiplier": 0.01}


def config_of(architecture: str, arguments: Mapping[Any, Any]) -> NetworkConfig:
    """Return the configuration of an official generator.

    Args:
        architecture: "stylegan2" or "stylegan3".
        arguments: of its constructor, those of its parts nested (`mapping_kwargs`, `synthesis_kwargs`) or flat.

    Raises:
        ModelError: for arguments that are missing, unknown, or ask for what is not drawn here.
    """
    if architecture not in tuple(_DEFAULTS):
        raise ModelError(f"unknown architecture {_plain(architecture, 'name')!r}, allowed: {', '.join(_DEFAULTS)}")
    given = {key: value for key, value in arguments.items() if key not in ("mapping_kwargs", "synthesis_kwargs")}
    mapping = _part(arguments, "mapping_kwargs")
    if "synthesis_kwargs" in arguments:  # as stylegan2-ada-pytorch has it, which clamps only where told to
        given = {"conv_clamp": None} | given | _part(arguments, "synthesis_kwargs")
    defaults = _DEFAULTS[architecture]
    plain: dict[str, Any] = {
        "architecture": architecture,
        "mapping_layers": _plain(mapping.pop("num_layers", _MAPPING_LAYERS[architecture]), "mapping_layers"),
    }
    for name in _REQUIRED:
        if name not in given:
            raise ModelError(f"the generator's arguments lack {name}")
    for name, value in (defaults | given).items():
        if name in defaults or name in _REQUIRED:
            plain[_RENAMED.get(str(name), str(name))] = _plain(value, name)
        else:
            _check_fixed(name, value)
    for name, value in mapping.items():
        _check_fixed(name, value)
    plain["conv_clamp"] = plain["conv_clamp"] or 0.0  # None: no clamping
    return from_plain(plain)


def _part(arguments: Mapping[Any, Any], name: str) -> dict[Any, Any]:
    part = arguments.get(name) or {}
    if not isinstance(part, Mapping):
        raise ModelError(f"the generator's {name} are arguments by name, got a {type(part).__name__}")
    return dict(part)


def _plain(value: Any, name: str) -> Any:
    """Return a number, text or None from a file. Anything else might be endless to write in a message."""
    if isinstance(value, int) and value.bit_length() > 64:
        raise ModelError(f"the generator's {name} is a huge number")
    if value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) < 60):
        return value
    raise ModelError(f"the generator's {name} is a number or a word, got a {type(value).__name__}")


def _check_fixed(name: Any, value: Any) -> None:
    if name in _WITHOUT_EFFECT:
        return
    if not isinstance(name, str) or len(name) > 60:
        raise ModelError("the generator's arguments have odd names")
    if name not in _FIXED:
        raise ModelError(f"the generator has the argument {name!r}, which the official networks don't")
    if _plain(value, name) != _FIXED[name]:
        raise ModelError(f"the generator's {name} is {value!r}, only {_FIXED[name]!r} is drawn here")
