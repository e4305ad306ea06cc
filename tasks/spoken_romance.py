"""Portuguese, Spanish and Italian letters made into phonemes by rule, for Kokoro's voices of these languages.

Their spelling tells nearly everything: which syllable is stressed, and how each letter sounds beside its neighbours
(Cristófaro Silva 2019, "Fonética e fonologia do português"; Hualde 2014, "The Sounds of Spanish"; Krämer 2009, "The
Phonology of Italian"). What it does not tell is guessed: open or closed e and o, Portuguese x, Italian words stressed
before the last syllable but one. The phonemes are written as Kokoro learned them, stress before its vowel.
"""

import functools
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

WORD = re.compile(r"[^\W\d_]+(?:['’](?=[^\W\d_]))?")
NUMBER = re.compile(r"\d{1,3}(?:[. ]\d{3})+(?!\d)(?:,\d+)?|\d+(?:[.,]\d+)?")
MONEY = re.compile(rf"(R\$|[$€])\s?({NUMBER.pattern})")
SPELLED = 10**9  # from here on, a number is read digit by digit
SAME = {"–": "—", "«": "“", "»": "”", "¡": "", "¿": "", "(": ",", ")": ",", "\n": " "}


@dataclass(frozen=True)
class Language:
    """How a language is read.

    Args:
        name: in English.
        nucleus, core: the vowels of a syllable, glides among them, and which of these can be stressed.
        marked, last: patterns of words stressed where an accent is, and on the last syllable.
        early: of words stressed before the last syllable but one.
        weak: words without stress.
        rules: (pattern, phonemes) in order; the first that matches at a letter is taken. Large letters are stressed.
        digits, tens, hundreds: words of 0 to 19 (Spanish 29), of 20, 30 …, and of 100, 200 …
        large: words of 1,000, of thousands, of 1,000,000 and of millions.
        comma: the word for it, within a number.
        signs: what is said for a sign.
    """

    name: str
    nucleus: str
    core: str
    marked: str
    last: str
    early: str
    weak: str
    rules: str
    digits: str
    tens: str
    hundreds: str
    large: tuple[str, str, str, str]
    comma: str
    signs: Mapping[str, str]


def phonemes(text: str, language: str) -> str:
    """Olá, mundo -> olˈa, mˈũdʊ.

    Args:
        text: a sentence; numbers up to 999,999,999 and the signs of the language are read too.
        language: a code of LANGUAGES.
    """
    text = WORD.sub(lambda match: say_word(match[0].lower(), language), spell(text, language))
    for sign, other in SAME.items():
        text = text.replace(sign, other)
    return tidy(text)


def spell(text: str, language: str) -> str:
    """Tenho 25 €. -> Tenho vinte e cinco euros."""
    rules = LANGUAGES[language]
    text = MONEY.sub(r"\2 \1", re.sub(r"(?<=\d):(?=\d)", " ", text))
    for sign, word in rules.signs.items():
        text = text.replace(sign, f" {word} ")
    return tidy(NUMBER.sub(lambda match: f" {number(match[0], language)} ", text))


def tidy(text: str) -> str:
    """Single spaces, none before punctuation."""
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", text)).strip()


@functools.lru_cache(4096)
def say_word(word: str, language: str) -> str:
    """The phonemes of one word in small letters."""
    rules = LANGUAGES[language]
    word = word.replace("’", "'")
    if not re.fullmatch(rules.weak, word):
        word = stressed(word, rules)
    sounds, at = "", 0
    while at < len(word):
        for pattern, sound in compiled(rules.rules):
            if (match := pattern.match(word, at)) and match.end() > at:
                sounds += "ˈ" * match[0][0].isupper() + sound
                at = match.end()
                break
        else:
            at += 1  # a letter of no word of this language
    return unicodedata.normalize("NFD", sounds)  # the network knows a nasal vowel as the vowel and a tilde


def stressed(word: str, rules: Language) -> str:
    """cidade -> cidAde: the first letter of the stressed nucleus is written large."""
    nuclei = [match.start() + re.search(rules.core, match[0]).start() for match in re.finditer(rules.nucleus, word)]
    if not nuclei:
        return word
    if accents := [match.start() for match in re.finditer(rules.marked, word)]:
        at = accents[0]
    elif re.search(rules.last, word):
        at = nuclei[-1]
    else:
        at = nuclei[-min(len(nuclei), 3 if re.search(rules.early, word) else 2)]
    return word[:at] + word[at].upper() + word[at + 1 :]


