"""Tests the pages of `plan` and `diff`: their contents, and in a headless Chromium what a reader sees and can do."""

import concurrent.futures
import os
import re
import shutil

import numpy as np
import pytest

import estimator_ckpt
from estimator_ckpt.bundle.reader import BundleReader
from estimator_ckpt.cli.html_page import GOOD, Page, PageRow
from estimator_ckpt.cli.tensor_pages import plan_page
from estimator_ckpt.inspection.tensor_histograms import BINS, Histograms, histograms
from tests.bundle.helpers import save, strings
from tests.cli.helpers import in_process

selenium = pytest.importorskip('selenium')

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

RULE = r'--rule=bert/layer_(\d+)/(.*) -> encoder/block_\1/\2'


@pytest.fixture(scope='module')
def pair(tmp_path_factory):
    """Two checkpoints whose layers correspond, but for one that is missing, one of another shape and one value."""
    folder, random = tmp_path_factory.mktemp('pages'), np.random.default_rng(0)
    a = {f'bert/layer_{n}/kernel': random.normal(0, 1, (4, 8)).astype(np.float32) for n in range(12)}
    a |= {f'{name}/Adam': np.zeros((4, 8), np.float32) for name in a} | {'words': strings(b'<b>&')}
    b = {name.replace('bert/layer', 'encoder/block'): value for name, value in a.items()}
    b['encoder/block_3/kernel'] = b['encoder/block_3/kernel'] * np.float32(1.001)
    b['encoder/block_5/kernel'] = np.ones((2, 2), np.float32)
    b['head/<script>alert(1)</script>/bias'] = np.zeros(3, np.float32)
    return save(folder / 'a', a), save(folder / 'b', b)


@pytest.fixture(scope='module')
def browser(tmp_path_factory):
    if not (shutil.which('chromium') and shutil.which('chromedriver')):
        pytest.skip('Chromium is not installed')
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which('chromium')
    for argument in (
        '--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--disable-quic',
        '--no-first-run', '--disable-sync', '--disable-background-networking', '--disable-component-update',
        '--window-size=1200,900',
    ):  # fmt: skip
        options.add_argument(argument)
    options.add_argument(f'--user-data-dir={tmp_path_factory.mktemp("chromium")}')
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    try:
        driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which('chromedriver')))
    except WebDriverException as error:  # Without shared memory, say, or as another release than its driver.
        pytest.skip(f'Chromium does not start here: {error.msg}')
    yield driver
    driver.quit()


def page(capsys, command, pair, path):
    result = in_process(capsys, command, *pair, RULE, f'--html={path}')
    assert (result.code, result.err) == (1, '')
    return path


@pytest.fixture
def see(browser, capsys, pair, tmp_path):
    """A function that opens the page of a subcommand and checks at the end that nothing went wrong in it."""

    def opened(command):
        browser.get(page(capsys, command, pair, tmp_path / 'page.html').as_uri())
        WebDriverWait(browser, 20).until(lambda b: b.find_element(By.CSS_SELECTOR, 'body[data-ready]'))
        return browser

    yield opened
    assert browser.get_log('browser') == []


def names(browser, side):
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, f'#{side} .name')]


def layer(browser, side, name):
    [found] = [
        one
        for one in browser.find_elements(By.CSS_SELECTOR, f'#{side} button')
        if one.find_element(By.CLASS_NAME, 'name').text == name
    ]
    return found


