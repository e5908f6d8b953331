"""Why a product does not answer, in words an operator can act on."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from processor.adapters.http import Http
from processor.demo.processes import free_port
from processor.errors import Unavailable


async def said(base_url: str, timeout: float = 5.0, setting: str = "registry.url") -> str:
    """Return what one request is told."""
    async with Http(
        product="registry", base_url=base_url, setting=setting, attempts=1, timeout=timeout
    ) as http:
        with pytest.raises(Unavailable) as caught:
            await http.get("/version")
    return str(caught.value)


Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(answer: Answering) -> AsyncIterator[str]:
    """Listen with something that is no good server."""
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.close()


async def test_nothing_listens() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert await said(url) == f"registry: nothing listens at {url}: start it, or set registry.url"
    assert (await said(url, setting="")).endswith("start it, or correct its address")


async def test_no_such_host() -> None:
    words = await said("http://nobody.invalid:5000")
    assert words.startswith("registry: no host is called nobody.invalid: set registry.url")
    assert "ssl:default" not in words


async def test_no_answer_in_time() -> None:
    over = asyncio.Event()

    async def wait(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with server(wait) as address:
        words = await said(f"http://{address}", timeout=0.1)
        over.set()
    assert words == f"registry: http://{address} gave no answer within 0.1 s"


async def test_hung_up_on() -> None:
    async with server(hang_up) as address:
        words = await said(f"http://{address}")
    assert words == f"registry: http://{address} closed the connection without an answer"


async def test_https_where_http_is_spoken() -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with server(speak) as address:
        words = await said(f"https://{address}")
    expected = f"registry: https://{address} does not speak TLS as it should: set registry.url"
    assert words == f"{expected} if it is http"


async def test_a_certificate_nobody_vouches_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        error = ssl.SSLCertVerificationError(1, "certificate verify failed")
        error.verify_message = "self-signed certificate"
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", fail)
    monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", _connected)
    words = await said("https://127.0.0.1:1")
    assert words.endswith(
        "does not trust the certificate of https://127.0.0.1:1: self-signed certificate"
    )


async def _connected(*_: object, **__: object) -> None:
    """Stand for a socket that is open."""
