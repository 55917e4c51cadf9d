"""Programs of others: real ones, run for what they do right and for everything they can do wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest
import soundfile

from timbrebench.core.errors import ConfigurationError, MethodError, MethodTimeoutError
from timbrebench.transfer import apply, create

#: A tool as somebody might write it: the content as loud as the style, and a note of what it was told.
GOOD = """
    import json, sys
    import numpy as np
    import soundfile

    content, style, output, sample_rate, seed = sys.argv[1:]
    clip, rate = soundfile.read(content, dtype="float32")
    other, _ = soundfile.read(style, dtype="float32")
    assert rate == int(sample_rate)
    made = clip * np.sqrt(np.mean(other**2) / np.mean(clip**2))
    soundfile.write(output, made, rate, subtype="FLOAT", format="WAV")
"""

#: Starts a child, a grandchild in a session of its own, and one that has left its parent; notes all of them.
FAMILY = """
    import os, subprocess, sys, time

    notes = open(sys.argv[1], "a")
    def note():
        notes.write(f"{os.getpid()}\\n")
        notes.flush()
    note()
    for depth in range(3):
        if os.fork() == 0:
            note()
            if depth > 0:
                os.setsid()
            if depth == 2 and os.fork() > 0:
                os._exit(0)
            if depth == 2:
                note()
            time.sleep(600)
    while len(open(sys.argv[1]).readlines()) < 5:
        time.sleep(0.01)
