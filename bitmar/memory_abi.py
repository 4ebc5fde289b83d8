"""memstore.h's structs and functions, declared for ctypes; tests/pi_app compares the layouts with the C compiler's."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_char,
    c_char_p,
    c_float,
    c_int,
    c_int8,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

NAME_BYTES = 64
MAX_REPORTED_LOSSES = 16
OPEN_READ_ONLY = 1
OPEN_NO_CREATE = 2
REPLACE, BOTH, DECODES, KEEP = 1, 2, 4, 8
MAX_TOP = 64
VERDICTS = ("unknown", "perhaps", "known")
PROTOTYPES = 2
SAME_PICTURE = 0.9
EASILY_CONFUSED = 0.6
TAUGHT, RIGHT, WRONG = 0.5, 0.1, -0.2  # importance, and its steps
DTYPES = {"float16": 0, "int8": 1}
ACTIONS = ("new", "merged", "replaced", "evicted")
WRITES = ("none", *ACTIONS, "forgotten", "renamed", "undone", "restored", "revised", "found")  # ms_write

# ms_error, the ones that the app tells apart
E_NO_CARD = -3
E_LOCKED = -4
E_READ_ONLY = -5
E_CARD_FULL = -6
E_IO = -7
E_VERSION = -9
E_MODEL = -10
E_SHAPE = -11
E_NOT_FOUND = -15
E_OTHER_NAME = -21


class Config(ctypes.Structure):
    """ms_config: sizes, rules of merging, and whose memory it is."""

    _fields_ = (
        ("slots", c_uint32),
        ("dim", c_uint32),
        ("hot", c_uint32),
        ("slot_dtype", c_uint32),
        ("alpha", c_float),
        ("merge_threshold", c_float),
        ("prototypes", c_uint32),
        ("same_picture", c_float),
        ("min_importance", c_float),
        ("segment_bytes", c_uint32),
        ("history_files", c_uint32),
        ("history", c_uint32),
        ("lazy", c_uint32),
        ("salt", c_uint32),
        ("model_hash", c_uint8 * 8),
    )


class FileSizes(ctypes.Structure):
    """ms_file_sizes: bytes of each file on the card."""

    _fields_ = (
        ("slots", c_uint64),
        ("index", c_uint64),
        ("metadata", c_uint64),
        ("backup", c_uint64),
        ("history", c_uint64),
    )


class Port(ctypes.Structure):
    """ms_port: a context and thirteen functions; filled and called by C alone."""

    _fields_ = (("context", c_void_p), ("functions", c_void_p * 13))


class Report(ctypes.Structure):
    """ms_report: what opening or verifying found and repaired."""

    _fields_ = (
        ("kept", c_uint32),
        ("primary_repaired", c_uint32),
        ("mirror_repaired", c_uint32),
        ("metadata_repaired", c_uint32),
        ("log_repaired", c_uint32),
        ("from_history", c_uint32),
        ("history_gone", c_uint32),
        ("restore_cut", c_uint32),
        ("state", c_uint32),
        ("occupied", c_uint32),
        ("lost", c_uint32),
        ("lost_slots", c_int32 * MAX_REPORTED_LOSSES),
        ("lost_names", (c_char * NAME_BYTES) * MAX_REPORTED_LOSSES),
        ("found", Config),
        ("found_version", c_uint32),
        ("states_checked", c_uint32),
        ("states_damaged", c_uint32),
        ("read_only", c_uint32),
        ("metadata_error", c_int32),
    )


class TeachResult(ctypes.Structure):
    """ms_teach_result: which slot was written, and what had to go."""

    _fields_ = (
        ("slot", c_uint32),
        ("action", c_uint32),
        ("saved", c_uint32),
        ("cosine", c_float),
        ("previous", c_char * NAME_BYTES),
        ("alike_cosine", c_float),
        ("alike", c_char * NAME_BYTES),
    )


class Info(ctypes.Structure):
    """ms_info: one slot's record."""

    _fields_ = (
        ("name", c_char * NAME_BYTES),
        ("occupied", c_uint32),
        ("saved", c_uint32),
        ("hot", c_uint32),
        ("lost", c_uint32),
        ("uses", c_uint32),
        ("writes", c_uint32),
        ("time", c_uint32),
        ("views", c_uint32),
        ("decodes", c_uint32),
        ("kept", c_uint32),
        ("importance", c_float),
        ("retention", c_float),
        ("key_scale", c_float),
        ("sequence", c_uint64),
        ("taught", c_uint64),
        ("last_access", c_uint64),
        ("key", POINTER(c_int8)),
    )


class Nearest(ctypes.Structure):
    """ms_nearest_slot: the best slot for a query, and how the slots of other names compare."""

    _fields_ = (("slot", c_int32), ("cosine", c_float), ("others", c_float), ("other_slots", c_uint32))


class Refusal(ctypes.Structure):
    """ms_refusal: when a device says that it does not know."""

    _fields_ = (
        ("cohort", c_void_p),
        ("rows", c_uint32),
        ("top", c_uint32),
        ("weights", c_float * 8),
        ("bias", c_float),
        ("others_alone", c_float),
        ("known", c_float),
        ("perhaps", c_float),
        ("squares", c_void_p),
        ("dots", c_void_p),
    )


