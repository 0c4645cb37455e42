"""What is asked of a request before it is looked at: that it comes from the lab's own page.

The address of the lab is this machine's alone, but any page that a browser shows can send requests
to it. A page of another site is refused by `Origin` and `Sec-Fetch-Site`, a name that another site
points here (DNS rebinding) by `Host`.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ["127.0.0.1", "localhost"]
POLICY = "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'"
FREE = "/talk"
"""A page that brings its own scripts and styles in itself."""
TALK = "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; "
TALK += "script-src 'unsafe-inline'; frame-ancestors 'none'; sandbox allow-scripts allow-popups"


class OwnPages:
    """Refuse what a page of another site sends, and tell browsers what the lab's may load."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request of the lab's own page, or of no page at all."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD") and (stranger := _stranger(scope)):
            answer = JSONResponse({"detail": f"a request of {stranger}, another site"}, 403)
            await answer(scope, receive, send)
            return
        policy = TALK if scope["path"] == FREE else POLICY

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cache-Control"] = "no-store"
            await send(message)

        await self.app(scope, receive, sent)


def _stranger(scope: Scope) -> str:
    """Return whose page sent a request, "" for the lab's own and for no page."""
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin not in (None, f"{scope['scheme']}://{headers.get('host')}"):
        return str(origin)
    site = headers.get("sec-fetch-site", "same-origin")
    return "" if site in ("same-origin", "none") else site
