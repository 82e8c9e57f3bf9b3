"""What the pages show: for the views that draw them, and for the consumers that draw their live parts anew.

A page's live part is a board: some sections, each a template that is drawn from one shared context. Which sections a
page has, and what they say, is known here alone, so that a page and its live update can't differ.
"""

from releases.pages.board import Board, board_for
from releases.pages.log_window import LogWindow
from releases.pages.section import Section

__all__ = ["Board", "LogWindow", "Section", "board_for"]
