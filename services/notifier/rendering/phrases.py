"""The sentences of a push in the languages that we speak: one gettext catalogue each, in translators' own format.

English stands in the code. Parts of a sentence have names, so that another language may order them otherwise.
"""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).with_name("locales")


@cache
def phrases_in(language: str) -> NullTranslations:
    """Return the sentences of a language such as `de`; a language that we do not speak is told in English.

    Raises:
        PoFileError: the catalogue is malformed.
    """
    catalogue = _catalogues().get(language)
    return _compiled(catalogue) if catalogue else NullTranslations()


@cache
def _catalogues() -> dict[str, Path]:
    """List the catalogues by language: what a device calls its language must never become a path."""
    return {path.stem: path for path in CATALOGUES.glob("*.po")}


def _compiled(catalogue: Path) -> GNUTranslations:
    """Compile it in memory: a compiled file beside it would only ever be out of date."""
    compiled = BytesIO()
    with catalogue.open("rb") as file:
        write_mo(compiled, read_po(file, abort_invalid=True))
    compiled.seek(0)
    return GNUTranslations(compiled)
