"""Words that say nothing about what a text is about, and abbreviations that end no sentence."""

from __future__ import annotations

from typing import Final

_ENGLISH = """
a about above after again all also am an and any are as at be because been before being below between both but by
can cannot could did do does doing done down during each else few for from further get gets give given go goes had
has have having he her here hers him his how however i if in into is it its itself just let like may me might more
most much must my no nor not of off on once one only or other our out over own per please same shall she should show
so some such tell than that the their them then there these they thing things this those through to too under until
up upon us use used uses using very via want was we were what whats when where which while who whom whose why will
with within without would you your explain describe question answer passage passages source sources
"""

_GERMAN = """
aber als am an auch auf aus bei bin bis bist da dann das dass dem den der des die dies diese doch du ein eine einem
einen einer eines er es für gibt haben hat hier ich ihr im in ist ja kann kein keine man mich mir mit nach nicht
noch nur oder ob sein sich sie sind so über um und uns unter vom von vor wann warum was welche welcher welches wenn
wer werden wie wir wird wo zu zum zur
"""

_FRENCH = """
au aux avec ce ces cet cette comment dans de des du elle en est et il ils je la le les leur lui ma mais me mes mon
ne nous on ou où par pas pour pourquoi qu que quel quelle quels qui quoi sa se ses son sont sur ta te tes toi ton tu
un une vos votre vous
"""

_SPANISH = """
al como con cómo cual cuál cuando cuándo del donde dónde el ella ellos en entre es esa ese eso esta este esto está
están fue ha han hay la las lo los más mi muy no nos o para pero por porque qué quién se ser si sin sobre son su sus
también tiene un una uno unos y ya
"""

# Only words that a capital letter may follow without a new sentence; before a small letter no sentence ends anyway.
_ABBREVIATED = """
mr mrs ms dr prof st sr jr vs fig figs eq no nos vol pp ed eds sec ch approx resp cf e.g i.e u.s u.k a.m p.m al inc
ltd co corp dept est jan feb mar apr jun jul aug sep sept oct nov dec z.b d.h u.a o.ä s.o bzw ca evtl ggf nr abs art
bd hrsg str tel vgl sog zzgl inkl p.ej ej sra dra av ud vd m mm mme mlle
"""

STOP_WORDS: Final = frozenset(" ".join((_ENGLISH, _GERMAN, _FRENCH, _SPANISH)).split())
"""Function words of a few languages."""

ABBREVIATIONS: Final = frozenset(_ABBREVIATED.split())
"""Abbreviations without their last full stop, in small letters."""
