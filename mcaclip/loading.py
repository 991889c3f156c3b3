"""From a stack's data (`mcaclip.config`) to its networks: one loader a slot, each loading only what is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mcaclip import weights
from mcaclip.config import Stack, check_parser
from mcaclip.generators.base import Generator
from mcaclip.generators.mobilestylegan import MobileStyleGAN
from mcaclip.generators.preview import PreviewGenerator, PreviewHead
from mcaclip.generators.stylegan2 import StyleGAN2, StyleGAN2Preview
from mcaclip.inversion.e4e import E4EEncoder
from mcaclip.inversion.encoder import FaceEncoder
from mcaclip.inversion.optimise import Start
from mcaclip.inversion.start import EncoderStart
from mcaclip.perception.arcface import ArcFaceIdentity
from mcaclip.perception.base import Identity, Parser
from mcaclip.perception.face_parser import FaceParser
from mcaclip.perception.identity import FaceIdentity
from mcaclip.perception.parsenet import ParseNet
from mcaclip.perception.parsing_head import ParsingHead
from mcaclip.clip.clip_space import ClipSpace

Device = str | torch.device


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
        full = StyleGAN2.load(weights.get("stylegan2"), device, checkpoint_from)
        return GeneratorPair(full, StyleGAN2Preview(full))
    small = MobileStyleGAN.load(weights.get("mobilestylegan"), device)
    return GeneratorPair(small, PreviewGenerator(small, PreviewHead.load(weights.get("preview_head"), device)))


def load_start(stack: Stack, device: Device, preview: Generator, identity: Identity) -> Start:
    """What gives inversions their first code, frozen.

    Args:
        preview: the stack's 256 px preview, in which the compact encoder looks at what it makes.
        identity: the stack's own; the compact encoder sees through dlib's net, whatever the stack has.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    if stack.encoder == "e4e":
        return E4EEncoder.load(weights.get("e4e"), device).code
    eyes = identity if isinstance(identity, FaceIdentity) else FaceIdentity.load(device)
    return EncoderStart(preview, eyes, FaceEncoder.load(weights.get("encoder"), device))


def load_space(stack: Stack, device: Device) -> ClipSpace:
    """The space of words and pictures, frozen. Raises WeightsError."""
    return ClipSpace.load(name=stack.clip, device=device)


def load_identity(stack: Stack, device: Device) -> Identity:
    """What tells people apart, frozen. Raises WeightsError."""
    if stack.identity == "arcface":
        return ArcFaceIdentity.load(weights.get("arcface_ir_se50"), device)
    return FaceIdentity.load(device)


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
