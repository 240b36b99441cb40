"""Passages of the Python reference, which Python ships as pydoc_data.topics, each without a punctuation mark."""

import collections
import pydoc_data.topics
import re

import numpy as np
from sklearn.model_selection import train_test_split

LENGTH, VOCABULARY, NUM_LABELED = 32, 2000, 300
MARKS = (',', '.', ':', '(', ')', '"', '-', "'", '=', '_')
PADDING, RARE, CLASSIFY, MASKED = range(4)  # Ids; those of words follow.


def load_data() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The passages, split into `'text'` for pre-training, `'train'` with a label each, and `'test'`.

    Returns:
      For each split the ids of the words, int32 of shape [n, LENGTH], and which of MARKS is missing where the id is
      MASKED, int32 of shape [n]. Nothing is missing in `'text'`. No passage of `'test'` is in another split.
    """
    passages = _passages()
    text, test = train_test_split(np.arange(len(passages)), test_size=0.25, random_state=0)
    counts = collections.Counter(word for row in text for word in passages[row])
    words = [word for word, _ in counts.most_common(VOCABULARY - MASKED - 1)]
    vocabulary = {word: number for number, word in enumerate(words, MASKED + 1)}
    ids = np.array(
        [[CLASSIFY, *(vocabulary.get(word, RARE) for word in words)] for words in passages], np.int32
    )
    random = np.random.RandomState(0)
    train_ids, train_labels = _without_a_mark(ids[text], vocabulary, random)
    return {
        'text': (ids[text], np.zeros(len(text), np.int32)),
        'train': (train_ids[:NUM_LABELED], train_labels[:NUM_LABELED]),
        'test': _without_a_mark(ids[test], vocabulary, random),
    }


def _passages() -> list[list[str]]:
    """All of the text in passages of one length, without rulers, and without what is there already."""
    paragraphs = [part for text in pydoc_data.topics.topics.values() for part in re.split(r'\n\s*\n', text)]
    text = re.sub(r'([^\sa-z\d])\1{2,}', r'\1', '\n'.join(dict.fromkeys(paragraphs)).lower())
    words, size = re.findall(r'[a-z]+|\d|[^\sa-z\d]', text), LENGTH - 1
    passages = [words[start : start + size] for start in range(0, len(words) - size + 1, size)]
    return list({tuple(filter(str.isalnum, passage)): passage for passage in passages}.values())


def _without_a_mark(
    ids: np.ndarray, vocabulary: dict[str, int], random: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """The passages that have a mark, with one of them masked, and which mark it is."""
    marks = [vocabulary[mark] for mark in MARKS]
    ids = ids[np.isin(ids, marks).any(1)].copy()
    rows = np.arange(len(ids))
    gaps = np.argmax(np.isin(ids, marks) * random.uniform(size=ids.shape), axis=1)
    labels = np.array([marks.index(word) for word in ids[rows, gaps]], np.int32)
    ids[rows, gaps] = MASKED
    return ids, labels
