"""Commands of `python -m mcaclip`, a module each: `add(commands)` says what it takes, `run(args)` does it."""
