"""The page, used in a real headless Chromium: typed into, clicked, read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from xinzhi.serving.app import create_app
from xinzhi.serving.runtime import RUNTIME
from xinzhi.serving.settings import ServeSettings

from .applications import ANSWERS, build_database, build_index
from .page_pipeline import save_pipeline

Page = Any
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="there is no chromium on this machine"),
]
OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
ATTACK = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
EMOJI = "😀👨‍👩‍👧 社区有刷脸门禁，也有一网通办。"
KEY = "k" * 32


def running(settings: ServeSettings) -> Iterator[str]:
    config = uvicorn.Config(create_app(settings), port=0, log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(RUNTIME, str(folder))
        yield {name: save_pipeline(folder / name / "1.2.3") for name in ("demo", "other")}


@pytest.fixture(scope="module")
def url(pipelines: dict[str, str]) -> Iterator[str]:
    yield from running(ServeSettings(models=pipelines))


@pytest.fixture(scope="module")
def url_with_key(pipelines: dict[str, str]) -> Iterator[str]:
    key = {"name": "me", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    models = {"demo": pipelines["demo"]}
    yield from running(ServeSettings(models=models, keys=[key], max_text_characters=50))


@pytest.fixture(scope="module")
def url_of_applications(
    pipelines: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    tiny_encoder: Callable[..., Path],
) -> Iterator[str]:
    """Everything there is, behind a key."""
    folder = tmp_path_factory.mktemp("applications")
    key = {"name": "me", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    yield from running(
        ServeSettings(
            models={"demo": pipelines["demo"]},
            faq=build_index(folder / "index", tiny_encoder()),
            monitor=build_database(folder / "posts.duckdb"),
            keys=[key],
        )
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, url: str) -> Iterator[Callable[..., Page]]:
    """A function that opens the page; whatever the browser complains about fails the test."""
    contexts, complaints = [], []

    def open_page(address: str = url, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-US", **options})
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(address)
        page.wait_for_selector("#model-chip:not([hidden]), #problem:not([hidden])")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def analyze(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.click("#analyze")
    page.wait_for_selector("#status:text-matches('\\\\d+ ms|毫秒')")


def marks(page: Page) -> list[str]:
    return [re.sub(r"\s+", " ", text) for text in page.locator("#marked mark").all_inner_texts()]


def test_type_click_read(open_page: Callable[..., Page]) -> None:
    page = open_page()
    analyze(page, "社区有刷脸门禁，也有一网通办。")
    assert marks(page) == ["刷脸门禁设备0.90", "一网通办服务0.60"]
    bars = page.locator("[data-head=mood] li").all_inner_texts()
    assert [bar.split() for bar in bars] == [["好", "0.80"], ["坏", "0.20"]]
    assert "margin 0.60 < 0.70" in page.inner_text("[data-head=mood]")
    page.click("#tab-table")
    rows = page.locator("#table tbody tr").all_inner_texts()
    assert rows[0].split("\t") == ["3", "7", "刷脸门禁", "设备", "0.90", "其他 0.05"]
    page.click("#tab-json")
    reply = json.loads(page.inner_text("#json"))
    assert reply["results"][0]["entities"][1]["text"] == "一网通办"
    assert not page.is_visible("#marked")


def test_user_text_is_never_markup(open_page: Callable[..., Page]) -> None:
    page = open_page()
    analyze(page, f"{ATTACK}刷脸门禁{ATTACK}")
    for tab in ("marked", "table", "json", "code"):
        page.click(f"#tab-{tab}")
    assert page.locator("#results img, #results script").count() == 0
    assert page.title() == "xinzhi"
    page.click("#tab-marked")
    assert page.inner_text("#marked").startswith("<img src=x onerror=")


def test_thresholds(open_page: Callable[..., Page]) -> None:
    page = open_page()
    analyze(page, "社区有刷脸门禁，也有一网通办。")
    page.focus("#entity-threshold")
    page.locator("#entity-threshold").fill("0.75")
    assert marks(page) == ["刷脸门禁设备0.90"]
    assert page.inner_text("#entity-value") == "0.75"
    page.locator("#label-threshold").fill("0.5")
    assert page.locator("[data-head=mood] li").count() == 1
    assert page.inner_text("#hidden-count") == "Hidden now: 1 of the entities, 1 of the labels."
    page.keyboard.press("Home")
    page.focus("#entity-threshold")
    page.keyboard.press("Home")
    assert len(marks(page)) == 2
    page.click("#legend [data-label=设备]")
    assert marks(page) == ["一网通办服务0.60"]
    assert page.get_attribute("#legend [data-label=设备]", "aria-pressed") == "false"


@pytest.mark.parametrize("offsets", ["codepoints", "utf16"])
def test_offsets_with_emoji(open_page: Callable[..., Page], offsets: str) -> None:
    page = open_page()
    page.evaluate("offsets => document.getElementById('offsets').value = offsets", offsets)
    analyze(page, EMOJI)
    assert marks(page) == ["刷脸门禁设备0.90", "一网通办服务0.60"]
    first = json.loads(page.inner_text("#json") or page.text_content("#json"))["results"][0]
    encoded = EMOJI if offsets == "codepoints" else EMOJI.encode("utf-16-le")
    unit = 1 if offsets == "codepoints" else 2
    entity = first["entities"][0]
    cut = encoded[entity["start"] * unit : entity["end"] * unit]
    assert (cut if isinstance(cut, str) else cut.decode("utf-16-le")) == "刷脸门禁"
    page.click("#tab-table")
    assert page.inner_text("#table tbody tr td") == str(entity["start"])
    assert page.inner_text("#count") == f"{len(EMOJI)} characters"


def test_spans_that_overlap(open_page: Callable[..., Page]) -> None:
    page = open_page()
    analyze(page, "重叠一网通办，刷脸门禁。")
    pieces = page.locator(".stack .piece:not(:has(.tag))").all_inner_texts()
    assert "".join(pieces) == "重叠一网通办"
    tags = page.locator(".stack .tag").all_inner_texts()
    assert tags == ["甲0.70", "服务0.60", "乙0.40"]
    assert marks(page) == ["刷脸门禁设备0.90"]
    shown = page.evaluate(
        "[...document.getElementById('marked').childNodes].map(n => n.textContent).join('')"
    )
    for tag in [*tags, "设备0.90"]:
        shown = shown.replace(tag, "")
    assert shown == "重叠一网通办，刷脸门禁。"
    assert "0.625" in page.inner_text("#heads")


def test_lanes_of_many_spans(open_page: Callable[..., Page]) -> None:
    page = open_page()
    result = page.evaluate(
        """async () => {
          const { clusters, lanes, pieces, toUtf16 } = await import("/spans.js");
          const spans = [[0, 5], [1, 3], [3, 4], [4, 8], [8, 9]];
          const made = spans.map(([start, end]) => ({ start, end }));
          const groups = clusters(made);
          return { sizes: groups.map((g) => g.length), lanes: lanes(groups[0]),
                   pieces: pieces(groups[0]).map((p) => [p.start, p.end, p.open]),
                   moved: toUtf16("a😀b", [{ start: 1, end: 3 }, { start: 0, end: 9 }]) };
        }"""
    )
    assert result["sizes"] == [4, 1]
    assert result["lanes"] == [0, 1, 1, 1]
    assert result["pieces"] == [
        [0, 1, [0]],
        [1, 3, [0, 1]],
        [3, 4, [0, 2]],
        [4, 5, [0, 3]],
        [5, 8, [3]],
    ]
    assert result["moved"] == [{"start": 1, "end": 4}, {"start": 0, "end": 4}]


def test_keyboard(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.focus("#text")
    page.keyboard.type("Hangzhou")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#marked mark")
    page.focus("#tab-marked")
    page.keyboard.press("ArrowLeft")
    assert page.get_attribute("#tab-code", "aria-selected") == "true"
    assert page.evaluate("document.activeElement.id") == "tab-code"
    page.keyboard.press("Home")
    assert page.is_visible("#marked")
    nameless = page.evaluate(
        """[...document.querySelectorAll("button, input, select, textarea, a")]
          .filter((e) => e.offsetParent)
          .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length))
          .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_languages(open_page: Callable[..., Page]) -> None:
    page = open_page(locale="zh-CN")
    assert page.inner_text("#analyze") == "分析"
    assert page.get_attribute("html", "lang") == "zh-CN"
    analyze(page, "刷脸门禁")
    assert page.inner_text("#status").startswith("1 个实体")
    page.click("#language-button")
    assert page.inner_text("#analyze") == "Analyze"
    assert page.inner_text("#status").startswith("1 entity in")
    page.reload()
    assert page.inner_text("#analyze") == "Analyze"
    words = page.evaluate(
        """async () => {
          const { setLanguage, t } = await import("/i18n.js");
          const keys = [...document.querySelectorAll("[data-i18n]")].map((e) => e.dataset.i18n);
          return ["en", "zh"].flatMap((name) => {
            setLanguage(name);
            return keys.map((key) => t(key) ?? `${name} ${key}`);
          });
        }"""
    )
    assert [word for word in words if word.startswith(("en ", "zh "))] == []