@functools.cache
def compiled(rules: str) -> tuple[tuple[re.Pattern, str], ...]:
    """The rules of a table. V stands for a vowel, F for a front one, D for a voiced consonant."""
    found = []
    for line in rules.split():
        pattern, _, sound = line.rpartition("=")
        for name, letters in (("V", VOWELS), ("F", FRONT), ("D", VOICED)):
            pattern = pattern.replace(name, f"(?i:[{letters}])")
        found.append((re.compile(pattern), sound.replace("0", "")))
    return tuple(found)


VOWELS, FRONT, VOICED = "aeiouáàâãéèêíìóòôõúùü", "eiéèêíì", "bdgjlmnrvz"


# Numbers


def number(digits: str, language: str) -> str:
    """2.024 -> dois mil e vinte e quatro. Decimals are read digit by digit after the comma."""
    rules = LANGUAGES[language]
    names = rules.digits.split()
    if re.fullmatch(r"\d{1,3}([. ]\d{3})+(,\d+)?", digits):
        digits = re.sub("[. ]", "", digits)
    whole, _, part = digits.replace(".", ",").partition(",")
    if int(whole) >= SPELLED or (whole[0] == "0" and len(whole) > 1):
        words = " ".join(names[int(digit)] for digit in whole)
    else:
        words = whole_number(int(whole), language)
    return f"{words} {rules.comma} {' '.join(names[int(digit)] for digit in part)}" if part else words


def whole_number(value: int, language: str) -> str:
    """Below SPELLED."""
    rules = LANGUAGES[language]
    for size, one, many in ((10**6, *rules.large[2:]), (1000, *rules.large[:2])):
        if value >= size:
            count, rest = divmod(value, size)
            head = one if count == 1 else join(before(whole_number(count, language), language), many, language)
            if not rest:
                return head
            and_ = " e " if language == "pt" and (rest < 100 or rest % 100 == 0) else " "
            return head + ("" if language == "it" and size == 1000 else and_) + whole_number(rest, language)
    return below_thousand(value, language)


