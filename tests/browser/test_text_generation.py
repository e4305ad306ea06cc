"""Chat streams and can be stopped, a story grows in its own box, and every token can be asked for its rivals."""

from tests.browser.conftest import unfold

SLUG = "text-generation"


def test_one_click_streams_an_answer(open_task):
    page = open_task(SLUG)
    question = page.input_value(f"#{SLUG}-message textarea, #{SLUG}-message input")
    assert question
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-conversation .bot >> text=The")
    assert page.input_value(f"#{SLUG}-message textarea, #{SLUG}-message input") == ""
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    status = page.inner_text(f"#{SLUG}-status")
    assert "SmolLM2-135M-Instruct" in status and "tokens/s" in status
    conversation = page.inner_text(f"#{SLUG}-conversation")
    assert question in conversation and "evaporation" in conversation
    with page.expect_download() as download:
        page.click(f"#{SLUG}-download")
    assert question in download.value.path().read_text(encoding="utf-8")


def test_stop_keeps_what_is_there_and_look_inside_shows_it(open_task):
    page = open_task(SLUG)
    page.fill(f"#{SLUG}-message textarea, #{SLUG}-message input", "Describe a sunset over the mountains.")
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-status >> text=tokens/s")
    page.click(f"#{SLUG}-stop")
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    stopped = page.inner_text(f"#{SLUG}-conversation .bot")
    page.click(f"#{SLUG}-inside button")
    page.wait_for_selector(f"#{SLUG}-tokens .token")
    shown = "".join(page.locator(f"#{SLUG}-tokens .token").all_inner_texts())
    assert shown.split()[0] in stopped and page.locator(f"#{SLUG}-tokens .token").count() < 256
    assert page.inner_text(f"#{SLUG}-conversation .bot") == stopped


def test_a_story_grows_in_its_box_and_its_tokens_have_rivals(open_task):
    page = open_task(SLUG, width=390)
    page.click(f"#{SLUG}-mode label:has-text('Story')")
    box = f"#{SLUG}-story textarea"
    page.wait_for_selector(box)
    page.fill(box, "One\n\nTwo\n\nThe little fox had never seen snow before. One morning,")
    unfold(page, f"#{SLUG}-options button")
    page.fill(f"#{SLUG}-max-tokens input[type=number]", "30")
    page.press(f"#{SLUG}-max-tokens input[type=number]", "Tab")
    page.wait_for_function(f"document.querySelector('#{SLUG}-max-tokens input[type=range]').value == '30'")
    page.click(f"#{SLUG}-continue")
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    assert page.input_value(box).startswith("One\n\nTwo\n\nThe little fox")
    assert "30 tokens" in page.inner_text(f"#{SLUG}-status")
    page.click(f"#{SLUG}-inside button")
    token = page.locator(f"#{SLUG}-tokens .token").last
    token.click()
    page.wait_for_selector(f"#{SLUG}-candidates .chosen >> text={token.inner_text().strip()}")
    assert page.locator(f"#{SLUG}-candidates tr").count() == 9


def test_a_text_that_is_too_long_is_not_lost(open_task):
    page = open_task(SLUG)
    box = f"#{SLUG}-message textarea, #{SLUG}-message input"
    page.fill(box, "word " * 20_000)
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(".toast-body >> text=too long")
    assert len(page.input_value(box)) == 100_000


def test_html_of_a_visitor_stays_text(open_task):
    page = open_task(SLUG, dark=True)
    page.fill(
        f"#{SLUG}-message textarea, #{SLUG}-message input",
        'Repeat: <img src="x" onerror="document.title=1"><script>document.title=2</script>',
    )
    page.click(f"#{SLUG}-run")
    page.wait_for_selector(f"#{SLUG}-download", state="visible")
    assert page.title() == "Neural Gallery"
