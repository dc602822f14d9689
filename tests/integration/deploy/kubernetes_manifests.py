"""The manifests of k8s/ as kubectl renders them, in a copy whose secrets were made for the test."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from fleet.addresses import REPOSITORY
from fleet.secrets.folder import make_secrets
from fleet.servers.programs import kubectl as system_kubectl
from tests.required_programs import require

OVERLAYS: Final = ("dev", "production")
COMPONENT: Final = "app.kubernetes.io/component"
SETTINGS_FOLDER: Final = "/run/secrets/farelark"

_MANIFESTS: Final = REPOSITORY / "k8s"
_OLDEST_KUBECTL: Final = (1, 27)  # the first with Kustomize 5

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """The pods that an object makes: their labels and what they are made from."""

    name: str
    owner: Object
    labels: dict[str, str]
    spec: Object

    @property
    def component(self) -> str:
        """The service by its name in the code, or the server."""
        return self.labels[COMPONENT]

    @property
    def container(self) -> Object:
        """The one container that it has."""
        (container,) = self.spec["containers"]
        return container

    def volume(self, name: str) -> Object:
        """One of its volumes."""
        return next(volume for volume in self.spec["volumes"] if volume["name"] == name)


@dataclass(frozen=True)
class Manifests:
    """All objects of an overlay."""

    overlay: str
    objects: list[Object]

    def of(self, kind: str) -> dict[str, Object]:
        """Those of a kind, by name."""
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def pods(self) -> list[Pod]:
        """Every kind of pod, those that RabbitMQ's operator makes left out."""
        return [pod for each in self.objects for pod in _pods_of(each)]

    def pod(self, name: str) -> Pod:
        """The pods of the object of this name."""
        return next(pod for pod in self.pods() if pod.name == name)

    def ours(self) -> list[Pod]:
        """The pods that run an image of ours."""
        return [pod for pod in self.pods() if pod.container["image"].startswith("farelark/")]


def render(overlay: str, folder: Path) -> Manifests:
    """What `kubectl apply -k` would send of an overlay, copied to an empty folder first."""
    copy = folder / "k8s"
    shutil.copytree(_MANIFESTS, copy, ignore=shutil.ignore_patterns("secrets"))
    place = copy / "overlays" / overlay
    if (example := place / "secrets.example").exists():
        shutil.copytree(example, place / "secrets")
    else:
        make_secrets(place / "secrets", datetime.now(UTC))
    done = subprocess.run(  # noqa: S603  # kubectl, on our own files
        [kubectl(), "kustomize", str(place)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Manifests(overlay, list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader)))


def kubectl() -> Path:
    """One that knows Kustomize 5: the environment's own, or else the system's.

    The system's package may be years too old, which is as good as none: CI fails and a desk skips.
    """
    own = Path(sys.executable).with_name("kubectl")
    if own.exists():
        return own
    require("kubectl")
    if (version := _version(system_kubectl())) < _OLDEST_KUBECTL:
        _missing(f"kubectl is {version}, and the manifests need {_OLDEST_KUBECTL} or newer")
    return system_kubectl()


def _version(program: Path) -> tuple[int, int]:
    told = subprocess.run(  # noqa: S603  # kubectl
        [program, "version", "--client", "--output=json"], capture_output=True, check=True
    )
    major, minor, *_ = json.loads(told.stdout)["clientVersion"]["gitVersion"].removeprefix("v").split(".")
    return int(major), int(minor)


def _missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _pods_of(each: Object) -> Iterator[Pod]:
    name = each["metadata"]["name"]
    match each["kind"]:
        case "Deployment" | "StatefulSet" | "Job":
            template = each["spec"]["template"]
        case "CronJob":
            template = each["spec"]["jobTemplate"]["spec"]["template"]
        case _:
            return
    yield Pod(name, each, template["metadata"]["labels"], template["spec"])
