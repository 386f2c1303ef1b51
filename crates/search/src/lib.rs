//! Searches for the numbers of Eq. 2–5.
