"""Grades of evidence and how they combine (docs/method.md, "Evidence")."""

import polars as pl

GRADES = pl.Enum(["exact", "invoiced", "bounded", "inferred"])
"""From best to worst."""


def rank(grade: pl.Expr) -> pl.Expr:
    """The place of a grade in GRADES, by which grades are compared; null stays null."""
    return grade.cast(GRADES).to_physical()


def grade_of(ranked: pl.Expr) -> pl.Expr:
    """The grade that a `rank` stands for."""
    return ranked.replace_strict(
        list(range(4)), GRADES.categories.to_list(), return_dtype=pl.String
    )


def worst(*grades: pl.Expr) -> pl.Expr:
    """The worst of several grades of one row; nulls do not count."""
    return grade_of(pl.max_horizontal([rank(grade) for grade in grades]))


def worst_of(grade: pl.Expr) -> pl.Expr:
    """The worst grade of a group."""
    return grade_of(rank(grade).max())
