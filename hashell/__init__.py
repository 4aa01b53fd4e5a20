"""hashell: a crmsh-style shell and monitor on a Corosync/Pacemaker-compatible cluster stack."""

__version__ = "0.1.0"
