"""Sphinx's configuration: `make docs` writes the pages to build/docs."""

from openslide import __version__

project = "openslide-native"
copyright = "The openslide-native developers"
release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]
root_doc = "index"
exclude_patterns = ["conf.py"]
html_theme = "furo"
html_title = f"openslide-native {release}"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

# The docstrings say in a table what arguments are; it is kept as it stands.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}


def keep_layout(app, what, name, obj, options, lines):  # type: ignore[no-untyped-def]
    """Show a docstring as it was written: its columns are not reStructuredText.

    Of modules only what is indented: code and tables.
    """
    if what == "module":
        lines[:] = with_literal_blocks(lines)
    elif lines:
        lines[:] = [".. code-block:: text", "", *(f"    {line}" for line in lines), ""]


def with_literal_blocks(lines):  # type: ignore[no-untyped-def]
    """Lines, with each indented block marked as literal."""
    marked, is_within = [], False
    for line in lines:
        if line and line.startswith(" ") != is_within:
            is_within = not is_within
            marked += ["::", ""] if is_within else []
        marked.append(line)
    return marked


def setup(app):  # type: ignore[no-untyped-def]
    app.connect("autodoc-process-docstring", keep_layout)
