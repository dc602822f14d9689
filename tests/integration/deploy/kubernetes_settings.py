"""What pods of ours are told: the files that they mount, and the settings that they make of them."""

import base64
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic_settings import BaseSettings

from fleet.addresses import FleetSettings
from fleet.operating.settings import OperatingSettings
from services.alert_worker.settings import Settings as AlertWorkerSettings
from services.alerts_api.settings import Settings as AlertsApiSettings
from services.history_worker.settings import Settings as HistoryWorkerSettings
from services.ingest_gateway.settings import Settings as IngestGatewaySettings
from services.notifier.settings import NotifierSettings
from services.price_worker.settings import Settings as PriceWorkerSettings
from shared.settings import AccountsSettings, ShardSettings
from tests.integration.deploy.kubernetes_manifests import SETTINGS_FOLDER, Manifests, Object, Pod

# What each component reads its environment with.
SETTINGS: Final[Mapping[str, tuple[type[BaseSettings], ...]]] = {
    "ingest_gateway": (IngestGatewaySettings,),
    "price_worker": (PriceWorkerSettings,),
    "alert_worker": (AlertWorkerSettings,),
    "history_worker": (HistoryWorkerSettings,),
    "notifier": (NotifierSettings,),
    "alerts_api": (AlertsApiSettings,),
    "operations": (OperatingSettings, FleetSettings),
    "migrations": (AccountsSettings, ShardSettings),
    "partitions": (AccountsSettings, ShardSettings),
}


def known(component: str) -> set[str]:
    """The settings that there are."""
    return {name for settings in SETTINGS[component] for name in settings.model_fields}


def required(component: str) -> set[str]:
    """Those without a default."""
    return {
        name for settings in SETTINGS[component] for name, field in settings.model_fields.items() if field.is_required()
    }


def environment(pod: Pod) -> dict[str, str]:
    """The variables of its container."""
    return {each["name"]: each["value"] for each in pod.container.get("env", [])}


def config_files(manifests: Manifests, pod: Pod) -> dict[str, str]:
    """Its files of settings that are no secret."""
    return _files(manifests, pod, "ConfigMap")


def secret_files(manifests: Manifests, pod: Pod) -> dict[str, str]:
    """Its files of settings that are."""
    return _files(manifests, pod, "Secret")


def secret_text(manifests: Manifests, name: str) -> dict[str, str]:
    """What a secret holds, as text."""
    return {key: base64.b64decode(value).decode() for key, value in manifests.of("Secret")[name]["data"].items()}


def _files(manifests: Manifests, pod: Pod, kind: str) -> dict[str, str]:
    files: dict[str, str] = {}
    for found, name in _sources(pod):
        if found == kind:
            files |= secret_text(manifests, name) if kind == "Secret" else manifests.of(kind)[name]["data"]
    return files


def _sources(pod: Pod) -> Iterator[tuple[str, str]]:
    """Kind and name of what is mounted where settings are read."""
    mount = next(each for each in pod.container["volumeMounts"] if each["mountPath"] == SETTINGS_FOLDER)
    volume: Object = pod.volume(mount["name"])
    for source in volume.get("projected", {"sources": [volume]})["sources"]:
        if "configMap" in source:
            yield "ConfigMap", source["configMap"]["name"]
        else:
            yield "Secret", source["secret"].get("name") or source["secret"]["secretName"]
