"""The ring: totem, its transports, the services that live on it, and corosync.conf."""
