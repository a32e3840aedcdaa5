"""Measurements against other clients, side by side in one run: ``python -m benchmarks`` (`make bench`).

Rules: the far end is another process; every run is a fresh process whose imports are done before the clock starts; we
and a peer take turns, so that both see the same machine; what counts is the ratio of each pair. Speed is never a test.

``work`` makes what is fetched, ``far_ends`` serve it, ``programs`` are the contenders, ``measure`` runs them, ``rows``
say which of them a row compares and what it takes, ``report`` writes it down. Start-up and queues, whose clock is
another one, are in ``startup``; ``hot_loop`` shows where the time of small files goes.
"""
