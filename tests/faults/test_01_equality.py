"""Line 1: records of everything that a Chroma can hold arrive as they were; nothing is missing, nothing is there twice, nothing
is too much."""

import generate
from world import DONE, SEED, check, sized

TARGET = "0 missing, 0 extra, 0 different"


class Many(generate.Collection):
    """As many random records as are wanted, where e2e's property test has a few hundred."""

    def __init__(self, seed, size, space, dimension):
        self.seed, self.dice, self.size, self.space, self.dimension = seed, generate.Dice(seed), size, space, dimension
        self.metadata, self.embedder, self.hnsw = {"i": 1, "f": 1.0}, None, dict(generate.LIGHT, space=space)
        self.records = [(self.dice.identifier(number), self.dice.vector(dimension, space), self.dice.document(),
                         self.dice.metadata(), self.dice.uri()) for number in range(size)]


def compared(finding):
    return int(finding.says.split()[0])


def test_mixed_records_arrive_as_they_were(world, score):
    print("FERRY_TEST_SEED=%d" % SEED)
    names = [world.fill(sized(900, 35000))]
    for space in ("l2", "ip", "cosine"):
        name = world.also(space)
        names.append(name)
        many = Many(SEED, sized(300, 5000), space, 12)
        made = world.source.ask("POST", world.source.base, many.creation(name))
        for body in many.bodies():
            world.source.records(made, "upsert", body)
    world.setup()
    world.consumers(2)
    world.faults_end(within=sized(120, 900))
    for name in names:
        done = world.migrate(name, seconds=sized(120, 600))
        assert done.status == DONE, done.err
    found = check.everything(world)
    score(1, "%d records: %s" % (compared(found[0]), TARGET), TARGET, compared(found[0]) == sized(1800, 50000))
