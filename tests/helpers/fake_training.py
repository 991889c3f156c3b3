"""Stands in for `python -m train prompt`: writes metrics, waits until it is told to go on, writes a result."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--max-minutes", type=float)
    parser.add_argument("--preset")
    parser.add_argument("--sheet-every")
    args = parser.parse_args()
    metrics = args.out / "metrics.jsonl"
    done = len(metrics.read_text().splitlines()) if metrics.exists() else 0
    with metrics.open("a") as file:
        for step in range(done + 1, done + 6):
            file.write(json.dumps({"step": step, "seconds": step, "loss": 5.0 - step, "id": 0.1}) + "\n")
    if "fails" in args.prompts[0]:
        raise SystemExit("error: it did not work")
    while not (args.out / "go").exists() and args.max_minutes > 0.1:
        time.sleep(0.05)
    (args.out / "edit.safetensors").write_bytes(args.prompts[0].encode())


if __name__ == "__main__":
    main()
