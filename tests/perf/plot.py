# SPDX-License-Identifier: Apache-2.0
"""Time against round-trip time, as an SVG that reads in light and in dark."""


def draw(results):
    return None
