"""What a model file says about its network: the configuration, and from it the name and shape of every parameter.

Names and shapes are those of the official PyTorch networks, so that a converted file needs no renaming. No framework
is imported here: the show process reads it too.
"""

import dataclasses
import math
import typing
from collections.abc import Mapping
from typing import Any

from avserver.errors import ModelError, nearest
from avserver.generator.architecture.network import Layer, NetworkConfig
from avserver.generator.architecture.stylegan2 import StyleGAN2Config
from avserver.generator.architecture.stylegan3 import StyleGAN3Config

__all__ = [
    "ARCHITECTURES",
    "Layer",
    "NetworkConfig",
    "StyleGAN2Config",
    "StyleGAN3Config",
    "architecture_of",
    "check_alike",
    "from_plain",
    "to_plain",
]

ARCHITECTURES: dict[str, type[NetworkConfig]] = {"stylegan2": StyleGAN2Config, "stylegan3": StyleGAN3Config}

_WORDS = {int: "a whole number", float: "a finite number", bool: "true or false", str: "a text"}


def architecture_of(config: NetworkConfig) -> str:
    """Return the name that a configuration goes by in a model file."""
    return next(name for name, kind in ARCHITECTURES.items() if isinstance(config, kind))


def to_plain(config: NetworkConfig) -> dict[str, Any]:
    """Return a configuration as plain data; `from_plain` gives it back."""
    return {"architecture": architecture_of(config), **dataclasses.asdict(config)}


def check_alike(one: NetworkConfig, other: NetworkConfig) -> None:
    """Raise ModelError for networks that cannot be mixed, naming the first difference."""
    if type(one) is not type(other):
        raise ModelError(f"networks of one architecture can be mixed, got {type(one).__name__}, {type(other).__name__}")
    for name in one.__dataclass_fields__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if mine != theirs:
            raise ModelError(f"networks of one shape can be mixed; {name} is {mine} in one and {theirs} in the other")


def from_plain(plain: Mapping[str, Any]) -> NetworkConfig:
    """Read a configuration. Raises ModelError if it is not one of ours, naming what is wrong."""
    name = plain.get("architecture")
    if name not in ARCHITECTURES:
        raise ModelError(f"unknown architecture {name!r}, {nearest(str(name), ARCHITECTURES)}")
    kind = ARCHITECTURES[name]
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in plain.items():
        if key == "architecture":
            continue
        if key not in fields:
            raise ModelError(f"unknown key {key!r} in a {name} configuration, {nearest(key, fields)}")
        values[key] = _value(value, hints[key], f"{key} of a {name} configuration")
    missing = [key for key, f in fields.items() if f.default is dataclasses.MISSING and key not in values]
    if missing:
        raise ModelError(f"a {name} configuration lacks {', '.join(missing)}")
    return kind(**values)


def _value(value: object, kind: type, what: str) -> object:
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ModelError(f"{what} is {_WORDS[kind]}, got {value!r}")
    return value
