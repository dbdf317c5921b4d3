#!/usr/bin/env python3
"""Twenty seconds of what `make soak` does for ten minutes (_soak.py)."""
from _soak import main

main(20, 4)
