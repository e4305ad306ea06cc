"""One click, an upload, a voice in the microphone: words appear, and what is no recording gets a sentence."""

from tests.test_speech_recognition import ASK_NOT, CLIPS, plain, word_error_rate

SLUG = "speech-recognition"
TEXT = f"#{SLUG}-text textarea"


def wait_for_words(page, words: str) -> None:
    page.wait_for_function(
        "([box, words]) => document.querySelector(box).value.toLowerCase().includes(words)", arg=[TEXT, words]
    )


def choose(page, picker: str, option: str) -> None:
    page.click(f"#{SLUG}-{picker} input")
    page.click(f"ul[role=listbox] >> text={option}")


def test_one_click_writes_down_the_example_and_offers_subtitles(open_task):
    page = open_task(SLUG)
    page.click(f"#{SLUG}-run")
    wait_for_words(page, "country")
    page.wait_for_selector(f"#{SLUG}-srt", state="visible")
    assert plain(page.input_value(TEXT)) == ASK_NOT
    status = page.inner_text(f"#{SLUG}-status")
    assert "Whisper base" in status and "English" in status and "ran in" in status
    with page.expect_download() as download:
        page.click(f"#{SLUG}-srt")
    assert download.value.path().read_text().startswith("1\n00:00:0")
    # Sent to translation, the words are to be seen even where speech was translated last.
    page.evaluate("openRoom('translation')")
    page.click("#translation-form label:has-text('Speech')")
    page.wait_for_selector("#translation-text", state="hidden")
    page.evaluate("openRoom('speech-recognition')")
    page.click(f"#{SLUG}-translate")
    page.wait_for_selector("#translation-text textarea", state="visible")
    assert plain(page.input_value("#translation-text textarea")) == ASK_NOT


def test_an_upload_is_read_and_looked_into(open_task):
    page = open_task(SLUG)
    choose(page, "model", "Whisper tiny.en")
    page.wait_for_selector(f"#{SLUG}-language", state="hidden")
    path, text = next((path, text) for path, text in CLIPS.items() if "amiable woman" in text)
    page.click(f"#{SLUG}-audio button[aria-label=Clear]")
    page.set_input_files(f"#{SLUG}-audio input[type=file]", path)
    page.wait_for_selector(f"#{SLUG}-audio button[aria-label=Clear]")
    page.click(f"#{SLUG}-run")
    wait_for_words(page, "amiable")
    page.wait_for_selector(f"#{SLUG}-srt", state="visible")
    assert word_error_rate(text, page.input_value(TEXT)) < 0.2
    page.click(f"#{SLUG}-inside > button")
    page.wait_for_selector(f"#{SLUG}-plot text:text-is('married')")


def test_live_words_appear_while_somebody_speaks(open_task):
    page = open_task(SLUG)
    choose(page, "model", "Whisper tiny.en")
    page.click(f"#{SLUG}-live > button")
    page.click(f"#{SLUG}-microphone button:text-is('Speak')")
    wait_for_words(page, "selfish")
    wait_for_words(page, "made")  # of the second sentence: the text goes on growing
    page.click(f"#{SLUG}-microphone button:text-is('Stop')")
    page.wait_for_selector(f"#{SLUG}-srt", state="visible")
    page.wait_for_selector(f"#{SLUG}-microphone button:text-is('Speak')")
    assert "rather" in page.input_value(TEXT)
    # What was said can be run again, through another network.
    choose(page, "model", "Whisper base")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=Whisper base")
    wait_for_words(page, "selfish")


def test_what_is_no_recording_gets_a_sentence(open_task, tmp_path):
    page = open_task(SLUG)
    (tmp_path / "noise.wav").write_bytes(b"this is no recording" * 50)
    page.click(f"#{SLUG}-audio button[aria-label=Clear]")
    page.set_input_files(f"#{SLUG}-audio input[type=file]", tmp_path / "noise.wav")
    page.wait_for_selector(f"#{SLUG}-audio button[aria-label=Clear]")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=not a recording that can be read")
