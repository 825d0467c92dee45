"""Grades of evidence and how they combine (docs/method.md, "Evidence")."""

import polars as pl

GRADES = pl.Enum(["exact", "invoiced", "bounded", "inferred"])
"""From best to worst."""


def worst(*grades: pl.Expr) -> pl.Expr:
    """The worst of several grades of one row; nulls do not count."""
    ranks = [grade.cast(GRADES).to_physical() for grade in grades]
    return pl.max_horizontal(ranks).replace_strict(
        list(range(4)), GRADES.categories.to_list(), return_dtype=pl.String
    )


def worst_of(grade: pl.Expr) -> pl.Expr:
    """The worst grade of a group."""
    return (
        grade.cast(GRADES)
        .to_physical()
        .max()
        .replace_strict(list(range(4)), GRADES.categories.to_list(), return_dtype=pl.String)
    )
