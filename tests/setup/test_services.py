"""The two helpers that are not Python packages of ours work: Chromium and PostgreSQL."""

from pathlib import Path

import pytest
import sqlalchemy as sa


@pytest.mark.browser
def test_the_browser_runs_a_page(browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<p id=p></p><script>p.textContent = 'NRR ' + 100 * 1.07</script>")

    assert "NRR 107" in browser.html(page.as_uri())

    picture = tmp_path / "page.png"
    browser.screenshot(page.as_uri(), picture, width=300, height=200)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.postgres
def test_postgres_starts_empty_and_keeps_exact_decimals(postgres_url: str) -> None:
    engine = sa.create_engine(postgres_url, poolclass=sa.NullPool)

    assert sa.inspect(engine).get_table_names() == []
    with engine.connect() as connection:
        total = connection.scalar(
            sa.text("SELECT sum(0.000001::numeric(20,6)) FROM generate_series(1, 100000)")
        )
    assert str(total) == "0.100000"
