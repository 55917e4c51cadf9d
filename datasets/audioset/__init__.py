"""Datasets cut out of AudioSet: recordings of people playing, with the labels that people gave them.

AudioSet (Gemmeke et al., "Audio Set: an ontology and human-labeled dataset for audio events", ICASSP 2017)
names windows of ten seconds in videos, and the classes of sound that are heard in each. It comes without
audio; that is taken from files or Parquet shards that are at hand, or fetched with yt-dlp.
"""
