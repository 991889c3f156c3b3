"""Wordings by somebody who had seen nothing of this project, for the report on FaceCLIP.

They were asked for ten ways a part in which artists, make-up artists, hairdressers and other users would name one
coloured part: half in unusual nouns, half in unusual sentences. Nothing was changed in this list afterwards, and no
caption and no word that FaceCLIP is taught was chosen by it.
"""

BLIND_WORDINGS: dict[str, tuple[str, ...]] = {
    "hair": (
        "a wild {} mop", "{} barnet", "long {} tresses down to the waist", "give her a {} pixie cut",
        "{} balayage please", "she went {} at the salon", "box dye her hair {}", "the girl is {}-haired",
        "i want he has hairs of {} color", "hair like a {} waterfall",
    ),
    "lips": (
        "{} kisser", "a {} pout", "slap some {} lippy on her", "glossy {} cupid's bow", "{} smackers",
        "her lips have gone {} from the cold", "lips stained {} by berries", "a {}-lipped vampire",
        "paint the lips with {} color pls", "let his lips be {}",
    ),
    "eyes": (
        "{} peepers", "piercing {} gaze", "pop in {} coloured contacts", "{} orbs staring back at me",
        "make the ring around the pupils {}", "his eyes glow {} in the dark", "an elf whose eyes are {}",
        "{}-eyed stranger", "swap her eye colour for {}", "i like if eyes becomes {}",
    ),
    "brows": (
        "{} caterpillars above the eyelids", "{} monobrow", "fill in her arches with {} pomade",
        "laminated {} browz", "big bushy {} unibrow", "tint both eyebrows {}", "eyebrows pencilled in {}",
        "a {}-browed wizard", "the eyebrow should be of colour {}", "thin eyebrows, bleached then dyed {}",
    ),
    "goatee": (
        "{} chin tuft", "a pointy {} vandyke", "{} chin puff", "{} billy goat whiskers on his chin",
        "little {} chin strip", "turn that goatee {}", "evil twin with a {} goatee",
        "his goatee was dipped in {} ink", "{}-goateed devil", "can the goatee be more {}",
    ),
    "beard": (
        "{} face fuzz", "scruffy {} stubble all over his jaw", "{} mutton chops", "thick {} lumberjack whiskers",
        "{} five o'clock shadow", "dwarf king, his beard braided and {}", "the {}-bearded pirate",
        "spray his beard {} for the footy", "a beard as {} as can be", "please to colour the beard in {}",
    ),
    "moustache": (
        "{} tache", "{} mo for Movember", "a waxed {} handlebar", "{} soup strainer under the nose",
        "seventies pornstache in {}", "curl his moustache and dye it {}", "the colonel's mustache has turned {}",
        "a {}-moustachioed gentleman", "mustache, but {}", "man who wears moustache of {} colour",
    ),
    "skin": (
        "{} complexion", "smother his whole face in {} greasepaint", "a {} hide like an orc",
        "slap {} foundation all over her mug", "{} epidermis", "he went {} all over like an alien",
        "{}-skinned goblin", "her skin has taken on a {} tinge", "airbrush the skin {} from forehead to neck",
        "do the skin in {} tone",
    ),
    "cheeks": (
        "dab of {} rouge", "two round {} doll spots beside the nose", "{} apples, draped up to the temples",
        "sweep {} blusher along the cheekbones", "she's blushing {}", "his cheeks are flushed {}",
        "a {}-cheeked milkmaid", "pinch her cheeks till they're {}", "frost has nipped the cheeks {}",
        "put little bit {} on the cheek",
    ),
    "teeth": (
        "{} gnashers", "{} pearly whites", "{} chompers", "a full {} grill like a rapper", "vampire with {} fangs",
        "every tooth is {}", "a {}-toothed grin", "enamel stained {} from sweets",
        "when he smiles the teeth are {}", "i need {} colour for tooths",
    ),
    "ears": (
        "{} lugholes", "{} lugs", "{} shell-likes", "pointed elvish {} auricles", "dunk his earlobes in {} paint",
        "his ears burned {}", "a {}-eared imp", "make only the ears {}", "pixie whose ears are bright {}",
        "please change ear into {}",
    ),
    "background": (
        "shot against a {} wall", "hang a {} curtain behind him", "{} bokeh", "{} studio seamless",
        "passport photo on a {} backcloth", "everything behind her goes {}", "stick him in front of something {}",
        "fill the background in with {}", "she stands before a {} sky", "i want the back of picture {}",
    ),
    "clothes": (
        "{} threads", "{} jumper", "chuck him in a {} hoodie", "wizard in flowing {} robes", "{} clobber",
        "she's dressed head to toe in {}", "a {}-clad assassin", "his clothes should all be {}",
        "the lady who wears {}", "change what he's wearing to {}",
    ),
}  # fmt: skip
