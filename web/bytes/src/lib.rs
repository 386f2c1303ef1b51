//! Bytes in a browser's worker: dropped files, the origin's private file system, fetch, the save picker.
