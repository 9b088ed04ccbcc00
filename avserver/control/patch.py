"""Patch: what a mapping file says, checked and frozen: choirs, bends, directions, modulations and controllers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from avserver.channels import ALL
from avserver.control.fixed_params import FIXED, FIXED_DIRECTIONS
from avserver.control.follower import FollowerOptions
from avserver.control.inputs import OscKnob
from avserver.control.midi.knob import MidiKnob
from avserver.control.params import Param, ParamTable
from avserver.control.patch_params import bend_params, choir_params, direction_params, model_params
from avserver.control.scale import Scale
from avserver.control.sources import Options
from avserver.frame_spec import BendSlot

# The seed's tempo choir took 24 frames of 1/24 s from one picture to the next.
DEFAULT_GLIDE_S = 1.0

# How modulations of one parameter come together.
COMBINE = ("add", "multiply", "max")

# What a choir follows that mixes its seeds, instead of going from one to the next.
CHROMAS = ("chroma", "chroma_sync")


@dataclass(frozen=True, slots=True)
class Choir:
    """Seeds that take turns, or are mixed, on a share of the layers.

    Attributes:
        name: in its addresses, `/choir/NAME/…`.
        follows: `chroma` mixes the seeds by pitch class, `chroma_sync` too but from note to note, `segment` and
            `onsets` go from one to the next.
        seeds: at least one; the list repeats when it runs out.
        layers: share of the layers, half-open, 0 is the coarsest and 1 past the finest.
        onsets: the (stem, band) pairs whose onsets it follows; empty unless it follows onsets.
        glide_s: how long it takes from one seed to the next (s).
        space: where its seeds are mixed, see `frame_spec.LatentTerm`.
        glide: `spline` leaves and arrives at rest, `linear` keeps its speed all the way. A choir that follows the
            chroma does neither: it runs after what it hears.
        order: which seed is whose, for one that follows the chroma: `pitch` gives the first to C, `lasting` to the
            pitch class that the piece has most of.
    """

    name: str
    follows: str
    seeds: tuple[int, ...]
    layers: tuple[float, float] = (0.0, 1.0)
    onsets: tuple[tuple[str, str], ...] = ()
    glide_s: float = DEFAULT_GLIDE_S
    space: str = "w"
    glide: str = "spline"
    order: str = "pitch"


@dataclass(frozen=True, slots=True)
class BendPatch:
    """A bend with a name. `start` holds starting values that are not the neutral ones, the rest is a BendSlot's."""

    name: str
    layer: str
    transform: str
    start: Mapping[str, float] = field(default_factory=dict)
    place: str = "after"
    edges: str = "reflect"
    channels: str = ALL

    @property
    def slot(self) -> BendSlot:
        """What a renderer is prepared for to draw it. Raises ModelError for what does not exist."""
        return BendSlot(self.layer, self.transform, self.place, self.edges, self.channels)


@dataclass(frozen=True, slots=True)
class DirectionPatch:
    """A direction of w to move along, see `frame_spec.Direction`.

    Attributes:
        name: in its addresses, `/direction/NAME/…`.
        kind: one of frame_spec.DIRECTION_KINDS.
        number: which of them, from 1.
        layers: share of the layers at the start, half-open.
        amount: at the start, in standard deviations.
    """

    name: str
    kind: str
    number: int
    layers: tuple[float, float] = (0.0, 1.0)
    amount: float = 0.0


# Those whose parameters are among the fixed ones.
FIXED_DIRECTION_PATCHES = tuple(
    DirectionPatch(str(number), "sefa", number) for number in range(1, FIXED_DIRECTIONS + 1)
)


