"""One click and it speaks: sentences play one after the other, Stop is quiet, the file is a voice."""

import numpy as np

from tasks.settings import EXAMPLES
from tasks.speech_recognition import transcribe
from tasks.speech_synthesis import join, write_wav
from tasks.speech_synthesis import speak as speak_aloud
from tasks.whisper import TINY_EN
from tests.browser.conftest import find_chromium, unfold, visit
from tests.test_speech_recognition import plain

SLUG = "text-to-speech"
PLAYER = f"#{SLUG}-player"
# What the page plays, and when: [address, milliseconds after the click].
LISTEN = """() => {
  window.played = [];
  document.addEventListener("click", () => (window.clicked = performance.now()), { capture: true });
  const play = Audio.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    // Once: a sound that had to wait for busy cores says it is playing again.
    this.addEventListener("playing", () => played.push([this.src, performance.now() - clicked]), { once: true });
    this.addEventListener("pause", () => this.ended || (window.silenced = true));
    return play.call(this);
  };
}"""


def speak(page, text: str) -> None:
    page.fill(f"#{SLUG}-text textarea", text)
    page.evaluate(LISTEN)
    page.click(f"#{SLUG}-run")


def test_sentences_play_one_after_the_other_and_the_file_is_downloaded(open_task):
    page = open_task(SLUG)
    speak(page, "Good morning. Thank you very much.")
    page.wait_for_selector(f"{PLAYER} >> text=Good morning.")
    page.wait_for_selector(f"{PLAYER} >> text=Thank you very much.")
    page.wait_for_function("played.length == 2")
    first, second = page.evaluate("played")
    assert first[0] != second[0] and second[1] > first[1] + 500, "the second waits for the first to end"
    page.wait_for_selector(f"#{SLUG}-status >> text=first sentence after")
    with page.expect_download() as download:
        page.click(f"#{SLUG}-audio [aria-label=Download], #{SLUG}-audio a[download]")
    path = download.value.path()
    assert path.read_bytes()[:4] == b"RIFF" and b"Synthetic speech" in path.read_bytes()
    assert plain(transcribe(path, TINY_EN).text) == "good morning thank you very much"


def test_stop_is_quiet_at_once(open_task):
    page = open_task(SLUG)
    speak(page, "This is the first of many sentences that nobody wants to hear. " * 40)
    page.wait_for_function("played.length == 1")
    page.click(f"#{SLUG}-stop")
    page.wait_for_function("window.silenced")
    page.wait_for_selector(f"#{SLUG}-status >> text=ran in")
    assert page.evaluate("played.length") == 1


def test_a_blend_of_two_voices_is_spoken_and_looked_into(open_task):
    page = open_task(SLUG)
    for picker, option in (("model", "Kokoro-82M"), ("voice", "Emma"), ("other", "Fenrir")):
        page.click(f"#{SLUG}-{picker} input")
        page.click(f"ul[role=listbox] >> text={option}")
        if picker == "model":
            page.wait_for_selector(f"#{SLUG}-other", state="visible")
    page.wait_for_selector(f"#{SLUG}-share", state="visible")
    speak(page, "Good evening.")
    page.wait_for_function("played.length == 1")
    page.wait_for_selector(f"#{SLUG}-status >> text=Kokoro-82M")
    page.click(f"#{SLUG}-inside > button")
    page.wait_for_selector(f"#{SLUG}-plot text:text-is('ɡ')")
    page.click(f"#{SLUG}-vocoder")
    for part in ("network", "guessed"):
        page.wait_for_selector(f"#{SLUG}-{part} [aria-label=Play]")


def test_what_cannot_be_read_gets_a_sentence(open_task):
    page = open_task(SLUG)
    speak(page, "Привет, мир")
    page.wait_for_selector(".toast-body >> text=The voices here read English")


def test_somebody_reads_the_sentence_aloud_and_is_matched(playwright, gallery_url, tmp_path):
    """The microphone plays a file that is written once the page has said what to read."""
    story = (
        "The old man sat down and told us about the long winters of his childhood. "
        "We listened until it was dark, and nobody wanted to go home."
    )
    write_wav(tmp_path / "sample.wav", *join(list(speak_aloud(story))), "a sample")
    microphone = tmp_path / "microphone.wav"
    arguments = [
        "--no-sandbox", "--disable-gpu", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]  # fmt: skip
    with playwright.chromium.launch(executable_path=find_chromium(), args=arguments) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900}, permissions=["microphone"])
        page.set_default_timeout(90_000)
        visit(page, gallery_url, SLUG)
        unfold(page, f"#{SLUG}-match > button")
        sentence = page.inner_text(f"#{SLUG}-consent blockquote").strip()
        assert sentence.startswith("This is my own voice")
        rate, samples = join(list(speak_aloud(sentence)))
        write_wav(microphone, rate, np.concatenate([np.zeros(2 * rate, np.int16), samples]), "the sentence")

        page.click(f"#{SLUG}-sample button[aria-label='Upload file']")
        page.set_input_files(f"#{SLUG}-sample input[type=file]", tmp_path / "sample.wav")
        page.wait_for_selector(f"#{SLUG}-sample button[aria-label=Clear]")
        page.click(f"#{SLUG}-reading button:has-text('Record')")
        page.wait_for_selector(f"#{SLUG}-reading button:has-text('Stop')")
        page.wait_for_timeout(1000 * (2 + len(samples) / rate + 1.5))  # as long as reading takes
        # The page shows a recording while it is still being sent.
        with page.expect_response(lambda response: "/upload" in response.url):
            page.click(f"#{SLUG}-reading button:has-text('Stop')")
        page.click(f"#{SLUG}-find")
        page.wait_for_selector(f"#{SLUG}-found >> text=Similarity 0.")
        page.wait_for_function(f"document.querySelector('#{SLUG}-voice input').value.startsWith('Your match')")
        speak(page, "Good evening.")
        page.wait_for_function("played.length == 1")
        page.wait_for_selector(f"#{SLUG}-status >> text=Kokoro-82M")


def test_without_the_sentence_nothing_is_matched(open_task):
    page = open_task(SLUG)
    unfold(page, f"#{SLUG}-match > button")
    page.wait_for_selector(f"#{SLUG}-consent blockquote")
    page.click(f"#{SLUG}-sample button[aria-label='Upload file']")
    page.set_input_files(f"#{SLUG}-sample input[type=file]", EXAMPLES / "kennedy.flac")
    page.wait_for_selector(f"#{SLUG}-sample button[aria-label=Clear]")
    page.click(f"#{SLUG}-find")
    page.wait_for_selector(".toast-body >> text=Your consent is missing")
