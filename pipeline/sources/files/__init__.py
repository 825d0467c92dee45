"""A CRM's export as files: accounts and deals as CSV or Parquet, the way for every CRM that has no source of its own.

Belongs here: finding the columns, reading the rows, and what a cell may hold. Does not belong here: what they mean
(`pipeline.crm.files`), and our names of the columns (`pipeline.config.crm_files`).
"""

from pipeline.sources.files.source import FilesSource

__all__ = ["FilesSource"]
