"""What building datasets costs: where the time goes, on how many cores, and beside what is usually done.

Ratios are those of one run on one machine. Shares and the comparison with pretty_midi are of CPU seconds of
one process, so that they hold on a machine that is busy with other things; what all cores together gain is of
seconds on the wall, and wants a machine of its own. Scores are converted before anything is timed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pretty_midi
import soundfile

from timbrebench.audio.clips import fit_length, resample
from timbrebench.audio.loudness import limit_peak, scale_to_rms
from timbrebench.core.errors import RunError
from timbrebench.core.identifiers import path_within
from timbrebench.core.progress import log, muted
from timbrebench.core.tables import markdown_table
from timbrebench.core.workers.calls import Call, Failure
from timbrebench.core.workers.executors import Executor, InlineExecutor, LocalExecutor
from timbrebench.core.workers.memory import peak_rss_mib, reset_peak_rss
from timbrebench.datasets import Clip, Dataset, DatasetConfiguration, build_dataset
from timbrebench.datasets.audioset.audioset_configuration import AudioSetConfiguration
from timbrebench.datasets.audioset.clip_planning import count_classes, plan_clips
from timbrebench.datasets.corpora.corpus_opening import find_corpus
from timbrebench.datasets.corpora.piece_selection import PieceSelection
from timbrebench.datasets.notes import read_notes
from timbrebench.datasets.rendering.rendered_dataset import find_pieces
from timbrebench.datasets.soundfonts.soundfont_finding import find_soundfont
from timbrebench.datasets.soundfonts.synthesis import RENDER_RATE
from timbrebench.experiments.speed.cpu_shares import ENCODER, SYNTHESIZER, watched
from timbrebench.experiments.speed.machine import describe_machine
from timbrebench.experiments.speed.made_up_segments import write_segments

#: What is built: six instruments, clips of 10 s, on the soundfont that comes with pretty_midi. Enough pieces
#: that finding them, which takes as long for any number, does not count.
MUSIC = DatasetConfiguration(
    pieces=48, renderings=1, soundfonts=("TimGM6mb",), clip_duration_s=10.0, clips_per_piece=2
)

#: Rows of the made-up table: as many as AudioSet's unbalanced set has.
ROWS = 2_000_000


@dataclass(frozen=True)
class DatasetSpeed:
    """What building datasets costs: `clips` and `minutes` are what was built.

    `parts` has the columns ``part, seconds, share``, CPU seconds of one build by where they were spent;
    `figures` has ``what, measured, wanted``, as texts.
    """

    parts: pd.DataFrame
    figures: pd.DataFrame
    clips: int
    minutes: float

    def markdown(self) -> str:
        """Return both tables, with the machine described."""
        parts = pd.DataFrame(
            {
                "where": self.parts.part,
                "CPU s": self.parts.seconds.map("{:.2f}".format),
                "share": self.parts.share.map("{:.1%}".format),
            }
        )
        lines = [
            "# What datasets cost",
            "",
            f"`make bench-datasets` on {describe_machine()}.",
            "",
            "## A build",
            "",
            f"{self.clips} clips, {self.minutes:.0f} minutes, in one process. Scores were converted before.",
            "",
            markdown_table(parts),
            "",
            "## All figures",
            "",
            markdown_table(self.figures),
        ]
        return "\n".join(lines) + "\n"


def time_datasets(
    folder: Path,
    *,
    midi: Path | None = None,
    audioset: Path | None = None,
    configuration: DatasetConfiguration = MUSIC,
    rows: int = ROWS,
) -> DatasetSpeed:
    """Time builds, and indexing and planning as far as there is something to index and plan.

    In `folder` datasets and the made-up table, which has so many `rows`, are kept while they are needed.
    `midi` is an archive or folder of MIDI files, `audioset` a folder with AudioSet's ``*_segments.csv``,
    ``ontology.json`` and ``class_labels_indices.csv``. A `RunError` is raised if a process ended before it
    was done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as anew, LocalExecutor((__name__,), workers=1) as alone:
        work = Path(anew).resolve()
        built = _in_a_process(alone, _profile, configuration, work / "watched")
        dataset = Dataset.open(work / "watched")
        log("timing a loop over pretty_midi")
        usual = _in_a_process(alone, _usual_way, dataset.root, work / "usual")
        cores = os.cpu_count() or 1
        on_one, on_all = (_wall(configuration, work / f"workers-{n}", n) for n in (1, cores))
        inside = (built["seconds"][SYNTHESIZER] + built["seconds"][ENCODER]) / built["total"]
        figures = [
            ("CPU time inside fluidsynth and the FLAC encoder", f"{inside:.1%}", "≥ 90 %"),
            (
                "a loop over `pretty_midi.fluidsynth`, CPU time",
                f"{usual / built['total']:.2f} times ours",
                "≥ 1.5",
            ),
            ("memory of the building process", f"{built['memory_mib']:.0f} MiB", "< 1,536 MiB"),
            (f"{cores} cores instead of one", f"{on_one / on_all:.2f} times as fast", "≥ 1.8 on 2"),
        ]
        if midi is not None:
            figures.append(_indexing(midi, work / "cache"))
        if audioset is not None:
            figures += _planning(alone, audioset, work, rows)
    parts = pd.DataFrame([(part, built["seconds"][part]) for part in (SYNTHESIZER, ENCODER)])
    parts.loc[2] = ["all else", built["total"] - parts[1].sum()]
    parts.columns = pd.Index(["part", "seconds"])
    return DatasetSpeed(
        parts=parts.assign(share=parts.seconds / built["total"]),
        figures=pd.DataFrame(figures, columns=["what", "measured", "wanted"]),
        clips=len(dataset),
        minutes=float(dataset.manifest.duration_s.sum()) / 60,
    )


