"""Asking MLflow's REST interface, and what its answers mean.

Place in the flow: `registries/mlflow` asks here. What is MLflow's trouble (or a proxy's, or our
rights') is `Unavailable`, what it refuses for good is `Terminal` in its own words, and what it
says does not exist is None: only a 404 in MLflow's own JSON counts, never a proxy's.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from processor.adapters.http import Answer, Http
from processor.errors import Forbidden, Terminal, Unavailable

GONE = "RESOURCE_DOES_NOT_EXIST"
API = "api/2.0/mlflow"

_NEVER_FITS = ("DataError", "Truncation", "too long")
_USUAL = "default"  # the workspace a server without workspaces has
_Params = Mapping[str, str] | Sequence[tuple[str, str]]
_Read = TypeVar("_Read")


@dataclass(frozen=True, kw_only=True)
class Rest:
    """One MLflow server. Everything may raise Unavailable, and Terminal for a refused request."""

    http: Http

    async def find(self, workspace: str, path: str, params: _Params = ()) -> dict[str, Any] | None:
        """Read one thing; None when MLflow says in its own words that it does not exist."""
        answer = await self.http.get(f"{API}/{path}", params=params, headers=_headers(workspace))
        found = self._object(answer)
        if answer.status == HTTPStatus.OK:
            return found
        if answer.status == HTTPStatus.NOT_FOUND and found.get("error_code") == GONE:
            await self._there(workspace)
            return None
        raise self._refusal(answer, found, path)

    async def tell(
        self,
        workspace: str,
        method: str,
        path: str,
        body: Mapping[str, object],
        *,
        fine: frozenset[str] = frozenset(),
    ) -> dict[str, Any]:
        """Change one thing; error codes in `fine` count as done."""
        answer = await self.http.send(
            method, f"{API}/{path}", body=body, headers=_headers(workspace)
        )
        told = self._object(answer)
        if answer.status == HTTPStatus.OK:
            return told
        if told.get("error_code") in fine:
            if told["error_code"] == GONE:
                await self._there(workspace)
            return told
        raise self._refusal(answer, told, path)

    async def pages(
        self,
        workspace: str,
        path: str,
        rows: str,
        *,
        size: int,
        order: Sequence[str],
        filtering: str = "",
    ) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        """Read a search page by page. Several orders are repeated parameters, not one."""
        token, before = "", set[str]()
        while True:
            page, token = await self.page(
                workspace, path, rows, size=size, order=order, filtering=filtering, after=token
            )
            yield page
            if not token:
                return
            if token in before:  # a proxy that repeats answers would keep us here for ever
                reason = f"gave the same page of {path} twice: a cache before it?"
                raise Unavailable(self.http.product, reason)
            before.add(token)

    async def page(
        self,
        workspace: str,
        path: str,
        rows: str,
        *,
        size: int,
        order: Sequence[str],
        filtering: str = "",
        after: str = "",
    ) -> tuple[Sequence[Mapping[str, Any]], str]:
        """Read one page of a search; return it with what asks for the next, empty at the end."""
        params = [("max_results", str(size)), *(("order_by", one) for one in order)]
        optional = (("filter", filtering), ("page_token", after))
        params += [pair for pair in optional if pair[1]]
        found = await self.find(workspace, path, params)
        if found is None:
            raise Unavailable(self.http.product, f"404 on {path}: it does not know this search")
        token: str = found.get("next_page_token", "")
        if after and token == after:
            reason = f"gave the same page of {path} twice: a cache before it?"
            raise Unavailable(self.http.product, reason)
        return found.get(rows, ()), token

    def read(self, what: str, reading: Callable[[], _Read]) -> _Read:
        """Return what an answer says; half of one is the product's trouble."""
        try:
            return reading()
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError) as why:
            reason = f"answered {what} without what belongs there ({type(why).__name__}: {why})"
            raise Unavailable(self.http.product, reason) from None

    async def _there(self, workspace: str) -> None:
        """Raise Unavailable when what does not exist is the workspace itself."""
        if workspace == _USUAL:
            return
        answer = await self.http.get(f"api/3.0/mlflow/workspaces/{workspace}")
        if answer.status != HTTPStatus.OK:
            raise Unavailable(self.http.product, _no_workspace(workspace))

    def _object(self, answer: Answer) -> dict[str, Any]:
        """Return the JSON object of an answer."""
        try:
            found = answer.json()
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        if answer.status == HTTPStatus.FORBIDDEN:  # MLflow's own refusal is plain text
            return {}
        reason = f"answered {answer.status} without JSON: {answer.text()}"
        raise Unavailable(self.http.product, reason)

    def _refusal(
        self, answer: Answer, found: Mapping[str, Any], path: str
    ) -> Unavailable | Terminal:
        """Return what a status of 400 and above means: 403 is the product's, not the row's."""
        message = str(found.get("message") or answer.text())
        if answer.status == HTTPStatus.FORBIDDEN:
            reason = f"403 on {path}: our user may not do this ({message})"
            return Forbidden(self.http.product, reason)
        refused = f"refused {path} with {answer.status}: {message}"
        if found.get("error_code") in {None, "ABORTED"} or _of_database(message):
            return Unavailable(self.http.product, refused)  # a gateway's word, or a race
        return Terminal(f"MLflow {refused}")


def _headers(workspace: str) -> dict[str, str]:
    """Name the workspace only where there is one: old servers and proxies know no such header."""
    return {} if workspace == _USUAL else {"X-MLFLOW-WORKSPACE": workspace}


def _of_database(message: str) -> bool:
    """Tell whether MLflow's database was in the way; MLflow calls that a bad request.

    What does not fit into a column never will.
    """
    return "sqlalche.me" in message and not any(one in message for one in _NEVER_FITS)


def _no_workspace(workspace: str) -> str:
    """Return what to do about a workspace that is not there."""
    return (
        f"workspace {workspace!r} does not exist, or our user may not see it: correct "
        "registry.workspaces, or create it"
    )
