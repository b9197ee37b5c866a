"""The sample collection as pure functions of a seed: texts, vectors, metadata. No network here, no third-party module.

The texts are rules of a role-playing game that does not exist, put together from the phrases below. Vectors come from
feature hashing, so that texts with words in common are near to each other and a query finds what it asks for. Around
each of three queries exactly five records are planted: much nearer than anything else, and well apart from each other.
"""

import array
import base64
import math
import random
import sys
import zlib

NAME = "adnd_1e"
RECORDS = 2213
DIMENSION = 384
SEED = 1978
SPACE = "cosine"

CHAPTERS = {
    "travel": {
        "things": ["mule train", "river barge", "torch", "tin lantern", "rope of sixty ells", "mapmaker", "tunnel", "rope bridge",
                   "wet cavern", "mountain pass", "snow shoe", "oil flask", "guide from the fens", "Träger aus Brünn"],
        "deeds": ["burns for", "carries its load for", "holds the party back for", "lights the way for", "is good for",
                  "must be rested after", "slows a marching column for"],
    },
    "combat": {
        "things": ["pike hedge", "shield wall", "sling bullet", "mounted charge", "surprised sentinel", "ambush party",
                   "two-handed maul", "crossbow on a pavise", "rank of spearmen", "duel at dawn", "parrying dirk"],
        "deeds": ["loses the first blow for", "keeps its footing for", "strikes before all others for",
                  "rolls one die more for", "may not turn about for", "holds the breach for"],
    },
    "magic": {
        "things": ["ward of salt", "ember word", "mirror charm", "whispering sigil", "familiar in the shape of a toad", "rune of holding",
                   "candle of true names", "apprentice", "circle of chalk", "borrowed shadow", "雨の札"],
        "deeds": ["keeps its power for", "blinds every onlooker for", "cannot be spoken again for", "binds a minor spirit for",
                  "drains its caster for", "answers one question and then sleeps for"],
    },
    "monsters": {
        "things": ["marsh drake", "bone shepherd", "cellar grue", "moon stag", "clay sentinel", "harbour hag", "tin locust swarm",
                   "lantern fish as tall as a door", "pale ferryman", "stone-eating mole", "бродячий огонь"],
        "deeds": ["sulks in its lair for", "can be bribed for", "follows a scent for", "regrows a lost limb within",
                  "is harmless by daylight for", "breathes fog for"],
    },
    "treasure": {
        "things": ["silver mark", "cursed girdle", "opal of the ninth water", "sealed amphora", "deed to a ruined mill", "chest with a false floor",
                   "horn of recall", "purse of clipped coin", "reliquary", "gilt chess set", "ring of café noir"],
        "deeds": ["fetches its price for", "loses a tenth of its worth after", "must be guarded for", "is sought by its owner for",
                  "attracts thieves for", "can be pawned for"],
    },
    "strongholds": {
        "things": ["gatehouse", "dry moat", "tithe barn", "curtain wall", "garrison of thirty", "castellan", "mine shaft",
                   "mill race", "watch tower", "master mason", "portcullis chain", "beacon"],
        "deeds": ["can be held for", "takes its wages for", "is under repair for", "feeds a company for",
                  "stands unpaid for", "withstands a ram for"],
    },
}
SPANS = ["a single turn", "two turns", "three turns", "six rounds", "ten rounds", "half a day", "one day", "a night and a day",
         "four days", "a week", "a fortnight", "a month of thirty days", "one season", "a year and a day"]
UNLESS = ["unless it rains", "if the referee agrees", "provided nobody speaks", "at the first failed guard roll", "when morale breaks",
          "should the leader fall", "whatever the dice say", "as long as the vigour lasts", "on any roll of eleven or more",
          "except in consecrated ground", "if half the party is unburdened", "while the moon is waxing"]
AFTER = ["After that a vigour check is made each turn.", "The referee notes it on the campaign sheet.",
         "Roll two dice and consult the table of mishaps.", "Henchmen count as half a person for this purpose.",
         "Each further attempt costs one point of luck.", "See the chapter on hirelings for the cost.",
         "No player may ask twice.", "Experience is awarded at the end of the session only.",
         "A roll of “twelve” is always a success; a \"two\" never is.", "Encumbrance doubles above 90 lb.",
         "This rule replaces the one in the slim edition.", "Tie rolls go to the defender \\ the slower side."]

