"""Walls around a child on Linux: namespaces, a file system of its own, no privileges.

Place in the flow: `launcher` raises them in the child before the gate's program begins. Every step
either stands or raises OSError; the launcher tells which limit that leaves unenforced. Everything
is a plain system call, so nothing has to be installed.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NEWNS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x08000000, 0x10000000, 0x20000000, 0x40000000
NOBODY = 65534
"""Who the program runs as when we are root."""

_NOSUID, _NODEV, _BIND, _REC, _PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x40000
_READ_ONLY, _NO_SUID, _NO_DEV = 0x1, 0x2, 0x4
_AT_FDCWD, _AT_RECURSIVE, _DETACH = -100, 0x8000, 0x2
_MOUNT_SETATTR = 442  # the same number on every architecture
_SET_DUMPABLE, _CAPBSET_DROP, _NO_NEW_PRIVS = 4, 24, 38
_DEVICES = ("null", "zero", "full", "random", "urandom")
_REFUSALS = {
    errno.ENOSPC: ": user.max_user_namespaces allows no more",
    errno.EPERM: ": a container's seccomp profile, or AppArmor, may forbid it",
}
_LIBC = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


def _call(name: str, *arguments: object) -> None:
    """Call the C library. Raises OSError, also where it has no such function."""
    function = getattr(_LIBC, name, None)
    if function is None:
        raise OSError(errno.ENOSYS, f"{name}: not on this system")
    if function(*arguments) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Leave the named namespaces. Raises OSError."""
    try:
        _call("unshare", ctypes.c_int(flags))
    except OSError as refusal:
        why = _REFUSALS.get(refusal.errno or 0)
        raise OSError(refusal.errno, f"{refusal.strerror}{why or ''}") from refusal


def own_users() -> None:
    """Enter a user namespace in which we may build walls. Raises OSError.

    The maps are written by a helper that stays outside: root keeps itself and gains NOBODY,
    anybody else keeps only themselves.
    """
    me, uid, gid = os.getpid(), os.geteuid(), os.getegid()
    ready, go = os.pipe()
    helper = os.fork()
    if helper == 0:
        code = 1
        with suppress(OSError):
            os.close(go)
            if os.read(ready, 1):
                _map(me, uid, gid)
                code = 0
        os._exit(code)
    os.close(ready)
    try:
        unshare(NEWUSER)
        os.write(go, b".")
    finally:
        os.close(go)
        _, status = os.waitpid(helper, 0)
    if status:
        raise PermissionError(errno.EPERM, "uid_map: this user may not be mapped")


def _map(pid: int, uid: int, gid: int) -> None:
    """Write who is who in a process's new user namespace."""
    more = f"{NOBODY} {NOBODY} 1\n" if uid == 0 else ""
    if uid:
        Path(f"/proc/{pid}/setgroups").write_text("deny", encoding="ascii")
    Path(f"/proc/{pid}/gid_map").write_text(f"{gid} {gid} 1\n{more}", encoding="ascii")
    Path(f"/proc/{pid}/uid_map").write_text(f"{uid} {uid} 1\n{more}", encoding="ascii")


def detach_mounts() -> None:
    """Let nothing we mount be seen outside. Raises OSError."""
    _mount(None, "/", None, _REC | _PRIVATE)


def mount_proc(where: str) -> None:
    """Mount the process list of our own namespace. Raises OSError."""
    _mount("proc", where, "proc", _NOSUID | _NODEV)


def own_files(
    root: str, readable: Sequence[str], hidden: Sequence[str], scratch: int | None, *, proc: bool
) -> None:
    """Enter a file system that holds what is readable, and /tmp to write to. Raises OSError.

    Nothing below or beside a hidden name is in it, nor anything that is made later elsewhere.
    `scratch` is the size of /tmp in bytes, None: as the system has it.
    """
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, "mode=0755,size=4m,nr_inodes=16k")
    top = Path(root)
    for name in ("tmp", "dev", "proc", "etc"):
        (top / name).mkdir()
    size = "" if scratch is None else f",size={scratch},nr_inodes=4k"
    _mount("tmpfs", str(top / "tmp"), "tmpfs", _NOSUID | _NODEV, f"mode=1777{size}")
    shown: list[Path] = []
    for given in readable:
        source = Path(given).resolve()
        for path in dict.fromkeys((Path(given), source)):
            if not any(path.is_relative_to(one) for one in shown):
                _show(source, top / path.relative_to("/"), hidden)
                shown.append(path)
    for name in _DEVICES:
        (top / "dev" / name).touch()
        _mount(f"/dev/{name}", str(top / "dev" / name), None, _BIND)
    (top / "dev/shm").symlink_to("/tmp")  # noqa: S108 - its own
    (top / "dev/fd").symlink_to("/proc/self/fd")
    _name_users(top / "etc")
    if proc:
        mount_proc(str(top / "proc"))
    _read_only(root, recursive=False)
    os.chdir(root)
    _call("pivot_root", b".", b".")
    _call("umount2", b".", ctypes.c_int(_DETACH))
    os.chdir("/")


