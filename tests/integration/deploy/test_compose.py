"""docker-compose.yml: whether its services could start, with what they are given, and what each of them may do."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic_settings import BaseSettings
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from fleet.addresses import REPOSITORY, FleetSettings
from fleet.databases import DatabaseSettings
from fleet.operating.settings import OperatingSettings
from fleet.secrets.folder import make_secrets
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.topology.settings import ManagementSettings
from services.alert_worker.settings import Settings as AlertWorkerSettings
from services.alerts_api.settings import Settings as ApiSettings
from services.history_worker.settings import Settings as HistoryWorkerSettings
from services.ingest_gateway.settings import Settings as IngestGatewaySettings
from services.notifier.settings import NotifierSettings
from services.price_worker.settings import Settings as PriceWorkerSettings
from shared.consumer import DRAIN_DEADLINE_S
from shared.settings import SECRETS, load

Service = dict[str, Any]

COMPOSE: Final[dict[str, Any]] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: Final[dict[str, Service]] = COMPOSE["services"]
ONCE: Final = ("migrations", "topology")
SETTINGS: Final[dict[str, tuple[type[BaseSettings], ...]]] = {
    "ingest_gateway": (IngestGatewaySettings,),
    "price_worker": (PriceWorkerSettings,),
    "alert_worker": (AlertWorkerSettings,),
    "history_worker": (HistoryWorkerSettings,),
    "notifier": (NotifierSettings,),
    "alerts_api": (ApiSettings,),
    "operations": (OperatingSettings, FleetSettings),
    "migrations": (DatabaseSettings,),
    "topology": (ManagementSettings,),
}
WATCHED: Final = SETTINGS.keys() - {"operations", *ONCE}
_CLOSING_S: Final = 5  # of a worker's connections, once it has drained

each_service = pytest.mark.parametrize("name", SERVICES)
each_of_ours = pytest.mark.parametrize("name", SETTINGS)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `./farelark secrets` makes."""
    folder = tmp_path_factory.mktemp("made") / ".secrets"
    make_secrets(folder, datetime.now(UTC))
    return folder


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without any setting of a service."""
    for kinds in SETTINGS.values():
        for name in (name for kind in kinds for name in kind.model_fields):
            monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def environment_of(name: str) -> dict[str, str | None]:
    """As the file says; None is what the caller of Compose has set, if anything."""
    return dict(SERVICES[name].get("environment", {}))


def secrets_of(name: str) -> list[Service]:
    return [volume for volume in SERVICES[name]["volumes"] if volume["source"].startswith("./.secrets")]


def seconds(duration: str) -> int:
    found = re.fullmatch(r"(\d+)s", duration)
    assert found
    return int(found[1])


@each_service
def test_nobody_is_root_or_could_become_it_or_writes_where_it_likes(name: str) -> None:
    service = SERVICES[name]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "pid", "ipc", "network_mode", "devices"}
    assert all(volume["type"] == "volume" or volume["read_only"] for volume in service.get("volumes", []))


@each_of_ours
def test_our_images_run_as_their_user(name: str) -> None:
    assert SERVICES[name]["user"] == "10001:10001"


@each_service
def test_nobody_takes_more_than_its_share(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= limits.keys()
    assert SERVICES[name]["logging"] == {"driver": "local"}  # which throws old lines away


@each_service
def test_what_ends_starts_again_unless_it_is_done(name: str) -> None:
    assert SERVICES[name]["restart"] == ("no" if name in ONCE else "unless-stopped")


@each_service
def test_whoever_keeps_running_says_whether_it_is_well(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check == {"disable": True} if name in ONCE else check["test"][0] in ("CMD", "CMD-SHELL")


@each_service
def test_only_what_can_be_waited_for_is_waited_for(name: str) -> None:
    conditions = {on: how["condition"] for on, how in SERVICES[name].get("depends_on", {}).items()}
    expected = {on: "service_completed_successfully" if on in ONCE else "service_healthy" for on in conditions}
    assert conditions == expected


@each_of_ours
def test_a_service_is_given_longer_to_end_than_it_needs(name: str) -> None:
    assert seconds(SERVICES[name]["stop_grace_period"]) > DRAIN_DEADLINE_S + _CLOSING_S


@each_service
def test_nothing_can_be_reached_from_other_machines(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert not ports or "outside" in SERVICES[name]["networks"]


def test_only_who_has_to_do_with_the_outside_is_in_its_network() -> None:
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"ingest_gateway", "notifier", "alerts_api", "operations", "prometheus", "grafana"}
    assert COMPOSE["networks"]["servers"] == {"internal": True}
    assert all("servers" in service["networks"] for service in SERVICES.values())


@pytest.mark.parametrize("name", ["price_worker", "alert_worker", "history_worker", "notifier"])
def test_workers_can_be_many(name: str) -> None:
    assert not SERVICES[name].keys() & {"container_name", "ports", "hostname"}


@each_service
def test_secrets_are_files_and_each_service_s_its_own(name: str, secrets: Path) -> None:
    own = "postgres" if name in ("accounts", "shard0", "shard1") else name
    assert [volume["source"] for volume in secrets_of(name)] == ([] if name == "prometheus" else [f"./.secrets/{own}"])
    for volume in secrets_of(name):
        assert (secrets / own).is_dir()
        assert volume["target"] == str(SECRETS)
        assert volume["bind"] == {"create_host_path": False}  # or Docker would make an empty one
    assert not any("password@" in str(value) for value in environment_of(name).values())


@each_service
def test_files_that_are_mounted_are_there(name: str) -> None:
    binds = [volume["source"] for volume in SERVICES[name].get("volumes", []) if volume["type"] == "bind"]
    named = {volume["source"] for volume in SERVICES[name].get("volumes", []) if volume["type"] == "volume"}
    assert all((REPOSITORY / source).exists() for source in binds if not source.startswith("./.secrets"))
    assert named <= COMPOSE["volumes"].keys()


@each_of_ours
def test_a_service_has_all_that_it_needs_and_nothing_that_it_does_not_know(
    name: str, secrets: Path, bare_environment: pytest.MonkeyPatch
) -> None:
    known = {field for kind in SETTINGS[name] for field in kind.model_fields}
    given = {variable: value for variable, value in environment_of(name).items() if value is not None}
    assert {variable.lower() for variable in environment_of(name)} <= known
    assert {path.name for path in (secrets / name).iterdir()} <= known
    for variable, value in given.items():
        bare_environment.setenv(variable, value)
    for kind in SETTINGS[name]:
        addresses = dict(load(kind, secrets=secrets / name))
        hosts = {urlsplit(url).hostname for url in urls_in(addresses)}
        assert hosts <= SERVICES.keys()


def urls_in(settings: dict[str, Any]) -> Iterator[str]:
    for name, value in settings.items():
        if name.endswith(("_url", "_urls")) and value:
            yield from value.split(",")
        if name == "ops_targets":
            yield from (target.partition("=")[2] for target in value.split(","))


def test_operations_watches_every_service_where_it_is() -> None:
    targets = environment_of("operations")["OPS_TARGETS"]
    assert targets
    watched = dict(target.strip().split("=") for target in targets.split(","))
    assert watched == {name: f"http://{name}:9100" for name in WATCHED}


def test_prometheus_looks_for_services_by_their_names_here() -> None:
    config = yaml.safe_load((REPOSITORY / "monitoring" / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    names = {name for discovery in jobs["farelark"]["dns_sd_configs"] for name in discovery["names"]}
    assert names == {*WATCHED, "operations"}


@each_of_ours
def test_an_image_is_built_from_here_and_never_pulled(name: str) -> None:
    service = SERVICES[name]
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    image = "fleet" if name in ("operations", *ONCE) else name
    assert service["image"] == f"farelark/{image}:{version}"
    assert service["pull_policy"] == ("build" if "build" in service else "never")


def test_each_image_is_built_by_one_service_of_its_name() -> None:
    built = [
        (service["image"].split(":")[0].removeprefix("farelark/"), service["build"]["args"]["SERVICE"])
        for service in SERVICES.values()
        if "build" in service
    ]
    assert sorted(built) == [(image, image) for image in sorted({*WATCHED, "fleet"})]


@contextmanager
def redis_of_compose(folder: Path, port: int, password: str) -> Iterator[str]:
    """The command of the Redis in the file, with this machine's folders in the place of the container's."""
    (folder / "password").write_text(password)
    config = (REPOSITORY / "deploy" / "redis.conf").read_text().replace("/data", str(folder))
    (folder / "redis.conf").write_text(f"{config}\nbind {LOOPBACK}\nport {port}\n")
    *shell, script = SERVICES["redis"]["command"]
    script = script.replace("$$", "$").replace(str(SECRETS), str(folder)).replace("/etc/farelark", str(folder))
    with subprocess.Popen([*shell, script], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # the file's own
        assert process.stdout
        try:
            assert any("Ready to accept connections" in line for line in process.stdout)
            yield Path(f"/proc/{process.pid}/cmdline").read_text()
        finally:
            process.terminate()


def test_redis_asks_for_the_password_and_shows_it_to_nobody(tmp_path: Path, server_programs: bool) -> None:
    assert server_programs
    (port,) = free_ports(1)
    with redis_of_compose(tmp_path, port, "of-this-test") as command_line:
        assert command_line.startswith("redis-server")  # the shell is gone, and signals reach the server
        assert "of-this-test" not in command_line
        with Redis(LOOPBACK, port, password="of-this-test") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        with Redis(LOOPBACK, port, retry=Retry(NoBackoff(), 0)) as stranger, pytest.raises(AuthenticationError):
            stranger.ping()
