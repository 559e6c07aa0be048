"""The table of the contract in the documentation lists exactly the cases of the suite."""

import ast
import re
from pathlib import Path

from scripts.venue_table import PAGE, Result, page, sentence_of
from tests.contracts.rigs.known import PAPER_RIGS

SUITE = Path(__file__).parent / "venue"
ROW = re.compile(r"^\| VC-(\d+) \| (.+?) \| (.+) \|$", re.MULTILINE)


def cases() -> dict[int, str]:
    """Every case of the suite: its number and its sentence."""
    found: dict[int, str] = {}
    for module in sorted(SUITE.glob("test_*.py")):
        for node in ast.parse(module.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
                continue
            (number,) = [
                int(str(argument.value))
                for call in node.decorator_list
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.case"
                for argument in call.args
                if isinstance(argument, ast.Constant)
            ]
            assert number not in found, f"Case {number} is there twice."
            found[number] = sentence_of(node.name)
    return found


def rows() -> dict[int, tuple[str, list[str]]]:
    """Every row of the page: its sentence and its cells."""
    return {int(n): (sentence, cells.split(" | ")) for n, sentence, cells in ROW.findall(PAGE.read_text())}


def test_the_page_lists_every_case_of_the_suite_and_no_other():
    assert {number: sentence for number, (sentence, _) in rows().items()} == cases()


def test_every_adapter_passes_every_case_or_has_a_reason():
    for number, (_, cells) in rows().items():
        assert len(cells) == len(PAPER_RIGS), number
        assert all(cell == "pass" or cell.startswith("not applicable (") for cell in cells), (number, cells)


def test_the_page_names_the_reason_that_the_suite_gives():
    text = PAGE.read_text()
    for rig in PAPER_RIGS.values():
        for reason in rig.absent.values():
            assert f"{reason}." in text


def test_a_case_of_which_one_variant_failed_fails_and_a_reason_is_a_note():
    def result(**more: str) -> Result:
        return Result(number=1, venue="hyperliquid", sentence="It holds", **more)

    assert "| VC-01 | It holds | **fails** |" in page([result(), result(problem="test_it_holds")])
    absent = page([result(reason="it has none")])
    assert "| VC-01 | It holds | not applicable (1) |" in absent
    assert "1. hyperliquid: it has none." in absent