@dataclass(frozen=True, slots=True)
class Modulation:
    """A signal drives a parameter.

    Attributes:
        source: one of sources.SOURCES (the name of a level, an envelope or an oscillator), or an input from outside as
            `Inputs` names it.
        target: address of the parameter.
        options: how the envelope looks or the oscillator swings.
        follow: how fast the signal is followed, None for at once.
        scale: from the signal, or what follows it, to what the parameter is given.
        combine: one of COMBINE: what happens where several drive one parameter, see `Mapper`.
    """

    source: str
    target: str
    options: Options | None = None
    follow: FollowerOptions | None = None
    scale: Scale = field(default_factory=Scale)
    combine: str = "add"

    @property
    def is_from_outside(self) -> bool:
        """Whether its source is not heard in the music, but told."""
        return self.source.startswith(("osc ", "midi "))


@dataclass(frozen=True, slots=True)
class Sending:
    """A signal goes out to another program, as OSC over UDP.

    Attributes:
        drive: where it comes from and how it is scaled; its target is the address that the other program knows.
        host: IP address.
        port: UDP port.
        when: sends 1 whenever what comes of the signal rises to this, instead of every change of it; None does not.
    """

    drive: Modulation
    host: str
    port: int
    when: float | None = None


@dataclass(frozen=True, slots=True)
class Patch:
    """A whole mapping file. An empty one is valid: nothing moves but the noise, and the picture is the average one.

    `pictures` are files of ws; among a choir's seeds, FIRST_PICTURE + i stands for the i-th of them, as it was written
    at `editions[i]` (ns). `files` are all that the mapping files name.
    """

    choirs: tuple[Choir, ...] = ()
    bends: tuple[BendPatch, ...] = ()
    modulations: tuple[Modulation, ...] = ()
    midi: tuple[MidiKnob, ...] = ()
    directions: tuple[DirectionPatch, ...] = ()
    pictures: tuple[Path, ...] = ()
    editions: tuple[int, ...] = ()
    osc: tuple[OscKnob, ...] = ()
    sends: tuple[Sending, ...] = ()
    files: tuple[Path, ...] = field(default=(), compare=False)

    def param_table(self, models: Sequence[str] = ("default",)) -> ParamTable:
        """Return the parameters of a show with this patch: the fixed ones, then choirs, bends and directions.

        `models` are the names of those it may choose from.
        """
        params = [*FIXED, *model_params(models)]
        for choir in self.choirs:
            params += choir_params(choir.name, seeds=choir.seeds, layers=choir.layers, glide_s=choir.glide_s)
        for bend in self.bends:
            params += [
                _started(param, bend) for param in bend_params(bend.name, layer=bend.layer, transform=bend.transform)
            ]
        for direction in self.directions:
            params += direction_params(
                direction.name,
                kind=direction.kind,
                number=direction.number,
                layers=direction.layers,
                amount=direction.amount,
            )
        return ParamTable(params)

    def inputs(self) -> tuple[str, ...]:
        """Return the names of the sources outside of the music that modulations and sendings listen to."""
        drives = [*self.modulations, *(sending.drive for sending in self.sends)]
        return tuple(drive.source for drive in drives if drive.is_from_outside)

    def direction_kinds(self) -> tuple[str, ...]:
        """Return the kinds of directions that the generator has to find."""
        return tuple(dict.fromkeys(direction.kind for direction in FIXED_DIRECTION_PATCHES + self.directions))


def former_names(old: Sequence[BendPatch], new: Sequence[BendPatch]) -> dict[str, str]:
    """Return what those of the new bends were called that differ from an old one, now gone, in nothing but the name."""
    old_names, new_names = {bend.name for bend in old}, {bend.name for bend in new}
    gone = [bend for bend in old if bend.name not in new_names]
    former = {}
    for bend in new:
        same = next((was for was in gone if replace(was, name=bend.name) == bend), None)
        if same is not None and bend.name not in old_names:
            gone.remove(same)
            former[bend.name] = same.name
    return former


def _started(param: Param, bend: BendPatch) -> Param:
    """Give a bend's parameter the starting value of the mapping file, if it names one."""
    start = bend.start.get(param.address.rpartition("/")[2])
    return param if start is None else replace(param, default=start)
