"""Every string the page shows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from mcaclip.editing.reader import Reading
from mcaclip.types import EditResult

TITLE = "MCA-CLIP Studio"
TAGLINE = "Describe a change to a face. See what changed, and where, layer by layer."

STEP_PHOTO = "Photo"
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
REFINE = "Refine"
EFFORT_LABEL = "Effort"
EFFORT_CHOICES = (("Instant · a second", "instant"), ("Good · a quarter minute", "good"), ("Best · a minute", "best"))
RECONSTRUCT = "Reconstruct"
STOP = "Stop"

PROMPTS_LABEL = "Fitted prompts"
CATEGORY_LABEL = "Part of the face"
ALL_CATEGORIES = "All"
OTHER_CATEGORY = "Other"
CATEGORIES = {
    "lips": "Lips",
    "hair": "Hair",
    "goatee": "Beard",
    "beard": "Beard",
    "moustache": "Beard",
    "brows": "Eyebrows",
    "eyes": "Eyes",
    "skin": "Skin",
    "cheeks": "Cheeks",
    "teeth": "Teeth",
    "ears": "Ears",
    "background": "Background",
    "clothes": "Clothes",
}
"""Region to its label."""
PROMPT_LABEL = "What should change?"
MORE_LABEL = "and also"
PROMPT_HELP = "Choose one, or write your own. Several changes can be combined."
MODE_LABEL = "Made by"
MODE_INFO = "Universal: one network for any words. Fitted: a network that learned this one change."
MODE_CHOICES = (("Automatic", "automatic"), ("Universal", "universal"), ("Fitted", "fitted"))
OUTSIDE_PROMPT = "“{}” is outside of what the models know. {} Say it in other words."
TRY_UNIVERSAL = "Or choose Universal, which takes any words it knows."
MODE_NAMES = {"universal": "universal network", "fitted": "fitted network"}
PROMPT_PLACEHOLDERS = ("green lipstick", "purple hair", "blue goatee", "another change")
EDIT = "Edit"

ORIGINAL_LABEL = "Original"
EDITED_LABEL = "Edited"
OVERLAY_LABEL = "Where it changed"
PASTED_LABEL = "Back in your photo"
MASKS_LABEL = "Masks, layer by layer"
MASKS_INFO = "White is edited. The first layers decide shape, the last ones colour and texture."
STRENGTH_LABEL = "Strength"
THRESHOLD_LABEL = "Mask threshold"
THRESHOLD_INFO = "0: soft masks. Above: hard at that value."
FEATHER_LABEL = "Feather"
FEATHER_INFO = "Softens the masks' edges."
LIKENESS_LABEL = "Likeness"
LIKENESS_INFO = "Of a photo: how much new shapes keep of yours."
INVERT_LABEL = "Invert masks"
TAB_SIDE = "Side by side"
TAB_SLIDER = "Before / after"
TAB_STRENGTHS = "Strengths"
TAB_VARIATIONS = "Variations"
TAB_PAINT = "Paint"
TAB_HISTORY = "History"
UNDO = "Undo"
REDO = "Redo"
CANCEL = "Cancel"
STRIP_LABEL = "Five strengths"
MAKE_STRIP = "Show five strengths"
MAKE_SWEEP = "Make an animation"
SWEEP_LABEL = "From nothing to one and a half times, at 256 px"
SWEEP_FILE = "Download the animation · GIF"
STRIP_INFO = "The same edit at five strengths, as previews of 256 px. Press one to use it."
MAKE_VARIATIONS = "Show four variations"
VARIATIONS_INFO = (
    "The same edit in other shades. Press one to use it, or the first to go back to the edit as learned."
)
AS_LEARNED = "as learned"
PAINT_INFO = (
    "Paint <b class='ink-include'>turquoise</b> where the edit may act as well, "
    "<b class='ink-exclude'>red</b> where nothing may change. Red always wins."
)
PAINT_LABEL = "Paint on the masks"
USE_PAINT = "Use the painting"
PAINT_HINT = "Make an edit first. Then you can paint on it here."
BRUSH_LABEL = "Brush"
BRUSHES = (("include", "May change"), ("exclude", "Keep as it is"), ("erase", "Eraser"))
BRUSH_SIZE = "Size"
BAD_PAINTING = "The painting could not be read. Remove it and paint again."
DROP_PAINT = "Remove the painting"
HISTORY_LABEL = "All edits of this face"
HISTORY_HINT = "Every edit you make is kept here, to go back to or to compare."
COMPARE_LABEL = "Compare"
COMPARE_LEFT = "Left"
COMPARE_RIGHT = "Right"
KEEP_LABEL = "Keep"
MARK_LABEL = "Put a small “AI-edited” on the picture"
TAB_SESSION = "Saved session"
SESSION_LABEL = "Session file"
SESSION_INFO = "Go on from a session that you downloaded here: the face, its photo and all edits come back."
TRUNCATION_LABEL = "Variety"
TRUNCATION_INFO = "0.3: average faces. 1: unusual ones."
EXAMPLES_LABEL = "Or start with one of these"
CONSENT = "The person in my photo agreed to this, or it is me."
CONSENT_NEEDED = "Tick the box below first: the person in the photo has to agree. Until then nothing is done with it."
FILE_UNKNOWN = "The server does not have this file, or no longer. Upload it again."
FILE_MISSING = "A file is missing; pass it with gradio_client's handle_file."
CONSENT_ARGUMENT = "Pass consent=True if the person in the photo agreed to this."
BAD_REQUEST = "The values do not fit what is asked for. Reload the page and try again."
TAB_GONE = "This tab was closed or unused for long, so its face was removed from the server. Give a photo again."
TOO_MANY = "That was a lot in one minute. Wait a little, then go on; others are served meanwhile."
PAGE_STUDIO = "Studio"
PAGE_INSPECT = "Inspect"
PAGE_TRAIN = "Train"
RENDER = "Keep this edit"
DOWNLOAD_LABELS = ("Face · PNG", "Photo · PNG", "Settings · JSON", "Session")
"""In the order of `mcaclip.ui.handlers.views.DOWNLOADS`."""

RESULT_HINT = "Choose a face, reconstruct it, describe a change. The result appears here."
LIVE_BADGE = "Let go of the slider to keep this edit."

OPENING = "Opening the session"
CANCELLED = "Cancelled. Nothing was changed."
NO_SUCH_EDIT = "There is no such edit in the history."
NOTHING_PAINTED = "Nothing is painted yet. Choose a brush colour and paint on the picture first."
OTHER_WEIGHTS = "This session was saved with other model files: its edits may look a little different."
STRIP_PROGRESS = "Rendering strengths"
VARIATIONS_PROGRESS = "Rendering variations"
INSPECT_HINT = "Make an edit first. Then this page shows, layer by layer, what it did."

STILL_LOADING = "The models are still loading. Try again in a moment."
METHODS_TITLE = "The same edit by several methods"
METHODS_INFO = (
    "The methods work one after another on the face of the first tab. A method without weights for your words "
    "gives the command that makes them. StyleCLIP optimisation learns each edit anew, which takes minutes."
)
METHODS_FACE = "The face"
METHODS_CHOSEN = "Methods"
METHODS_EMPTY = "Edits, what they changed, and figures appear here, one row per method."
METHODS_CANCELLED = "Stopped. The rows that were finished stay."
METHODS_WORKING = "{} is working"
METHODS_CHANGE = "what changed"
METHODS_MASK = "final mask"
METHODS_NO_MASK = "this method has no masks"
METHODS_COLUMNS = {
    "method": "Method",
    "hit": "Hit",
    "moved": "Way to the colour",
    "leak": "Leak, 0 to 255",
    "identity": "Identity",
    "area": "Mask area",
    "seconds": "Seconds",
}
TRAIN_OFF = "Learning new prompts is switched off here. Run the studio on your own machine to use it."
TRAIN_TITLE = "Learn a new prompt"
TRAIN_INFO = (
    "The network learns an edit from words alone, or better from a part of the face and a colour it knows. "
    "On two cores 20 minutes are enough for a colour; the page may be closed meanwhile."
)
TRAIN_PROMPT = "What should it learn?"
TRAIN_PRESET = "Preset"
PRESET_LABELS = {"compact": "Compact · for any machine", "paper": "Paper · for a GPU and patience"}
TRAIN_MINUTES = "Minutes"
TRAIN_START = "Start learning"
TRAIN_RESUME = "Go on learning"
TRAIN_FINISH = "Finish with what is learned"
TRAIN_KEEP = "Add to the prompts"
TRAIN_SHEET = "Newest samples: face, edit, masks"
TRAIN_EMPTY = "Nothing was learned on this machine yet. Curves and samples appear here while it learns."

TRAIN_DOUBTFUL = "Expect little of “{}”. {} You can try it all the same."
TRAIN_STOPPING = "Learning “{}” is being stopped. A step and its checkpoint take some seconds."
TRAIN_ADDED = "Added to the prompts: {}."
FEW_STEPS = 250
"""The shipped prompts had 468 steps."""
TERM_LABELS = {
    "loss": "sum of all terms",
    "id": "identity",
    "l2": "size of the shift",
    "nce": "words (CLIP-NCE)",
    "area": "mask area",
    "tv": "mask smoothness",
    "bg": "background",
    "region": "right place",
    "colour": "right colour",
    "preserve": "rest unchanged",
    "exemplar": "painted example",
}
"""Terms of the training loss, the six of the paper first, to their names on the page."""
NOT_BY_ITSELF = "It was not learned by itself: the universal network made it from the words."
NO_TERMS = "Its loss terms were not kept."
TERMS_INFO = (
    "Weighted terms of the training loss, from the first to the last recorded step, of all prompts that were "
    "learned together."
)

NOTICE = (
    "Photos stay on the machine that runs this page and go a minute after the tab is closed; no service sees them. "
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
STOPPED = "Stopped. The best so far is kept."
GENERATED = "A generated face is its own reconstruction."
SEVERAL_FACES = "{} faces found. The largest is chosen; pick another one below the photo."
ALIGNING = "Looking for faces"
GENERATING = "Making a face"
RECONSTRUCTING = "Reconstructing"
EDITING = "Editing"
SAVING = "Preparing the downloads"

LIKENESS = (
    (0.93, "your face is kept"),
    (0.8, "close to your face"),
    (0.6, "like your face, but not the same person"),
)
"""Lower bounds of the likeness that an independent network is likely to see (a cosine; strangers have about 0.1)."""
WEAK_LIKENESS = "another person; reconstruct with the effort good or best"


def sentence(message: str) -> str:
    """The message with a capital first letter."""
    return message[:1].upper() + message[1:]


def likeness(value: float | None) -> str:
    """The likeness of a reconstruction in words, see `mcaclip.inversion.quality.likeness`; None: a generated face."""
    if value is None:
        return GENERATED
    words = next((words for bound, words in LIKENESS if value >= bound), WEAK_LIKENESS)
    return f"{sentence(words)} · likeness about {value:.2f}"


def result_line(result: EditResult) -> str:
    """What the result shows, in one line."""
    settings = result.settings
    lines = " + ".join(f"“{part.prompt}” · strength {part.strength:.2f}" for part in settings.parts)
    masks = f"hard masks at {settings.mask_threshold:.2f}" if settings.mask_threshold > 0 else "soft masks"
    tools = [masks]
    if settings.mask_invert:
        tools.append("inverted")
    if settings.mask_feather > 0:
        tools.append(f"feather {settings.mask_feather:.0f} px")
    if settings.paint is not None:
        tools.append("painted by hand")
    if settings.variation > 0:
        tools.append(variation_caption(settings.variation))
    made = " + ".join(dict.fromkeys(MODE_NAMES.get(mode, f"{mode} networks") for mode in result.modes))
    tools += [made] if made else []
    kept = f" · identity kept {result.identity:.2f}" if result.identity is not None else ""
    return f"{lines} · {', '.join(tools)}{kept} · {result.seconds:.1f} s"


def known_prompt(asked: str, known: str) -> str:
    """Under the prompt field, for a prompt that has a fitted edit."""
    if asked.lower() == known.lower():
        return f"Known well: “{known}” was learned."
    return f"Understood as “{known}”, which was learned."


def read_prompts(readings: Sequence[Reading]) -> str:
    """Under the prompt field, for what can be edited by the universal network, at least in part."""
    if len(readings) > 1:
        lines = ["Several changes: " + ", ".join(f"“{one.prompt}”" for one in readings) + "."]
    else:
        lines = [f"“{readings[0].prompt}” can be edited at once."]
    for one in readings:
        if one.entry and one.entry.recipe:
            lines.append(f"“{one.prompt}” is made of {', '.join(part.words for part in one.ingredients)}.")
    return " ".join([*lines, *filter(None, map(useful_range, readings)), *(one.note for one in readings if one.note)])


def useful_range(reading: Reading) -> str:
    """Which strengths look good; empty for a prompt that is not in the library."""
    entry = reading.entry
    if entry is None or entry.prompt != reading.prompt:
        return ""
    low, high = entry.strength
    return f"“{entry.prompt}” looks good from strength {low:g} to {high:g}, best near {entry.best:g}."


def unknown_prompt(asked: str, near: Sequence[str], warning: str = "") -> str:
    """Under the prompt field, for a prompt without a fitted edit; markup of our own.

    Args:
        near: learned prompts that are similar.
        warning: see `mcaclip.clip.familiarity.FamiliarityReport`.
    """
    lines = [f"Not learned yet: “{escape(asked)}”."]
    if warning:
        lines.append(escape(warning))
    if near:
        lines.append(f"Learned and near: {escape(', '.join(near))}.")
    lines.append(
        "Teaching it in the Train tab will hardly work."
        if warning
        else "The Train tab or the command line can learn it."
    )
    return " ".join(lines)


def variation_caption(number: int) -> str:
    """Under a picture of the variations."""
    return f"variation {number}" if number else AS_LEARNED


def methods_ready(prompt: str, ready: Sequence[str], lacking: Sequence[str]) -> list[str]:
    """Which methods can work with some words, and which cannot; a line each."""
    lines = [f"Ready for “{prompt}”: {', '.join(ready)}."] if ready else []
    return [*lines, *([f"Without weights for it: {', '.join(lacking)}."] if lacking else [])]


def training_line(prompt: str, seconds_left: float, has_begun: bool) -> str:
    """While a prompt is learned."""
    if not has_begun:
        return f"Learning “{prompt}” · preparing"
    if seconds_left <= 0:
        return f"Learning “{prompt}” · last stages at full size, a few minutes"
    minutes, seconds = divmod(round(seconds_left), 60)
    return f"Learning “{prompt}” · {minutes}:{seconds:02d} left"


def training_done(prompt: str, steps: int) -> str:
    """There is a fitted edit after so many steps."""
    if steps < FEW_STEPS:
        return f"“{prompt}” had only {steps} steps so far: expect little of it. Go on learning, or add it as it is."
    return f"“{prompt}” is learned, in {steps} steps. Add it to the prompts to use it."


def training_stopped(prompt: str, error: str | None) -> str:
    """A training ended before its time."""
    if error:
        return f"Learning “{prompt}” failed: {error}"
    return f"Learning “{prompt}” was stopped. It can go on from there."
