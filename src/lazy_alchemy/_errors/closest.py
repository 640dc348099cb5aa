"""Which names were probably meant by one that does not exist. Pure functions of text.

Names that one edit turns into the wanted one (a letter left out, put in or replaced, or two neighbours swapped) are
found by making every such text and looking it up, as in Norvig, "How to Write a Spelling Corrector",
https://norvig.com/spell-correct.html. Damerau found four of five misspellings to be of these kinds: "A technique for
computer detection and correction of spelling errors", CACM 7 (1964), https://doi.org/10.1145/363958.363994.

Other similar names are compared by ``difflib``, which is slow, so it gets few: of the names that have a part of the
wanted one, those with most parts, and of these those with most pairs of letters. k edits leave one of k + 1 parts
whole: Navarro, "A guided tour to approximate string matching", ACM Computing Surveys 33 (2001),
https://doi.org/10.1145/375360.375365. Pairs of letters: Ukkonen, "Approximate string-matching with q-grams and maximal
matches", Theoretical Computer Science 92 (1992), https://doi.org/10.1016/0304-3975(92)90143-4.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

__all__ = ["closest"]

_SUGGESTED = 3
"""How many names are suggested for one."""

_CUTOFF = 0.6
"""How similar they are at least, as ``difflib`` measures it."""

_LONGEST = 128
"""The longest name that is compared. No server allows a longer one."""

_SHORTEST = 3
"""The shortest name of which one edit leaves enough."""

_SMALL = 1000
"""How many names are looked at for similar ones: all, or those that have a part of the wanted one."""

_LIKELY = 100
"""How many of these are compared by their pairs of letters."""

_COMPARED = 12
"""How many of these are compared by ``difflib``."""

_PARTS = 4
"""The number of parts: names with up to three edits are found."""

_REPLACED = 5000
"""How many replacements of a letter are tried. Only names with hundreds of different letters have more."""

_SAMPLE = 10_000
"""How many letters of the names are looked at to find those that are not ASCII."""

_WORK = 60_000
"""How many names are gone through for all wanted ones together, if these are more than one."""

_END = "\0"
"""Separates names in a text. No database allows it in a name."""


def closest(wanted: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that were probably meant, at most three for each that is wanted, the likeliest first.

    It takes milliseconds for 20,000 names. Of several wanted names only the first are looked at if there are many.

    Args:
        wanted: Names that do not exist.
        names: All names that exist. Case is ignored; of names that differ in case alone, the first is returned.
    """
    if not names:
        return ()
    known = _Names(names)
    looked_at = wanted[: max(1, min(10, _WORK // len(names)))]
    return tuple(dict.fromkeys(match for name in looked_at for match in known.closest(name)))


class _Names:
    """Names that exist, prepared for finding similar ones."""

    def __init__(self, names: Sequence[str]) -> None:
        joined = _END.join(names)
        text = joined.casefold()
        folded = names if text == joined else text.split(_END)
        if len(folded) != len(names):  # a reflector gave a name with a separator in it
            folded = [name.casefold() for name in names]
        self._folded = folded
        self._spelled = dict(zip(reversed(folded), reversed(names), strict=True))
        self._text = f"{_END}{text}{_END}"
        self._letters = _letters(text)

    def closest(self, wanted: str) -> list[str]:
        """Return the names that were probably meant by ``wanted``, the likeliest first."""
        name = wanted.casefold()
        if not 0 < len(name) <= _LONGEST:
            return []
        found = [name] if name in self._spelled else []
        if len(name) >= _SHORTEST:
            for texts in self._one_edit_away(name):
                # A text that several edits lead to is as many times likelier.
                hits = (self._spelled.keys() & texts).difference(found)
                found += sorted(hits, key=lambda hit: (-texts.count(hit), hit))
        if len(self._folded) <= _SMALL or not found:
            found += [one for one in self._similar(name) if one not in found]
        return [self._spelled[one] for one in found[:_SUGGESTED]]

    def _one_edit_away(self, name: str) -> Iterator[list[str]]:
        """Yield the likelier texts, then the others; each as often as there are edits that lead to it.

        The likelier are those in which ``name`` lacks a letter, or has two swapped: there are few such mistakes to
        make in a name. There are many letters to put in by mistake, or in place of another.
        """
        places = range(len(name))
        letters = self._letters[: _REPLACED // len(name)]
        yield [
            *(f"{name[:i]}{name[i + 1]}{name[i]}{name[i + 2 :]}" for i in places[:-1]),
            *(f"{name[:i]}{letter}{name[i:]}" for i in range(len(name) + 1) for letter in letters),
        ]
        yield [
            *(name[:i] + name[i + 1 :] for i in places),
            *(f"{name[:i]}{letter}{name[i + 1 :]}" for i in places for letter in letters),
        ]

    def _similar(self, name: str) -> list[str]:
        """Return the names that are similar as a whole, the most similar first."""
        import difflib  # deferred: few errors need it, and no import of the package

        size = max(2, -(-len(name) // _PARTS))
        parts = [name[i : i + size] for i in range(0, max(1, len(name) - 1), size)]
        pairs = {name[i : i + 2] for i in range(len(name) - 1)}
        likely = heapq.nlargest(
            _LIKELY,
            self._with_a_part(name, parts),
            key=lambda one: (sum(map(one.__contains__, parts)), -abs(len(one) - len(name)), one),
        )
        compared = heapq.nlargest(
            _COMPARED,
            likely,
            key=lambda one: sum(map(one.__contains__, pairs)) / (len(one) + len(name)),
        )
        return difflib.get_close_matches(name, compared, n=_SUGGESTED, cutoff=_CUTOFF)

    def _with_a_part(self, name: str, parts: Collection[str]) -> Collection[str]:
        """Return names that contain one of ``parts``, first the rarest one; all names if there are few."""
        if len(self._folded) <= _SMALL:
            return self._folded
        shortest, longest = len(name) * _CUTOFF / (2 - _CUTOFF), len(name) * (2 - _CUTOFF) / _CUTOFF
        text = self._text
        found: set[str] = set()
        left = _SMALL
        for _, part in sorted((text.count(part), part) for part in parts):
            at = text.find(part)
            while at >= 0 and left:
                end = text.find(_END, at)
                start = text.rfind(_END, 0, at) + 1
                if shortest <= end - start <= longest:
                    found.add(text[start:end])
                at = text.find(part, end)
                left -= 1
        return self._spelled.keys() & found  # else there is half of a name with a separator in it


def _letters(text: str) -> list[str]:
    """Return the different characters of ``text``: the ASCII ones, then others, which are looked for in a sample."""
    letters = [letter for letter in map(chr, range(1, 128)) if letter in text]
    if not text.isascii():
        sample = text[:: max(1, len(text) // _SAMPLE)]
        letters += sorted(letter for letter in set(sample) if not letter.isascii())
    return letters
