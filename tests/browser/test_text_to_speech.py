"""One click and it speaks: sentences play one after the other, Stop is quiet, the file is a voice."""

from tasks.speech_recognition import transcribe
from tasks.whisper import TINY_EN
from tests.test_speech_recognition import plain

SLUG = "text-to-speech"
PLAYER = f"#{SLUG}-player"
# What the page plays, and when: [address, milliseconds after the click].
LISTEN = """() => {
  window.played = [];
  document.addEventListener("click", () => (window.clicked = performance.now()), { capture: true });
  const play = Audio.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    this.addEventListener("playing", () => played.push([this.src, performance.now() - clicked]));
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
