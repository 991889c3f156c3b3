"""What the page says of a training."""

from __future__ import annotations

from math import ceil

FEW_STEPS = 250
"""The shipped prompts had 468 steps."""


def training_line(prompt: str, seconds_left: float, has_begun: bool) -> str:
    """While a prompt is learned."""
    if not has_begun:
        return f"Learning “{prompt}” · preparing"
    if seconds_left <= 0:
        return f"Learning “{prompt}” · last stages at full size, a few minutes"
    minutes = ceil(seconds_left / 60)
    left = f"about {minutes} minutes" if minutes > 1 else "less than a minute"
    return f"Learning “{prompt}” · {left} left"


def training_done(prompt: str, steps: int) -> str:
    """There is a fitted edit after so many steps."""
    if steps < FEW_STEPS:
        return f"“{prompt}” had only {steps} steps so far: expect little of it. Go on learning, or try it as it is."
    return f"“{prompt}” is learned, in {steps} steps. Keep it as a card to use it."


def training_stopped(prompt: str, error: str | None) -> str:
    """A training ended before its time."""
    if error:
        return f"Learning “{prompt}” failed: {error}"
    return f"Learning “{prompt}” was stopped. It can go on from there."
