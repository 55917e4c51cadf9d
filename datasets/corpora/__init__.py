"""Where pieces come from: music21's corpus, ADL Piano MIDI, or any folder or archive of MIDI files."""
