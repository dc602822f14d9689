"""The keys of our own tokens, as they lie in their folder now."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Self

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.errors import ConfigurationError
from shared.token_keys import LOOK_EVERY, SUFFIX, KeyFile, State, states, thumbprint

log = structlog.get_logger()


class UnusableKeyError(Exception):
    """A file is no key of ours; the text says why, and nothing of what is in it."""


class Key(NamedTuple):
    """A key and its id."""

    id: str
    private: Ed25519PrivateKey
    public: Ed25519PublicKey

    @classmethod
    def read(cls, path: Path, key_id: str) -> Self:
        """Read a key from its file.

        Raises:
            UnusableKeyError: it cannot be read, or is not the Ed25519 private key with this id.
        """
        try:
            private = load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UnusableKeyError(f"it cannot be read as a PEM: {type(error).__name__}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise UnusableKeyError("it is no Ed25519 private key")
        public = private.public_key()
        if thumbprint(public) != key_id:
            raise UnusableKeyError("its name has the id of another key")
        return cls(key_id, private, public)


class TokenKeys:
    """Which key signs and which verify; whoever asks `LOOK_EVERY` after the last look makes it look again."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        """Read the folder.

        Raises:
            ConfigurationError: there is no usable key in it.
        """
        self._folder = folder
        self._clock = clock
        self._keys, self._faults = _read_folder(folder, {})
        self._looked_at = clock()
        if not self._keys:
            faults = "".join(f"{name}: {fault}; " for name, fault in self._faults.items())
            raise ConfigurationError(
                f"JWT_KEYS: {folder} holds no usable key; {faults}"
                f"make one with `./farelark keys rotate --folder {folder}`"
            )

    @property
    def signing(self) -> Key:
        """The key that signs now."""
        return next(self._keys[file] for file, state in self._states() if state is State.SIGNING)

    @property
    def verifying(self) -> dict[str, Key]:
        """The keys whose tokens may be good now or soon, by their ids."""
        return {file.key_id: self._keys[file] for file, state in self._states() if state is not State.SPENT}

    def _states(self) -> list[tuple[KeyFile, State]]:
        now = self._clock()
        # A clock that was set back must not keep us from looking.
        if not timedelta(0) <= now - self._looked_at < LOOK_EVERY:
            self._looked_at = now
            self._look()
        return list(states(self._keys, now).items())

    def _look(self) -> None:
        """Take over what is in the folder; if no key is, those known so far stay."""
        keys, faults = _read_folder(self._folder, self._keys)
        if not keys or (faults and faults != self._faults):
            log.error("token_keys_unusable", usable=len(keys), files=faults)
        if keys and keys.keys() != self._keys.keys():
            log.info("token_keys_read", files=[file.name for file in keys])
        self._keys, self._faults = keys or self._keys, faults


def _read_folder(folder: Path, known: Mapping[KeyFile, Key]) -> tuple[dict[KeyFile, Key], dict[str, str]]:
    """The folder's keys, of which those known are not read again, and by name what is wrong with other files."""
    keys, faults = {}, {}
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            file = _named(path)
            keys[file] = known.get(file) or Key.read(path, file.key_id)
        except UnusableKeyError as error:
            faults[path.name] = str(error)
    return keys, faults


def _named(path: Path) -> KeyFile:
    if (file := KeyFile.named(path.name)) is None:
        raise UnusableKeyError("its name is not that of a key, such as 20261122T120000Z-<key id>.pem")
    return file
