"""Commands of `python -m train`, a module each: `Options` says what it takes, `run(options)` does it."""
