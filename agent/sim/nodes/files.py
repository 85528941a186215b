"""File access control (facts/firefly-dl.md 1.2)."""

from __future__ import annotations

from functools import partial

from agent.sim.nodes.table import STREAMING, Category, boolean, command, enumeration, integer, register

_integer = partial(integer, selector="FileSelector", shared=True, visibility="Guru")
_enumeration = partial(enumeration, selector="FileSelector", shared=True, visibility="Guru")

FILE_ACCESS = Category(
    "FileAccessControl",
    (
        # The last two are the DL's own and have no QuickSpin constants (S12).
        enumeration(
            "FileSelector", visibility="Guru",
            entries=("UserSetDefault", "UserSet0", "UserSet1", "UserFile1", "SerialPort0", "InferenceNetwork",
            "InjectedImage"),
        ),
        _enumeration("FileOperationSelector", entries=("Open", "Close", "Read", "Write", "Delete")),
        command("FileOperationExecute", selector="FileSelector", locked=STREAMING, visibility="Guru"),
        _enumeration("FileOpenMode", entries=("Read", "Write", "ReadWrite")),
        register(
            "FileAccessBuffer", selector="FileSelector", shared=True, live=True, visibility="Guru",
            length_from="FileAccessBufferLength",
        ),
        _integer("FileAccessOffset", live=True, minimum=0),
        _integer("FileAccessLength", live=True, default=1024, minimum=1, maximum="{FileAccessBufferLength}"),
        _enumeration("FileOperationStatus", access="RO", live=True, entries=("Success", "Failure", "Overflow")),
        _integer("FileOperationResult", access="RO", live=True),
        _integer("FileSize", access="RO", live=True, unit="B"),
        boolean(
            "FileWriteToFlash", selector="FileSelector", shared=True, default=1, live=True, locked=STREAMING,
            visibility="Guru", display="Save File To Camera",
        ),
        integer("FileAccessBufferLength", access="RO", default=65536, hidden=True, visibility="Invisible"),
    ),
)  # fmt: skip
