"""From rows to tables: means, targets, and whether the full method beats its ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mcaclip.evaluation.markdown import markdown_table
from mcaclip.evaluation.measuring import MeasuredEdit, in_common
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.variants import FULL, FULL_SIZE, VARIANTS, WITHOUT_FF, WITHOUT_PRE

Means = dict[str, float | None]
"""From each figure to its mean, None where nothing was measured; with the number of edits."""


@dataclass(frozen=True)
class Figure:
    """One figure of a table.

    Attributes:
        title: for people.
        better: 1 where more is better, -1 where less is.
        target: what it should reach over counterfactual prompts, or None.
        digits: number of decimals.
        percent: whether it is a share that is shown in per cent.
    """

    title: str
    better: int
    target: float | None = None
    digits: int = 3
    percent: bool = False

    def shown(self, value: float | None) -> str:
        """A value in a table; a dash for none."""
        if value is None:
            return "-"
        return f"{100 * value:.0f} %" if self.percent else f"{value:.{self.digits}f}"

    def met(self, value: float | None) -> str:
        """Whether the target is met: "yes" or "no"; a dash without a target or a value."""
        if self.target is None or value is None:
            return "-"
        return "yes" if self.better * value >= self.better * self.target else "no"

    @property
    def wanted(self) -> str:
        """The target, for people."""
        return "-" if self.target is None else f"{'≥' if self.better > 0 else '≤'} {self.shown(self.target)}"


FIGURES: Mapping[str, Figure] = {
    "hit": Figure("hit rate", 1, 0.9, percent=True),
    "leak": Figure("leak outside (0-255)", -1, 2.0),
    "ssim_background": Figure("SSIM outside", 1, 0.97, 4),
    "identity": Figure("identity", 1, 0.8),
    "score": Figure("score gained", 1, digits=4),
    "area": Figure("mask area", -1, percent=True),
    "seconds": Figure("seconds", -1, digits=2),
    "judge": Figure("independent identity", 1),
}
"""What is measured, in the order of tables; `judge` only where an independent identity network is given."""


def means(rows: Sequence[MeasuredEdit]) -> Means:
    """Mean of every figure over the prompts' means; `edits` and `judged` (hit or missed) are counts."""
    prompts = [[row for row in rows if row.prompt == prompt] for prompt in dict.fromkeys(row.prompt for row in rows)]
    found: Means = {"edits": len(rows), "judged": sum(row.hit is not None for row in rows)}
    for name in FIGURES:
        own = [value for group in prompts if (value := _mean(group, name)) is not None]
        found[name] = float(np.mean(own)) if own else None
    return found


def _mean(rows: Sequence[MeasuredEdit], name: str) -> float | None:
    values = [float(value) for row in rows if (value := getattr(row, name)) is not None]
    return float(np.mean(values)) if values else None


@dataclass(frozen=True)
class Table:
    """A table of means: figures as rows, variants as columns.

    Attributes:
        title: which prompts it is over.
        prompts: number of prompts.
        columns: means by the variant's name.
    """

    title: str
    prompts: int
    columns: dict[str, Means]

    def best(self, name: str) -> str:
        """Whether the full method beats every other variant: "yes", "equal" or "no"; a dash where there is none."""
        way, own = FIGURES[name].better, self.columns.get(FULL, {}).get(name)
        others = [v for variant, found in self.columns.items() if variant != FULL and (v := found[name]) is not None]
        if own is None or not others:
            return "-"
        ahead = min(way * (own - value) for value in others)
        return "yes" if ahead > 0 else "equal" if ahead == 0 else "no"


def table(title: str, rows: Sequence[MeasuredEdit]) -> Table:
    """The table of some rows. Only edits that every variant has made count."""
    names = [name for name in VARIANTS if any(row.column == name for row in rows)]
    kept = in_common(rows)
    columns = {name: means([row for row in kept if row.column == name]) for name in names}
    return Table(title, len({row.prompt for row in kept}), columns)


@dataclass(frozen=True)
class Summary:
    """The tables of a run.

    Attributes:
        totals: a table each for counterfactual and other prompts, where there are any.
        prompts: means by prompt, kind of face and variant.
    """

    totals: tuple[Table, ...]
    prompts: dict[tuple[str, str, str], Means]

    @property
    def as_json(self) -> dict[str, object]:
        """Plain values, for `figures.json`."""
        totals = {
            one.title: {
                "prompts": one.prompts,
                "columns": one.columns,
                "targets": {name: figure.target for name, figure in FIGURES.items() if figure.target is not None},
                "met": {
                    column: {name: figure.met(found[name]) for name, figure in FIGURES.items() if figure.target}
                    for column, found in one.columns.items()
                },
                "full is best": {name: one.best(name) for name in FIGURES},
            }
            for one in self.totals
        }
        prompts = [{"prompt": p, "faces": k, "column": c, **found} for (p, k, c), found in self.prompts.items()]
        return {"totals": totals, "prompts": prompts}


