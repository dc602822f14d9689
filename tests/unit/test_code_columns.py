"""A column of texts is coded by looking at each of its texts once, and at none that no row names."""

import pyarrow as pa
import pytest

from shared.messages.codes import MISSING, code_column

TEXTS = ["no", "aa", None, "b", "never"]


class Counting:
    """The length of a text, and which texts were asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> int:
        self.asked.append(text)
        return len(text)


@pytest.mark.parametrize("indices", [pa.int8(), pa.uint64()])
@pytest.mark.parametrize("rows", [[3, None, 1], [1, 3, 2], [1, 1, 3, 2, None, 1, 3]])
def test_rows_have_the_codes_of_their_texts(rows: list[int | None], indices: pa.DataType) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array(rows, indices), pa.array(TEXTS))
    texts = column.to_pylist()
    expected = [MISSING if text is None else len(text) for text in texts]
    assert code_column(column, len).tolist() == expected
    assert code_column(pa.array(texts, pa.string()), len).tolist() == expected
    assert code_column(column.slice(1), len).tolist() == expected[1:]


def test_a_dictionary_of_more_texts_than_rows_costs_no_more_than_its_rows() -> None:
    counting = Counting()
    column = pa.DictionaryArray.from_arrays(pa.array([1, 3, 1], pa.int8()), pa.array(TEXTS))
    assert code_column(column, counting).tolist() == [2, 1, 2]
    assert counting.asked == ["aa", "b"]


def test_no_rows_have_no_codes() -> None:
    none = pa.array([], pa.int8())
    assert code_column(pa.DictionaryArray.from_arrays(none, pa.array(TEXTS)), len).tolist() == []
