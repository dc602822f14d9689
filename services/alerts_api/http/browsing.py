"""A page to browse the API with: Swagger UI, served from here with all that it loads."""

from typing import Any, Final

from litestar import Request, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.static_files import create_static_files_router
from swagger_ui_bundle import swagger_ui_path  # type: ignore[import-untyped]  # a folder of files

# All of the page comes from us, and it talks to us alone; Swagger UI has its icons in its style sheet.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = b"""\
<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>Farelark alerts</title>
    <link rel="icon" type="image/png" href="/schema/ui/favicon-32x32.png">
    <link rel="stylesheet" href="/schema/ui/swagger-ui.css">
  </head>
  <body>
    <div id="api"></div>
    <script src="/schema/ui/swagger-ui-bundle.js"></script>
    <script src="/schema/begin.js"></script>
  </body>
</html>
"""
_SCRIPT: Final = b'SwaggerUIBundle({url: "/schema/openapi.json", dom_id: "#api", deepLinking: true});\n'


class BrowsablePage(OpenAPIRenderPlugin):
    """Serves the page at the root of the OpenAPI router."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002  # Litestar's signature
        """The page; it fetches the document itself."""
        return _PAGE

    def receive_router(self, router: Router) -> None:
        """Serve what the page loads."""
        router.register(_script)
        router.register(create_static_files_router("/ui", directories=[swagger_ui_path]))


@get("/begin.js", media_type="text/javascript")
async def _script() -> bytes:
    return _SCRIPT
