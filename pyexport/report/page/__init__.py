"""The report: one self-contained HTML file about an export, from what was run and measured.

gather.py runs the searches and comparisons, material.py holds what they gave, sections.py lists
the parts of the page, and render.py prints them through templates/report/.
"""
