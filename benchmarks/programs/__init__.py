"""The contenders, each through its own best public interface: ``python -m benchmarks.programs.NAME JOB``.

They import nothing of ours but `clock`, so that each may run in an environment of its own.
"""