class Stats(ctypes.Structure):
    """ms_stats: counters since the memory was opened."""

    _fields_ = (
        ("hits", c_uint64),
        ("misses", c_uint64),
        ("sectors_read", c_uint64),
        ("sectors_written", c_uint64),
        ("metadata_written", c_uint64),
        ("log_written", c_uint64),
        ("states_dropped", c_uint64),
        ("barriers", c_uint64),
        ("bytes_read", c_uint64),
        ("bytes_written", c_uint64),
        ("micros_read", c_uint64),
        ("micros_write", c_uint64),
        ("corrected", c_uint64),
        ("clock", c_uint64),
        ("occupied", c_uint32),
        ("unsaved", c_uint32),
    )


class State(ctypes.Structure):
    """ms_state: one state of the history, and what its write did."""

    _fields_ = (
        ("number", c_uint32),
        ("time", c_uint32),
        ("clock", c_uint64),
        ("action", c_uint32),
        ("slot", c_uint32),
        ("name", c_char * NAME_BYTES),
    )


# name -> (result, arguments); void* stands for ms_memory* and for arrays of floats and ids
SIGNATURES = {
    "ms_strerror": (c_char_p, [c_int]),
    "ms_memory_size": (c_size_t, [POINTER(Config)]),
    "ms_posix_size": (c_size_t, []),
    "ms_posix_port": (c_int, [POINTER(Port), c_void_p, c_char_p]),
    "ms_probe": (c_int, [POINTER(Port), POINTER(Config)]),
    "ms_open": (
        c_int,
        [POINTER(c_void_p), c_void_p, c_size_t, POINTER(Config), POINTER(Port), c_uint32, POINTER(Report)],
    ),
    "ms_flush": (c_int, [c_void_p]),
    "ms_close": (c_int, [c_void_p]),
    "ms_verify": (c_int, [c_void_p, POINTER(Report)]),
    "ms_report_text": (c_size_t, [POINTER(Report), c_char_p, c_size_t]),
    "ms_set_time": (None, [c_void_p, c_uint32]),
    "ms_teach": (c_int, [c_void_p, c_char_p, c_void_p, c_void_p, c_float, c_uint32, POINTER(TeachResult)]),
    "ms_check_name": (c_int, [c_char_p]),
    "ms_find": (c_int32, [c_void_p, c_char_p, c_uint32]),
    "ms_forget": (c_int, [c_void_p, c_char_p, POINTER(c_uint32)]),
    "ms_rename_thing": (c_int, [c_void_p, c_char_p, c_char_p, c_void_p, c_uint32]),
    "ms_confirm": (c_int, [c_void_p, c_uint32, c_float]),
    "ms_prune": (c_int, [c_void_p, c_float, POINTER(c_uint32)]),
    "ms_nearest": (c_int, [c_void_p, c_void_p, POINTER(Nearest)]),
    "ms_as_stored": (c_int, [c_void_p, c_void_p]),
    "ms_judge": (c_int, [c_void_p, c_void_p, POINTER(Nearest), POINTER(Refusal), POINTER(c_float)]),
    "ms_find_similar": (c_int32, [c_void_p, c_char_p]),
    "ms_read_slot": (c_int, [c_void_p, c_uint32, c_void_p]),
    "bm_quantise": (c_int, [c_void_p, c_int32, c_void_p, POINTER(c_float)]),
    "ms_recall": (c_int, [c_void_p, c_void_p, c_float, c_uint32, c_void_p, c_void_p, c_void_p, c_void_p]),
    "ms_slot_info": (c_int, [c_void_p, c_uint32, POINTER(Info)]),
    "ms_get_stats": (None, [c_void_p, POINTER(Stats)]),
    "ms_history_range": (c_int, [c_void_p, POINTER(c_uint32), POINTER(c_uint32)]),
    "ms_history_info": (c_int, [c_void_p, c_uint32, POINTER(State)]),
    "ms_history_find": (c_int, [c_void_p, c_uint32, POINTER(c_uint32)]),
    "ms_restore": (c_int, [c_void_p, c_uint32]),
    "ms_undo": (c_int, [c_void_p, c_uint32, POINTER(c_uint32)]),
    "ms_diff": (c_int, [c_void_p, c_uint32, c_uint32]),
    "ms_diff_slot": (c_int, [c_void_p, c_uint32, c_char_p, c_char_p]),
}

# struct -> its name in memstore.h
STRUCTS = {
    Config: "ms_config",
    FileSizes: "ms_file_sizes",
    Port: "ms_port",
    Report: "ms_report",
    TeachResult: "ms_teach_result",
    Info: "ms_info",
    Nearest: "ms_nearest_slot",
    Refusal: "ms_refusal",
    Stats: "ms_stats",
    State: "ms_state",
}


def bind(library: ctypes.CDLL) -> ctypes.CDLL:
    """Declares memstore's functions on libbitmar.so; returns it."""
    for name, (result, arguments) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
