"""The proxy that the environment names for a server, and the way through it.

`HTTP_PROXY` and `HTTPS_PROXY` name the proxy for servers of that scheme, `NO_PROXY` the hosts that
are asked directly, in capitals or not; the standard library reads them. Servers on this machine are
always asked directly. Requests to a server with TLS go through a tunnel (CONNECT), so the proxy
sees its name and nothing more; without TLS it sees the whole request, as everybody on the way does.
"""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from graphsearch.records.errors import AccessDenied, Rejected, Unreachable

__all__ = ["Proxy", "proxy_for"]

_LONGEST_HEAD = 65_536


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy that speaks HTTP.

    Attributes:
        host: where it listens.
        port: where it listens.
        headers: header lines it wants, which may hold a password and are never shown.
    """

    host: str
    port: int
    headers: tuple[str, ...] = field(default=(), repr=False)

    async def tunnel(
        self,
        server: tuple[str, int],
        protocol: asyncio.Protocol,
        tls: ssl.SSLContext,
        options: Mapping[str, Any],
    ) -> None:
        """Connect a protocol to a server with TLS; its key is not sent before that stands.

        Args:
            server: host and port.
            protocol: gets the connection, as from `loop.create_connection`.
            tls: what the server must show.
            options: of `loop.create_connection`.

        Raises:
            AccessDenied: the proxy wants a user and a password, or others.
            Rejected: it does not let anybody there.
            Unreachable: it does not get there now.
            OSError: there is no connection to it, or the server shows no certificate that is right.
        """
        loop = asyncio.get_running_loop()
        transport, opening = await loop.create_connection(_Opening, self.host, self.port, **options)
        host, port = server
        name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {name} HTTP/1.1", f"Host: {name}", *self.headers, "", ""]
        try:
            transport.write("\r\n".join(lines).encode("ascii"))
            status = await opening.status
            if not 200 <= status < 300:
                raise self._refusal(status, name)
            secured = await loop.start_tls(transport, protocol, tls, server_hostname=host)
        except BaseException:
            transport.abort()
            raise
        assert secured is not None
        protocol.connection_made(secured)

    def _refusal(self, status: int, name: str) -> Exception:
        said = f"the proxy {self.host}:{self.port} answered {status} to CONNECT {name}"
        if status == 407:
            return AccessDenied(
                f"{said}: it wants a user and a password, as http://USER:PASSWORD@HOST:PORT in "
                "HTTPS_PROXY"
            )
        return Rejected(said) if 400 <= status < 500 else Unreachable(said)


class _Opening(asyncio.Protocol):
    """Waits for the proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._head = b""

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self.status.done():
            return
        if b"\r\n\r\n" in self._head:
            words = self._head.split(b"\r\n", 1)[0].split()
            if len(words) > 1 and words[0].startswith(b"HTTP/") and words[1].isdigit():
                self.status.set_result(int(words[1]))
                return
        elif len(self._head) <= _LONGEST_HEAD:
            return
        self.status.set_exception(ConnectionError("the proxy answered what is no HTTP"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.status.done():
            self.status.set_exception(exc or ConnectionError("the proxy closed the connection"))


def proxy_for(server: SplitResult) -> Proxy | None:
    """The proxy of the environment for a server; None where it is asked directly.

    Raises:
        Rejected: the environment names something that is no HTTP proxy.
    """
    told = getproxies_environment().get(server.scheme, "")
    host = server.hostname or ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost" or host.endswith(".localhost")
    if not told or is_here or proxy_bypass(server.netloc):
        return None
    variable = f"{server.scheme.upper()}_PROXY"
    try:
        parts = urlsplit(told if "://" in told else f"http://{told}")
        port = parts.port or 80
        told.encode("ascii")
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme != "http" or parts.hostname is None:
        # What it says may hold a password, so it is not repeated.
        raise Rejected(f"{variable} is no URL of an HTTP proxy, such as http://proxy.example:3128")
    headers: tuple[str, ...] = ()
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = (f"Proxy-Authorization: Basic {base64.b64encode(login.encode()).decode()}",)
    return Proxy(parts.hostname, port, headers)