def _show(source: Path, inside: Path, hidden: Sequence[str]) -> None:
    """Bind one path, read-only, or its parts where something in it is hidden."""
    if _is_hidden(str(source), hidden) or not (source.is_dir() or source.is_file()):
        return
    if source.is_dir():
        inside.mkdir(parents=True, exist_ok=True)
        if any(Path(one).is_relative_to(source) for one in hidden):
            _show_parts(source, inside, hidden)
            return
    else:
        inside.parent.mkdir(parents=True, exist_ok=True)
        inside.touch()
    _mount(str(source), str(inside), None, _BIND | _REC)
    _read_only(str(inside), recursive=True)


def _show_parts(source: Path, inside: Path, hidden: Sequence[str]) -> None:
    """Show what is in a folder now, one by one; a folder we may not list stays empty."""
    with suppress(PermissionError):
        for entry in sorted(source.iterdir()):
            if entry.is_symlink():
                (inside / entry.name).symlink_to(entry.readlink())
            else:
                _show(entry, inside / entry.name, hidden)


def _is_hidden(path: str, hidden: Sequence[str]) -> bool:
    """Tell whether a path is hidden, below what is, or a file kept beside it (`x.db-wal`)."""
    return any(path == one or path.startswith((f"{one}/", f"{one}-", f"{one}.")) for one in hidden)


def _name_users(etc: Path) -> None:
    """Let programs look up who they are, and nobody else."""
    uid, gid = (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    (etc / "passwd").write_text(f"gate:x:{uid}:{gid}::/tmp:/bin/false\n", encoding="ascii")
    (etc / "group").write_text(f"gate:x:{gid}:\n", encoding="ascii")


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str = "") -> None:
    _call(
        "mount",
        source and os.fsencode(source),
        os.fsencode(target),
        kind and os.fsencode(kind),
        ctypes.c_ulong(flags),
        data.encode() or None,
    )


def _read_only(path: str, *, recursive: bool) -> None:
    """Make a mount (and those in it) read-only and harmless. Raises OSError."""
    attributes = _MountAttributes(set=_READ_ONLY | _NO_SUID | (_NO_DEV if recursive else 0))
    _call(
        "syscall",
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        os.fsencode(path),
        ctypes.c_uint(_AT_RECURSIVE if recursive else 0),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )


def forbid_namespaces() -> None:
    """Let nobody in our user namespace begin another: one way less to reach the kernel."""
    with suppress(OSError):  # the walls stand without it
        Path("/proc/sys/user/max_user_namespaces").write_text("0", encoding="ascii")


def hide_memory() -> None:
    """Let no child read what is in our memory, or our environment."""
    with suppress(OSError):
        _call("prctl", ctypes.c_int(_SET_DUMPABLE), *_zeros(4))


def drop_privileges(*, user: bool) -> None:
    """Give up every way to gain power; as root also our user. Raises OSError."""
    if user and os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for number in range(64):
        with suppress(OSError):  # the kernel knows fewer, or we have none to drop
            _call("prctl", ctypes.c_int(_CAPBSET_DROP), ctypes.c_ulong(number), *_zeros(3))
    with suppress(OSError):  # not Linux: then nothing above worked either
        _call("prctl", ctypes.c_int(_NO_NEW_PRIVS), ctypes.c_ulong(1), *_zeros(3))


def _zeros(count: int) -> tuple[ctypes.c_ulong, ...]:
    return (ctypes.c_ulong(0),) * count