# Query, and what the five planted records say in answer to it; nearest first.
TOPICS = [
    {
        "query": "how many turns does a torch burn in a draughty tunnel and what does lamp oil cost",
        "answers": [
            "A pitch torch burns six turns; in a draughty tunnel it burns four and gutters at the end of each.",
            "Lamp oil costs two silver marks a flask, and a flask feeds a lantern for twenty-four turns.",
            "A hooded lantern is proof against draughts and shows thirty ells of tunnel to its bearer.",
            "Tallow candles burn two turns each and draw every moth and most small spirits of a tunnel.",
            "Without torch or lamp a party moves at a quarter of its pace and cannot draw a map.",
        ],
    },
    {
        "query": "what happens when a hireling fails a loyalty check while guarding the treasure wagon",
        "answers": [
            "A hireling who fails a loyalty check by one point guards the wagon but demands double wages.",
            "Failing loyalty by three, the hireling leaves the treasure wagon at the next crossroads.",
            "Failing by five or more, the hireling takes what can be carried and sells the party's route.",
            "An officer within earshot of the wagon grants one repeated loyalty check each day.",
            "Wages in arrears lower loyalty by one for every week, and shares in the treasure raise it by two.",
        ],
    },
    {
        "query": "can a mirror ward turn the gaze of a basalt serpent back upon itself",
        "answers": [
            "A mirror ward turns the gaze of a basalt serpent back when the bearer wins the initiative roll.",
            "The serpent's gaze that is turned back petrifies only its crest, which then weighs ninety pounds.",
            "A ward of polished tin serves as a mirror once; afterwards it is blind and worth nothing.",
            "Basalt serpents that have met a mirror before close their eyes and fight by smell.",
            "Averting one's eyes from the serpent costs two points on every guard roll.",
        ],
    },
]
NEARNESS = [0.10, 0.22, 0.34, 0.46, 0.58]  # tangent of the angle between the query and the k-th answer
# Every so many records one leans towards a query from afar, as other texts of its subject would: without them the planted
# five are an island, and a graph index filled in another order loses one now and then (6 of 16 times; with them 0 of 40).
LEANING = 24
LEAST, MOST = 1.0, 2.0  # the tangents of those

PREFIXES = ["adnd", "Größe", "dm guide/§", "フェリー", "tab\tle"]


# --- vectors ---------------------------------------------------------------------------------------------------------

def words(text):
    return "".join(c.lower() if c.isalnum() else " " for c in text).split()


def unit(vector):
    length = math.sqrt(math.fsum(x * x for x in vector))
    return [x / length for x in vector]


def embed(text, dimension):
    """Feature hashing: each word adds 1 or -1 at four places; the sum is made a unit vector."""
    vector = [0.0] * dimension
    for word in words(text) or [text]:
        for salt in range(4):
            code = zlib.crc32(f"{salt}:{word}".encode())
            vector[(code >> 1) % dimension] += 1.0 if code & 1 else -1.0
    if not any(vector):
        vector[zlib.crc32(text.encode()) % dimension] = 1.0
    return unit(vector)


def planted(query, answer, tangent, dimension):
    """A vector whose angle to the query's is exactly arctan(tangent), tilted towards the answer's own words."""
    toward, own = embed(query, dimension), embed(answer, dimension)
    along = math.fsum(a * b for a, b in zip(toward, own))
    aside = unit([b - along * a for a, b in zip(toward, own)])
    return unit([a + tangent * b for a, b in zip(toward, aside)])


