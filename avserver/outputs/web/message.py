"""What is said to viewers, as JSON."""

import json
import math
from collections.abc import Mapping

from avserver.signals import Signals


def plain_signals(signals: Signals) -> dict[str, object]:
    """Return what the page draws of what was heard."""
    return {
        "t_s": signals.t_s,
        "rms_db": dict(signals.rms_db),
        "onset_strength": {f"{stem}.{band}": level for (stem, band), level in signals.onset_strength.items()},
        "pitch_hz": signals.pitch_hz,
        "pitch_confidence": signals.pitch_confidence,
        "chroma": signals.chroma.tolist(),
        "tempo_bpm": signals.tempo_bpm,
        "beat_phase": signals.beat_phase,
        "segment": signals.segment,
        "novelty": signals.novelty,
    }


def to_json(message: Mapping[str, object]) -> str:
    """Write JSON that browsers read: they know no NaN, and five digits are plenty."""
    return json.dumps(_rounded(message), separators=(",", ":"))


def _rounded(value: object) -> object:
    match value:
        case float():
            return float(f"{value:.5g}") if math.isfinite(value) else None
        case Mapping():
            return {str(key): _rounded(item) for key, item in value.items()}
        case list() | tuple():
            return [_rounded(item) for item in value]
    return value
