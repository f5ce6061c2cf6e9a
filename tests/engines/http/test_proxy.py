"""Proxies of the environment, with a small one of our own that keeps all that it sees."""

import asyncio
import base64
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from graphsearch.engines.http import HttpEngine
from graphsearch.records.calls import Call, Message, Sampling
from graphsearch.records.errors import AccessDenied, Rejected, Unreachable
from graphsearch.testing import StubServer

CALL = Call("m", (Message("user", "how many?"),), Sampling(max_tokens=8))
KEY = "sk-planted-4711"
CERTIFICATE = Path(__file__).with_name("models.example.pem")
"""Of `models.example`, with its key; made for these tests, valid for nothing else."""
HEADER = f"Authorization: Bearer {KEY}".encode()


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("MODELS_KEY", KEY)


class SmallProxy:
    """Passes on what comes, to one server whatever its name."""

    def __init__(self, target, refuse=None):
        self.target = target
        self.refuse = refuse
        self.heads = []
        self.seen = b""

    async def serve(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        self.seen += head
        if self.refuse is not None:
            writer.write(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % self.refuse)
            writer.close()
            return
        there, back = await asyncio.open_connection(*self.target)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connection established\r\nX-More: 1\r\n\r\n")
        else:
            back.write(head.replace(b" http://models.example/", b" /"))
        await self.join((reader, writer), (there, back))

    async def join(self, *ends):
        (reader, writer), (there, back) = ends
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, source, drain):
        try:
            while data := await source.read(65536):
                self.seen += data
                drain.write(data.replace(b" http://models.example/", b" /"))
        except ConnectionError:
            pass
        finally:
            drain.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@asynccontextmanager
async def listening(serve, **options):
    """Serve until this is left and all connections have ended; gives the address."""
    tasks = []

    async def noted(reader, writer):
        tasks.append(asyncio.current_task())
        await serve(reader, writer)

    server = await asyncio.start_server(noted, "127.0.0.1", 0, **options)
    try:
        yield server.sockets[0].getsockname()
    finally:
        server.close()
        await asyncio.gather(*tasks)


@asynccontextmanager
async def proxied(target, refuse=None):
    proxy = SmallProxy(target, refuse)
    async with listening(proxy.serve) as (_, proxy.port):
        yield proxy


@asynccontextmanager
async def asking(url, key="MODELS_KEY"):
    engine = HttpEngine(url, api_key_env=key)
    try:
        yield engine
    finally:
        await engine.aclose()


@asynccontextmanager
async def secured():
    """A stub behind TLS, as `models.example`; gives its address."""
    async with plain() as address:
        inside = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        inside.load_cert_chain(CERTIFICATE)
        front = SmallProxy(address)

        async def serve(reader, writer):
            await front.join((reader, writer), await asyncio.open_connection(*address))

        async with listening(serve, ssl=inside) as found:
            yield found


@asynccontextmanager
async def plain():
    async with StubServer() as stub:
        host, _, port = stub.base_url.partition("//")[2].partition("/")[0].partition(":")
        yield host, int(port)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
async def test_a_server_without_tls_is_asked_by_way_of_the_proxy(monkeypatch, name):
    async with plain() as address, proxied(address) as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with asking("http://models.example/v1") as engine:
            await engine.generate(CALL)
            await engine.list_models()
        assert [head.split(b"\r\n")[:2] for head in proxy.heads] == [
            [b"POST http://models.example/v1/chat/completions HTTP/1.1", b"Host: models.example"],
        ]
        assert b"GET http://models.example/v1/models HTTP/1.1" in proxy.seen


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
async def test_a_server_with_tls_is_asked_through_a_tunnel_that_shows_nothing(monkeypatch, name):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with secured() as address, proxied(address) as proxy:
        monkeypatch.setenv(name, proxy.url)
        async with asking("https://models.example/v1") as engine:
            first = await engine.generate(CALL)
            second = await engine.generate(CALL)  # on the same connection
        assert first.usage == second.usage
        assert proxy.heads == [
            b"CONNECT models.example:443 HTTP/1.1\r\nHost: models.example:443\r\n\r\n"
        ]
        assert KEY.encode() not in proxy.seen
        assert b"chat/completions" not in proxy.seen


async def test_the_certificate_must_be_that_of_the_server_and_not_of_the_proxy(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with secured() as address, proxied(address) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with asking("https://other.example/v1") as engine:
            with pytest.raises(Rejected, match=r"other\.example: no safe connection: Hostname mis"):
                await engine.generate(CALL)
        assert KEY.encode() not in proxy.seen


async def test_user_and_password_go_to_the_proxy_alone_and_into_no_message(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    login = base64.b64encode(b"me:p@ss 1234567")
    async with secured() as address, proxied(address) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//me:p%40ss%201234567@"))
        async with asking("https://models.example/v1") as engine:
            await engine.generate(CALL)
        assert b"Proxy-Authorization: Basic " + login in proxy.heads[0]
        assert login not in proxy.seen[len(proxy.heads[0]) :]
    async with asking("https://models.example/v1") as engine:
        with pytest.raises(Unreachable, match=r"example by way of the proxy 127\.0") as caught:
            await engine.generate(CALL)
    assert "1234567" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (b"407 Who are you", AccessDenied, "answered 407 to CONNECT models.example:443: it wants"),
        (b"403 Forbidden", Rejected, "answered 403 to CONNECT"),
        (b"502 Bad gateway", Unreachable, "answered 502 to CONNECT"),
        (b"what", Unreachable, "answered what is no HTTP"),
    ],
)
async def test_what_a_proxy_refuses_is_said(monkeypatch, answer, kind, words):
    async with proxied(None, refuse=answer) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with asking("https://models.example/v1") as engine:
            with pytest.raises(kind, match=words):
                await engine.generate(CALL)
        assert KEY.encode() not in proxy.seen


@pytest.mark.parametrize(
    ("host", "no_proxy"),
    [
        ("127.0.0.1", ""),
        ("localhost", ""),
        ("unknown.invalid", "invalid"),
        ("unknown.invalid", "x, .invalid"),
        ("unknown.invalid", "*"),
        ("unknown.invalid", "unknown.invalid:1"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
async def test_some_servers_are_asked_directly(monkeypatch, host, no_proxy, name):
    async with proxied(None, refuse=b"500 no") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv(name, no_proxy)
        async with asking(f"http://{host}:1/v1") as engine:
            with pytest.raises(Unreachable, match=f"^http://{host}:1: "):
                await engine.generate(CALL)
        assert proxy.heads == []


async def test_the_proxy_of_another_scheme_is_not_used(monkeypatch):
    async with proxied(None, refuse=b"500 no") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with asking("http://unknown.invalid/v1") as engine:
            with pytest.raises(Unreachable):
                await engine.generate(CALL)
        assert proxy.heads == []


@pytest.mark.parametrize(
    "value", ["socks5://me:pw12345678@h:1", "https://h", "http://", "http://h:x"]
)
async def test_what_is_no_http_proxy_is_refused_and_not_repeated(monkeypatch, value):
    monkeypatch.setenv("HTTP_PROXY", value)
    async with asking("http://models.example/v1") as engine:
        with pytest.raises(Rejected, match="HTTP_PROXY is no URL of an HTTP proxy") as caught:
            await engine.generate(CALL)
    assert "pw12345678" not in str(caught.value)
