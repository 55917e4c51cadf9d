"""Calls in processes of their own, with limits on time and memory: on this machine, or on a Dask cluster."""