TITLES = {FULL: "full", WITHOUT_FF: "w/o FF", WITHOUT_PRE: "w/o PRE"}
TOTALS = COUNTERFACTUAL, OTHER = "counterfactual prompts", "other prompts"


def summarise(rows: Sequence[MeasuredEdit], counterfactual: Mapping[str, bool]) -> Summary:
    """The summary of rows.

    Args:
        counterfactual: by each prompt's title, whether the targets are about it.
    """
    groups = {title: [r for r in rows if counterfactual[r.prompt] == (title == COUNTERFACTUAL)] for title in TOTALS}
    totals = tuple(table(title, group) for title, group in groups.items() if group)
    keys = sorted(
        {(row.prompt, row.kind, row.column) for row in rows},
        key=lambda key: (list(counterfactual).index(key[0]), key[1], VARIANTS.index(key[2])),
    )
    prompts = {key: means([r for r in rows if (r.prompt, r.kind, r.column) == key]) for key in keys}
    return Summary(totals, prompts)


def as_markdown(summary: Summary, subjects: Sequence[Subject], size: int, notes: Sequence[str] = ()) -> str:
    """All tables, an explanation of the figures, and the prompts that cannot be measured.

    Args:
        size: side of the edits.
        notes: further lines, for instance about the variants' weights.
    """
    lines: list[str] = []
    for table in summary.totals:
        lines += [*_totals(table), ""]
    lines += [*_prompts(summary), "", "The figures:", "", *_words(size), *(f"- {n}" for n in notes)]
    return "\n".join([*lines, *_rules(subjects)]) + "\n"


def _totals(table: Table) -> list[str]:
    """A table of means, with targets for counterfactual prompts, and a comparison of several variants."""
    several, targets = len(table.columns) > 1 and FULL in table.columns, table.title == COUNTERFACTUAL
    head = ["mean over prompts", *(TITLES[name] for name in table.columns)]
    head += ["target", "met"] * targets + ["full is best"] * several
    main = table.columns[FULL if FULL in table.columns else next(iter(table.columns))]
    lines = []
    for name, figure in FIGURES.items():
        if all(found[name] is None for found in table.columns.values()):
            continue
        cells = [figure.title, *(figure.shown(found[name]) for found in table.columns.values())]
        cells += [figure.wanted, figure.met(main[name])] * targets + [table.best(name)] * several
        lines.append(cells)
    counts = {found["edits"] for found in table.columns.values()}
    judged = ", ".join(f"{found['judged']} ({TITLES[name]})" for name, found in table.columns.items())
    title = f"## {table.title} ({table.prompts})"
    return [title, "", *markdown_table(head, lines), "", f"{counts.pop()} edits per column; hit or missed: {judged}."]


def _prompts(summary: Summary) -> list[str]:
    shown = [name for name in FIGURES if any(found[name] is not None for found in summary.prompts.values())]
    head = ["prompt", "faces", "column", "edits", *(FIGURES[name].title for name in shown)]
    lines = [
        [prompt, kind, TITLES[column], str(found["edits"]), *(FIGURES[name].shown(found[name]) for name in shown)]
        for (prompt, kind, column), found in summary.prompts.items()
    ]
    return ["## every prompt", "", *markdown_table(head, lines)]


def _words(size: int) -> list[str]:
    how = "full size" if size == FULL_SIZE else "**256 px, through the preview**, not at full size: figures differ"
    return [
        f"- Edits at {how}. Each is compared with the generator's own picture of the same face.",
        "- Hit: the named part's mean colour covered at least half of the Lab distance to the named colour, or the "
        "attribute's measure moved by its step (below). With several parts, all of them did. A face that does not "
        "show the part, or shows what is asked for already, counts as neither hit nor miss; nor does a prompt that "
        "cannot be measured (-).",
        "- Leak: mean absolute change outside what the prompt may change, 0 to 255; SSIM outside: structural "
        "similarity there (11 x 11 window, 256 px, pictures in [0, 1]).",
        "- Score gained: cosine of picture and prompt by the stack's CLIP, edit minus source. Edits are trained with "
        "this CLIP, so it is no independent measure.",
        "- Mask area: share of the picture that the final mask opens; all of it without masks.",
        "- A mean gives every prompt the same weight, over the edits that all columns have in common.",
    ]


def _rules(subjects: Sequence[Subject]) -> list[str]:
    """What counts as a hit for each attribute in use, and which prompts cannot be measured."""
    attributes = {
        case.attribute.name: case.attribute for subject in subjects for case in subject.requests if case.attribute
    }
    lines = [f"- {name}: {one.rule}; may change: {', '.join(one.regions)}." for name, one in attributes.items()]
    unmeasured = [subject.title for subject in subjects if not subject.measurable]
    return [*lines, *([f"- Cannot be measured: {', '.join(unmeasured)}."] if unmeasured else [])]