def _in_a_process(alone: Executor, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - what it returns
    """Call a function in a process that has done nothing else, so that memory and CPU time are its own."""
    with alone.batch() as batch:
        batch.submit(Call(function, arguments, f"timing {arguments!r}"))
        ((_, result),) = batch.results()
    if isinstance(result, Failure):
        raise RunError(f"timing: {result.reason}")
    return result


def _profile(configuration: DatasetConfiguration, root: Path) -> dict[str, Any]:
    """Build a dataset in this process and say where the CPU time went."""
    here = InlineExecutor()
    with muted():
        find_pieces(configuration, here)
        reset_peak_rss()
        begun = time.process_time()
        with watched() as watch:
            build_dataset(configuration, root, executor=here)
        total = time.process_time() - begun - watch.own_seconds()
    return {"total": total, "seconds": dict(watch.seconds), "memory_mib": peak_rss_mib()}


def _usual_way(root: Path, out: Path) -> float:
    """Render what a dataset holds with ``pretty_midi.fluidsynth`` and soundfile; return CPU seconds.

    Rate, scaling, clips and files are the same; notes that begin after the last clip are left out.
    """
    dataset = Dataset.open(root)
    out.mkdir(parents=True)
    begun = time.process_time()
    together: dict[tuple[str, int, str], list[Clip]] = {}
    for clip in dataset.clips():
        together.setdefault((clip.piece, clip.program, clip.soundfont), []).append(clip)
    rate = dataset.sample_rate
    for (piece, program, soundfont), clips in together.items():
        notes = read_notes(dataset.notes_path(piece))
        end = max(clip.start_s + clip.duration_s for clip in clips)
        player = pretty_midi.Instrument(program=program)
        for note in notes[notes.onset_s < end].to_dict("records"):
            offset = min(note["offset_s"], end)
            player.notes.append(pretty_midi.Note(note["velocity"], note["pitch"], note["onset_s"], offset))
        midi = pretty_midi.PrettyMIDI()
        midi.instruments.append(player)
        audio = midi.fluidsynth(fs=RENDER_RATE, synthesizer=str(find_soundfont(soundfont).path))
        audio = resample(audio.astype("float32"), RENDER_RATE, rate)
        audio = limit_peak(scale_to_rms(audio, 0.1), 0.99)
        for clip in clips:
            first, length = round(clip.start_s * rate), round(clip.duration_s * rate)
            window = fit_length(audio[first : first + length], length)
            soundfile.write(path_within(out, f"{clip.clip_id}.flac"), window, rate, subtype="PCM_16")
    return time.process_time() - begun


def _wall(configuration: DatasetConfiguration, root: Path, workers: int) -> float:
    """Return the seconds on the wall of a build with so many processes, which have been started before."""
    log(f"building with {workers} processes")
    with LocalExecutor(["timbrebench.datasets.rendering.rendered_dataset"], workers=workers) as work:
        find_pieces(configuration, work)
        begun = time.monotonic()
        build_dataset(configuration, root, executor=work)
        return time.monotonic() - begun


def _indexing(midi: Path, cache: Path) -> tuple[str, str, str]:
    """Index a corpus of MIDI files without any cache, on all cores."""
    with _empty_cache(cache), LocalExecutor(["timbrebench.datasets.rendering.rendered_dataset"]) as work:
        begun = time.monotonic()
        corpus = find_corpus(str(midi))
        candidates = corpus.candidates(PieceSelection(), 0, work)
        seconds = time.monotonic() - begun
        files = len(corpus.scores())
    return (
        f"indexing {files:,} MIDI files, {len(candidates.scores):,} of use, on {os.cpu_count()} cores",
        f"{seconds:.0f} s",
        "< 180 s for 1,281 on 2 cores",
    )


@contextmanager
def _empty_cache(folder: Path) -> Iterator[None]:
    """Let everything that is kept between runs be kept in another folder."""
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ["XDG_CACHE_HOME"]
        else:
            os.environ["XDG_CACHE_HOME"] = before


def _planning(alone: Executor, audioset: Path, folder: Path, rows: int) -> list[tuple[str, str, str]]:
    tables = sorted(str(path) for path in audioset.glob("*_segments.csv"))
    made_up = folder / "made_up_segments.csv"
    write_segments(made_up, tables[0], rows)
    figures = []
    for name, paths, wanted in (
        ("AudioSet's own tables", tables, "< 5 s"),
        ("a made-up table", [str(made_up)], "< 60 s, < 2,048 MiB for 2 million"),
    ):
        log(f"planning {name}")
        seconds, memory, segments = _in_a_process(alone, _plan, paths, audioset.resolve())
        what = f"selecting and planning {name}, {segments:,} segments"
        figures.append((what, f"{seconds:.1f} CPU s, {memory:.0f} MiB", wanted))
    return figures


def _plan(tables: Sequence[str], audioset: Path) -> tuple[float, float, int]:
    """Plan 100 clips for each instrument; return CPU seconds, memory in MiB, and the number of segments."""
    configuration = AudioSetConfiguration(
        segments=tuple(tables),
        ontology=str(audioset / "ontology.json"),
        class_labels=str(audioset / "class_labels_indices.csv"),
        clips_per_class=100,
    )
    with muted():
        reset_peak_rss()
        begun = time.process_time()
        plan = plan_clips(configuration)
        count_classes(plan)
        seconds = time.process_time() - begun
        memory = peak_rss_mib()
    return seconds, memory, sum(_lines(path) for path in tables)


def _lines(path: str) -> int:
    """Count a table's rows."""
    with Path(path).open(encoding="utf-8") as file:
        return sum(1 for line in file if not line.startswith(("#", "YTID,")))