class TestText:
    def test_it_refers_to_nothing_elsewhere(self, capsys, pair, tmp_path):
        text = page(capsys, 'plan', pair, tmp_path / 'p.html').read_text()
        assert "default-src 'none'" in text
        assert set(re.findall(r'https?://[^\'"\s]+', text)) == {'http://www.w3.org/2000/svg'}
        assert not re.search(r'<(script|img|iframe|link)[^>]* (src|href)="(?!data:)', text)
        assert '<script>alert' not in text

    def test_what_is_printed_is_the_same(self, capsys, pair, tmp_path):
        with_page = in_process(capsys, 'diff', *pair, RULE, f'--html={tmp_path / "p.html"}')
        assert with_page == in_process(capsys, 'diff', *pair, RULE)

    def test_rules_from_a_pipe_reach_the_page_of_diff_too(self, capsys, pair, tmp_path):
        reading, writing = os.pipe()
        os.write(writing, RULE.removeprefix('--rule=').encode())
        os.close(writing)
        pages = [tmp_path / 'piped.html', tmp_path / 'page.html']
        result = in_process(capsys, 'diff', *pair, f'--rules=/dev/fd/{reading}', f'--html={pages[0]}')
        os.close(reading)
        assert result.code == 1 and '23 tensors equal' in result.lines[-1]
        page(capsys, 'diff', pair, pages[1])
        assert pages[0].read_text() == pages[1].read_text()

    def test_ten_thousand_tensors_with_histograms_take_less_than_two_megabytes(self, tmp_path):
        random, rows = np.random.default_rng(0), []
        for n in range(10_000):
            name = f'tower_{n % 10}/encoder/layer_{n // 80}/attention/self/part_{n % 8}/kernel'
            counts = [np.histogram(random.normal(size=1000), BINS)[0] for _ in 'ab']
            found = Histograms(-random.random(), random.random(), counts)
            other = name.replace('layer', 'block')
            rows.append(
                PageRow(
                    'matched', name, other, name[:-7], other[:-7], 'float32', '[768, 768]', histograms=found
                )
            )
        made = Page('Plan', ('source', 'target'), ('a', 'b'), {'matched': GOOD}, '', [], rows)
        made.write(str(tmp_path / 'p.html'))
        assert (tmp_path / 'p.html').stat().st_size < 2_000_000

    def test_missing_directories_are_created_and_nothing_else(self, capsys, pair, tmp_path):
        page(capsys, 'plan', pair, tmp_path / 'new' / 'er' / 'p.html')
        page(capsys, 'plan', pair, tmp_path / 'new' / 'er' / 'p.html')
        assert [path.name for path in tmp_path.rglob('*')] == ['new', 'er', 'p.html']

    def test_a_page_that_cannot_be_written_is_an_error(self, capsys, pair, tmp_path):
        (tmp_path / 'file').touch()
        for path in (tmp_path / 'file' / 'p.html', tmp_path):
            result = in_process(capsys, 'plan', *pair, RULE, f'--html={path}')
            assert result.code == 2 and f' {path}: ' in result.err
        assert os.listdir(tmp_path) == ['file']

    def test_a_link_and_a_pipe_stay_what_they_are(self, capsys, pair, tmp_path):
        expected = page(capsys, 'plan', pair, tmp_path / 'page.html').read_bytes()
        (tmp_path / 'link.html').symlink_to(tmp_path / 'linked.html')
        (tmp_path / 'linked.html').touch()
        page(capsys, 'plan', pair, tmp_path / 'link.html')
        assert (tmp_path / 'link.html').is_symlink() and (tmp_path / 'linked.html').read_bytes() == expected
        os.mkfifo(tmp_path / 'pipe')
        with concurrent.futures.ThreadPoolExecutor() as pool:
            read = pool.submit((tmp_path / 'pipe').read_bytes)
            page(capsys, 'plan', pair, tmp_path / 'pipe')
            assert read.result() == expected

    def test_a_path_that_is_not_utf_8_can_be_shown(self, capsys, pair, tmp_path):
        prefix = save(tmp_path / 'a', {'w': np.zeros(2, np.float32)})
        strange = os.fsencode(prefix) + b'\xff'
        for ending in (b'.index', b'.data-00000-of-00001'):
            os.rename(os.fsencode(prefix) + ending, strange + ending)
        result = in_process(capsys, 'plan', os.fsdecode(strange), pair[1], f'--html={tmp_path / "p.html"}')
        assert (result.code, result.err) == (1, '')
        assert '\\udcff' in (tmp_path / 'p.html').read_text()

    def test_suggestions_have_none(self, capsys, pair, tmp_path):
        result = in_process(capsys, 'plan', '--suggest', *pair, f'--html={tmp_path / "p.html"}')
        assert result.code == 2 and 'omit --all_rows and --html' in result.err