def below_thousand(value: int, language: str) -> str:
    rules = LANGUAGES[language]
    digits, tens, hundreds = rules.digits.split(), rules.tens.split(), rules.hundreds.split()
    if value < len(digits):
        return digits[value].replace("_", " ")
    if value < 100:
        ten, one = tens[value // 10 - 2], value % 10
        if language == "it":
            ten = ten[:-1] if one in (1, 8) else ten
            return ten + ("tré" if one == 3 else digits[one]) if one else ten
        return f"{ten} {'y' if language == 'es' else 'e'} {digits[one]}" if one else ten
    hundred, rest = hundreds[value // 100 - 1], value % 100
    if not rest:
        return {"pt": "cem", "es": "cien", "it": "cento"}[language] if value == 100 else hundred
    return hundred + {"pt": " e ", "es": " ", "it": ""}[language] + below_thousand(rest, language)


def before(words: str, language: str) -> str:
    """The form of a number before "mil": veintiún mil."""
    return re.sub("uno$", "ún" if words.endswith("tiuno") else "un", words) if language == "es" else words


def join(count: str, many: str, language: str) -> str:
    return count + ("" if language == "it" and many == "mila" else " ") + many


# The languages. "=0" is silence.

PORTUGUESE = Language(
    name="Portuguese",
    nucleus=r"ã[eo]|õe|[aeoáéóâêôà][iu](?!nh|[lmnrz]$|[mn][^aeiouáéíóúâêô])|(?<![qg])ui(?!nh|[lmnrz]$)|iu(?![lmnrz]$)"
    r"|[aeiouáéíóúâêôãõàü](?<![qg]u(?=[aeiouáéíóúâêôãõ]))",
    core=".",
    marked=r"[áéíóúâêô]|[ãõ](?!.*[áéíóúâêô])",
    last=r"([^aeo]|[aeo][iu]|[^aeomn]s|[iou]ns?|[iou]m|[iu]s)$(?<!am)(?<!em)(?<!ens)(?<![aeo]s)(?<!en)",
    early=r"(?!)",
    weak=r"[oa]s?|e|d[eoa]s?|que|em|n[oa]s?|se|me|te|lhes?|com|por|ao?s?|pel[oa]s?|ou|às?",
    rules="""
    ^e$=i ^os$=ʊs ^o$=ʊ ^à=a ão(?=s?$)=ɐ̃ʊ̃ Ão=ɐ̃ʊ̃ ão=ɐ̃ʊ̃ Ãe=ɐ̃ɪ̃ ãe=ɐ̃ɪ̃ Õe=õɪ̃ õe=õɪ̃ Ã=ɐ̃ ã=ɐ̃ Õ=õ õ=õ
    U(?=it)=ũ am$=ɐ̃ʊ̃ [EÉÊ]m$=eɪ̃ [EÉÊ]ns$=eɪ̃s em$=eɪ̃ ens$=eɪ̃s
    [AÁÂ][mn](?!V|h)=ɐ̃ [aâá][mn](?!V|h)=ɐ̃ [EÉÊ][mn](?!V|h)=ẽ [eêé][mn](?!V|h)=ẽ [IÍ][mn](?!V|h)=ĩ [ií][mn](?!V|h)=ĩ
    [OÓÔ][mn](?!V|h)=õ [oôó][mn](?!V|h)=õ [UÚ][mn](?!V|h)=ũ [uú][mn](?!V|h)=ũ
    ou=o Ou=o Éi=ɛɪ [EÊ]i=eɪ [eê]i=eɪ Ai=aɪ ai=aɪ Ói=ɔɪ Oi=oɪ oi=oɪ Ui=uɪ [AÁ]u=aʊ au=aʊ [EÊ]u=eʊ eu=eʊ Éu=ɛʊ Iu=iʊ
    É=ɛ Ê=e E(?=(l|st)as?$)=ɛ E=e Ó=ɔ Ô=o O(?=r[tc]|l[ae]s?$|st[ae]s?$|ras?$|(v|d)e[ms]?$)=ɔ O=o [AÁÂ]=a [IÍ]=i [UÚ]=u
    a(?=s?$)=æ e(?=s?$)=i o(?=s?$)=ʊ [aáâà]=a [eê]=e é=ɛ [ií](?=V)=j i=i í=i [oô]=o ó=ɔ
    (?<=[qg])u(?=F)=0 (?<=[qg])ü=w (?<=[qg])u(?=V)=w [uú]=u ü=w
    ch=ʃ lh=ʎ nh=ɲ ph=f rr=x ss=s sc(?=F)=s sç=s xc(?=F)=s
    ç=s c(?=F)=s c=k g(?=F)=ʒ gu(?=F)=ɡ g=ɡ h=0 j=ʒ qu(?=F)=k q=k k=k w=w y=i
    l(?!V|h)=w l=l ^r=x (?<=[nls])r=x r=ɾ
    (?<=^e)x(?=V)=z (?<=^E)x(?=V)=z (?<=pr[Óó])x=s (?<=m[Áá])x=s (?<=[Aa]u)x=s (?<=t[Áá])x=ks
    (?<=f[Ii])x=ks (?<=s[Ee])x=ks (?<=n[Ee])x=ks (?<=V)x(?=[ptc])=s x$=ks x=ʃ
    (?<=V)s(?=V)=z s(?=D)=z s=s z$=s z=z
    t(?=[iIíÍ]|es?$)=ʧ d(?=[iIíÍ]|es?$)=ʤ t=t d=d b=b f=f m=m n=n p=p v=v
    """,
    digits="zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete "
    "dezoito dezenove",
    tens="vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    hundreds="cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos",
    large=("mil", "mil", "um milhão", "milhões"),
    comma="vírgula",
    signs={"%": "por cento", "R$": "reais", "€": "euros", "$": "dólares", "&": "e", "@": "arroba", "+": "mais"},
)
SPANISH = Language(
    name="Spanish",
    nucleus=r"(?:(?<!^)[iuü](?<![qg]u(?=[eiéí])))?[aeoáéóú](?:[iuy](?![aeoáéíóú]))?|[iuíúü](?<![qg]u(?=[eiéí]))[iu]?"
    r"|(?<=[^aeiouáéíóú])y$",
    core="[^iuüy]|[iuy]$",
    marked="[áéíóú]",
    last=r"[^aeions]$|[^aeiou]y$",
    early=r"(?!)",
    weak=r"el|l[aoe]s?|y|e|o|u|de|del|al?|que|en|un|se|me|te|con|por|su|mi|tu|nos",
    rules="""
    ^y$=i [AÁ]i=aɪ ai=aɪ [AÁ]y$=aɪ [EÉ]i=eɪ ei=eɪ [EÉ]y$=eɪ [OÓ]i=oɪ oi=oɪ [OÓ]y$=oɪ [AÁ]u=aʊ au=aʊ [EÉ]u=eʊ eu=eʊ
    [AÁ]=a [EÉ]=e [IÍ]=i [OÓ]=o (?<=[qg])U(?=F)=0 [UÚ]=u a=a e=e o=o í=i á=a é=e ó=o ú=u
    (?<=[qg])u(?=F)=0 ü=w i(?=V)=j u(?=V)=w i=i u=u
    ch=ʧ ll=ʎ rr=r qu=k gü=ɣw sc(?=F)=θ cc(?=F)=kθ c(?=F)=θ z=θ c=k q=k k=k h=0 j=x g(?=F)=x ñ=ɲ x=ks
    ^[bv]=b (?<=[mn])[bv]=b [bv]=β ^d=d (?<=[ln])d=d d=ð ^g=ɡ (?<=n)g=ɡ g=ɣ
    ^r=r (?<=[lns])r=r r=ɾ n(?=[ckgqj])=ŋ y(?=V)=ʝ y=i f=f l=l m=m n=n p=p s=s t=t w=w
    """,
    digits="cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis "
    "veintisiete veintiocho veintinueve",
    tens="veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    hundreds="ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos",
    large=("mil", "mil", "un millón", "millones"),
    comma="coma",
    signs={"%": "por ciento", "€": "euros", "$": "dólares", "&": "y", "@": "arroba", "+": "más"},
)
ITALIAN = Language(
    name="Italian",
    nucleus=r"(?<=^[^aeioucgq])[iu](?=[aeo]$)|(?<=^[^aeiou][^aeioucgqh])[iu](?=[aeo]$)"
    r"|(?<=[qg])u[aeioàèéìò]|i[aeouàèéòù][iu]?|(?<!^)u[aeoàèéò][iu]?|[aeoàèéòù][iu]?(?<![iu](?=[aeouàèéòù]))|[aeoiuìù]",
    core="[^iu]|[iu]$",
    marked="[àèéìòù]",
    last=r"(?!)",
    early=r"([aie]bil|evol|issim|olog|lefon|graf|metr|[cgvpst]ol|batt?|ultim|minim|anim"
    r"|ssim|dic|numer|pover|alber|zuccher|liber|tener|oper|camer|letter|gener|(fac|ffic|ut|sim|frag|mob)il|plic|giovan"
    r"|(ord|term|ag|orig|marg|macch|femm)in|subit|limit|angel)[aeio]$|(?<!^am)(?<!nem)(?<!ant)ic[aoi]$|ich[ei]$|[^aeiou]ono$|[aie]vano$"
    r"|(iv|gg|nd|tt|rr|sc|nc|ng|lg|rg|rd|iud|ied|cred|[cr]id|lv|[ui]ov|cev|ss)ere$",
    weak=r"il|l[aoe]|gli|i|e|ed|o|di|de[li]|dell[aoe]|a|al|ai|all[aoe]|da|dal|dall[ae]|in|nel|nell[ae]|con|su|sul|sull[ae]"
    r"|per|che|un|un[ao]|si|mi|ti|ci|vi|ne|l'|un'|d'|dell'|all'|nell'|c'",
    rules="""
    '=0 È=ɛ É=e è=ɛ é=e Ò=ɔ ò=ɔ [AÀ]=a [EÉ]=e [IÌ]=i O=o
    [UÙ]=u
    gli(?=[aeouAEOU])=ʎ gli=ʎi gl(?=I)=ʎ gn=ɲ sci(?=V)=ʃ sc(?=F)=ʃ sch=sk cqu=kːw
    cci(?=V)=ʧː cc(?=F)=ʧː cch=kː cc=kː ci(?=V)=ʧ c(?=F)=ʧ ch=k c=k
    ggi(?=V)=ʤː gg(?=F)=ʤː ggh=ɡː gg=ɡː gi(?=V)=ʤ g(?=F)=ʤ gh=ɡ g=ɡ
    zz=ʦː ^z=ʣ z=ʦ (?<=V)s(?=V)=z s(?=[bdgmnlrv])=z ss=sː s=s q=k h=0 j=j k=k w=w x=ks y=i
    bb=bː dd=dː ff=fː ll=lː mm=mː nn=nː pp=pː rr=rː tt=tː vv=vː
    a=a à=a e=e i(?=V)=j u(?=[aeoiAEOI])=w i=i o=o u=u ù=u ì=i
    b=b d=d f=f l=l m=m n(?=[cg][^eiEI])=ŋ n=n p=p r(?=V)=ɾ r=r t=t v=v
    """,
    digits="zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici "
    "sedici diciassette diciotto diciannove",
    tens="venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    hundreds="cento duecento trecento quattrocento cinquecento seicento settecento ottocento novecento",
    large=("mille", "mila", "un milione", "milioni"),
    comma="virgola",
    signs={"%": "per cento", "€": "euro", "$": "dollari", "&": "e", "@": "chiocciola", "+": "più"},
)
LANGUAGES = {"pt": PORTUGUESE, "es": SPANISH, "it": ITALIAN}
