"""A private Prometheus on 127.0.0.1 that scrapes the processes of a local fleet and evaluates its rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import yaml

from fleet.servers.children import Children
from fleet.servers.ports import LOOPBACK, free_ports
from fleet.servers.programs import SYSTEM_PATH, prometheus

JOB: Final = "farelark"  # as in `monitoring/prometheus/prometheus.yml`, which is for containers


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Where the server listens."""

    port: int
    name: str = "prometheus"

    @property
    def url(self) -> str:
        """The root of its pages and of its HTTP API."""
        return f"http://{LOOPBACK}:{self.port}"

    def ready(self) -> bool:
        """Tell whether it scrapes and answers queries."""
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=5).is_success
        except httpx.HTTPError:
            return False


def launch(
    children: Children, folder: Path, targets: Mapping[str, Sequence[str]], rules: Path, every_s: int
) -> Prometheus:
    """Start a server with its data in `folder`; wait for it with `Children.wait_ready`.

    Args:
        children: whose it is to be.
        folder: for its configuration and data.
        targets: `host:port` of each service's processes, which become its label `service`.
        rules: the folder of the files with its rules.
        every_s: seconds between two scrapes of a process, and between two evaluations of a rule.
    """
    folder.mkdir(exist_ok=True)
    (port,) = free_ports(1)
    server = Prometheus(port)
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(targets, rules, every_s)))
    argv: list[str | Path] = [
        prometheus(),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--log.level=warn",
    ]
    children.spawn(server.name, argv, env={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"})
    return server


def _config(targets: Mapping[str, Sequence[str]], rules: Path, every_s: int) -> dict[str, object]:
    every = f"{every_s}s"
    static = [{"targets": list(addresses), "labels": {"service": service}} for service, addresses in targets.items()]
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(rules.resolve() / "*.yml")],
        "scrape_configs": [{"job_name": JOB, "static_configs": static}],
    }
