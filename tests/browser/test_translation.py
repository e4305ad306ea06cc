"""Text both ways, swap, the attention under the pointer, speech, the English voice, and other rooms."""

SLUG = "translation"
BOX, RESULT = f"#{SLUG}-text textarea", f"#{SLUG}-result textarea"


def translate(page, text: str | None = None) -> str:
    """Press Translate and wait for the whole of it."""
    if text is not None:
        page.fill(BOX, text)
    page.click(f"#{SLUG}-run")
    page.wait_for_function(
        "selector => document.querySelector(selector)?.innerText.includes('ran in')", arg=f"#{SLUG}-status"
    )
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    return page.input_value(RESULT)


def test_one_click_translates_the_example(open_task):
    page = open_task(SLUG)
    assert "grandmother" in page.input_value(BOX)
    assert "avó" in translate(page)
    status = page.inner_text(f"#{SLUG}-status")
    assert "English → Portuguese" in status and "3 of 3 sentences" in status
    assert not page.is_visible(f"#{SLUG}-listen"), "the voice speaks English only"
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    assert download.value.path().read_text(encoding="utf-8") == page.input_value(RESULT)


def test_swap_and_back_again_and_the_english_voice(open_task):
    page = open_task(SLUG)
    translation = translate(page, "My sister lives in London.")
    page.click(f"#{SLUG}-swap")
    page.wait_for_function("([box, text]) => document.querySelector(box).value === text", arg=[BOX, translation])
    assert page.input_value(f"#{SLUG}-source input") == "Portuguese"
    assert page.input_value(f"#{SLUG}-target input") == "English"
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=Portuguese → English")
    page.wait_for_selector(f"#{SLUG}-listen", state="visible")
    assert page.input_value(RESULT) == "My sister lives in London."
    page.click(f"#{SLUG}-listen")
    page.wait_for_selector(f"#{SLUG}-voice", state="visible")
    page.wait_for_selector(f"#{SLUG}-voice >> text=0:0")
    page.click(f"#{SLUG}-speak")
    page.wait_for_selector("#text-to-speech-text", state="visible")
    page.wait_for_function(
        "document.querySelector('#text-to-speech-text textarea').value === 'My sister lives in London.'"
    )


def test_a_portuguese_text_turns_the_pair_around(open_task):
    page = open_task(SLUG)
    assert translate(page, "Bom dia, onde fica a estação de trem?").startswith("Good morning")
    assert page.input_value(f"#{SLUG}-target input") == "English"


def test_look_inside_shows_attention_and_candidates_on_a_phone(open_task):
    page = open_task(SLUG, width=390, dark=True)
    translate(page, "The red car is new. <b>I</b> love my brother.")
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-candidates tr >> nth=4")
    assert "▁carro" in page.inner_text(f"#{SLUG}-pieces")
    plot = page.locator(f"#{SLUG}-plot .nsewdrag")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.wait_for_selector(f"#{SLUG}-plot .hovertext >> text=▁The → ▁O")
    page.click(f"#{SLUG}-sentence input")
    page.click("[role=option] >> text=love my brother")
    page.wait_for_selector(f"#{SLUG}-candidates >> text=irmão")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_stop_keeps_what_is_translated(open_task):
    page = open_task(SLUG)
    page.fill(BOX, "The old library is open every day. " * 500)
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=of 500 sentences")
    page.click(f"#{SLUG}-stop")
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    stopped = page.input_value(RESULT)
    assert 0 < stopped.count("biblioteca") < 500


def test_speech_becomes_english(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-form label:has-text('Speech')")
    page.click(f"#{SLUG}-run-speech")
    page.wait_for_selector(f"#{SLUG}-status >> text=Spanish → English")
    page.wait_for_selector(f"#{SLUG}-listen", state="visible")
    assert "Good morning" in page.input_value(RESULT)
    assert not page.is_visible(BOX) and not page.is_visible(f"#{SLUG}-inside")


def test_menus_follow_the_model_and_bad_input_gets_a_sentence(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-model input")
    page.click("[role=option] >> text=OPUS-MT English and German")
    page.wait_for_function(
        "selector => document.querySelector(selector).value === 'German'", arg=f"#{SLUG}-target input"
    )
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=not on this machine")
    page.click(f"#{SLUG}-model input")
    page.click("[role=option] >> text=Firefox Translations tiny")
    page.wait_for_function(
        "selector => document.querySelector(selector).value === 'Portuguese'", arg=f"#{SLUG}-target input"
    )
    page.fill(BOX, "word " * 20_000)
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=too long")
    assert len(page.input_value(BOX)) == 100_000
