"""The rules from Google's BERT for TensorFlow 1 to bert_encoder.py, without TensorFlow."""

import pathlib

_RULES = pathlib.Path(__file__).with_name('bert_rules.txt')


def rules(config: dict[str, int]) -> list[tuple[str, str, str]]:
    """The rules for a BERT of these sizes, which `bert_config.json` holds: patterns, replacements and operations."""
    heads = config['num_attention_heads']
    triples = []
    for line in _RULES.read_text().splitlines():
        if line and not line.startswith('#'):
            pattern, _, rest = line.partition(' -> ')
            replacement, _, operations = rest.partition(' | ')
            operations = operations.format(heads=heads, size=config['hidden_size'] // heads)
            triples.append((pattern, replacement, operations))
    return triples
