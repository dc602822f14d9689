"""Free TCP ports on 127.0.0.1 for servers that are about to start."""

import secrets
import socket

LOOPBACK = "127.0.0.1"

# Below Linux's ephemeral range (from 32768): no outgoing connection of anyone can take a port of ours
# in the seconds between this look and the server's bind.
_CANDIDATES = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nothing is bound to."""
    ports: set[int] = set()
    while len(ports) < count:
        port = secrets.choice(_CANDIDATES)
        if _is_free(port):
            ports.add(port)
    return list(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
