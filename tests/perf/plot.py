# SPDX-License-Identifier: Apache-2.0
"""Time against round-trip time, as an SVG that reads in light and in dark."""

import math

from perf import contenders

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 72, 180, 76, 56  # around the plot
LABEL_GAP = 19  # between two lines' names

COLOURS = {  # light, dark
    contenders.PGSTRIDE: ("#0969da", "#58a6ff"),
    contenders.PSQL_ONE: ("#57606a", "#9198a1"),
    contenders.PSQL_EACH: ("#8c959f", "#6e7681"),
    contenders.DBMATE: ("#bc4c00", "#f0883e"),
    contenders.GOLANG_MIGRATE: ("#8250df", "#bc8cff"),
    contenders.GOOSE: ("#1a7f37", "#3fb950"),
    contenders.TERN: ("#bf3989", "#f778ba"),
}

STYLE = """
  text {{ font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }}
  .title {{ font-size: 16px; font-weight: 600; }}
  .small {{ fill: #59636e; }}
  .card {{ fill: #ffffff; stroke: #d1d9e0; }}
  .grid {{ stroke: #d1d9e0; }}
  .line {{ fill: none; stroke-width: 2; stroke-linejoin: round; }}
  .own {{ stroke-width: 3.5; }}
  .ownname {{ font-weight: 600; }}
{light}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #f0f6fc; }}
    .small {{ fill: #9198a1; }}
    .card {{ fill: #0d1117; stroke: #3d444d; }}
    .grid {{ stroke: #3d444d; }}
{dark}
  }}
"""


def colour_rules(names, which, indent):
    return "\n".join(
        f"{indent}.c{i} {{ stroke: {COLOURS[name][which]}; }} "
        f".d{i} {{ fill: {COLOURS[name][which]}; }}"
        for i, name in enumerate(names)
    )


def shown_seconds(seconds):
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s" if seconds >= 1 else f"{seconds:.2f} s"


class Scale:
    """From round-trip milliseconds and seconds to places on the drawing."""

    def __init__(self, rtts, seconds):
        self.rtt_max = max(rtts)
        self.low = math.floor(math.log10(min(seconds)))
        self.high = math.log10(max(seconds) * 1.15)

    def x(self, rtt):
        return LEFT + (WIDTH - LEFT - RIGHT) * rtt / self.rtt_max

    def y(self, seconds):
        share = (math.log10(seconds) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    def seconds_marks(self):
        marks = [factor * 10 ** power for power in range(self.low, 4) for factor in (1, 2, 5)]
        return [mark for mark in marks if math.log10(mark) <= self.high]


def spread(places):
    """The same places, from the top down, moved so that none is too near the one above it."""
    moved = []
    for place in places:
        moved.append(max(place, moved[-1] + LABEL_GAP) if moved else place)
    return moved


def draw_axes(scale, rtts):
    for mark in scale.seconds_marks():
        y = scale.y(mark)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{mark:g} s</text>'
    for rtt in rtts:
        x = scale.x(rtt)
        y = HEIGHT - BOTTOM
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y}" y2="{y + 5}"/>'
        yield f'<text class="small" x="{x:.1f}" y="{y + 20}" text-anchor="middle">{rtt:g}</text>'
    yield (f'<text class="small" x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 14}" '
           'text-anchor="middle">round trip to the server, ms</text>')


def draw_lines(scale, lines):
    """lines: [(name, [(rtt, seconds)])]"""
    for i, (name, points) in enumerate(lines):
        own = " own" if name == contenders.PGSTRIDE else ""
        places = [(scale.x(rtt), scale.y(seconds)) for rtt, seconds in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        yield f'<polyline class="line{own} c{i}" points="{path}"/>'
        for x, y in places:
            yield f'<circle class="d{i}" cx="{x:.1f}" cy="{y:.1f}" r="{4 if own else 3}"/>'
    order = sorted(range(len(lines)), key=lambda i: -lines[i][1][-1][1])
    places = spread([scale.y(lines[i][1][-1][1]) for i in order])
    for i, y in zip(order, places):
        name, points = lines[i]
        kind = ' class="ownname"' if name == contenders.PGSTRIDE else ""
        yield (f'<text{kind} x="{WIDTH - RIGHT + 12}" y="{y + 4:.1f}">{name}'
               f'<tspan class="small" dx="6">{shown_seconds(points[-1][1])}</tspan></text>')


def draw(results):
    """Applying all over the added round-trip times, by trust; None with fewer than two of them."""
    rtts = sorted(results.options.rtt)
    lines = []
    for name in contenders.NAMES:
        found = [(rtt, results.get("apply", name, rtt=rtt)) for rtt in rtts]
        points = [(rtt, one.seconds) for rtt, one in found if one]
        if points:
            lines.append((name, points))
    if len(rtts) < 2 or not lines:
        return None
    scale = Scale(rtts, [seconds for _, points in lines for _, seconds in points])
    names = [name for name, _ in lines]
    style = STYLE.format(light=colour_rules(names, 0, "  "), dark=colour_rules(names, 1, "    "))
    title = f"{results.options.migrations:,} migrations, an empty database"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{title}: time against round trip">',
        f"<style>{style}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        f'<text class="title" x="24" y="34">{title}</text>',
        f'<text class="small" x="24" y="55">time until all are applied (logarithmic); PostgreSQL {results.server}</text>',
        *draw_axes(scale, rtts),
        *draw_lines(scale, lines),
        "</svg>",
    ]) + "\n"
