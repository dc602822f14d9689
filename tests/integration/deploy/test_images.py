"""What the Dockerfile makes, as far as it can be seen without Docker: each image's packages, code and process.

Every image is put together here as there: its requirements in an environment of their own, its code by `deploy/gather`.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import cache_from_source
from pathlib import Path
from typing import Final

import pytest

from fleet.addresses import REPOSITORY
from fleet.keys import ensure_key
from fleet.servers.ports import LOOPBACK, free_ports
from shared.probe import probe
from tests.integration.deploy.dockerfile import instructions

SERVICES: Final = ("ingest_gateway", "price_worker", "alert_worker", "history_worker", "notifier", "alerts_api")
IMAGES: Final = (*SERVICES, "fleet")
_LOOK_EVERY_S: Final = 0.1
_BY_HASH_UNCHECKED: Final = 0b01  # PEP 552
FORBIDDEN: Final = ("pip", "setuptools", "wheel", "pytest", "mypy", "uv")


@dataclass(frozen=True, slots=True)
class Image:
    """What is in an image of ours beside its base."""

    service: str
    app: Path
    environment: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it to the end."""
        return subprocess.run(  # noqa: S603  # the image's own programs
            command, env=self.variables, cwd=self.app, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def path(self) -> str:
        """Where programs are found."""
        return f"{self.app / 'bin'}:{self.environment / 'bin'}:/usr/bin:/bin"

    @property
    def variables(self) -> dict[str, str]:
        """As in the Dockerfile, so that nothing of ours comes in; but what uv has not compiled is compiled once."""
        compiled = self.app.with_name("compiled")
        python = {"PYTHONPATH": self.app, "PYTHONSAFEPATH": "1", "PYTHONPYCACHEPREFIX": compiled}
        return {"PATH": self.path} | {name: str(value) for name, value in python.items()}

    @property
    def files(self) -> set[Path]:
        """All that can be written to."""
        return {*self.app.rglob("*"), *self.environment.rglob("*")}


@pytest.fixture(scope="module", params=IMAGES)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """One image after the other."""
    service: str = request.param
    folder = tmp_path_factory.mktemp(service)
    image = Image(service, folder / "app", folder / "venv")
    uv, python = Path(sys.executable).with_name("uv"), image.environment / "bin" / "python"
    requirements = REPOSITORY / "requirements" / f"{service}.txt"
    run(uv, "venv", "--python", sys.executable, image.environment)
    run(uv, "pip", "install", "--python", python, "--only-binary", ":all:", "--require-hashes", "-r", requirements)
    run(REPOSITORY / "deploy" / "gather", service, REPOSITORY, image.app, env={"PATH": image.path})
    return image


def run(*command: str | Path, env: Mapping[str, str] = os.environ) -> None:
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)  # noqa: S603  # as written above
    assert result.returncode == 0, result.stderr


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """All that any process needs; its servers refuse connections."""
    ensure_key(tmp_path / "jwt_keys", datetime.now(UTC))
    nobody, ops, api, ingest = free_ports(4)
    database = f"postgresql://x@{LOOPBACK}:{nobody}/x"
    return {
        "RABBITMQ_URL": f"amqp://{LOOPBACK}:{nobody}/",
        "RABBITMQ_MANAGEMENT_URL": f"http://{LOOPBACK}:{nobody}",
        "REDIS_URL": f"redis://{LOOPBACK}:{nobody}/0",
        "ACCOUNTS_URL": database,
        "SHARD_URLS": f"{database},{database}",
        "JWT_KEYS": str(tmp_path / "jwt_keys"),
        "PUSH_LOG": str(tmp_path / "pushes"),
        "OPS_TOKEN": "a token of this test",
        "OPS_HOST": LOOPBACK,
        "OPS_PORT": str(ops),
        "API_PORT": str(api),
        "INGEST_PORT": str(ingest),
    }


