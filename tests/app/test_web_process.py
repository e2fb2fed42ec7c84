"""The web process stays light and closed: no torch, no unsafe HTML, backend.services only."""

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from streamlit.testing.v1 import AppTest

for page in {pages}:
    app = AppTest.from_file("app/main.py", default_timeout=60)
    app.switch_page(page)
    app.run()
    assert not app.exception, (page, app.exception)
heavy = sorted(m for m in ("torch", "onnx", "paramiko", "optuna._hypervolume") if m in sys.modules)
assert "torch" not in heavy, heavy
assert "onnx" not in heavy, heavy
print("pages:", len({pages}))
"""


def test_pages_over_the_real_services_import_no_torch(private_home: Path) -> None:
    """The real thing: every page on a fresh database, in a process of its own."""
    pages = sorted(f"pages/{p.name}" for p in (ROOT / "app/pages").glob("[a-z]*.py"))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT.format(pages=pages)],
        cwd=ROOT,
        env={**os.environ, "PUNCHCARD_HOME": str(private_home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"pages: {len(pages)}" in done.stdout


def test_app_imports_of_ours_only_backend_services() -> None:
    for file in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                top = name.split(".")[0]
                assert top not in ("codegen", "device_agents"), (file, name)
                assert top != "backend" or name.startswith("backend.services"), (file, name)


def test_no_page_uses_unsafe_html_or_scripts() -> None:
    for file in (ROOT / "app").rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        assert "unsafe_allow_html" not in text, file
        assert "unsafe_allow_javascript" not in text, file
        assert "innerHTML" not in text, file
    script = (ROOT / "app/components/pattern_editor.js").read_text(encoding="utf-8")
    assert "innerHTML" not in script
