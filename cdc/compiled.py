"""The walks in Rust (`encode/native/`), where they were built when cdc was installed; those in Python do the same."""

try:
    from cdc import _native as native
except ImportError:
    native, ENCODER = None, "pure"  # type: ignore[assignment]
else:
    ENCODER = "native"

__all__ = ["ENCODER", "native"]
