"""Changed copies of the fold's frozen states: what `dataclasses.replace` does, two to three times faster.

Half the time of hearing a message goes into such copies. Type checkers see the original, so fields stay checked.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace
else:
    from dataclasses import fields
    from operator import attrgetter

    _PLANS = {}

    def replace(value, /, **changes):
        """A copy of a dataclass (with at least two fields, all of them of `__init__`) with some fields changed."""
        kind = type(value)
        plan = _PLANS.get(kind)
        if plan is None:
            names = [field.name for field in fields(kind)]
            plan = _PLANS[kind] = attrgetter(*names), {name: place for place, name in enumerate(names)}
        values = list(plan[0](value))
        for name, changed in changes.items():
            values[plan[1][name]] = changed
        return kind(*values)


__all__ = ["replace"]