class TestBrowser:
    def test_a_plan_shows_where_layers_come_from_and_what_is_missing(self, see):
        browser = see('plan')
        assert names(browser, 'left') == ['(no scope)', *(f'bert/layer_{n}' for n in range(12))]
        assert names(browser, 'right') == [
            '(no scope)', *(f'encoder/block_{n}' for n in range(12)), 'head/<script>alert(1)</script>',
        ]  # fmt: skip
        assert len(browser.find_elements(By.CSS_SELECTOR, '#lines path')) == 13
        missing = layer(browser, 'right', 'head/<script>alert(1)</script>')
        assert missing.find_element(By.CLASS_NAME, 'state').text == '1 missing'
        assert 'bad' in missing.get_attribute('class')
        assert '1 of 2 mismatched' in layer(browser, 'right', 'encoder/block_5').text
        assert len(browser.get_screenshot_as_png()) > 20_000

    def test_a_click_opens_a_layer_and_then_histograms_of_its_two_tensors(self, see):
        browser = see('plan')
        layer(browser, 'right', 'encoder/block_2').click()
        rows = browser.find_elements(By.CSS_SELECTOR, '#detail tbody tr')
        assert [row.find_elements(By.TAG_NAME, 'td')[1].text for row in rows] == [
            'encoder/block_2/kernel', 'encoder/block_2/kernel/Adam',
        ]  # fmt: skip
        rows[0].find_element(By.TAG_NAME, 'button').click()
        for side in 'ab':
            heights = [
                float(bar.get_attribute('height'))
                for bar in browser.find_elements(By.CSS_SELECTOR, f'#histogram .{side}')
            ]
            assert len(heights) == BINS and max(heights) == 35 * 4
        title = browser.find_element(By.CSS_SELECTOR, '#histogram title').get_attribute('textContent')
        assert 'bert/layer_2/kernel and encoder/block_2/kernel' in title

    def test_a_difference_shows_bars(self, see):
        browser = see('diff')
        widths = {
            name: layer(browser, 'right', name).find_elements(By.CSS_SELECTOR, '.bar span')
            for name in ('encoder/block_3', 'encoder/block_4')
        }
        assert widths['encoder/block_4'] == []
        # 1e-3 of eight powers of ten.
        assert widths['encoder/block_3'][0].get_attribute('style') in ('width: 62%;', 'width: 63%;')

    def test_a_tensor_of_one_side_has_the_color_of_that_side(self, see):
        browser = see('plan')
        layer(browser, 'right', 'head/<script>alert(1)</script>').click()
        browser.find_element(By.CSS_SELECTOR, '#detail tbody button').click()
        assert 'target (orange)' in browser.find_element(By.TAG_NAME, 'figcaption').text
        assert len(browser.find_elements(By.CSS_SELECTOR, '#histogram .b')) == BINS
        assert not browser.find_elements(By.CSS_SELECTOR, '#histogram .a')

    def test_a_narrow_window_shows_the_ends_of_names_and_the_lines(self, see):
        browser = see('plan')
        size = {'width': 400, 'height': 800, 'deviceScaleFactor': 1, 'mobile': False}
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', size)
        try:
            assert browser.execute_script('return document.documentElement.scrollWidth') <= 400
            name = layer(browser, 'right', 'head/<script>alert(1)</script>').find_element(By.TAG_NAME, 'bdi')
            place = 'const [a, b] = [arguments[0], arguments[0].parentNode].map((e) => e.getBoundingClientRect());'
            is_cut, end = browser.execute_script(f'{place} return [a.left < b.left, a.right - b.right]', name)
            assert is_cut and end == pytest.approx(0, abs=1)
            assert browser.find_element(By.ID, 'lines').size['width'] == 32
        finally:
            browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})

    def test_an_open_layer_covers_no_layer_for_good(self, see):
        browser = see('plan')
        layer(browser, 'right', 'encoder/block_0').click()
        last = layer(browser, 'right', 'head/<script>alert(1)</script>')
        browser.execute_script('window.scrollTo(0, document.documentElement.scrollHeight)')
        bottom, top = (
            browser.execute_script(f'return arguments[0].getBoundingClientRect().{edge}', element)
            for edge, element in (('bottom', last), ('top', browser.find_element(By.ID, 'detail')))
        )
        assert bottom <= top

    def test_the_filter_narrows_both_sides(self, see):
        browser = see('plan')
        browser.find_element(By.ID, 'words').send_keys('block_1 kernel')
        assert names(browser, 'right') == [f'encoder/block_{n}' for n in (1, 10, 11)]
        assert names(browser, 'left') == [f'bert/layer_{n}' for n in (1, 10, 11)]
        assert browser.find_element(By.ID, 'shown').text == '6 of 26 tensors'
        browser.find_element(By.ID, 'words').clear()
        browser.find_element(By.ID, 'words').send_keys(Keys.SPACE)
        browser.find_element(By.CSS_SELECTOR, '#states input[value=matched]').click()
        assert names(browser, 'right') == ['encoder/block_5', 'head/<script>alert(1)</script>']

    def test_the_keyboard_does_all_of_it(self, see):
        browser = see('plan')

        def focused():
            return browser.switch_to.active_element

        browser.find_element(By.ID, 'words').click()
        for _ in range(40):
            if focused().find_elements(By.CLASS_NAME, 'name'):
                break
            focused().send_keys(Keys.TAB)
        focused().send_keys(Keys.ARROW_DOWN)
        assert focused().text.startswith('bert/layer_0')
        focused().send_keys(Keys.ARROW_RIGHT)
        assert focused().text.startswith('encoder/block_0')
        focused().send_keys(Keys.ENTER)
        assert focused().text == 'target: encoder/block_0'
        focused().send_keys(Keys.TAB)
        focused().send_keys(Keys.ENTER)
        assert browser.find_element(By.ID, 'histogram').is_displayed()
        focused().send_keys(Keys.ESCAPE)
        assert focused().text.startswith('encoder/block_0')
        assert not browser.find_element(By.ID, 'detail').is_displayed()

    def test_a_screen_reader_finds_names_titles_and_a_table(self, see):
        browser = see('plan')
        for control in browser.find_elements(By.CSS_SELECTOR, 'button, input, summary'):
            assert control.accessible_name or not control.is_displayed()
        layer(browser, 'left', 'bert/layer_1').click()
        detail = browser.find_element(By.ID, 'detail')
        assert (detail.aria_role, detail.accessible_name) == ('region', 'source: bert/layer_1')
        assert layer(browser, 'left', 'bert/layer_1').get_attribute('aria-expanded') == 'true'
        browser.find_element(By.ID, 'close').click()
        browser.find_element(By.CSS_SELECTOR, '#all summary').click()
        table = WebDriverWait(browser, 20).until(lambda b: b.find_element(By.CSS_SELECTOR, '#all table'))
        assert table.find_element(By.TAG_NAME, 'caption').text == 'All tensors'
        assert len(table.find_elements(By.CSS_SELECTOR, 'tbody tr')) == 26
        assert {cell.get_attribute('scope') for cell in table.find_elements(By.TAG_NAME, 'th')} == {'col'}


