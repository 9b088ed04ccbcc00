"""StyleGAN3's configuration, and from it every layer's rates, sizes and parameters (Karras et al. 2021).

The paper is arXiv:2106.12423.

T is as the defaults say; R has `conv_kernel` 1, `use_radial_filters`, and twice the channels.
"""

import math
from dataclasses import dataclass
from functools import cached_property

from avserver.errors import ModelError
from avserver.generator.architecture.network import SIZES, Layer, NetworkConfig, Shapes, linear

# What a file may ask for: far beyond any known network, and little enough to be counted through.
LARGEST_RESOLUTION = 8192
LIMITS = {
    "num_layers": (2, 64),
    "num_critical": (1, 63),
    "margin_size": (0, 256),
    "conv_kernel": (1, 15),
    "filter_size": (1, 32),
    "lrelu_upsampling": (1, 8),
}


@dataclass(frozen=True, slots=True)
class Signal:
    """The continuous signal that a layer hands on, as samples (section 2 of the paper).

    Attributes:
        size: samples a side, margin included.
        rate: samples over the picture's width.
        cutoff: of the low-pass filter that limits it (periods over the picture's width).
        half_width: of that filter's transition band, likewise.
        channels: of the activations.
    """

    size: int
    rate: int
    cutoff: float
    half_width: float
    channels: int


@dataclass(frozen=True, slots=True)
class FilteredLayer:
    """One layer of the synthesis: a convolution and, but for the last, a leaky ReLU at a higher rate (figure 4b).

    Attributes:
        name: the official one, `L3_52_64`.
        source, target: the signals that go in and come out.
        kernel: samples a side of the convolution.
        is_torgb: the last layer, which draws colours: nothing is filtered.
        up, down: factors between the rates of source, leaky ReLU and target.
        up_taps, down_taps: of the resampling filters; 1 is no filter.
        radial: whether the downsampling filter is radially symmetric.
    """

    name: str
    source: Signal
    target: Signal
    kernel: int
    is_torgb: bool
    up: int
    down: int
    up_taps: int
    down_taps: int
    radial: bool

    @property
    def inner_rate(self) -> int:
        """The rate of the leaky ReLU."""
        return self.source.rate * self.up

    @property
    def inner_size(self) -> int:
        """Samples a side at the leaky ReLU: what downsampling needs for the target's size."""
        return (self.target.size - 1) * self.down + self.down_taps

    @property
    def convolved_size(self) -> int:
        """Samples a side of what the convolution makes, at the source's rate: with zeros all around, it grows."""
        return self.source.size + self.kernel - 1

    @property
    def lead(self) -> int:
        """How many zeros stand before the upsampled signal; negative: how many of its samples are cut off.

        Samples stand in the middle of the stretch they speak for (appendix C.3 of the paper).
        """
        upsampled = self.convolved_size * self.up
        missing = self.inner_size + self.up_taps - 1 - upsampled
        return (missing + self.up) // 2


