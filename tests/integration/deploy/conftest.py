import pytest

from tests.integration.deploy.kubernetes_manifests import OVERLAYS, Manifests, render


@pytest.fixture(scope="session", params=OVERLAYS)
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """Each overlay, rendered once."""
    overlay: str = request.param
    return render(overlay, tmp_path_factory.mktemp(overlay))
