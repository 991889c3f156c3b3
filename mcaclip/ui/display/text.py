"""Every string the page shows, but for those of `training_text`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcaclip.editing.reader import Reading
from mcaclip.types import EditResult, EditSettings

TITLE = "MCA-CLIP Studio"
TAGLINE = "Say what to change in a face."
PAGE_STUDIO = "Studio"
PAGE_LAB = "Lab"
PAGE_INSPECT = "Inspect"
PAGE_TRAIN = "Train"
COMPARE_LABEL = "Compare"
LOADING = "Loading models"
READY = "Ready"

# the stage
DROP_TITLE = "Drop a portrait here"
DROP_INFO = "or paste one, or choose one of these. Photos stay on the machine that runs this page."
NEW_PHOTO = "New face"
CHOOSE_PHOTO = "Choose a photo"
NEW_SEED = "A face that does not exist"
EXAMPLES_LABEL = "Faces that do not exist"
MORE_SOURCES = "Camera, saved session, face by seed"
CAMERA_LABEL = "Camera"
NO_CAMERA = "No camera can be used here. Choose a photo instead."
SESSION_LABEL = "Saved session"
SESSION_INFO = "A file that you saved here: the face, its photo and all edits come back."
SEED_LABEL = "Seed"
SEED_INFO = "The same number gives the same face."
MAKE_FACE = "Show this face"
TRUNCATION_LABEL = "Variety"
TRUNCATION_INFO = "0.3: average faces. 1: unusual ones."
ALIGNED_CHECKBOX = "My photo is a square crop of the face already"
CONSENT_TITLE = "May this photo be edited?"
CONSENT_YES = "Yes: it is me, or the person agreed"
CONSENT_NO = "No, take it away"
CONSENT_INFO = (
    "It is edited on the machine that runs this page, seen by no service, and removed a minute after you leave."
)
SEVERAL_FACES = "{} faces. Click the one to edit."
OTHER_FACES = "Other faces of the photo"
FACE_NUMBER = "Face {}"
PICTURE_LABEL = "The face, before and after the edit"
VIEWS = (("picture", "Picture"), ("split", "Before/after"), ("where", "Where"), ("masks", "Masks"))
VIEWS_LABEL = "What the stage shows"
LINE_LABEL = "Line between before and after"
ORIGINAL_BUTTON = "Original"
ORIGINAL_INFO = "Hold to see the original (or hold the key O)"
ZOOM_FULL, ZOOM_FIT = "1:1", "Fit"
INSET_LABEL = "How the studio sees this face so far"
LEARNING = "Learning this face"
LEARNING_AGAIN = "Learning this face again, after the reload"
STOP = "Stop"
BEST = "Learn this face better"
CANCEL = "Cancel"
UNDO = "Undo"
REDO = "Redo"
EXAMPLE_LINE = "An example on a face that does not exist: “purple hair and green lipstick”. Move the line."

# the panel
PROMPT_LABEL = "What should change?"
PROMPT_PLACEHOLDER = "green lipstick and purple hair"
PROMPT_HELP = "Choose a card, or write your own words. Several changes can be combined."
EDIT = "Edit"
CARDS_LABEL = "Changes to choose from"
ALL_CATEGORIES = "All"
OWN_CATEGORY = "Yours"
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
ADD_CARD = "Add to the edit"
REMOVE_CARD = "Remove this card"
DROP_CHANGE = "Remove this change"
KEEP_CARD = "Keep these changes as a card"
EXPORT_CARDS = "Export cards"
IMPORT_CARDS = "Import cards"
BAD_CARDS = "This file holds no cards. Choose one that was exported here."
FINE_TUNE = "Fine tune"
MODE_LABEL = "Made by"
MODE_INFO = "Universal: one network for any words. Fitted: a network that learned this one change."
MODE_CHOICES = (("Automatic", "automatic"), ("Universal", "universal"), ("Fitted", "fitted"))
MODE_NAMES = {
    "universal": "universal network",
    "fitted": "fitted network",
    "direction": "measured direction",
    "retouch": "retouch",
}
LEFT_OUT = "Left out: {}"
TRY_UNIVERSAL = "Or choose Universal in Fine tune, which takes any words it knows."
STRENGTH_LABEL = "Strength"
THRESHOLD_LABEL = "Threshold"
THRESHOLD_INFO = "0: soft masks. Above: hard at that value."
FEATHER_LABEL = "Feather"
FEATHER_INFO = "Softens the edges of the masks."
LIKENESS_LABEL = "Likeness"
LIKENESS_INFO = "How much new shapes keep of your own."
INVERT_LABEL = "Inverted: change everything else instead"
RANGE = "From {} to {}."
"""Beside a field for a number."""
MAKE_STRIP = "Five strengths"
MAKE_VARIATIONS = "Variations"
CHOICES_LABEL = "The same edit in other ways; choose one"
AS_LEARNED = "as learned"
PAINT = "Brush"
PAINT_INFO = (
    "Paint on the picture: <b class='ink-include'>turquoise</b> where the edit may act as well, "
    "<b class='ink-exclude'>red</b> where nothing may change. Red always wins."
)
BRUSH_LABEL = "Brush"
BRUSHES = (("include", "May change"), ("exclude", "Keep as it is"), ("erase", "Eraser"))
BRUSH_SIZE = "Size"
USE_PAINT = "Use the painting"
DROP_PAINT = "Remove the painting"
UNDO_STROKE = "Undo stroke"
CLOSE_PAINT = "Close"
NOTHING_PAINTED = "Nothing is painted yet. Choose a brush colour and paint on the picture first."
BAD_PAINTING = "The painting could not be read. Remove it and paint again."

# the film
FILM_LABEL = "The original and every edit. Click to go there; Shift and a click compares it with what is shown."
ORIGINAL_NAME = "Original"
COMPARED = "Left: {}. Right: {}. Click in the film to go on."
NO_SUCH_EDIT = "There is no such edit in the film."

# saving
SAVE = "Save"
SAVE_TITLE = "Save"
DOWNLOAD_LABELS = (
    ("Face (PNG)", "The square picture of the stage."),
    ("Photo (PNG)", "Your whole photo with the edited face in it."),
    ("Settings (JSON)", "What was changed and how, as text."),
    ("Session", "Face and all edits, to go on with here."),
)
"""Of every file, in the order of `mcaclip.ui.handlers.views.DOWNLOADS`: its button, and what is in it."""
MARK_LABEL = "Put a small “AI-edited” on the picture"
ANIMATION_LABEL = "As a film"
ANIMATIONS = (("All edits", "film"), ("Growing strength", "strength"))
FORMATS = ("MP4", "GIF")
MAKE_ANIMATION = "Download the film"
CLOSE = "Close"
SAVING = "Preparing the files"

FILE_UNKNOWN = "The server does not have this file, or no longer. Upload it again."
FILE_MISSING = "A file is missing; pass it with gradio_client's handle_file."
CONSENT_ARGUMENT = "Pass consent=True if the person in the photo agreed to this."
BAD_REQUEST = "The values do not fit what is asked for. Reload the page and try again."
TAB_GONE = "This page was unused for long, so its face was removed from the server. Give a photo again."
TOO_MANY = "That was a lot in one minute. Wait a little, then go on; others are served meanwhile."

RESULT_HINT = "Say what should change."
LIVE_BADGE = "Let go to keep this."
OPENING = "Opening the session"
CANCELLED = "Cancelled. Nothing was changed."
OTHER_WEIGHTS = "This session was saved with other model files: its edits may look a little different."
STRIP_PROGRESS = "Trying strengths"
VARIATIONS_PROGRESS = "Trying variations"
INSPECT_TITLE = "What an edit did, layer by layer"
INSPECT_HINT = "Make an edit in the studio. Then its masks, its shift and how it was learned stand here."
INSPECT_PICTURES = ("Before", "After", "Where it may change")
INSPECT_LAYERS = "Layers"
INSPECT_LAYERS_INFO = (
    "From the smallest layer of the generator to the picture. Mask: the share that may change. Features: how far the "
    "layer's features moved, compared with their size."
)
INSPECT_MASK, INSPECT_FEATURES = "Mask", "Features"
INSPECT_SHIFT = "Shift of “{}”"
INSPECT_SHIFT_INFO = (
    "How far each of the 18 rows of the face's code moves before the strength. Coarse rows decide the shape, fine "
    "rows the colours."
)
INSPECT_GROUPS = (("coarse", "coarse 0–3"), ("medium", "medium 4–7"), ("fine", "fine 8–17"))
INSPECT_LEARNING = "Learning of “{}”"

METHODS_LOADING = "The methods stand here as soon as the models are loaded."
STILL_LOADING = "The models are still loading. Try again in a moment."
TO_STUDIO = "To the studio"
TO_COMPARISON = "To the comparison"
METHODS_TITLE = "The same words, several methods"
METHODS_INFO = (
    "Every method edits the face of the studio, one after another, and gets a row: its picture, what changed, its "
    "mask, and figures. These are the methods as they are; the studio finishes its own edits further."
)
METHODS_NEEDS_FACE = "There is no face yet. Choose one in the studio first."
METHODS_FACE = "The face"
METHODS_CHOSEN = "Methods"
METHODS_NONE = "Choose at least one method."
METHODS_NOT_READY = "None of the chosen methods can edit with these words. Choose others, or say it differently."
METHODS_CANCELLED = "Stopped. The rows that were finished stay."
METHODS_WORKING = "{} is working"
METHODS_WAITING = "waiting"
METHODS_PICTURES = ("The edit. Hold to see the face.", "What changed", "The mask")
METHODS_NO_MASK = "This method has no mask."
METHODS_EXAMPLE = ("The face", "The edit", "What changed")
METHODS_SLOW = "StyleCLIP optimisation learns each edit anew, which takes minutes."
METHODS_LACKING = {
    "prompt": "{} would have to learn these words first",
    "once": "{} would have to be trained here first",
    "words": "{} does not know these words",
}
METHODS_TRAINED = "Whoever runs this page can train them."
METHODS_COLUMNS = {
    "hit": "Colour reached",
    "moved": "Way to the colour",
    "leak": "Change elsewhere, 0 to 255",
    "identity": "Identity kept",
    "area": "Mask area",
    "seconds": "Seconds",
}
PAGE_VOTE = "Vote"
VOTE_TITLE = "Which method is the best?"
VOTE_INFO = "Compare two methods or more first. Their pictures then stand here without names, in another order."
VOTE_ASKED = "“{}”: rank the pictures for each of the three points. The names follow."
VOTE_PICTURE = "Picture {}"
VOTE_PLACE = "{} place for {}"
VOTE_CAST = "Count my vote"
VOTE_NEEDS = "There is nothing to vote on. Compare two methods or more first."
VOTE_NAMES = "{} is {}"
VOTE_TABLE = (
    "Mean points of your votes so far ({}): 3, 2 and 1 for the first three places. In brackets: 95 % of the means of "
    "bootstrap samples of your votes. They are forgotten when the page is loaded again."
)
VOTE_REGION = "Mean points"
VOTE_EXPORT = "Save as CSV"
TRAIN_OFF_TITLE = "Learning is switched off here"
TRAIN_OFF = "Run the studio on your own machine to teach it new words."
TRAIN_TITLE = "Teach the studio new words"
TRAIN_INFO = (
    "A part of the face and a colour are learned best. On two cores 20 minutes are enough for a colour; the page may "
    "be closed meanwhile."
)
TRAIN_PROMPT = "What should it learn?"
TRAIN_PRESET = "Preset"
PRESET_LABELS = {"compact": "Compact · for any machine", "paper": "Paper · for a GPU and patience"}
TRAIN_MINUTES = "Minutes"
TRAIN_START = "Learn"
TRAIN_RESUME = "Go on learning"
TRAIN_FINISH = "Finish with what is learned"
TRAIN_KEEP = "Keep as a card and try it"
TRAIN_SHEET = "Newest samples: face, edit, masks from coarse to fine"
TRAIN_SHEET_SOON = "The first samples come after 25 steps, which take some minutes."
TRAIN_CURVES = "What the learning makes smaller, from its first to its last step"
TRAIN_NOTHING = "Nothing was learned on this machine yet."
TRAIN_EMPTY = "Samples and curves appear here while it learns."
TRAIN_EXAMPLE = "An example: “green lipstick”, the samples after 104 steps, and the curves of the shipped edits."

TRAIN_DOUBTFUL = "Expect little of “{}”. {} You can try it all the same."
TRAIN_STOPPING = "Learning “{}” is being stopped. A step and its checkpoint take some seconds."
TRAIN_ADDED = "Added to the cards: {}."
TERM_LABELS = {
    "loss": "sum of all terms",
    "id": "identity",
    "l2": "size of the shift",
    "nce": "words",
    "area": "mask area",
    "tv": "mask smoothness",
    "bg": "background",
    "region": "right place",
    "colour": "right colour",
    "preserve": "rest unchanged",
    "exemplar": "painted example",
}
"""Terms of the training loss, the six of the paper first, to their names on the page."""
NOT_BY_ITSELF = "It was not learned by itself: the network for any words made it."
NO_TERMS = "How it was learned was not kept."
TERMS_INFO = (
    "What the learning made smaller, from its first to its last step, for all prompts that were learned together."
)

NOTICE = (
    "Photos stay on the machine that runs this page and go a minute after you leave it; no service sees them. "
    "Edit only pictures of people who agreed to it, and say that the result is <strong>AI-edited</strong>. "
    "The face models are licensed for <strong>non-commercial</strong> use."
)

CHOOSE_FACE = "Click the face to edit first; then your words are used."
NEEDS_FACE = "There is no face yet. Drop a photo on the page, or choose a face that does not exist."
NEEDS_EDIT = "There is no edit to change yet. Choose a card or write what should change first."
BAD_SEED = "The seed is a whole number from 0 to 4294967295."
NO_FACE = "No face was found. Use a photo with an upright, well lit face, at least 64 pixels wide."
STOPPED = "Stopped. The best so far is kept."
GENERATED = "This face does not exist"
ALIGNING = "Looking for faces"
GENERATING = "Making a face"
RECONSTRUCTING = "Looking at the face"
EDITING = "Editing"

LIKENESS = (
    (0.93, "your face is kept"),
    (0.8, "close to your face"),
    (0.6, "like your face, but not the same person"),
)
"""Lower bounds of the likeness that an independent network is likely to see (a cosine; strangers have about 0.1)."""
WEAK_LIKENESS = "another person; let the studio learn this face better"


def sentence(message: str) -> str:
    """The message with a capital first letter."""
    return message[:1].upper() + message[1:]


def likeness(value: float | None) -> str:
    """How like a photo the studio's picture of it is, see `mcaclip.inversion.quality`; None: a generated face."""
    if value is None:
        return GENERATED
    words = next((words for bound, words in LIKENESS if value >= bound), WEAK_LIKENESS)
    return f"{sentence(words)} · likeness about {value:.2f}"


