# SPDX-License-Identifier: Apache-2.0
"""The goals, and whether these results reach them."""

from perf.contenders import DBMATE, GOLANG_MIGRATE, PSQL_ONE
from perf.results import MEGABYTE


def ratio(over, under):
    return over.seconds / under.seconds if over and under else None


def seconds_of(one, unit=1000):
    return one.seconds * unit if one else None


def goals(results):
    """(what, figure or None, unit, most or least, limit)."""
    get = results.get
    apply_0, apply_5 = get("apply"), get("apply", rtt=5)
    nothing_0, nothing_20 = get("nothing"), get("nothing", rtt=20)
    many = get("nothing", corpus="scan 50000")
    count = results.options.migrations
    at_once = f"{count} migrations, no added delay"
    late = f"{count} migrations at +5 ms"
    idle = f"nothing pending, {count} files"
    return (
        (f"{at_once}: of psql -1", ratio(apply_0, get("apply", PSQL_ONE)), "×", "most", 0.65),
        (f"{at_once}: of golang-migrate", ratio(apply_0, get("apply", GOLANG_MIGRATE)), "×", "most", 0.3),
        (f"{at_once}: of dbmate", ratio(apply_0, get("apply", DBMATE)), "×", "most", 0.55),
        (f"{late}: of its own time without", ratio(apply_5, apply_0), "×", "most", 1.15),
        (f"{late}: faster than dbmate", ratio(get("apply", DBMATE, rtt=5), apply_5), "×", "least", 9),
        (f"{late}: faster than golang-migrate", ratio(get("apply", GOLANG_MIGRATE, rtt=5), apply_5),
         "×", "least", 12),
        (f"{idle}", seconds_of(nothing_0), "ms", "most", 6),
        (f"{idle}: of dbmate", ratio(nothing_0, get("nothing", DBMATE)), "×", "most", 0.25),
        (f"{idle}, +20 ms: round trips after TCP's", nothing_20 and nothing_20.round_trips, "", "most", 2),
        (f"{idle}, +20 ms: time in round trips", seconds_of(nothing_20, 1000 / 20), "×", "most", 3.3),
        ("nothing pending, 50,000 files", seconds_of(many), "ms", "most", 350),
        ("nothing pending, 50,000 files: memory", many and many.peak_bytes / MEGABYTE, "MB", "most", 64),
        (f"{at_once}: client's CPU", apply_0 and apply_0.cpu_seconds * 1000, "ms", "most", 80),
        ("start (--version)", seconds_of(get("start", corpus="")), "ms", "most", 1.5),
    )


def verdict(results):
    """One line for each goal."""
    lines = []
    for what, figure, unit, bound, limit in goals(results):
        wanted = f"{'≤' if bound == 'most' else '≥'} {limit:g} {unit}".rstrip()
        if figure is None:
            lines.append(f"not measured  {what} ({wanted})")
            continue
        is_reached = figure <= limit if bound == "most" else figure >= limit
        word = "reached" if is_reached else "NOT REACHED"
        lines.append(f"{word:12}  {what}: {figure:.3g} {unit}".rstrip() + f" ({wanted})")
    return "\n".join(lines)
