"""The comparison names what differs, and nothing else."""

from tests.conformance.explained import compare
from tests.conformance.shape import Difference


def found(recorded: list, ours: list) -> list[tuple[str, str]]:
    return [(one.at, one.what) for one in compare(recorded, ours)]


def test_equal_structures_with_other_values_do_not_differ():
    assert found([{"a": "1.5", "b": [1, "2.0"]}], [{"a": "7.25", "b": [3, "9.1"]}]) == []


def test_a_missing_an_extra_and_a_rare_field_are_named():
    recorded = [{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}]
    assert found(recorded, [{"a": 1, "d": 4}]) == [(".b", "missing"), (".c", "never"), (".d", "extra")]


def test_a_number_where_a_string_belongs_is_another_type():
    assert found([{"a": "1.5"}], [{"a": 1.5}]) == [(".a", "type")]


def test_an_integer_where_decimals_have_a_point_is_another_format_and_so_are_trailing_zeros():
    assert found([["1.0"], ["2.5"], ["3.1"]], [["2"]]) == [("[]", "format")]
    assert found([["1.0"], ["2.5"], ["3.1"]], [["2.50"]]) == [("[]", "format")]


def test_another_order_of_the_keys_is_named():
    assert found([{"b": 1, "c": 2, "a": 3}], [{"a": 1, "b": 2, "c": 3}]) == [("", "order")]


def test_keys_that_the_recorder_sorted_say_nothing_of_their_order():
    assert found([{"a": 1, "b": 2, "c": 3}], [{"c": 1, "b": 2, "a": 3}]) == []


def test_places_of_a_tuple_are_compared_one_by_one():
    assert found([["day", {"v": "1.0"}]], [["day", {"v": 1}]]) == [("[1].v", "type")]


def test_keys_that_are_data_do_not_count():
    assert compare([{"BTC": "1.5"}], [{"ETH": "2.5"}], frozenset({""})) == []
    assert compare([{"BTC": "1.5"}], [{"ETH": 2}], frozenset({""})) == [Difference("{}", "type", "")]
