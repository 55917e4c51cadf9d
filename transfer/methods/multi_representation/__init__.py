"""Random networks on three representations of a sound, optimised on the waveform."""
