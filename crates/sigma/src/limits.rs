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
/// Changes of one rule that its tests are judged by.
pub const MUTATIONS_PER_RULE_MAX: usize = 1_000;
/// Bytes that one scratch remembers of values and what they satisfy, both generations together.
pub const MEMO_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of a value that is remembered; longer ones are worked out each time.
pub const MEMO_VALUE_BYTES_MAX: usize = 4 * 1024;
/// Marks for values seen once; only one seen again before its mark is overwritten is remembered.
pub const MEMO_MARKS: usize = 16 * 1024;
/// Places of the memo's table that one value may stand in, so that values chosen to collide cost no more.
pub const MEMO_PROBES_MAX: usize = 8;
/// Literals of which one must stand in every text that a regular expression finds; an expression with more is
/// tried on every text.
pub const REGEX_LITERALS_MAX: usize = 64;
/// Groups of such literals that are looked for before an expression, or a value with wildcards, is tried.
pub const LITERAL_GROUPS_MAX: usize = 4;
/// Pairs of values of two fields that `fieldref` compares one by one; for more the other field's values are put in an
/// order, which allocates.
pub const REFERENCE_PAIRS_MAX: usize = 4_096;
/// Values of one field, with their places, that one event is asked for about the elements of its arrays; what is beyond is
/// not looked at.
pub const PLACES_PER_FIELD_MAX: usize = 262_144;
/// Matches given to explain one hit.
pub const EXPLAINED_FIELDS_MAX: usize = 64;
/// Bytes of one value given to explain a hit; the rest is cut at a character boundary.
pub const EXPLAINED_VALUE_BYTES_MAX: usize = 256;
/// Rules that one correlation may name.
pub const RULES_PER_CORRELATION_MAX: usize = 64;
/// Fields that one correlation may group by, or count the values of.
pub const CORRELATION_FIELDS_MAX: usize = 16;
/// Aliases of one correlation.
pub const ALIASES_PER_CORRELATION_MAX: usize = 64;
/// Longest timespan of a correlation, milliseconds: a year.
pub const TIMESPAN_MS_MAX: i64 = 366 * 24 * 60 * 60 * 1_000;
/// Correlations over correlations, one above the other.
pub const CORRELATION_CHAIN_MAX: usize = 8;
/// Correlations below one correlation, at any depth; it has a copy of each.
pub const CORRELATIONS_BELOW_MAX: usize = 64;
/// Alternatives that the condition of one temporal correlation may come to.
pub const CORRELATION_ALTERNATIVES_MAX: usize = 64;
/// Matches that one window holds. Past it the oldest are forgotten: counts are then lower bounds, and the finding says
/// so.
pub const WINDOW_ENTRIES_MAX: usize = 262_144;
/// Events of a window that a firing names.
pub const EVIDENCE_EVENTS_MAX: usize = 20;
/// Events of one series test, repetitions counted.
pub const SERIES_EVENTS_MAX: usize = 100_000;
/// Filters applied to one rule.
pub const FILTERS_PER_RULE_MAX: usize = 64;
/// Steps of one processing pipeline, those inside `nest` included.
pub const PIPELINE_STEPS_MAX: usize = 1_000;
/// Searches that one search becomes where fields have several names.
pub const FIELD_ALTERNATIVES_MAX: usize = 256;
/// Bytes of one rule's items after a step of a processing pipeline, each item and value counted with what it takes in
/// memory. Without it, names that are mapped to several again and again double the rule at each step.
pub const PROCESSED_RULE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Fields that a rule lists to be shown, after a processing pipeline gave them several names.
pub const LISTED_FIELDS_MAX: usize = 10_000;
/// Values that one value with placeholders becomes.
pub const PLACEHOLDER_VALUES_MAX: usize = 10_000;
