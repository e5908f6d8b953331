"""Real MLflow servers started in the ways that trip a client: basic auth, a prefix, workspaces."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from processor.adapters.registries.mlflow import MlflowRegistry
from processor.app.registry_session import open_registry
from processor.errors import Forbidden, Unavailable
from processor.settings.tree import Settings
from tests.adapters.answering import answering, plain
from tests.adapters.test_mlflow_credentials import basic, settings
from tests.parts import missing
from tests.parts.mlflow import MlflowServer, running_mlflow

pytestmark = pytest.mark.real
WS = "default"
ADMIN, PASSWORD = "admin", "a-long-password-1"


@contextmanager
def guarded(folder: Path, *, cache: int) -> Iterator[MlflowServer]:
    """Run a server with basic auth; `cache` is the seconds a checked password is remembered."""
    for package in ("mlflow", "flask_wtf"):
        if find_spec(package) is None:
            missing(f"{package} is not installed here")
    ini = folder / "auth.ini"
    ini.write_text(
        f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder / 'auth.db'}\n"
        f"admin_username = {ADMIN}\nadmin_password = {PASSWORD}\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
        f"auth_cache_ttl_seconds = {cache}\n"
    )
    environment = {
        "MLFLOW_AUTH_CONFIG_PATH": str(ini),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of no consequence",
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
    }
    arguments = ("--app-name", "basic-auth")
    with running_mlflow(folder, environment=environment, arguments=arguments) as server:
        yield server


def call(server: MlflowServer, method: str, path: str, body: object, who: str = ADMIN) -> object:
    request = urllib.request.Request(
        f"{server.url}/api/{path}",
        method=method,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": basic(who, PASSWORD)},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read())


def known_as(folder: Path, server: MlflowServer, name: str) -> Settings:
    (folder / "user").write_text(name)
    (folder / "password").write_text(PASSWORD)
    files = {"username_file": str(folder / "user"), "password_file": str(folder / "password")}
    return settings(server.url, **files)


async def test_basic_auth_lets_in_whom_it_knows_and_hides_what_it_denies(tmp_path: Path) -> None:
    with guarded(tmp_path, cache=0) as server:
        call(
            server, "POST", "2.0/mlflow/users/create", {"username": "sluice", "password": PASSWORD}
        )
        for name in ("seen", "hidden"):
            call(server, "POST", "2.0/mlflow/registered-models/create", {"name": name})
            body = {"name": name, "source": "s3://models/1"}
            call(server, "POST", "2.0/mlflow/model-versions/create", body)
        denied = {
            "username": "sluice",
            "resource_type": "registered_model",
            "resource_id": "hidden",
            "permission": "DENY",
        }
        call(server, "POST", "3.0/mlflow/users/permissions/grant", denied)
        async with open_registry(settings(server.url)) as it:
            with pytest.raises(Unavailable, match="asks for credentials and was given none"):
                await it.check()
        async with open_registry(known_as(tmp_path, server, "sluice")) as it:
            assert (await it.check()).startswith("MLflow ")
            assert [one.name for one in await it.models(WS)] == ["seen"]
            assert [one.version.model for one in await it.versions(WS, 0)] == ["seen"]
            assert list(await it.versions_of(WS, "hidden")) == []
            for asked in (it.version(WS, "hidden", "1"), it.model(WS, "hidden")):
                with pytest.raises(Forbidden):
                    await asked
            assert await it.version(WS, "seen", "99") is None
            with pytest.raises(Forbidden, match="may not do this"):
                await it.set_stage(WS, "seen", "1", "Staging")
            said = [one.text for one in await it.remarks() if not one.fine]
            (tmp_path / "password").write_text("another")
            with pytest.raises(Unavailable, match="wrong or expired"):
                await it.models(WS)
    assert [text.partition(" = 60")[0].rpartition(" ")[2] for text in said] == [
        "auth_cache_ttl_seconds"
    ]


async def test_basic_auth_with_its_cache_leaves_nothing_to_say(tmp_path: Path) -> None:
    with guarded(tmp_path, cache=60) as server:
        async with open_registry(known_as(tmp_path, server, ADMIN)) as it:
            assert [one.text for one in await it.remarks() if not one.fine] == []


async def test_a_static_prefix_is_part_of_the_address(tmp_path: Path) -> None:
    with running_mlflow(tmp_path, prefix="/ml/flow") as server:
        server.call("POST", "registered-models/create", {"name": "fraud"})
        async with open_registry(settings(server.url)) as it:
            await _reads(it)
            assert [one.text for one in await it.remarks() if not one.fine] == []
        async with open_registry(settings(server.url.removesuffix("/ml/flow"))) as it:
            with pytest.raises(Unavailable, match=r"is .* its address"):
                await it.models(WS)


async def _reads(it: MlflowRegistry) -> None:
    assert [one.name for one in await it.models(WS)] == ["fraud"]
    assert await it.version(WS, "fraud", "1") is None


async def test_workspaces_are_apart_and_one_that_is_not_there_is_no_empty_one(
    tmp_path: Path,
) -> None:
    with running_mlflow(tmp_path, arguments=("--enable-workspaces",)) as server:
        made = urllib.request.Request(
            f"{server.url}/api/3.0/mlflow/workspaces",
            method="POST",
            data=json.dumps({"name": "team-a"}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(made, timeout=30).close()
        server.call("POST", "registered-models/create", {"name": "fraud"})
        async with open_registry(settings(server.url, workspaces=["default", "team-x"])) as it:
            await _reads(it)
            assert list(await it.models("team-a")) == []
            assert await it.model("team-a", "fraud") is None
            assert await it.version("team-a", "fraud", "1") is None
            for asked in (it.models("team-x"), it.version("team-x", "fraud", "1")):
                with pytest.raises(Unavailable, match="'team-x' does not exist"):
                    await asked
            said = [one.text for one in await it.remarks()]
    assert any("no workspace 'team-x'" in text for text in said)
    assert any("nobody here watches: team-a" in text for text in said)


async def test_a_real_server_says_what_its_webhooks_lack(
    mlflow_server: MlflowServer, tmp_path: Path
) -> None:
    (tmp_path / "hook").write_text("x" * 32)
    plainly = {"url": mlflow_server.url, "hook_secret_file": str(tmp_path / "hook")}
    with_hook = Settings.model_validate({"registry": plainly})
    async with answering(plain(202, "")) as here:
        to = f"{here.url}/hooks/mlflow"
        web = with_hook.web.model_copy(update={"public_url": here.url})
        async with open_registry(with_hook.model_copy(update={"web": web})) as it:
            [text] = [one.text for one in await it.remarks() if not one.fine]
            assert f"it has no webhook to {to}" in text
            body = json.loads(text.partition("-d '")[2].partition("'")[0])
            made = mlflow_server.call("POST", "webhooks", body)
            last = (await it.remarks())[-1]
            # Left there it would keep every delivery of this server's waiting for a dead receiver.
            mlflow_server.call("DELETE", f"webhooks/{made['webhook']['webhook_id']}")
    assert last.fine
    assert f"its webhook 'sluice' comes to {to}" in last.text


async def test_the_oldest_server_is_read_and_its_lacks_are_said(
    old_mlflow_server: MlflowServer,
) -> None:
    old_mlflow_server.call("POST", "registered-models/create", {"name": "it's"})
    body = {"name": "it's", "source": "s3://models/1"}
    old_mlflow_server.call("POST", "model-versions/create", body)
    async with open_registry(settings(old_mlflow_server.url)) as it:
        [row] = await it.versions_of(WS, "it's")
        assert (await it.page(WS, "")).rows == [row]
        assert [one.text for one in await it.remarks() if not one.fine] == []
