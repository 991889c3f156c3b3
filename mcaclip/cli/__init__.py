"""Commands of `python -m mcaclip`, a module each: `Options` says what it takes, `run(options, load)` does it."""
