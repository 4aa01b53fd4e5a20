"""What crm_mon of Pacemaker 2.1.5 prints otherwise than that of 3.0.0, whose form ours has on every cluster."""

from __future__ import annotations

import re

#: (pattern in the older form, the newer form, what has changed). Nothing else may differ.
CHANGES: tuple[tuple[str, str, str], ...] = (
    (r"\AStatus of pacemakerd: .*\n", "", "the state of pacemakerd had a line of its own"),
    (r"<li>Status of pacemakerd: .*</li>\n", "", "… on pages, too"),
    (r"\n  <pacemakerd sys_from=.*/>", "", "… and an element of its own"),
    (r"(\* Stack: corosync)$", r"\1 (Pacemaker is running)", "it stands in the summary now"),
    (r"(<span>corosync</span>)$", r"\1<span> (</span><span>Pacemaker is running</span><span>)</span>", "… there, too"),
    (r'<stack type="corosync"/>', '<stack type="corosync" pacemakerd-state="running"/>', "… and in XML"),
    (r'<last_update time=""/>', '<last_update time="" origin="node1"/>', "the summary names the host that was asked"),
    (r'api-version="2\.25"', 'api-version="2.38"', "the version of the result format"),
    (r'(<resource .* blocked="\w+") (managed=)', r'\1 maintenance="false" \2', "resources tell of maintenance"),
    (r'(<group .* number_resources="\d+") (managed=)', r'\1 maintenance="false" \2', "groups do, too"),
    (r"'error'", "'Error occurred'", "results are in the words of crm_error"),
    (r'"error"', '"Error occurred"', "… in XML"),
    (r"\(ok\)$", "(OK)", "… of operations"),
    (r'rc_text="ok"', 'rc_text="OK"', "… of operations in XML"),
    (r"status='complete'", "status='Done'", "… and so is the status of an operation"),
    (r' status="complete"', ' status="Done"', "… in XML"),
)  # fmt: skip


def in_newer_form(text: str) -> str:
    """A report of 2.1.5 as 3.0.0 would have printed it."""
    for pattern, form, _what in CHANGES:
        text = re.sub(pattern, form, text, flags=re.MULTILINE)
    return text
