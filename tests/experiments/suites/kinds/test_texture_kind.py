"""Suites of textures: their noise."""

from __future__ import annotations

from timbrebench.experiments.suites.frozen_suite import load_frozen


def test_the_noise_of_textures_is_what_its_hash_says_in_any_order(tmp_path):
    frozen = load_frozen("texture")
    frozen_noise = {clip.piece: clip.sha256 for clip in frozen.clips if clip.label == "noise"}
    pieces = [name.removeprefix("noise-") for name in frozen_noise]
    for order in (pieces, pieces[::-1]):
        rows = frozen.recipe.made.write_extra_clips(order, tmp_path)
        assert {row["piece"]: row["sha256"] for row in rows} == frozen_noise
