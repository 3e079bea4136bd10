"""The known traps of publishers, and the checks that are said to name them."""

from pipelines.checks.traps import TRAPS
from pipelines.definitions import defs


def test_every_trap_has_a_check_of_the_night() -> None:
    checks = {f"{'.'.join(key.asset_key.path)}.{key.name}" for key in defs.resolve_asset_graph().asset_check_keys}
    assert {check for trap in TRAPS for check in trap.checks} <= checks
    assert len(TRAPS) == 20
