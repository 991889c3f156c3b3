"""From a stack's data (`mcaclip.config`) to its networks, and to the edit networks that this machine has for it.

There is one loader per slot, and each loads only what is asked for. The networks themselves are handed paths.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import torch

from mcaclip import weights
from mcaclip.clip.clip_space import FACECLIP, ClipSpace
from mcaclip.clip.text_digest import text_digest
from mcaclip.config import SLOTS, Stack, check_parser
from mcaclip.editing.library import Library, collect, edit_files
from mcaclip.editing.network.direction_edit import DirectionEdit, load_directions
from mcaclip.editing.network.mca import FIRST_CLIP, FIRST_GENERATOR
from mcaclip.editing.stack_fit import StackFit
from mcaclip.editing.universal import UniversalEdit, find_universal
from mcaclip.errors import WeightsError
from mcaclip.generators.base import Generator, broadcast_w
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator, PreviewHead
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Preview
from mcaclip.inversion.e4e import E4EEncoder
from mcaclip.inversion.encoder import FaceEncoder
from mcaclip.inversion.optimise import Start
from mcaclip.inversion.residual_encoder import ResidualEncoder
from mcaclip.inversion.start import EncoderStart, ResidualStart
from mcaclip.language.wishes import Wish, free_wish, plain_wish
from mcaclip.perception.arcface import ArcFaceIdentity
from mcaclip.perception.base import Identity, Parser, PhotoParser
from mcaclip.perception.face_parser import FaceParser
from mcaclip.perception.identity import FaceIdentity
from mcaclip.perception.no_identity import NoIdentity
from mcaclip.perception.parsenet import ParseNet
from mcaclip.perception.parsing_head import ParsingHead
from mcaclip.reading.wish_reader import WishReader
from mcaclip.types import TextCode
from mcaclip.weights.obtain import obtain
from mcaclip.weights.own import own_generator

log = logging.getLogger(__name__)
Device = str | torch.device
SHIPPED_EDITS, SHIPPED_UNIVERSAL, SHIPPED_DIRECTIONS = "edits", "universal", "hair"
COMPACT_GENERATOR = "mobilestylegan"
"""Its weight file."""
SAME_W = (FIRST_GENERATOR, "stylegan2")
"""Generators between which codes and shifts of faces carry over."""


@dataclass(frozen=True)
class GeneratorPair:
    """A generator and its 256 px preview."""

    full: Generator
    preview: Generator


def load_generator(stack: Stack, device: Device, checkpoint_from: int | None = None) -> GeneratorPair:
    """The generator, frozen.

    Args:
        checkpoint_from: for training through StyleGAN2; see `StyleGAN2Config`.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    if stack.generator == "stylegan2":
        full = StyleGAN2.load(_stylegan2_file(stack), device, checkpoint_from)
        return GeneratorPair(full, StyleGAN2Preview(full))
    small = _compact_generator(device)
    return GeneratorPair(small, PreviewGenerator(small, PreviewHead.load(weights.get("preview_head"), device)))


def _compact_generator(device: Device) -> MobileStyleGAN:
    return MobileStyleGAN.load(weights.get(COMPACT_GENERATOR), device, weights.get("mean_w"))


def _stylegan2_file(stack: Stack) -> Path:
    """The published generator, or the user's own. Raises WeightsError."""
    if stack.generator_file is None:
        return weights.get("stylegan2")
    return obtain(own_generator(stack.generator_file), weights.WeightFolders.from_environment()).path


def wishes_of(stack: Stack) -> Callable[[str], Wish]:
    """What reads free words: for FaceCLIP the language model, loaded at its first use; a published CLIP takes any."""
    if stack.clip != FACECLIP:
        return free_wish

    @cache
    def reader() -> WishReader:
        return WishReader.load(weights.get("language_model"), weights.get("wish_reader"))

    return lambda text: plain_wish(text) or reader().read(text)


def load_start(stack: Stack, device: Device, preview: Generator, identity: Identity) -> Start:
    """What gives inversions their first code, frozen.

    Args:
        preview: the stack's 256 px preview, in which the compact encoder looks at what it makes.
        identity: the stack's own; the compact encoder sees through dlib's net, whatever the stack has.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    if stack.encoder == "mean":
        return lambda image: broadcast_w(preview.w_avg[None])[0]
    if stack.encoder == "e4e":
        return E4EEncoder.load(weights.get("e4e"), device).code
    eyes = identity if isinstance(identity, FaceIdentity) else load_face_identity(device)
    return EncoderStart(preview, eyes, FaceEncoder.load(weights.get("encoder"), device))


def load_complete(stack: Stack, device: Device, preview: Generator) -> ResidualStart | None:
    """What gives inversions their first residual, frozen; only the compact stack's networks have one.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    if (stack.generator, stack.encoder) != (FIRST_GENERATOR, "compact"):
        return None
    return ResidualStart(preview, ResidualEncoder.load(weights.get("residual_encoder"), device))