@dataclass(frozen=True, kw_only=True)
class StyleGAN3Config(NetworkConfig):
    """StyleGAN3; the resolution is a power of two from 8 on.

    Attributes:
        num_layers: without the input and the last layer, toRGB.
        num_critical: how many of them, at the end, are sampled critically: their cutoff is half the rate.
        first_cutoff, first_stopband: of the coarsest layer (periods over the picture's width); they grow in a geometric
            progression to those of the finest.
        last_stopband_rel: the finest layer's stopband over its cutoff.
        margin_size: samples around the picture, on every side.
        output_scale: by which the picture is multiplied.
        conv_kernel: samples a side of the convolutions.
        use_radial_filters: downsample with radially symmetric filters where the sampling is not critical.
        filter_size: taps of a filter per sample of the lower rate.
        lrelu_upsampling: the rate of the leaky ReLUs over that of the layers.
        conv_clamp: activations are clamped to plus and minus this; 0 clamps nothing.
    """

    num_layers: int = 14
    num_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    output_scale: float = 0.25
    conv_kernel: int = 3
    use_radial_filters: bool = False
    filter_size: int = 6
    lrelu_upsampling: int = 2
    conv_clamp: float = 256.0

    def __post_init__(self) -> None:
        r = self.resolution
        if not 8 <= r <= LARGEST_RESOLUTION or r & (r - 1):
            raise ModelError(f"a StyleGAN3's resolution is a power of two from 8 to {LARGEST_RESOLUTION}, got {r}")
        self.check_positive(*SIZES)
        for name, (least, most) in LIMITS.items():
            if not least <= getattr(self, name) <= most:
                raise ModelError(f"a StyleGAN3's {name} is {least} to {most}, got {getattr(self, name)}")
        if self.num_layers <= self.num_critical:
            raise ModelError(
                f"a StyleGAN3 has more layers than critically sampled ones, got num_layers {self.num_layers}, "
                f"num_critical {self.num_critical}"
            )
        self._check_bands()
        if not 0 <= self.conv_clamp < math.inf:
            raise ModelError(f"conv_clamp is 0 or more, got {self.conv_clamp}")
        if not math.isfinite(self.output_scale):
            raise ModelError(f"output_scale is finite, got {self.output_scale}")

    def _check_bands(self) -> None:
        # Half a period over the picture is the least that a rate of one sample can tell.
        if not 0.5 <= self.first_cutoff <= self.resolution / 2:
            raise ModelError(
                f"a StyleGAN3's first_cutoff lies between 0.5 and half its resolution of {self.resolution}, "
                f"got {self.first_cutoff}"
            )
        if not self.first_cutoff < self.first_stopband <= self.resolution:
            raise ModelError(
                f"a StyleGAN3's first_stopband lies between first_cutoff, {self.first_cutoff}, and the resolution, "
                f"{self.resolution}, got {self.first_stopband}"
            )
        if not 1 <= self.last_stopband_rel <= 2:
            raise ModelError(f"a StyleGAN3's last_stopband_rel lies between 1 and 2, got {self.last_stopband_rel}")
        if self.signals[-2].channels < 1:
            raise ModelError(
                f"a StyleGAN3 needs channel_base > resolution / 2, got channel_base {self.channel_base}, "
                f"resolution {self.resolution}"
            )

    @property
    def num_ws(self) -> int:
        """How many w one picture takes: one for the input, one per layer."""
        return self.num_layers + 2

    @property
    def grid(self) -> int:
        """The lowest rate, at which the waves of the input are sampled."""
        return self.signals[0].rate

    @property
    def noise_resolutions(self) -> tuple[int, ...]:
        """No layer takes noise."""
        return ()

    @cached_property
    def signals(self) -> tuple[Signal, ...]:
        """What every layer hands on; the last is the picture."""
        return tuple(self._signal(i) for i in range(self.num_layers + 1))

    def _signal(self, i: int) -> Signal:
        """Return layer i's signal (section 3.2, flexible layers)."""
        progress = min(i / (self.num_layers - self.num_critical), 1)
        last_cutoff = self.resolution / 2
        cutoff = _between(self.first_cutoff, last_cutoff, progress)
        stopband = _between(self.first_stopband, last_cutoff * self.last_stopband_rel, progress)
        rate = 2 ** math.ceil(math.log2(min(stopband * 2, self.resolution)))
        is_last = i == self.num_layers
        return Signal(
            # The last convolution cuts the margin off.
            size=self.resolution if i >= self.num_layers - 1 else rate + 2 * self.margin_size,
            rate=rate,
            cutoff=cutoff,
            half_width=max(stopband, rate / 2) - cutoff,
            channels=3 if is_last else round(min(self.channel_base / 2 / cutoff, self.channel_max)),
        )

    @cached_property
    def filtered_layers(self) -> tuple[FilteredLayer, ...]:
        """The layers of the synthesis, in order, toRGB last."""
        return tuple(self._filtered_layer(i) for i in range(self.num_layers + 1))

    def _filtered_layer(self, i: int) -> FilteredLayer:
        source, target = self.signals[max(i - 1, 0)], self.signals[i]
        is_torgb = i == self.num_layers
        inner_rate = max(source.rate, target.rate) * (1 if is_torgb else self.lrelu_upsampling)
        up, down = inner_rate // source.rate, inner_rate // target.rate
        return FilteredLayer(
            name=f"L{i}_{target.size}_{target.channels}",
            source=source,
            target=target,
            kernel=1 if is_torgb else self.conv_kernel,
            is_torgb=is_torgb,
            up=up,
            down=down,
            up_taps=self.filter_size * up if up > 1 else 1,
            down_taps=self.filter_size * down if down > 1 else 1,
            radial=self.use_radial_filters and i < self.num_layers - self.num_critical,
        )

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The Fourier features (`input`) and every layer."""
        first = self.signals[0]
        return (
            Layer("input", first.size, first.rate, first.channels, exact=True),
            *(
                Layer(
                    layer.name,
                    layer.target.size,
                    layer.target.rate,
                    layer.target.channels,
                    before=(layer.convolved_size, layer.source.rate),
                )
                for layer in self.filtered_layers
            ),
        )

    def synthesis_shapes(self) -> Shapes:
        """Return the shape of every parameter and buffer of the synthesis network, by official name."""
        features, at = self.signals[0].channels, "synthesis.input"
        shapes: Shapes = {
            f"{at}.weight": (features, features),
            **linear(f"{at}.affine", self.w_dim, 4),
            f"{at}.transform": (3, 3),
            f"{at}.freqs": (features, 2),
            f"{at}.phases": (features,),
        }
        for layer in self.filtered_layers:
            shapes |= self._layer_shapes(layer)
        return shapes

    def _layer_shapes(self, layer: FilteredLayer) -> Shapes:
        at, features, out = f"synthesis.{layer.name}", layer.source.channels, layer.target.channels
        shapes: Shapes = {
            f"{at}.weight": (out, features, layer.kernel, layer.kernel),
            f"{at}.bias": (out,),
            **linear(f"{at}.affine", self.w_dim, features),
            f"{at}.magnitude_ema": (),
        }
        if layer.up_taps > 1:
            shapes[f"{at}.up_filter"] = (layer.up_taps,)
        if layer.down_taps > 1:
            shapes[f"{at}.down_filter"] = (layer.down_taps,) * (2 if layer.radial else 1)
        return shapes


def _between(first: float, last: float, progress: float) -> float:
    """Return the value at `progress` in [0, 1] of a geometric progression."""
    return float(first * (last / first) ** progress)
