"""Documents, regular expressions, dictionaries and trees, as a service's Python does them."""
import json
import random
import re
import sys

random.seed(1)


def document(depth):
    if depth == 0:
        return random.choice([random.random(), random.randrange(10**6), "s%x" % random.randrange(1 << 40), None, True])
    if depth % 2:
        return {"k%d" % random.randrange(1000): document(depth - 1) for _ in range(5)}
    return [document(depth - 1) for _ in range(5)]


class Node:
    __slots__ = ("left", "right")

    def __init__(self, depth):
        self.left = Node(depth - 1) if depth else None
        self.right = Node(depth - 1) if depth else None


documents = {"a%d" % i: document(4) for i in range(40)}
pairs = re.compile(r'"(k\d+)":\s*("s[0-9a-f]+"|[0-9.e-]+)')
total = 0
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
    text = json.dumps(documents, indent=1)
    json.loads(text)
    found = {}
    for match in pairs.finditer(text):
        found.setdefault(match.group(1), []).append(match.group(2))
    words = {}
    for line in text.split("\n"):
        for word in line.strip().split():
            words[word] = words.get(word, 0) + 1
    Node(13)
    total += len(found) + sum(len(word.upper()) for word in words)
print(total)
