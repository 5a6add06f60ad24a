"""The walk in Rust (`native/`) where it was built when cdc was installed; the one in Python gives the same bytes."""

try:
    from cdc.encode import _native as native
except ImportError:
    native, ENCODER = None, "pure"  # type: ignore[assignment]
else:
    ENCODER = "native"

__all__ = ["ENCODER", "native"]
