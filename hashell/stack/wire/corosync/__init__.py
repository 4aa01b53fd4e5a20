"""Corosync's services on libqb IPC: one file a service with the messages of both ends and the client end."""
