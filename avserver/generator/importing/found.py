"""What an importer finds in a file: a configuration, and where each tensor is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from avserver.errors import ModelError
from avserver.generator.architecture import NetworkConfig
from avserver.generator.importing.values import Array, Numbers, Tensor, describe

# Returns a tensor's numbers, and counts what they take.
Read = Callable[[Tensor | Array], Numbers]
Step = Callable[[Numbers], Numbers]


@dataclass(frozen=True, slots=True)
class Found:
    """A generator in a file.

    Attributes:
        kind: of file, in a few words.
        config: the network.
        tensors: by official name, what gives its numbers; not all need be there.
        names: what the file itself calls its tensors.
    """

    kind: str
    config: NetworkConfig
    tensors: dict[str, Callable[[], Numbers]]
    names: Iterable[str]


def apply(read: Read, tensor: Tensor | Array, step: Step) -> Numbers:
    """Return a tensor laid out by `step`. Raises ModelError if it has not the axes for it."""
    try:
        return step(read(tensor))
    except (ValueError, IndexError) as err:
        raise ModelError(f"{describe(tensor)} has other axes than its layout") from err


def as_it_is(x: Numbers) -> Numbers:
    """Change nothing."""
    return x


def first(x: Numbers) -> Numbers:
    """Drop an axis of length 1."""
    return x[0]


def first_channel(x: Numbers) -> Numbers:
    """Drop two axes of length 1."""
    return x[0, 0]
