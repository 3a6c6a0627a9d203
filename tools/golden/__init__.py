"""The groups of golden values that tools/golden.py writes; one module each."""