def test_dark_by_the_system_and_by_the_switch(open_page: Callable[..., Page]) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    page = open_page(color_scheme="dark")
    dark = page.evaluate(colour)
    page.click("#theme-button")
    light = page.evaluate(colour)
    assert dark != light
    page.click("#theme-button")
    assert page.evaluate(colour) == dark
    page.reload()
    assert page.get_attribute("html", "data-theme") == "dark"


def test_examples_models_and_narrow_windows(open_page: Callable[..., Page]) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    for chip in page.locator("#examples .chip").all():
        chip.click()
        page.wait_for_selector("#status:has-text('ms')")
        assert page.locator("#marked").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.select_option("#model", "other")
    page.wait_for_selector("#model-chip:has-text('other')")
    page.click("#analyze")
    page.wait_for_selector("#status:has-text('ms')")
    page.wait_for_function("() => document.querySelector('#json').textContent.includes('other')")


def test_key_and_problems(open_page: Callable[..., Page], url_with_key: str) -> None:
    page = open_page(url_with_key)
    assert "401" in page.inner_text("#problem")
    page.click("#problem button")
    page.fill("#key", "wrong")
    page.click("#key-form .primary")
    page.wait_for_selector("#problem:has-text('401')")
    page.click("#key-button")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector("#model-chip:has-text('demo 1.2.3')")
    assert page.is_hidden("#problem")
    assert KEY in page.evaluate("JSON.stringify(sessionStorage)")
    assert KEY not in page.evaluate("JSON.stringify(localStorage) + document.cookie")
    analyze(page, "刷脸门禁")
    assert KEY not in page.content()
    page.fill("#text", "字" * 51)
    page.click("#analyze")
    page.wait_for_selector("#problem:has-text('413')")
    assert "50" in page.inner_text("#problem")


