//! Every limit of the language in one place, so that a hostile rule exhausts neither stack nor
//! memory. The largest real rule file (SigmaHQ's vulnerable drivers) has 295 KB and about 4,000
//! values.

/// Bytes of one rule file.
pub const FILE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Documents in one rule file.
pub const DOCUMENTS_PER_FILE_MAX: usize = 1_000;
/// YAML nodes of one document; an alias counts with all that it repeats.
pub const YAML_NODES_PER_DOCUMENT_MAX: usize = 200_000;
/// Nested YAML collections.
pub const YAML_DEPTH_MAX: usize = 64;
/// Selections of one rule.
pub const SELECTIONS_PER_RULE_MAX: usize = 1_000;
/// Lists and maps nested inside one selection.
pub const SELECTION_DEPTH_MAX: usize = 8;
/// Values of one field.
pub const VALUES_PER_ITEM_MAX: usize = 50_000;
/// Bytes of one value.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a field name.
pub const FIELD_NAME_BYTES_MAX: usize = 1_024;
/// Modifiers on one field.
pub const MODIFIERS_PER_ITEM_MAX: usize = 8;
/// Bytes of one condition.
pub const CONDITION_BYTES_MAX: usize = 8 * 1024;
/// Conditions of one rule.
pub const CONDITIONS_PER_RULE_MAX: usize = 64;
/// Nested parentheses and negations of a condition.
pub const CONDITION_DEPTH_MAX: usize = 64;
/// Compiled size of one regular expression, bytes. The largest real one (`\w{1,64}` over all of
/// Unicode) needs between 2 and 8 MiB.
pub const REGEX_PROGRAM_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Compiled size of all regular expressions of one rule, bytes, each counted as the smallest of
/// [`REGEX_SIZES_BYTES`] it fits into.
pub const REGEX_PROGRAMS_PER_RULE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Sizes that compiled regular expressions are counted as.
pub const REGEX_SIZES_BYTES: [usize; 3] = [64 * 1024, 512 * 1024, REGEX_PROGRAM_BYTES_MAX];
/// Nested groups and repetitions of one regular expression.
pub const REGEX_DEPTH_MAX: u32 = 64;
/// Texts that the dash variants of one value may expand to before it is matched as a pattern
/// instead.
pub const DASH_VARIANTS_MAX: usize = 25;
/// Distinct values of an index key taken from one rule; a rule with more is not indexed.
pub const GUARD_VALUES_PER_RULE_MAX: usize = 4_096;
/// Matches given to explain one hit.
pub const EXPLAINED_FIELDS_MAX: usize = 64;
/// Bytes of one value given to explain a hit; the rest is cut at a character boundary.
pub const EXPLAINED_VALUE_BYTES_MAX: usize = 256;
