"""The OpenAPI document of the API, served at /schema."""

from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityRequirement, SecurityScheme

from services.alerts_api.accounts.authentication import PUBLIC

_BEARER = "bearer"
BEARER_ONLY: list[SecurityRequirement] = [{_BEARER: []}]


def openapi_config() -> OpenAPIConfig:
    """How the document is made and where it is served."""
    bearer = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title="Farelark alerts",
        version="1",
        description="Tells travellers when a fare that they care about falls.",
        use_handler_docstrings=True,
        components=Components(security_schemes={_BEARER: bearer}),
        openapi_router=Router("/schema", route_handlers=[], opt=PUBLIC, include_in_schema=False),
        render_plugins=[JsonRenderPlugin(path=["/", "/openapi.json"])],
    )