"""

PLACES = ["{content}", "{style}", "{output}", "{sample_rate}", "{seed}"]


@pytest.fixture
def script(tmp_path):
    """Write a Python script and return how it is run."""

    def script(source, *arguments, name="tool.py"):
        path = tmp_path / name
        path.write_text(textwrap.dedent(source))
        return [sys.executable, str(path), *map(str, arguments)]

    return script


def run(command, pair, **settings):
    return apply(create("command-line", {"command": command, **settings}), **pair, seed=3)


def rms(samples):
    return np.sqrt(np.mean(np.square(samples, dtype=np.float64)))


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_program_gets_the_very_samples_and_its_output_is_what_comes_back(script, pair):
    output = run(script(GOOD, *PLACES), pair)
    expected = pair["content"] * np.float32(rms(pair["style"]) / rms(pair["content"]))
    np.testing.assert_allclose(output, expected, atol=1e-6)


def test_rate_and_seed_are_filled_in_wherever_they_stand(script, pair, tmp_path):
    told = script(
        "import shutil, sys; open(sys.argv[3], 'w').write(sys.argv[4]); shutil.copy(*sys.argv[1:3])",
        "{content}",
        "{output}",
        tmp_path / "told.txt",
        '--settings={"rate": {sample_rate}, "seed": {seed}}',
    )
    run(told, pair)
    settings = json.loads((tmp_path / "told.txt").read_text().removeprefix("--settings="))
    assert settings == {"rate": pair["sample_rate"], "seed": 3}


def test_no_shell_reads_the_command(pair, tmp_path):
    note = tmp_path / "note"
    with pytest.raises(MethodError, match="exited with status"):
        run(["cp", "{content}", "{output}", f"; touch {note}", f"$(touch {note})"], pair)
    assert not note.exists()


def test_an_output_at_another_rate_and_in_stereo_is_brought_to_the_pairs(script, pair, content, sample_rate):
    stereo = script(
        """
        import sys
        import numpy as np, soundfile, soxr
        clip, rate = soundfile.read(sys.argv[1], dtype="float32")
        high = soxr.resample(clip, rate, 48000)
        soundfile.write(sys.argv[2], np.stack([high, 0.5 * high], 1), 48000, format="FLAC", subtype="PCM_24")
        """,
        "{content}",
        "{output}",
    )
    output = run(stereo, pair)
    assert output.shape == content.shape
    residual = output - 0.75 * content
    assert rms(residual) < 0.01 * rms(content)  # what lies above the filters' edge is lost


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise SystemExit(3)", r"exited with status 3$"),
        ("raise ValueError('no weights')", r"exited with status 1; it wrote: .*ValueError: no weights"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was ended by SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"SIGKILL \(was memory short\?\)"),
        (
            "print('done'); import sys; sys.stderr.write('nothing to do')",
            r"no \{output\}: no such file; it wrote: nothing to",
        ),
        ("import sys; open(sys.argv[1], 'w')", r"the output is not audio: .*output\.wav"),
        ("import sys; open(sys.argv[1], 'w').write('la la la ' * 999)", "not audio: .*cannot be decoded"),
        (
            "import os, sys; open(sys.argv[1], 'wb').write(os.urandom(99999))",
            "not audio: .*cannot be decoded",
        ),
        ("import os, sys; os.mkdir(sys.argv[1])", r"wrote no \{output\}"),
        (
            "import os, sys; sys.stderr.buffer.write(bytes(range(256)) * 9); sys.exit(1)",
            "exited with status 1; it wrote: .*xyz",
        ),
    ],
)
def test_what_goes_wrong_is_told_with_the_last_words(script, pair, source, reason):
    with pytest.raises(MethodError, match=reason) as caught:
        run([*script(source, "{output}"), "{content}"], pair)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 5000


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("clip[: len(clip) // 2]", r"the output lasts 0\.625 s .*the content 1\.250 s"),
        ("0 * clip", "the output is silent"),
        ("clip * np.nan", "NaN"),
        ("3 * clip", r"the output peaks at 1\.5"),
        ("np.tile(clip, 3)", r"the output lasts 3\.750 s .*the content 1\.250 s"),
        ("np.tile(clip, 40)", r"not as long as its content, 1\.250 s: .*longer than the 13 s"),
    ],
)
def test_audio_that_is_no_output_is_refused_as_any_methods_is(script, pair, source, reason):
    tool = f"""
        import sys
        import numpy as np, soundfile
        clip, rate = soundfile.read(sys.argv[1], dtype="float32")
        soundfile.write(sys.argv[2], {source}, rate, subtype="FLOAT")
        """
    with pytest.raises(MethodError, match=reason):
        run(script(tool, "{content}", "{output}"), pair)


def test_a_program_that_is_not_there_is_named(pair):
    with pytest.raises(MethodError, match=r"no-such-tool: cannot be started .*No such file"):
        run(["no-such-tool", "{content}", "{output}"], pair)


def test_one_that_writes_without_end_fills_nothing(script, pair):
    endless = script("import sys\nwhile True: print('x' * 999, file=sys.stderr)", "{content}", "{output}")
    with pytest.raises(MethodTimeoutError, match=r"stopped after 0\.5 s") as caught:
        run(endless, pair, timeout_s=0.5)
    assert len(str(caught.value)) < 6000


@pytest.mark.parametrize("ending", ["time.sleep(600)", "sys.exit(5)", "sys.exit(0)"])
def test_nothing_that_it_started_is_left(script, pair, tmp_path, ending):
    notes = tmp_path / "pids"
    family = script(textwrap.dedent(FAMILY) + ending, notes, "{content}", "{output}")
    expected = MethodTimeoutError if "sleep" in ending else MethodError
    with pytest.raises(expected):
        run(family, pair, timeout_s=5 if "sleep" in ending else 60)
    pids = [int(line) for line in notes.read_text().split()]
    assert len(pids) == 5
    assert not [pid for pid in pids if is_alive(pid)]


@pytest.mark.parametrize("ending", ["cp {content} {output}", "exit 5"])
def test_an_empty_environment_hides_nothing(pair, tmp_path, ending):
    notes = tmp_path / "pid"
    shell = ["sh", "-c", f"env -i sleep 600 & echo $! > {notes}; {ending.format(content='$1', output='$2')}"]
    with suppress(MethodError):
        run([*shell, "sh", "{content}", "{output}"], pair)
    assert not is_alive(int(notes.read_text()))


@pytest.mark.parametrize("hungry", ["itself", "its child"])
def test_one_that_holds_too_much_memory_is_stopped(script, pair, hungry):
    eat = "data = bytearray(400 << 20); data[:] = b'x' * len(data); time.sleep(600)"
    source = f"import os, time\nif {hungry == 'itself'} or os.fork() == 0:\n    {eat}\ntime.sleep(600)"
    with pytest.raises(MethodError, match=r"stopped when it held \d+ MiB .* more than the 200 MiB"):
        run(script(source, "{content}", "{output}"), pair, memory_mib=200, timeout_s=60)


def test_memory_that_is_reserved_and_not_used_does_not_count(script, pair):
    """As CUDA does, and many an allocator."""
    source = """
        import mmap, shutil, sys, time
        space = mmap.mmap(-1, 64 << 30, flags=mmap.MAP_PRIVATE, prot=0)
        time.sleep(0.3)
        shutil.copy(*sys.argv[1:])
        """
    output = run(script(source, "{content}", "{output}"), pair, memory_mib=200)
    np.testing.assert_array_equal(output, pair["content"])


#: Runs a method as a command does, or as a run does.
CALLER = """
    import numpy as np
    from timbrebench.core.workers.executor_addresses import LOCAL, open_executor
    from timbrebench.transfer.methods.external.command_line import CommandLine

    def transfer(command):
        clip = np.sin(np.arange(22050) / 20).astype(np.float32)
        CommandLine(command=command).transfer(clip, clip, sample_rate=22050, seed=0)

    if {as_a_run}:
        import caller
        with open_executor(LOCAL, []) as executor:
            list(executor.map(caller.transfer, [{command!r}], "command-line"))
    elif __name__ == "__main__":
        transfer({command!r})
