"""Custom resources judged by the schemas of their definitions, and strictly: a field that nobody knows is a fault."""

from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.real_data import DATA

SCHEMAS = DATA.parent / "schemas"

Json = dict[str, Any]


def faults(manifest: Json) -> list[str]:
    """What is wrong with an object, each with its place; skips the test where the schemas are absent."""
    validator = Draft202012Validator(_schema(manifest["apiVersion"], manifest["kind"]))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(manifest)]


@cache
def _schema(api_version: str, kind: str) -> Json:
    group, _, version = api_version.partition("/")
    path = SCHEMAS / f"{group}_{_plural(kind)}.yaml"
    if not path.exists():
        pytest.skip(
            f"{path} is absent: schemas of custom resources lie beside the folder that FARELARK_TEST_DATA names"
        )
    versions = yaml.safe_load(path.read_bytes())["spec"]["versions"]
    (schema,) = (each["schema"]["openAPIV3Schema"] for each in versions if each["name"] == version)
    return _closed(schema)


def _plural(kind: str) -> str:
    name = kind.lower()
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _closed(schema: Json) -> Json:
    """The schema with a closed list of fields wherever it lists some: Kubernetes itself drops others in silence."""
    closed = {key: _closed(value) if isinstance(value, dict) else value for key, value in schema.items()}
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed["additionalProperties"] = False
    return closed