def result_line(result: EditResult) -> str:
    """What is shown, in one line."""
    settings = result.settings
    tools = made_with(settings)
    made = " + ".join(dict.fromkeys(MODE_NAMES.get(mode, f"{mode} networks") for mode in result.modes))
    tools += [made] if made and settings.mode is not None else []
    kept = [f"identity kept {result.identity:.2f}"] if result.identity is not None else []
    lines = " + ".join(f"“{part.prompt}” · strength {part.strength:.2f}" for part in settings.parts)
    return " · ".join([lines, *tools, *kept, f"{result.seconds:.1f} s"])


def made_with(settings: EditSettings) -> list[str]:
    """What an edit is made with beside its words and strengths, where that is not the usual."""
    said = {
        "inverted": settings.mask_invert,
        variation_caption(settings.variation): settings.variation > 0,
        "painted by hand": settings.paint is not None,
        f"hard masks at {settings.mask_threshold:.2f}": settings.mask_threshold > 0,
        f"feather {settings.mask_feather:.0f} px": settings.mask_feather > 0,
        f"likeness {settings.likeness:.2f}": settings.likeness != EditSettings.likeness,
    }
    return [words for words, so in said.items() if so]


def known_prompt(readings: Sequence[Reading], asked: str) -> str:
    """Under the prompt field, for what can be edited."""
    if len(readings) > 1:
        lines = [f"{len(readings)} changes: " + ", ".join(f"“{one.prompt}”" for one in readings) + "."]
    elif readings[0].prompt.lower() == asked.lower():
        lines = [f"“{readings[0].prompt}” is known."]
    else:
        amount = f", strength {readings[0].best:.2f}" if readings[0].amount != 1 else ""
        lines = [f"Understood as “{readings[0].prompt}”{amount}."]
    for one in readings:
        if one.entry and one.entry.recipe:
            lines.append(f"“{one.prompt}” is made of {', '.join(part.words for part in one.ingredients)}.")
    return " ".join([*lines, *dict.fromkeys(one.note for one in readings if one.note)])


def unknown_prompt(asked: str, warning: str = "") -> str:
    """Under the prompt field, for a prompt without a fitted edit where only fitted ones can be made.

    Args:
        asked: the words.
        warning: see `mcaclip.language.wishes.Wish.problem`.
    """
    hope = "The Train page will hardly learn it." if warning else "The Train page of the Lab can learn it."
    return " ".join(filter(None, [f"Not learned yet: “{asked}”.", warning, hope]))


def variation_caption(number: int) -> str:
    """Under a picture of the variations."""
    return f"variation {number}" if number else AS_LEARNED


def methods_lacking(lacking: Mapping[str, Sequence[str]]) -> str:
    """Why methods are not offered for some words; `lacking`: a key of `METHODS_LACKING` to their names."""
    reasons = [METHODS_LACKING[why].format(_listed(names)) for why, names in lacking.items() if names]
    if not reasons:
        return ""
    trainable = any(names for why, names in lacking.items() if why != "words")
    return f"Not offered: {'; '.join(reasons)}." + (f" {METHODS_TRAINED}" if trainable else "")


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
