"""The kinds of suites, one file each (:mod:`timbrebench.experiments.suites.kinds.suite_kind`)."""
