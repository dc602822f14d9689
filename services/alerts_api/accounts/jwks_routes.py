"""The public keys of our tokens, for whoever wants to verify them."""

from typing import Literal, Self

from jwt.algorithms import OKPAlgorithm
from litestar import get
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from msgspec import Struct

from services.alerts_api.accounts.keys import Key, TokenKeys

# Half the time by which a new key is announced unless told otherwise: whoever keeps the answer so long knows it.
_KEPT = [ResponseHeader(name="Cache-Control", value="public, max-age=300")]


class JsonWebKey(Struct, frozen=True):
    """A public key after RFC 8037."""

    kid: str
    x: str
    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"

    @classmethod
    def of(cls, key: Key) -> Self:
        """Describe the public half of a key."""
        return cls(key.id, OKPAlgorithm.to_jwk(key.public, as_dict=True)["x"])


class JsonWebKeySet(Struct, frozen=True):
    """Every key whose signature may be good now or soon."""

    keys: list[JsonWebKey]


@get("/.well-known/jwks.json", response_headers=_KEPT)
async def jwks(token_keys: NamedDependency[TokenKeys]) -> JsonWebKeySet:
    """Give the public keys that verify access tokens, those of the near future too."""
    return JsonWebKeySet([JsonWebKey.of(key) for key in token_keys.verifying.values()])
