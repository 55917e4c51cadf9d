#!/bin/sh
# Install libfluidsynth and the soundfonts FluidR3 and GeneralUser where they are missing and apt and the rights are there;
# else say what to type.
set -eu

missing=""
python="${PYTHON:-python3}"
command -v "$python" > /dev/null || missing="$missing python3"
"$python" -c 'import ensurepip, venv' 2> /dev/null || missing="$missing python3-venv"
"$python" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("fluidsynth"))' 2> /dev/null \
    || missing="$missing libfluidsynth3"
for pair in FluidR3_GM:fluid-soundfont-gm GeneralUser-v1.47:minuet-data; do
    soundfont=""
    for folder in "${TIMBREBENCH_SOUNDFONTS:-/nowhere}" "$HOME/.local/share/soundfonts" /usr/share/sounds/sf2 \
        /usr/share/minuet/soundfonts /usr/share/soundfonts /usr/local/share/soundfonts \
        /opt/homebrew/share/soundfonts; do
        [ -f "$folder/${pair%%:*}.sf2" ] && soundfont="$folder"
    done
    [ -n "$soundfont" ] || missing="$missing ${pair##*:}"
done
[ -z "$missing" ] && exit 0

packages="${missing# }"
if ! command -v apt-get > /dev/null; then
    echo "missing: $packages. There is no apt-get here: install FluidSynth 2 or later with your system's" >&2
    echo "package manager (macOS: brew install fluid-synth), and put FluidR3_GM.sf2 and GeneralUser-v1.47.sf2 into" >&2
    echo "~/.local/share/soundfonts; then type make again." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    run=""
elif sudo -n true 2> /dev/null; then
    run="sudo -n"
else
    echo "missing: $packages. Type this, then make again:" >&2
    echo "    sudo apt-get update && sudo apt-get install -y $packages" >&2
    exit 1
fi
echo "installing $packages"
$run apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $packages > /dev/null
