"""Plan a dataset of AudioSet's segments, and say what it will hold, before any audio is read or fetched."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from timbrebench.core.errors import ConfigurationError
from timbrebench.datasets.audioset.audio_sources import Library, Location
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
from timbrebench.datasets.audioset.class_selection import SegmentSelection, choose, select_segments
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import read_segments
from timbrebench.datasets.rendering.dataset_configuration import SPLITS


@dataclass(frozen=True)
class Plan:
    """Which segments become clips.

    Attributes
    ----------
    configuration : AudioSetConfiguration
        What is wanted.
    selection : SegmentSelection
        The segments that carry a wanted class.
    library : Library
        Where their audio is.
    long_enough, held : numpy.ndarray, shape (segments,), bool
        Which of them last as long as a clip, and which a source has, or may have.
    """

    configuration: AudioSetConfiguration
    selection: SegmentSelection
    library: Library
    long_enough: NDArray[np.bool_]
    held: NDArray[np.bool_]

    def choose(self, failed: Collection[int] = ()) -> NDArray[np.bool_]:
        """Choose the segments that become clips.

        Parameters
        ----------
        failed : collection of int
            Rows of the selection that turned out to be of no use; others take their places.

        Returns
        -------
        numpy.ndarray, shape (segments,), bool
            The same whenever it is asked, as long as the sources are the same.
        """
        usable = self.long_enough & self.held
        usable[list(failed)] = False
        wanted = self.configuration
        return choose(self.selection, usable, wanted.clips_per_class, wanted.splits, wanted.seed)

    def locate(self, row: int) -> Location:
        """Return where the audio of a segment is that a source has."""
        table = self.selection.table
        location = self.library.find(table.ytid.iloc[row], int(table.start_ms.iloc[row]))
        if location is None:
            raise LookupError(f"no source has the segment {self.selection.clip_id(row)}")
        return location

    def failures(self) -> dict[int, str]:
        """Return why segments cannot become clips, by their row, as far as that is known without audio."""
        table, duration = self.selection.table, self.configuration.clip_duration_s
        lengths = (table.end_ms - table.start_ms).to_numpy() / 1000
        reasons = {
            int(row): f"the segment lasts {lengths[row]:g} s, a clip {duration:g} s"
            for row in np.flatnonzero(~self.long_enough)
        }
        return reasons | {
            int(row): "no source has it" for row in np.flatnonzero(self.long_enough & ~self.held)
        }


def plan_clips(configuration: AudioSetConfiguration) -> Plan:
    """Read the tables, select segments and look for them in the sources.

    Parameters
    ----------
    configuration : AudioSetConfiguration
        What is wanted. Without sources, every segment counts as held.

    Returns
    -------
    Plan
        Nothing has been fetched or decoded for it.

    Raises
    ------
    DatasetError
        If a file or source is missing or not what it should be, or no segment fits.
    UnknownNameError
        If a class does not exist.
    """
    ontology = Ontology.read(configuration.ontology, configuration.class_labels)
    # Names are checked before the long tables are read.
    ontology.select(configuration.classes, descendants=configuration.descendants)
    selection = select_segments(
        read_segments(configuration.segments),
        ontology,
        configuration.classes,
        configuration.splits,
        descendants=configuration.descendants,
    )
    table = selection.table
    long_enough = (table.end_ms - table.start_ms).to_numpy() >= round(configuration.clip_duration_s * 1000)
    library = Library(configuration.sources)
    held = np.ones(len(selection), dtype=bool)
    if configuration.sources:
        segments = zip(table.ytid.tolist(), table.start_ms.tolist(), strict=True)
        has_source = (library.find(ytid, start) is not None for ytid, start in segments)
        held = np.fromiter(has_source, dtype=bool, count=len(selection))
    return Plan(configuration, selection, library, long_enough, held)


def count_classes(plan: Plan) -> pd.DataFrame:
    """Count the segments of each class, before anything is fetched.

    Parameters
    ----------
    plan : Plan
        Of :func:`plan_clips`.

    Returns
    -------
    pandas.DataFrame
        One row for each wanted class, the largest first: ``id``, ``name``, ``segments`` (all that carry it),
        ``long_enough`` and ``held`` (those that also are so), ``chosen``, and one column for each split with
        the chosen clips in it.

    Raises
    ------
    ConfigurationError
        If not a single segment can become a clip.
    """
    selection, chosen = plan.selection, plan.choose()
    if not chosen.any():
        nameless = plan.library.nameless()
        raise ConfigurationError(
            f"none of {len(selection)} segments of the wanted classes can become a clip: "
            f"{int(plan.long_enough.sum())} are long enough, of these "
            f"{int((plan.long_enough & plan.held).sum())} are held by a source"
            + (nameless and f"; {nameless}")
        )
    table = pd.DataFrame(
        {
            "id": selection.classes,
            "name": selection.names,
            "segments": selection.count(np.ones(len(selection), dtype=bool)),
            "long_enough": selection.count(plan.long_enough),
            "held": selection.count(plan.long_enough & plan.held),
            "chosen": selection.count(chosen),
            **{
                name: selection.count(chosen & (selection.splits == index))
                for index, name in enumerate(SPLITS)
            },
        }
    )
    return table.sort_values(["segments", "id"], ascending=[False, True], ignore_index=True)
