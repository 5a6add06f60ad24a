"""Languages of documents, by their codes."""

import re
from typing import Annotated

from pydantic import AfterValidator

# https://www.loc.gov/standards/iso639-2/php/code_list.php
ISO_639_1 = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo
    es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka
    kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng
    nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su
    sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()  # noqa: SIM905 - a table, as the standard lists it
)

_TAG = re.compile(r"([a-z]{2,3})(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


def _language(tag: str) -> str:
    match = _TAG.fullmatch(tag)
    if match is None or (len(match[1]) == 2 and match[1] not in ISO_639_1):  # noqa: PLR2004 - letters of ISO 639-1
        raise ValueError("is not a language code such as en, zh-Hans or pt-BR")
    return tag


Language = Annotated[str, AfterValidator(_language)]
"""A language tag of RFC 5646: the language (ISO 639), where needed a script and a region, in their usual case."""