def leaning(number, text, dimension):
    """The vector of a record that leans: each query's in turn, from near to far."""
    turn = number // LEANING
    nearness = LEAST + (MOST - LEAST) * (turn // len(TOPICS) % 30) / 30
    return planted(TOPICS[turn % len(TOPICS)]["query"], text, nearness, dimension)


def float32(vector):
    """The nearest float32 of each component, as an array."""
    return array.array("f", vector)


def base64_of(floats):
    """Little-endian float32, as Chroma takes it."""
    if sys.byteorder == "big":
        floats = array.array("f", floats)
        floats.byteswap()
    return base64.b64encode(floats.tobytes()).decode("ascii")


# --- records ---------------------------------------------------------------------------------------------------------

def make_text(dice, chapter):
    rules = CHAPTERS[chapter]
    sentences = []
    for _ in range(dice.randint(1, 4)):
        sentences.append("A {} {} {}, {}.".format(dice.choice(rules["things"]), dice.choice(rules["deeds"]), dice.choice(SPANS),
                                                  dice.choice(UNLESS)))
        if dice.random() < 0.6:
            sentences.append(dice.choice(AFTER))
    return " ".join(sentences)


def make_id(dice, number):
    shape = number % 8
    if shape == 0:
        return "%08x-%04x-4%03x-8%03x-%012x" % (dice.getrandbits(32), dice.getrandbits(16), dice.getrandbits(12),
                                               dice.getrandbits(12), dice.getrandbits(48))
    if shape == 1:
        return str(number)
    if shape == 2:
        return "%s-%05d" % (PREFIXES[number // 8 % len(PREFIXES)], number)
    if shape == 3:
        return "rules/chapter %d/page %d#%d" % (number % 9 + 1, number % 128, number)
    if shape == 4:
        return 'say "%d" \\ or 🎲' % number
    if shape == 5:
        return "long-" + "x" * (number % 100) + "-%d" % number
    return "adnd_1e:%05d" % number


def make_metadata(dice, number, chapter, arrays):
    metadata = {
        "chapter": chapter,
        "page": number % 128 + 1,
        "row": 2**53 + 1 + number,
        "weight_lb": dice.choice([0.5, 1.0, 2.0, 17.25, 90.0]),
        "odds": dice.random(),
        "cursed": dice.random() < 0.1,
        "edition": dice.choice(["first", "slim", "première", "二版", "say \"ninth\"\n\\"]),
    }
    if number % 5 == 0:
        metadata["penalty"] = -(2**62) + number
        metadata["tiny"] = 5e-324
    if arrays and number % 3 == 0:
        metadata["tags"] = [chapter, "rule", "Würfel"]
        metadata["levels"] = [number % 20 + 1, number % 7, 2**60 + number]
        metadata["shares"] = [0.25, 1.0, dice.random()]
    if arrays and number % 12 == 0:
        metadata["seen"] = [True, number % 24 == 0]
    return metadata


def records(count=RECORDS, dimension=DIMENSION, seed=SEED, arrays=True):
    """Yields dicts with id, document, metadata, uri, embedding (a list of floats), always the same for the same arguments."""
    dice = random.Random(seed)
    answers = [(topic["query"], answer, tangent) for topic in TOPICS for answer, tangent in zip(topic["answers"], NEARNESS)]
    places = {(i + 1) * count // (len(answers) + 1): answer for i, answer in enumerate(answers)} if count > len(answers) else {}
    chapters = sorted(CHAPTERS)
    for number in range(count):
        chapter = dice.choice(chapters)
        text = make_text(dice, chapter)
        record = {
            "id": make_id(dice, number),
            "document": text,
            "metadata": make_metadata(dice, number, chapter, arrays),
            "uri": "file:///rules/%s/%d.txt" % (chapter, number) if number % 7 else None,
            "embedding": leaning(number, text, dimension) if number % LEANING == 7 else embed(text, dimension),
        }
        if number in places:
            query, answer, tangent = places[number]
            record.update(document=answer, embedding=planted(query, answer, tangent, dimension))
        elif number % 41 == 0:
            record["document"] = None
        elif number % 53 == 0:
            record["document"] = ""
        if number % 37 == 0:
            record["metadata"] = None
        yield record


def plain_records(count, dimension, seed):
    """Many large records quickly: short documents and full-precision noise between 1/8 and 2 for vectors."""
    dice = random.Random(seed)
    keep = int.from_bytes(b"\xff\xff\xff\x81" * dimension, "little")
    fixed = int.from_bytes(b"\x00\x00\x00\x3e" * dimension, "little")
    for number in range(count):
        noise = dice.getrandbits(32 * dimension) & keep | fixed
        yield {
            "id": "plain-%07d" % number,
            "document": "Entry %d of the great ledger of the harbour, fol. %d." % (number, number // 40),
            "metadata": {"number": number, "share": number / 7, "even": number % 2 == 0},
            "uri": None,
            "embedding_bytes": noise.to_bytes(4 * dimension, "little"),
        }
