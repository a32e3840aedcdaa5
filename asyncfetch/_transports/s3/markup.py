"""XML as S3 writes it: small documents, one namespace or none, no document type.

Rule: a document type is refused, and with it every entity of one's own making: no expansion, no file, no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def parse(data: bytes) -> Element:
    """Parse a document. Raises ValueError for what is no XML, or has a document type."""
    from xml.etree import ElementTree as ET

    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:  # UTF-16 would hide the first two
        raise ValueError("XML with a document type")
    try:
        return ET.fromstring(data)  # noqa: S314 - without a document type there is nothing to expand or load
    except ET.ParseError as error:
        raise ValueError(str(error)) from error


def name_of(element: Element) -> str:
    """Give the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def child_text(element: Element, name: str) -> str:
    """Give the text of the first child of this name; empty when there is none."""
    for child in element:
        if name_of(child) == name:
            return (child.text or "").strip()
    return ""


def children(element: Element, name: str) -> list[Element]:
    """Give the children of this name."""
    return [child for child in element if name_of(child) == name]
