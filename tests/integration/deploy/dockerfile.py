"""A Dockerfile as its stages' instructions."""

from collections import defaultdict
from pathlib import Path


def instructions(path: Path) -> list[dict[str, list[str]]]:
    """What each stage says, by instruction; before the first stage, what holds for all."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    stages: list[dict[str, list[str]]] = [defaultdict(list)]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        instruction, _, arguments = line.strip().partition(" ")
        if instruction == "FROM":
            stages.append(defaultdict(list))
        if instruction:
            stages[-1][instruction].append(" ".join(arguments.split()))
    return stages