def test_histograms_count_the_finite_values_over_the_common_range(tmp_path):
    values = {
        'a': np.float32([0, 1, np.nan, 2]),
        'b': np.float64([24, np.inf]),
        'c': np.full(5, 7),
        's': strings(b'x'),
    }
    reader = BundleReader(save(tmp_path / 'x', values))
    found = histograms([(reader, 'a'), (reader, 'b')])
    assert (found.low, found.high) == (0, 24)
    assert [counts.tolist() for counts in found.counts] == [[1, 1, 1] + [0] * 21, [0] * 23 + [1]]
    assert [counts.sum() for counts in histograms([(reader, 'c')]).counts] == [5]
    assert histograms([(reader, 'a'), (reader, 's')]) is None


def test_a_plan_to_objects_has_the_values_and_the_layers_of_both_sides(tmp_path):
    layer_0 = {'dense/kernel': np.float32([[1, 2]]), 'dense/kernel/Adam': np.float32([[3, 4]])}
    source = save(tmp_path / 'a', layer_0 | {'beta1_power': np.float32(0.9)})
    target = str(tmp_path / 'b')
    estimator_ckpt.convert(source, target, 'tf2', optimizer='optimizer')
    rows = {row.left: row for row in plan_page(estimator_ckpt.plan(source, target), source, target).rows}
    for name in layer_0:
        row = rows[name]
        assert (row.state, row.left_layer, row.right_layer) == ('matched', 'dense', 'dense')
        assert [counts.sum() for counts in row.histograms.counts] == [2, 2]


def test_histograms_keep_the_places_of_tensors_that_are_not_there(tmp_path):
    reader = BundleReader(save(tmp_path / 'x', {'a': np.float32([0, 1])}))
    left, right = histograms([None, (reader, 'a')]).counts
    assert left is None and right.sum() == 2
    assert histograms([None, None]) is None