def load_space(stack: Stack, device: Device) -> ClipSpace:
    """The space of words and pictures, frozen. Raises WeightsError."""
    return ClipSpace.load(_clip_file(stack.clip), stack.clip, device)


def words_digest(clip: str) -> str:
    """What identifies the text tower of a space that `SLOTS` names (see `text_digest`). Raises WeightsError."""
    return text_digest(_clip_file(clip))


def _clip_file(clip: str) -> Path:
    name, *_ = SLOTS["clip"][clip]
    return weights.get(name)


def load_identity(stack: Stack, device: Device) -> Identity:
    """What tells people apart, frozen. Raises WeightsError."""
    if not stack.knows_faces:
        return NoIdentity()
    if stack.identity == "arcface":
        return ArcFaceIdentity.load(weights.get("arcface_ir_se50"), device)
    return load_face_identity(device)


def load_face_identity(device: Device = "cpu") -> FaceIdentity:
    """dlib's identity network, frozen. Raises WeightsError."""
    return FaceIdentity.load(weights.get("dlib_identity"), weights.get("identity_mean"), device)


def load_parser(stack: Stack, device: Device) -> Parser:
    """What finds the parts of a face, frozen.

    Raises:
        StudioError: a parser that does not go with the generator.
        WeightsError: a file is missing or damaged.
    """
    check_parser(stack)
    if stack.parser == "parsenet":
        return ParseNet.load(weights.get("parsenet"), device)
    if stack.parser == "face-parser":
        return FaceParser.load(weights.get("face_parser"), device)
    return ParsingHead.load(weights.get("parsing_head"), device)


def library_of(stack: Stack, generator: Generator, device: torch.device, edits: Sequence[Path] = ()) -> Library:
    """The edits that were fitted for a stack's generator and space of words.

    They are the shipped ones, the user's own (the file or folder `MCACLIP_EDITS`, else the folder `edits` of the
    cache), and the named files. Of several for one prompt the last one counts.

    Raises:
        WeightsError: the shipped file is damaged, or a named one cannot be used.
    """
    shipped = weights.get(SHIPPED_EDITS)
    files = [shipped, *edit_files(weights.WeightFolders.from_environment().edits)]
    return collect(files, edits, StackFit.of(stack, generator.layers), device, shipped=shipped)


def universal_of(
    stack: Stack, generator: Generator, device: torch.device, files: Sequence[Path] = ()
) -> UniversalEdit:
    """The network for any prompt: the last of the named files, else the shipped one.

    It learned on the compact generator, with FaceCLIP's words. Another stack of faces has the same W, so the network
    edits there as well and brings along what the stack lacks of the two.

    Raises:
        WeightsError: a named file cannot be used.
    """
    home = home_of(stack)
    if not files and (home.generator, home.clip) != (FIRST_GENERATOR, FIRST_CLIP):
        return UniversalEdit()
    brings = _brought_along(stack, home)
    with torch.device("meta"):
        layers = generator.layers if stack.generator == home.generator else MobileStyleGAN().layers
    try:
        for name in brings:
            weights.get(name)
        shipped = None if files else weights.local(SHIPPED_UNIVERSAL)
        fit = StackFit.of(home, layers, words_digest(home.clip))
    except WeightsError as error:  # what is missing or damaged costs this mode only
        if files:
            raise
        log.warning("there is no universal mode: %s", error)
        return UniversalEdit(problem=f"there is no universal mode here: {error}")
    return replace(
        find_universal(shipped, files, fit, device),
        text_code=None if stack.clip == home.clip else _words_of(home, device),
        twin=None if stack.generator == home.generator else cache(lambda: _compact_generator(device)),
        brings=brings,
    )


def directions_of(stack: Stack, parser: PhotoParser | None, device: Device) -> Mapping[str, DirectionEdit]:
    """The edits along directions of W, by their words; none for a generator of another W.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    if parser is None or stack.generator not in SAME_W:
        return {}
    return load_directions(weights.get(SHIPPED_DIRECTIONS), parser, device)


def home_of(stack: Stack) -> Stack:
    """The stack that a universal network learned on, where it edits on this one: both must have the same W."""
    if stack.generator not in SAME_W or not stack.knows_faces:
        return stack
    return replace(stack, generator=FIRST_GENERATOR, generator_file=None, clip=FIRST_CLIP)


def _brought_along(stack: Stack, home: Stack) -> tuple[str, ...]:
    """Names of the weight files that a universal network needs beside those of the stack."""
    generator = () if stack.generator == home.generator else (COMPACT_GENERATOR,)
    return (*generator, *(() if stack.clip == home.clip else SLOTS["clip"][home.clip]))


def _words_of(stack: Stack, device: Device) -> Callable[[str], TextCode]:
    """Text codes of a stack's space of words, which is loaded at its first use."""
    space = cache(lambda: load_space(stack, device))
    return lru_cache(maxsize=64)(lambda words: space().text_code(words))
