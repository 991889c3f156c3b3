"""From rows to tables: means, the issue's targets, and whether the whole method beats its ablations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mcaclip.evaluation.measuring import Row
from mcaclip.evaluation.requests import Subject
from mcaclip.evaluation.variants import FULL, FULL_SIZE, VARIANTS, WITHOUT_FF, WITHOUT_PRE

Means = dict[str, float | None]
"""Figure to its mean, None where nothing was measured, and how many edits it is over."""


@dataclass(frozen=True)
class Figure:
    """One figure of a table.

    Attributes:
        title: for people.
        better: 1 where more is better, -1 where less is.
        target: what it should reach over counterfactual prompts, or None.
        digits: behind the point.
        percent: a share that is shown in per cent.
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
        """ "yes" or "no"; a dash without a target or a value."""
        if self.target is None or value is None:
            return "-"
        return "yes" if self.better * value >= self.better * self.target else "no"

    @property
    def wanted(self) -> str:
        """The target in words."""
        return "-" if self.target is None else f"{'≥' if self.better > 0 else '≤'} {self.shown(self.target)}"


FIGURES: Mapping[str, Figure] = {
    "hit": Figure("hit rate", 1, 0.9, percent=True),
    "leak": Figure("leak outside (0-255)", -1, 2.0),
    "ssim_background": Figure("SSIM outside", 1, 0.97, 4),
    "identity": Figure("identity", 1, 0.8),
    "score": Figure("score gained", 1, digits=4),
    "area": Figure("mask area", -1, percent=True),
    "seconds": Figure("seconds", -1, digits=2),
    "judge": Figure("identity by the judge", 1),
}
"""What is measured, in the order of tables; all but `judge` always."""


def means(rows: Sequence[Row]) -> Means:
    """Mean of every figure, each prompt counting alike; `edits` and `judged` (those with a verdict) are counts."""
    prompts = [[row for row in rows if row.prompt == prompt] for prompt in dict.fromkeys(row.prompt for row in rows)]
    found: Means = {"edits": len(rows), "judged": sum(row.hit is not None for row in rows)}
    for name in FIGURES:
        own = [value for group in prompts if (value := _mean(group, name)) is not None]
        found[name] = float(np.mean(own)) if own else None
    return found


def _mean(rows: Sequence[Row], name: str) -> float | None:
    values = [float(value) for row in rows if (value := getattr(row, name)) is not None]
    return float(np.mean(values)) if values else None


@dataclass(frozen=True)
class Table:
    """A table of means: figures as rows, columns as columns.

    Attributes:
        title: what it is over.
        prompts: over how many prompts.
        columns: name to its means.
    """

    title: str
    prompts: int
    columns: dict[str, Means]

    def best(self, name: str) -> str:
        """Whether the full method is better than every other column: "yes", "equal" or "no"; a dash for none."""
        way, own = FIGURES[name].better, self.columns.get(FULL, {}).get(name)
        others = [
            value for column, found in self.columns.items() if column != FULL and (value := found[name]) is not None
        ]
        if own is None or not others:
            return "-"
        ahead = min(way * (own - value) for value in others)
        return "yes" if ahead > 0 else "equal" if ahead == 0 else "no"


def table(title: str, rows: Sequence[Row]) -> Table:
    """The table of some rows. Only faces that every column has done count, so that columns can be compared."""
    names = [name for name in VARIANTS if any(row.column == name for row in rows)]
    done = [{row.key[:3] for row in rows if row.column == name} for name in names]
    common = set.intersection(*done) if done else set()
    kept = [row for row in rows if row.key[:3] in common]
    columns = {name: means([row for row in kept if row.column == name]) for name in names}
    return Table(title, len({row.prompt for row in kept}), columns)


@dataclass(frozen=True)
class Summary:
    """Everything that is said of a run.

    Attributes:
        totals: a table each for counterfactual and other prompts, where there are any.
        prompts: (prompt, kind of face, column) to means.
    """

    totals: tuple[Table, ...]
    prompts: dict[tuple[str, str, str], Means]

    @property
    def as_json(self) -> dict[str, object]:
        """Plain values."""
        totals = {
            one.title: {
                "prompts": one.prompts,
                "columns": one.columns,
                "targets": {name: figure.target for name, figure in FIGURES.items() if figure.target is not None},
                "met": {column: _met(found) for column, found in one.columns.items()},
                "full is best": {name: one.best(name) for name in FIGURES},
            }
            for one in self.totals
        }
        prompts = [{"prompt": p, "faces": k, "column": c, **found} for (p, k, c), found in self.prompts.items()]
        return {"totals": totals, "prompts": prompts}


def _met(found: Means) -> dict[str, str]:
    return {name: figure.met(found[name]) for name, figure in FIGURES.items() if figure.target is not None}


TITLES = {FULL: "full", WITHOUT_FF: "w/o FF", WITHOUT_PRE: "w/o PRE"}
COUNTERFACTUAL, OTHER = "counterfactual prompts", "other prompts"


def summarise(rows: Sequence[Row], counterfactual: Mapping[str, bool]) -> Summary:
    """The summary of rows.

    Args:
        counterfactual: of each prompt's title, whether the targets are about it.
    """
    groups = {title: [r for r in rows if counterfactual[r.prompt] == is_one] for title, is_one in
              ((COUNTERFACTUAL, True), (OTHER, False))}  # fmt: skip
    totals = tuple(table(title, group) for title, group in groups.items() if group)
    keys = sorted(
        {(row.prompt, row.kind, row.column) for row in rows},
        key=lambda key: (list(counterfactual).index(key[0]), key[1], VARIANTS.index(key[2])),
    )
    prompts = {key: means([r for r in rows if (r.prompt, r.kind, r.column) == key]) for key in keys}
    return Summary(totals, prompts)


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
