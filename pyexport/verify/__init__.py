"""Verification as a product: inputs, comparison bit for bit, and what to say about a difference."""

from pyexport.verify.session import BoardReport, Report, TargetReport, verify_subject
from pyexport.verify.subject import Subject, subject_from_header
from pyexport.verify.suites import ALL_SUITES, DEFAULT_SUITES, Suite, SuiteOptions, build_suites

__all__ = [
    "ALL_SUITES",
    "DEFAULT_SUITES",
    "BoardReport",
    "Report",
    "Subject",
    "Suite",
    "SuiteOptions",
    "TargetReport",
    "build_suites",
    "subject_from_header",
    "verify_subject",
]
