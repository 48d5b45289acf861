"""Workers on this machine or on many, over Dask.

A `Desk` at each worker makes attempts; a `ClusterAsker` in the run hands them out. In between goes one line a
worker, with messages in batches. Only `scheduler`, `desk_plugin`, `local_cluster` and `worker` know Dask.
"""
