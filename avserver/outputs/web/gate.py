"""Gate: lets in who knows the token of the show.

The token comes in the address (`?token=…`) at the first visit. The answer to that is a cookie, which scripts cannot
read and which the browser sends to nobody else, and a way on to the address without the token. Whoever guesses waits,
and may guess only so often at a time.
"""

import asyncio
import hmac
from collections import Counter
from http import HTTPStatus
from urllib.parse import urlencode

from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from avserver.outputs.web.policy import headers_of

# A browser that was let in stays in for a long night; longer than that no token should live.
_COOKIE_S = 24 * 3600
# Eight wrong tokens a second from one address: nothing against the 2^128 that there are, and little for a short one.
_WRONG_WAITS_S = 0.5
_MOST_WAITING = 4

_LOCKED = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>avserver is locked</title>
<style>
  body { margin: 15vh auto; max-width: 30em; padding: 0 1em; font: 17px/1.5 system-ui, sans-serif; color: #e7e9ee;
    background: #0d0f13; }
  input, button { min-height: 44px; padding: 0 14px; font: inherit; color: inherit; background: #1e222a;
    border: 1px solid #3a404c; border-radius: 8px; }
</style>
<h1>This show is locked</h1>
<p>Open the address that avserver printed when it started, the one that ends with <code>?token=…</code>, or type the
token. In the show file it is <code>token</code> under <code>[preview]</code>.</p>
<form><input name="token" type="password" aria-label="token" autocomplete="off" autofocus> <button>Open</button></form>
"""


class Gate:
    """An application behind a token.

    Args:
        app: what is behind it.
        token: that a request must bring, in its address or as a cookie.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()
        self._waiting: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request with the token on, and answer any other."""
        request = HTTPConnection(scope)
        # A cookie belongs to a host with all its ports, on which there may be several shows.
        cookie = f"avserver_{(scope.get('server') or ('', 0))[1]}"
        answer = await self._answer(request, cookie)
        await (answer or self._app)(scope, receive, send)

    async def _answer(self, request: HTTPConnection, cookie: str) -> Response | None:
        """Return what to say instead of the page, None for the page."""
        address = request.client.host if request.client else ""
        shown = [*request.query_params.getlist("token"), request.cookies.get(cookie, "")]
        shown = [token for token in shown if token]
        if shown and self._waiting[address] >= _MOST_WAITING:
            return _locked(HTTPStatus.TOO_MANY_REQUESTS)
        if not any(hmac.compare_digest(token.encode(), self._token) for token in shown):
            if shown:
                await self._wait(address)
            return _locked(HTTPStatus.UNAUTHORIZED)
        if request.scope["type"] == "http" and "token" in request.query_params:
            return self._welcome(request, cookie)
        return None

    async def _wait(self, address: str) -> None:
        self._waiting[address] += 1
        await asyncio.sleep(_WRONG_WAITS_S)
        self._waiting[address] -= 1
        if not self._waiting[address]:
            del self._waiting[address]

    def _welcome(self, request: HTTPConnection, cookie: str) -> Response:
        """Give the cookie, and lead on to the same address without the token.

        Not by a redirect: after a click in a mail the browser would count that as the mail's, and keep the cookie back.
        """
        rest = urlencode([(key, value) for key, value in request.query_params.multi_items() if key != "token"])
        path = request.url.path
        onward = f"{path}?{rest}" if rest else path
        answer = Response("come in", media_type="text/plain", headers={**headers_of(""), "Refresh": f"0; url={onward}"})
        answer.set_cookie(cookie, self._token.decode(), max_age=_COOKIE_S, httponly=True, samesite="strict")
        return answer


def _locked(status: HTTPStatus) -> Response:
    return Response(_LOCKED, status, media_type="text/html", headers=headers_of(_LOCKED))
