import subprocess
import sys

import numpy as np
import pytest

from avserver.errors import ConfigError
from avserver.generator import backend


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("fpu avx2 fma", "float32"),
        ("fpu avx2 avx512f avx512_bf16", "float32"),
        ("fpu avx512f amx_bf16 amx_tile amx_int8", "bfloat16"),
        ("fpu avx512f amx_bf16x", "float32"),
        ("", "float32"),
    ],
)
def test_bfloat16_only_where_the_cpu_multiplies_it(flags, precision):
    assert backend.default_precision(f"processor : 0\nflags\t\t: {flags}\n") == precision


def test_the_rule_can_be_overridden():
    assert backend.check_precision("float32") == "float32"
    assert backend.check_precision("bfloat16") == "bfloat16"
    assert backend.check_precision(None) == backend.default_precision()
    with pytest.raises(ConfigError, match="unknown precision 'float8', allowed: float32, bfloat16"):
        backend.check_precision("float8")


def test_stages_and_programs_compute_what_they_say():
    x = np.arange(3, dtype="f")
    inner = backend.stage(lambda value: value * 2)
    outer = backend.program(lambda value: inner(value) + 1)
    np.testing.assert_array_equal(backend.to_numpy(outer(x)), [1, 3, 5])


def test_the_framework_comes_with_load_only():
    code = (
        "import sys, avserver.generator, avserver.generator.checkpoint, avserver.generator.architecture;"
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
