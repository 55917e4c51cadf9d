"""The methods that come with the benchmark, one file each; the controls share one."""
