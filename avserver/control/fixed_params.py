"""The parameters that every show has, in the order in which people should see them."""

from dataclasses import replace

from avserver.config import MOST_LUTS
from avserver.control.param_makers import bool_param, choice_param, float_param, int_param, trigger_param
from avserver.control.params import Kind, Param
from avserver.control.patch_params import direction_params
from avserver.control.quantiser import QUANTISE
from avserver.control.tempo_source import AUDIO, TEMPO_SOURCES
from avserver.frame_spec import ENLARGERS
from avserver.signals import BANDS, STEMS

# Directions of w that every show has. Each costs nothing while its amount is 0.
FIXED_DIRECTIONS = 8
# The longest morph of a preset (s): a whole song's.
MOST_MORPH_S = 600.0

_OUTPUT = (
    float_param("/output/opacity", 1.0, 0.0, 1.0, "brightness of the picture, 0 is black"),
    bool_param("/output/blackout", False, "all outputs black, at once"),
    bool_param("/output/freeze", False, "the picture stands still"),
    bool_param("/output/strobe_safe", False, "no part of the picture flashes more than three times a second"),
)

_MIX = (
    float_param("/mix/amount", 0.0, 0.0, 1.0, "share of the partner model, if the show has one"),
    float_param("/mix/first", 0.0, 0.0, 1.0, "the partner is mixed into the layers from this share of them on"),
    float_param("/mix/stop", 1.0, 0.0, 1.0, "the partner is mixed into the layers below this share of them"),
)

_AUDIO = (
    Param(
        "/audio/delay_ms",
        Kind.FLOAT,
        0.0,
        0.0,
        1000.0,
        "how much later sound is heard, to align it with the picture",
        "ms",
        survives_panic=True,
    ),
    bool_param("/audio/gain_auto", True, "strengths of onsets follow how loud the music was lately"),
    float_param(
        "/audio/gain_max_db", 30.0, 0.0, 60.0, "music softer than loud music by this still plays in full", "dB", 0.0
    ),
    float_param("/audio/gain_half_life_s", 4.0, 0.5, 60.0, "after so long a loud onset counts half as much", "s", 0.0),
)

_PANIC = (trigger_param("/panic", "every parameter back to its default, at once; the model stays"),)

_MODEL = (
    float_param(
        "/model/fade_s", 1.0, 0.0, 30.0, "how long another model takes to fade in, 0 swaps between two frames", "s", 0.0
    ),
)

_LATENT = (
    float_param("/latent/truncation_psi", 1.0, 0.0, 1.5, "how far pictures stray from the average one"),
    int_param("/latent/truncation_cutoff", 32, 0, 32, "layers below this one are truncated"),
)

_NOISE = (
    float_param("/noise/strength", 0.5, 0.0, 2.0, "standard deviation of the noise"),
    float_param("/noise/speed", 1.0, 0.0, 8.0, "how fast the noise moves"),
    float_param("/noise/grain_coarse", 0.0, 0.0, 1.0, "smooth (0) to rough (1) noise up to 32 px", smoothing_s=0.0),
    float_param("/noise/grain_fine", 0.0, 0.0, 1.0, "smooth (0) to rough (1) noise above 32 px", smoothing_s=0.0),
)

_GRADE = (
    float_param("/grade/contrast", 1.0, 0.0, 2.0, "contrast of the picture"),
    float_param("/grade/saturation", 1.0, 0.0, 2.0, "saturation of the picture, 0 is grey"),
    float_param("/grade/hue", 0.0, -180.0, 180.0, "turn of all colours, red towards green", "deg"),
    float_param("/grade/temperature", 0.0, -1.0, 1.0, "white balance, blue to orange"),
    float_param("/grade/tint", 0.0, -1.0, 1.0, "white balance, green to magenta"),
    *(
        float_param(f"/grade/{knob}{ending}", *numbers, f"{text}{whose}")
        for knob, numbers, text in (
            ("lift", (0.0, -0.5, 0.5), "what black becomes, as a share of white"),
            ("gamma", (1.0, 0.25, 4.0), "brightness between black and white"),
            ("gain", (1.0, 0.0, 4.0), "brightness of white"),
        )
        for ending, whose in (
            ("", ""),
            ("_r", ", of red besides"),
            ("_g", ", of green besides"),
            ("_b", ", of blue besides"),
        )
    ),
    int_param("/grade/lut", 0, 0, MOST_LUTS, "look-up table, 1 is the show file's first; 0, and what it lacks: none"),
    float_param("/grade/lut_amount", 1.0, 0.0, 1.0, "share of the look-up table"),
)

_UPSCALE = (
    choice_param("/upscale/by", "bicubic", ENLARGERS, "what enlarges pictures that are smaller than the frame"),
    float_param("/upscale/match", 0.0, 0.0, 1.0, "enlarged, colours get the mean and deviation back that they had"),
)

