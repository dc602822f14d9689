"""The catalogues of sentences, one per language."""

from collections.abc import Sequence
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.messages import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

from services.notifier.rendering import perspective, rendering
from services.notifier.rendering.phrases import CATALOGUES, phrases_in

LANGUAGES = ["de", "es", "fr"]


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        return read_po(file, abort_invalid=True)


def messages(language: str) -> list[Message]:
    """Every message but the header."""
    return [message for message in catalogue(language) if message.id]


def sentences_in_the_code() -> set[str | tuple[str, ...]]:
    extracted = [
        ids
        for module in (rendering, perspective)
        for _, ids, _, _ in extract_from_file("python", Path(str(module.__file__)))
    ]
    return {ids if isinstance(ids, str) else tuple(ids) for ids in extracted}


def forms(text: str | Sequence[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or ())


def placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


def test_the_languages_beside_english_are_these() -> None:
    assert sorted(path.name for path in CATALOGUES.iterdir()) == [f"{language}.po" for language in LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_holds_every_sentence_of_the_code_and_no_other(language: str) -> None:
    ids = {message.id if isinstance(message.id, str) else tuple(message.id) for message in messages(language)}
    assert ids == sentences_in_the_code()
    assert not catalogue(language).obsolete


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_translated_and_none_is_guessed(language: str) -> None:
    for message in messages(language):
        assert all(form.strip() for form in forms(message.string) or [""]), message.id
        assert not message.fuzzy, message.id
    assert list(catalogue(language).check()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_parts_of_its_sentence_by_name(language: str) -> None:
    for message in messages(language):
        expected = placeholders(forms(message.id)[0])
        assert all(name.isidentifier() for name in expected), message.id
        for form in [*forms(message.id), *forms(message.string)]:
            assert placeholders(form) == expected, form


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_counts_as_its_language_does(language: str) -> None:
    locale = Locale(language)
    one, many = next(
        forms(message.string) for message in messages(language) if message.id == ("{count} stop", "{count} stops")
    )
    assert one != many
    for count in range(1_000):
        expected = one if locale.plural_form(count) == "one" else many
        assert phrases_in(language).ngettext("{count} stop", "{count} stops", count) == expected


@pytest.mark.parametrize("language", ["en", "ja", "", "../locales/de", "de.po"])
def test_a_language_that_we_do_not_speak_is_told_in_english(language: str) -> None:
    assert phrases_in(language).gettext("non-stop") == "non-stop"
    assert phrases_in(language).ngettext("{count} stop", "{count} stops", 2) == "{count} stops"
