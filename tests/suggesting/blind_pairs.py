"""Pairs of twenty-three blind tests: what people restore, by names from repositories that the search was not made with.

They were written without a look at what the search finds of them. Each pair says which repository each side follows.
When they were first measured, those of the first test (`blind_...`) had a mean recall of 0.69, and four had wrong
proposals; those of the second (`unseen_...`) 0.62, and five; those of the third (`third_...`) 0.80, and none; those of
the fourth (`fourth_...`) 0.77, and one; those of the fifth (`fifth_...`) 0.83, and one; those of the sixth
(`sixth_...`) 0.90, and none; those of the seventh (`seventh_...`) 0.75, and one; those of the eighth (`eighth_...`),
half of which are states of PyTorch or Flax, 0.55, and one; those of the ninth (`ninth_...`), well-known networks whose
both sides are bare names, 0.94, and none; those of the tenth (`tenth_...`), mostly well-known networks too, 0.79, and
one; those of the eleventh (`eleventh_...`), such networks of other repositories, 0.79, and none; those of the twelfth
(`twelfth_...`), whose old sides are mostly written by hand, 0.83, and one; those of the thirteenth (`thirteenth_...`),
mainstream networks, 0.89, and one; those of the fourteenth (`fourteenth_...`), such ones too, 0.90, and three; those of
the fifteenth (`fifteenth_...`), mainstream networks and recurrent ones, 0.83, and two; those of the sixteenth
(`sixteenth_...`), mainstream networks, 0.88, and one; those of the seventeenth (`seventeenth_...`), such ones and
others, 0.68, and none; those of the eighteenth (`eighteenth_...`), one of each of sixteen kinds that people convert,
0.88, and two; those of the nineteenth (`nineteenth_...`), mainstream networks, 0.89, and one;
those of the twentieth (`twentieth_...`), one of each of sixteen kinds again, 0.88, and none; those of the twenty-first
(`twenty_first_...`), mainstream networks, 0.84, and none; those of the twenty-second
(`twenty_second_...`), such ones too, 0.87, and one; those of the twenty-third (`twenty_third_...`), such
ones too, 0.89, and none. What the search missed of the pairs of `TUNED` was looked at then.
"""

from tests.suggesting.blind_pairs_held_back import HELD_BACK
from tests.suggesting.blind_pairs_looked_at import TUNED

__all__ = ['HELD_BACK', 'TUNED']
