//! Corpora to packed blocks of tokens.