"""


@pytest.mark.parametrize(
    ("as_a_run", "kind"),
    [(False, signal.SIGINT), (True, signal.SIGINT), (True, signal.SIGTERM), (True, signal.SIGKILL)],
)
def test_a_run_that_is_ended_takes_the_program_with_it(script, tmp_path, as_a_run, kind):
    notes = tmp_path / "pids"
    hang = script(textwrap.dedent(FAMILY) + "time.sleep(600)", notes, "{content}", "{output}")
    source = CALLER.format(command=hang, as_a_run=f"{as_a_run} and __name__ == '__main__'")
    caller = script(source, name="caller.py")
    process = subprocess.Popen(
        caller,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # One that is killed leaves its files; workers import the caller's module.
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(tmp_path)},
    )
    while not (notes.exists() and len(notes.read_text().split()) == 5):
        assert process.poll() is None
        time.sleep(0.05)
    if kind == signal.SIGINT:
        os.killpg(process.pid, kind)  # as a terminal does
    else:
        process.send_signal(kind)
    assert process.wait(timeout=30) != 0
    pids = [int(line) for line in notes.read_text().split()]
    for _ in range(200):  # what cleans up after a run may end later than the run
        if not any(map(is_alive, pids)):
            break
        time.sleep(0.05)
    assert not [pid for pid in pids if is_alive(pid)]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "the key 'command' is missing"),
        ({"command": "tool {content} {output}"}, "write it as a list of arguments, no shell reads it"),
        ({"command": []}, r"no \{content\} and \{output\}"),
        ({"command": ["tool", "{content}", "{style}"]}, r"the command has no \{output\}"),
        ({"command": ["tool", "{contnt}", "{output}"]}, r"placeholder \{contnt\}: did you mean 'content'\?"),
        ({"command": ["tool", "{content}", "{output}"], "timeout_s": 0}, "timeout_s: .*greater than 0"),
        ({"command": ["tool", "{content}", "{output}"], "memory_mib": -1}, "memory_mib: .*greater than 0"),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_it_is_run(parameters, reason):
    with pytest.raises(ConfigurationError, match=reason):
        create("command-line", parameters)


def test_the_fingerprint_follows_every_file_that_is_named(tmp_path):
    tool, weights, settings = tmp_path / "tool", tmp_path / "weights.pt", tmp_path / "settings"
    settings.mkdir()
    command = [str(tool), f"--weights={weights}", "{content}", "{output}", "x" * 9999]
    method = create("command-line", {"command": command, "depends_on": [str(settings)]})
    seen = [method.fingerprint()]
    for path in (tool, weights, settings / "more.json"):
        for text in ("one", "two"):
            path.write_text(text)
            seen.append(method.fingerprint())
    assert len(set(seen)) == len(seen) == 7
    (tmp_path / "something-else").write_text("three")
    os.utime(tool)
    assert method.fingerprint() == seen[-1]


def test_clips_are_written_the_same_way_every_time(tmp_path, content, sample_rate):
    from timbrebench.transfer.methods.external.clip_files import samples_sha256, write_clip

    write_clip(tmp_path / "one.wav", content, sample_rate)
    time.sleep(1.1)  # libsndfile writes the second
    write_clip(tmp_path / "two.wav", content, sample_rate)
    assert (tmp_path / "one.wav").read_bytes() == (tmp_path / "two.wav").read_bytes()
    read, rate = soundfile.read(tmp_path / "one.wav", dtype="float32")
    np.testing.assert_array_equal(read, content)
    assert rate == sample_rate
    assert samples_sha256(read) == samples_sha256(content) != samples_sha256(-content)
