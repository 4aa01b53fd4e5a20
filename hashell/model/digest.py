"""The MD5 digests that keep CIB copies and operation histories comparable between nodes.

Version 1 stands beside cib.xml on disk and in operation digests, version 2 in patchsets and DC comparison
(daemons specification, section 2.1). MD5 is the format's choice, not a security measure.
"""

from __future__ import annotations

import hashlib

from lxml import etree

from hashell.model.xmltext import compact

#: Attributes that say who made a change and when; replicas may differ in them.
VOLATILE = frozenset({"crm-debug-origin", "cib-last-written", "update-origin", "update-client", "update-user"})


def digest_v1(element: etree._Element) -> str:
    """On-disk and operation digest: MD5 of a space, the compact text and a newline, as 32 hex digits."""
    return hashlib.md5(f" {compact(element)}\n".encode(), usedforsecurity=False).hexdigest()


def digest_v2(element: etree._Element) -> str:
    """Replication digest: MD5 of the compact text without the volatile attributes, as 32 hex digits."""
    return hashlib.md5(compact(element, VOLATILE).encode(), usedforsecurity=False).hexdigest()
