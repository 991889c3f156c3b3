"""Every string the page shows."""

from __future__ import annotations

from collections.abc import Sequence

TITLE = "MCA-CLIP Studio"
TAGLINE = "Describe a change to a face. See what changed, and where, layer by layer."

STEP_PHOTO = "Photo"
STEP_RECONSTRUCT = "Reconstruct"
STEP_PROMPT = "Prompt"
STEP_RESULT = "Result"

TAB_UPLOAD = "Your photo"
TAB_RANDOM = "Random face"
PHOTO_LABEL = "Photo"
PHOTO_PLACEHOLDER = "Drop a portrait here\nor click to choose one"
ALIGNED_CHECKBOX = "Already aligned (a square FFHQ crop)"
FACES_LABEL = "Several faces: choose one"
SEED_LABEL = "Seed"
SEED_INFO = "The same number gives the same face."
MAKE_FACE = "Show this face"
NEW_SEED = "Random face"

ALIGNED_LABEL = "Photo, aligned"
RECONSTRUCTION_LABEL = "Reconstruction"
EFFORT_LABEL = "Effort"
EFFORT_CHOICES = (("Good · about half a minute", "good"), ("Best · longer", "best"))
RECONSTRUCT = "Reconstruct"
STOP = "Stop"

PROMPTS_LABEL = "Fitted prompts"
PROMPT_LABEL = "What should change?"
PROMPT_PLACEHOLDER = "green lipstick"
EDIT = "Edit"

ORIGINAL_LABEL = "Original"
EDITED_LABEL = "Edited"
OVERLAY_LABEL = "Where it changed"
PASTED_LABEL = "Back in your photo"
MASKS_LABEL = "Masks, layer by layer"
MASKS_INFO = "White is edited. The first layers decide shape, the last ones colour and texture."
STRENGTH_LABEL = "Edit strength"
STRENGTH_INFO = "0 is the original, 1 the edit as it was learned, 2 twice that."
THRESHOLD_LABEL = "Mask threshold"
THRESHOLD_INFO = "0 keeps the soft masks; above it they become hard at that value."
RENDER = "Render full size"
DOWNLOAD_EDITED = "Download the face · PNG"
DOWNLOAD_PASTED = "Download the photo · PNG"

RESULT_HINT = "Choose a face, reconstruct it, describe a change. The result appears here."
PREVIEW_BADGE = "Preview at 256 px. Let go of the slider for the full size."

NOTICE = (
    "Photos stay on the machine that runs this page and are forgotten after an hour; no service sees them. "
    "Edit only pictures of people who agreed to it, and say that the result is <strong>AI-edited</strong>. "
    "The face models are licensed for <strong>non-commercial</strong> use."
)

LOADING = "Loading models"
READY = "Models ready"
NEEDS_FACE = "There is no face yet. Upload a photo or show a random face first."
NEEDS_RECONSTRUCTION = "This face is not reconstructed yet. Press Reconstruct first."
NEEDS_EDIT = "There is no edit to change yet. Choose a prompt and press Edit first."
BAD_SEED = "The seed is a whole number from 0 to 4294967295."
NO_FACE = "No face was found. Use a photo with an upright, well lit face, at least 64 pixels wide."
STOPPED = "Stopped. Nothing was changed."
GENERATED = "A generated face is its own reconstruction."
ALIGNING = "Looking for faces"
GENERATING = "Making a face"
RECONSTRUCTING = "Reconstructing"
EDITING = "Editing"
SAVING = "Preparing the downloads"

LIKENESS = ((0.8, "very good likeness"), (0.65, "good likeness"), (0.45, "fair likeness"))
"""Lower bounds of the identity cosine (centred: strangers come out near 0). dlib's limit for the same person,
a distance of 0.6, is a cosine of about 0.45 here: centred descriptors are about 0.57 long."""
WEAK_LIKENESS = "weak likeness; try the effort Best or another photo"


def sentence(message: str) -> str:
    """The message with a capital first letter."""
    return message[:1].upper() + message[1:]


def likeness(identity: float | None) -> str:
    """The identity score (cosine, -1..1) in words, with the number; None for a generated face."""
    if identity is None:
        return GENERATED
    words = next((words for bound, words in LIKENESS if identity >= bound), WEAK_LIKENESS)
    return f"{sentence(words)} · {identity:.2f}"


def result_line(prompt: str, strength: float, threshold: float, identity: float | None, seconds: float) -> str:
    """What the result shows, in one line."""
    masks = f"hard masks at {threshold:.2f}" if threshold > 0 else "soft masks"
    kept = f" · identity kept {identity:.2f}" if identity is not None else ""
    return f"“{prompt}” · strength {strength:.2f} · {masks}{kept} · {seconds:.1f} s"


def several_faces(count: int) -> str:
    """Toast after a photo with more than one face."""
    return f"{count} faces found. The largest is chosen; pick another one below the photo."


def prompt_help(prompts: Sequence[str]) -> str:
    """What stands under the prompt field."""
    listed = ", ".join(prompts)
    return f'Ready to use: {listed}. Any other needs a fit first: <code>python -m train prompt "…"</code>'
