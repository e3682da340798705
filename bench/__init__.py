"""`python -m bench`: what a tick, a request, a message and a cold start cost. BENCH.md has the results."""
