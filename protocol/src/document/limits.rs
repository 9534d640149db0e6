//! Every bound on a document's content, named. Values beyond them are refused when written and left
//! out when read.

/// Most bytes that one document's fields may take as JSON.
pub const MAX_FIELDS_BYTES: usize = 256 * 1024;
/// Most bytes of one text that a person writes.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Most bytes of one text that is shown: edits that were each within [`MAX_TEXT_BYTES`] can merge to more.
pub const MAX_MERGED_TEXT_BYTES: usize = 4 * MAX_TEXT_BYTES;
/// Most bytes of one line.
pub const MAX_LINE_BYTES: usize = 2 * 1024;
/// Most items in one list.
pub const MAX_ITEMS: usize = 200;
/// Most items of one list that are looked at: lists that were each within [`MAX_ITEMS`] can merge to more.
pub const MAX_MERGED_ITEMS: usize = 4 * MAX_ITEMS;
/// Deepest nesting of records in a kind's description.
pub const MAX_RECORD_DEPTH: usize = 3;
/// Largest whole number: the largest that JavaScript and JSON readers keep exactly (2^53 - 1).
pub const MAX_NUMBER: u64 = 9_007_199_254_740_991;

/// Most bytes of one change.
pub const MAX_CHANGE_BYTES: usize = 1024 * 1024;
/// Most operations in one change. Rewriting every character of a full document and its structure
/// stays below; a run-length bomb does not.
pub const MAX_CHANGE_OPERATIONS: u32 = 320 * 1024;
/// Most changes that one change may build on directly.
pub const MAX_CHANGE_DEPENDENCIES: usize = 1024;
/// Most bytes of one key of a map inside a change. Automerge copies a key for every operation.
pub const MAX_KEY_BYTES: usize = 64;
/// Deepest nesting of objects that a change may make, the root being 0.
pub const MAX_OBJECT_DEPTH: u8 = 10;

/// Longest edit, in characters removed and added, that is worked out character by character. The
/// comparison takes time in the square of this; a longer edit replaces the passage as a whole.
pub const MAX_COMPARED_CHARACTERS: usize = 8_000;
/// Most pairs of list items compared to find which item became which; beyond, items pair by position.
pub const MAX_COMPARED_PAIRS: usize = 250_000;
