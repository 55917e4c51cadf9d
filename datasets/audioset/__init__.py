"""Datasets cut out of AudioSet: recordings of people playing, with the labels that people gave them.

AudioSet (Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017)
names windows of ten seconds in videos, and the classes of sound that are heard in each. It comes without
audio; that is taken from files or Parquet shards that are at hand, or fetched with yt-dlp.
"""

from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration, load_audioset
from timbrebench.datasets.audioset.audioset_dataset import build_audioset
from timbrebench.datasets.audioset.clip_planning import count_classes, plan_clips
from timbrebench.datasets.audioset.ontology import Ontology
from timbrebench.datasets.audioset.segments import Segments, read_segments

__all__ = [
    "AudioSetConfiguration",
    "Ontology",
    "Segments",
    "build_audioset",
    "count_classes",
    "load_audioset",
    "plan_clips",
    "read_segments",
]
