"""The summary for people."""

from __future__ import annotations

from collections.abc import Sequence

from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.summary import COUNTERFACTUAL, FIGURES, Summary, Table
from mcaclip.evaluation.variants import FULL, FULL_SIZE, WITHOUT_FF, WITHOUT_PRE

TITLES = {FULL: "full", WITHOUT_FF: "w/o FF", WITHOUT_PRE: "w/o PRE"}


def as_markdown(summary: Summary, subjects: Sequence[Subject], size: int, notes: Sequence[str] = ()) -> str:
    """All tables, what stands in them, and which prompts have no witness.

    Args:
        size: side of the edits.
        notes: further lines, for instance about the columns' weights.
    """
    lines: list[str] = []
    for table in summary.totals:
        lines += [*_totals(table), ""]
    lines += [*_prompts(summary), "", "What stands in the tables:", "", *_words(size), *(f"- {n}" for n in notes)]
    return "\n".join([*lines, *_rules(subjects)]) + "\n"


def _totals(table: Table) -> list[str]:
    """Figures as rows, columns as columns; targets where they are meant, the comparison where there is one."""
    several, targets = len(table.columns) > 1 and FULL in table.columns, table.title == COUNTERFACTUAL
    head = ["mean over prompts", *(TITLES[name] for name in table.columns)]
    head += ["target", "met"] * targets + ["full is best"] * several
    main = table.columns[FULL if FULL in table.columns else next(iter(table.columns))]
    lines = [f"## {table.title} ({table.prompts})", "", _line(head), "|---" * len(head) + "|"]
    for name, figure in FIGURES.items():
        if all(found[name] is None for found in table.columns.values()):
            continue
        cells = [figure.title, *(figure.shown(found[name]) for found in table.columns.values())]
        cells += [figure.wanted, figure.met(main[name])] * targets + [table.best(name)] * several
        lines.append(_line(cells))
    counts = {found["edits"] for found in table.columns.values()}
    verdicts = ", ".join(f"{found['judged']} ({TITLES[name]})" for name, found in table.columns.items())
    return [*lines, "", f"{counts.pop()} edits a column; with a verdict on the hit: {verdicts}."]


def _prompts(summary: Summary) -> list[str]:
    shown = [name for name in FIGURES if any(found[name] is not None for found in summary.prompts.values())]
    head = ["prompt", "faces", "column", "edits", *(FIGURES[name].title for name in shown)]
    lines = ["## every prompt", "", _line(head), "|---" * len(head) + "|"]
    for (prompt, kind, column), found in summary.prompts.items():
        cells = [prompt, kind, TITLES[column], str(found["edits"])]
        lines.append(_line([*cells, *(FIGURES[name].shown(found[name]) for name in shown)]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _words(size: int) -> list[str]:
    how = "full size" if size == FULL_SIZE else "**256 px, through the preview**, not at full size: figures differ"
    return [
        f"- Edits at {how}. Each is compared with the generator's own picture of the same face.",
        "- Hit: the named part's mean colour covered at least half of the Lab distance to the named colour, or the "
        "attribute's measure moved by its step (below). With several parts, all of them did. A face that does not "
        "show the part, or shows what is asked for already, has no verdict; nor has a prompt without a witness (-).",
        "- Leak: mean absolute change outside what the prompt may change, 0 to 255; SSIM outside: structural "
        "similarity there (11 x 11 window, 256 px).",
        "- Score gained: cosine of picture and prompt in the stack's space of words, edit minus source. Edits are "
        "trained in that space: it is no independent judge.",
        "- Mask area: share of the picture that the final mask opens; without masks all of it.",
        "- A mean counts every prompt alike, over the edits that all columns have done.",
    ]


def _rules(subjects: Sequence[Subject]) -> list[str]:
    """What counts as a hit for each attribute in use, and which prompts cannot be told."""
    attributes = {
        case.attribute.name: case.attribute for subject in subjects for case in subject.requests if case.attribute
    }
    lines = [f"- {name}: {one.rule}; may change: {', '.join(one.regions)}." for name, one in attributes.items()]
    untold = [subject.title for subject in subjects if not subject.measurable]
    return [*lines, *([f"- No witness: {', '.join(untold)}."] if untold else [])]
