"""How much memory a process has had at the most."""

from pathlib import Path


def peak_mb(pid: int) -> int:
    """The process's largest resident set so far, in MB."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return round(int(status["VmHWM"].split()[0]) / 1024)