_FEEDBACK = (
    float_param("/feedback/amount", 0.0, 0.0, 0.98, "share of the frame before in the picture"),
    float_param("/feedback/zoom", 1.0, 0.5, 2.0, "share of the frame before in view: below 1 zooms in at every frame"),
    float_param("/feedback/rotate", 0.0, -180.0, 180.0, "turn of the frame before at each frame, anticlockwise", "deg"),
)

_TEMPO = (
    float_param("/tempo/slowest_bpm", 55.0, 40.0, 240.0, "no slower tempo is told: raise it for double", "bpm", 0.0),
    float_param("/tempo/fastest_bpm", 215.0, 40.0, 240.0, "no faster tempo is told: lower it for half", "bpm", 0.0),
)

# Whom the show keeps time with is part of the setting, not of the picture: a panic leaves it.
_TIME = tuple(
    param if param.kind is Kind.TRIGGER else replace(param, survives_panic=True)
    for param in (
        choice_param("/tempo/source", AUDIO, TEMPO_SOURCES, "who gives the beat"),
        float_param(
            "/tempo/bpm", 120.0, 20.0, 400.0, "tempo by hand; with link as source, that of the session", "bpm", 0.0
        ),
        trigger_param("/tempo/tap", "a beat, now; with the source tap, two and more are the tempo"),
        int_param("/tempo/quantum", 4, 1, 16, "beats in a bar"),
        float_param(
            "/tempo/nudge_ms",
            0.0,
            -500.0,
            500.0,
            "how much earlier the beat is, with every source but audio",
            "ms",
            0.0,
        ),
        trigger_param("/tempo/downbeat", "a bar begins now"),
        trigger_param("/tempo/start", "tap and manual: the beat goes on, with a bar; link: start the session"),
        trigger_param("/tempo/stop", "tap and manual: the beat stands; link: stop the session"),
        bool_param("/link/enable", False, "be in the Ableton Link session, whatever the source"),
        bool_param("/link/start_stop", False, "share start and stop with the Link session"),
        *(
            choice_param(f"/quantise/{what}", "off", QUANTISE, f"what {text} waits for, if there is a tempo")
            for what, text in (
                ("preset", "the recall of a preset"),
                ("segment", "a change of segment by hand"),
                ("reseed", "reseeding"),
            )
        ),
    )
)

_SEGMENT = (
    bool_param("/segment/auto", True, "tempo changes in the music switch the segment"),
    int_param("/segment/select", 0, 0, 127, "the segment to go to"),
    bool_param("/segment/hold", False, "the music's changes wait, and are made up for when this is let go"),
    trigger_param("/segment/next", "go to the next segment"),
    trigger_param("/segment/previous", "go to the previous segment"),
)

# How the show is run, not how it looks: a panic leaves it, and presets do not hold it.
_PRESET = (
    trigger_param("/preset/next", "the next preset"),
    trigger_param("/preset/previous", "the preset before"),
    *(
        replace(param, survives_panic=True)
        for param in (
            float_param("/preset/morph_s", 0.0, 0.0, MOST_MORPH_S, "how long presets take that do not say", "s", 0.0),
            float_param("/preset/switch_at", 0.5, 0.0, 1.0, "share of a morph at which switches switch", "", 0.0),
        )
    ),
)

_LOCK = (
    replace(
        bool_param("/lock", False, "nothing can be turned but this, panic, blackout, freeze and opacity"),
        survives_panic=True,
    ),
)

_DIRECTION = (
    *(
        param
        for number in range(1, FIXED_DIRECTIONS + 1)
        for param in direction_params(str(number), kind="sefa", number=number)
    ),
)

_RESEED = (
    trigger_param("/reseed/all", "other seeds for all choirs"),
    int_param("/reseed/from", -1, -1, 2**31 - 1, "the number that they come from; with -1 one is drawn and told"),
)


def _signal_params(stem: str, band: str) -> tuple[Param, ...]:
    at, what = f"/signal/{stem}/{band}", f"onsets of {stem}.{band}"
    return (
        float_param(f"{at}/gain", 1.0, 0.0, 4.0, f"strength of {what} is multiplied by this, up to 1", smoothing_s=0.0),
        float_param(f"{at}/threshold", 0.0, 0.0, 1.0, f"{what} weaker than this are not there", smoothing_s=0.0),
        float_param(f"{at}/attack_s", 0.0, 0.0, 10.0, f"time in which the level of {what} rises", "s", 0.0),
        float_param(f"{at}/release_s", 0.0, 0.0, 10.0, f"time in which the level of {what} falls", "s", 0.0),
    )


_SIGNAL = (*(param for stem in STEMS for band in BANDS for param in _signal_params(stem, band)),)

FIXED: tuple[Param, ...] = (
    *_OUTPUT,
    *_MIX,
    *_AUDIO,
    *_PANIC,
    *_MODEL,
    *_LATENT,
    *_NOISE,
    *_GRADE,
    *_UPSCALE,
    *_FEEDBACK,
    *_TEMPO,
    *_TIME,
    *_SEGMENT,
    *_RESEED,
    *_PRESET,
    *_LOCK,
    *_DIRECTION,
    *_SIGNAL,
)
