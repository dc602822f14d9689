"""PostgreSQL refuses to run as root: give it an unprivileged account instead."""

import os
import pwd
import subprocess
from pathlib import Path


def hand_over(path: Path) -> None:
    """Give a file or folder to the account; who is not root keeps it."""
    if os.geteuid() == 0:
        account = _unprivileged_account()
        os.chown(path, account.pw_uid, account.pw_gid)


def setpriv_options(folder: Path) -> list[str]:
    """Return the setpriv options for a server that refuses root, and make `folder`, its data, its own."""
    if os.geteuid() != 0:
        return []
    hand_over(folder)
    account = _unprivileged_account()
    options = ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
    if not _may_enter(folder, options):
        # The folder lies below one that is closed to the account, such as root's home: let the server pass.
        options += ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    return options


def _unprivileged_account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _may_enter(folder: Path, options: list[str]) -> bool:
    probe = ["setpriv", *options, "test", "-x", str(folder)]  # -x on a folder needs every parent to be open
    return subprocess.run(probe, check=False).returncode == 0
