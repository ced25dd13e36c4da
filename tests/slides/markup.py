"""XML for the formats that keep their metadata in it."""

from xml.etree import ElementTree

Node = ElementTree.Element


def node(tag: str, *content: Node | str | float, **attributes: str | float) -> Node:
    """An element with children or text; attributes are turned into text."""
    element = ElementTree.Element(tag, {k: str(v) for k, v in attributes.items()})
    for item in content:
        if isinstance(item, Node):
            element.append(item)
        else:
            element.text = (element.text or "") + str(item)
    return element


def to_xml(root: Node, *, declaration: bool = False) -> str:
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>{text}' if declaration else text
