"""Cuts a client's connection, as a server that falls over does; granian itself always answers something."""

import os
import socket

import psutil


def cut(client: str) -> None:
    """Shut the connection down that a client, `address:port`, has opened to this process."""
    port = int(client.rpartition(":")[2])
    for connection in psutil.Process().net_connections("tcp"):
        if connection.raddr and connection.raddr.port == port:
            with socket.socket(fileno=os.dup(connection.fd)) as shared:
                shared.shutdown(socket.SHUT_RDWR)
