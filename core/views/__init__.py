"""What people are shown, as records: read from an instance here, drawn by the command line or a web page.

- `runs`, `steps`: what a run and its steps did; `prices`: what their use of remote storage costs.
- `memoized_runs`, `explanations`: why the steps of a memoized run were executed or not.
- `step_logs`: which attempt at a step has the log to show.
- `values`: the values that memoized runs find again.
"""
