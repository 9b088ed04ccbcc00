"""What a browser may do with our pages: what comes from this server, and nothing else."""

import base64
import hashlib
import re
from collections.abc import Mapping

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def headers_of(page: str) -> Mapping[str, str]:
    """Return the headers of a page (or of anything else: `""`).

    A script or style within the page may run too, for it is named by its hash.
    """
    sources = {"script": "", "style": ""}
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        sources[kind] += f" 'sha256-{digest}'"
    inline = "".join(f"; {kind}-src 'self'{hashes}" for kind, hashes in sources.items() if hashes)
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": f"default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'{inline}",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",  # an address may hold a token
        "X-Content-Type-Options": "nosniff",
    }