def enter_key(page: Page) -> None:
    page.click("#key-button")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")


def test_questions(open_page: Callable[..., Page], url_of_applications: str) -> None:
    page = open_page(url_of_applications)
    assert page.is_hidden("#pages")
    enter_key(page)
    page.wait_for_selector("#tab-faq")
    page.focus("#tab-analysis")
    page.keyboard.press("ArrowRight")
    assert page.is_hidden("#analysis")
    page.click("#ask")
    assert page.inner_text("#faq-status") == "Type a text first."
    page.fill("#question", ANSWERS["card"][0])
    page.keyboard.press("Enter")
    page.wait_for_selector("#faq-list li")
    first = page.inner_text("#faq-list li")
    assert ANSWERS["card"][1] in first
    assert re.search(r"\b[01]\.\d\d\b", first)
    page.click("#language-button")
    assert page.inner_text("#ask") == "提问"
    assert page.inner_text("#faq-decision") in (
        "答案",
        "您问的是哪一个？",
        "知识库中没有答案，最接近的条目是",
    )
    page.click("#tab-analysis")
    analyze(page, "刷脸门禁")
    page.click("#tab-table")
    assert page.is_visible("#analysis"), "the tabs of the results are others"
    assert page.get_attribute("#tab-analysis", "aria-selected") == "true"
    assert page.get_attribute("#tab-marked", "aria-selected") == "false"


def test_a_question_that_is_refused(
    open_page: Callable[..., Page], url_of_applications: str
) -> None:
    page = open_page(url_of_applications)
    enter_key(page)
    page.click("#tab-faq")
    page.evaluate("sessionStorage.clear()")
    page.fill("#question", ATTACK)
    page.click("#ask")
    page.wait_for_selector("#faq-problem:has-text('401')")
    page.click("#faq-problem button")
    assert page.is_visible("#key-dialog")
    page.fill("#key", KEY)
    page.keyboard.press("Enter")
    page.click("#ask")
    page.wait_for_selector("#faq-list li")
    assert page.is_hidden("#faq-problem")
    assert page.title() == "xinzhi"


def test_the_dashboard_opens_with_the_key_as_password(
    browser: Any, url_of_applications: str
) -> None:
    context = browser.new_context(http_credentials={"username": "me", "password": KEY})
    context.set_default_timeout(60_000)
    page = context.new_page()
    blocked: list[str] = []
    page.on("console", lambda m: blocked.append(m.text) if m.type == "error" else None)
    page.goto(url_of_applications)
    enter_key(page)
    page.click("#monitor-link")
    page.wait_for_selector("td[style]")
    styled = page.evaluate("getComputedStyle(document.querySelector('td[style]')).backgroundColor")
    context.close()
    assert styled.startswith(("rgb", "color"))
    assert [text for text in blocked if "Content Security Policy" in text] == []


def test_service_that_is_gone(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.context.set_offline(True)
    page.fill("#text", "刷脸门禁")
    page.click("#analyze")
    page.wait_for_selector("#problem:has-text('does not answer')")
    page.context.set_offline(False)
    page.click("#analyze")
    page.wait_for_selector("#marked mark")
    assert page.is_hidden("#problem")


def test_the_copied_command_works(open_page: Callable[..., Page], url: str) -> None:
    page = open_page()
    text = 'it\'s "刷脸门禁" $HOME `x` \\ 😀\n第二行'
    analyze(page, text)
    page.click("#tab-code")
    command = page.inner_text("#curl")
    shell = shutil.which("sh")
    if not (shutil.which("curl") and shell):
        pytest.skip("there is no curl on this machine")
    done = subprocess.run([shell, "-c", command], capture_output=True, check=True)
    entity = json.loads(done.stdout)["results"][0]["entities"][0]
    assert text[entity["start"] : entity["end"]] == "刷脸门禁"


def test_the_copied_program_works(open_page: Callable[..., Page]) -> None:
    page = open_page()
    analyze(page, 'it\'s "刷脸门禁" \\ 😀\n第二行')
    page.click("#tab-code")
    program = page.inner_text("#python")
    environment = {**os.environ, "PYTHONIOENCODING": "utf8"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr.decode()
    assert "刷脸门禁" in done.stdout.decode("utf8")
