"""The runs of `train faceclip`, `faceclip-pooled`, `faceclip-lexicon`, `faceclip-report` and `knowledge`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from mcaclip import weights
from mcaclip.clip.clip_space import ClipSpace, create_model
from mcaclip.clip.familiarity import KNOWLEDGE_FILE, TaughtFamiliarity
from mcaclip.editor import LANDMARKS
from mcaclip.errors import StudioError
from mcaclip.generators.base import Generator
from mcaclip.imaging.align import FaceAligner, align_face, load_photo
from mcaclip.imaging.photo import pictures_in
from mcaclip.language.vocabulary import count_words
from mcaclip.perception.face_parser import FaceParser
from train.clip.attack_report import ATTACKS, AscentSettings, measure_ascent
from train.clip.captions.wording import OUTSIDE_PHRASES
from train.clip.captions.write import phrases_of_captions
from train.clip.familiarity import canonical_phrases, drawn_captions, fit_knowledge, kin_words, paraphrases
from train.clip.feature_cache import make_attacked, make_blocks
from train.clip.negatives import Attack
from train.clip.report import colours_of_parts, report
from train.clip.scenes.scenes import SceneSet
from train.clip.train import FaceCLIPSettings, new_space, rare_faces, train_faceclip
from train.clip.train_cached import Learners, PooledSettings, train_pooled
from train.clip.train_lexicon import COMMON, LexiconSettings, train_lexicon
from train.clip.words.ding import read_synonyms
from train.clip.words.lexicon import find_lexicon
from train.clip.words.related_words import Kin, find_kin, read_encoder
from train.clip.words.word_vectors import known_tokens, read_vectors, whole_words
from train.clip.words.wordnet import read_dictionary
from train.common.loop import Budget
from train.common.setup import load_preview, load_space
from train.parser.attributes import ATTRIBUTES
from train.parser.pseudo_labels import LabelledFaces, load_faces
from train.parser.train import ParserSettings

log = logging.getLogger(__name__)
LEAST_KINSHIP_OF_TAUGHT = 0.52
"""Cosine of word vectors from which a word of the dictionaries counts as known; lower, as two sources agree on it."""
KINSHIP_OF_SYNONYMS = 0.9
"""How well a word counts as known that a dictionary lists as a synonym of a noun of captions."""
OFTEN = 3
"""Captions, of `train.clip.familiarity.CAPTIONS`, that must have a word before others may be related to it."""


def make_faceclip(
    pool: Path,
    faces: int,
    words: Path,
    out: Path,
    max_minutes: float,
    photos: Path | None,
    ascents: int,
    start_from: Path | None = None,
) -> None:
    """Train FaceCLIP; writes `model.safetensors`, `knowledge.json`, `report.json` and sheets of the ascents to `out`.

    Args:
        pool: folder of labelled faces, see `train.parser.pseudo_labels`.
        faces: their number.
        words: word vectors, see `train.clip.words.word_vectors`.
        photos: a folder of photos that are painted for the report, or None.
        ascents: latent ascents of each kind for the report.
        start_from: a checkpoint of another run to begin with.
    """
    labelled = load_faces(faces, ParserSettings.pool_seed, pool)
    parser = FaceParser.load(weights.get("face_parser"))
    settings = FaceCLIPSettings()
    tokens = ClipSpace(create_model()).tokenizer.encoder
    vectors = read_vectors(words, whole_words(tokens))
    space, known = new_space(parser, vectors, settings)
    preview = load_preview()
    train_faceclip(space, known, labelled, settings, out, max_minutes, start_from, Attack(preview, parser))
    space.requires_grad_(False)
    make_knowledge(space, pool, faces, out, vectors)
    figures = _figures(space, SceneSet(labelled, space.image_size), parser, settings, photos)
    _write_report(figures, space, preview, parser, ascents, out)


def make_pooled(
    pool: Path,
    faces: int,
    words: Path,
    out: Path,
    max_minutes: float,
    photos: Path | None,
    ascents: int,
    sentences: Path | None = None,
    words_stay: bool = False,
    learns: Learners = "both",
) -> None:
    """Train the FaceCLIP in use further (`train.clip.train_cached`); writes model, knowledge and report to `out`.

    Networks that were trained on the old codes of texts do not fit the new ones, unless only the image tower learns.

    Args: see `make_faceclip`, and
        sentences: folder of a sentence encoder (`train.clip.words.related_words`), by which words that no caption has
            are moved to related ones; None leaves them.
        words_stay: do not move them, because an earlier training has; only replace nouns by related words.
        learns: which of the towers, see `train.clip.train_cached.PooledSettings`.
    """
    parser = FaceParser.load(weights.get("face_parser"))
    settings, space, preview = PooledSettings(learns=learns), load_space(), load_preview()
    tokens = space.tokenizer.encoder
    vectors = read_vectors(words, whole_words(tokens))
    known = known_tokens(vectors, tokens)
    scenes = _load_scenes(pool, faces, space)
    groups = rare_faces(scenes, faces - settings.block.test_faces)
    kin = _find_kin(space, scenes, sentences) if sentences else None
    if kin is not None and words_stay:
        kin = replace(kin, moves=torch.zeros_like(kin.moves))
    budget = Budget(max_minutes, {"paint": 1.0, "attack": 0.7, "learn": 3.0})
    minutes, seed = budget.minutes("paint"), settings.block.seed
    blocks = make_blocks(space, scenes, groups, settings.block, settings.blocks, out / "blocks", max_minutes=minutes)
    attack, minutes = Attack(preview, parser), budget.minutes("attack")
    attacked = make_attacked(space, attack, scenes, groups[0], settings.attacked, out / "attacked", seed, minutes)
    train_pooled(space, known, blocks, settings, out, budget.minutes("learn"), kin, attacked)
    make_knowledge(space, pool, faces, out, vectors)
    _write_report(_figures(space, scenes, parser, settings.block, photos), space, preview, parser, ascents, out)


def make_lexicon(
    pool: Path,
    faces: int,
    words: Path,
    sentences: Path,
    dictionary: Path,
    synonyms: Path,
    out: Path,
    max_minutes: float,
) -> None:
    """Teach the text tower of the FaceCLIP in use nouns of dictionaries; writes model and knowledge to `out`.

    Captions keep their codes, so networks that were trained on them only need the new digest:
    `python -m train universal-words --before OLD.safetensors --max-minutes 0`.

    Args: see `make_pooled`, and
        dictionary: folder of WordNet, see `train.clip.words.wordnet`.
        synonyms: Ding's file, see `train.clip.words.ding`.
    """
    space, vectors = load_space(), read_vectors(words)
    captions = _training_captions(_load_scenes(pool, faces, space))
    texts = [*captions, *phrases_of_captions()]  # some phrases are too rare for the captions drawn
    said, ranks = count_words(texts), {word: rank for rank, word in enumerate(vectors)}
    lexicon = find_lexicon(
        read_dictionary(dictionary),
        read_synonyms(synonyms),
        said,
        frozenset(word for word, rank in ranks.items() if rank >= COMMON),
        read_encoder(sentences),
    )
    train_lexicon(space, lexicon, texts, ranks, LexiconSettings(), out, max_minutes)
    looked_up = {*whole_words(space.tokenizer.encoder), *lexicon.words}
    near = kin_words({word: vectors[word] for word in vectors if word in looked_up}, said, LEAST_KINSHIP_OF_TAUGHT)
    beside = dict.fromkeys(lexicon.beside, KINSHIP_OF_SYNONYMS)
    kin = {**TaughtFamiliarity.load().kin, **{word: near[word] for word in lexicon.words if word in near}, **beside}
    _write_knowledge(space, captions, kin, out)


def _load_scenes(pool: Path, faces: int, space: ClipSpace) -> SceneSet:
    return SceneSet(load_faces(faces, ParserSettings.pool_seed, pool), space.image_size)


def _training_captions(scenes: SceneSet) -> list[str]:
    return drawn_captions(scenes, len(scenes.faces) - ParserSettings.held_out)


def _find_kin(space: ClipSpace, scenes: SceneSet, sentences: Path) -> Kin:
    often = [word for word, count in count_words(_training_captions(scenes)).items() if count >= OFTEN]
    return find_kin(space.model.token_embedding.weight, space.tokenizer.encoder, often, read_encoder(sentences))


def make_report(
    pool: Path,
    faces: int,
    out: Path,
    photos: Path | None,
    ascents: int,
    ascents_only: bool = False,
    seed: int = AscentSettings.seed,
) -> None:
    """Measure the FaceCLIP in use as after a training; writes `report.json` and the sheets of the ascents to `out`.

    Args: see `make_faceclip`, and
        ascents_only: measure nothing but the ascents.
        seed: draws the faces and colours of the ascents.
    """
    space, parser, figures = load_space(), FaceParser.load(weights.get("face_parser")), {}
    out.mkdir(parents=True, exist_ok=True)
    if not ascents_only:
        figures = _figures(space, _load_scenes(pool, faces, space), parser, FaceCLIPSettings(), photos)
    _write_report(figures, space, load_preview(), parser, ascents, out, seed)


def _figures(
    space: ClipSpace, scenes: SceneSet, parser: FaceParser, settings: FaceCLIPSettings, photos: Path | None
) -> dict[str, dict[str, float]]:
    """Figures on held-out faces and, where a folder is given, on photos."""
    faces = len(scenes.faces)
    figures = report(space, scenes, range(faces - settings.test_faces, faces), settings.seed)
    return figures | _on_photos(space, parser, photos, settings.seed) if photos is not None else figures


def _write_report(
    figures: dict[str, dict[str, float]],
    space: ClipSpace,
    preview: Generator,
    parser: FaceParser,
    ascents: int,
    out: Path,
    seed: int = AscentSettings.seed,
) -> None:
    """Writes `report.json` and the sheets of the attacks; the figures are kept even if an attack is interrupted."""
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    for attack in ATTACKS:
        figures |= measure_ascent(preview, space, parser, replace(attack, cases=ascents, seed=seed), out)
    (out / "report.json").write_text(json.dumps(figures, indent=1))
    log.info("FaceCLIP: %s", figures)


def make_knowledge(
    space: ClipSpace, pool: Path, faces: int, out: Path, vectors: Mapping[str, np.ndarray] | None = None
) -> None:
    """Count the words of training captions and calibrate; writes `knowledge.json` into `out`.

    Args:
        vectors: of words, to find related words; None takes those of the `knowledge.json` in use.
    """
    captions = _training_captions(_load_scenes(pool, faces, space))
    kin = kin_words(vectors, count_words(captions)) if vectors else TaughtFamiliarity.load().kin
    _write_knowledge(space, captions, kin, out)


def _write_knowledge(space: ClipSpace, captions: Sequence[str], kin: Mapping[str, float], out: Path) -> None:
    found = fit_knowledge(space, captions, canonical_phrases(), paraphrases(), OUTSIDE_PHRASES, kin)
    out.mkdir(parents=True, exist_ok=True)
    found.save(out / KNOWLEDGE_FILE.name)


def _on_photos(space: ClipSpace, parser: FaceParser, folder: Path, seed: int) -> dict[str, dict[str, float]]:
    """`colours_of_parts` on photos, whose parts the parser finds."""
    photographed = photo_faces(parser, folder)
    scenes = SceneSet(photographed, space.image_size)
    tally = colours_of_parts(space, scenes, range(len(photographed)), np.random.default_rng(seed))
    return {f"photos, {name}": value for name, value in tally.shares().items() if not name.startswith("outside: ")}


def photo_faces(parser: FaceParser, folder: Path) -> LabelledFaces:
    """Aligned faces of a folder's photos, labelled by the parser; photos without a face are named and left out."""
    aligner, images = FaceAligner(weights.get(LANDMARKS)), []
    for path in pictures_in(folder):
        try:
            images.append(F.adaptive_avg_pool2d(align_face(load_photo(path), aligner).image[None], 256))
        except StudioError as error:
            log.warning("%s left out: %s", path.name, error)
    pictures = torch.cat(images)
    labels = torch.cat([parser.probabilities(picture[None]).argmax(1) for picture in pictures]).to(torch.uint8)
    as_bytes = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    nothing_known = np.zeros((len(images), len(ATTRIBUTES)), np.int8)
    return LabelledFaces(as_bytes.numpy(), labels.numpy(), nothing_known)
