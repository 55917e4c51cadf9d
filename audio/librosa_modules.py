"""The modules of librosa that this project calls, imported at once.

librosa imports a module when one of its functions is first called: 1.6 s of a core for those below. Processes
that are forked for calls would each spend that anew, unless their template has imported this module. All that
librosa has (its variable ``EAGER_IMPORT``) takes 4.5 s, with matplotlib and scikit-learn.
"""

from __future__ import annotations

import librosa.core.spectrum
import librosa.feature.rhythm
import librosa.feature.spectral
import librosa.filters
import librosa.onset
import librosa.util.utils  # noqa: F401
