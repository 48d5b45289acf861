"""The manual: pages in Markdown, each about one topic.

The dashboard shows them (`?`), and so does `llmdash manual TOPIC`: ui and cli import it, and it imports
nothing. A command in a page is checked by a test.
"""

from llmdash.manual.library import TOPICS, Page, UnknownTopic, find_pages, page_of, pages

__all__ = ["TOPICS", "Page", "UnknownTopic", "find_pages", "page_of", "pages"]
