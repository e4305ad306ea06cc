"""Portuguese, Spanish and Italian spelling becomes sounds: stress, letters beside their neighbours, numbers."""

import pytest

from tasks.spoken_romance import number, phonemes, spell


@pytest.mark.parametrize(
    ("language", "text", "signs"),
    [
        ("pt", "Olá, mundo!", "olˈa, mˈũdʊ!"),
        ("pt", "coração", "koɾasˈɐ̃ʊ̃"),
        ("pt", "a rainha da cidade", "æ xaˈiɲæ dæ sidˈaʤi"),
        ("pt", "queijo, guerra, água", "kˈeɪʒʊ, ɡˈexæ, ˈaɡwæ"),
        ("pt", "Conseguiu, muito bem.", "kõseɡˈiʊ, mˈũitʊ bˈeɪ̃."),
        ("pt", "exame, caixa, táxi", "ezˈami, kˈaɪʃæ, tˈaksi"),
        ("es", "¿Dónde está la guitarra?", "dˈonde estˈa la ɡitˈara?"),
        ("es", "El niño llegó ayer", "el nˈiɲo ʎeɣˈo aʝˈeɾ"),
        ("es", "ciudad, bueno, país", "θjuðˈað, bwˈeno, paˈis"),
        ("es", "El pingüino no averigüe", "el piŋɣwˈino nˈo aβeɾˈiɣwe"),
        ("it", "Buongiorno, più gnocchi", "bwonʤˈorno, pjˈu ɲˈokːi"),
        ("it", "la famiglia è felice", "la famˈiʎa ˈɛ felˈiʧe"),
        ("it", "musica, scienza, l'aiuto", "mˈuzika, ʃˈenʦa, lajˈuto"),
    ],
)  # fmt: skip
def test_words_sound_as_they_are_spelled(language, text, signs):
    import unicodedata

    assert phonemes(text, language) == unicodedata.normalize("NFD", signs)


@pytest.mark.parametrize(
    ("digits", "portuguese", "spanish", "italian"),
    [
        ("0", "zero", "cero", "zero"),
        ("28", "vinte e oito", "veintiocho", "ventotto"),
        ("33", "trinta e três", "treinta y tres", "trentatré"),
        ("100", "cem", "cien", "cento"),
        ("1101", "mil cento e um", "mil ciento uno", "millecentouno"),
        ("2024", "dois mil e vinte e quatro", "dos mil veinticuatro", "duemilaventiquattro"),
        ("21.000", "vinte e um mil", "veintiún mil", "ventunomila"),
        ("2000000", "dois milhões", "dos millones", "due milioni"),
        ("3,05", "três vírgula zero cinco", "tres coma cero cinco", "tre virgola zero cinque"),
        ("007", "zero zero sete", "cero cero siete", "zero zero sette"),
    ],
)
def test_numbers_are_spelled(digits, portuguese, spanish, italian):
    assert [number(digits, language) for language in ("pt", "es", "it")] == [portuguese, spanish, italian]


def test_a_number_too_large_for_words_is_read_digit_by_digit():
    assert number("1000000000", "it").split() == ["uno", *["zero"] * 9]


def test_money_time_and_signs_are_spelled():
    assert spell("Custa R$ 12,50 às 7:45, 10%.", "pt") == (
        "Custa doze vírgula cinco zero reais às sete quarenta e cinco, dez por cento."
    )
    assert spell("1 € & 2 $", "es") == "uno euros y dos dólares"
