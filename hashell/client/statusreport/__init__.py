"""The status of a cluster as crm_mon prints it once: as text, page, XML or JSON."""

from hashell.client.statusreport.report import Facts, status_report

__all__ = ["Facts", "status_report"]
