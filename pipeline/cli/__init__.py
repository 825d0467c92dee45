"""The command `expansion`.

Belongs here: arguments, progress, what is printed, exit codes. Does not belong here: any work that Dagster's assets do;
the command runs the same jobs in its own process, so that every run shows in the UI. Only `demo` and `sandbox` know the
simulated company.
"""
