"""Generators of stylegan2-ada-pytorch and stylegan3: trees of modules, whose tensors have the official names."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from avserver.errors import ModelError
from avserver.generator.importing.found import Found, Read
from avserver.generator.importing.values import Array, Instance, Tensor, describe
from avserver.generator.official import config_of

MODULES = 1000  # in a generator, at most; the largest official one has some sixty, with a few tensors each
# What the official constructors take by position.
POSITIONS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs")


def read_pytorch(generator: Instance, read: Read) -> Found:
    """Return an official generator's configuration and tensors.

    Raises ModelError for a module that is none, or has arguments that are not official.
    """
    modules = dict(_modules(generator))
    if "synthesis.input" in modules:
        architecture = "stylegan3"
    elif "synthesis.b4" in modules:
        architecture = "stylegan2"
    else:
        parts = ", ".join(list(modules)[1:8]) or "no parts"
        raise ModelError(f"its generator is neither StyleGAN2 nor StyleGAN3, it is {describe(generator)} of {parts}")
    arguments = _arguments(generator)
    layer = next((modules[name] for name in modules if name.startswith(("synthesis.b4.conv1", "synthesis.L0_"))), None)
    if layer is not None and "conv_clamp" in layer.state:  # the code bases have different defaults; the layer knows
        arguments.setdefault("conv_clamp", layer.state["conv_clamp"])
    tensors = {
        f"{name}.{key}".lstrip("."): partial(read, tensor)
        for name, module in modules.items()
        for key, tensor in _tensors(module)
    }
    return Found("official PyTorch pickle", config_of(architecture, arguments), {**tensors}, tensors)


def _modules(root: Instance) -> Iterator[tuple[str, Instance]]:
    """Yield every module by its dotted name; the root's is empty. A file may build rings: they end at MODULES."""
    waiting = [("", root)]
    for seen in range(MODULES):
        if seen == len(waiting):
            return
        name, module = waiting[seen]
        yield name, module
        waiting += [
            (f"{name}.{key}"[:200].lstrip("."), child)
            for key, child in _table(module, "_modules").items()
            if isinstance(child, Instance)
        ]
    raise ModelError(f"its generator has more than {MODULES} modules")


def _tensors(module: Instance) -> Iterator[tuple[str, Tensor | Array]]:
    for table in ("_parameters", "_buffers"):
        for key, tensor in _table(module, table).items():
            if isinstance(tensor, Tensor | Array):
                yield key, tensor


def _table(module: Instance, name: str) -> dict[str, Any]:
    table = module.state.get(name, {})
    if not isinstance(table, dict) or len(table) > MODULES or not all(isinstance(key, str) for key in table):
        raise ModelError(f"{describe(module)} has {describe(table)} as its {name}, a short one of names is allowed")
    return table


def _arguments(generator: Instance) -> dict[Any, Any]:
    """Return what the generator was made with, by name."""
    by_position, by_name = generator.state.get("_init_args", ()), generator.state.get("_init_kwargs")
    if not isinstance(by_name, dict) or not isinstance(by_position, tuple | list) or len(by_position) > len(POSITIONS):
        raise ModelError(f"{describe(generator)} doesn't say which arguments it was made with")
    return dict(zip(POSITIONS, by_position, strict=False)) | by_name