@contextmanager
def started(image: Image, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The image's process, as its entry point starts it."""
    command = ["farelark", *(["operate"] if image.service == "fleet" else [])]
    with subprocess.Popen(  # noqa: S603  # the image's own program
        command,
        env={**image.variables, **settings},
        cwd=image.app,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # it has ended, as it should
                os.killpg(process.pid, signal.SIGKILL)


def test_an_image_holds_its_service_and_nothing_of_the_others(image: Image) -> None:
    services = {path.name for path in (image.app / "services").iterdir() if path.name in SERVICES}
    if image.service == "fleet":
        assert services == set(SERVICES)
    else:
        assert services == {image.service}
    fleet = {"fleet"} if image.service == "fleet" else set()
    assert {path.name for path in image.app.iterdir()} == {"bin", "services", "shared", *fleet}


def test_no_tool_that_installs_or_tests_is_in_it(image: Image) -> None:
    names = "import importlib.metadata as m, json; print(json.dumps([d.name for d in m.distributions()]))"
    installed = json.loads(image.run("python", "-c", names).stdout)
    assert "pydantic-settings" in installed
    assert not set(FORBIDDEN) & set(installed)


def test_all_code_of_ours_is_compiled_and_never_looked_at_again(image: Image) -> None:
    modules = list(image.app.rglob("*.py"))
    assert modules
    for module in modules:
        flags = Path(cache_from_source(str(module))).read_bytes()[4:8]
        assert int.from_bytes(flags, "little") == _BY_HASH_UNCHECKED, module


def test_the_process_lives_without_its_servers_and_ends_when_it_is_told_to(
    image: Image, settings: Mapping[str, str]
) -> None:
    files = image.files
    root = f"http://{LOOPBACK}:{settings['OPS_PORT']}"
    with started(image, settings) as process:
        while probe(f"{root}/health/live") and process.poll() is None:
            time.sleep(_LOOK_EVERY_S)
        assert process.poll() is None, process.communicate()
        ready = image.run("python", "-m", "shared.probe", f"{root}/health/ready")
        program = Path(f"/proc/{process.pid}/exe").resolve()
        process.terminate()
        _, log = process.communicate(timeout=60)
    assert program.name.startswith("python")  # process 1 is no shell, which would keep the signal to itself
    assert process.returncode == 0, log
    assert image.files == files  # its root is read-only
    if image.service != "fleet":  # operations is there to say what is away
        assert ready.returncode == 1
        assert "missing" in ready.stderr


def test_a_probe_says_that_nobody_answers(image: Image) -> None:
    (port,) = free_ports(1)
    result = image.run("python", "-m", "shared.probe", f"http://{LOOPBACK}:{port}/health/live")
    assert (result.returncode, result.stderr.startswith("no answer: ")) == (1, True)


def test_the_process_is_nobody_and_gets_its_signals() -> None:
    final = instructions(REPOSITORY / "Dockerfile")[-1]
    assert final["USER"] == ["10001:10001"]
    assert final["STOPSIGNAL"] == ["SIGTERM"]
    assert json.loads(final["ENTRYPOINT"][-1]) == ["farelark"]
    assert json.loads(final["HEALTHCHECK"][-1].partition("CMD ")[2])[:3] == ["python", "-m", "shared.probe"]


def test_the_last_stage_takes_only_what_the_build_has_made() -> None:
    *_, build, final = instructions(REPOSITORY / "Dockerfile")
    assert [shlex.split(copy) for copy in final["COPY"]] == [
        ["--from=build", "/opt/venv", "/opt/venv"],
        ["--from=build", "/app", "/app"],
    ]
    assert any("--require-hashes" in command and "--only-binary :all:" in command for command in build["RUN"])
    assert any("pip uninstall" in command for command in final["RUN"])


def test_what_the_dockerfile_copies_is_let_through_to_docker_and_no_more() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    let_through = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert let_through == {"deploy/gather", "fleet", "requirements", "services", "shared"}


def test_the_image_runs_the_python_that_the_tests_run_on() -> None:
    text = (REPOSITORY / "Dockerfile").read_text()
    found = re.search(r"^ARG PYTHON=(\d+)\.(\d+)-slim", text, re.MULTILINE)
    assert found
    assert tuple(map(int, found.groups())) == sys.version_info[:2]
